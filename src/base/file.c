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
