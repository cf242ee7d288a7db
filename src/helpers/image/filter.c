/*
 * The system calls of bryo-image, and nothing else, as a seccomp filter written by hand: compiling it with
 * libseccomp takes longer than unpacking a small archive.
 *
 * What is not in the table answers ENOSYS, so that nothing of it happens, and a libc that tries a newer call
 * first falls back to one that is. Some calls are looked at more closely: memory is never executable, clone
 * makes threads only.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "helpers/image/confine.h"

#if defined __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCH AUDIT_ARCH_AARCH64
#elif defined __i386__
#define ARCH AUDIT_ARCH_I386
#elif defined __arm__
#define ARCH AUDIT_ARCH_ARM
#elif defined __riscv && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#elif defined __powerpc64__ && defined __LITTLE_ENDIAN__
#define ARCH AUDIT_ARCH_PPC64LE
#elif defined __s390x__
#define ARCH AUDIT_ARCH_S390X
#else
#error "bryo-image: name the AUDIT_ARCH of this architecture here"
#endif

/* The lower 32 bits of argument @n. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARG_LOW(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#else
#define ARG_LOW(n) (offsetof(struct seccomp_data, args) + 8 * (n) + 4)
#endif
#ifdef __s390x__
#define CLONE_FLAGS_ARG 1
#else
#define CLONE_FLAGS_ARG 0
#endif

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

/* Calls of which only some forms are allowed: any bit of @denied in argument @arg is refused, all of
 * @required must be there. */
static const struct {
    unsigned nr, arg, denied, required;
} checked[] = {
#ifdef SYS_mmap2
    {SYS_mmap2, 2, PROT_EXEC, 0},
#else
    {SYS_mmap, 2, PROT_EXEC, 0},
#endif
    {SYS_mprotect, 2, PROT_EXEC, 0},
    {SYS_clone, CLONE_FLAGS_ARG, 0, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND},
};

#define CHECK_STEPS   7
#define ALLOWED_STEPS 2
#define PROGRAM_MAX   (8 + ARRAY_SIZE(checked) * CHECK_STEPS + ARRAY_SIZE(allowed) * ALLOWED_STEPS)

#define RETURN(what) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what))
#define LOAD(offset) ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset))
/* Skip @yes or @no instructions. */
#define IF_EQUAL(value, yes, no) ((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no))
#define IF_ANY(bits, yes, no)    ((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, yes, no))
#define MASK(bits)               ((struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits))

static unsigned short build(struct sock_filter *p)
{
    unsigned short n = 0;

    p[n++] = LOAD(offsetof(struct seccomp_data, arch));
    p[n++] = IF_EQUAL(ARCH, 1, 0);
    p[n++] = RETURN(SECCOMP_RET_KILL_PROCESS);
    p[n++] = LOAD(offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
        p[n++] = IF_EQUAL(allowed[i], 0, 1);
        p[n++] = RETURN(SECCOMP_RET_ALLOW);
    }
    for (size_t i = 0; i < ARRAY_SIZE(checked); i++) {
        p[n++] = IF_EQUAL(checked[i].nr, 0, CHECK_STEPS - 1);
        p[n++] = LOAD(ARG_LOW(checked[i].arg));
        p[n++] = IF_ANY(checked[i].denied, 2, 0);
        p[n++] = MASK(checked[i].required);
        p[n++] = IF_EQUAL(checked[i].required, 1, 0);
        p[n++] = RETURN(SECCOMP_RET_ERRNO | EPERM);
        p[n++] = RETURN(SECCOMP_RET_ALLOW);
    }
    p[n++] = RETURN(SECCOMP_RET_ERRNO | ENOSYS);
    return n;
}

int filter_install(struct error *err)
{
    struct sock_filter program[PROGRAM_MAX];
    struct sock_fprog prog = {.len = build(program), .filter = program};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_sys(err, errno, "set no_new_privs");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
        return error_sys(err, errno, "install the system call filter");
    return 0;
}
