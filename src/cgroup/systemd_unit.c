/*
 * Names of units: systemd.unit(5), systemd.slice(5).
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cgroup/systemd.h"

#define NAME_MAX_LEN 255 /* UNIT_NAME_MAX of systemd, without the NUL */

static const char form[] = "with systemd it is SLICE:PREFIX:NAME, for example \"user.slice:bryo:web\"; an "
                           "empty SLICE is the default one";

void unit_free(struct unit *u)
{
    free(u->name);
    free(u->slice);
    *u = (struct unit){0};
}

static int bad_path(const char *path, const char *why, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(path, 200);

    if (!shown)
        return error_oom(err);
    error_set(err, EINVAL, "linux.cgroupsPath: \"%s\": %s", shown, why);
    error_hint(err, "%s", form);
    return -EINVAL;
}

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || (c && strchr(":-_.\\", c));
}

/* As systemd-escape(1), but for "/", which must not become the "-" that somebody else's name may have. "@"
 * would make it an instance of a template. */
static void add_escaped(struct strbuf *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (is_name_char(s[i]) && (s[i] != '.' || out->len))
            strbuf_addn(out, &s[i], 1);
        else
            strbuf_addf(out, "\\x%02x", (unsigned char)s[i]);
}

/* slice_name_is_valid: "a-b.slice" lies in "a.slice", so no part between dashes may be empty. */
static const char *slice_fault(const char *slice)
{
    size_t len = strlen(slice);

    if (strcmp(slice, "-.slice") == 0)
        return NULL;
    if (!str_ends(slice, ".slice") || len == strlen(".slice"))
        return "the slice must end in \".slice\"";
    for (const char *c = slice; *c; c++)
        if (!is_name_char(*c))
            return *c == '/'
                       ? "a slice within slices is written with dashes (\"a-b.slice\" lies in \"a.slice\"), "
                         "not as a path"
                       : "the slice has a character that systemd does not allow";
    if (slice[0] == '-' || slice[0] == '.' || strstr(slice, "--") || strstr(slice, "-.slice"))
        return "the slice has an empty part before, between or behind its dashes";
    return len > NAME_MAX_LEN ? "the name of the slice is longer than 255 characters" : NULL;
}

static int make_slice(const char *path, const char *slice, size_t len, bool user, char **out,
                      struct error *err)
{
    _cleanup_free_ char *s = NULL;

    if (len == 0)
        s = strdup(user ? "user.slice" : "system.slice");
    else if (len == 1 && slice[0] == '-')
        s = strdup("-.slice");
    else
        s = strndup(slice, len);
    if (!s)
        return error_oom(err);
    const char *fault = slice_fault(s);
    if (fault)
        return bad_path(path, fault, err);
    *out = TAKE_PTR(s);
    return 0;
}

/* Its name tells where a slice lies, whatever stands before it. */
static int check_own_slice(const char *path, const char *name, struct unit *u, struct error *err)
{
    const char *fault =
        strcmp(name, "-.slice") == 0 ? "a container cannot be the root slice" : slice_fault(name);

    if (fault)
        return bad_path(path, fault, err);
    u->is_slice = true;
    free(u->slice);
    u->slice = NULL;
    return 0;
}

static int make_name(const char *path, const char *prefix, size_t prefix_len, const char *name,
                     struct unit *u, struct error *err)
{
    _cleanup_strbuf_ struct strbuf text = {0};

    if (u->is_slice) {
        strbuf_add(&text, name);
    } else {
        add_escaped(&text, prefix, prefix_len);
        if (prefix_len)
            strbuf_add(&text, "-");
        add_escaped(&text, name, strlen(name));
        strbuf_add(&text, ".scope");
    }
    u->name = strbuf_take(&text);
    if (!u->name)
        return error_oom(err);
    if (strlen(u->name) > NAME_MAX_LEN)
        return bad_path(path, "the name of the unit is longer than 255 characters", err);
    return 0;
}

