/*
 * Removing whole trees that somebody else may have built.
 *
 * Theory of operation: a directory is opened without following a link and without crossing into another
 * mount, and everything is done relative to its descriptor. The depth of the tree is the attacker's choice,
 * descriptors and stack are not: at DEPTH_MAX a directory is not entered but moved up, next to the tree's
 * top, under a name of our own, and removed from there in the next pass over the top. A tree of any depth
 * then takes DEPTH_MAX descriptors at most, and each level is visited once.
 *
 * A directory without permissions is given them on the way, for callers without CAP_DAC_OVERRIDE.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/syscalls.h"

#define DEPTH_MAX 64

/* Passes over one directory: entries that appear while it is read (moved up by us, or made by somebody) get
 * another one, but nobody keeps us busy for ever. */
#define PASSES_MAX 100000

struct removal {
    int top;        /* deep directories are moved here */
    unsigned moved; /* number of the next name there */
};

static int open_for_removal(int dirfd, const char *name, uint64_t flags)
{
    struct open_how how = {
        .flags = flags | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
        .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH,
    };
    int fd = sys_openat2(dirfd, name, &how);

    return fd < 0 ? -errno : fd;
}

/* Opens a subdirectory that may have no permissions. They are given through its descriptor, so that a link
 * put in its place meanwhile is not what changes. */
static int open_sub(int dirfd, const char *name)
{
    char path[FD_PATH_MAX];
    int fd = open_for_removal(dirfd, name, O_RDONLY);

    if (fd != -EACCES)
        return fd;
    _cleanup_close_ int handle = open_for_removal(dirfd, name, O_PATH);
    if (handle < 0)
        return handle;
    if (chmod(fd_path(path, handle), 0700) < 0)
        return -EACCES;
    return open_for_removal(dirfd, name, O_RDONLY);
}

/* unlinkat, once more with permissions when they are missing. Returns 0 (also when it is gone already) or
 * -errno. */
static int unlink_here(int dirfd, const char *name, int flags)
{
    if (unlinkat(dirfd, name, flags) == 0 || errno == ENOENT)
        return 0;
    if (errno != EACCES || fchmod(dirfd, 0700) < 0)
        return -errno;
    return unlinkat(dirfd, name, flags) == 0 || errno == ENOENT ? 0 : -errno;
}

/* Moves directory @name out of a directory that is too deep. Returns 0 or -errno. */
static int move_up(struct removal *r, int dirfd, const char *name)
{
    char to[32];

    for (;;) {
        snprintf(to, sizeof to, ".bryo-remove.%u", r->moved++);
        if (renameat2(dirfd, name, r->top, to, RENAME_NOREPLACE) == 0)
            return 0;
        if (errno == EACCES && fchmod(dirfd, 0700) == 0 &&
            renameat2(dirfd, name, r->top, to, RENAME_NOREPLACE) == 0)
            return 0;
        if (errno != EEXIST || r->moved == 0)
            return -errno;
    }
}

static int remove_content(struct removal *r, int fd, int depth);

/* Removes the directory @name with its content. Returns 0 or -errno. */
static int remove_directory(struct removal *r, int dirfd, const char *name, int depth)
{
    if (depth >= DEPTH_MAX) {
        /* An empty one needs no move. */
        int k = unlink_here(dirfd, name, AT_REMOVEDIR);
        return k == -ENOTEMPTY || k == -EEXIST ? move_up(r, dirfd, name) : k;
    }
    int sub = open_sub(dirfd, name);
    if (sub == -ENOENT)
        return 0;
    if (sub < 0)
        return sub;
    int k = remove_content(r, sub, depth + 1);
    int gone = unlink_here(dirfd, name, AT_REMOVEDIR);
    return k < 0 ? k : gone;
}

/* One pass over @dir. *any: something went away. Returns 0 or the first failure. */
static int remove_pass(struct removal *r, DIR *dir, int depth, bool *any)
{
    int here = dirfd(dir), first = 0;

    for (struct dirent *e; (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        /* unlinkat says EISDIR for a directory; EPERM is the answer of POSIX. */
        int k = e->d_type == DT_DIR ? -EISDIR : unlink_here(here, e->d_name, 0);
        if (k == -EISDIR || (k == -EPERM && e->d_type == DT_UNKNOWN))
            k = remove_directory(r, here, e->d_name, depth);
        if (k == 0)
            *any = true;
        else if (first == 0)
            first = k;
    }
    return first;
}

static bool is_empty(DIR *dir)
{
    rewinddir(dir);
    for (struct dirent *e; (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            return false;
    return true;
}

/* Removes what @fd (consumed) holds. Returns 0 or the first failure. */
static int remove_content(struct removal *r, int fd, int depth)
{
    _cleanup_closedir_ DIR *dir = fdopendir(fd);

    if (!dir) {
        int code = -errno;
        close(fd);
        return code;
    }
    for (int pass = 0; pass < PASSES_MAX; pass++) {
        unsigned moved = r->moved;
        bool any = false;
        int k = remove_pass(r, dir, depth, &any);
        /* What was moved up, into this directory, is seen by the next pass; and a file system may skip
         * entries of a directory that changes while it is read. */
        if (k < 0 && (!any || moved == r->moved))
            return k;
        if (is_empty(dir))
            return 0;
        if (!any && moved == r->moved)
            return k < 0 ? k : -ENOTEMPTY;
        rewinddir(dir);
    }
    return -EBUSY;
}

/* The content of the top directory @fd (consumed), to which deep directories may move. */
static int remove_top(int fd)
{
    _cleanup_close_ int top = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    struct removal r = {.top = top};

    if (top < 0) {
        int code = -errno;
        close(fd);
        return code;
    }
    return remove_content(&r, fd, 0);
}

int remove_content_at(int fd, struct error *err)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = copy < 0 ? -errno : remove_top(copy);

    return r < 0 ? error_sys(err, -r, "remove the content of a directory") : 0;
}

int remove_tree_at(int dirfd, const char *name, struct error *err)
{
    int fd = open_sub(dirfd, name), r;

    if (fd == -ENOENT)
        return 0;
    if (fd == -ENOTDIR || fd == -ELOOP) {
        r = unlink_here(dirfd, name, 0);
        return r < 0 ? error_sys(err, -r, "remove \"%s\"", name) : 0;
    }
    if (fd < 0)
        return error_sys(err, -fd, "remove \"%s\"", name);
    r = remove_top(fd);
    int gone = unlink_here(dirfd, name, AT_REMOVEDIR);
    r = r < 0 ? r : gone;
    return r < 0 ? error_sys(err, -r, "remove directory \"%s\"", name) : 0;
}
