/*
 * seccomp_compile: where bryo has a rule of its own, and what it refuses.
 */
#include "base/str.h"
#include "test_seccomp_profile.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static void expect_error(struct profile *p, int code, const char *text)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct seccomp_filter f = {0};

    assert_int_equal(seccomp_compile(&p->seccomp, &f, NULL, &err), -code);
    assert_string_equal(error_text(&err), text);
    assert_null(f.code);
    free(p);
}

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

/* A plain rule that says what the default says is left out, as in runc and crun. */
static void plain_default_rule_is_nothing(void **state)
{
    _cleanup_seccomp_ struct seccomp_filter f;
    struct profile *p = new_profile(ERRNO);

    (void)state;
    rule(p, "mount", ERRNO);
    with_arg(rule(p, "mount", ALLOW), 0, SCMP_CMP_EQ, 7, 0);
    rule(p, "umount2", ERRNO);
    rule(p, "umount2", ALLOW);
    /* Another errno is another verdict, and outweighs. */
    with_errno(rule(p, "chroot", ERRNO), 38);
    with_arg(rule(p, "chroot", ALLOW), 0, SCMP_CMP_EQ, 7, 0);
    compile(p, &f);
    uint32_t arch = native(), mount = number(arch, "mount");
    assert_int_equal(run_call(&f, arch, mount, 7, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(run_call(&f, arch, mount, 8, 0), RET_ERRNO(EPERM));
    assert_int_equal(run_call(&f, arch, number(arch, "umount2"), 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(run_call(&f, arch, number(arch, "chroot"), 7, 0), RET_ERRNO(38));
    free(p);
}

/* What values beyond 32 bits mean to arguments that have no more. */
static void wide_values_on_i386(void **state)
{
    static const struct {
        int op;
        uint64_t value, value_two, argument;
        bool holds;
    } cases[] = {
        {SCMP_CMP_EQ, UINT64_MAX, 0, UINT32_MAX, true},
        {SCMP_CMP_NE, UINT64_MAX, 0, UINT32_MAX, false},
        {SCMP_CMP_MASKED_EQ, UINT64_MAX, UINT64_MAX, UINT32_MAX, true},
        {SCMP_CMP_GT, UINT64_C(0x100000000), 0, UINT32_MAX, false},
        {SCMP_CMP_GE, UINT64_C(0x100000000), 0, UINT32_MAX, false},
        {SCMP_CMP_LT, UINT64_C(0x100000000), 0, UINT32_MAX, true},
        {SCMP_CMP_LE, UINT64_C(0x100000000), 0, 1, true},
        {SCMP_CMP_GT, UINT32_MAX, 0, UINT32_MAX, false},
        {SCMP_CMP_GE, UINT32_MAX, 0, UINT32_MAX, true},
    };

    (void)state;
    if (native() != SCMP_ARCH_X86_64)
        skip();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_seccomp_ struct seccomp_filter f;
        struct profile *p = new_profile(ALLOW);
        add_arch(p, SCMP_ARCH_X86);
        with_arg(rule(p, "personality", LOG), 0, cases[i].op, cases[i].value, cases[i].value_two);
        compile(p, &f);
        if ((run_call(&f, SCMP_ARCH_X86, number(SCMP_ARCH_X86, "personality"), cases[i].argument, 0) ==
             SECCOMP_RET_LOG) != cases[i].holds)
            fail_msg("case %zu", i);
        free(p);
    }
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
        cmocka_unit_test(restrictive_wins),
        cmocka_unit_test(first_plain_rule_counts),
        cmocka_unit_test(same_argument_twice_is_or),
        cmocka_unit_test(architectures),
        cmocka_unit_test(actions_and_errno),
        cmocka_unit_test(unknown_names),
        cmocka_unit_test(errors),
        cmocka_unit_test(default_profile_on_i386),
        cmocka_unit_test(long_filters),
        cmocka_unit_test(plain_default_rule_is_nothing),
        cmocka_unit_test(wide_values_on_i386),
        cmocka_unit_test(flags_without_meaning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
