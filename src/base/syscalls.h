/*
 * System calls and constants that libc or its headers may lack, and nothing else: every #ifdef for an old
 * header lives here. All return -1 and set errno like libc's wrappers.
 *
 * bryo needs Linux 5.12 (openat2, close_range, the mount API with mount_setattr, pidfds); `bryo check` says
 * so on older ones. Nothing here falls back silently.
 */
#pragma once

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/time_types.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef MOUNT_ATTR_IDMAP
#define MOUNT_ATTR_IDMAP 0x00100000
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 0x00000004
#endif
#ifndef MOVE_MOUNT_T_EMPTY_PATH
#define MOVE_MOUNT_T_EMPTY_PATH 0x00000040
#endif
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef OPEN_TREE_CLOEXEC
#define OPEN_TREE_CLOEXEC O_CLOEXEC
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif
#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif
/* landlock(7), Linux 5.13: the same numbers on every architecture. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* glibc 2.36 declares the mount API in <sys/mount.h>, which clashes with <linux/mount.h>: these names do not.
 */
static inline int sys_openat2(int dirfd, const char *path, struct open_how *how)
{
    return (int)syscall(SYS_openat2, dirfd, path, how, sizeof *how);
}
static inline pid_t sys_clone3(struct clone_args *args)
{
    return (pid_t)syscall(SYS_clone3, args, sizeof *args);
}
static inline int sys_fsopen(const char *fstype, unsigned flags)
{
    return (int)syscall(SYS_fsopen, fstype, flags);
}
static inline int sys_fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux)
{
    return (int)syscall(SYS_fsconfig, fd, cmd, key, value, aux);
}
static inline int sys_fsmount(int fsfd, unsigned flags, unsigned attrs)
{
    return (int)syscall(SYS_fsmount, fsfd, flags, attrs);
}
static inline int sys_open_tree(int dirfd, const char *path, unsigned flags)
{
    return (int)syscall(SYS_open_tree, dirfd, path, flags);
}
static inline int sys_move_mount(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return (int)syscall(SYS_move_mount, from_dir, from, to_dir, to, flags);
}
static inline int sys_mount_setattr(int dirfd, const char *path, unsigned flags, struct mount_attr *attr)
{
    return (int)syscall(SYS_mount_setattr, dirfd, path, flags, attr, sizeof *attr);
}
static inline int sys_fspick(int dirfd, const char *path, unsigned flags)
{
    return (int)syscall(SYS_fspick, dirfd, path, flags);
}
static inline int sys_mount(const char *source, const char *target, const char *type, unsigned long flags,
                            const void *data)
{
    return (int)syscall(SYS_mount, source, target, type, flags, data);
}
static inline int sys_umount2(const char *target, int flags)
{
    return (int)syscall(SYS_umount2, target, flags);
}
static inline int sys_pivot_root(const char *new_root, const char *put_old)
{
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}
static inline int sys_pidfd_open(pid_t pid, unsigned flags)
{
    return (int)syscall(SYS_pidfd_open, pid, flags);
}
static inline int sys_pidfd_send_signal(int pidfd, int sig, siginfo_t *info, unsigned flags)
{
    return (int)syscall(SYS_pidfd_send_signal, pidfd, sig, info, flags);
}
static inline int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}
static inline int sys_execveat(int dirfd, const char *path, char *const *argv, char *const *env, int flags)
{
    return (int)syscall(SYS_execveat, dirfd, path, argv, env, flags);
}
static inline int sys_landlock_create_ruleset(const void *attr, size_t size, unsigned flags)
{
    return (int)syscall(SYS_landlock_create_ruleset, attr, size, flags);
}
static inline int sys_landlock_add_rule(int ruleset, int type, const void *attr, unsigned flags)
{
    return (int)syscall(SYS_landlock_add_rule, ruleset, type, attr, flags);
}
static inline int sys_landlock_restrict_self(int ruleset, unsigned flags)
{
    return (int)syscall(SYS_landlock_restrict_self, ruleset, flags);
}
static inline long sys_keyctl(int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    return syscall(SYS_keyctl, op, a, b, c, d);
}

/* struct sched_attr of <linux/sched/types.h>, which clashes with <sched.h>; without the clamp values. */
struct sys_sched_attr {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime;
    uint64_t deadline;
    uint64_t period;
};
static inline int sys_sched_setattr(pid_t pid, const struct sys_sched_attr *attr, unsigned flags)
{
    return (int)syscall(SYS_sched_setattr, pid, attr, flags);
}
static inline int sys_ioprio_set(int which, int who, int value)
{
    return (int)syscall(SYS_ioprio_set, which, who, value);
}
static inline int sys_set_mempolicy(int mode, const unsigned long *nodes, unsigned long max)
{
    return (int)syscall(SYS_set_mempolicy, mode, nodes, max);
}

/* The default action for @sig, also for the two signals that libc keeps to itself and that a caller may have
 * ignored all the same (32 and 33; its sigaction refuses them). Zeros are SIG_DFL, no flags and an empty mask
 * on every architecture. */
static inline int sys_signal_default(int sig)
{
    const unsigned char action[64] = {0};

    return (int)syscall(SYS_rt_sigaction, sig, action, NULL, (size_t)(_NSIG / 8));
}
