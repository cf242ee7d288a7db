#include "sandbox/layered.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/path.h"

/* Does @layer say that there is no @path? Such a file can be opened as a name only. */
static bool is_whiteout(int layer, const char *path)
{
    _cleanup_close_ int fd = path_open_in_root(layer, path, O_PATH | O_NOFOLLOW, 0);
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

/* Does layer @fd hide what layers below have at @path: by an opaque directory on the way? */
static bool hides(int fd, const char *path)
{
    for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
        char value, *parent = slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
        if (!parent)
            return true;
        _cleanup_close_ int dir = path_open_in_root(fd, parent, O_RDONLY | O_DIRECTORY, 0);
        _cleanup_close_ int entry =
            dir == -ENOENT ? path_open_in_root(fd, parent, O_PATH | O_NOFOLLOW, 0) : -EBADF;
        free(parent);
        if (dir < 0) /* something that is no directory: a whiteout, a link that leads nowhere */
            return dir != -ENOENT || entry >= 0;
        if (fgetxattr(dir, "user.overlay.opaque", &value, 1) == 1 && value == 'y')
            return true;
    }
    return false;
}

int layered_open(const struct layered *root, const char *path, int flags)
{
    for (size_t i = 0; i < root->n; i++) {
        bool last = i + 1 == root->n;
        int fd = path_open_in_root(root->fds[i], path, flags, 0);
        if (fd >= 0 && !(flags & O_PATH))
            return fd;
        if (fd != -ENOENT && is_whiteout(root->fds[i], path)) {
            fd_close(&fd);
            return -ENOENT;
        }
        if (fd >= 0)
            return fd;
        if (last || fd != -ENOENT || hides(root->fds[i], path))
            return fd;
    }
    return -ENOENT;
}
