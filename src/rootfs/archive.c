/*
 * A root that is an archive: bryo-image-mount serves it by FUSE, below an overlay.
 *
 * The connection is opened and mounted here, in the container's user namespace, and then handed to the server
 * outside: a file system that is mounted by this user namespace has owners of this user namespace, its
 * set-user-ID bits and file capabilities hold, and overlayfs may copy up and chown. One mounted outside would
 * be read-only in practice. The server sees it go with the last mount namespace that has it.
 *
 * FUSE needs a place in the mount namespace, for older kernels let overlayfs take its layers from nowhere
 * else; it goes with the old root at the pivot.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

#define FUSE_DEVICE "/dev/fuse"

static int open_connection(struct error *err)
{
    int fd = open(FUSE_DEVICE, O_RDWR | O_CLOEXEC);

    if (fd >= 0)
        return fd;
    int code = errno;
    error_sys(err, code, ROOTFS_ARCHIVE_FAILED " open \"%s\"", FUSE_DEVICE);
    error_hint(err, code == EACCES || code == EPERM ? "sudo chmod 0666 /dev/fuse; or unpack it: --lazy never"
                                                    : "sudo modprobe fuse; or unpack it: --lazy never");
    return -code;
}

static int mount_fuse(int connection, struct error *err)
{
    char number[16];
    struct detail detail;
    snprintf(number, sizeof number, "fd=%d", connection);
    char *data[] = {number,
                    (char *)"rootmode=40000",
                    (char *)"user_id=0",
                    (char *)"group_id=0",
                    (char *)"allow_other",
                    (char *)"default_permissions",
                    NULL};
    const struct newfs fs = {
        .type = "fuse", .source = "bryo", .data = data, .attrs = MOUNT_ATTR_NODEV, .sb_readonly = true};
    int fd = newfs_mount(&fs, &detail);

    if (fd < 0)
        error_sys(err, -fd, ROOTFS_ARCHIVE_FAILED " mount it by FUSE%s%s", detail.text[0] ? ": " : "",
                  detail.text);
    return fd;
}

int archive_mount(const struct rootfs_archive *a, struct error *err)
{
    _cleanup_close_ int connection = *a->opened >= 0 ? TAKE_FD(*a->opened) : open_connection(err),
                        fuse = -EBADF;

    if (connection < 0)
        return connection;
    fuse = mount_fuse(connection, err);
    if (fuse < 0)
        return fuse;
    int r = fd_send(a->control, "m", 1, &connection, 1);
    if (r < 0)
        return error_sys(err, -r, ROOTFS_ARCHIVE_FAILED " hand it to its server");
    /* Only the server has it now: when that dies nobody waits for answers. */
    fd_close(&connection);
    if (sys_move_mount(fuse, "", AT_FDCWD, a->lower, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return error_sys(err, errno, ROOTFS_ARCHIVE_FAILED " attach it");
    return 0;
}
