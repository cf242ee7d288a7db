/*
 * seccomp_compile: the programs are run here by an interpreter of classic BPF, over every system call number
 * and values around the edges of the conditions, and compared with what libseccomp makes of the same rules.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "security/seccomp.h"
#include "security/seccomp_syscalls.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define ALLOW     ((int)SECCOMP_RET_ALLOW)
#define ERRNO     ((int)SECCOMP_RET_ERRNO)
#define LOG       ((int)SECCOMP_RET_LOG)
#define TRACE     ((int)SECCOMP_RET_TRACE)
#define NOTIFY    ((int)SECCOMP_RET_USER_NOTIF)
#define KILL      ((int)SECCOMP_RET_KILL_THREAD)
#define KILL_ALL  ((int)SECCOMP_RET_KILL_PROCESS)
#define X32_BIT   0x40000000u
#define MAX_RULES 64

/* A profile built by hand; names and arguments are not owned. */
struct profile {
    struct oci_seccomp seccomp;
    struct oci_seccomp_rule rules[MAX_RULES];
    char *names[MAX_RULES][2];
    struct oci_seccomp_arg args[MAX_RULES][6];
    uint32_t archs[8];
};

static struct profile *new_profile(int default_action)
{
    struct profile *p = calloc(1, sizeof *p);

    assert_non_null(p);
    p->seccomp.default_action = default_action;
    p->seccomp.rules.items = p->rules;
    p->seccomp.architectures.items = p->archs;
    return p;
}

static struct oci_seccomp_rule *rule(struct profile *p, const char *name, int action)
{
    size_t i = p->seccomp.rules.count++;

    assert_true(i < MAX_RULES);
    p->names[i][0] = (char *)name;
    p->rules[i] = (struct oci_seccomp_rule){.names = p->names[i], .action = action};
    p->rules[i].args.items = p->args[i];
    return &p->rules[i];
}

static struct oci_seccomp_rule *with_errno(struct oci_seccomp_rule *r, uint32_t value)
{
    r->errno_ret = (struct opt_u32){true, value};
    return r;
}

static struct oci_seccomp_rule *with_arg(struct oci_seccomp_rule *r, uint32_t index, int op, uint64_t value,
                                         uint64_t value_two)
{
    r->args.items[r->args.count++] =
        (struct oci_seccomp_arg){.index = index, .op = op, .value = value, .value_two = value_two};
    return r;
}

static void add_arch(struct profile *p, uint32_t arch)
{
    p->archs[p->seccomp.architectures.count++] = arch;
}

/* Runs @code over @data as the kernel would. */
static uint32_t run(const struct sock_filter *code, size_t len, const struct seccomp_data *data)
{
    uint32_t a = 0, word;

    for (size_t pc = 0; pc < len; pc++) {
        const struct sock_filter *i = &code[pc];
        bool yes;
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(i->k % 4 == 0 && i->k + 4 <= sizeof *data);
            memcpy(&word, (const char *)data + i->k, 4);
            a = word;
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= i->k;
            continue;
        case BPF_RET | BPF_K:
            return i->k;
        case BPF_JMP | BPF_JA:
            pc += i->k;
            continue;
        case BPF_JMP | BPF_JEQ | BPF_K:
            yes = a == i->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            yes = a > i->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            yes = a >= i->k;
            break;
        default:
            fail_msg("instruction %#x at %zu", i->code, pc);
            return 0;
        }
        pc += yes ? i->jt : i->jf;
    }
    fail_msg("ran over the end");
    return 0;
}

static uint32_t run_call(const struct seccomp_filter *f, uint32_t arch, uint32_t nr, uint64_t a0, uint64_t a1)
{
    struct seccomp_data data = {.arch = arch, .nr = (int)nr, .args = {a0, a1}};

    return run(f->code, f->len, &data);
}

static uint32_t number(uint32_t arch, const char *name)
{
    struct seccomp_number n;

    assert_true(seccomp_resolve(arch, name, &n));
    assert_true(n.direct);
    return n.nr;
}

static void compile(struct profile *p, struct seccomp_filter *f)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    *f = (struct seccomp_filter){0};
    if (seccomp_compile(&p->seccomp, f, NULL, &err) < 0)
        fail_msg("seccomp_compile: %s", error_text(&err));
}

