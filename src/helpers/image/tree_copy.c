/*
 * Copying a layer onto those below it.
 *
 * The trees come from archives of strangers, but nobody changes them meanwhile: each was made by this program
 * in a directory that only its user reaches. Names are still only ever used in the directory they were read
 * from, and never followed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "helpers/image/interrupt.h"
#include "helpers/image/name.h"
#include "helpers/image/tree.h"

#define XATTR_NAMES_MAX (64 * 1024)

/* A file that has more than one name: where it was copied to. */
struct linked {
    dev_t dev;
    ino_t ino;
    char *path; /* owned; below the destination */
};

struct copy {
    int to; /* the destination's root, borrowed */
    enum whiteout_form form;
    struct status *status;
    uint64_t entries, bytes;
    struct strbuf path; /* of the entry at hand, without a slash before it */
    struct linked *linked;
    size_t n_linked, room;
    char *names, *value; /* XATTR_NAMES_MAX each */
};

static void copy_free(struct copy *c)
{
    for (size_t i = 0; i < c->n_linked; i++)
        free(c->linked[i].path);
    free(c->linked);
    free(c->names);
    free(c->value);
    strbuf_free(&c->path);
}

static int copy_xattrs(struct copy *c, int from, int to, struct error *err)
{
    ssize_t len = flistxattr(from, c->names, XATTR_NAMES_MAX);

    if (len < 0)
        return errno == EOPNOTSUPP ? 0 : error_sys(err, errno, "list the extended attributes");
    for (const char *name = c->names; name < c->names + len; name += strlen(name) + 1) {
        if (str_starts(name, "user.overlay."))
            continue;
        ssize_t size = fgetxattr(from, name, c->value, XATTR_NAMES_MAX);
        if (size < 0 || (fsetxattr(to, name, c->value, (size_t)size, 0) < 0 && errno != EOPNOTSUPP &&
                         errno != EPERM && errno != EACCES))
            return error_sys(err, errno, "copy the extended attribute \"%s\"", name);
    }
    return 0;
}

/* Owner, mode, attributes, times: in the order in which none takes another away. */
static int copy_meta(struct copy *c, int from, int to, const struct stat *st, struct error *err)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};

    if (fchown(to, st->st_uid, st->st_gid) < 0)
        return error_sys(err, errno, "give to owner %u:%u", (unsigned)st->st_uid, (unsigned)st->st_gid);
    if (fchmod(to, st->st_mode & 07777) < 0)
        return error_sys(err, errno, "set the mode");
    int r = copy_xattrs(c, from, to, err);
    if (r == 0 && futimens(to, times) < 0)
        r = error_sys(err, errno, "set the times");
    return r;
}

/* Makes room at the destination: whatever is there goes. */
static int clear(int at, const char *name, struct error *err)
{
    if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
        return 0;
    return errno == EISDIR ? remove_tree_at(at, name, err) : error_sys(err, errno, "replace what is there");
}

/* Data between holes. */
static int copy_data(int from, int to, off_t size, struct error *err)
{
    if (ioctl(to, FICLONE, from) == 0)
        return 0;
    for (off_t at = 0; at < size;) {
        off_t start = lseek(from, at, SEEK_DATA);
        if (start < 0 && errno == ENXIO)
            break;
        off_t end = start < 0 ? size : lseek(from, start, SEEK_HOLE);
        if (start < 0)
            start = at;
        if (end < 0)
            end = size;
        off_t in = start, out = start;
        while (in < end) {
            ssize_t n = copy_file_range(from, &in, to, &out, (size_t)(end - in), 0);
            if (n < 0)
                return error_sys(err, errno, "copy");
            if (n == 0)
                return error_set(err, EIO, "copy: the file became shorter");
            if (interrupted())
                return error_set(err, EINTR, "interrupted");
        }
        at = end;
    }
    return ftruncate(to, size) < 0 ? error_sys(err, errno, "set the size") : 0;
}

