#include "base/sysfilter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>

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
#error "name the AUDIT_ARCH of this architecture here"
#endif

/* The lower 32 bits of argument @n. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARG_LOW(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#else
#define ARG_LOW(n) (offsetof(struct seccomp_data, args) + 8 * (n) + 4)
#endif

#define CHECK_STEPS   6
#define ALLOWED_STEPS 2
#define FIXED_STEPS   5
#define PROGRAM_MAX \
    (FIXED_STEPS + SYSFILTER_CHECKED_MAX * (CHECK_STEPS + 2) + SYSFILTER_ALLOWED_MAX * ALLOWED_STEPS)

#define RETURN(what) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what))
#define LOAD(offset) ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset))
/* Skip @yes or @no instructions. */
#define IF_EQUAL(value, yes, no) ((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no))
#define IF_ANY(bits, yes, no)    ((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, yes, no))
#define MASK(bits)               ((struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits))

/* All rows of the call that row @first names; the accumulator holds the call's number, and does again where
 * the call is another. */
static unsigned short add_checks(const struct sysfilter *f, size_t first, struct sock_filter *p,
                                 unsigned short n)
{
    unsigned nr = f->checked[first].nr;
    unsigned char rows = 0;

    for (size_t i = first; i < f->n_checked; i++)
        rows += f->checked[i].nr == nr;
    p[n++] = IF_EQUAL(nr, 0, (unsigned char)(rows * (CHECK_STEPS - 1) + 1));
    for (size_t i = first; i < f->n_checked; i++) {
        const struct sysfilter_check *c = &f->checked[i];
        if (c->nr != nr)
            continue;
        p[n++] = LOAD(ARG_LOW(c->arg));
        p[n++] = IF_ANY(c->denied, 3, 0);
        p[n++] = MASK(c->mask);
        p[n++] = IF_EQUAL(c->value, 0, 1);
        p[n++] = RETURN(SECCOMP_RET_ALLOW);
    }
    p[n++] = RETURN(SECCOMP_RET_ERRNO | EPERM);
    return n;
}

static unsigned short build(const struct sysfilter *f, struct sock_filter *p)
{
    unsigned short n = 0;

    p[n++] = LOAD(offsetof(struct seccomp_data, arch));
    p[n++] = IF_EQUAL(ARCH, 1, 0);
    p[n++] = RETURN(SECCOMP_RET_KILL_PROCESS);
    p[n++] = LOAD(offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < f->n_allowed; i++) {
        p[n++] = IF_EQUAL(f->allowed[i], 0, 1);
        p[n++] = RETURN(SECCOMP_RET_ALLOW);
    }
    for (size_t i = 0; i < f->n_checked; i++) {
        size_t first = 0;
        while (f->checked[first].nr != f->checked[i].nr)
            first++;
        if (first == i)
            n = add_checks(f, i, p, n);
    }
    p[n++] = RETURN(SECCOMP_RET_ERRNO | ENOSYS);
    return n;
}

int sysfilter_install(const struct sysfilter *filter, struct error *err)
{
    struct sock_filter program[PROGRAM_MAX];
    struct sock_fprog prog = {.filter = program};

    if (filter->n_allowed > SYSFILTER_ALLOWED_MAX || filter->n_checked > SYSFILTER_CHECKED_MAX)
        return error_set(err, E2BIG, "the system call filter has too many rows");
    prog.len = build(filter, program);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_sys(err, errno, "set no_new_privs");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
        return error_sys(err, errno, "install the system call filter");
    return 0;
}
