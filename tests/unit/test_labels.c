/*
 * AppArmor and SELinux: what is said where they are not there, and that a label is written to no other file
 * than the one it is meant for.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "security/security.h"
#include "test_security_child.h"

static char *text_of(const char *s)
{
    return (char *)(uintptr_t)s;
}

static void skip_if_enabled(const char *file)
{
    if (access(file, F_OK) == 0) {
        print_message("%s is there: this machine has the module\n", file);
        skip();
    }
}

static void no_apparmor(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct oci_process p = {.apparmor_profile = text_of("box")};

    (void)state;
    skip_if_enabled("/sys/module/apparmor/parameters/enabled");
    assert_int_equal(security_check_labels(&p, &err), -ENOTSUP);
    assert_string_equal(error_text(&err), "process.apparmorProfile: \"box\" cannot be had: AppArmor is not "
                                          "enabled on this machine");
    assert_non_null(strstr(err.hint, "apparmor=unconfined"));
    p.apparmor_profile = text_of("unconfined");
    assert_int_equal(security_check_labels(&p, &err), 0);
    p.apparmor_profile = text_of("");
    assert_int_equal(security_check_labels(&p, &err), 0);
    assert_false(security_has_labels(&p));
    assert_int_equal(security_check_labels(NULL, &err), 0);
}

static void no_selinux(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct oci_process p = {.selinux_label = text_of("a:b:c:s0")};

    (void)state;
    skip_if_enabled("/sys/fs/selinux/enforce");
    assert_true(security_has_labels(&p));
    assert_int_equal(security_check_labels(&p, &err), -ENOTSUP);
    assert_string_equal(
        error_text(&err),
        "process.selinuxLabel: \"a:b:c:s0\" cannot be had: SELinux is not enabled on this machine");
    assert_false(security_has_selinux());
}

/* Whatever the machine has: the kernel takes neither. */
static void set_nonsense(const void *arg)
{
    struct oci_process p = {.apparmor_profile = text_of("bryo-no-such-profile")};
    struct error err = ERROR_INIT;
    int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

    (void)arg;
    CHECK(proc >= 0);
    CHECK(security_set_labels(proc, &p, &err) < 0);
    CHECK(strstr(error_text(&err), "process.apparmorProfile: ") && strstr(error_text(&err), "/exec`"));
    CHECK(!strstr(error_text(&err), "no such file"));
    p = (struct oci_process){.selinux_label = text_of("bryo no such label")};
    CHECK(security_set_labels(proc, &p, &err) < 0);
    CHECK(strstr(error_text(&err),
                 "process.selinuxLabel: write \"bryo no such label\" to `/proc/thread-self/attr/exec`: "));
    /* One that asks for nothing needs no procfs. */
    p = (struct oci_process){.selinux_label = text_of("")};
    CHECK(security_set_labels(-EBADF, &p, &err) == 0);
    error_clear(&err);
}

static void nonsense(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(set_nonsense, NULL, NULL));
}

/* Another file of procfs over the right one: CVE-2023-28642, CVE-2025-52881. */
static void set_covered(const void *arg)
{
    struct oci_process p = {.selinux_label = text_of("label")};
    struct error err = ERROR_INIT;

    (void)arg;
    if (geteuid() != 0)
        enter_userns(0);
    CHECK(unshare(CLONE_NEWNS) == 0);
    CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    CHECK(mount("/proc/thread-self/comm", "/proc/thread-self/attr/exec", NULL, MS_BIND, NULL) == 0);
    int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(proc >= 0);
    CHECK(security_set_labels(proc, &p, &err) == -EXDEV);
    CHECK(strstr(error_text(&err), "(EXDEV)"));
    error_clear(&err);
}

static void covered(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(set_covered, NULL, NULL));
}

/* What is no procfs at all: CVE-2019-16884. */
static void not_procfs(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct oci_process p = {.apparmor_profile = text_of("box")};
    _cleanup_close_ int root = -EBADF;
    char dir[] = "/tmp/bryo-labels-XXXXXX", path[128];

    (void)state;
    assert_non_null(mkdtemp(dir));
    static const char *const parts[] = {"thread-self", "thread-self/attr", "thread-self/attr/apparmor"};
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, parts[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    snprintf(path, sizeof path, "%s/thread-self/attr/apparmor/exec", dir);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = security_set_labels(root, &p, &err);
    struct stat st;
    assert_int_equal(fstat(file, &st), 0);
    close(file);
    unlink(path);
    for (size_t i = ARRAY_SIZE(parts); i-- > 0;) {
        snprintf(path, sizeof path, "%s/%s", dir, parts[i]);
        rmdir(path);
    }
    rmdir(dir);
    assert_int_equal(r, -EXDEV);
    assert_int_equal(st.st_size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_apparmor), cmocka_unit_test(no_selinux), cmocka_unit_test(nonsense),
        cmocka_unit_test(covered),     cmocka_unit_test(not_procfs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
