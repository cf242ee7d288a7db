/*
 * Printing changes.
 *
 * Where the sandbox had ids that the caller has not, all of it runs in a child within a user namespace
 * (host_changes_within), so what is found is written where it is found.
 */
#include "sandbox/host_diff.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/process.h"
#include "base/str.h"
#include "sandbox/host_changes.h"

#define FLUSH_AT (64u << 10)

struct printing {
    enum host_diff_format format;
    struct strbuf out;
    bool any;
};

static int flush(struct printing *p, struct error *err)
{
    if (p->out.oom)
        return error_oom(err);
    int r = p->out.len ? fd_write_all(STDOUT_FILENO, p->out.data, p->out.len) : 0;
    p->out.len = 0;
    if (r == -EPIPE)
        return error_set(err, EPIPE, "write the changes: the reader is gone");
    return r < 0 ? error_sys(err, -r, "write the changes") : 0;
}

static const char letters[] = {[HOST_ADDED] = 'A', [HOST_CHANGED] = 'C', [HOST_DELETED] = 'D'};
static const char *const words[] = {
    [HOST_ADDED] = "added", [HOST_CHANGED] = "changed", [HOST_DELETED] = "deleted"};

static const struct {
    unsigned bit;
    const char *name;
} what_names[] = {
    {HOST_WHAT_TYPE, "type"},
    {HOST_WHAT_CONTENT, "content"},
    {HOST_WHAT_MODE, "mode"},
    {HOST_WHAT_OWNER, "owner"},
};

static cJSON *what_json(unsigned what)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < ARRAY_SIZE(what_names); i++)
        if (what & what_names[i].bit)
            cJSON_AddItemToArray(array, cJSON_CreateString(what_names[i].name));
    return array;
}

/* A path that is no text is given as bytes too. */
static int add_path(cJSON *json, const char *path)
{
    if (json_add_string(json, "path", path) < 0)
        return -ENOMEM;
    if (str_is_utf8(path, strlen(path)))
        return 0;
    _cleanup_strbuf_ struct strbuf hex = {0};
    for (const unsigned char *c = (const unsigned char *)path; *c; c++)
        strbuf_addf(&hex, "%02x", *c);
    return hex.oom ? -ENOMEM : json_add_string(json, "pathHex", hex.data);
}

static int print_json(struct printing *p, const struct host_change *c, struct error *err)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();
    const struct stat *st = c->new ? c->new : c->old;
    char mode[8];
    snprintf(mode, sizeof mode, "%04o", (unsigned)(st->st_mode & 07777));
    if (!json || add_path(json, c->path) < 0 || json_add_string(json, "kind", words[c->kind]) < 0 ||
        json_add_string(json, "type", host_type_name(st->st_mode)) < 0 ||
        json_add_string(json, "mode", mode) < 0 || json_add_u64(json, "uid", st->st_uid) < 0 ||
        json_add_u64(json, "gid", st->st_gid) < 0 || json_add_u64(json, "size", (uint64_t)st->st_size) < 0 ||
        (c->kind == HOST_CHANGED && json_add_item(json, "what", what_json(c->what)) < 0))
        return error_oom(err);
    _cleanup_free_ char *text = json_print(json, false);
    if (!text)
        return error_oom(err);
    text[strcspn(text, "\n")] = '\0';
    strbuf_addf(&p->out, "%s%s", p->any ? ",\n" : "", text);
    return 0;
}

static int print_line(struct printing *p, const struct host_change *c, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(c->path, 0);
    if (!shown)
        return error_oom(err);
    strbuf_addf(&p->out, "%c %s\n", letters[c->kind], shown);
    return 0;
}

