/*
 * The system calls of bryo-image, and nothing else. Some are looked at more closely: memory is never
 * executable, clone makes threads only, ioctl shares the blocks of files.
 */
#include <linux/fs.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/sysfilter.h"
#include "helpers/image/confine.h"

#ifdef __s390x__
#define CLONE_FLAGS_ARG 1
#else
#define CLONE_FLAGS_ARG 0
#endif
#define THREAD_FLAGS (CLONE_VM | CLONE_THREAD | CLONE_SIGHAND)

static const unsigned allowed[] = {
    /* one file: first, because a filter is a list */
    SYS_write,
    SYS_openat,
    SYS_close,
    SYS_utimensat,
    SYS_fchown,
    SYS_fchmod,
    SYS_openat2,
    SYS_read,
    SYS_futex,
    /* making and removing */
    SYS_mkdirat,
    SYS_symlinkat,
    SYS_linkat,
    SYS_readlinkat,
    SYS_mknodat,
    SYS_unlinkat,
    SYS_renameat2,
    SYS_fchownat,
    SYS_fsetxattr,
    SYS_fremovexattr,
    SYS_fgetxattr,
    SYS_flistxattr,
    SYS_copy_file_range,
    SYS_pwrite64,
    SYS_ftruncate,
    SYS_lseek,
    SYS_getdents64,
    SYS_fcntl,
    SYS_fstat,
    SYS_statx,
#ifdef SYS_newfstatat
    SYS_newfstatat,
#endif
    SYS_ppoll,
#ifdef SYS_poll
    SYS_poll,
#endif
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
    SYS_tgkill,
    SYS_exit,
    SYS_exit_group,
    /* time and chance */
    SYS_clock_gettime,
    SYS_getrandom,
#ifdef SYS_fcntl64 /* 32-bit architectures */
    SYS_fcntl64,
    SYS_fstat64,
    SYS_fstatat64,
    SYS_ftruncate64,
    SYS__llseek,
    SYS_clock_gettime64,
    SYS_futex_time64,
    SYS_utimensat_time64,
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
    {SYS_ioctl, 1, 0, 0xffffffff, (unsigned)FICLONE},
    {SYS_clone, CLONE_FLAGS_ARG, 0, THREAD_FLAGS, THREAD_FLAGS},
};

int filter_install(struct error *err)
{
    const struct sysfilter filter = {.allowed = allowed,
                                     .n_allowed = ARRAY_SIZE(allowed),
                                     .checked = checked,
                                     .n_checked = ARRAY_SIZE(checked)};

    return sysfilter_install(&filter, err);
}
