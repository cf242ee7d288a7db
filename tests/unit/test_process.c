/* Processes: identity, starting programs with their output caught, signal names. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/str.h"

/* A child that waits to be killed, under a name of our choice. */
static pid_t sleeper(const char *name)
{
    int ready[2];
    assert_return_code(pipe2(ready, O_CLOEXEC), errno);
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, name);
        close(ready[0]);
        close(ready[1]);
        for (;;)
            pause();
    }
    close(ready[1]);
    char c;
    assert_int_equal(fd_read_full(ready[0], &c, 1), 0); /* end of file: the name is set */
    close(ready[0]);
    return pid;
}

static void stat_reads_itself(void **state)
{
    uint64_t start = 0, again = 0;
    pid_t parent = 0;
    char letter = 0;

    (void)state;
    assert_int_equal(process_stat(getpid(), &start, &letter, &parent), 0);
    assert_int_equal(letter, 'R');
    assert_int_equal(parent, getppid());
    assert_true(start > 0);
    assert_int_equal(process_stat(getpid(), &again, NULL, NULL), 0);
    assert_int_equal(start, again);
}

/* The name in /proc/PID/stat is the process's choice: none may shift the fields. */
static void stat_survives_hostile_names(void **state)
{
    static const char *const names[] = {") R 1 2 3 4", "a) Z 9 (b", ")))", "( (", "new\nline) S", ""};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_pid_ pid_t pid = sleeper(names[i]);
        uint64_t start = 0, self = 0;
        pid_t parent = 0;
        char letter = 0;
        assert_int_equal(process_stat(pid, &start, &letter, &parent), 0);
        assert_int_equal(parent, getpid());
        assert_true(letter == 'S' || letter == 'R');
        assert_int_equal(process_stat(getpid(), &self, NULL, NULL), 0);
        assert_true(start >= self);
    }
}

static void stat_of_nobody(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    assert_int_equal(process_wait(pid, NULL), 0);
    assert_int_equal(process_stat(pid, NULL, NULL, NULL), -ESRCH);
    assert_int_equal(process_stat(0, NULL, NULL, NULL), -ESRCH);
    assert_int_equal(process_stat(-1, NULL, NULL, NULL), -ESRCH);
    assert_int_equal(process_open(pid, 1), -ESRCH);
    assert_int_equal(process_open(-7, 1), -ESRCH);
}

static void open_tells_processes_apart(void **state)
{
    _cleanup_pid_ pid_t pid = sleeper("one");
    uint64_t start;

    (void)state;
    assert_int_equal(process_stat(pid, &start, NULL, NULL), 0);
    _cleanup_close_ int fd = process_open(pid, start);
    assert_return_code(fd, -fd);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    /* Another process with this pid has another start time. */
    assert_int_equal(process_open(pid, start + 1), -ESRCH);
}

static void open_refuses_zombies(void **state)
{
    siginfo_t info;
    uint64_t start;

    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    assert_return_code(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), errno);
    assert_int_equal(process_stat(pid, &start, NULL, NULL), 0);
    assert_int_equal(process_open(pid, start), -ESRCH);
    assert_int_equal(process_wait(pid, NULL), 0);
}

static void *wait_for_ever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

/* A program whose first thread ended is shown as a zombie, and runs nevertheless. */
static void open_takes_a_process_whose_first_thread_ended(void **state)
{
    uint64_t start;
    char letter = 0;

    (void)state;
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        pthread_t other;
        if (pthread_create(&other, NULL, wait_for_ever, NULL) == 0)
            syscall(SYS_exit, 0);
        _exit(1);
    }
    for (int tries = 0; letter != 'Z' && tries < 500; tries++) {
        assert_int_equal(process_stat(pid, &start, &letter, NULL), 0);
        usleep(10000);
    }
    _cleanup_close_ int fd = process_open(pid, start);
    process_kill_reap(&pid);
    assert_int_equal(letter, 'Z');
    assert_return_code(fd, -fd);
}

/* Runs a shell script; returns the wait status, *out the text. */
static int run_script(const char *script, const char *input, size_t len, char **out)
{
    char *argv[] = {"sh", "-c", (char *)(uintptr_t)script, NULL};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_spawn_ struct spawn s = SPAWN_INIT;
    int status = -1;

    s.path = "sh";
    s.argv = argv;
    s.input = input;
    s.input_len = len;
    int r = spawn_start(&s, &err);
    if (r == 0)
        r = spawn_finish(&s, &status, out, &err);
    if (r < 0)
        print_error("%s\n", error_text(&err));
    assert_int_equal(r, 0);
    return status;
}

