/*
 * Processes by identity (pid and start time), and waiting for them. Starting programs: base/spawn.c.
 */
#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/syscalls.h"

/* Position of the start time among the fields behind the command name (field 3, the state, is the first). */
#define STAT_START_TIME (22 - 3)
#define STAT_PPID       (4 - 3)

/* Reads /proc/PID/stat into @buf. A process that ends between open and read makes the read fail with ESRCH.
 */
static ssize_t read_stat(pid_t pid, char *buf, size_t size)
{
    _cleanup_close_ int fd = -EBADF;
    char path[32];

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno != ENOENT)
            return -errno;
        /* No such process, or no procfs at all: then nothing may be said about any process. */
        return access("/proc/self/stat", F_OK) == 0 ? -ESRCH : -EOPNOTSUPP;
    }
    return fd_read_full(fd, buf, size);
}

int process_stat_parse(char *text, size_t n, uint64_t *start_time, char *state, pid_t *ppid)
{
    char *save = NULL;

    /* The command name is chosen by the process and may hold blanks and ")": its end is the last ")" there
     * is, for all that follows are numbers and the state letter. */
    char *p = memrchr(text, ')', n);
    if (!p || p[1] != ' ')
        return -EBADMSG;
    char *field = strtok_r(p + 1, " \n", &save);
    if (!field || strlen(field) != 1)
        return -EBADMSG;
    char letter = field[0];
    uint64_t parent = 0, start = 0;
    for (int i = 1; i <= STAT_START_TIME; i++) {
        field = strtok_r(NULL, " \n", &save);
        if (!field)
            return -EBADMSG;
        if (i == STAT_PPID && parse_u64(field, &parent) < 0)
            return -EBADMSG;
        if (i == STAT_START_TIME && parse_u64(field, &start) < 0)
            return -EBADMSG;
    }
    if (start_time)
        *start_time = start;
    if (state)
        *state = letter;
    if (ppid)
        *ppid = (pid_t)parent;
    return 0;
}

int process_stat(pid_t pid, uint64_t *start_time, char *state, pid_t *ppid)
{
    char buf[4096];
    ssize_t n;

    if (pid <= 0)
        return -ESRCH;
    n = read_stat(pid, buf, sizeof buf - 1);
    if (n < 0)
        return (int)n;
    buf[n] = '\0';
    return process_stat_parse(buf, (size_t)n, start_time, state, ppid);
}

/* A pidfd becomes readable when the last thread has ended. */
static int process_has_ended(int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    int r;

    do
        r = poll(&p, 1, 0);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : r;
}

int process_open(pid_t pid, uint64_t start_time)
{
    _cleanup_close_ int fd = -EBADF;
    uint64_t start;
    int r;

    if (pid <= 0)
        return -ESRCH;
    fd = sys_pidfd_open(pid, 0);
    if (fd < 0)
        return errno == EINVAL ? -ESRCH : -errno; /* EINVAL: the number is a thread's now, not a process's */
    r = process_stat(pid, &start, NULL, NULL);
    if (r < 0)
        return r;
    if (start != start_time)
        return -ESRCH;
    /* Not the state letter: a first thread that has ended is shown as a zombie while others run on. */
    r = process_has_ended(fd);
    return r < 0 ? r : r ? -ESRCH : TAKE_FD(fd);
}

int process_wait(pid_t pid, int *status)
{
    int ignored;
    pid_t r;

    do
        r = waitpid(pid, status ? status : &ignored, 0);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

void process_kill_reap(pid_t *pid)
{
    int saved = errno;

    if (*pid > 0) {
        (void)kill(*pid, SIGKILL);
        (void)process_wait(*pid, NULL);
    }
    *pid = -1;
    errno = saved;
}

int process_exit_code(int wait_status)
{
    if (WIFSIGNALED(wait_status))
        return 128 + WTERMSIG(wait_status);
    return WEXITSTATUS(wait_status);
}

const char *process_status_text(char buf[WAIT_TEXT_MAX], int wait_status)
{
    if (!WIFSIGNALED(wait_status)) {
        snprintf(buf, WAIT_TEXT_MAX, "exit status %d", WEXITSTATUS(wait_status));
        return buf;
    }
    const char *name = signal_name(WTERMSIG(wait_status));
    if (name)
        snprintf(buf, WAIT_TEXT_MAX, "killed by %s", name);
    else
        snprintf(buf, WAIT_TEXT_MAX, "killed by signal %d", WTERMSIG(wait_status));
    return buf;
}
