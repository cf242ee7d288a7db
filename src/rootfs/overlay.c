/*
 * A root file system of directories that lie over each other, by the kernel's overlayfs (Linux 5.11 lets uid
 * 0 of a user namespace mount it).
 *
 * Attributes of overlayfs are in user.overlay.*, since trusted.* belongs to the machine's root. Nothing that
 * is written outlives the container unless somebody keeps it, so overlayfs is told not to sync ("volatile").
 * Directories are handed over as descriptors that were opened in this mount namespace: their paths may be
 * longer than the 255 bytes of an option, and hold colons.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

#define UPPER "upper"
#define WORK  "work"

/* Fills @err; the text begins as rootfs.h promises. */
static int fail(int code, const char *what, const char *path, struct error *err)
{
    return error_sys(err, code, ROOTFS_OVERLAY_FAILED ": %s%s%s%s", what, path ? " \"" : "", path ? path : "",
                     path ? "\"" : "");
}

/* A file system in memory over the scratch directory. */
static int mount_memory(const struct rootfs_overlay *o, struct error *err)
{
    _cleanup_close_ int fs = sys_fsopen("tmpfs", FSOPEN_CLOEXEC);

    if (fs < 0 || sys_fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0700", 0) < 0 ||
        (o->memory_size && sys_fsconfig(fs, FSCONFIG_SET_STRING, "size", o->memory_size, 0) < 0) ||
        sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return fail(errno, "make a file system in memory", NULL, err);
    _cleanup_close_ int mount = sys_fsmount(fs, FSMOUNT_CLOEXEC, 0);
    if (mount < 0 || sys_move_mount(mount, "", AT_FDCWD, o->scratch, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return fail(errno, "mount a file system in memory at", o->scratch, err);
    if (mkdirat(mount, UPPER, 0755) < 0 || mkdirat(mount, WORK, 0700) < 0)
        return fail(errno, "make directories in", o->scratch, err);
    return 0;
}

static int open_dir(int at, const char *path, struct error *err)
{
    int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    return fd < 0 ? fail(errno, "open", path, err) : fd;
}

/* Without them a directory can't be made where one was removed. */
static int check_xattrs(int upper, const struct rootfs_overlay *o, struct error *err)
{
    if (fsetxattr(upper, "user.overlay.probe", "y", 1, 0) == 0 &&
        fremovexattr(upper, "user.overlay.probe") == 0)
        return 0;
    return fail(errno, "extended attributes of", o->scratch, err);
}

/* The root directory that the container sees is the upper one: it gets what the image says of its own. */
static int dress_upper(int upper, int lower, struct error *err)
{
    struct stat want, have;

    if (fstat(lower, &want) < 0 || fstat(upper, &have) < 0)
        return fail(errno, "stat the root directory", NULL, err);
    if ((want.st_uid != have.st_uid || want.st_gid != have.st_gid) &&
        fchown(upper, want.st_uid, want.st_gid) < 0)
        return fail(errno, "own the root directory", NULL, err);
    if (want.st_mode != have.st_mode && fchmod(upper, want.st_mode & 07777) < 0)
        return fail(errno, "set the mode of the root directory", NULL, err);
    return 0;
}

static int set_path(int fs, const char *key, int fd, struct error *err)
{
    char path[FD_PATH_MAX];

    if (sys_fsconfig(fs, FSCONFIG_SET_STRING, key, fd_path(path, fd), 0) == 0)
        return 0;
    return fail(errno, key, NULL, err);
}

/* "lowerdir+" takes one after the other since Linux 6.7; before, all are one value of 255 bytes. */
static int set_lowers(int fs, const int *fds, size_t n, struct error *err)
{
    _cleanup_strbuf_ struct strbuf all = {0};
    char path[FD_PATH_MAX];
    bool one_by_one = true;

    for (size_t i = 0; i < n && one_by_one; i++)
        if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", fd_path(path, fds[i]), 0) < 0) {
            if (i > 0 || errno != EINVAL)
                return fail(errno, "lowerdir+", NULL, err);
            one_by_one = false;
        }
    if (one_by_one)
        return 0;
    for (size_t i = 0; i < n; i++)
        strbuf_addf(&all, "%s%s", i ? ":" : "", fd_path(path, fds[i]));
    if (all.oom)
        return error_oom(err);
    if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir", all.data, 0) < 0)
        return fail(errno, "lowerdir", NULL, err);
    return 0;
}

/* What the kernel said is more than an errno. */
static int fail_mount(int fs, int code, struct error *err)
{
    char line[256];
    ssize_t n = read(fs, line, sizeof line - 1);

    if (n > 2 && line[1] == ' ') {
        line[n] = '\0';
        line[strcspn(line, "\n")] = '\0';
        return fail(code, line + 2, NULL, err);
    }
    return fail(code, "mount", NULL, err);
}

static void close_all(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fd_close(&fds[i]);
    free(fds);
}

static int mount_overlay(const struct rootfs_overlay *o, const int *lowers, size_t n, struct error *err)
{
    _cleanup_close_ int scratch = open_dir(AT_FDCWD, o->scratch, err);
    _cleanup_close_ int upper = scratch < 0 ? scratch : open_dir(scratch, UPPER, err);
    _cleanup_close_ int work = upper < 0 ? upper : open_dir(scratch, WORK, err);
    int r = work < 0 ? work : check_xattrs(upper, o, err);

    if (r == 0)
        r = dress_upper(upper, lowers[o->image_top], err);
    if (r < 0)
        return r;
    _cleanup_close_ int fs = sys_fsopen("overlay", FSOPEN_CLOEXEC);
    if (fs < 0)
        return fail(errno, "the kernel has none", NULL, err);
    if (sys_fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
        return fail(errno, "userxattr", NULL, err);
    if ((r = set_lowers(fs, lowers, n, err)) < 0 || (r = set_path(fs, "upperdir", upper, err)) < 0 ||
        (r = set_path(fs, "workdir", work, err)) < 0)
        return r;
    if (!o->kept)
        (void)sys_fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0); /* only a matter of speed */
    (void)sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", "overlay", 0);
    if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return fail_mount(fs, errno, err);
    int fd = sys_fsmount(fs, FSMOUNT_CLOEXEC, 0);
    return fd < 0 ? fail(errno, "fsmount", NULL, err) : fd;
}

int overlay_mount(const struct rootfs_overlay *o, struct error *err)
{
    size_t n = strv_len(o->lowers);
    int *lowers = malloc((n ? n : 1) * sizeof *lowers), r = 0;

    if (!lowers)
        return error_oom(err);
    for (size_t i = 0; i < n; i++)
        lowers[i] = -EBADF;
    for (size_t i = 0; i < n && r >= 0; i++)
        r = lowers[i] = open_dir(AT_FDCWD, o->lowers[i], err);
    if (r >= 0 && o->memory)
        r = mount_memory(o, err);
    if (r >= 0)
        r = mount_overlay(o, lowers, n, err);
    close_all(lowers, n);
    return r;
}
