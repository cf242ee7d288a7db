/*
 * Reading and writing the files of a cgroup2 directory, with messages that name directory, file and value.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "cgroup/v2_internal.h"

#define FILE_MAX (1U << 20)

/* The directory has the file unless its controller is not enabled, or the kernel too old. */
static int open_failed(const char *shown, const char *file, int code, struct error *err)
{
    if (code != ENOENT && code != ENODEV)
        return error_sys(err, code, "open \"%s/%s\"", shown, file);
    error_set(err, ENOENT, "the cgroup \"%s\" has no \"%s\"", shown, file);
    int controller = controller_of_file(file);
    if (controller > CGROUP_CORE)
        error_hint(err, "the controller \"%s\" is not enabled there, or this kernel does not know the file",
                   controller_name((enum cgroup_controller)controller));
    else
        error_hint(err, "the cgroup was removed, or this kernel does not know the file");
    return -ENOENT;
}

int v2_read(int dirfd, const char *shown, const char *file, char **text, struct error *err)
{
    _cleanup_close_ int fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return open_failed(shown, file, errno, err);
    int r = fd_read_to_end(fd, FILE_MAX, text, NULL);
    return r < 0 ? error_sys(err, -r, "read \"%s/%s\"", shown, file) : 0;
}

int v2_write(int dirfd, const char *shown, const char *file, const char *value, struct error *err)
{
    _cleanup_close_ int fd = openat(dirfd, file, O_WRONLY | O_CLOEXEC);
    _cleanup_free_ char *quoted = NULL;

    if (fd < 0)
        return open_failed(shown, file, errno, err);
    size_t len = strlen(value);
    if (write(fd, value, len) == (ssize_t)len)
        return 0;
    int code = errno;
    quoted = str_quote(value, 200);
    return error_sys(err, code, "write \"%s\" to \"%s/%s\"", quoted ? quoted : "?", shown, file);
}

int v2_key(const char *text, const char *key, uint64_t *value)
{
    size_t len = strlen(key);

    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line, key, len) != 0 || line[len] != ' ')
            continue;
        char number[24];
        size_t digits = strcspn(line + len + 1, "\n");
        if (digits >= sizeof number)
            return -ENOENT;
        memcpy(number, line + len + 1, digits);
        number[digits] = '\0';
        return parse_u64(number, value) < 0 ? -ENOENT : 0;
    }
    return -ENOENT;
}
