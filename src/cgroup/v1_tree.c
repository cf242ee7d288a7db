/*
 * The hierarchies of cgroup v1: which there are, and where in each a container has its place.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mountinfo.h"
#include "base/str.h"
#include "cgroup/v1.h"
#include "cgroup/v2_internal.h"

#define PROC_CGROUP_MAX (1U << 20)

/* The names that are not those of cgroup2. */
static const struct {
    const char *name;
    unsigned controller;
} v1_names[] = {
    {"blkio", CGROUP_IO},
    {"cpuacct", V1_CPUACCT},
    {"devices", V1_DEVICES},
    {"freezer", V1_FREEZER},
};

void v1_free(struct v1_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        free(tree->items[i].controllers);
        free(tree->items[i].dir);
    }
    tree->count = 0;
}

bool v1_is_cgroup2(const struct v1_hierarchy *h)
{
    return !*h->controllers;
}

const char *v1_controller_name(unsigned controller)
{
    for (size_t i = 0; i < ARRAY_SIZE(v1_names); i++)
        if (v1_names[i].controller == controller)
            return v1_names[i].name;
    return controller_name((enum cgroup_controller)controller);
}

static unsigned bit_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(v1_names); i++)
        if (strcmp(v1_names[i].name, name) == 0)
            return CGROUP_BIT(v1_names[i].controller);
    return strcmp(name, "io") == 0 ? 0 : controllers_parse(name);
}

/* Splits at commas: calls @each for every word until one returns false. Were all true? */
static bool all_words(const char *list, bool (*each)(void *data, const char *word), void *data)
{
    char word[256];

    for (const char *p = list; *p; p += *p == ',') {
        size_t len = strcspn(p, ",");
        if (len >= sizeof word)
            return false;
        memcpy(word, p, len);
        word[len] = '\0';
        if (!each(data, word))
            return false;
        p += len;
    }
    return true;
}

static bool add_bit(void *data, const char *word)
{
    *(unsigned *)data |= bit_of(word);
    return true;
}

static bool differs(void *data, const char *word)
{
    return strcmp(data, word) != 0;
}

/* Is @word among the words of the list @data? */
static bool is_in(void *data, const char *word)
{
    return !all_words(data, differs, (void *)word);
}

/* Takes over both strings. */
static int add(struct v1_tree *tree, char *controllers, char *dir, size_t top, struct error *err)
{
    struct v1_hierarchy *h = &tree->items[tree->count];

    if (!controllers || !dir || tree->count == V1_HIERARCHIES_MAX) {
        bool full = controllers && dir;
        free(controllers);
        free(dir);
        return full ? error_set(err, E2BIG, "more than %d hierarchies of cgroup v1", V1_HIERARCHIES_MAX)
                    : error_oom(err);
    }
    *h = (struct v1_hierarchy){.controllers = controllers, .dir = dir, .top = top};
    (void)all_words(controllers, add_bit, &h->set);
    tree->count++;
    return 0;
}

/* What of @path lies below @root, both absolute; NULL if it does not. */
static const char *below(const char *path, const char *root)
{
    size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);

    if (strncmp(path, root, len) != 0 || (path[len] && path[len] != '/'))
        return NULL;
    /* Outside of our cgroup namespace. */
    if (str_starts(path + len, "/..") && (path[len + 3] == '/' || !path[len + 3]))
        return NULL;
    return path[len] == '/' && !path[len + 1] ? "" : path + len;
}

/* A line of /proc/self/cgroup, and the mount that shows it. */
struct wanted {
    char *controllers, *path;
    char *dir;
    size_t top;
};

static int match_mount(void *data, const struct mountinfo *line)
{
    struct wanted *w = data;
    const char *rest = below(w->path, line->root);

    if (strcmp(line->type, *w->controllers ? "cgroup" : "cgroup2") != 0 || !rest ||
        !all_words(w->controllers, is_in, (void *)line->super))
        return 0;
    /* The usual place counts more than one that somebody mounted besides. */
    if (w->dir && !str_starts(line->target, CGROUP_ROOT "/"))
        return 0;
    free(w->dir);
    w->dir = str_printf("%s%s", line->target, rest);
    w->top = strlen(line->target);
    return !w->dir ? -ENOMEM : str_starts(line->target, CGROUP_ROOT "/") ? 1 : 0;
}

static int find_one(struct v1_tree *tree, struct wanted *w, const char *mountinfo, struct error *err)
{
    int r = mountinfo_each(mountinfo, match_mount, w, err);

    if (r < 0)
        return err && err->text ? r : error_oom(err);
    if (!w->dir)
        return 0;
    return add(tree, strdup(w->controllers), TAKE_PTR(w->dir), w->top, err);
}

int v1_find(struct v1_tree *tree, const char *mountinfo, const char *own, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    char *save = NULL;
    int r = file_read_at(AT_FDCWD, own, PROC_CGROUP_MAX, &text, NULL, err);

    *tree = (struct v1_tree){.count = 0};
    for (char *line = r < 0 ? NULL : strtok_r(text, "\n", &save); line && r == 0;
         line = strtok_r(NULL, "\n", &save)) {
        struct wanted w = {.controllers = strchr(line, ':')};
        if (!w.controllers || !(w.path = strchr(++w.controllers, ':')))
            continue;
        *w.path++ = '\0';
        r = find_one(tree, &w, mountinfo, err);
        free(w.dir);
    }
    if (r == 0 && !(tree->count > (size_t)(tree->count && v1_is_cgroup2(&tree->items[tree->count - 1])))) {
        error_set(err, ENOTSUP, "no hierarchy of cgroup v1 is mounted where the own cgroup can be seen");
        r = -ENOTSUP;
    }
    if (r < 0)
        v1_free(tree);
    return r;
}

