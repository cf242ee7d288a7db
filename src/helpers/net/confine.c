/*
 * The order in which bryo-net gives up its rights. What needs more of them was done before: the interface was
 * made by a child (enter.c), libslirp has read its chance, sockets with names are bound.
 *
 *  1. limits: no core file; as many descriptors as the hard limit gives, for each flow is one
 *  2. descriptors: the standard ones become the null device, all others are closed
 *  3. the root: an empty, read-only file system in a mount namespace of its own, for which a user namespace
 * of its own gives the right. No id is mapped in it.
 *  4. capabilities: none. As root of the machine CAP_NET_BIND_SERVICE stays if it is there, so that ports can
 *     be published as the caller may
 *  5. no_new_privs, not dumpable (nobody of the same user may trace it), landlock
 *  6. seccomp: only the system calls of filter.c; the point of no return
 *
 * Where step 3 is not permitted (a container around us, AppArmor) landlock must hold; behind step 6 there is
 * no system call left that takes a path anyway.
 */
#include "helpers/net/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/landlock.h"
#include "base/syscalls.h"

#define DESCRIPTORS_MAX 65536
#define MOUNT_PLACE     "/proc" /* any directory that is always there */

static int set_limits(struct error *err)
{
    struct rlimit none = {0, 0}, files;

    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return error_sys(err, errno, "switch core files off");
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return error_sys(err, errno, "get the limit of descriptors");
    rlim_t wanted = files.rlim_max < DESCRIPTORS_MAX ? files.rlim_max : DESCRIPTORS_MAX;
    if (files.rlim_cur < wanted) {
        files.rlim_cur = wanted;
        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
            return error_sys(err, errno, "raise the limit of descriptors");
    }
    return 0;
}

static int close_others(const struct confinement *c, struct error *err)
{
    _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    unsigned next = 3;

    if (null < 0)
        return error_sys(err, errno, "open \"/dev/null\"");
    for (int fd = 0; fd < (c->keep_stderr ? 2 : 3); fd++)
        if (null != fd && dup2(null, fd) < 0)
            return error_sys(err, errno, "give up descriptor %d", fd);
    if (null < 3)
        null = -EBADF;
    for (size_t i = 0; i <= c->n_keep; i++) {
        unsigned last = i < c->n_keep ? (unsigned)c->keep[i] - 1 : UINT32_MAX;
        if (next <= last && sys_close_range(next, last, 0) < 0)
            return error_sys(err, errno, "close the other descriptors");
        if (i < c->n_keep)
            next = (unsigned)c->keep[i] + 1;
    }
    null = -EBADF; /* it was among them */
    return 0;
}

/* A mount that nobody sees yet: an empty tmpfs, read-only. Returns it or -errno. */
static int make_empty(void)
{
    _cleanup_close_ int fs = sys_fsopen("tmpfs", 0);

    if (fs < 0 || sys_fsconfig(fs, FSCONFIG_SET_STRING, "size", "4096", 0) < 0 ||
        sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    int fd = sys_fsmount(fs, 0, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Returns 1 if the root is empty now, 0 if this process may not do that. *userns: it took a user namespace.
 */
static int empty_root(bool *userns, struct error *err)
{
    /* Uid 0 without CAP_SYS_ADMIN is an ordinary user, too. */
    *userns = geteuid() != 0 || unshare(CLONE_NEWNS) < 0;
    if (*userns && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return errno == EPERM || errno == ENOSPC || errno == EACCES
                   ? 0
                   : error_sys(err, errno, "make a mount namespace");
    /* Nothing done here may reach the host's mounts. */
    if (sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return errno == EPERM || errno == EACCES ? 0 : error_sys(err, errno, "make mounts private");
    _cleanup_close_ int root = make_empty();
    if (root < 0)
        return root == -EPERM || root == -EACCES ? 0 : error_sys(err, -root, "make an empty file system");
    if (sys_move_mount(root, "", AT_FDCWD, MOUNT_PLACE, MOVE_MOUNT_F_EMPTY_PATH) < 0 || fchdir(root) < 0 ||
        sys_pivot_root(".", ".") < 0 || sys_umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return error_sys(err, errno, "enter an empty root");
    return 1;
}

static int drop_capabilities(bool userns, struct error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct held[2] = {{0}}, kept[2] = {{0}};

    if (syscall(SYS_capget, &header, held) < 0)
        return error_sys(err, errno, "get the capabilities");
    if (!userns)
        kept[0].permitted = kept[0].effective = held[0].permitted & 1U << CAP_NET_BIND_SERVICE;
    if (syscall(SYS_capset, &header, kept) < 0)
        return error_sys(err, errno, "drop capabilities");
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return error_sys(err, errno, "clear the ambient capabilities");
    return 0;
}

int confine(const struct confinement *c, struct error *err)
{
    const struct landlock_rules nothing = {.dir = -1};
    int r = set_limits(err);

    umask(077);
    if (r == 0)
        r = close_others(c, err);
    if (r < 0)
        return r;
    bool userns = false;
    int rooted = empty_root(&userns, err);
    if (rooted < 0)
        return rooted;
    r = drop_capabilities(userns, err);
    if (r < 0)
        return r;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return error_sys(err, errno, "set no_new_privs and the dumpable flag");
    int landlocked = landlock_restrict(&nothing, err);
    if (landlocked < 0)
        return landlocked;
    if (!rooted && !landlocked) {
        error_set(err, EPERM,
                  "the network cannot be confined: an empty root is not permitted, and the kernel has no "
                  "landlock");
        error_hint(err, "let bryo-net make user namespaces (AppArmor profile), or boot with landlock "
                        "(lsm=…,landlock)");
        return -EPERM;
    }
    return 0;
}