static void expect_error(struct profile *p, int code, const char *text)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct seccomp_filter f = {0};

    assert_int_equal(seccomp_compile(&p->seccomp, &f, NULL, &err), -code);
    assert_string_equal(error_text(&err), text);
    assert_null(f.code);
    free(p);
}

#define RET_ERRNO(e) (SECCOMP_RET_ERRNO | (e))

static uint32_t native(void)
{
    return seccomp_arch_native();
}

/* --- against libseccomp --- */

static struct sock_filter *reference(const struct profile *p, size_t *len)
{
    uint32_t action = (uint32_t)p->seccomp.default_action;
    _cleanup_close_ int fd = memfd_create("filter", MFD_CLOEXEC);
    struct stat st;

    if (action == SECCOMP_RET_ERRNO)
        action |= p->seccomp.default_errno_ret.set ? p->seccomp.default_errno_ret.value : EPERM;
    scmp_filter_ctx ctx = seccomp_init(action);
    assert_non_null(ctx);
    for (size_t i = 0; i < p->seccomp.architectures.count; i++) {
        int r = seccomp_arch_add(ctx, p->archs[i]);
        assert_true(r == 0 || r == -EEXIST);
    }
    for (size_t i = 0; i < p->seccomp.rules.count; i++) {
        const struct oci_seccomp_rule *r = &p->rules[i];
        struct scmp_arg_cmp cmp[6];
        uint32_t act = (uint32_t)r->action;
        if (act == SECCOMP_RET_ERRNO)
            act |= r->errno_ret.set ? r->errno_ret.value : EPERM;
        for (size_t j = 0; j < r->args.count; j++)
            cmp[j] = (struct scmp_arg_cmp){r->args.items[j].index, (enum scmp_compare)r->args.items[j].op,
                                           r->args.items[j].value, r->args.items[j].value_two};
        int nr = seccomp_syscall_resolve_name(r->names[0]);
        assert_true(nr != __NR_SCMP_ERROR);
        int res = seccomp_rule_add_array(ctx, act, nr, (unsigned)r->args.count, cmp);
        if (res != 0)
            fail_msg("libseccomp: rule %zu %s: %d", i, r->names[0], res);
    }
    assert_true(fd >= 0);
    assert_int_equal(seccomp_export_bpf(ctx, fd), 0);
    seccomp_release(ctx);
    assert_int_equal(fstat(fd, &st), 0);
    struct sock_filter *code = malloc((size_t)st.st_size);
    assert_non_null(code);
    assert_int_equal(pread(fd, code, (size_t)st.st_size, 0), st.st_size);
    *len = (size_t)st.st_size / sizeof *code;
    return code;
}

/* Values around what the rules compare with. */
static const uint64_t edges[] = {0,
                                 1,
                                 2,
                                 5,
                                 15,
                                 16,
                                 17,
                                 0x5412,
                                 0x7fffffff,
                                 0x80000000,
                                 0xfffffffe,
                                 0xffffffff,
                                 UINT64_C(0x100000000),
                                 UINT64_C(0x100000001),
                                 UINT64_C(0x1000000ff),
                                 UINT64_C(0x7fffffffffffffff),
                                 UINT64_C(0x8000000000000000),
                                 UINT64_MAX};

static void compare_one(const struct seccomp_filter *f, const struct sock_filter *ref, size_t ref_len,
                        uint32_t arch, uint32_t nr, uint64_t a0, uint64_t a1)
{
    struct seccomp_data data = {.arch = arch, .nr = (int)nr, .args = {a0, a1, a0, a1, a0, a1}};
    uint32_t ours = run(f->code, f->len, &data), theirs = run(ref, ref_len, &data);

    /* A foreign architecture: they kill the thread, bryo the process. */
    if (theirs == SECCOMP_RET_KILL_THREAD && ours == SECCOMP_RET_KILL_PROCESS)
        return;
    if (ours != theirs)
        fail_msg("arch %#x call %u (%#llx, %#llx): %#x, libseccomp %#x", arch, nr, (unsigned long long)a0,
                 (unsigned long long)a1, ours, theirs);
}