/* Appends @path, one slash before each name, without empty names and ".". */
static void add_names(struct strbuf *to, const char *path)
{
    for (const char *p = path; *p; p += strspn(p, "/")) {
        size_t len = strcspn(p, "/");
        if (len && !(len == 1 && *p == '.')) {
            strbuf_add(to, "/");
            strbuf_addn(to, p, len);
        }
        p += len;
    }
}

/* The directory of hierarchy @h for @path, or for @name where it is mounted. NULL without memory. */
static char *place_one(const struct v1_hierarchy *h, const char *path, const char *name)
{
    _cleanup_strbuf_ struct strbuf dir = {0};

    strbuf_addn(&dir, h->dir, path && *path != '/' ? strlen(h->dir) : h->top);
    if (path)
        add_names(&dir, path);
    else
        strbuf_addf(&dir, "/%s", name);
    return strbuf_take(&dir);
}

static int is_taken(const struct v1_tree *tree, const char *name, struct error *err)
{
    for (size_t i = 0; i < tree->count; i++) {
        _cleanup_free_ char *dir = place_one(&tree->items[i], NULL, name);
        if (!dir)
            return error_oom(err);
        if (faccessat(AT_FDCWD, dir, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return 1;
    }
    return 0;
}

/* "bryo-ID", or with a number behind it where that is another state directory's. */
static int free_name(const struct v1_tree *tree, const char *id, char **name, struct error *err)
{
    enum { TRIES = 1000 };
    int r = 1;

    for (int i = 0; r == 1; i++) {
        free(*name);
        *name = i ? str_printf("bryo-%s.%d", id, i) : str_printf("bryo-%s", id);
        if (!*name)
            return error_oom(err);
        if (strlen(*name) > NAME_MAX)
            return error_set(err, ENAMETOOLONG, "no cgroup can have the name \"%s\": it is too long", *name);
        r = i < TRIES ? is_taken(tree, *name, err) : 0;
    }
    return r;
}

int v1_place(struct v1_tree *tree, const char *path, const char *id, struct error *err)
{
    _cleanup_free_ char *name = NULL;
    int r = path ? v2_check_path(path, "linux.cgroupsPath", err) : free_name(tree, id, &name, err);

    if (r < 0)
        return r;
    if (path && v2_is_same_place(path))
        return error_set(err, EINVAL,
                         "linux.cgroupsPath: expected a cgroup of the container's own, found \"%s\"", path);
    for (size_t i = 0; i < tree->count; i++) {
        struct v1_hierarchy *h = &tree->items[i];
        char *dir = place_one(h, path, name);
        if (!dir)
            return error_oom(err);
        free(h->dir);
        h->dir = dir;
    }
    return 0;
}

/* Where it is mounted there are two slashes. */
int v1_encode(const struct v1_tree *tree, char **path, struct error *err)
{
    _cleanup_strbuf_ struct strbuf text = {0};

    for (size_t i = 0; i < tree->count; i++) {
        const struct v1_hierarchy *h = &tree->items[i];
        strbuf_addf(&text, "%s%s:%.*s/%s", i ? "\n" : "", h->controllers, (int)h->top, h->dir,
                    h->dir + h->top);
    }
    *path = strbuf_take(&text);
    return *path ? 0 : error_oom(err);
}

/* One line, of @len bytes. */
static int decode_line(struct v1_tree *tree, const char *line, size_t len, struct error *err)
{
    _cleanup_free_ char *copy = strndup(line, len);
    char *dir = copy ? strchr(copy, ':') : NULL, *top = dir ? strstr(dir, "//") : NULL;

    if (!copy)
        return error_oom(err);
    if (!top || dir[1] != '/') {
        _cleanup_free_ char *shown = str_quote(copy, 200);
        return error_set(err, EINVAL,
                         "the cgroups in the state: expected CONTROLLERS:MOUNT//PATH, found \"%s\"",
                         shown ? shown : "?");
    }
    *dir++ = '\0';
    memmove(top, top + 1, strlen(top));
    return add(tree, strdup(copy), strdup(dir), (size_t)(top - dir), err);
}

int v1_decode(struct v1_tree *tree, const char *path, struct error *err)
{
    int r = 0;

    *tree = (struct v1_tree){.count = 0};
    for (const char *p = path; r == 0; p++) {
        size_t len = strcspn(p, "\n");
        r = decode_line(tree, p, len, err);
        p += len;
        if (!*p)
            break;
    }
    if (r < 0)
        v1_free(tree);
    return r;
}

const struct v1_hierarchy *v1_with(const struct v1_tree *tree, unsigned controller)
{
    for (size_t i = 0; i < tree->count; i++)
        if (tree->items[i].set & CGROUP_BIT(controller) && !v1_is_cgroup2(&tree->items[i]))
            return &tree->items[i];
    return NULL;
}

unsigned v1_have(const struct v1_tree *tree)
{
    unsigned set = 0;

    for (size_t i = 0; i < tree->count; i++)
        set |= tree->items[i].set;
    return set;
}

const struct v1_hierarchy *v1_main(const struct v1_tree *tree)
{
    const struct v1_hierarchy *freezer = v1_with(tree, V1_FREEZER);

    return freezer ? freezer : &tree->items[0];
}

int v1_open(const struct v1_hierarchy *h, struct error *err)
{
    int fd = open(h->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    return fd < 0 ? error_sys(err, errno, "open the cgroup \"%s\"", h->dir) : fd;
}