/* Another name of a file that was copied already? 1 if it was linked. */
static int link_known(struct copy *c, const struct stat *st, int to, const char *name, struct error *err)
{
    for (size_t i = 0; st->st_nlink > 1 && i < c->n_linked; i++) {
        if (c->linked[i].ino != st->st_ino || c->linked[i].dev != st->st_dev)
            continue;
        _cleanup_free_ char *parent = strndup(c->linked[i].path, name_parent_len(c->linked[i].path));
        if (!parent)
            return error_oom(err);
        _cleanup_close_ int at =
            path_open_in_root_nolinks(c->to, *parent ? parent : ".", O_PATH | O_DIRECTORY, 0);
        if (at < 0 || linkat(at, name_base(c->linked[i].path), to, name, 0) < 0)
            return error_sys(err, at < 0 ? -at : errno, "link to \"%s\"", c->linked[i].path);
        return 1;
    }
    return 0;
}

static int remember(struct copy *c, const struct stat *st, struct error *err)
{
    if (c->n_linked == c->room) {
        size_t room = c->room ? c->room * 2 : 64;
        void *more = reallocarray(c->linked, room, sizeof c->linked[0]);
        if (!more)
            return error_oom(err);
        c->linked = more;
        c->room = room;
    }
    c->linked[c->n_linked] =
        (struct linked){.dev = st->st_dev, .ino = st->st_ino, .path = strdup(c->path.data)};
    return c->linked[c->n_linked].path ? (c->n_linked++, 0) : error_oom(err);
}

static int copy_file(struct copy *c, int from, int to, const char *name, const struct stat *st,
                     struct error *err)
{
    int r = link_known(c, st, to, name, err);

    if (r != 0)
        return r < 0 ? r : 0;
    _cleanup_close_ int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    if (in < 0)
        return error_sys(err, errno, "open");
    _cleanup_close_ int out =
        openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
    if (out < 0)
        return error_sys(err, errno, "create the file");
    r = st->st_size > 0 ? copy_data(in, out, st->st_size, err) : 0;
    if (r == 0)
        r = copy_meta(c, in, out, st, err);
    if (r == 0 && st->st_nlink > 1)
        r = remember(c, st, err);
    c->bytes += (uint64_t)st->st_size;
    return r;
}

static int copy_other(int from, int to, const char *name, const struct stat *st, struct error *err)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    char target[4096];

    if (S_ISLNK(st->st_mode)) {
        ssize_t n = readlinkat(from, name, target, sizeof target - 1);
        if (n < 0)
            return error_sys(err, errno, "read the link");
        target[n] = '\0';
        if (symlinkat(target, to, name) < 0)
            return error_sys(err, errno, "create the symbolic link");
    } else if (mknodat(to, name, st->st_mode, st->st_rdev) < 0) {
        return errno == EPERM ? 0 : error_sys(err, errno, "create the special file");
    }
    if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(err, errno, "give to owner %u:%u", (unsigned)st->st_uid, (unsigned)st->st_gid);
    return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? error_sys(err, errno, "set the times") : 0;
}

static bool is_opaque(struct copy *c, int dir)
{
    struct stat st;

    if (c->form == WHITEOUTS_FILES)
        return fstatat(dir, WHITEOUT_OPAQUE, &st, AT_SYMLINK_NOFOLLOW) == 0;
    return fgetxattr(dir, XATTR_OPAQUE, c->value, XATTR_NAMES_MAX) == 1 && c->value[0] == 'y';
}

static int copy_content(struct copy *c, int from, int to, unsigned depth, struct error *err);