/* @narrow_args: on 32-bit architectures the kernel gives no high halves. */
static void compare(struct profile *p)
{
    _cleanup_seccomp_ struct seccomp_filter f;
    uint32_t archs[] = {SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_AARCH64};
    size_t ref_len;

    compile(p, &f);
    _cleanup_free_ struct sock_filter *ref = reference(p, &ref_len);
    for (size_t k = 0; k < ARRAY_SIZE(archs); k++) {
        bool narrow = seccomp_arch_narrow(archs[k]);
        for (uint32_t nr = 0; nr < 600; nr++)
            for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
                for (size_t j = 0; j < ARRAY_SIZE(edges); j += 3)
                    compare_one(&f, ref, ref_len, archs[k], nr, narrow ? (uint32_t)edges[i] : edges[i],
                                narrow ? (uint32_t)edges[j] : edges[j]);
    }
    if (native() == SCMP_ARCH_X86_64) {
        for (uint32_t nr = X32_BIT; nr < X32_BIT + 600; nr++)
            compare_one(&f, ref, ref_len, SCMP_ARCH_X86_64, nr, 0, 0);
        compare_one(&f, ref, ref_len, SCMP_ARCH_X86_64, UINT32_MAX, 0, 0);
    }
    free(p);
}

static void compat_archs(struct profile *p)
{
    if (native() == SCMP_ARCH_X86_64) {
        add_arch(p, SCMP_ARCH_X86_64);
        add_arch(p, SCMP_ARCH_X86);
        add_arch(p, SCMP_ARCH_X32);
    }
}

static void like_libseccomp_plain(void **state)
{
    static const char *const names[] = {"read",   "write",      "openat",     "close",   "mmap",
                                        "execve", "exit_group", "futex",      "getpid",  "clone3",
                                        "shmget", "socket",     "accept",     "connect", "ioctl",
                                        "semop",  "fadvise64",  "sendmmsg",   "msgrcv",  "personality",
                                        "recv",   "faccessat2", "socketcall", "ipc",     "shutdown"};
    (void)state;
    for (int compat = 0; compat < 2; compat++) {
        struct profile *p = new_profile(ERRNO);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
            if (strcmp(names[i], "socketcall") == 0 || strcmp(names[i], "ipc") == 0)
                continue;
            rule(p, names[i], i % 5 == 4 ? LOG : ALLOW);
        }
        with_errno(rule(p, "keyctl", ERRNO), 38);
        if (compat)
            compat_archs(p);
        compare(p);
    }
}

static void like_libseccomp_conditions(void **state)
{
    static const int ops[] = {SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE, SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT};
    static const uint64_t values[] = {0,         16, 0xffffffff, UINT64_C(0x100000000), UINT64_C(0x1000000ff),
                                      UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
        for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
            struct profile *p = new_profile(ALLOW);
            with_arg(with_errno(rule(p, "personality", ERRNO), 5), 0, ops[i], values[j], 0);
            with_arg(with_arg(rule(p, "kill", KILL), 0, ops[i], values[j], 0), 1, SCMP_CMP_EQ, 0xffffffff, 0);
            with_arg(rule(p, "ioctl", ERRNO), 1, SCMP_CMP_MASKED_EQ, 0xffffffff, 0x5412);
            with_arg(rule(p, "clone", ERRNO), 0, SCMP_CMP_MASKED_EQ, UINT64_C(0x80000000000000f0), 16);
            compare(p);
        }
}

/* Two rules for one call with conditions that cannot hold together. */
static void like_libseccomp_disjoint(void **state)
{
    (void)state;
    struct profile *p = new_profile(ERRNO);
    p->seccomp.default_errno_ret = (struct opt_u32){true, 38};
    static const uint64_t domains[] = {0, 8, 0x20000, 0x20008, 0xffffffff};
    for (size_t i = 0; i < ARRAY_SIZE(domains); i++)
        with_arg(rule(p, "personality", ALLOW), 0, SCMP_CMP_EQ, domains[i], 0);
    with_arg(with_arg(with_errno(rule(p, "kill", ERRNO), 22), 0, SCMP_CMP_EQ, 16, 0), 1, SCMP_CMP_EQ, 5, 0);
    with_arg(rule(p, "kill", ALLOW), 1, SCMP_CMP_NE, 5, 0);
    with_arg(rule(p, "clone", ALLOW), 0, SCMP_CMP_MASKED_EQ, 0x7e020000, 0);
    compare(p);
}

/* --- where bryo has its own rule --- */

