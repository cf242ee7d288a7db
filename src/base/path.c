/*
 * Paths inside a root file system that somebody else controls: see path.h for the rules.
 *
 * Making what is missing is the hard part: the kernel resolves, but does not create parents. walk_create
 * looks up one more component at a time, always from the root with openat2, so that every prefix is judged by
 * the kernel and none by us. Only the first missing component is made, by mkdirat on the descriptor of its
 * parent, where a single name that does not exist cannot lead anywhere. A dangling link in the middle is
 * expanded to its text and the walk starts again from the root, which again keeps it inside.
 */
#include "base/path.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/syscalls.h"

/* The kernel gives up with EAGAIN when something was renamed while it crossed "..": a bounded number of
 * tries, because whoever renames may never stop. */
#define RACE_TRIES 128

/* As the kernel counts symbolic links in one path (MAXSYMLINKS). */
#define LINKS_MAX 40

/* Directories made on the way to a file. */
#define PARENT_MODE 0755

/* The inode number of the root of every procfs. */
#define PROC_ROOT_INODE 1

static int open_resolved(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? mode : 0,
        .resolve = resolve,
    };

    for (int i = 0; i < RACE_TRIES; i++) {
        int fd = sys_openat2(dirfd, path, &how);
        if (fd >= 0)
            return fd;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
    return -EAGAIN;
}

int path_open_in_root(int rootfd, const char *path, int flags, mode_t mode)
{
    return open_resolved(rootfd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int path_open_in_root_nolinks(int rootfd, const char *path, int flags, mode_t mode)
{
    return open_resolved(rootfd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
}

static int open_policy(int rootfd, const char *path, int flags, bool no_links)
{
    return no_links ? path_open_in_root_nolinks(rootfd, path, flags, 0)
                    : path_open_in_root(rootfd, path, flags, 0);
}

/* Replaces path[0..end), whose last component starts at @start and is a symbolic link open as @link, by what
 * the link says. Returns 0, -EAGAIN if it is something else by now, or -errno. */
static int expand_link(char path[PATH_MAX], size_t start, size_t end, int link)
{
    char target[PATH_MAX], whole[PATH_MAX];
    ssize_t n = readlinkat(link, "", target, sizeof target);

    if (n < 0)
        return errno == EINVAL || errno == ENOENT ? -EAGAIN : -errno; /* no link any more: look again */
    if (n == 0 || (size_t)n >= sizeof target)
        return -ENAMETOOLONG;
    target[n] = '\0';
    int len = snprintf(whole, sizeof whole, "%.*s%s%s", target[0] == '/' ? 0 : (int)start, path, target,
                       path + end);
    if (len < 0 || (size_t)len >= sizeof whole)
        return -ENAMETOOLONG;
    memcpy(path, whole, (size_t)len + 1);
    return 0;
}

/* Makes one missing name in @parent. EEXIST is fine: somebody was faster, and the caller looks at what it is.
 */
static int create_one(int parent, const char *name, mode_t mode, bool file)
{
    int r = file ? mknodat(parent, name, S_IFREG | mode, 0) : mkdirat(parent, name, mode);

    return r < 0 && errno != EEXIST ? -errno : 0;
}

/* The state of one walk: how far the path exists. */
struct walk {
    int rootfd;
    mode_t mode;
    bool no_links;
    bool file; /* the last component is to be a file */
    int links; /* dangling links expanded so far */
    int fd;    /* the prefix that exists; owned */
    char path[PATH_MAX];
};

/* One component, path[start..end). Returns 0 to go on, 1 to start again (the path was rewritten), or -errno.
 */
static int walk_step(struct walk *w, size_t start, size_t end)
{
    bool last = w->path[end + strspn(w->path + end, "/")] == '\0';
    bool file = last && w->file;
    char kept = w->path[end];
    char name[NAME_MAX + 1];
    int fd;

    if (end - start > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(name, w->path + start, end - start);
    name[end - start] = '\0';

    /* The kernel's answer for the prefix that ends here. */
    w->path[end] = '\0';
    fd = open_policy(w->rootfd, w->path, O_PATH | (file ? 0 : O_DIRECTORY), w->no_links);
    w->path[end] = kept;
    if (fd == -ENOENT) {
        _cleanup_close_ int link = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (link >= 0) {
            /* Without links nothing can be there that resolves to nothing: it appeared just now. */
            if (w->no_links)
                return -EAGAIN;
            if (++w->links > LINKS_MAX)
                return -ELOOP;
            int r = expand_link(w->path, start, end, link);
            return r < 0 ? r : 1;
        }
        int r = create_one(w->fd, name, file || !w->file ? w->mode : PARENT_MODE, file);
        if (r < 0)
            return r;
        /* Below the parent's descriptor, not by the path: what was made here, or nothing. */
        fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC | (file ? 0 : O_DIRECTORY));
        if (fd < 0)
            return errno == ENOTDIR || errno == ELOOP ? -EAGAIN : -errno;
    }
    if (fd < 0)
        return fd;
    fd_close(&w->fd);
    w->fd = fd;
    return 0;
}

static int walk_create(int rootfd, const char *path, mode_t mode, bool no_links, bool file)
{
    struct walk w = {.rootfd = rootfd, .mode = mode, .no_links = no_links, .file = file, .fd = -EBADF};
    int tries = 0;

    const size_t len = strlen(path);
    if (len >= sizeof w.path)
        return -ENAMETOOLONG;
    memcpy(w.path, path, len + 1);
    for (;;) {
        size_t end = 0;
        int r = 0;

        fd_close(&w.fd);
        w.fd = open_policy(rootfd, ".", O_PATH | O_DIRECTORY, no_links);
        if (w.fd < 0)
            return w.fd;
        for (;;) {
            size_t start = end + strspn(w.path + end, "/");
            end = start + strcspn(w.path + start, "/");
            if (start == end)
                return w.fd; /* all of it exists now; the struct is done with, the descriptor the caller's */
            r = walk_step(&w, start, end);
            if (r != 0)
                break;
        }
        if (r < 0 && (r != -EAGAIN || ++tries > RACE_TRIES)) {
            fd_close(&w.fd);
            return r;
        }
    }
}

/* The common case in few calls: only the last component is missing, and it is a plain name. Returns the
 * descriptor, or -EAGAIN for the long way. */
static int create_last(int rootfd, const char *path, mode_t mode, bool no_links, bool file)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char parent[PATH_MAX];

    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        (size_t)(name - path) >= sizeof parent - 1)
        return -EAGAIN;
    memcpy(parent, path, (size_t)(name - path));
    parent[name - path] = '\0';
    if (name == path)
        memcpy(parent, ".", sizeof ".");
    _cleanup_close_ int dir = open_policy(rootfd, parent, O_PATH | O_DIRECTORY, no_links);
    if (dir < 0 || (file ? mknodat(dir, name, S_IFREG | mode, 0) : mkdirat(dir, name, mode)) < 0)
        return -EAGAIN;
    int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC | (file ? 0 : O_DIRECTORY));
    return fd < 0 ? -EAGAIN : fd;
}

