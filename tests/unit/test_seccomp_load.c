/*
 * Loading filters for real: what blocked calls answer, and the listener, which an agent must get even if
 * every call is notified.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "security/seccomp.h"
#include "test_security_child.h"

#define NOTIFY ((int)SECCOMP_RET_USER_NOTIF)
#define ALLOW  ((int)SECCOMP_RET_ALLOW)
#define ERRNO  ((int)SECCOMP_RET_ERRNO)

/* Child: compiles a profile with one rule. */
static void one_rule(int default_action, const char *name, int action, uint32_t flags,
                     struct seccomp_filter *f)
{
    char *names[] = {(char *)name, NULL};
    struct oci_seccomp_rule rule = {.names = names, .action = action};
    struct oci_seccomp s = {.default_action = default_action,
                            .flags = flags,
                            .listener_path = (char *)"/run/agent.sock",
                            .rules = {&rule, name ? 1 : 0}};
    _cleanup_error_ struct error err = ERROR_INIT;

    int r = seccomp_compile(&s, f, NULL, &err);
    if (r < 0)
        fprintf(stderr, "seccomp_compile: %s\n", error_text(&err));
    CHECK(r == 0);
}

static void no_new_privs(void)
{
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
}

static void blocks(const void *arg)
{
    struct seccomp_filter f;
    struct error err = ERROR_INIT;

    (void)arg;
    one_rule(ALLOW, "getppid", ERRNO, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG, &f);
    no_new_privs();
    CHECK(seccomp_filter_load(&f, NULL, &err) == 0);
    CHECK(syscall(SYS_getppid) == -1 && errno == EPERM);
    CHECK(syscall(SYS_getuid) >= 0);
    CHECK(prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER);
    seccomp_filter_free(&f);
}

static void a_loaded_filter_blocks(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(blocks, NULL, NULL));
}

static void without_rights(const void *arg)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    struct seccomp_filter f;
    struct error err = ERROR_INIT;

    (void)arg;
    one_rule(ALLOW, "getppid", ERRNO, 0, &f);
    CHECK(syscall(SYS_capset, &header, none) == 0);
    CHECK(seccomp_filter_load(&f, NULL, &err) == -EACCES);
    CHECK_TEXT(&err, "load the seccomp filter: permission denied (EACCES)");
    CHECK(strstr(err.hint, "process.noNewPrivileges"));
    CHECK(syscall(SYS_getppid) > 0);
    error_clear(&err);
    seccomp_filter_free(&f);
}

static void loading_without_rights_is_explained(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(without_rights, NULL, NULL));
}

static void without_agent(const void *arg)
{
    struct seccomp_filter f;
    struct error err = ERROR_INIT;
    int pair[2];

    (void)arg;
    one_rule(ALLOW, "getppid", NOTIFY, 0, &f);
    no_new_privs();
    CHECK(seccomp_filter_load(&f, NULL, &err) == -EINVAL);
    CHECK_TEXT(&err, "load the seccomp filter: it notifies, and there is no agent");
    CHECK(seccomp_filter_load_and_send(&f, -EBADF, "{}", &err) == -EINVAL);
    CHECK_TEXT(&err, "load the seccomp filter: it notifies, and there is no agent");
    /* An agent that has gone: the error comes back, nobody waits. */
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    close(pair[1]);
    CHECK(seccomp_filter_load_and_send(&f, pair[0], "{}", &err) == -EPIPE);
    CHECK_TEXT(&err,
               "send the seccomp listener to the agent at linux.seccomp.listenerPath: broken pipe (EPIPE)");
    /* With the listener closed its calls fail, and none hangs. */
    CHECK(syscall(SYS_getppid) == -1 && errno == ENOSYS);
    /* A second listener is refused by the kernel. */
    one_rule(ALLOW, "getpgid", NOTIFY, 0, &f);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    int r = seccomp_filter_load_and_send(&f, pair[0], "{}", &err);
    if (r != 0) { /* older kernels allow one per process, and count a closed one no more */
        CHECK(r == -EBUSY);
        CHECK_TEXT(&err, "load the seccomp filter: device or resource busy (EBUSY)");
    }
    error_clear(&err);
}

static void a_missing_agent_is_an_error(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(without_agent, NULL, NULL));
}

/* --- with an agent --- */

struct agent_case {
    int default_action;
    const char *name;
    uint32_t flags;
};

static const char message[] = "{\"ociVersion\":\"1.3.0\",\"fds\":[\"seccompFd\"]}";

/* Child: loads, hands the listener over, executes. */
static void notify_and_exec(const struct agent_case *c, int sock)
{
    struct seccomp_filter f;
    struct error err = ERROR_INIT;

    one_rule(c->default_action, c->name, NOTIFY, c->flags, &f);
    no_new_privs();
    alarm(20);
    int r = seccomp_filter_load_and_send(&f, sock, message, &err);
    if (r < 0) {
        fprintf(stderr, "%s\n", error_text(&err));
        _exit(1);
    }
    execl("/bin/sh", "sh", "-c", "exit 42", NULL);
    _exit(126);
}

