/*
 * The container's terminal: a pseudo terminal of its own devpts, its slave at /dev/console.
 *
 * No path of the container is trusted: ptmx is opened without links and checked to be the multiplexer on a
 * devpts, the slave comes from the master by TIOCGPTPEER, and is bound by descriptor to a destination opened
 * without links (CVE-2025-52565, CVE-2026-88264).
 */
#include <errno.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

/* Returns the master or -errno. */
static int open_master(const struct rootfs *r, struct error *err)
{
    _cleanup_close_ int fd = path_open_in_root_nolinks(r->root_fd, "/dev/pts/ptmx", O_PATH, 0);
    struct stat st;

    if (fd == -ENOENT || fd == -ENOTDIR) {
        int host = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
        return host < 0 ? error_sys(err, errno, "open the host's \"/dev/ptmx\" for a terminal") : host;
    }
    if (fd < 0)
        return error_sys(err, -fd, "open \"/dev/pts/ptmx\" in the root file system");
    int devpts = path_is_fs(fd, DEVPTS_SUPER_MAGIC);
    if (devpts < 0 || fstat(fd, &st) < 0)
        return error_sys(err, devpts < 0 ? -devpts : errno, "look at \"/dev/pts/ptmx\"");
    if (!devpts || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
        return error_set(err, ENODEV,
                         "\"/dev/pts/ptmx\" in the root file system is not the multiplexer of a devpts");
    int master = path_open_in_root_nolinks(r->root_fd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0);
    return master < 0 ? error_sys(err, -master, "open \"/dev/pts/ptmx\" in the root file system") : master;
}

/* Binds the terminal to /dev/console. */
static int bind_console(const struct rootfs *r, int slave, struct error *err)
{
    _cleanup_close_ int dest = path_mkfile_in_root(r->root_fd, "/dev/console", 0600, true);
    if (dest == -ELOOP) {
        error_set(err, ELOOP, "\"/dev/console\" of the root file system is a symbolic link");
        return error_hint(err, "remove it from the image, or mount a tmpfs at /dev");
    }
    if (dest < 0)
        return error_sys(err, -dest, "make \"/dev/console\" in the root file system");
    _cleanup_close_ int fd = sys_open_tree(slave, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (fd < 0)
        return error_sys(err, errno, "clone the terminal for \"/dev/console\"");
    int ret = mount_attach(fd, dest);
    return ret < 0 ? error_sys(err, -ret, "bind the terminal to \"/dev/console\"") : 0;
}

int rootfs_open_console(struct rootfs *r, int *master, int *slave, struct error *err)
{
    _cleanup_close_ int m = open_master(r, err);
    int unlocked = 0;

    if (m < 0)
        return m;
    if (ioctl(m, TIOCSPTLCK, &unlocked) < 0)
        return error_sys(err, errno, "unlock the new terminal");
    _cleanup_close_ int s = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (s < 0)
        return error_sys(err, errno, "open the other end of the new terminal");
    mode_t old = umask(0);
    int ret = bind_console(r, s, err);
    umask(old);
    if (ret < 0)
        return ret;
    *master = TAKE_FD(m);
    *slave = TAKE_FD(s);
    return 0;
}