int unit_from_path(const char *cgroups_path, const char *id, bool user, struct unit *out, struct error *err)
{
    _cleanup_free_ char *own = NULL;
    _cleanup_unit_ struct unit u = {0};
    const char *path = cgroups_path, *prefix, *name;
    int r;

    if (str_empty(path)) {
        own = str_printf(":bryo:%s", id);
        if (!own)
            return error_oom(err);
        path = own;
    }
    prefix = strchr(path, ':');
    name = prefix ? strchr(prefix + 1, ':') : NULL;
    if (!name || strchr(name + 1, ':'))
        return bad_path(path, "expected three parts with a colon between them", err);
    name++;
    if (!*name)
        return bad_path(path, "the last part, the name, is empty", err);
    r = make_slice(path, path, (size_t)(prefix - path), user, &u.slice, err);
    if (r == 0 && str_ends(name, ".slice"))
        r = check_own_slice(path, name, &u, err);
    if (r == 0)
        r = make_name(path, prefix + 1, (size_t)(name - prefix) - 2, name, &u, err);
    if (r < 0)
        return r;
    *out = u;
    u = (struct unit){0};
    return 0;
}

/* systemd puts a "_" before a name that could be taken for a file of the kernel's, as cpu.x.scope. */
static bool is_unit(const char *name, size_t len)
{
    return (len > 6 && strncmp(name + len - 6, ".scope", 6) == 0) ||
           (len > 6 && strncmp(name + len - 6, ".slice", 6) == 0);
}

char *unit_of_cgroup(const char *path, size_t *len)
{
    const char *end = path + strlen(path);

    while (end > path) {
        const char *start = end;
        while (start > path && start[-1] != '/')
            start--;
        if (is_unit(start, (size_t)(end - start))) {
            *len = (size_t)(end - path);
            start += *start == '_';
            return strndup(start, (size_t)(end - start));
        }
        end = start > path ? start - 1 : path;
    }
    errno = ENOENT;
    return NULL;
}

int unit_subgroup(const struct unit *u, const struct oci_map *annotations, char **out, struct error *err)
{
    const char *value = u->is_slice ? "" : "container";
    _cleanup_free_ char *name = NULL, *shown = NULL;
    size_t len;

    for (size_t i = 0; annotations && i < annotations->count; i++)
        if (strcmp(annotations->items[i].key, CGROUP_SUBGROUP) == 0)
            value = annotations->items[i].value;
    name = strndup(value, strcspn(value, "\n"));
    if (!name)
        return error_oom(err);
    len = strlen(name);
    /* A name like a unit's would be taken for the unit when the container is deleted. */
    if (strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || len > NAME_MAX_LEN ||
        value[len + strspn(value + len, "\n")] || is_unit(name, len)) {
        shown = str_quote(name, 80);
        error_set(err, EINVAL,
                  "annotations[\"" CGROUP_SUBGROUP "\"]: expected the name of a cgroup, found \"%s\"",
                  shown ? shown : "?");
        error_hint(err,
                   "one name without \"/\" that does not end like that of a unit, or \"\" for no cgroup");
        return -EINVAL;
    }
    *out = TAKE_PTR(name);
    return 0;
}

/* cg_needs_escape of systemd: what could be a file of the kernel's. */
static bool looks_like_file(const char *name)
{
    static const char *const files[] = {"tasks", "notify_on_release", "release_agent"};

    if (name[0] == '_' || name[0] == '.' || str_starts(name, "cgroup."))
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        if (strcmp(name, files[i]) == 0)
            return true;
    return name[strcspn(name, ".")] && controller_of_file(name) >= 0;
}

static void add_directory(struct strbuf *path, const char *name, size_t len)
{
    _cleanup_free_ char *copy = strndup(name, len);

    if (!copy) {
        path->oom = true;
        return;
    }
    strbuf_add(path, looks_like_file(copy) ? "/_" : "/");
    strbuf_add(path, copy);
}

/* A slice, after those that it lies in. */
static void add_slices(struct strbuf *path, const char *slice)
{
    size_t len = strlen(slice) - strlen(".slice");

    if (strcmp(slice, "-.slice") == 0)
        return;
    for (size_t i = 1; i <= len; i++) {
        if (i < len && slice[i] != '-')
            continue;
        _cleanup_free_ char *part = str_printf("%.*s.slice", (int)i, slice);
        if (part)
            add_directory(path, part, strlen(part));
        path->oom |= !part;
    }
}

char *unit_cgroup(const char *root, const struct unit *u, const char *sub)
{
    _cleanup_strbuf_ struct strbuf path = {0};

    strbuf_add(&path, root);
    add_slices(&path, u->is_slice ? u->name : u->slice);
    if (!u->is_slice)
        add_directory(&path, u->name, strlen(u->name));
    if (*sub) {
        strbuf_add(&path, "/");
        strbuf_add(&path, sub);
    }
    return strbuf_take(&path);
}