static void spawn_catches_both_outputs(void **state)
{
    _cleanup_free_ char *out = NULL;

    (void)state;
    int status = run_script("echo one; echo two >&2; cat; exit 3", NULL, 0, &out);
    assert_string_equal(out, "one\ntwo\n");
    assert_int_equal(process_exit_code(status), 3);
}

static void spawn_feeds_small_and_large_input(void **state)
{
    enum { SIZE = 3 << 20 };
    _cleanup_free_ char *out = NULL, *large = malloc(SIZE);

    (void)state;
    run_script("cat", "hello", 5, &out);
    assert_string_equal(out, "hello");
    free(out);
    memset(large, 'x', SIZE);
    run_script("wc -c", large, SIZE, &out);
    assert_int_equal(atoi(out), SIZE);
}

/* A program that does not read its input must neither kill us by SIGPIPE nor block. */
static void spawn_survives_unread_input(void **state)
{
    enum { SIZE = 1 << 20 };
    _cleanup_free_ char *out = NULL, *large = calloc(1, SIZE);

    (void)state;
    int status = run_script("exec <&-; echo done", large, SIZE, &out);
    assert_int_equal(status, 0);
    assert_string_equal(out, "done\n");
}

static void spawn_keeps_64_kib_of_output(void **state)
{
    _cleanup_free_ char *out = NULL;

    (void)state;
    int status = run_script("head -c 1000000 /dev/zero | tr '\\0' y", NULL, 0, &out);
    assert_int_equal(status, 0);
    assert_int_equal(strlen(out), 65536);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void spawn_does_not_wait_for_background(void **state)
{
    _cleanup_free_ char *out = NULL;
    int64_t begin = now_ms();

    (void)state;
    run_script("sleep 30 & echo $!", NULL, 0, &out);
    assert_true(now_ms() - begin < 20000);
    kill(atoi(out), SIGKILL);
}

static void spawn_times_out_with_its_group(void **state)
{
    char *argv[] = {"sh", "-c", "sleep 60 & echo $!; sleep 60", NULL};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_spawn_ struct spawn s = SPAWN_INIT;
    _cleanup_free_ char *out = NULL;
    char letter;

    (void)state;
    s.path = "/bin/sh";
    s.argv = argv;
    s.timeout_ms = 300;
    assert_int_equal(spawn_start(&s, &err), 0);
    assert_int_equal(spawn_finish(&s, NULL, &out, &err), -ETIMEDOUT);
    assert_string_equal(error_text(&err), "run \"/bin/sh\": it did not end within 0.3 s and was killed");
    assert_int_equal(s.pid, -1);
    pid_t background = atoi(out);
    assert_true(background > 0);
    /* Its parent is gone, and somebody else reaps it: until then it may be a zombie. */
    for (int i = 0; i < 500; i++) {
        if (process_stat(background, NULL, &letter, NULL) == -ESRCH || letter == 'Z' || letter == 'X')
            return;
        usleep(10000);
    }
    fail_msg("process %d of the group was not killed", (int)background);
}

static void spawn_of_missing_programs(void **state)
{
    char *argv[] = {"x", NULL};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_spawn_ struct spawn s = SPAWN_INIT;

    (void)state;
    s.argv = argv;
    s.path = "/nonexistent/program";
    assert_int_equal(spawn_start(&s, &err), -ENOENT);
    assert_string_equal(error_text(&err), "run \"/nonexistent/program\": no such file or directory (ENOENT)");
    s.path = "bryo-no-such-program";
    assert_int_equal(spawn_start(&s, &err), -ENOENT);
    assert_non_null(
        strstr(error_text(&err), "run \"bryo-no-such-program\": executable file not found in $PATH"));
    s.path = "/";
    assert_int_equal(spawn_start(&s, &err), -EACCES);
    assert_int_equal(s.pid, -1);
    assert_int_equal(s.out_fd, -EBADF);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_int_equal(errno, ECHILD);
}

/* What the program inherits: three descriptors, default signals, an empty mask. */
static void spawn_leaks_nothing(void **state)
{
    _cleanup_close_ int leak = open("/dev/null", O_RDONLY);
    _cleanup_free_ char *out = NULL;
    sigset_t set, old;

    (void)state;
    assert_return_code(leak, errno);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &old);
    signal(SIGUSR1, SIG_IGN);
    run_script("ls /proc/self/fd; sed -n '/^Sig[BIC]/{s/\\t//;p}' /proc/self/status", NULL, 0, &out);
    signal(SIGUSR1, SIG_DFL);
    sigprocmask(SIG_SETMASK, &old, NULL);
    /* 3 is the directory that ls itself reads. */
    assert_string_equal(out, "0\n1\n2\n3\nSigBlk:0000000000000000\nSigIgn:0000000000000000\n"
                             "SigCgt:0000000000000000\n");
}

