/*
 * Limits and places of a process: rlimits, the OOM score, personality, the session keyring.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "security/security.h"
#include "test_security_child.h"

/* Gives up CAP_SYS_RESOURCE, so that root meets the same limits as everybody. */
static void become_ordinary(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};

    CHECK(syscall(SYS_capset, &header, none) == 0);
}

static void set_limits(const void *arg)
{
    struct oci_rlimit limits[] = {{RLIMIT_NOFILE, 64, 128}, {RLIMIT_CORE, 0, 0}};
    struct oci_rlimit_list list = {limits, 2};
    struct error err = ERROR_INIT;
    struct rlimit now;

    (void)arg;
    CHECK(security_set_rlimits(&list, &err) == 0);
    CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur == 64 && now.rlim_max == 128);
    CHECK(getrlimit(RLIMIT_CORE, &now) == 0 && now.rlim_cur == 0 && now.rlim_max == 0);
    become_ordinary();
    limits[0] = (struct oci_rlimit){RLIMIT_NOFILE, 64, 129};
    CHECK(security_set_rlimits(&list, &err) == -EPERM);
    CHECK_TEXT(&err,
               "process.rlimits[0].hard: cannot raise RLIMIT_NOFILE to 129, the caller's hard limit is 128: "
               "operation not permitted (EPERM)");
    CHECK(strstr(err.hint, "ask for at most 128"));
    limits[0] = (struct oci_rlimit){RLIMIT_NOFILE, 64, 64};
    limits[1] = (struct oci_rlimit){RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY};
    CHECK(security_set_rlimits(&list, &err) == -EPERM);
    CHECK_TEXT(
        &err, "process.rlimits[1].hard: cannot raise RLIMIT_CORE to unlimited, the caller's hard limit is 0: "
              "operation not permitted (EPERM)");
    CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_max == 64);
    limits[1] = (struct oci_rlimit){RLIMIT_STACK, RLIM_INFINITY, 4096};
    CHECK(security_set_rlimits(&list, &err) == -EINVAL);
    CHECK_TEXT(&err, "process.rlimits[1].soft: unlimited is above the hard limit 4096 of RLIMIT_STACK");
    error_clear(&err);
}

static void rlimits(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(set_limits, NULL, NULL));
}

static void set_oom(const void *arg)
{
    int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct error err = ERROR_INIT;
    char *text = NULL;

    (void)arg;
    CHECK(proc >= 0);
    CHECK(security_set_oom_score_adj(proc, 700, &err) == 0);
    CHECK(file_read_at(proc, "self/oom_score_adj", 64, &text, NULL, &err) == 0 && strcmp(text, "700\n") == 0);
    free(text);
    CHECK(security_set_oom_score_adj(proc, 1001, &err) == -EINVAL);
    CHECK_TEXT(&err, "process.oomScoreAdj: expected -1000 to 1000, found 1001");
    /* Dropping capabilities makes a process undumpable where it had more than before its exec. */
    become_ordinary();
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
    CHECK(security_set_oom_score_adj(proc, -1000, &err) == -EACCES);
    CHECK_TEXT(&err, "process.oomScoreAdj: cannot lower it from 700 to -1000: permission denied (EACCES)");
    CHECK(strstr(err.hint, "ask for 700 or more"));
    error_clear(&err);
}

static void oom_score(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(set_oom, NULL, NULL));
}

static void set_personality(const void *arg)
{
    char *flags[] = {(char *)"ADDR_NO_RANDOMIZE", NULL};
    struct oci_personality p = {.domain = PER_LINUX32};
    struct error err = ERROR_INIT;

    (void)arg;
    CHECK(security_set_personality(&p, &err) == 0);
    CHECK(personality(0xffffffff) == PER_LINUX32);
    p.domain = PER_LINUX;
    CHECK(security_set_personality(&p, &err) == 0);
    CHECK(personality(0xffffffff) == PER_LINUX);
    p.flags = flags;
    CHECK(security_set_personality(&p, &err) == -ENOTSUP);
    CHECK_TEXT(&err, "linux.personality.flags: \"ADDR_NO_RANDOMIZE\" is not a flag of the specification");
    p = (struct oci_personality){.domain = 0x77};
    CHECK(security_set_personality(&p, &err) == -EINVAL);
    CHECK_TEXT(&err, "linux.personality.domain: unknown domain 0x77");
    error_clear(&err);
}

static void personalities(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(set_personality, NULL, NULL));
}

static void new_keyring(const void *arg)
{
    struct error err = ERROR_INIT;
    bool skipped;
    char text[128] = "";

    (void)arg;
    CHECK(security_new_session_keyring("test-id", geteuid() != 0, &skipped, &err) == 0);
    if (skipped) {
        fprintf(stderr, "no keyrings here\n");
        _exit(CHILD_SKIP);
    }
    CHECK(sys_keyctl(KEYCTL_DESCRIBE, (unsigned long)KEY_SPEC_SESSION_KEYRING, (unsigned long)(uintptr_t)text,
                     sizeof text, 0) > 0);
    CHECK(str_starts(text, "keyring;") && str_ends(text, ";_ses.test-id"));
    CHECK(security_new_session_keyring("again", false, NULL, &err) == 0);
}

static void session_keyring(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(new_keyring, NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rlimits),
        cmocka_unit_test(oom_score),
        cmocka_unit_test(personalities),
        cmocka_unit_test(session_keyring),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
