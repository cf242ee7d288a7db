#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/syscalls.h"

int file_read_at(int dirfd, const char *path, size_t max, char **out, size_t *len, struct error *err)
{
    _cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int r;

    if (fd < 0)
        return error_sys(err, errno, "open \"%s\"", path);
    r = fd_read_to_end(fd, max, out, len);
    if (r == -EFBIG)
        return error_set(err, EFBIG, "read \"%s\": the file is larger than %zu bytes", path, max);
    if (r < 0)
        return error_sys(err, -r, "read \"%s\"", path);
    return 0;
}

int file_write_at(int dirfd, const char *path, const void *data, size_t n, struct error *err)
{
    _cleanup_close_ int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return error_sys(err, errno, "open \"%s\" for writing", path);
    ssize_t w = write(fd, data, n);
    if (w < 0)
        return error_sys(err, errno, "write \"%.*s\" to \"%s\"", (int)(n > 80 ? 80 : n), (const char *)data,
                         path);
    if ((size_t)w != n)
        return error_set(err, EIO, "write to \"%s\": only %zd of %zu bytes were taken", path, w, n);
    return 0;
}

int file_replace_at(int dirfd, const char *name, const void *data, size_t n, mode_t mode, struct error *err)
{
    _cleanup_free_ char *temporary = str_printf(".%s.%d.tmp", name, (int)getpid());
    _cleanup_close_ int fd = -EBADF;
    int r;

    if (!temporary)
        return error_oom(err);
    /* Left by a killed process of the same pid: nobody else can be writing it now. */
    (void)unlinkat(dirfd, temporary, 0);
    fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return error_sys(err, errno, "create \"%s\"", temporary);
    r = fd_write_all(fd, data, n);
    if (r == 0 && fchmod(fd, mode) < 0)
        r = -errno;
    if (r == 0 && renameat(dirfd, temporary, dirfd, name) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlinkat(dirfd, temporary, 0);
        return error_sys(err, -r, "write \"%s\"", name);
    }
    return 0;
}

int mkdir_parents(const char *path, mode_t mode, struct error *err)
{
    _cleanup_free_ char *copy = strdup(path);

    if (!copy)
        return error_oom(err);
    for (char *p = copy + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        bool last = *p == '\0';
        *p = '\0';
        if (mkdir(copy, mode) < 0 && errno != EEXIST)
            return error_sys(err, errno, "create directory \"%s\"", copy);
        if (last)
            break;
        *p = '/';
    }
    struct stat st;
    if (stat(path, &st) < 0)
        return error_sys(err, errno, "create directory \"%s\"", path);
    if (!S_ISDIR(st.st_mode))
        return error_sys(err, ENOTDIR, "create directory \"%s\"", path);
    return 0;
}

/* Opens a directory without following its last component and without crossing a mount. */
static int open_for_removal(int dirfd, const char *name)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
        .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH,
    };
    int fd = sys_openat2(dirfd, name, &how);

    return fd < 0 ? -errno : fd;
}

/* Removes what @fd (consumed) holds. Depth is bounded by the tree; directories are chmod'ed where a mode
 * without write or search bits of our own would stop us. */
static void remove_content(int fd, int *first)
{
    _cleanup_closedir_ DIR *dir = fdopendir(fd);

    if (!dir) {
        if (!*first)
            *first = -errno;
        close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        int here = dirfd(dir);
        if (e->d_type != DT_DIR && unlinkat(here, e->d_name, 0) == 0)
            continue;
        if (e->d_type != DT_DIR && errno != EISDIR && errno != EPERM && errno != EACCES) {
            if (errno != ENOENT && !*first)
                *first = -errno;
            continue;
        }
        int sub = open_for_removal(here, e->d_name);
        if (sub == -EACCES && fchmodat(here, e->d_name, 0700, 0) == 0)
            sub = open_for_removal(here, e->d_name);
        if (sub >= 0) {
            (void)fchmod(sub, 0700);
            remove_content(sub, first);
        }
        if (unlinkat(here, e->d_name, sub == -ENOTDIR ? 0 : AT_REMOVEDIR) < 0 && errno != ENOENT && !*first)
            *first = -errno;
    }
}

int remove_tree_at(int dirfd, const char *name, struct error *err)
{
    int first = 0, fd = open_for_removal(dirfd, name);

    if (fd == -ENOENT)
        return 0;
    if (fd == -ENOTDIR || fd == -ELOOP) {
        if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
            return 0;
        return error_sys(err, errno, "remove \"%s\"", name);
    }
    if (fd < 0)
        return error_sys(err, -fd, "remove \"%s\"", name);
    remove_content(fd, &first);
    if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT && !first)
        first = -errno;
    if (first)
        return error_sys(err, -first, "remove directory \"%s\"", name);
    return 0;
}

char *path_absolute(const char *path)
{
    _cleanup_free_ char *cwd = NULL;

    if (path[0] == '/')
        return strdup(path);
    cwd = getcwd(NULL, 0);
    if (!cwd)
        return NULL;
    return str_printf("%s%s%s", cwd, strcmp(cwd, "/") == 0 ? "" : "/", path);
}
