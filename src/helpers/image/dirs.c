#include "helpers/image/dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "helpers/image/name.h"

#define DIR_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)

/* For directories that no entry of the archive made. */
#define IMPLICIT_MODE 0755

void dirs_init(struct dirs *d, int root, struct limits *limits)
{
    *d = (struct dirs){.root = root, .limits = limits};
    for (size_t i = 0; i < DIRS_SLOTS; i++)
        d->slot[i].fd = -EBADF;
}

static void slot_clear(struct dirs_slot *s)
{
    free(s->path);
    fd_close(&s->fd);
    *s = (struct dirs_slot){.fd = -EBADF};
}

void dirs_forget(struct dirs *d)
{
    for (size_t i = 0; i < DIRS_SLOTS; i++)
        slot_clear(&d->slot[i]);
}

void dirs_free(struct dirs *d)
{
    dirs_forget(d);
}

/* FNV-1a: compares most names without looking at them. */
static uint32_t hash_of(const char *p, size_t len)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)p[i]) * 16777619u;
    return h;
}

static bool slot_is(const struct dirs_slot *s, const char *path, size_t len, uint32_t hash)
{
    return s->path && s->hash == hash && s->len == len && memcmp(s->path, path, len) == 0;
}

/* Opens component @name of @at for the walk, and makes it if nothing is there. -ENOTDIR for a symbolic link,
 * too. */
static int open_or_make(struct dirs *d, int at, const char *name, struct error *err)
{
    int fd = openat(at, name, DIR_FLAGS | O_NOFOLLOW);
    struct stat st;

    if (fd >= 0)
        return fd;
    int code = errno;
    bool gone =
        code == ENOTDIR && d->layer && fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && whiteout_is(&st);
    if (code != ENOENT && !gone)
        return -code;
    int r = limits_entry(d->limits, err);
    if (r < 0)
        return r;
    if ((gone && unlinkat(at, name, 0) < 0) || mkdirat(at, name, IMPLICIT_MODE) < 0)
        return -errno;
    r = gone ? whiteout_make_opaque_at(at, name, d->form, err) : 0;
    if (r < 0)
        return r;
    fd = openat(at, name, DIR_FLAGS | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

/* Walks down @path (writable, restored) component by component, making what is missing. Each component is
 * looked up in the directory before it; only where one is a link is the kernel asked for the whole name from
 * the root. */
static int walk(struct dirs *d, char *path, struct error *err)
{
    _cleanup_close_ int at = -EBADF;

    for (char *p = path; p;) {
        char *slash = strchr(p, '/');
        if (slash)
            *slash = '\0';
        int next = open_or_make(d, at < 0 ? d->root : at, p, err);
        if (next == -ENOTDIR)
            next = path_open_in_root(d->root, path, DIR_FLAGS, 0);
        /* A link whose target is not there yet: the target is made, inside the root. */
        if (next == -ENOENT) {
            next = limits_entry(d->limits, err);
            next = next < 0 ? next : path_mkdir_in_root(d->root, path, IMPLICIT_MODE, false);
        }
        if (slash)
            *slash = '/';
        if (next < 0)
            return next;
        fd_close(&at);
        at = next;
        p = slash ? slash + 1 : NULL;
    }
    return TAKE_FD(at);
}

static int open_dir(struct dirs *d, char *path, size_t len, struct error *err)
{
    int fd = len < PATH_MAX ? path_open_in_root(d->root, path, DIR_FLAGS, 0) : -ENAMETOOLONG;

    if (fd == -ENOENT || fd == -ENAMETOOLONG || (fd == -ENOTDIR && d->layer))
        fd = walk(d, path, err);
    if (fd < 0 && (!err || !err->code)) {
        _cleanup_free_ char *quoted = str_quote(path, 200);
        error_sys(err, -fd, "open directory \"%s\" of the new root", quoted ? quoted : "?");
    }
    return fd;
}

int dirs_get(struct dirs *d, const char *path, size_t len, struct error *err)
{
    uint32_t hash;
    size_t oldest = 0;

    if (len == 0)
        return d->root;
    hash = hash_of(path, len);
    d->clock++;
    if (slot_is(&d->slot[d->last], path, len, hash))
        return d->slot[d->last].fd;
    for (size_t i = 0; i < DIRS_SLOTS; i++) {
        struct dirs_slot *s = &d->slot[i];
        if (slot_is(s, path, len, hash)) {
            s->used = d->clock;
            d->last = i;
            return s->fd;
        }
        if (s->used < d->slot[oldest].used)
            oldest = i;
    }

    _cleanup_free_ char *copy = strndup(path, len);
    if (!copy)
        return error_oom(err);
    int fd = open_dir(d, copy, len, err);
    if (fd < 0)
        return fd;
    slot_clear(&d->slot[oldest]);
    d->slot[oldest] =
        (struct dirs_slot){.path = TAKE_PTR(copy), .len = len, .hash = hash, .fd = fd, .used = d->clock};
    d->last = oldest;
    return fd;
}

int dirs_open(struct dirs *d, const char *path, int flags)
{
    _cleanup_error_ struct error ignored = ERROR_INIT;
    int at;

    if (!path[0])
        path = ".";
    if (strlen(path) < PATH_MAX)
        return path_open_in_root(d->root, path, flags | O_NOFOLLOW, 0);
    at = dirs_get(d, path, name_parent_len(path), &ignored);
    if (at < 0)
        return at;
    int fd = openat(at, name_base(path), flags | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}
