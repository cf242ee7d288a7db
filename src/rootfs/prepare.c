/*
 * The stages of the root file system inside the container's init, in their order.
 *
 * Runs as uid 0 of the container's user namespace (or as real root) with CAP_SYS_ADMIN over the mount
 * namespace it is in, which is new; the host's mounts are still in sight until rootfs_enter. Should only
 * touch the host's mounts to cut their propagation; mustn't open anything inside the root by a plain path.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

void rootfs_warning(const struct rootfs *r, const char *fmt, ...)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    va_list ap;

    if (!r->warn.call)
        return;
    va_start(ap, fmt);
    strbuf_vaddf(&text, fmt, ap);
    va_end(ap);
    if (!text.oom && text.data)
        r->warn.call(r->warn.data, text.data);
}

/* What the mounts of the host must be to us, so that the propagation config.json asks for is possible:
 * MS_SHARED if the root is to be shared, MS_SLAVE if anything is to receive mounts, else MS_PRIVATE. */
static unsigned long host_propagation(const struct oci_config *config)
{
    if (!str_empty(config->linux_.rootfs_propagation)) {
        unsigned long p = propagation_from_name(config->linux_.rootfs_propagation) & ~(unsigned long)MS_REC;
        return p == MS_UNBINDABLE || p == 0 ? MS_PRIVATE : p;
    }
    for (size_t i = 0; i < config->mounts.count; i++)
        STRV_FOREACH (option, config->mounts.items[i].options)
            if (propagation_from_name(*option) & (MS_SLAVE | MS_SHARED))
                return MS_SLAVE;
    return MS_PRIVATE;
}

/* Opens the root of the mount that @path is on, walking up. Returns the descriptor or -errno. */
static int open_mount_root(const char *path)
{
    _cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct statx st;

    while (fd >= 0) {
        if (statx(fd, "", AT_EMPTY_PATH, 0, &st) < 0)
            return -errno;
        if (st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
            return TAKE_FD(fd);
        int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        fd_close(&fd);
        fd = up;
    }
    return -errno;
}

/* Cuts the ties between the host's mounts and what we are going to mount. A shared root keeps them for its
 * volumes; then only the mount that the root will be attached to is made private. */
static int cut_propagation(const struct rootfs *r, unsigned long propagation, struct error *err)
{
    struct mount_attr attr = {.propagation = propagation};

    if (propagation != MS_SHARED) {
        if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr) == 0)
            return 0;
        return error_sys(err, errno, "set the propagation of \"/\" and all below in the new mount namespace");
    }
    _cleanup_close_ int parent = open_mount_root(r->path);
    if (parent < 0)
        return path_failure("root.path: open", r->path, -parent, err);
    int ret = mount_set_propagation(parent, MS_PRIVATE);
    return ret < 0 ? error_sys(err, -ret, "root.path \"%s\": make the mount it is on private", r->path) : 0;
}

/* The root as a mount of its own, over its own path: pivot_root needs a mount point, and hooks look there. */
static int attach_root(struct rootfs *r, struct error *err)
{
    if (r->overlay) {
        int ret = r->archive ? archive_mount(r->archive, err) : 0;
        r->root_fd = ret < 0 ? ret : overlay_mount(r->overlay, err);
        if (r->root_fd < 0)
            return r->root_fd;
        /* Device nodes of an archive that nobody unpacked are to look at only. */
        if (r->archive && (ret = mount_set_attrs(r->root_fd, false, MOUNT_ATTR_NODEV, 0)) < 0)
            return error_sys(err, -ret, ROOTFS_ARCHIVE_FAILED " make it nodev");
    } else {
        r->root_fd = sys_open_tree(AT_FDCWD, r->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
        if (r->root_fd < 0)
            return path_failure("root.path: clone", r->path, errno, err);
    }
    if (sys_move_mount(r->root_fd, "", AT_FDCWD, r->path, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) <
        0) {
        int code = errno;
        if (code == ENOTDIR)
            return error_set(err, code, "root.path: \"%s\" is not a directory", r->path);
        return path_failure("root.path: attach", r->path, code, err);
    }
    return 0;
}

static int prepare(struct rootfs *r, struct error *err)
{
    unsigned long propagation = host_propagation(r->config);
    int ret;

    if ((ret = cut_propagation(r, propagation, err)) < 0 || (ret = attach_root(r, err)) < 0)
        return ret;
    if (propagation == MS_SHARED && (ret = mount_set_propagation(r->root_fd, MS_PRIVATE | MS_REC)) < 0)
        return error_sys(err, -ret, "root.path \"%s\": set the propagation", r->path);
    if ((ret = mount_config_mounts(r, err)) < 0 || (ret = devices_make(r, err)) < 0)
        return ret;
    if (r->proc_fd < 0) {
        r->proc_fd = path_open_proc(err);
        if (r->proc_fd < 0)
            return r->proc_fd;
    }
    return 0;
}

int rootfs_prepare(struct rootfs *r, struct error *err)
{
    /* Modes are meant as written. */
    mode_t old = umask(0);
    int ret = prepare(r, err);

    umask(old);
    return ret;
}

int rootfs_finish(struct rootfs *r, struct error *err)
{
    int ret = sysctls_write(r, err);

    return ret < 0 ? ret : masks_apply(r, err);
}

void rootfs_close(struct rootfs *r)
{
    fd_close(&r->root_fd);
    fd_close(&r->proc_fd);
    fd_close(&r->null_fd);
    fd_close(&r->home_ns);
}
