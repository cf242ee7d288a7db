/*
 * Attributes and places of mounts that exist already, by descriptor.
 */
#include <errno.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

int mount_attach(int fd, int dest)
{
    return sys_move_mount(fd, "", dest, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno
                                                                                                   : 0;
}

static int setattr(int fd, bool tree, uint64_t set, uint64_t clr)
{
    struct mount_attr attr = {.attr_set = set, .attr_clr = clr};

    return sys_mount_setattr(fd, "", AT_EMPTY_PATH | (tree ? AT_RECURSIVE : 0), &attr) < 0 ? -errno : 0;
}

/* The flags of the mount that a user namespace may find locked by its parent. */
static uint64_t flags_present(int fd)
{
    static const struct {
        unsigned long has;
        uint64_t attr;
    } flags[] = {
        {ST_RDONLY, MOUNT_ATTR_RDONLY},
        {ST_NOSUID, MOUNT_ATTR_NOSUID},
        {ST_NODEV, MOUNT_ATTR_NODEV},
        {ST_NOEXEC, MOUNT_ATTR_NOEXEC},
    };
    struct statvfs st;
    uint64_t present = 0;

    if (fstatvfs(fd, &st) < 0)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
        if (st.f_flag & flags[i].has)
            present |= flags[i].attr;
    return present;
}

int mount_set_attrs(int fd, bool tree, uint64_t set, uint64_t clr)
{
    const uint64_t atime = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;

    if (set == 0 && clr == 0)
        return 0;
    int r = setattr(fd, tree, set, clr);
    /* For a tree each mount may have other flags locked: there it stays an error. */
    if (r != -EPERM || tree)
        return r;
    /* First without what would take a flag away, then also without access times, which are locked as a whole.
     */
    uint64_t kept = clr & flags_present(fd);
    if (kept) {
        clr &= ~kept;
        r = set || clr ? setattr(fd, false, set, clr) : 0;
    }
    if (r == -EPERM && ((set | clr) & atime)) {
        set &= ~atime;
        clr &= ~atime;
        r = set || clr ? setattr(fd, false, set, clr) : 0;
    }
    return r;
}

int mount_set_propagation(int fd, unsigned long propagation)
{
    struct mount_attr attr = {.propagation = propagation & ~(unsigned long)MS_REC};

    return sys_mount_setattr(fd, "", AT_EMPTY_PATH | (propagation & MS_REC ? AT_RECURSIVE : 0), &attr) < 0
               ? -errno
               : 0;
}

int mount_clone_host(const char *path, uint64_t tree_attrs)
{
    _cleanup_close_ int fd =
        sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

    if (fd < 0)
        return -errno;
    int r = mount_set_attrs(fd, true, tree_attrs, 0);
    return r < 0 ? r : TAKE_FD(fd);
}