/* Answers every notification with "go on" until the other side is gone; counts them, and those of execve. */
static void serve(int listener, unsigned *all, unsigned *execs)
{
    *all = *execs = 0;
    for (;;) {
        struct pollfd p = {.fd = listener, .events = POLLIN};
        struct seccomp_notif in = {0};
        if (poll(&p, 1, 20000) <= 0)
            fail_msg("no notification for 20 seconds");
        if (p.revents & POLLHUP)
            return;
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &in) < 0) {
            assert_true(errno == ENOENT || errno == EINTR);
            continue;
        }
        struct seccomp_notif_resp out = {.id = in.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
        ++*all;
        *execs += in.data.nr == SYS_execve;
        assert_true(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &out) == 0 || errno == ENOENT);
    }
}

static void with_agent(const struct agent_case *c, unsigned *all, unsigned *execs)
{
    char text[256];
    int pair[2], listener = -1, status;
    size_t n_fds = 1;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(pair[0]);
        notify_and_exec(c, pair[1]);
    }
    close(pair[1]);
    ssize_t n = fd_recv(pair[0], text, sizeof text, &listener, &n_fds);
    assert_int_equal(n, (ssize_t)strlen(message));
    assert_memory_equal(text, message, (size_t)n);
    assert_int_equal(n_fds, 1);
    serve(listener, all, execs);
    close(listener);
    close(pair[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
}

static void execve_is_notified(void **state)
{
    const struct agent_case c = {ALLOW, "execve", SECCOMP_FILTER_FLAG_TSYNC};
    unsigned all, execs;

    (void)state;
    with_agent(&c, &all, &execs);
    assert_int_equal(all, 1);
    assert_int_equal(execs, 1);
}

static void sendmsg_is_notified(void **state)
{
    const struct agent_case c = {ALLOW, "sendmsg", 0};
    unsigned all, execs;

    (void)state;
    with_agent(&c, &all, &execs);
    assert_int_equal(all, 0); /* our own sending was not caught, and sh sends nothing */
}

static void every_call_is_notified(void **state)
{
    /* TSYNC must not give the filter to the thread that sends. */
    const struct agent_case c = {NOTIFY, NULL, SECCOMP_FILTER_FLAG_TSYNC};
    unsigned all, execs;

    (void)state;
    with_agent(&c, &all, &execs);
    assert_int_equal(execs, 1);
    assert_true(all > 10);
}

/* --- the built-in profile --- */

static void load_default(uint64_t caps)
{
    struct oci_seccomp *profile = NULL;
    struct seccomp_filter f;
    struct error err = ERROR_INIT;
    char **unknown = NULL;

    int r = seccomp_default_profile(caps, &profile, &err);
    CHECK(r == 0);
    r = seccomp_compile(profile, &f, &unknown, &err);
    if (r < 0)
        fprintf(stderr, "%s\n", error_text(&err));
    CHECK(r == 0);
    if (unknown)
        fprintf(stderr, "a name that nobody knows: %s\n", unknown[0]);
    CHECK(!unknown);
    oci_seccomp_free(profile);
    no_new_privs();
    CHECK(seccomp_filter_load(&f, NULL, &err) == 0);
    seccomp_filter_free(&f);
}

static bool fails(long result, int code)
{
    return result == -1 && errno == code;
}

static void default_denies(const void *arg)
{
    (void)arg;
    load_default(0);
    /* Terminal injection, also with rubbish in the upper half, which the kernel does not look at. */
    for (unsigned high = 0; high < 3; high++) {
        unsigned long upper = (unsigned long)high << 32;
        CHECK(fails(syscall(SYS_ioctl, -1, TIOCSTI | upper, ""), EPERM));
        CHECK(fails(syscall(SYS_ioctl, -1, TIOCLINUX | upper, ""), EPERM));
        CHECK(fails(syscall(SYS_ioctl, -1, TCGETS | upper, ""), EBADF));
        CHECK(fails(syscall(SYS_socket, 38 | upper, SOCK_SEQPACKET, 0), EAFNOSUPPORT));
    }
    CHECK(fails(syscall(SYS_ioctl, -1, TIOCSTI | 0xffffffff00000000UL, ""), EPERM));
    /* Namespaces: by no way. */
    CHECK(fails(syscall(SYS_unshare, CLONE_NEWUSER), EPERM));
    CHECK(fails(syscall(SYS_unshare, CLONE_NEWNS | CLONE_FS), EPERM));
    CHECK(fails(syscall(SYS_unshare, 0x80 /* CLONE_NEWTIME */), EPERM));
    CHECK(fails(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), EPERM));
    CHECK(fails(syscall(SYS_clone3, 0, 0), ENOSYS));
    CHECK(fails(syscall(SYS_setns, -1, 0), EPERM));
    /* Families. */
    for (int family = 3; family < 64; family++)
        if (family != AF_INET6 && family != AF_NETLINK && family != AF_PACKET)
            CHECK(fails(socket(family, SOCK_STREAM, 0), EAFNOSUPPORT));
    CHECK(fails(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT));
    /* What needs a capability, and what nobody gets. */
    CHECK(fails(syscall(SYS_mount, 0, 0, 0, 0, 0), EPERM));
    CHECK(fails(syscall(SYS_bpf, 0, 0, 0), EPERM));
    CHECK(fails(syscall(SYS_reboot, 0, 0, 0, 0), EPERM));
    CHECK(fails(syscall(SYS_keyctl, 0, 0, 0, 0, 0), EPERM));
    CHECK(fails(syscall(SYS_io_uring_setup, 0, 0), EPERM));
    CHECK(fails(syscall(SYS_userfaultfd, 0), EPERM));
    CHECK(fails(syscall(SYS_personality, 0x1000000), ENOSYS));
    CHECK(fails(syscall(4000), ENOSYS));
}

