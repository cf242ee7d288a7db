/*
 * Why a path of the host could not be opened: the component that is at fault, by name.
 *
 * "permission denied" on a long path is the error users report most: nearly always one parent, often the home
 * directory, lacks search permission for the mapped ids of a container.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "rootfs/internal.h"

/* Looks at the directory @prefix on the way to something. Returns true if it explains @code. */
static bool blame(const char *prefix, bool last, int code, struct error *err)
{
    struct stat st;

    if (stat(prefix, &st) < 0) {
        if (code == errno && code == ENOENT && !last)
            error_hint(err, "\"%s\" does not exist", prefix);
        return true;
    }
    if (code == ENOTDIR && !S_ISDIR(st.st_mode)) {
        error_hint(err, "\"%s\" is not a directory", prefix);
        return true;
    }
    if (code == EACCES && S_ISDIR(st.st_mode) && faccessat(AT_FDCWD, prefix, X_OK, AT_EACCESS) < 0) {
        error_hint(err,
                   "directory \"%s\" (owner %u, mode %04o) may not be searched by uid %u: chmod a+x \"%s\"",
                   prefix, (unsigned)st.st_uid, (unsigned)(st.st_mode & 07777), (unsigned)geteuid(), prefix);
        return true;
    }
    return false;
}

int path_failure(const char *what, const char *path, int code, struct error *err)
{
    char prefix[PATH_MAX];
    size_t len = strlen(path);

    error_sys(err, code, "%s \"%s\"", what, path);
    if (!err || len == 0 || len >= sizeof prefix || (code != EACCES && code != ENOENT && code != ENOTDIR))
        return -code;
    for (size_t i = 0; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        size_t n = i == 0 ? 1 : i;
        memcpy(prefix, path, n);
        prefix[n] = '\0';
        if (blame(prefix, path[i] == '\0', code, err))
            break;
    }
    return -code;
}
