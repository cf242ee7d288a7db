#include "helpers/image/whiteout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

#define PROBE ".wh..probe"

int whiteouts_probe(int dir, enum whiteout_form *form, struct error *err)
{
    *form = WHITEOUTS_FILES;
    if (mknodat(dir, PROBE, S_IFCHR, makedev(0, 0)) < 0) {
        if (errno == EPERM || errno == EACCES || errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS)
            return 0;
        return error_sys(err, errno, "find out what the file system can do");
    }
    if (unlinkat(dir, PROBE, 0) < 0)
        return error_sys(err, errno, "find out what the file system can do");
    if (fsetxattr(dir, XATTR_OPAQUE, "n", 1, 0) < 0) {
        if (errno == EOPNOTSUPP || errno == EPERM || errno == EACCES)
            return 0;
        return error_sys(err, errno, "find out what the file system can do");
    }
    if (fremovexattr(dir, XATTR_OPAQUE) < 0)
        return error_sys(err, errno, "find out what the file system can do");
    *form = WHITEOUTS_OVERLAY;
    return 0;
}

int whiteout_parse(const char *base, enum whiteout_kind *kind, const char **name, struct error *err)
{
    *kind = WHITEOUT_NONE;
    if (!str_starts(base, WHITEOUT_PREFIX))
        return 0;
    *name = base + strlen(WHITEOUT_PREFIX);
    if (strcmp(base, WHITEOUT_OPAQUE) == 0)
        *kind = WHITEOUT_BELOW;
    else if (str_starts(*name, WHITEOUT_PREFIX))
        *kind = WHITEOUT_IGNORED;
    else if (!**name || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
        return error_set(err, EINVAL, "a whiteout of \"%s\", which is not the name of a file", *name);
    else
        *kind = WHITEOUT_NAME;
    return 0;
}

bool whiteout_is(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* An empty file of the name that the archive has. */
static int make_file(int at, const char *name, struct error *err)
{
    _cleanup_close_ int fd = openat(at, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    return fd < 0 ? error_sys(err, errno, "create the whiteout") : 0;
}

int whiteout_make_opaque_at(int at, const char *name, enum whiteout_form form, struct error *err)
{
    _cleanup_close_ int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return error_sys(err, errno, "open the directory that becomes opaque");
    if (form == WHITEOUTS_FILES)
        return make_file(fd, WHITEOUT_OPAQUE, err);
    return fsetxattr(fd, XATTR_OPAQUE, "y", 1, 0) < 0 ? error_sys(err, errno, "make the directory opaque")
                                                      : 0;
}

int whiteout_make(int at, const char *name, enum whiteout_form form, struct error *err)
{
    struct stat st;

    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return S_ISDIR(st.st_mode) ? whiteout_make_opaque_at(at, name, form, err) : 0;
    if (errno != ENOENT)
        return error_sys(err, errno, "look at what is there already");
    if (form == WHITEOUTS_FILES) {
        _cleanup_free_ char *file = str_printf(WHITEOUT_PREFIX "%s", name);
        return file ? make_file(at, file, err) : error_oom(err);
    }
    return mknodat(at, name, S_IFCHR, makedev(0, 0)) < 0 ? error_sys(err, errno, "create the whiteout") : 0;
}
