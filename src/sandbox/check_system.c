/*
 * The doctor's rows about the kernel: version, system calls, seccomp, security modules; and who asks.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "sandbox/check_internal.h"

#define KERNEL_MAJOR 5
#define KERNEL_MINOR 12
#define NO_CONTAINER "no container can be started"

void check_caller(struct check_context *c, struct check_row *row)
{
    const char *name = subid_user_name(&c->lookup);

    if (c->root)
        check_set(row, CHECK_INFO,
                  "running as root: containers get no user namespace unless asked for; call it as the "
                  "user who is to run containers to see what that user has");
    else
        check_set(row, CHECK_INFO, "uid %u%s%s%s, without privileges", (unsigned)c->uid, name ? " (" : "",
                  name ? name : "", name ? ")" : "");
}

void check_kernel(struct check_context *c, struct check_row *row)
{
    unsigned major = 0, minor = 0;
    struct utsname u;

    (void)c;
    if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2) {
        check_set(row, CHECK_WARN, "the version of the kernel cannot be read");
        return;
    }
    if (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR)) {
        check_set(row, CHECK_OK, "Linux %s", u.release);
        return;
    }
    check_set(row, CHECK_FAIL, "Linux %s, but %d.%d or newer is needed", u.release, KERNEL_MAJOR,
              KERNEL_MINOR);
    check_mend(row, NO_CONTAINER,
               "install a newer kernel: sudo apt-get install linux-image-amd64, then reboot");
}

/* Each call is made in a way that does nothing; what matters is whether the kernel knows it (ENOSYS) and a
 * filter around us lets it through (EPERM where no right is needed). */
static int call_openat2(void)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC};
    _cleanup_close_ int fd = sys_openat2(AT_FDCWD, "/", &how);

    return fd < 0 ? errno : 0;
}

static int call_clone3(void)
{
    return syscall(SYS_clone3, NULL, 0) < 0 ? errno : 0;
}

static int call_close_range(void)
{
    return sys_close_range(1, 0, 0) < 0 ? errno : 0;
}

static int call_pidfd_open(void)
{
    _cleanup_close_ int fd = sys_pidfd_open(getpid(), 0);

    return fd < 0 ? errno : 0;
}

static int call_fsopen(void)
{
    _cleanup_close_ int fd = sys_fsopen(NULL, ~0U);

    return fd < 0 ? errno : 0;
}

static int call_open_tree(void)
{
    _cleanup_close_ int fd = sys_open_tree(AT_FDCWD, "/", OPEN_TREE_CLOEXEC);

    return fd < 0 ? errno : 0;
}

static int call_move_mount(void)
{
    return sys_move_mount(-1, "", -1, "", ~0U) < 0 ? errno : 0;
}

static int call_mount_setattr(void)
{
    return syscall(SYS_mount_setattr, -1, "", ~0U, NULL, 0) < 0 ? errno : 0;
}

static const struct {
    const char *name;
    int (*call)(void);
    bool needs_right; /* EPERM is the kernel's own answer to a caller without CAP_SYS_ADMIN */
} calls[] = {
    {"openat2", call_openat2, false},         {"clone3", call_clone3, false},
    {"close_range", call_close_range, false}, {"pidfd_open", call_pidfd_open, false},
    {"open_tree", call_open_tree, false},     {"fsopen", call_fsopen, true},
    {"move_mount", call_move_mount, true},    {"mount_setattr", call_mount_setattr, true},
};

void check_system_calls(struct check_context *c, struct check_row *row)
{
    _cleanup_strbuf_ struct strbuf bad = {0}, all = {0};

    (void)c;
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        int code = calls[i].call();
        strbuf_addf(&all, "%s%s", i ? ", " : "", calls[i].name);
        if (code == ENOSYS || (code == EPERM && !calls[i].needs_right))
            strbuf_addf(&bad, "%s%s (%s)", bad.len ? ", " : "", calls[i].name, errno_name(code));
    }
    if (!bad.len) {
        check_set(row, CHECK_OK, "%s", all.data ? all.data : "");
        return;
    }
    check_set(row, CHECK_FAIL, "not available: %s", bad.data ? bad.data : "");
    check_mend(row, NO_CONTAINER, "%s",
               prctl(PR_GET_SECCOMP) == 2 ? "a seccomp filter of the container around bryo forbids them: "
                                            "start that one with a newer filter or "
                                            "with --security-opt seccomp=unconfined"
                                          : "install a kernel of Linux 5.12 or newer");
}

void check_system_filter(struct check_context *c, struct check_row *row)
{
    static const struct {
        const char *name;
        unsigned action;
        bool core;
    } actions[] = {
        {"errno", SECCOMP_RET_ERRNO, true},
        {"kill-process", SECCOMP_RET_KILL_PROCESS, true},
        {"log", SECCOMP_RET_LOG, false},
        {"notify", SECCOMP_RET_USER_NOTIF, false},
    };
    _cleanup_strbuf_ struct strbuf good = {0};
    bool core = true;

    (void)c;
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &actions[i].action) == 0)
            strbuf_addf(&good, "%s%s", good.len ? ", " : "", actions[i].name);
        else
            core = core && !actions[i].core;
    }
    if (core) {
        check_set(row, CHECK_OK, "actions %s", good.data ? good.data : "");
        return;
    }
    check_set(row, CHECK_WARN, "filters are not available");
    check_mend(row, "no containers with a seccomp profile, and sandboxes only with --seccomp unconfined",
               "a kernel with CONFIG_SECCOMP_FILTER=y is needed");
}

/* The first line of @path, or NULL. */
static char *first_line(const char *path)
{
    _cleanup_free_ char *text = NULL;

    if (file_read_at(AT_FDCWD, path, 4096, &text, NULL, NULL) < 0)
        return NULL;
    text[strcspn(text, "\n")] = '\0';
    return *text ? TAKE_PTR(text) : NULL;
}

void check_security_modules(struct check_context *c, struct check_row *row)
{
    _cleanup_free_ char *list = first_line("/sys/kernel/security/lsm");
    _cleanup_free_ char *label = first_line("/proc/self/attr/current");
    _cleanup_free_ char *enforce = first_line("/sys/fs/selinux/enforce");

    (void)c;
    if (!list && !label && !enforce) {
        check_set(row, CHECK_INFO, "none seen");
        return;
    }
    check_set(row, CHECK_INFO, "%s%s%s%s", list ? list : "active", label ? "; bryo runs as " : "",
              label ? label : "",
              !enforce          ? ""
              : *enforce == '1' ? "; SELinux is enforcing"
                                : "; SELinux is permissive");
}
