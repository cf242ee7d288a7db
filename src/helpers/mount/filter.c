/*
 * The system calls of bryo-image-mount behind its set-up, and nothing else: reading and writing what is open,
 * memory, threads. No call that takes a path, starts a program, touches another process or has to do with the
 * network.
 */
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/sysfilter.h"
#include "helpers/mount/confine.h"

#ifdef __s390x__
#define CLONE_FLAGS_ARG 1
#else
#define CLONE_FLAGS_ARG 0
#endif
#define THREAD_FLAGS (CLONE_VM | CLONE_THREAD | CLONE_SIGHAND)

static const unsigned allowed[] = {
    /* one request: first, because a filter is a list */
    SYS_read,
    SYS_writev,
#ifdef SYS_poll
    SYS_poll,
#endif
    SYS_ppoll,
    SYS_pread64,
    SYS_futex,
    SYS_pwrite64,
    SYS_write,
    SYS_recvmsg,
    SYS_close,
    SYS_fstat,
#ifdef SYS_newfstatat /* fstat(3) of newer libcs; of the working directory, since landlock holds, nothing \
                         can be opened */
    SYS_newfstatat,
#endif
    SYS_fcntl,
    SYS_lseek,
    SYS_ftruncate,
    SYS_fadvise64,
    /* memory */
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    /* threads and signals */
    SYS_set_robust_list,
    SYS_rseq,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_restart_syscall,
    SYS_sched_getaffinity,
    SYS_sched_yield,
    SYS_getpid,
    SYS_gettid,
    SYS_getuid,
    SYS_getgid,
    SYS_geteuid,
    SYS_tgkill,
    SYS_exit,
    SYS_exit_group,
    SYS_clock_gettime,
    SYS_getrandom,
#ifdef SYS_fcntl64 /* 32-bit architectures */
    SYS_fcntl64,
    SYS_fstat64,
    SYS_ftruncate64,
    SYS__llseek,
    SYS_clock_gettime64,
    SYS_futex_time64,
    SYS_ppoll_time64,
#endif
};

static const struct sysfilter_check checked[] = {
#ifdef SYS_mmap2
    {SYS_mmap2, 2, PROT_EXEC, 0, 0},
#else
    {SYS_mmap, 2, PROT_EXEC, 0, 0},
#endif
    {SYS_mprotect, 2, PROT_EXEC, 0, 0},
    {SYS_clone, CLONE_FLAGS_ARG, 0, THREAD_FLAGS, THREAD_FLAGS},
};

int mount_filter_install(struct error *err)
{
    const struct sysfilter filter = {.allowed = allowed,
                                     .n_allowed = ARRAY_SIZE(allowed),
                                     .checked = checked,
                                     .n_checked = ARRAY_SIZE(checked)};

    return sysfilter_install(&filter, err);
}