static void restrictive_wins(void **state)
{
    (void)state;
    for (int swap = 0; swap < 2; swap++) {
        _cleanup_seccomp_ struct seccomp_filter f;
        struct profile *p = new_profile(ERRNO);
        if (swap)
            rule(p, "ioctl", ALLOW);
        with_arg(rule(p, "ioctl", ERRNO), 1, SCMP_CMP_MASKED_EQ, 0xffffffff, 0x5412);
        with_arg(rule(p, "ioctl", KILL_ALL), 1, SCMP_CMP_MASKED_EQ, 0xff, 0x12);
        with_arg(rule(p, "ioctl", LOG), 0, SCMP_CMP_EQ, 7, 0);
        if (!swap)
            rule(p, "ioctl", ALLOW);
        compile(p, &f);
        uint32_t nr = number(native(), "ioctl");
        assert_int_equal(run_call(&f, native(), nr, 0, 0), SECCOMP_RET_ALLOW);
        assert_int_equal(run_call(&f, native(), nr, 7, 0), SECCOMP_RET_LOG);
        assert_int_equal(run_call(&f, native(), nr, 7, 0x12), SECCOMP_RET_KILL_PROCESS);
        assert_int_equal(run_call(&f, native(), nr, 7, 0x5412), SECCOMP_RET_KILL_PROCESS);
        assert_int_equal(run_call(&f, native(), nr, 0, UINT64_C(0xffffffff00005412)),
                         SECCOMP_RET_KILL_PROCESS);
        free(p);
    }
    _cleanup_seccomp_ struct seccomp_filter f;
    struct profile *p = new_profile(ERRNO);
    rule(p, "ioctl", ALLOW);
    with_arg(rule(p, "ioctl", ERRNO), 1, SCMP_CMP_MASKED_EQ, 0xffffffff, 0x5412);
    compile(p, &f);
    uint32_t nr = number(native(), "ioctl");
    assert_int_equal(run_call(&f, native(), nr, 0, 0x5413), SECCOMP_RET_ALLOW);
    assert_int_equal(run_call(&f, native(), nr, 0, 0x5412), RET_ERRNO(EPERM));
    assert_int_equal(run_call(&f, native(), nr, 0, UINT64_C(0x100005412)), RET_ERRNO(EPERM));
    free(p);
}

