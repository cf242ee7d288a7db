/*
 * The talk with systemd, against one that fails in all the ways there are (tests/lib/fake-systemd.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/process.h"
#include "cgroup/systemd_job.h"

static struct {
    char dir[64];
    char socket[96];
    char log[96];
    pid_t pid;
    int input; /* its end ends the program */
} fake;

static const struct systemd_owner nobody = {.user = true, .uid = 4000000000};
static struct systemd_owner self;

/* The program stands beside this one in the build tree. */
static char *find_program(void)
{
    _cleanup_close_ int own = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    _cleanup_free_ char *path = path_of_fd(own);

    assert_non_null(path);
    *strrchr(path, '/') = '\0';
    return str_printf("%s/../lib/fake-systemd", path);
}

static void start_fake(const char *const *options)
{
    _cleanup_free_ char *program = find_program();
    char log[128], ready[8] = "";
    const char *argv[16] = {"fake-systemd", fake.socket, log};
    int in[2], out[2];
    size_t n = 3;

    snprintf(log, sizeof log, "log=%s", fake.log);
    for (; options && *options && n < 15; options++)
        argv[n++] = *options;
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    fake.pid = fork();
    assert_true(fake.pid >= 0);
    if (fake.pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execv(program, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    fake.input = in[1];
    assert_int_equal(read(out[0], ready, 6), 6);
    close(out[0]);
    assert_string_equal(ready, "ready\n");
}

static int stop_fake(void **state)
{
    int status;

    (void)state;
    fd_close(&fake.input);
    if (fake.pid > 0)
        (void)process_wait(fake.pid, &status);
    fake.pid = 0;
    (void)unlink(fake.socket);
    (void)unlink(fake.log);
    return 0;
}

/* What the fake was called with; the caller frees. */
static char *calls(void)
{
    char *text = NULL;

    return file_read_at(AT_FDCWD, fake.log, 1 << 20, &text, NULL, NULL) == 0 ? text : strdup("");
}

static void add(struct unit_properties *properties, const char *name, struct variant *value, bool optional)
{
    assert_int_equal(unit_properties_set(properties, name, value, optional), 0);
}

static void some_properties(struct unit_properties *properties)
{
    struct variant v;

    assert_int_equal(variant_string("a box", &v), 0);
    add(properties, "Description", &v, false);
    assert_int_equal(variant_parse("@au [7]", NULL, &v, NULL), 0);
    add(properties, "PIDs", &v, false);
    variant_u64(4096, &v);
    add(properties, "MemoryMax", &v, false);
    assert_int_equal(variant_parse("@a(st) [('/dev/x', 5)]", NULL, &v, NULL), 0);
    add(properties, "IOReadBandwidthMax", &v, false);
    assert_int_equal(variant_parse("[byte 3, 1]", NULL, &v, NULL), 0);
    add(properties, "AllowedCPUs", &v, true);
}

#define PROPERTIES "Description=s:a box PIDs=au:[7] MemoryMax=t:4096 IOReadBandwidthMax=a(st):[(/dev/x,5)]"

static int start(const char *const *options, struct error *err)
{
    _cleanup_systemd_ struct systemd s = {0};
    _cleanup_unit_properties_ struct unit_properties properties = {0};

    start_fake(options);
    some_properties(&properties);
    int r = systemd_open(&s, &self, err);
    s.timeout = 300000;
    if (r == 0)
        r = systemd_start_begin(&s, "box.scope", &properties, err);
    return r < 0 ? r : systemd_start_finish(&s, "box.scope", &properties, err);
}

static void test_start(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    if (start(NULL, &err) < 0)
        fail_msg("%s", error_text(&err));
    _cleanup_free_ char *log = calls();
    assert_string_equal(log, "StartTransientUnit box.scope fail " PROPERTIES " AllowedCPUs=ay:[3,1]\n");
}

/* An old systemd does without what the files have anyway. */
static void test_unknown_property(void **state)
{
    const char *const optional[] = {"unknown=AllowedCPUs", NULL}, *const needed[] = {"unknown=MemoryMax",
                                                                                     NULL};
    _cleanup_error_ struct error err = ERROR_INIT;

    if (start(optional, &err) < 0)
        fail_msg("%s", error_text(&err));
    _cleanup_free_ char *log = calls();
    assert_string_equal(log, "StartTransientUnit box.scope fail " PROPERTIES " AllowedCPUs=ay:[3,1]\n"
                             "StartTransientUnit box.scope fail " PROPERTIES "\n");
    stop_fake(state);
    assert_int_equal(start(needed, &err), -EINVAL);
    assert_string_equal(error_text(&err),
                        "systemd: start \"box.scope\": Cannot set property, or unknown property. "
                        "(org.freedesktop.DBus.Error.PropertyReadOnly)");
}

#define EXISTS "refuse=StartTransientUnit:org.freedesktop.systemd1.UnitExists"

/* One that failed is in the way once only. */
static void test_leftover(void **state)
{
    const char *const once[] = {EXISTS, NULL}, *const twice[] = {EXISTS, EXISTS, NULL};
    _cleanup_error_ struct error err = ERROR_INIT;

    if (start(once, &err) < 0)
        fail_msg("%s", error_text(&err));
    _cleanup_free_ char *log = calls();
    assert_non_null(strstr(log, "\nResetFailedUnit box.scope\nStartTransientUnit box.scope"));
    stop_fake(state);
    assert_int_equal(start(twice, &err), -EEXIST);
    assert_string_equal(error_text(&err), "systemd: start \"box.scope\": this is what was asked for. "
                                          "(org.freedesktop.systemd1.UnitExists)");
    assert_string_equal(err.hint,
                        "end the other one (`systemctl --user stop box.scope`), or give this container "
                        "another id or cgroupsPath");
}

static void test_refusals(void **state)
{
    static const struct {
        const char *name;
        int code;
        const char *hint;
    } rows[] = {
        {"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", EACCES, "not the caller's"},
        {"org.freedesktop.DBus.Error.AccessDenied", EACCES, "not the caller's"},
        {"org.freedesktop.systemd1.UnitMasked", EPERM, "systemctl --user unmask box.scope"},
        {"org.freedesktop.DBus.Error.ServiceUnknown", EHOSTUNREACH, "loginctl enable-linger"},
        {"org.freedesktop.DBus.Error.LimitsExceeded", EDQUOT, NULL},
        {"org.example.Unheard", EIO, NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_free_ char *option = str_printf("refuse=StartTransientUnit:%s", rows[i].name);
        const char *const options[] = {option, NULL};
        assert_int_equal(start(options, &err), -rows[i].code);
        assert_non_null(strstr(error_text(&err), rows[i].name));
        if (rows[i].hint)
            assert_non_null(strstr(err.hint, rows[i].hint));
        else
            assert_null(err.hint);
        stop_fake(state);
    }
}

static void test_failing_job(void **state)
{
    static const struct {
        const char *option;
        int code;
        const char *text, *hint;
    } rows[] = {
        {"result=StartTransientUnit:failed", EIO, "systemd: start \"box.scope\": its job ended as \"failed\"",
         "`systemctl --user status box.scope` and the journal tell why"},
        {"stall=StartTransientUnit", ETIMEDOUT, "systemd: start \"box.scope\": its job took more than 0.3 s",
         "`systemctl --user list-jobs` shows what it waits for"},
        {"hang=StartTransientUnit", ETIMEDOUT,
         "systemd: start \"box.scope\": the answer took more than 0.3 s", NULL},
        {"die=StartTransientUnit", ECONNRESET,
         "systemd: start \"box.scope\": the connection to its bus ended meanwhile", "loginctl enable-linger"},
        {"drop=StartTransientUnit", ECONNRESET,
         "systemd: start \"box.scope\": the connection to its bus ended meanwhile", "loginctl enable-linger"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *const options[] = {rows[i].option, NULL};
        _cleanup_error_ struct error err = ERROR_INIT;
        int r = start(options, &err);
        print_message("%s: %s\n", rows[i].option, error_text(&err));
        assert_string_equal(error_text(&err), rows[i].text);
        assert_int_equal(r, -rows[i].code);
        if (rows[i].hint)
            assert_non_null(strstr(err.hint, rows[i].hint));
        stop_fake(state);
    }
}

static void test_stop(void **state)
{
    const char *const gone[] = {"refuse=StopUnit:org.freedesktop.systemd1.NoSuchUnit", NULL};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_systemd_ struct systemd s = {0};

    start_fake(NULL);
    assert_int_equal(systemd_open(&s, &self, &err), 0);
    assert_int_equal(systemd_stop_unit(&s, "box.scope", &err), 0);
    assert_int_equal(systemd_attach(&s, "box.scope", "/container", 7, &err), 0);
    systemd_close(&s);
    _cleanup_free_ char *log = calls();
    assert_string_equal(log, "StopUnit box.scope replace\nResetFailedUnit box.scope\n"
                             "AttachProcessesToUnit box.scope /container\n");
    stop_fake(state);
    start_fake(gone);
    assert_int_equal(systemd_open(&s, &self, &err), 0);
    assert_int_equal(systemd_stop_unit(&s, "box.scope", &err), 0);
    assert_null(err.text);
}

static void test_change(void **state)
{
    const char *const optional[] = {"unknown=AllowedCPUs", NULL};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_systemd_ struct systemd s = {0};
    _cleanup_unit_properties_ struct unit_properties properties = {0};

    (void)state;
    start_fake(optional);
    some_properties(&properties);
    assert_int_equal(systemd_open(&s, &self, &err), 0);
    assert_int_equal(systemd_set_properties(&s, "box.scope", &properties, &err), 0);
    _cleanup_free_ char *log = calls();
    assert_string_equal(log, "SetUnitProperties box.scope runtime " PROPERTIES " AllowedCPUs=ay:[3,1]\n"
                             "SetUnitProperties box.scope runtime " PROPERTIES "\n");
}

/* Without a bus, and with one that has no systemd. */
static void test_no_bus(void **state)
{
    const char *const alone[] = {"alone=yes", NULL};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_systemd_ struct systemd s = {0};

    (void)state;
    assert_int_equal(systemd_open(&s, &nobody, &err), -ENOENT);
    assert_string_equal(error_text(&err), "connect to the user's systemd at "
                                          "\"unix:path=/run/user/4000000000/bus\": no such file or directory "
                                          "(ENOENT)");
    assert_string_equal(err.hint,
                        "the user's systemd runs while the user is logged in, or always after: loginctl "
                        "enable-linger 4000000000; without it choose --cgroup-manager cgroupfs or "
                        "disabled");
    start_fake(alone);
    int r = systemd_open(&s, &self, &err);
    if (r == 0) /* this machine has one */
        skip();
    assert_non_null(strstr(error_text(&err), "connect to the user's systemd at \"unix:path=/run/user/"));
}

static int set_up(void **state)
{
    (void)state;
    snprintf(fake.dir, sizeof fake.dir, "/tmp/bryo-fake-XXXXXX");
    if (!mkdtemp(fake.dir))
        return -1;
    snprintf(fake.socket, sizeof fake.socket, "%s/bus", fake.dir);
    snprintf(fake.log, sizeof fake.log, "%s/log", fake.dir);
    fake.input = -EBADF;
    systemd_owner_of_caller(&self);
    self.user = true; /* root as well: the session bus is the one that is tried for users */
    _cleanup_free_ char *address = str_printf("unix:path=%s", fake.socket);
    return setenv("DBUS_SESSION_BUS_ADDRESS", address, 1) || unsetenv("XDG_RUNTIME_DIR");
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(fake.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_start, stop_fake),
        cmocka_unit_test_teardown(test_unknown_property, stop_fake),
        cmocka_unit_test_teardown(test_leftover, stop_fake),
        cmocka_unit_test_teardown(test_refusals, stop_fake),
        cmocka_unit_test_teardown(test_failing_job, stop_fake),
        cmocka_unit_test_teardown(test_stop, stop_fake),
        cmocka_unit_test_teardown(test_change, stop_fake),
        cmocka_unit_test_teardown(test_no_bus, stop_fake),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
