/*
 * Leaving the host behind: pivot_root(2), or for a root on an initramfs (--no-pivot) a move over "/" and
 * chroot.
 *
 * pivot_root(".", ".") puts the old root on top of the new one, where umount2 with MNT_DETACH takes it away:
 * no directory in the image is needed for it.
 *
 * Without pivot_root the host's mounts stay in the namespace, under ours. A process with CAP_SYS_CHROOT could
 * climb out of the chroot, so the host's procfs and sysfs, which could be used to change the host, are taken
 * away or covered first.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

static int pivot(const struct rootfs *r, unsigned long propagation, struct error *err)
{
    if (fchdir(r->root_fd) < 0)
        return error_sys(err, errno, "enter the root file system \"%s\"", r->path);
    if (sys_pivot_root(".", ".") < 0) {
        int code = errno;
        error_sys(err, code, "pivot_root to \"%s\"", r->path);
        if (code == EINVAL)
            error_hint(
                err,
                "the host runs from an initramfs, or its root has shared propagation above: try --no-pivot");
        return -code;
    }
    /* A slave or private mount does not carry this to the host; a shared one would. */
    struct mount_attr attr = {.propagation = MS_SLAVE};
    if ((propagation & MS_SHARED) && sys_mount_setattr(AT_FDCWD, ".", AT_RECURSIVE, &attr) < 0)
        return error_sys(err, errno, "cut the propagation of the old root");
    if (sys_umount2(".", MNT_DETACH) < 0)
        return error_sys(err, errno, "take away the old root");
    return 0;
}

/* The host's procfs and sysfs mounts outside our root. */
struct host_mounts {
    const char *root;
    char **targets;
};

static int collect(void *data, const struct mountinfo *line)
{
    struct host_mounts *h = data;
    size_t n = strlen(h->root);

    if (strcmp(line->type, "proc") != 0 && strcmp(line->type, "sysfs") != 0)
        return 0;
    if (strncmp(line->target, h->root, n) == 0 && (line->target[n] == '/' || line->target[n] == '\0'))
        return 0;
    return strv_add(&h->targets, line->target);
}

static int hide_host_mount(const char *target, struct error *err)
{
    static const struct newfs empty = {.type = "tmpfs", .source = "tmpfs", .attrs = MOUNT_ATTR_RDONLY};
    struct detail detail;

    if (sys_umount2(target, MNT_DETACH) == 0)
        return 0;
    if (errno != EINVAL && errno != EPERM)
        return error_sys(err, errno, "take away the host's \"%s\"", target);
    /* Locked by a user namespace: covered. */
    _cleanup_close_ int fd = newfs_mount(&empty, &detail);
    if (fd < 0)
        return error_sys(err, -fd, "cover the host's \"%s\"", target);
    return sys_move_mount(fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0
               ? error_sys(err, errno, "cover the host's \"%s\"", target)
               : 0;
}

static int move_root(const struct rootfs *r, struct error *err)
{
    _cleanup_free_ char *root = path_of_fd(r->root_fd);
    struct host_mounts host = {.root = root};
    int ret;

    if (!root)
        return error_sys(err, errno, "find the path of the root file system \"%s\"", r->path);
    ret = mountinfo_each("/proc/self/mountinfo", collect, &host, err);
    if (ret == -ENOMEM)
        error_oom(err);
    /* From the last one back: later mounts may lie on earlier ones. */
    for (size_t i = strv_len(host.targets); ret == 0 && i-- > 0;)
        ret = hide_host_mount(host.targets[i], err);
    strv_free(host.targets);
    if (ret < 0)
        return ret;
    if (fchdir(r->root_fd) < 0)
        return error_sys(err, errno, "enter the root file system \"%s\"", r->path);
    /* root.path "/": it was attached there from the start. */
    if (strcmp(root, "/") != 0 && sys_move_mount(r->root_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return error_sys(err, errno, "move \"%s\" to \"/\"", r->path);
    return chroot(".") < 0 ? error_sys(err, errno, "chroot to \"%s\"", r->path) : 0;
}

int rootfs_enter(struct rootfs *r, struct error *err)
{
    const char *name = r->config->linux_.rootfs_propagation;
    unsigned long propagation = str_empty(name) ? 0 : propagation_from_name(name);
    int ret = r->no_pivot ? move_root(r, err) : pivot(r, propagation, err);

    if (ret < 0)
        return ret;
    if (chdir("/") < 0)
        return error_sys(err, errno, "enter the new \"/\"");
    if (!str_empty(name) && propagation == 0)
        return error_set(err, EINVAL, "linux.rootfsPropagation: unknown propagation \"%s\"", name);
    if (propagation && (ret = mount_set_propagation(r->root_fd, propagation)) < 0)
        return error_sys(err, -ret, "linux.rootfsPropagation: set \"%s\"", name);
    return 0;
}
