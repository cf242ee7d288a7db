/*
 * seccomp_compile against libseccomp: for rules that both read alike, the two programs must give the same
 * verdict for every system call number, on every architecture, and for values around the edges of the
 * conditions.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test_seccomp_profile.h"

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

/* On 32-bit architectures the kernel gives no high halves. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_libseccomp_plain),
        cmocka_unit_test(like_libseccomp_conditions),
        cmocka_unit_test(like_libseccomp_disjoint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
