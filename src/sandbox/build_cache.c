#include "sandbox/build_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "userns/current.h"
#include "userns/remove.h"

#define ROOT_PLACE  "/var/lib/bryo/build"
#define RECORD_MAX  ((size_t)1 << 20)
#define SETTLED_SEC 60 /* the kernel writes after 30 seconds what nobody asked it to write */

static const char *const parts[] = {"layers", "caches", "outputs", "tmp"};

/* NULL with errno ENOENT if there is no home. */
static char *place(void)
{
    const char *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (xdg && xdg[0] == '/')
        return str_printf("%s/bryo/build", xdg);
    if (geteuid() == 0 && userns_is_initial())
        return strdup(ROOT_PLACE);
    if (!home || home[0] != '/') {
        const struct passwd *pw = getpwuid(geteuid());
        home = pw && pw->pw_dir && pw->pw_dir[0] == '/' ? pw->pw_dir : NULL;
    }
    if (home)
        return str_printf("%s/.local/share/bryo/build", home);
    errno = ENOENT;
    return NULL;
}

static int hint_place(struct error *err, int r)
{
    error_hint(err,
               "builds are cached below $XDG_DATA_HOME/bryo, else ~/.local/share/bryo: set XDG_DATA_HOME to "
               "a directory of your own with room for the images");
    return r;
}

