/*
 * Reading and writing the files of cgroup v1, with messages that name directory, file and value.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "cgroup/v1.h"

#define FILE_MAX (1U << 20)

/* Returns the descriptor; -ENOENT when the cgroup is gone, -ENOTSUP when only the file is not there. */
static int open_file(const char *dir, const char *file, int flags, struct error *err)
{
    _cleanup_free_ char *path = str_printf("%s/%s", dir, file);

    if (!path)
        return error_oom(err);
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0)
        return fd;
    if (errno != ENOENT)
        return error_sys(err, errno, "open \"%s\"", path);
    if (access(dir, F_OK) < 0)
        return error_sys(err, ENOENT, "open the cgroup \"%s\"", dir);
    return error_set(err, ENOTSUP, "the cgroup \"%s\" has no \"%s\": this kernel does not know it", dir,
                     file);
}

int v1_read(const char *dir, const char *file, char **text, struct error *err)
{
    _cleanup_close_ int fd = open_file(dir, file, O_RDONLY, err);

    if (fd < 0)
        return fd;
    int r = fd_read_to_end(fd, FILE_MAX, text, NULL);
    return r < 0 ? error_sys(err, -r, "read \"%s/%s\"", dir, file) : 0;
}

static int write_value(int fd, const char *dir, const char *file, const char *value, struct error *err)
{
    size_t len = strlen(value);

    if (write(fd, value, len) == (ssize_t)len)
        return 0;
    int code = errno;
    _cleanup_free_ char *shown = str_quote(value, 200);
    return error_sys(err, code, "write \"%s\" to \"%s/%s\"", shown ? shown : "?", dir, file);
}

int v1_write(const char *dir, const char *file, const char *value, struct error *err)
{
    _cleanup_close_ int fd = open_file(dir, file, O_WRONLY, err);

    return fd < 0 ? fd : write_value(fd, dir, file, value, err);
}

int v1_write_lines(const char *dir, const char *file, const struct v1_lines *lines, struct error *err)
{
    _cleanup_close_ int fd = lines->count ? open_file(dir, file, O_WRONLY, err) : -EBADF;
    int r = lines->count && fd < 0 ? fd : 0;

    for (size_t i = 0; r == 0 && i < lines->count; i++) {
        char text[V1_LINE_MAX];
        r = write_value(fd, dir, file, lines->line(lines->data, i, text), err);
    }
    return r;
}

int v1_read_u64(const char *dir, const char *file, uint64_t *value, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    int r = v1_read(dir, file, &text, err);

    if (r < 0)
        return r;
    text[strcspn(text, "\n")] = '\0';
    return parse_u64(text, value) < 0
               ? error_set(err, EINVAL, "\"%s/%s\": expected a number, found \"%s\"", dir, file, text)
               : 0;
}