static int create(int rootfd, const char *path, mode_t mode, bool no_links, bool file)
{
    int fd = create_last(rootfd, path, mode, no_links, file);

    return fd == -EAGAIN ? walk_create(rootfd, path, mode, no_links, file) : fd;
}

int path_mkdir_in_root(int rootfd, const char *path, mode_t mode, bool no_links)
{
    int fd = open_policy(rootfd, path, O_PATH | O_DIRECTORY, no_links);

    return fd == -ENOENT && *path ? create(rootfd, path, mode, no_links, false) : fd;
}

int path_mkfile_in_root(int rootfd, const char *path, mode_t mode, bool no_links)
{
    size_t len = strlen(path);
    int fd;

    /* "x/" is a directory by its spelling. */
    if (len == 0)
        return -ENOENT;
    if (path[len - 1] == '/')
        return -EISDIR;
    fd = open_policy(rootfd, path, O_PATH, no_links);
    return fd == -ENOENT ? create(rootfd, path, mode, no_links, true) : fd;
}

char *path_of_fd(int fd)
{
    char name[FD_PATH_MAX];

    /* The length of a magic link is not told by lstat, so the buffer grows until it fits. */
    for (size_t cap = 256; cap <= 1U << 16; cap *= 4) {
        _cleanup_free_ char *target = malloc(cap);
        if (!target)
            return NULL;
        ssize_t n = readlink(fd_path(name, fd), target, cap);
        if (n < 0)
            return NULL;
        if ((size_t)n < cap) {
            target[n] = '\0';
            return TAKE_PTR(target);
        }
    }
    errno = ENAMETOOLONG;
    return NULL;
}

int path_is_fs(int fd, long magic)
{
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return -errno;
    return (long)fs.f_type == magic;
}

/* A new procfs that nobody else has a mount on. -errno where the kernel does not let us have one. */
static int open_private_proc(void)
{
    _cleanup_close_ int fs = sys_fsopen("proc", FSOPEN_CLOEXEC);

    if (fs < 0 || sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    int fd = sys_fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    return fd < 0 ? -errno : fd;
}

int path_open_proc(struct error *err)
{
    int private = open_private_proc();
    struct stat st;

    if (private >= 0)
        return private;
    _cleanup_close_ int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_sys(err, errno, "open \"/proc\"");
    int is_proc = path_is_fs(fd, PROC_SUPER_MAGIC);
    if (is_proc < 0)
        return error_sys(err, -is_proc, "look at \"/proc\"");
    if (fstat(fd, &st) < 0)
        return error_sys(err, errno, "look at \"/proc\"");
    if (!is_proc || st.st_ino != PROC_ROOT_INODE) {
        int r = error_set(err, ENODEV, "\"/proc\" is not the root of a procfs");
        error_hint(err, "mount one there: mount -t proc proc /proc");
        return r;
    }
    return TAKE_FD(fd);
}

char *path_clean(const char *path)
{
    char *out = malloc(strlen(path) + 2);
    size_t len = 0;

    if (!out)
        return NULL;
    while (*path) {
        size_t n = strcspn(path, "/");
        if (n == 2 && path[0] == '.' && path[1] == '.') {
            while (len > 0 && out[--len] != '/')
                ;
        } else if (n > 0 && !(n == 1 && path[0] == '.')) {
            out[len++] = '/';
            memcpy(out + len, path, n);
            len += n;
        }
        path += n + (path[n] == '/');
    }
    if (len == 0)
        out[len++] = '/';
    out[len] = '\0';
    return out;
}