/* With the lock held alone: nobody builds, so nothing here is in use. */
static void sweep(const struct build_cache *c, const struct idmap *map)
{
    int copy = openat(c->fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *list = copy < 0 ? NULL : fdopendir(copy);
    for (struct dirent *e; list && (e = readdir(list));) {
        _cleanup_free_ char *path = e->d_name[0] == '.' ? NULL : str_printf("%s/tmp/%s", c->path, e->d_name);
        if (path)
            (void)tree_remove_mapped(map, path, NULL);
    }
}

int build_cache_open(struct build_cache *c, const struct idmap *map, bool alone, struct error *err)
{
    c->path = place();
    if (!c->path && errno == ENOENT)
        return hint_place(
            err, error_set(err, ENOENT,
                           "find a place for the cache: neither HOME nor XDG_DATA_HOME is an absolute path"));
    if (!c->path)
        return error_oom(err);
    int r = mkdir_parents(c->path, 0700, err);
    if (r < 0)
        return hint_place(err, r);
    c->fd = open(c->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->fd < 0)
        return hint_place(err, error_sys(err, errno, "open the cache \"%s\"", c->path));
    bool lonely = flock(c->fd, LOCK_EX | LOCK_NB) == 0;
    if (alone && !lonely)
        return error_set(err, EBUSY, "the cache \"%s\" is in use by another build", c->path);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        if (mkdirat(c->fd, parts[i], 0700) < 0 && errno != EEXIST)
            return hint_place(err, error_sys(err, errno, "make \"%s/%s\"", c->path, parts[i]));
    _cleanup_close_ int boot = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = boot < 0 ? -1 : read(boot, c->boot, sizeof c->boot - 1);
    c->boot[n > 0 ? n : 0] = '\0';
    c->boot[strcspn(c->boot, "\n")] = '\0';
    if (lonely)
        sweep(c, map);
    if (!alone && flock(c->fd, LOCK_SH) < 0 && errno != ENOLCK)
        return error_sys(err, errno, "lock the cache \"%s\"", c->path);
    return 0;
}

void build_cache_tidy(const struct build_cache *c, const struct idmap *map)
{
    if (flock(c->fd, LOCK_EX | LOCK_NB) == 0)
        sweep(c, map);
}

void build_cache_close(struct build_cache *c)
{
    free(c->path);
    c->path = NULL;
    fd_close(&c->fd);
}

/* The record of a layer as text; NULL if there is none. The caller frees. */
static int read_record(const struct build_cache *c, const char *key, char **text, size_t *len,
                       struct error *err)
{
    char name[sizeof "layers//record.json" + BUILD_KEY];
    snprintf(name, sizeof name, "layers/%.*s/record.json", BUILD_KEY, key);
    return file_read_at(c->fd, name, RECORD_MAX, text, len, err);
}

static bool is_synced(const struct build_cache *c, const char *key)
{
    char name[sizeof "layers//synced" + BUILD_KEY];
    snprintf(name, sizeof name, "layers/%.*s/synced", BUILD_KEY, key);
    return faccessat(c->fd, name, F_OK, 0) == 0;
}

bool build_cache_has(const struct build_cache *c, const char *key)
{
    _cleanup_free_ char *text = NULL;
    size_t len;
    if (read_record(c, key, &text, &len, NULL) < 0)
        return false;
    /* Written by us, as a whole: no need to parse it for this. */
    return is_synced(c, key) || (c->boot[0] && strstr(text, c->boot));
}

int build_cache_record(const struct build_cache *c, const char *key, cJSON **record, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len;
    int r = read_record(c, key, &text, &len, err);
    return r < 0 ? r : json_parse("record.json", text, len, record, err);
}

int build_cache_tree(const struct build_cache *c, const char *key)
{
    char name[sizeof "layers//tree" + BUILD_KEY];
    snprintf(name, sizeof name, "layers/%.*s/tree", BUILD_KEY, key);
    int fd = openat(c->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

/* Was the layer made long enough ago, and not synced yet? */
static bool is_due(const struct build_cache *c, const char *key)
{
    char name[sizeof "layers//record.json" + BUILD_KEY];
    struct stat st;
    snprintf(name, sizeof name, "layers/%.*s/record.json", BUILD_KEY, key);
    return fstatat(c->fd, name, &st, 0) == 0 && time(NULL) - st.st_mtime > SETTLED_SEC && !is_synced(c, key);
}

void build_cache_settle(const struct build_cache *c, char *const *keys)
{
    _cleanup_strv_ char **due = NULL;
    STRV_FOREACH (key, keys)
        if (is_due(c, *key) && strv_add(&due, *key) < 0)
            return;
    if (!due || syncfs(c->fd) < 0)
        return;
    STRV_FOREACH (key, due) {
        char name[sizeof "layers//synced" + BUILD_KEY];
        snprintf(name, sizeof name, "layers/%.*s/synced", BUILD_KEY, *key);
        _cleanup_close_ int fd = openat(c->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        (void)fd;
    }
}

int build_temp_make(const struct build_cache *c, struct build_temp *temp, struct error *err)
{
    _cleanup_free_ char *path = str_printf("%s/tmp/XXXXXX", c->path);
    if (!path)
        return error_oom(err);
    if (!mkdtemp(path))
        return hint_place(err, error_sys(err, errno, "make a directory in \"%s/tmp\"", c->path));
    temp->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (temp->fd < 0) {
        int r = error_sys(err, errno, "open \"%s\"", path);
        rmdir(path);
        return r;
    }
    temp->path = TAKE_PTR(path);
    return 0;
}

void build_temp_remove(struct build_temp *temp)
{
    if (temp->path) {
        (void)remove_content_at(temp->fd, NULL);
        (void)rmdir(temp->path);
    }
    free(temp->path);
    temp->path = NULL;
    fd_close(&temp->fd);
}

int build_cache_publish(const struct build_cache *c, struct build_temp *temp, const char *name,
                        const char *key, cJSON *record, bool replace, struct error *err)
{
    char target[sizeof "layers/" + BUILD_KEY];
    snprintf(target, sizeof target, "layers/%.*s", BUILD_KEY, key);
    if (json_add_string(record, "boot", c->boot) < 0)
        return error_oom(err);
    _cleanup_free_ char *text = json_print(record, true);
    if (!text)
        return error_oom(err);
    if (mkdirat(temp->fd, "layer", 0700) < 0 || renameat(temp->fd, name, temp->fd, "layer/tree") < 0)
        return error_sys(err, errno, "keep the step in \"%s\"", c->path);
    _cleanup_close_ int layer = openat(temp->fd, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (layer < 0)
        return error_sys(err, errno, "open \"%s/layer\"", temp->path);
    int r = file_replace_at(layer, "record.json", text, strlen(text), 0600, err);
    if (r < 0)
        return r;
    for (unsigned again = 0;; again++) {
        if (renameat(temp->fd, "layer", c->fd, target) == 0)
            return 0;
        if ((errno != ENOTEMPTY && errno != EEXIST) || again > 8)
            return error_sys(err, errno, "keep the step in \"%s\"", c->path);
        if (!replace && build_cache_has(c, key))
            return 0; /* somebody else was faster */
        /* Another build may have it mounted: it is moved away whole, and removed when nobody builds. */
        _cleanup_free_ char *aside = str_printf("tmp/%s-%d-%u", key, (int)getpid(), again);
        if (!aside)
            return error_oom(err);
        if (renameat(c->fd, target, c->fd, aside) < 0 && errno != ENOENT)
            return error_sys(err, errno, "replace \"%s/%s\"", c->path, target);
    }
}

int build_cache_directory(const struct build_cache *c, const char *key, char **path, struct error *err)
{
    *path = str_printf("%s/caches/%.*s", c->path, BUILD_KEY, key);
    if (!*path)
        return error_oom(err);
    if (mkdir(*path, 0755) < 0 && errno != EEXIST)
        return error_sys(err, errno, "make \"%s\"", *path);
    return 0;
}

char *build_cache_output(const struct build_cache *c, const char *key)
{
    char name[sizeof "outputs/" + BUILD_KEY], *text = NULL;
    snprintf(name, sizeof name, "outputs/%.*s", BUILD_KEY, key);
    return file_read_at(c->fd, name, RECORD_MAX, &text, NULL, NULL) == 0 ? text : NULL;
}

int build_cache_note_output(const struct build_cache *c, const char *key, const char *text, struct error *err)
{
    _cleanup_close_ int dir = openat(c->fd, "outputs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char name[BUILD_KEY + 1];
    if (dir < 0)
        return error_sys(err, errno, "open \"%s/outputs\"", c->path);
    snprintf(name, sizeof name, "%.*s", BUILD_KEY, key);
    return file_replace_at(dir, name, text, strlen(text), 0600, err);
}

int build_cache_clear(const struct build_cache *c, const struct idmap *map, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", c->path, parts[i]);
        if (!path)
            return error_oom(err);
        int r = tree_remove_mapped(map, path, err);
        if (r < 0)
            return r;
    }
    return 0;
}
