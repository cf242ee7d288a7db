/*
 * What bryo-net can still do after it gave up its rights. Each case runs in a child, since there is no way
 * back.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "config.h"
#include "helpers/net/confine.h"

#define KEPT   5
#define CANNOT 42 /* the child cannot be confined here */

/* Ends a child at the first check that does not hold, with its line as the exit status. */
#define CHECK(what)                     \
    do {                                \
        if (!(what))                    \
            _exit(__LINE__ % 200 + 50); \
    } while (0)

static int in_child(void (*body)(void))
{
    pid_t pid = fork();
    int status = 0;

    assert_true(pid >= 0);
    if (pid == 0) {
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status))
        fail_msg("the child was killed by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

static void rights(void)
{
    const struct confinement c = {.keep = (const int[]){KEPT}, .n_keep = 1};
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[2];
    _cleanup_error_ struct error err = ERROR_INIT;
    struct stat st;

    CHECK(dup2(2, KEPT) == KEPT && dup2(2, 9) == 9);
    int r = confine(&c, &err);
    if (r == -EPERM && strstr(error_text(&err), "cannot be confined"))
        _exit(CANNOT);
    CHECK(r == 0);
    CHECK(fcntl(9, F_GETFD) == -1 && errno == EBADF);
    CHECK(fcntl(KEPT, F_GETFD) >= 0);
    CHECK(open("/etc/passwd", O_RDONLY) == -1);
    CHECK(open("/proc/self/mem", O_RDWR) == -1);
    CHECK(mkdir("/x", 0700) == -1);
    CHECK(access("/etc", F_OK) == -1 || open("/etc", O_RDONLY | O_DIRECTORY) == -1);
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    CHECK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    CHECK(syscall(SYS_capget, &header, caps) == 0);
    /* CAP_NET_BIND_SERVICE at most. */
    CHECK((caps[0].permitted & ~(1U << CAP_NET_BIND_SERVICE)) == 0 && caps[1].permitted == 0);
    CHECK((caps[0].effective & ~(1U << CAP_NET_BIND_SERVICE)) == 0 && caps[0].inheritable == 0);
    CHECK(fstat(0, &st) == 0 && S_ISCHR(st.st_mode));
    CHECK(fstat(2, &st) == 0 && S_ISCHR(st.st_mode));
}

static void nothing_but_sockets_is_left(void **state)
{
    (void)state;
    int code = in_child(rights);
    if (code == CANNOT) {
        print_message("skipped: neither an empty root nor landlock here\n");
        skip();
    }
    assert_int_equal(code, 0);
}

static void filtered(void)
{
    char *const argv[] = {(char *)"true", NULL};

    CHECK(confine_calls(NULL) == 0);
    CHECK(execve("/bin/true", argv, argv) == -1 && errno == ENOSYS);
    CHECK(open("/etc/passwd", O_RDONLY) == -1 && errno == ENOSYS);
    CHECK(syscall(SYS_openat2, -1, "/", NULL, 0) == -1 && errno == ENOSYS);
    CHECK(syscall(SYS_ptrace, 0, 0, 0, 0) == -1 && errno == ENOSYS);
    CHECK(syscall(SYS_setns, 0, 0) == -1 && errno == ENOSYS);
    CHECK(syscall(SYS_unshare, 0) == -1 && errno == ENOSYS);
    CHECK(syscall(SYS_ioctl, 0, TIOCSTI, "x") == -1 && errno == EPERM);
    CHECK(syscall(SYS_kill, 1, 0) == -1 && errno == ENOSYS);
    CHECK(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == -1 && errno == ENOSYS);
    CHECK(syscall(SYS_io_uring_setup, 1, NULL) == -1 && errno == ENOSYS);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
          errno == EPERM);
#ifndef SYS_socketcall
    CHECK(socket(AF_UNIX, SOCK_STREAM, 0) == -1 && errno == EPERM);
    CHECK(socket(AF_NETLINK, SOCK_RAW, 0) == -1 && errno == EPERM);
    CHECK(socket(AF_PACKET, SOCK_RAW, 0) == -1 && errno == EPERM);
#endif
    /* What the network is made of. */
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&sin, sizeof sin) == 0 && listen(fd, 5) == 0);
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    CHECK(mprotect(page, 4096, PROT_READ | PROT_EXEC) == -1 && errno == EPERM);
}

static void the_filter_lets_through_what_is_needed(void **state)
{
    (void)state;
#ifdef BRYO_SANITIZED
    print_message("skipped: a build with sanitizers has no filter\n");
    skip();
#endif
    assert_int_equal(in_child(filtered), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_but_sockets_is_left),
        cmocka_unit_test(the_filter_lets_through_what_is_needed),
    };

    return cmocka_run_group_tests_name("net_confine", tests, NULL, NULL);
}
