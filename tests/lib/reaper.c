/*
 * Runs one command and answers for all processes that come from it: tests/run starts every suite through
 * this.
 *
 * Theory of operation: a child subreaper inherits what its descendants leave behind, whatever user they
 * became and whatever namespace they are in. So a process that a test forgot becomes our child, can be named,
 * is killed, and makes the run fail with LEFTOVER_STATUS, without a search by name through the machine's
 * processes.
 *
 *   reaper SECONDS CMD [ARG…]     SECONDS: everything is killed after that; 0: no limit
 *
 * The environment of CMD gets BRYO_TEST_REAPER (our pid) and BRYO_TEST_MAIN (its own), by which
 * tests/lib/common.bash finds leftovers after each single test.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LEFTOVER_STATUS 90
#define TIMEOUT_STATUS  124
#define GRACE_MS        2000

static volatile sig_atomic_t timed_out;

/* Comes again each second, so that it can't be lost between a look at timed_out and the next waitpid(2). */
static void on_signal(int sig)
{
    timed_out = sig;
    alarm(1);
}

/* Calls @each for every child of ours; returns how many there are that still run. */
static int for_each_child(void (*each)(pid_t pid))
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    int pid, count = 0;
    while (fscanf(f, "%d", &pid) == 1) {
        count++;
        each(pid);
    }
    fclose(f);
    return count;
}

static void describe(pid_t pid)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    for (size_t i = 0; i + 1 < n; i++)
        if (!text[i])
            text[i] = ' ';
    fprintf(stderr, "reaper: left running: %d %s\n", pid, text);
}

static void kill_one(pid_t pid)
{
    kill(pid, SIGKILL);
}

static void reap_ended(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

static void nothing(pid_t pid)
{
    (void)pid;
}

/* Gives what is left a moment to end by itself, then names and kills it. Returns whether something was left.
 */
static int clean_up(void)
{
    const struct timespec tick = {.tv_nsec = 20 * 1000 * 1000};
    for (int ms = 0; ms < GRACE_MS; ms += 20) {
        reap_ended();
        if (for_each_child(nothing) == 0)
            return 0;
        nanosleep(&tick, NULL);
    }
    for_each_child(describe);
    /* Killing one can hand us its children. */
    for (int round = 0; round < 100 && for_each_child(kill_one) > 0; round++) {
        nanosleep(&tick, NULL);
        reap_ended();
    }
    return 1;
}

static void start(char **argv)
{
    char number[16];
    snprintf(number, sizeof number, "%d", getppid());
    setenv("BRYO_TEST_REAPER", number, 1);
    snprintf(number, sizeof number, "%d", getpid());
    setenv("BRYO_TEST_MAIN", number, 1);
    execvp(argv[0], argv);
    fprintf(stderr, "reaper: exec %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: reaper SECONDS CMD [ARG...]\n");
        return 2;
    }
    struct sigaction sa = {.sa_handler = on_signal};
    sigaction(SIGALRM, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
        perror("reaper: PR_SET_CHILD_SUBREAPER");
        return 2;
    }
    pid_t child = fork();
    if (child < 0) {
        perror("reaper: fork");
        return 2;
    }
    if (child == 0)
        start(argv + 2);

    alarm((unsigned)atoi(argv[1]));
    int status = 0;
    for (;;) {
        pid_t pid = waitpid(-1, &status, 0);
        if (pid == child)
            break;
        if (pid < 0 && errno == EINTR && timed_out) {
            fprintf(stderr, "reaper: %s: killing all of it\n",
                    timed_out == SIGALRM ? "it took too long" : "interrupted");
            alarm(0);
            kill(child, SIGKILL);
            clean_up();
            return TIMEOUT_STATUS;
        }
        if (pid < 0 && errno != EINTR) {
            perror("reaper: waitpid");
            return 2;
        }
    }
    alarm(0);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (clean_up() && code == 0)
        return LEFTOVER_STATUS;
    return code;
}