/* Descriptors that lie where others go, and in each other's places. */
static void fds_are_placed_in_any_order(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        int a[2], b[2];
        if (pipe(a) < 0 || pipe(b) < 0)
            _exit(2);
        /* The read end goes to 0 and 3 and may lie at 3 already; the write end goes to 2; 1 stays. */
        int keep = b[1], fds[4] = {a[0], 1, a[1], a[0]};
        if (process_place_fds(fds, 4, &keep) < 0 || keep != 4)
            _exit(4);
        char c;
        if (write(2, "x", 1) != 1 || read(0, &c, 1) != 1 || c != 'x')
            _exit(5);
        if (write(2, "y", 1) != 1 || read(3, &c, 1) != 1 || c != 'y')
            _exit(6);
        if (fcntl(5, F_GETFD) >= 0 || !(fcntl(4, F_GETFD) & FD_CLOEXEC) || fcntl(3, F_GETFD) != 0)
            _exit(7);
        _exit(0);
    }
    int status;
    assert_int_equal(process_wait(pid, &status), 0);
    assert_int_equal(status, 0);
}

static void statuses_have_words(void **state)
{
    char text[WAIT_TEXT_MAX];

    (void)state;
    assert_string_equal(process_status_text(text, 3 << 8), "exit status 3");
    assert_string_equal(process_status_text(text, SIGKILL), "killed by SIGKILL");
    assert_int_equal(process_exit_code(3 << 8), 3);
    assert_int_equal(process_exit_code(SIGTERM), 128 + SIGTERM);
}

static void signals_have_names(void **state)
{
    const struct {
        const char *name;
        int number;
    } good[] = {{"TERM", SIGTERM},         {"SIGTERM", SIGTERM},
                {"sigkill", SIGKILL},      {"9", 9},
                {"hup", SIGHUP},           {"CLD", SIGCHLD},
                {"RTMIN", SIGRTMIN},       {"SIGRTMIN+3", SIGRTMIN + 3},
                {"RTMAX-1", SIGRTMAX - 1}, {"64", 64}};
    static const char *const bad[] = {"",      "0",      "65",       "-9",      "+9",
                                      " 9",    "9 ",     "0x9",      "SIG",     "SIGSIGTERM",
                                      "TERMX", "RTMIN+", "RTMIN+99", "RTMAX+1", "99999999999"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_int_equal(signal_from_name(good[i].name), good[i].number);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (signal_from_name(bad[i]) != -EINVAL)
            fail_msg("signal \"%s\" was taken", bad[i]);
    assert_int_equal(signal_from_name(NULL), -EINVAL);
    assert_string_equal(signal_name(SIGTERM), "SIGTERM");
    assert_string_equal(signal_name(SIGCHLD), "SIGCHLD");
    assert_null(signal_name(SIGRTMIN + 1));
    assert_null(signal_name(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stat_reads_itself),
        cmocka_unit_test(stat_survives_hostile_names),
        cmocka_unit_test(stat_of_nobody),
        cmocka_unit_test(open_tells_processes_apart),
        cmocka_unit_test(open_refuses_zombies),
        cmocka_unit_test(open_takes_a_process_whose_first_thread_ended),
        cmocka_unit_test(spawn_catches_both_outputs),
        cmocka_unit_test(spawn_feeds_small_and_large_input),
        cmocka_unit_test(spawn_survives_unread_input),
        cmocka_unit_test(spawn_keeps_64_kib_of_output),
        cmocka_unit_test(spawn_does_not_wait_for_background),
        cmocka_unit_test(spawn_times_out_with_its_group),
        cmocka_unit_test(spawn_of_missing_programs),
        cmocka_unit_test(spawn_leaks_nothing),
        cmocka_unit_test(fds_are_placed_in_any_order),
        cmocka_unit_test(statuses_have_words),
        cmocka_unit_test(signals_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
