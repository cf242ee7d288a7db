/*
 * The comparison.
 *
 * Theory of operation. The upper directory of an overlay holds what was written: whole files, and character
 * devices 0:0 where something is gone. A directory there lies over the host's unless it is marked opaque.
 * What was copied up without a change in the end is no difference: files are compared by content. The layout
 * of a stump (sandbox/host_layout.h) is compared with the names that were put there. The box is the caller's
 * own directory, but programs of others wrote into it: it is walked by descriptors, no link is followed, and
 * nothing is opened but directories and regular files.
 */
#include "sandbox/host_changes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "userns/within.h"

#define OVERFLOW_ID 65534 /* an owner that the user namespace does not know */
#define DEPTH_MAX   1000

struct walk {
    const struct host_box *box;
    host_change_fn *each;
    void *data;
    unsigned depth;
};

/* One directory of it. */
struct place {
    const char *path;
    int upper;
    int host;    /* -1: nothing of the host's is below it */
    bool opaque; /* what the host has here and the box has not is deleted */
    const struct host_layer *layer;
    const struct host_layer *stump; /* the same, at the root of a stump */
};

const char *host_type_name(mode_t mode)
{
    return S_ISREG(mode)    ? "file"
           : S_ISDIR(mode)  ? "directory"
           : S_ISLNK(mode)  ? "link"
           : S_ISFIFO(mode) ? "fifo"
           : S_ISSOCK(mode) ? "socket"
                            : "device";
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(int dirfd, char ***names)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    _cleanup_strv_ char **all = NULL;
    if (!dir)
        return -errno;
    for (struct dirent *e; (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && strv_add(&all, e->d_name) < 0)
            return -ENOMEM;
    if (all)
        qsort(all, strv_len(all), sizeof *all, compare_names);
    *names = TAKE_PTR(all);
    return 0;
}

static char *child_path(const struct place *place, const char *name)
{
    return str_printf("%s/%s", !strcmp(place->path, "/") ? "" : place->path, name);
}

static bool is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* Has overlayfs noted that this came from the lower layer, or replaces what is there? */
static bool has_note(int fd, const char *name)
{
    char value[256];
    return fgetxattr(fd, name, value, sizeof value) > 0;
}

static bool is_opaque(int fd)
{
    char value = 0;
    return fgetxattr(fd, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/* Are both files the same? Those that can't be read are taken to differ. */
static bool same_content(int upper, int host, const char *name)
{
    const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    _cleanup_close_ int a = openat(upper, name, flags), b = openat(host, name, flags);
    _cleanup_free_ char *buf = malloc(2 << 16);
    struct stat st;
    while (a >= 0 && b >= 0 && buf && fstat(b, &st) == 0 && S_ISREG(st.st_mode)) {
        ssize_t n = fd_read_full(a, buf, 1 << 16), m = fd_read_full(b, buf + (1 << 16), 1 << 16);
        if (n < 0 || n != m || memcmp(buf, buf + (1 << 16), (size_t)n) != 0)
            return false;
        if (n == 0)
            return true;
    }
    return false;
}

static bool same_link(int upper, int host, const char *name)
{
    char a[4096], b[4096];
    ssize_t n = readlinkat(upper, name, a, sizeof a), m = readlinkat(host, name, b, sizeof b);
    return n >= 0 && n == m && memcmp(a, b, (size_t)n) == 0;
}

/* Can the owner of a file of the host be told? An ordinary user's sandbox shows those of others as nobody's,
 * and what it wrote in their place is the caller's. */
static bool knows_owner(const struct stat *old)
{
    if (geteuid() != 0)
        return old->st_uid == geteuid() && old->st_gid == getegid();
    return old->st_uid != OVERFLOW_ID && old->st_gid != OVERFLOW_ID;
}

/* How @new differs from @old, of the same name. */
static unsigned differences(int upper, int host, const char *name, const struct stat *new,
                            const struct stat *old)
{
    unsigned what = 0;
    bool known = knows_owner(old);
    /* Directories were made with what their owner needs. */
    mode_t more = S_ISDIR(old->st_mode) && !known ? 0700 : 0;

    if ((new->st_mode &S_IFMT) != (old->st_mode & S_IFMT))
        return HOST_WHAT_TYPE;
    if (S_ISREG(new->st_mode) && (new->st_size != old->st_size || !same_content(upper, host, name)))
        what |= HOST_WHAT_CONTENT;
    if (S_ISLNK(new->st_mode))
        return same_link(upper, host, name) ? 0 : HOST_WHAT_CONTENT;
    if ((new->st_mode & 07777) != ((old->st_mode | more) & 07777))
        what |= HOST_WHAT_MODE;
    if (known && (new->st_uid != old->st_uid || new->st_gid != old->st_gid))
        what |= HOST_WHAT_OWNER;
    return what;
}

static int walk_place(struct walk *w, const struct place *place, struct error *err);

static int tell(struct walk *w, struct host_change *change, struct error *err)
{
    return w->each(w->data, change, err);
}

/* Is something else there: a mount, or a layer that is walked by itself? */
static bool is_elsewhere(const struct walk *w, const char *path)
{
    for (size_t i = 0; i < w->box->layout.n; i++)
        if (!strcmp(w->box->layout.layers[i].path, path))
            return true;
    return strv_has(w->box->layout.fixed, path);
}

static int deleted(struct walk *w, const struct place *place, const char *name, const char *path,
                   struct error *err)
{
    struct stat old;
    /* Gone on the host as well by now: nothing is different. */
    if (place->host < 0 || fstatat(place->host, name, &old, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    struct host_change change = {.kind = HOST_DELETED,
                                 .path = path,
                                 .name = name,
                                 .upper = place->upper,
                                 .host = place->host,
                                 .old = &old};
    return tell(w, &change, err);
}

static int walk_directory(struct walk *w, const struct place *place, const char *name,
                          struct host_change *change, struct error *err)
{
    _cleanup_close_ int upper = openat(place->upper, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (upper < 0)
        return error_sys(err, errno, "open what the sandbox has at \"%s\"", change->path);
    bool over = change->old && S_ISDIR(change->old->st_mode);
    _cleanup_close_ int host =
        over ? openat(place->host, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -EBADF;
    change->opaque = over && is_opaque(upper);
    change->copied = has_note(upper, "user.overlay.origin");
    int r = 0;
    /* Made before the start, and gone on the host since: not the sandbox's doing. */
    bool ours =
        change->kind == HOST_ADDED && !place->layer->stump && strv_has(place->layer->names, change->path);
    if ((change->kind == HOST_ADDED && !ours) || change->what || change->opaque) {
        if (change->kind == HOST_CHANGED && !change->what)
            change->what = HOST_WHAT_CONTENT;
        r = tell(w, change, err);
    }
    const struct place below = {
        .path = change->path, .upper = upper, .host = host, .opaque = change->opaque, .layer = place->layer};
    if (r != 0)
        return r;
    if (++w->depth > DEPTH_MAX)
        return error_set(err, ELOOP, "\"%s\": more than %d directories deep", change->path, DEPTH_MAX);
    r = walk_place(w, &below, err);
    w->depth--;
    return r;
}

static int visit(struct walk *w, const struct place *place, const char *name, struct error *err)
{
    _cleanup_free_ char *path = child_path(place, name);
    struct stat new, old;
    if (!path)
        return error_oom(err);
    if (is_elsewhere(w, path))
        return 0;
    if (fstatat(place->upper, name, &new, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(err, errno, "look at what the sandbox has at \"%s\"", path);
    if (is_whiteout(&new))
        return deleted(w, place, name, path, err);
    bool there = place->host >= 0 && fstatat(place->host, name, &old, AT_SYMLINK_NOFOLLOW) == 0;
    struct host_change change = {.kind = there ? HOST_CHANGED : HOST_ADDED,
                                 .path = path,
                                 .name = name,
                                 .upper = place->upper,
                                 .host = place->host,
                                 .new = &new,
                                 .old = there ? &old : NULL};
    if (there)
        change.what = differences(place->upper, place->host, name, &new, &old);
    if (S_ISDIR(new.st_mode))
        return walk_directory(w, place, name, &change, err);
    if (there && !change.what)
        return 0;
    if (S_ISREG(new.st_mode)) {
        _cleanup_close_ int fd =
            openat(place->upper, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        change.copied = (fd >= 0 && has_note(fd, "user.overlay.origin")) ||
                        (place->stump && strv_has(place->stump->names, name));
    }
    return tell(w, &change, err);
}

/* Names that were there and are not in the box: of a stump those it was made with, of an opaque directory
 * the host's. */
static int visit_missing(struct walk *w, const struct place *place, char *const *there, char *const *now,
                         struct error *err)
{
    int r = 0;
    for (char *const *name = there; r == 0 && name && *name; name++) {
        if (strv_has(now, *name))
            continue;
        _cleanup_free_ char *path = child_path(place, *name);
        if (!path)
            return error_oom(err);
        r = deleted(w, place, *name, path, err);
    }
    return r;
}

static int walk_place(struct walk *w, const struct place *place, struct error *err)
{
    _cleanup_strv_ char **names = NULL, **hosts = NULL;
    int r = read_names(place->upper, &names);
    if (r < 0)
        return error_sys(err, -r, "list what the sandbox has at \"%s\"", place->path);
    if (place->opaque && place->host >= 0) {
        r = read_names(place->host, &hosts);
        if (r < 0)
            return error_sys(err, -r, "list \"%s\"", place->path);
        r = visit_missing(w, place, hosts, names, err);
    } else if (place->stump) {
        r = visit_missing(w, place, place->stump->names, names, err);
    }
    for (char **name = names; r == 0 && name && *name; name++)
        r = visit(w, place, *name, err);
    return r;
}

/* The root of a layer has a mode of its own. */
static int layer_root(struct walk *w, const struct place *place, struct error *err)
{
    struct stat new, old;
    if (place->host < 0 || place->stump || fstat(place->upper, &new) < 0 || fstat(place->host, &old) < 0 ||
        ((new.st_mode | 0700) & 07777) == ((old.st_mode | 0700) & 07777))
        return 0;
    struct host_change change = {.kind = HOST_CHANGED,
                                 .what = HOST_WHAT_MODE,
                                 .path = place->path,
                                 .name = ".",
                                 .upper = place->upper,
                                 .host = place->host,
                                 .new = &new,
                                 .old = &old,
                                 .copied = true};
    return tell(w, &change, err);
}

int host_changes(const struct host_box *box, host_change_fn *each, void *data, struct error *err)
{
    struct walk w = {.box = box, .each = each, .data = data};
    int r = 0;
    for (size_t i = 0; r == 0 && i < box->layout.n; i++) {
        const struct host_layer *layer = &box->layout.layers[i];
        _cleanup_close_ int upper = host_box_open_dir(box, layer->dir);
        _cleanup_close_ int host = open(layer->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        const struct place place = {.path = layer->path,
                                    .upper = upper,
                                    .host = host < 0 ? -1 : host,
                                    .layer = layer,
                                    .stump = layer->stump ? layer : NULL};
        /* The program may have removed or replaced the directory of a stump. */
        if (upper == -ENOENT || upper == -ENOTDIR || upper == -ELOOP)
            continue;
        if (upper < 0)
            return error_sys(err, -upper, "open what the sandbox has at \"%s\"", layer->path);
        r = layer_root(&w, &place, err);
        if (r == 0)
            r = walk_place(&w, &place, err);
    }
    return r;
}

int host_within(int (*call)(void *data, struct error *err), void *data, struct error *err)
{
    _cleanup_idmap_ struct idmap map = {0};
    if (geteuid() == 0)
        return call(data, err);
    int r = idmap_default(&map, NULL, err);
    return r < 0 ? r : userns_within(&map, call, data, err);
}
