/*
 * The boxes of host sandboxes: a directory each, with a description in it and a lock on it.
 *
 * Theory of operation: `box.json` is written before anything runs, so a box can be looked at and removed
 * whatever killed the call that made it. The lock is flock(2) on the directory, held by bryo for as long as
 * its command runs; the container dies with it. A box without the lock is at rest. Nothing is ever cleaned
 * up behind the user's back: what is in a box was wanted, until `bryo discard` says otherwise.
 */
#include "sandbox/host_box.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "userns/remove.h"

#define BOX_FILE "box.json"

void host_layout_free(struct host_layout *layout)
{
    for (size_t i = 0; i < layout->n; i++) {
        free(layout->layers[i].path);
        free(layout->layers[i].dir);
        strv_free(layout->layers[i].names);
    }
    free(layout->layers);
    strv_free(layout->fixed);
    *layout = (struct host_layout){0};
}

struct host_layer *host_layout_add(struct host_layout *layout, const char *path, const char *dir, bool stump)
{
    struct host_layer *more = realloc(layout->layers, (layout->n + 1) * sizeof *more);
    if (!more)
        return NULL;
    layout->layers = more;
    struct host_layer *layer = &more[layout->n];
    *layer = (struct host_layer){.path = strdup(path), .dir = strdup(dir), .stump = stump};
    layout->n++; /* freed with the rest, even if half of it is missing */
    return layer->path && layer->dir ? layer : NULL;
}

void host_box_close(struct host_box *box)
{
    free(box->name);
    free(box->path);
    free(box->created);
    strv_free(box->command);
    host_layout_free(&box->layout);
    fd_close(&box->fd);
    fd_close(&box->skel_lock);
    *box = HOST_BOX_INIT;
}

int host_box_base(char **path, struct error *err)
{
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (xdg && xdg[0] == '/') {
        *path = str_printf("%s/bryo/host", xdg);
        return *path ? 0 : error_oom(err);
    }
    if (!home || home[0] != '/') {
        const struct passwd *pw = getpwuid(geteuid());
        home = pw && pw->pw_dir && pw->pw_dir[0] == '/' ? pw->pw_dir : NULL;
    }
    if (!home) {
        error_set(err, ENOENT,
                  "find the state directory: neither HOME nor XDG_STATE_HOME is an absolute path");
        error_hint(err, "sandboxes of the host live below $XDG_STATE_HOME, else ~/.local/state");
        return -ENOENT;
    }
    *path = str_printf("%s/.local/state/bryo/host", home);
    return *path ? 0 : error_oom(err);
}

/* A name is one of a container, so it is one component of a path and never "." or "..". */
static int open_box(const char *base, const char *name, struct host_box *box, struct error *err)
{
    box->path = str_printf("%s/%s", base, name);
    box->name = strdup(name);
    if (!box->path || !box->name)
        return error_oom(err);
    box->fd = open(box->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return box->fd < 0 ? error_sys(err, errno, "open \"%s\"", box->path) : 0;
}

int host_box_make(const char *name, struct host_box *box, struct error *err)
{
    _cleanup_free_ char *base = NULL;
    int r = host_box_base(&base, err);
    if (r == 0)
        r = mkdir_parents(base, 0700, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *path = str_printf("%s/%s", base, name);
    if (!path)
        return error_oom(err);
    if (mkdir(path, 0700) < 0 && errno == EEXIST) {
        error_set(err, EEXIST, "--name \"%s\": a sandbox of this name has changes that are kept", name);
        error_hint(err, "see them with: bryo diff %s; remove them with: bryo discard %s", name, name);
        return -EEXIST;
    } else if (access(path, F_OK) < 0) {
        return error_sys(err, errno, "make \"%s\"", path);
    }
    r = open_box(base, name, box, err);
    if (r < 0)
        return r;
    if (flock(box->fd, LOCK_EX | LOCK_NB) < 0)
        return error_sys(err, errno, "lock \"%s\"", box->path);
    return 0;
}

static cJSON *layer_json(const struct host_layer *layer)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();
    if (!json || json_add_string(json, "path", layer->path) < 0 ||
        json_add_string(json, "dir", layer->dir) < 0 || json_add_bool(json, "stump", layer->stump) < 0 ||
        json_add_strv(json, "names", layer->names) < 0)
        return NULL;
    return TAKE_PTR(json);
}

int host_box_write(const struct host_box *box, struct error *err)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();
    cJSON *layers = json ? cJSON_AddArrayToObject(json, "layers") : NULL;
    if (!layers || json_add_string(json, "created", box->created) < 0 ||
        json_add_i64(json, "startSeconds", box->start.tv_sec) < 0 ||
        json_add_i64(json, "startNanoseconds", box->start.tv_nsec) < 0 ||
        json_add_strv(json, "command", box->command) < 0 ||
        json_add_strv(json, "fixed", box->layout.fixed) < 0)
        return error_oom(err);
    for (size_t i = 0; i < box->layout.n; i++) {
        cJSON *layer = layer_json(&box->layout.layers[i]);
        if (!layer || !cJSON_AddItemToArray(layers, layer)) {
            cJSON_Delete(layer);
            return error_oom(err);
        }
    }
    _cleanup_free_ char *text = json_print(json, true);
    if (!text)
        return error_oom(err);
    return file_replace_at(box->fd, BOX_FILE, text, strlen(text), 0600, err);
}