/* Opens one side of a patch for reading: a regular file, or nothing. */
static int open_side(int dirfd, const char *name, const struct stat *st)
{
    if (st && S_ISREG(st->st_mode) && dirfd >= 0)
        return openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int run_diff(struct printing *p, const struct host_change *c, struct error *err)
{
    _cleanup_close_ int old = open_side(c->host, c->name, c->old), new = open_side(c->upper, c->name, c->new);
    _cleanup_free_ char *shown = str_quote(c->path, 0);
    if (!shown)
        return error_oom(err);
    if (old < 0 || new < 0) {
        strbuf_addf(&p->out, "# %c %s: can't be read\n", letters[c->kind], shown);
        return 0;
    }
    bool was = c->old && S_ISREG(c->old->st_mode), is = c->new &&S_ISREG(c->new->st_mode);
    _cleanup_free_ char *from = str_printf("%s%s", was ? "a" : "", was ? shown : "/dev/null");
    _cleanup_free_ char *to = str_printf("%s%s", is ? "b" : "", is ? shown : "/dev/null");
    if (!from || !to)
        return error_oom(err);
    int r = flush(p, err), status = 0;
    if (r < 0)
        return r;
    char *argv[] = {"diff", "-u", "--label", from, "--label", to, "--", "/proc/self/fd/3", "/proc/self/fd/4",
                    NULL};
    int fds[] = {old, new};
    _cleanup_spawn_ struct spawn s = SPAWN_INIT;
    s.path = "diff";
    s.argv = argv;
    s.fds = fds;
    s.n_fds = 2;
    s.stdout_fd = STDOUT_FILENO;
    s.stderr_fd = -2;
    r = spawn_start(&s, err);
    if (r == -ENOENT)
        error_hint(err, "--patch needs the program diff (package diffutils)");
    if (r == 0)
        r = spawn_finish(&s, &status, NULL, err);
    if (r == 0 && process_exit_code(status) > 1)
        return error_set(err, EIO, "diff of \"%s\" failed: exit status %d", shown, process_exit_code(status));
    return r;
}

static int print_patch(struct printing *p, const struct host_change *c, struct error *err)
{
    bool file = (c->new &&S_ISREG(c->new->st_mode)) || (c->old && S_ISREG(c->old->st_mode));
    bool content = c->kind != HOST_CHANGED || (c->what & (HOST_WHAT_CONTENT | HOST_WHAT_TYPE));
    if (file && content)
        return run_diff(p, c, err);
    /* patch(1) passes over lines like these. */
    _cleanup_free_ char *shown = str_quote(c->path, 0);
    if (!shown)
        return error_oom(err);
    strbuf_addf(&p->out, "# %c %s (%s)\n", letters[c->kind], shown,
                host_type_name((c->new ? c->new : c->old)->st_mode));
    return 0;
}

static int print(void *data, const struct host_change *c, struct error *err)
{
    struct printing *p = data;
    int r = p->format == HOST_DIFF_JSON    ? print_json(p, c, err)
            : p->format == HOST_DIFF_PATCH ? print_patch(p, c, err)
                                           : print_line(p, c, err);
    p->any = true;
    return r == 0 && p->out.len > FLUSH_AT ? flush(p, err) : r;
}

/* The whole of it, in one process: the end too. */
struct diffing {
    const struct host_box *box;
    enum host_diff_format format;
};

static int print_all(void *data, struct error *err)
{
    const struct diffing *d = data;
    struct printing p = {.format = d->format};
    bool json = d->format == HOST_DIFF_JSON;
    if (json)
        strbuf_add(&p.out, "[");
    int r = host_changes(d->box, print, &p, err);
    if (json)
        strbuf_add(&p.out, "]\n");
    if (r == 0)
        r = flush(&p, err);
    strbuf_free(&p.out);
    return r;
}

int host_diff(const char *name, enum host_diff_format format, struct error *err)
{
    _cleanup_host_box_ struct host_box box = HOST_BOX_INIT;
    struct diffing d = {.box = &box, .format = format};
    int r = host_box_open(name, &box, err);
    return r < 0 ? r : host_within(print_all, &d, err);
}

static int list_json(char *const *names, char **text, struct error *err)
{
    _cleanup_cjson_ cJSON *array = cJSON_CreateArray();
    STRV_FOREACH (name, names) {
        _cleanup_host_box_ struct host_box box = HOST_BOX_INIT;
        _cleanup_cjson_ cJSON *json = cJSON_CreateObject();
        bool in_use = host_box_open(*name, &box, NULL) == -EBUSY;
        if (!array || !json || json_add_string(json, "name", *name) < 0 ||
            json_add_bool(json, "inUse", in_use) < 0 || json_add_string(json, "created", box.created) < 0 ||
            (box.command && json_add_strv(json, "command", box.command) < 0) ||
            !cJSON_AddItemToArray(array, json))
            return error_oom(err);
        TAKE_PTR(json);
    }
    *text = array ? json_print(array, false) : NULL;
    return *text ? 0 : error_oom(err);
}

static char *command_text(char *const *command)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    STRV_FOREACH (word, command)
        strbuf_addf(&text, "%s%s", text.len ? " " : "", *word);
    _cleanup_free_ char *all = strbuf_take(&text);
    return all ? str_quote(all, 60) : NULL;
}

int host_list(bool json, char **text, struct error *err)
{
    _cleanup_strv_ char **names = NULL;
    _cleanup_strbuf_ struct strbuf out = {0};
    int r = host_box_names(&names, err);
    if (r < 0)
        return r;
    if (json)
        return list_json(names, text, err);
    strbuf_addf(&out, "%-24s %-7s %-20s %s\n", "NAME", "STATUS", "CREATED", "COMMAND");
    STRV_FOREACH (name, names) {
        _cleanup_host_box_ struct host_box box = HOST_BOX_INIT;
        r = host_box_open(*name, &box, NULL);
        _cleanup_free_ char *command = command_text(box.command);
        if (!command)
            return error_oom(err);
        strbuf_addf(&out, "%-24s %-7s %.19s%s %s\n", *name,
                    r == -EBUSY ? "running"
                    : r < 0     ? "broken"
                                : "kept",
                    box.created ? box.created : "-", box.created ? "Z" : "", command);
    }
    *text = strbuf_take(&out);
    return *text ? 0 : error_oom(err);
}

int host_discard(const char *name, struct error *err)
{
    _cleanup_host_box_ struct host_box box = HOST_BOX_INIT;
    _cleanup_idmap_ struct idmap map = {0};
    int r = host_box_open(name, &box, err);
    if (r == -EINVAL) { /* a description that can't be read is no reason to keep it */
        error_clear(err);
        r = 0;
    }
    if (r == 0)
        r = idmap_default(&map, NULL, err);
    return r == 0 ? host_box_remove(&box, &map, err) : r;
}
