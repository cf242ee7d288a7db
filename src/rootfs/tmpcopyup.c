/*
 * tmpcopyup: a tmpfs starts with what the image has at its place.
 *
 * The image is hostile: every name is opened relative to the directory that holds it and without following
 * links, and each thing is looked at through the descriptor that is then used. Owners, modes, times, and the
 * user's extended attributes are kept; sockets are left out, since a copy of one connects to nothing.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

/* The recursion needs an end, and each level holds three descriptors. */
#define DEPTH_MAX 256

/* One directory on both sides. The path is for messages. */
struct level {
    int from, to;
    const char *path;
    int depth;
};

static int copy_tree(const struct level *dir, struct error *err);

static int fail(const struct level *dir, const char *name, const char *what, struct error *err)
{
    return error_sys(err, errno, "tmpcopyup: %s \"%s/%s\"", what, dir->path, name);
}

static int copy_content(int from, int to)
{
    char buf[65536];
    ssize_t n;

    for (;;) {
        n = copy_file_range(from, NULL, to, NULL, 1U << 30, 0);
        if (n == 0)
            return 0;
        if (n < 0)
            break;
    }
    if (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS)
        return -1;
    while ((n = read(from, buf, sizeof buf)) > 0)
        for (ssize_t done = 0, w; done < n; done += w)
            if ((w = write(to, buf + done, (size_t)(n - done))) < 0)
                return -1;
    return n < 0 ? -1 : 0;
}

/* As many as the tmpfs takes: on older kernels it knows no "user." ones, and those of security modules are
 * theirs. */
static int copy_xattrs(int from, int to)
{
    char names[65536], value[65536];
    ssize_t n = flistxattr(from, names, sizeof names);

    if (n < 0)
        return errno == EOPNOTSUPP ? 0 : -1;
    for (char *name = names; name < names + n; name += strlen(name) + 1) {
        ssize_t len = fgetxattr(from, name, value, sizeof value);
        if (len < 0)
            return -1;
        if (fsetxattr(to, name, value, (size_t)len, 0) < 0 && errno != EOPNOTSUPP && errno != EPERM)
            return -1;
    }
    return 0;
}

/* An owner that the user namespace does not map can not be given: the copy is ours then. */
static int copy_owner(int dir, const char *name, const struct stat *st)
{
    int r = fchownat(dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);

    return r < 0 && errno == EINVAL ? 0 : r;
}

/* Owner before mode, since a change of owner takes setuid away; times last. */
static int copy_attributes(int from, int to, const struct stat *st)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};

    if (copy_owner(to, "", st) < 0 || fchmod(to, st->st_mode & 07777) < 0 || copy_xattrs(from, to) < 0)
        return -1;
    return futimens(to, times);
}

static int copy_file(const struct level *dir, const char *name, const struct stat *st, struct error *err)
{
    _cleanup_close_ int from = openat(dir->from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat now;

    if (from < 0)
        return fail(dir, name, "open", err);
    /* Swapped between the look and the open: not a file any more. */
    if (fstat(from, &now) < 0 || !S_ISREG(now.st_mode)) {
        errno = EAGAIN;
        return fail(dir, name, "open", err);
    }
    _cleanup_close_ int to =
        openat(dir->to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return fail(dir, name, "make", err);
    if (copy_content(from, to) < 0 || copy_attributes(from, to, st) < 0)
        return fail(dir, name, "copy", err);
    return 0;
}

static int copy_directory(const struct level *dir, const char *name, const struct stat *st, struct error *err)
{
    _cleanup_free_ char *path = str_printf("%s/%s", dir->path, name);
    _cleanup_close_ int from = openat(dir->from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct level sub = {.from = from, .path = path, .depth = dir->depth + 1};

    if (!path)
        return error_oom(err);
    if (from < 0)
        return fail(dir, name, "open", err);
    if (sub.depth > DEPTH_MAX)
        return error_set(err, ENAMETOOLONG, "tmpcopyup: \"%s\" has more than %d levels", path, DEPTH_MAX);
    if (mkdirat(dir->to, name, 0700) < 0)
        return fail(dir, name, "make", err);
    _cleanup_close_ int to = openat(dir->to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0)
        return fail(dir, name, "open the copy of", err);
    sub.to = to;
    int r = copy_tree(&sub, err);
    if (r < 0)
        return r;
    return copy_attributes(from, to, st) < 0 ? fail(dir, name, "set the attributes of", err) : 0;
}

static int copy_link(const struct level *dir, const char *name, const struct stat *st, struct error *err)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    char target[PATH_MAX];
    ssize_t n = readlinkat(dir->from, name, target, sizeof target);

    if (n >= (ssize_t)sizeof target)
        errno = ENAMETOOLONG;
    if (n < 0 || n >= (ssize_t)sizeof target)
        return fail(dir, name, "read", err);
    target[n] = '\0';
    if (symlinkat(target, dir->to, name) < 0 || copy_owner(dir->to, name, st) < 0 ||
        utimensat(dir->to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(dir, name, "make", err);
    return 0;
}

static int copy_node(const struct level *dir, const char *name, const struct stat *st, struct error *err)
{
    if (mknodat(dir->to, name, st->st_mode, st->st_rdev) < 0 || copy_owner(dir->to, name, st) < 0)
        return fail(dir, name, "make", err);
    return 0;
}

static int copy_entry(const struct level *dir, const char *name, struct error *err)
{
    struct stat st;

    if (fstatat(dir->from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(dir, name, "look at", err);
    switch (st.st_mode & S_IFMT) {
    case S_IFREG:
        return copy_file(dir, name, &st, err);
    case S_IFDIR:
        return copy_directory(dir, name, &st, err);
    case S_IFLNK:
        return copy_link(dir, name, &st, err);
    case S_IFSOCK:
        return 0;
    default:
        return copy_node(dir, name, &st, err);
    }
}

static int copy_tree(const struct level *dir, struct error *err)
{
    int list = fcntl(dir->from, F_DUPFD_CLOEXEC, 0);
    _cleanup_closedir_ DIR *entries = list < 0 ? NULL : fdopendir(list);
    struct dirent *e;

    if (!entries) {
        int code = errno;
        if (list >= 0)
            close(list);
        return error_sys(err, code, "tmpcopyup: read \"%s\"", dir->path);
    }
    for (errno = 0; (e = readdir(entries)); errno = 0) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        int r = copy_entry(dir, e->d_name, err);
        if (r < 0)
            return r;
    }
    return errno ? error_sys(err, errno, "tmpcopyup: read \"%s\"", dir->path) : 0;
}

int tmpcopyup(int from, int to, const char *path, struct error *err)
{
    _cleanup_close_ int source = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    if (source < 0)
        return error_sys(err, errno, "tmpcopyup: open \"%s\"", path);
    int r = copy_tree(&(struct level){.from = source, .to = to, .path = path}, err);
    if (r < 0)
        return r;
    /* The root has its mode from the mount's options already. */
    if (fstat(source, &st) < 0 || copy_owner(to, "", &st) < 0)
        return error_sys(err, errno, "tmpcopyup: set the owner of \"%s\"", path);
    return 0;
}