static const cJSON *get(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static int read_strings(const cJSON *array, char ***out)
{
    const cJSON *one;
    cJSON_ArrayForEach (one, array)
        if (!cJSON_IsString(one) || strv_add(out, one->valuestring) < 0)
            return -EINVAL;
    return 0;
}

static int read_layers(struct host_box *box, const cJSON *layers)
{
    const cJSON *one;
    cJSON_ArrayForEach (one, layers) {
        const cJSON *path = get(one, "path"), *dir = get(one, "dir");
        if (!cJSON_IsString(path) || path->valuestring[0] != '/' || !cJSON_IsString(dir))
            return -EINVAL;
        struct host_layer *layer = host_layout_add(&box->layout, path->valuestring, dir->valuestring,
                                                   cJSON_IsTrue(get(one, "stump")));
        if (!layer || read_strings(get(one, "names"), &layer->names) < 0)
            return -EINVAL;
    }
    return 0;
}

/* One that was killed before the description was written has nothing in it. */
static int read_description(struct host_box *box, struct error *err)
{
    _cleanup_cjson_ cJSON *json = NULL;
    if (faccessat(box->fd, BOX_FILE, F_OK, 0) < 0 && errno == ENOENT)
        return 0;
    int r = json_read_file(box->fd, BOX_FILE, &json, err);
    if (r < 0) {
        error_prefix(err, "in \"%s\"", box->path);
        return r;
    }
    int64_t seconds, nanoseconds;
    const cJSON *created = get(json, "created");
    if (!cJSON_IsString(created) || json_get_i64(get(json, "startSeconds"), &seconds) < 0 ||
        json_get_i64(get(json, "startNanoseconds"), &nanoseconds) < 0 ||
        read_strings(get(json, "command"), &box->command) < 0 ||
        read_strings(get(json, "fixed"), &box->layout.fixed) < 0 || read_layers(box, get(json, "layers")) < 0)
        return error_set(err, EINVAL, "\"%s/%s\": not what bryo writes there", box->path, BOX_FILE);
    box->start = (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)nanoseconds};
    box->created = strdup(created->valuestring);
    return box->created ? 0 : error_oom(err);
}

static int no_such_box(const char *name, struct error *err)
{
    _cleanup_strv_ char **names = NULL;
    _cleanup_strbuf_ struct strbuf list = {0};
    _cleanup_free_ char *shown = str_quote(name, 80);
    error_set(err, ENOENT, "there is no kept sandbox \"%s\"", shown ? shown : "?");
    if (host_box_names(&names, NULL) < 0 || !names) {
        error_hint(err, "a sandbox without IMAGE (bryo sandbox -- CMD) keeps what it changed; none has yet");
        return -ENOENT;
    }
    STRV_FOREACH (one, names)
        strbuf_addf(&list, "%s%s", list.len ? ", " : "", *one);
    error_hint(err, "there is: %s", list.data ? list.data : "");
    return -ENOENT;
}

static bool is_name(const char *name)
{
    return *name && *name != '.' && !strchr(name, '/');
}

int host_box_open(const char *name, struct host_box *box, struct error *err)
{
    _cleanup_free_ char *base = NULL;
    int r = host_box_base(&base, err);
    if (r < 0)
        return r;
    if (!is_name(name))
        return no_such_box(name, err);
    r = open_box(base, name, box, err);
    if (r == -ENOENT || r == -ENOTDIR) {
        error_clear(err);
        return no_such_box(name, err);
    }
    if (r < 0)
        return r;
    if (flock(box->fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return error_sys(err, errno, "lock \"%s\"", box->path);
        error_set(err, EBUSY, "sandbox \"%s\" is in use", name);
        error_hint(err, "its command still runs, or another bryo works on it; end it with: bryo kill %s",
                   name);
        return -EBUSY;
    }
    return read_description(box, err);
}

int host_box_remove(struct host_box *box, const struct idmap *map, struct error *err)
{
    return tree_remove_mapped(map, box->path, err);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int host_box_names(char ***names, struct error *err)
{
    _cleanup_free_ char *base = NULL;
    _cleanup_strv_ char **all = NULL;
    *names = NULL;
    int r = host_box_base(&base, err);
    if (r < 0)
        return r;
    _cleanup_closedir_ DIR *dir = opendir(base);
    if (!dir)
        return errno == ENOENT ? 0 : error_sys(err, errno, "list \"%s\"", base);
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] != '.' && strv_add(&all, e->d_name) < 0)
            return error_oom(err);
    if (all)
        qsort(all, strv_len(all), sizeof *all, compare);
    *names = TAKE_PTR(all);
    return 0;
}

bool host_box_in_use(const char *name)
{
    _cleanup_host_box_ struct host_box box = HOST_BOX_INIT;
    _cleanup_free_ char *base = NULL;
    if (host_box_base(&base, NULL) < 0 || open_box(base, name, &box, NULL) < 0)
        return false;
    return flock(box.fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

int host_box_open_dir(const struct host_box *box, const char *dir)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
    int fd = sys_openat2(box->fd, dir, &how);
    return fd < 0 ? -errno : fd;
}