static int copy_directory(struct copy *c, int from, int to, const char *name, const struct stat *st,
                          unsigned depth, struct error *err)
{
    struct stat there;

    if (depth >= TREE_DEPTH_MAX)
        return error_set(err, ENAMETOOLONG, "directories are nested more than %d deep", TREE_DEPTH_MAX);
    if (fstatat(to, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(there.st_mode)) {
        int r = clear(to, name, err);
        if (r < 0)
            return r;
    }
    if (mkdirat(to, name, 0700) < 0 && errno != EEXIST)
        return error_sys(err, errno, "create the directory");
    _cleanup_close_ int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (in < 0)
        return error_sys(err, errno, "open the directory");
    _cleanup_close_ int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (out < 0)
        return error_sys(err, errno, "open the new directory");
    int r = is_opaque(c, in) ? remove_content_at(out, err) : 0;
    if (r == 0)
        r = copy_content(c, in, out, depth + 1, err);
    return r < 0 ? r : copy_meta(c, in, out, st, err);
}

/* 1 if @name takes something away, and it was; 0 if it is a file like others. */
static int take_whiteout(struct copy *c, int to, const char *name, const struct stat *st, bool remove,
                         struct error *err)
{
    enum whiteout_kind kind;
    const char *gone = name;
    int r;

    if (c->form == WHITEOUTS_OVERLAY) {
        if (!whiteout_is(st))
            return 0;
    } else {
        r = whiteout_parse(name, &kind, &gone, err);
        if (r < 0 || kind == WHITEOUT_NONE)
            return r;
        if (kind != WHITEOUT_NAME)
            return 1;
    }
    r = remove ? clear(to, gone, err) : 0;
    return r < 0 ? r : 1;
}

/* @pass 0 takes away, 1 brings: a name may be in both, and means the latter then. */
static int copy_entry(struct copy *c, int from, int to, const char *name, unsigned depth, int pass,
                      struct error *err)
{
    struct stat st;

    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(err, errno, "stat");
    int r = take_whiteout(c, to, name, &st, pass == 0 || c->form == WHITEOUTS_OVERLAY, err);
    if (r != 0 || pass == 0)
        return r < 0 ? r : 0;
    c->entries++;
    status_progress(c->status, c->bytes, 0, c->entries);
    if (S_ISDIR(st.st_mode))
        return copy_directory(c, from, to, name, &st, depth, err);
    r = clear(to, name, err);
    if (r < 0)
        return r;
    return S_ISREG(st.st_mode) ? copy_file(c, from, to, name, &st, err)
                               : copy_other(from, to, name, &st, err);
}

static int copy_names(struct copy *c, DIR *dir, int from, int to, unsigned depth, int pass, struct error *err)
{
    for (struct dirent *e; (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        size_t len = c->path.len;
        strbuf_addf(&c->path, "%s%s", len ? "/" : "", e->d_name);
        if (c->path.oom)
            return error_oom(err);
        int r = copy_entry(c, from, to, e->d_name, depth, pass, err);
        if (r == 0 && interrupted())
            r = error_set(err, EINTR, "interrupted");
        if (r < 0)
            return r;
        c->path.len = len;
        c->path.data[len] = '\0';
    }
    return 0;
}

static int copy_content(struct copy *c, int from, int to, unsigned depth, struct error *err)
{
    int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        r = error_sys(err, errno, "list the directory");
        fd_close(&fd);
        return r;
    }
    for (int pass = c->form == WHITEOUTS_FILES ? 0 : 1; r == 0 && pass < 2; pass++) {
        rewinddir(dir);
        r = copy_names(c, dir, from, to, depth, pass, err);
    }
    return r;
}

int tree_copy(int from, int to, enum whiteout_form form, struct status *status, uint64_t *entries,
              uint64_t *bytes, struct error *err)
{
    _cleanup_(copy_free) struct copy c = {.to = to, .form = form, .status = status};
    struct stat st;

    c.names = malloc(XATTR_NAMES_MAX);
    c.value = malloc(XATTR_NAMES_MAX);
    strbuf_add(&c.path, "");
    if (!c.names || !c.value || c.path.oom)
        return error_oom(err);
    if (fstat(from, &st) < 0)
        return error_sys(err, errno, "stat the layer");
    int r = is_opaque(&c, from) ? remove_content_at(to, err) : 0;
    if (r == 0)
        r = copy_content(&c, from, to, 0, err);
    if (r == 0)
        r = copy_meta(&c, from, to, &st, err);
    if (r < 0 && c.path.len > 0) {
        _cleanup_free_ char *shown = str_quote(c.path.data, 200);
        error_prefix(err, "\"%s\"", shown ? shown : "?");
    }
    *entries = c.entries;
    *bytes = c.bytes;
    return r;
}