static void default_allows(const void *arg)
{
    int pair[2];

    (void)arg;
    load_default(0);
    CHECK(syscall(SYS_unshare, CLONE_FS) == 0);
    CHECK(syscall(SYS_personality, 0xffffffff) >= 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    int fd = socket(AF_NETLINK, SOCK_RAW, 0);
    CHECK(fd >= 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", "cat /proc/self/status | grep -q Seccomp", NULL);
        _exit(126);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    /* A signal handler's return and a thread-like clone. */
    CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR && raise(SIGUSR1) == 0);
}

static void default_with_admin(const void *arg)
{
    (void)arg;
    load_default(UINT64_C(1) << CAP_SYS_ADMIN);
    CHECK(fails(syscall(SYS_clone3, 0, 0), EINVAL));
    CHECK(fails(syscall(SYS_setns, -1, 0), EBADF));
    CHECK(fails(syscall(SYS_unshare, 0x2), EINVAL));
    CHECK(fails(syscall(SYS_bpf, -1, 0, 0), EINVAL) || errno == EPERM || errno == EFAULT);
    CHECK(fails(syscall(SYS_reboot, 0, 0, 0, 0), EPERM));
    CHECK(fails(socket(38, SOCK_SEQPACKET, 0), EAFNOSUPPORT));
    CHECK(fails(syscall(SYS_ioctl, -1, TIOCSTI, ""), EPERM));
}

static void the_default_profile_denies(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(default_denies, NULL, NULL));
}

static void the_default_profile_allows(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(default_allows, NULL, NULL));
}

static void the_default_profile_follows_capabilities(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(default_with_admin, NULL, NULL));
}

#if defined(__x86_64__)
/* A call by the gate of i386. */
static long call32(unsigned nr, unsigned a, unsigned b, unsigned c)
{
    long result;

    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "0"(nr), "b"(a), "c"(b), "d"(c)
                     : "memory", "r8", "r9", "r10", "r11");
    return (int)result;
}

static void no_gate(int sig)
{
    static const char why[] = "this kernel runs no i386 programs (CONFIG_IA32_EMULATION)\n";

    (void)sig;
    if (write(2, why, sizeof why - 1) > 0)
        _exit(CHILD_SKIP);
}

static void other_gate(const void *arg)
{
    (void)arg;
    CHECK(signal(SIGSEGV, no_gate) != SIG_ERR);
    CHECK(call32(20 /* getpid */, 0, 0, 0) == getpid());
    load_default(0);
    CHECK(call32(20, 0, 0, 0) == getpid());
    CHECK(call32(359 /* socket */, 38, SOCK_SEQPACKET, 0) == -EAFNOSUPPORT);
    int fd = (int)call32(359, AF_UNIX, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    /* socketcall could make a socket of any family unseen. */
    CHECK(call32(102 /* socketcall */, 1 /* SYS_SOCKET */, 0, 0) == -ENOSYS);
    CHECK(call32(102, 8 /* SYS_SOCKETPAIR */, 0, 0) == -ENOSYS);
    CHECK(call32(102, 4 /* SYS_LISTEN */, 0, 0) == -EFAULT);
    CHECK(call32(54 /* ioctl */, (unsigned)-1, TIOCSTI, 0) == -EPERM);
    CHECK(call32(310 /* unshare */, CLONE_NEWUSER, 0, 0) == -EPERM);
    CHECK(call32(21 /* mount */, 0, 0, 0) == -EPERM);
}

static void no_way_around_by_i386(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(other_gate, NULL, NULL));
}

static void x32_call(const void *arg)
{
    (void)arg;
    load_default(0);
    syscall(0x40000000 | SYS_getpid);
}

static void x32_kills(void **state)
{
    (void)state;
    int status = run_child(x32_call, NULL, NULL);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loaded_filter_blocks),
        cmocka_unit_test(loading_without_rights_is_explained),
        cmocka_unit_test(a_missing_agent_is_an_error),
        cmocka_unit_test(execve_is_notified),
        cmocka_unit_test(sendmsg_is_notified),
        cmocka_unit_test(every_call_is_notified),
        cmocka_unit_test(the_default_profile_denies),
        cmocka_unit_test(the_default_profile_allows),
        cmocka_unit_test(the_default_profile_follows_capabilities),
#if defined(__x86_64__)
        cmocka_unit_test(no_way_around_by_i386),
        cmocka_unit_test(x32_kills),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
