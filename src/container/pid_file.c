#include "container/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

int pid_file_write(const char *path, pid_t pid, struct error *err)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *parent = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    _cleanup_close_ int dir = -EBADF;
    char text[16];
    int r;

    if (!parent)
        return error_oom(err);
    dir = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return error_sys(err, errno, "--pid-file: open directory \"%s\"", parent);
    snprintf(text, sizeof text, "%d", (int)pid);
    r = file_replace_at(dir, slash ? slash + 1 : path, text, strlen(text), 0644, err);
    if (r < 0)
        error_prefix(err, "--pid-file \"%s\"", path);
    return r;
}
