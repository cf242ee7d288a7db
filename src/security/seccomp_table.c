/*
 * What a sandbox may ask of the kernel.
 *
 * The list is written from what the calls do: everything that ordinary programs need is allowed; what
 * administers the machine is bound to the capability that the kernel itself demands, because inside a user
 * namespace holding that capability is cheap and the code behind it is where kernels break; what reaches
 * beyond the namespaces (keyrings, io_uring, which escapes the filter) is refused. A call that is in no
 * table, above all one that is younger than this file, is ENOSYS: libraries then fall back to the older one.
 */
#include "security/seccomp_table.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/socket.h>

#ifndef CAP_PERFMON /* Linux 5.8 */
#define CAP_PERFMON            38
#define CAP_BPF                39
#define CAP_CHECKPOINT_RESTORE 40
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define CAP(name) (UINT64_C(1) << CAP_##name)

/* clang-format off */
const char *const seccomp_always[] = {
    /* files: contents */
    "_llseek", "close", "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3", "fadvise64",
    "fadvise64_64", "arm_fadvise64_64", "fallocate", "fcntl", "fcntl64", "fdatasync", "flock", "fsync", "ftruncate",
    "ftruncate64", "ioctl", "lseek", "open", "openat", "openat2", "pipe", "pipe2", "pread64", "preadv", "preadv2",
    "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readv", "sendfile", "sendfile64", "splice", "sync",
    "sync_file_range", "sync_file_range2", "arm_sync_file_range", "syncfs", "tee", "truncate", "truncate64",
    "vmsplice", "write", "writev", "cachestat",
    /* files: names and attributes */
    "access", "chdir", "chmod", "chown", "chown32", "faccessat", "faccessat2", "fchdir", "fchmod", "fchmodat",
    "fchmodat2", "fchown", "fchown32", "fchownat", "fgetxattr", "file_getattr", "file_setattr", "flistxattr",
    "fremovexattr", "fsetxattr", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "futimesat", "getcwd",
    "getdents", "getdents64", "getxattr", "getxattrat", "lchown", "lchown32", "lgetxattr", "link", "linkat",
    "listxattr", "listxattrat", "llistxattr", "lremovexattr", "lsetxattr", "lstat", "lstat64", "mkdir", "mkdirat",
    "mknod", "mknodat", "name_to_handle_at", "newfstatat", "oldfstat", "oldlstat", "oldstat", "readdir", "readlink",
    "readlinkat", "removexattr", "removexattrat", "rename", "renameat", "renameat2", "rmdir", "setxattr",
    "setxattrat", "stat", "stat64", "statfs", "statfs64", "statx", "symlink", "symlinkat", "umask", "unlink",
    "unlinkat", "utime", "utimensat", "utimensat_time64", "utimes", "listmount", "statmount",
    /* waiting for events */
    "_newselect", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd",
    "eventfd2", "fanotify_mark", "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "poll",
    "ppoll", "ppoll_time64", "pselect6", "pselect6_time64", "select", "signalfd", "signalfd4", "timerfd_create",
    "timerfd_gettime", "timerfd_gettime64", "timerfd_settime", "timerfd_settime64",
    /* old asynchronous input and output, which goes through the filter */
    "io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_pgetevents_time64", "io_setup", "io_submit",
    /* memory; mbind and set_mempolicy only for its own pages */
    "brk", "get_mempolicy", "madvise", "map_shadow_stack", "mbind", "membarrier", "memfd_create", "memfd_secret",
    "mincore", "mlock", "mlock2", "mlockall", "mmap", "mmap2", "mprotect", "mremap", "mseal", "msync", "munlock",
    "munlockall", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect", "process_madvise", "process_mrelease",
    "remap_file_pages", "set_mempolicy", "set_mempolicy_home_node",
    /* processes and threads; clone and unshare have rules on their flags below */
    "arch_prctl", "capget", "capset", "clone", "execve", "execveat", "exit", "exit_group", "fork", "futex",
    "futex_requeue", "futex_time64", "futex_wait", "futex_waitv", "futex_wake", "get_robust_list", "get_thread_area",
    "getcpu", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrlimit", "getrusage", "getsid", "gettid",
    "ioprio_get", "ioprio_set", "modify_ldt", "nice", "pause", "pidfd_open", "pidfd_send_signal", "prctl",
    "prlimit64", "process_vm_readv", "process_vm_writev", "ptrace", "restart_syscall", "rseq",
    "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
    "sched_getscheduler", "sched_rr_get_interval", "sched_rr_get_interval_time64", "sched_setaffinity",
    "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "set_robust_list", "set_thread_area",
    "set_tid_address", "setpgid", "setpriority", "setrlimit", "setsid", "times", "ugetrlimit", "unshare", "vfork",
    "wait4", "waitid", "waitpid",
    /* confining oneself further */
    "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "lsm_get_self_attr",
    "lsm_list_modules", "lsm_set_self_attr", "seccomp",
    /* signals */
    "kill", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend",
    "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo", "sgetmask", "sigaction", "sigaltstack",
    "signal", "sigpending", "sigprocmask", "sigreturn", "sigsuspend", "ssetmask", "tgkill", "tkill",
    /* users and groups: the user namespace and the capabilities are the limit */
    "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32", "getresgid",
    "getresgid32", "getresuid", "getresuid32", "getuid", "getuid32", "setfsgid", "setfsgid32", "setfsuid",
    "setfsuid32", "setgid", "setgid32", "setgroups", "setgroups32", "setregid", "setregid32", "setresgid",
    "setresgid32", "setresuid", "setresuid32", "setreuid", "setreuid32", "setuid", "setuid32",
    /* time; the adjtimex family reads too, and writing is checked by the kernel */
    "adjtimex", "alarm", "clock_adjtime", "clock_adjtime64", "clock_getres", "clock_getres_time64", "clock_gettime",
    "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "getitimer", "gettimeofday", "nanosleep",
    "setitimer", "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64",
    "timer_settime", "timer_settime64",
    /* sockets; socket and socketpair have rules on the family below */
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recv", "recvfrom",
    "recvmmsg", "recvmmsg_time64", "recvmsg", "send", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
    "socket", "socketpair",
    /* System V and POSIX IPC: the ipc namespace is the limit */
    "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend",
    "mq_timedsend_time64", "mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd", "semctl", "semget", "semop",
    "semtimedop", "semtimedop_time64", "shmat", "shmctl", "shmdt", "shmget",
    /* the rest */
    "getrandom", "oldolduname", "olduname", "sysinfo", "uname",
    /* what single architectures need to run at all */
    "breakpoint", "cachectl", "cacheflush", "get_tls", "riscv_flush_icache", "s390_guarded_storage", "s390_sthyi",
    "set_tls", "swapcontext", "sysmips",
    NULL,
};

static const char *const admin_calls[] = {
    "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie", "mount",
    "mount_setattr", "move_mount", "open_tree", "open_tree_attr", "pivot_root", "quotactl", "quotactl_fd",
    "setdomainname", "sethostname", "setns", "swapoff", "swapon", "umount", "umount2", NULL,
};
/* Its flags lie in memory, where no filter sees them; told ENOSYS, C libraries take clone, which has rules below. */
static const char *const clone3_calls[] = {"clone3", NULL};
static const char *const bpf_calls[] = {"bpf", NULL};
static const char *const perf_calls[] = {"perf_event_open", NULL};
static const char *const syslog_calls[] = {"syslog", NULL};
static const char *const chroot_calls[] = {"chroot", NULL};
static const char *const handle_calls[] = {"open_by_handle_at", NULL};
static const char *const ptrace_calls[] = {"kcmp", "pidfd_getfd", NULL};
static const char *const nice_calls[] = {"migrate_pages", "move_pages", NULL};
static const char *const module_calls[] = {"delete_module", "finit_module", "init_module", NULL};
static const char *const boot_calls[] = {"kexec_file_load", "kexec_load", "reboot", NULL};
static const char *const acct_calls[] = {"acct", NULL};
static const char *const rawio_calls[] = {"ioperm", "iopl", NULL};
static const char *const time_calls[] = {"clock_settime", "clock_settime64", "settimeofday", "stime", NULL};
static const char *const tty_calls[] = {"vhangup", NULL};

const struct seccomp_cap_group seccomp_by_cap[] = {
    {CAP(SYS_ADMIN), EPERM, admin_calls},
    {CAP(SYS_ADMIN), ENOSYS, clone3_calls},
    {CAP(SYS_ADMIN) | CAP(BPF), EPERM, bpf_calls},
    {CAP(SYS_ADMIN) | CAP(PERFMON), EPERM, perf_calls},
    {CAP(SYS_ADMIN) | CAP(SYSLOG), EPERM, syslog_calls},
    {CAP(SYS_CHROOT), EPERM, chroot_calls},
    {CAP(DAC_READ_SEARCH), EPERM, handle_calls},
    {CAP(SYS_PTRACE), EPERM, ptrace_calls},
    {CAP(SYS_NICE), EPERM, nice_calls},
    {CAP(SYS_MODULE), EPERM, module_calls},
    {CAP(SYS_BOOT), EPERM, boot_calls},
    {CAP(SYS_PACCT), EPERM, acct_calls},
    {CAP(SYS_RAWIO), EPERM, rawio_calls},
    {CAP(SYS_TIME), EPERM, time_calls},
    {CAP(SYS_TTY_CONFIG), EPERM, tty_calls},
    {0, 0, NULL},
};

const char *const seccomp_never[] = {
    /* keys are of the user, not of a namespace */
    "add_key", "keyctl", "request_key",
    /* does its work behind the filter's back */
    "io_uring_enter", "io_uring_register", "io_uring_setup",
    /* stops the kernel at a place of the caller's choice: a favourite of exploits */
    "userfaultfd",
    /* code of the 1990s that nobody tests */
    "vm86", "vm86old",
    NULL,
};

/* CLONE_NEW* one by one: a rule can ask whether a bit is set, not whether any of several is. CLONE_NEWTIME is a flag of
 * unshare only, for clone the bit belongs to the signal. */
#if defined(__s390__)
#define CLONE_FLAGS_ARG 1
#else
#define CLONE_FLAGS_ARG 0
#endif
#define NO_FLAG(call, arg, flag)                                                                             \
    {call, CAP(SYS_ADMIN), EPERM, arg, SCMP_CMP_MASKED_EQ, flag, flag}
#define NO_NAMESPACES(call, arg)                                                                             \
    NO_FLAG(call, arg, CLONE_NEWNS), NO_FLAG(call, arg, CLONE_NEWCGROUP), NO_FLAG(call, arg, CLONE_NEWUTS),  \
        NO_FLAG(call, arg, CLONE_NEWIPC), NO_FLAG(call, arg, CLONE_NEWUSER),                                 \
        NO_FLAG(call, arg, CLONE_NEWPID), NO_FLAG(call, arg, CLONE_NEWNET)

/* Families that ordinary programs have: 0-2 (unspecified, unix, IPv4), 10 (IPv6), 16 (netlink), 17 (packet, if the
 * capability is there). The rest is old protocols and hardware, loaded as modules on demand; the last comparison is one
 * of all 64 bits, so that rubbish in the upper half is refused and not let through. The masks stay below 2^53, because
 * people edit the profile with tools that keep numbers as doubles (jq). AF_ALG gave root away (CVE-2026-31431), AF_VSOCK
 * reaches the host of a virtual machine: not even CAP_NET_ADMIN opens those. On i386 socketcall could make any socket
 * behind a pointer, so there the direct call is the only one: a C library that only knows socketcall needs another
 * profile. */
#define NO_FAMILY(call, op, value, value_two)                                                                \
    {call, CAP(NET_ADMIN), EAFNOSUPPORT, 0, op, value, value_two}
#define USUAL_FAMILIES(call)                                                                                 \
    NO_FAMILY(call, SCMP_CMP_EQ, 3, 0),                                                                      \
        NO_FAMILY(call, SCMP_CMP_MASKED_EQ, UINT32_MAX - 3, 4),  /* 4-7 */                                   \
        NO_FAMILY(call, SCMP_CMP_MASKED_EQ, UINT32_MAX - 1, 8),  /* 8, 9 */                                  \
        NO_FAMILY(call, SCMP_CMP_EQ, 11, 0),                                                                 \
        NO_FAMILY(call, SCMP_CMP_MASKED_EQ, UINT32_MAX - 3, 12), /* 12-15 */                                 \
        NO_FAMILY(call, SCMP_CMP_GT, AF_PACKET, 0),                                                          \
        {call, 0, EAFNOSUPPORT, 0, SCMP_CMP_MASKED_EQ, UINT32_MAX, AF_ALG},                                  \
        {call, 0, EAFNOSUPPORT, 0, SCMP_CMP_MASKED_EQ, UINT32_MAX, AF_VSOCK}

/* The kernel takes the lower 32 bits of the command, so these are compared (CVE-2017-5226 and its sequels): TIOCSTI types
 * on the terminal that the sandbox shares with its caller, TIOCLINUX pastes on a console. */
#define NO_IOCTL(command)                                                                                    \
    {"ioctl", 0, EPERM, 1, SCMP_CMP_MASKED_EQ, UINT32_MAX, command}

/* PER_LINUX, PER_LINUX32, both with UNAME26 or ADDR_NO_RANDOMIZE (debuggers), and the question. */
#define PERSONALITY(value)                                                                                   \
    {"personality", 0, 0, 0, SCMP_CMP_EQ, value, 0}

const struct seccomp_arg_rule seccomp_on_args[] = {
    NO_NAMESPACES("clone", CLONE_FLAGS_ARG),
    NO_NAMESPACES("unshare", 0),
    NO_FLAG("unshare", 0, CLONE_NEWTIME),
    USUAL_FAMILIES("socket"),
    USUAL_FAMILIES("socketpair"),
    NO_IOCTL(TIOCSTI),
    NO_IOCTL(TIOCLINUX),
    PERSONALITY(0x0),
    PERSONALITY(0x8),
    PERSONALITY(0x20000),
    PERSONALITY(0x20008),
    PERSONALITY(0x40000),
    PERSONALITY(0x40008),
    PERSONALITY(0xffffffff),
    {NULL, 0, 0, 0, 0, 0, 0},
};
/* clang-format on */