static void first_plain_rule_counts(void **state)
{
    _cleanup_seccomp_ struct seccomp_filter f;

    (void)state;
    struct profile *p = new_profile(ERRNO);
    with_errno(rule(p, "clone3", ERRNO), 38);
    rule(p, "clone3", ALLOW);
    rule(p, "getpid", ALLOW);
    rule(p, "getpid", KILL);
    rule(p, "getuid", ERRNO); /* what holds anyway is no rule */
    rule(p, "getuid", ALLOW);
    if (native() == SCMP_ARCH_X86_64)
        add_arch(p, SCMP_ARCH_X86);
    with_errno(rule(p, "socket", ERRNO), 97);
    rule(p, "socket", ALLOW);
    compile(p, &f);
    assert_int_equal(run_call(&f, native(), number(native(), "clone3"), 0, 0), RET_ERRNO(38));
    assert_int_equal(run_call(&f, native(), number(native(), "getpid"), 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(run_call(&f, native(), number(native(), "getuid"), 0, 0), SECCOMP_RET_ALLOW);
    if (native() == SCMP_ARCH_X86_64) {
        assert_int_equal(run_call(&f, SCMP_ARCH_X86, 359, 0, 0), RET_ERRNO(97));
        assert_int_equal(run_call(&f, SCMP_ARCH_X86, 102, 1, 0), RET_ERRNO(97));
        assert_int_equal(run_call(&f, SCMP_ARCH_X86, 102, 2, 0), RET_ERRNO(EPERM));
    }
    free(p);
}

static void same_argument_twice_is_or(void **state)
{
    _cleanup_seccomp_ struct seccomp_filter f;

    (void)state;
    struct profile *p = new_profile(ERRNO);
    struct oci_seccomp_rule *r = rule(p, "personality", ALLOW);
    with_arg(r, 0, SCMP_CMP_EQ, 0, 0);
    with_arg(r, 0, SCMP_CMP_EQ, 8, 0);
    compile(p, &f);
    uint32_t nr = number(native(), "personality");
    assert_int_equal(run_call(&f, native(), nr, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(run_call(&f, native(), nr, 8, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(run_call(&f, native(), nr, 4, 0), RET_ERRNO(EPERM));
    free(p);
}

static void architectures(void **state)
{
    _cleanup_seccomp_ struct seccomp_filter f;

    (void)state;
    if (native() != SCMP_ARCH_X86_64) {
        print_message("the numbers of this test are those of x86_64\n");
        skip();
    }
    struct profile *p = new_profile(ALLOW);
    rule(p, "getpid", LOG);
    add_arch(p, SCMP_ARCH_S390X); /* cannot run here: left out */
    compile(p, &f);
    /* Not listed: kills. -1 is what a tracer leaves of a skipped call. */
    assert_int_equal(run_call(&f, SCMP_ARCH_X86, 20, 0, 0), SECCOMP_RET_KILL_PROCESS);
    assert_int_equal(run_call(&f, SCMP_ARCH_S390X, 20, 0, 0), SECCOMP_RET_KILL_PROCESS);
    assert_int_equal(run_call(&f, SCMP_ARCH_X86_64, X32_BIT | 39, 0, 0), SECCOMP_RET_KILL_PROCESS);
    assert_int_equal(run_call(&f, SCMP_ARCH_X86_64, X32_BIT, 0, 0), SECCOMP_RET_KILL_PROCESS);
    assert_int_equal(run_call(&f, SCMP_ARCH_X86_64, X32_BIT - 1, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(run_call(&f, SCMP_ARCH_X86_64, UINT32_MAX, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(run_call(&f, SCMP_ARCH_X86_64, 39, 0, 0), SECCOMP_RET_LOG);
    seccomp_filter_free(&f);

    add_arch(p, SCMP_ARCH_X86);
    add_arch(p, SCMP_ARCH_X32);
    compile(p, &f);
    assert_int_equal(run_call(&f, SCMP_ARCH_X86, 20, 0, 0), SECCOMP_RET_LOG);
    assert_int_equal(run_call(&f, SCMP_ARCH_X86, 39, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(run_call(&f, SCMP_ARCH_X86_64, X32_BIT | 39, 0, 0), SECCOMP_RET_LOG);
    assert_int_equal(run_call(&f, SCMP_ARCH_X86_64, 39, 0, 0), SECCOMP_RET_LOG);
    free(p);
}

static void actions_and_errno(void **state)
{
    _cleanup_seccomp_ struct seccomp_filter f;

    (void)state;
    struct profile *p = new_profile(ERRNO);
    p->seccomp.default_errno_ret = (struct opt_u32){true, 38};
    rule(p, "getpid", ERRNO);
    with_errno(rule(p, "getuid", ERRNO), 4095);
    with_errno(rule(p, "getgid", TRACE), 0xffff);
    rule(p, "geteuid", TRACE);
    rule(p, "getegid", (int)SECCOMP_RET_TRAP);
    rule(p, "getppid", KILL);
    rule(p, "getpgid", NOTIFY);
    p->seccomp.listener_path = (char *)"/run/agent";
    p->seccomp.flags = SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_TSYNC;
    compile(p, &f);
    assert_true(f.notify);
    assert_int_equal(f.flags, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_TSYNC);
    assert_int_equal(run_call(&f, native(), number(native(), "read"), 0, 0), RET_ERRNO(38));
    assert_int_equal(run_call(&f, native(), number(native(), "getpid"), 0, 0), RET_ERRNO(EPERM));
    assert_int_equal(run_call(&f, native(), number(native(), "getuid"), 0, 0), RET_ERRNO(4095));
    assert_int_equal(run_call(&f, native(), number(native(), "getgid"), 0, 0), SECCOMP_RET_TRACE | 0xffff);
    assert_int_equal(run_call(&f, native(), number(native(), "geteuid"), 0, 0), SECCOMP_RET_TRACE | EPERM);
    assert_int_equal(run_call(&f, native(), number(native(), "getegid"), 0, 0), SECCOMP_RET_TRAP);
    assert_int_equal(run_call(&f, native(), number(native(), "getppid"), 0, 0), SECCOMP_RET_KILL_THREAD);
    assert_int_equal(run_call(&f, native(), number(native(), "getpgid"), 0, 0), SECCOMP_RET_USER_NOTIF);
    free(p);
}

static void unknown_names(void **state)
{
    _cleanup_seccomp_ struct seccomp_filter f = {0};
    _cleanup_strv_ char **unknown = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    struct profile *p = new_profile(ERRNO);
    rule(p, "no_such_call", ALLOW);
    rule(p, "getpid", ALLOW);
    rule(p, "no_such_call", LOG);
    rule(p, "", ALLOW);
    rule(p, "arm_fadvise64_64", ALLOW); /* known, elsewhere */
    rule(p, "mseal", ALLOW);            /* younger than the library */
    assert_int_equal(seccomp_compile(&p->seccomp, &f, &unknown, &err), 0);
    assert_int_equal(strv_len(unknown), 2);
    assert_string_equal(unknown[0], "no_such_call");
    assert_string_equal(unknown[1], "");
    assert_int_equal(run_call(&f, native(), number(native(), "getpid"), 0, 0), SECCOMP_RET_ALLOW);
    if (native() == SCMP_ARCH_X86_64 || native() == SCMP_ARCH_AARCH64)
        assert_int_equal(run_call(&f, native(), 462, 0, 0), SECCOMP_RET_ALLOW);
    free(p);
}

static void errors(void **state)
{
    struct profile *p;

    (void)state;
    p = new_profile(ALLOW);
    p->seccomp.default_errno_ret = (struct opt_u32){true, 1};
    expect_error(p, EINVAL,
                 "linux.seccomp.defaultErrnoRet: SCMP_ACT_ALLOW takes no errno (only SCMP_ACT_ERRNO and "
                 "SCMP_ACT_TRACE do)");
    p = new_profile(ALLOW);
    rule(p, "getpid", ERRNO);
    with_errno(rule(p, "getuid", KILL_ALL), 1);
    expect_error(p, EINVAL,
                 "linux.seccomp.syscalls[1].errnoRet: SCMP_ACT_KILL_PROCESS takes no errno (only "
                 "SCMP_ACT_ERRNO and SCMP_ACT_TRACE do)");
    p = new_profile(ALLOW);
    with_errno(rule(p, "getuid", ERRNO), 4096);
    expect_error(p, EINVAL, "linux.seccomp.syscalls[0].errnoRet: expected at most 4095, found 4096");
    p = new_profile(ALLOW);
    with_errno(rule(p, "getuid", TRACE), 65536);
    expect_error(p, EINVAL, "linux.seccomp.syscalls[0].errnoRet: expected at most 65535, found 65536");
    p = new_profile(ALLOW);
    with_arg(rule(p, "getuid", ERRNO), 6, SCMP_CMP_EQ, 0, 0);
    expect_error(p, EINVAL, "linux.seccomp.syscalls[0].args[0].index: expected 0 to 5, found 6");
    p = new_profile(ALLOW);
    with_arg(rule(p, "getuid", ERRNO), 5, 99, 0, 0);
    expect_error(p, EINVAL, "linux.seccomp.syscalls[0].args[0].op: unknown operator 99");
    p = new_profile(12345);
    expect_error(p, EINVAL, "linux.seccomp.defaultAction: unknown action 0x3039");
    p = new_profile(ALLOW);
    rule(p, "getuid", NOTIFY);
    expect_error(p, EINVAL,
                 "linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY needs linux.seccomp.listenerPath");
    p = new_profile(NOTIFY);
    expect_error(p, EINVAL, "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY needs linux.seccomp.listenerPath");
    p = new_profile(ALLOW);
    p->seccomp.listener_metadata = (char *)"x";
    expect_error(p, EINVAL, "linux.seccomp.listenerMetadata: nobody to give it to without listenerPath");
    p = new_profile(ALLOW);
    p->seccomp.flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    expect_error(p, EINVAL, "linux.seccomp.flags: unknown flag 0x8");
    p = new_profile(ALLOW);
    p->seccomp.flags = 1u << 31;
    expect_error(p, EINVAL, "linux.seccomp.flags: unknown flag 0x80000000");
}

/* The built-in profile on i386, where test_seccomp_load can look only if the kernel runs such programs. */
static void default_profile_on_i386(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_seccomp_ struct seccomp_filter f = {0};
    struct oci_seccomp *s = NULL;

    (void)state;
    if (native() != SCMP_ARCH_X86_64) {
        print_message("the numbers of this test are those of i386\n");
        skip();
    }
    assert_int_equal(seccomp_default_profile(0, &s, &err), 0);
    assert_int_equal(seccomp_compile(s, &f, NULL, &err), 0);
    oci_seccomp_free(s);
    uint32_t arch = SCMP_ARCH_X86;
    assert_int_equal(run_call(&f, arch, 3 /* read */, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(run_call(&f, arch, 359 /* socket */, 2, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(run_call(&f, arch, 359, 38, 0), RET_ERRNO(EAFNOSUPPORT));
    assert_int_equal(run_call(&f, arch, 102 /* socketcall */, 1 /* socket */, 0), RET_ERRNO(ENOSYS));
    assert_int_equal(run_call(&f, arch, 102, 8 /* socketpair */, 0), RET_ERRNO(ENOSYS));
    assert_int_equal(run_call(&f, arch, 102, 3 /* connect */, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(run_call(&f, arch, 117 /* ipc */, 23 /* shmget */, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(run_call(&f, arch, 117, 0x10017, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(run_call(&f, arch, 117, 5, 0), RET_ERRNO(ENOSYS));
    assert_int_equal(run_call(&f, arch, 54 /* ioctl */, 0, 0x5412), RET_ERRNO(EPERM));
    assert_int_equal(run_call(&f, arch, 310 /* unshare */, 0x10000000, 0), RET_ERRNO(EPERM));
    assert_int_equal(run_call(&f, arch, 120 /* clone */, 0x10000000, 0), RET_ERRNO(EPERM));
    assert_int_equal(run_call(&f, arch, 120, 0x1200011, 0), SECCOMP_RET_ALLOW);
}

/* A rule with many conditions: jumps over more than 255 instructions, then a filter that the kernel refuses.
 */
static void long_filters(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    static struct oci_seccomp_rule rules[1200];
    static struct oci_seccomp_arg args[1200];
    static char *names[] = {(char *)"personality", NULL};
    struct oci_seccomp s = {.default_action = ERRNO};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        args[i] = (struct oci_seccomp_arg){.index = 0, .op = SCMP_CMP_EQ, .value = i * 3};
        rules[i] = (struct oci_seccomp_rule){.names = names, .action = i % 2 ? ALLOW : LOG};
        rules[i].args.items = &args[i];
        rules[i].args.count = 1;
    }
    s.rules.items = rules;
    s.rules.count = 900;
    _cleanup_seccomp_ struct seccomp_filter f = {0};
    if (seccomp_compile(&s, &f, NULL, &err) < 0)
        fail_msg("%s", error_text(&err));
    assert_true(f.len > 3000);
    for (uint64_t v = 0; v < 2800; v++) {
        uint32_t expected = v % 3 || v >= 2700 ? RET_ERRNO(EPERM)
                            : v / 3 % 2        ? SECCOMP_RET_ALLOW
                                               : SECCOMP_RET_LOG;
        assert_int_equal(run_call(&f, native(), number(native(), "personality"), v, 0), expected);
    }
    assert_int_equal(run_call(&f, native(), number(native(), "read"), 0, 0), RET_ERRNO(EPERM));
    s.rules.count = 1200;
    struct seccomp_filter g = {0};
    assert_int_equal(seccomp_compile(&s, &g, NULL, &err), -E2BIG);
    assert_non_null(strstr(error_text(&err), "linux.seccomp: the rules need a filter of "));
    assert_non_null(strstr(error_text(&err), "the kernel takes at most 4096"));
}

static void flags_without_meaning(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct seccomp_filter f = {0};

    (void)state;
    struct profile *p = new_profile(ALLOW);
    p->seccomp.flags = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    int r = seccomp_compile(&p->seccomp, &f, NULL, &err);
    if (r == -ENOTSUP) { /* Linux before 5.19 */
        assert_string_equal(error_text(&err), "linux.seccomp.flags: this kernel does not know "
                                              "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");
    } else {
        assert_int_equal(r, 0);
        assert_int_equal(f.flags, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
        seccomp_filter_free(&f);
    }
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_libseccomp_plain),
        cmocka_unit_test(like_libseccomp_conditions),
        cmocka_unit_test(like_libseccomp_disjoint),
        cmocka_unit_test(restrictive_wins),
        cmocka_unit_test(first_plain_rule_counts),
        cmocka_unit_test(same_argument_twice_is_or),
        cmocka_unit_test(architectures),
        cmocka_unit_test(actions_and_errno),
        cmocka_unit_test(unknown_names),
        cmocka_unit_test(errors),
        cmocka_unit_test(default_profile_on_i386),
        cmocka_unit_test(long_filters),
        cmocka_unit_test(flags_without_meaning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
