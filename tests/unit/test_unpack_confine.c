/*
 * What bryo-image can still do after it gave up its rights. Each case runs in a child, since there is no way
 * back.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "config.h"
#include "helpers/image/confine.h"

#define DIR_FD 4
#define CANNOT 42 /* the child cannot be confined here */

static char *directory;

/* Ends a child at the first check that does not hold, with its line as the exit status. */
#define CHECK(what)                     \
    do {                                \
        if (!(what))                    \
            _exit(__LINE__ % 200 + 50); \
    } while (0)

/* Runs @body in a child; returns its exit status, or fails the test on a signal. */
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

static void *thread_body(void *data)
{
    *(int *)data = 1;
    return NULL;
}

static void filtered(void)
{
    pthread_t thread;
    int ran = 0;
    char *const argv[] = {(char *)"true", NULL};

    CHECK(filter_install(NULL) == 0);
    CHECK(execve("/bin/true", argv, argv) == -1 && errno == ENOSYS);
    CHECK(socket(AF_UNIX, SOCK_STREAM, 0) == -1 && errno == ENOSYS);
    CHECK(syscall(SYS_ptrace, 0, 0, 0, 0) == -1 && errno == ENOSYS);
    CHECK(syscall(SYS_mount, "a", "b", "c", 0, 0) == -1 && errno == ENOSYS);
    CHECK(syscall(SYS_setns, 0, 0) == -1 && errno == ENOSYS);
    CHECK(syscall(SYS_unshare, 0) == -1 && errno == ENOSYS);
    CHECK(syscall(SYS_ioctl, 0, 0, 0) == -1 && errno == EPERM); /* but one: FICLONE */
    CHECK(syscall(SYS_kill, 1, 0) == -1 && errno == ENOSYS);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
          errno == EPERM);
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    CHECK(mprotect(page, 4096, PROT_READ | PROT_EXEC) == -1 && errno == EPERM);
    CHECK(fork() == -1 && errno == EPERM);
    /* Threads are what the filter must let through. */
    CHECK(pthread_create(&thread, NULL, thread_body, &ran) == 0);
    CHECK(pthread_join(thread, NULL) == 0 && ran == 1);
}

static void the_filter_lets_through_what_is_needed(void **state)
{
    (void)state;
#ifdef BRYO_SANITIZED
    print_message("skipped: sanitizers need more system calls than the filter allows\n");
    skip();
#endif
    assert_int_equal(in_child(filtered), 0);
}

static void confined(void)
{
    struct confinement c = {.keep = (const int[]){DIR_FD}, .n_keep = 1, .dir = DIR_FD};
    _cleanup_error_ struct error err = ERROR_INIT;
    struct rlimit limit;

    CHECK(dup2(open(directory, O_RDONLY | O_DIRECTORY), DIR_FD) == DIR_FD);
    CHECK(dup2(2, 9) == 9);
    int r = confine(&c, &err);
    if (r == -EPERM && strstr(error_text(&err), "cannot be confined"))
        _exit(CANNOT);
    CHECK(r == 0);
    CHECK(fcntl(9, F_GETFD) == -1 && errno == EBADF);
    CHECK(fcntl(DIR_FD, F_GETFD) >= 0);
    /* Out by an absolute name, by "..", and through the working directory. */
    CHECK(open("/etc/passwd", O_RDONLY) == -1);
    CHECK(openat(DIR_FD, "../outside", O_RDONLY) == -1);
    /* Where the directory is the root, ".." of it is itself. */
    CHECK(openat(DIR_FD, "../escaped", O_WRONLY | O_CREAT, 0600) == -1 ||
          openat(DIR_FD, "escaped", O_PATH) >= 0);
    CHECK(mkdir("/tmp/bryo-escaped", 0700) == -1);
    CHECK(open("/proc/self/mem", O_RDWR) == -1);
    /* In it: all that unpacking does. */
    int fd = openat(DIR_FD, "file", O_WRONLY | O_CREAT | O_EXCL, 0644);
    CHECK(fd >= 0 && write(fd, "x", 1) == 1 && fchmod(fd, 0600) == 0 && ftruncate(fd, 10) == 0);
    CHECK(mkdirat(DIR_FD, "dir", 0700) == 0 && symlinkat("x", DIR_FD, "dir/link") == 0);
    CHECK(linkat(DIR_FD, "file", DIR_FD, "dir/hard", 0) == 0);
    CHECK(mkfifoat(DIR_FD, "fifo", 0600) == 0);
    CHECK(unlinkat(DIR_FD, "dir/hard", 0) == 0);
#ifndef BRYO_SANITIZED
    CHECK(write(2, "x", 1) == 1); /* the null device */
    CHECK(chroot(".") == -1);
    CHECK(getrlimit(RLIMIT_CORE, &limit) == -1 && errno == ENOSYS);
#endif
    (void)limit;
}

static void the_directory_is_all_there_is(void **state)
{
    _cleanup_free_ char *escaped = NULL;

    (void)state;
    int status = in_child(confined);
    if (status == CANNOT) {
        print_message("skipped: this user may not chroot and the kernel has no landlock\n");
        skip();
    }
    assert_int_equal(status, 0);
    escaped = str_printf("%s/../escaped", directory);
    assert_int_equal(access(escaped, F_OK), -1);
    assert_int_equal(access("/tmp/bryo-escaped", F_OK), -1);
}

/* A world with a file beside the directory. */
static int make_world(void **state)
{
    const char *tmp = getenv("TMPDIR");
    char *world = str_printf("%s/bryo-confine.XXXXXX", tmp ? tmp : "/tmp");
    _cleanup_free_ char *outside = NULL;

    if (!world || !mkdtemp(world))
        return -1;
    *state = world;
    directory = str_printf("%s/dest", world);
    outside = str_printf("%s/outside", world);
    return mkdir(directory, 0700) < 0 || mkdir(outside, 0700) < 0 ? -1 : 0;
}

static int remove_world(void **state)
{
    int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 || remove_content_at(fd, NULL) < 0 || rmdir(*state) < 0;

    close(fd);
    free(*state);
    free(directory);
    return r;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_filter_lets_through_what_is_needed),
        cmocka_unit_test(the_directory_is_all_there_is),
    };

    return cmocka_run_group_tests(tests, make_world, remove_world);
}
