/* Namespaces by path: only what is one, and of the right type; time namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "oci/names.h"
#include "userns/namespaces.h"

static void own_namespaces_are_recognised(void **state)
{
    (void)state;
    for (int type = 0; type < OCI_NS_COUNT; type++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        char path[64];
        snprintf(path, sizeof path, "/proc/self/ns/%s", oci_namespace_proc_name(type));
        if (access(path, F_OK) < 0)
            continue; /* a kernel without this type */
        _cleanup_close_ int fd = namespace_open(path, type, 0, &err);
        if (fd < 0)
            fail_msg("%s", error_text(&err));
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(namespace_is_own(fd, type), 1);
        /* Of another type it is not ours, whatever it is. */
        assert_int_equal(namespace_is_own(fd, type == OCI_NS_UTS ? OCI_NS_IPC : OCI_NS_UTS), 0);
    }
}

static void wrong_types_are_named(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(namespace_open("/proc/self/ns/mnt", OCI_NS_NETWORK, 2, &err), -EINVAL);
    assert_string_equal(error_text(&err),
                        "linux.namespaces[2].path: \"/proc/self/ns/mnt\" is a mount namespace, "
                        "expected a network namespace");
    assert_int_equal(namespace_open("/proc/self/ns/net", OCI_NS_USER, 0, &err), -EINVAL);
    assert_string_equal(error_text(&err),
                        "linux.namespaces[0].path: \"/proc/self/ns/net\" is a network namespace, "
                        "expected a user namespace");
}

static void other_files_are_refused(void **state)
{
    static const char *const paths[] = {"/dev/null", "/", "/proc/self/status", "/proc/self/ns"};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        char want[200];
        snprintf(want, sizeof want,
                 "linux.namespaces[1].path: \"%s\" is not a namespace, expected a pid namespace", paths[i]);
        assert_int_equal(namespace_open(paths[i], OCI_NS_PID, 1, &err), -EINVAL);
        assert_string_equal(error_text(&err), want);
    }
    assert_int_equal(namespace_open("/nonexistent/ns", OCI_NS_PID, 3, &err), -ENOENT);
    assert_string_equal(error_text(&err),
                        "linux.namespaces[3].path: open \"/nonexistent/ns\": no such file or "
                        "directory (ENOENT)");
    assert_non_null(strstr(err.hint, "pid namespace is gone"));
}

/* Opening a FIFO for reading waits for a writer, unless it is done with care. */
static void a_fifo_does_not_block(void **state)
{
    char dir[] = "/tmp/bryo-test-ns-XXXXXX", fifo[64];
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(fifo, sizeof fifo, "%s/fifo", dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    alarm(20);
    int r = namespace_open(fifo, OCI_NS_NETWORK, 0, &err);
    alarm(0);
    unlink(fifo);
    rmdir(dir);
    assert_int_equal(r, -EINVAL);
}

/* Runs @test in a new user namespace of a child; 77 skips. */
static void in_userns(int (*test)(void))
{
    pid_t pid = fork();
    int status;

    assert_return_code(pid, errno);
    if (pid == 0) {
        if (unshare(CLONE_NEWUSER) < 0)
            _exit(77);
        _exit(test());
    }
    assert_int_equal(process_wait(pid, &status), 0);
    if (status == 77 << 8) {
        print_message("skipped: user or time namespaces are not available here\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static int join_test(void)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    _cleanup_close_ int host = namespace_open("/proc/self/ns/uts", OCI_NS_UTS, 0, &err);
    if (host < 0 || unshare(CLONE_NEWUTS) < 0)
        return 2;
    _cleanup_close_ int first = namespace_open("/proc/self/ns/uts", OCI_NS_UTS, 0, &err);
    if (unshare(CLONE_NEWUTS) < 0 || namespace_is_own(first, OCI_NS_UTS) != 0)
        return 3;
    if (namespace_join(first, OCI_NS_UTS, "first", &err) < 0 || namespace_is_own(first, OCI_NS_UTS) != 1)
        return 4;
    /* The host's belongs to an outer user namespace. */
    if (namespace_join(host, OCI_NS_UTS, "/run/host-uts", &err) != -EPERM)
        return 5;
    if (strcmp(error_text(&err),
               "join the uts namespace \"/run/host-uts\": operation not permitted (EPERM)") != 0)
        return 6;
    if (!err.hint || !strstr(err.hint, "CAP_SYS_ADMIN in the user namespace that owns it"))
        return 7;
    /* The own user namespace cannot be joined. */
    _cleanup_close_ int user = namespace_open("/proc/self/ns/user", OCI_NS_USER, 0, &err);
    if (namespace_is_own(user, OCI_NS_USER) != 1 || namespace_join(user, OCI_NS_USER, "own", &err) != -EINVAL)
        return 8;
    return strstr(err.hint, "in already") ? 0 : 9;
}

static void joining_works_and_fails_in_words(void **state)
{
    (void)state;
    in_userns(join_test);
}

static int64_t boot_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return t.tv_sec;
}

static int time_test(void)
{
    struct oci_time_offset boot = {.secs = 86400, .nanosecs = 5}, monotonic = {.secs = 3600};
    const struct oci_time_offsets offsets = {.boottime = &boot, .monotonic = &monotonic};
    _cleanup_error_ struct error err = ERROR_INIT;
    int64_t before = boot_seconds();

    int r = namespace_new_time(&offsets, &err);
    if (r == -EINVAL && access("/proc/self/timens_offsets", F_OK) < 0)
        return 77;
    if (r < 0) {
        fprintf(stderr, "%s\n", error_text(&err));
        return 2;
    }
    /* For this process itself, not only for its children. */
    int64_t moved = boot_seconds() - before;
    return moved >= 86400 && moved < 86400 + 1000 ? 0 : 3;
}

static void time_moves_for_the_caller(void **state)
{
    (void)state;
    in_userns(time_test);
}

static int bad_time_test(void)
{
    struct oci_time_offset boot = {.secs = -1000000000000};
    const struct oci_time_offsets offsets = {.boottime = &boot};
    _cleanup_error_ struct error err = ERROR_INIT;

    if (access("/proc/self/timens_offsets", F_OK) < 0)
        return 77;
    if (namespace_new_time(&offsets, &err) != -ERANGE)
        return 2;
    return str_starts(error_text(&err), "linux.timeOffsets: write \"boottime -1000000000000 0") && err.hint
               ? 0
               : 3;
}

static void impossible_offsets_are_refused(void **state)
{
    (void)state;
    in_userns(bad_time_test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_namespaces_are_recognised),    cmocka_unit_test(wrong_types_are_named),
        cmocka_unit_test(other_files_are_refused),          cmocka_unit_test(a_fifo_does_not_block),
        cmocka_unit_test(joining_works_and_fails_in_words), cmocka_unit_test(time_moves_for_the_caller),
        cmocka_unit_test(impossible_offsets_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
