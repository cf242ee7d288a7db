/*
 * Processes: identity that survives pid reuse, helpers with their output caught, waiting with a limit.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Start time of @pid in clock ticks since boot (field 22 of /proc/PID/stat) and its state letter. Returns 0
 * or -ESRCH (no such process), or another negative errno. Any out pointer may be NULL. */
int process_stat(pid_t pid, uint64_t *start_time, char *state, pid_t *ppid);

/* The same from the @n bytes of a /proc/PID/stat at @text, which has a NUL behind them and is changed.
 * -EBADMSG: it is none. */
int process_stat_parse(char *text, size_t n, uint64_t *start_time, char *state, pid_t *ppid);

/* A pidfd of the process that had pid @pid and started at @start_time, or -ESRCH if it is gone (or only a
 * zombie without a living thread is left, or another process has the pid now). The check is free of races:
 * the pidfd is opened first and the start time compared behind it. */
int process_open(pid_t pid, uint64_t start_time);

/* A helper program with what it said. */
#define SPAWN_FDS_MAX 8
struct spawn {
    const char *path; /* program; searched in PATH if it has no slash */
    char *const *argv;
    char *const *env;  /* NULL: the caller's */
    const char *input; /* written to its standard input (NULL: /dev/null); must live until spawn_finish */
    size_t input_len;
    int stdout_fd;  /* its standard output; -1: caught into the text with standard error */
    int stderr_fd;  /* its standard error; -1: caught. -2: the caller's */
    int cwd_fd;     /* its directory; -1: the caller's */
    const int *fds; /* become its descriptors 3, 4, 5 …: at most SPAWN_FDS_MAX */
    size_t n_fds;
    int timeout_ms; /* killed with SIGKILL after that, with its whole process group; 0: no limit */
    bool brief; /* it ends by itself in a moment: starts with all signals blocked and ignored ones ignored,
                 * which saves a system call for each signal there is */
    bool die_with_us; /* killed when the calling process ends; what it leaves in the background is not */
    /* out */
    pid_t pid;        /* while it runs */
    int out_fd;       /* our end of the caught output */
    int in_fd;        /* our end of its input, while there is more to write */
    size_t in_done;   /* bytes of the input that the pipe took */
    int64_t deadline; /* CLOCK_MONOTONIC in ms; 0: none */
};
#define SPAWN_INIT   \
    ((struct spawn){ \
        .stdout_fd = -1, .stderr_fd = -1, .cwd_fd = -1, .pid = -1, .out_fd = -EBADF, .in_fd = -EBADF})

/* Starts the program (posix_spawn-like: no fork of our memory). All signals at their defaults, mask empty,
 * every descriptor above 2 closed but those of @fds. A program with a time limit leads a process group of its
 * own. On failure nothing is left. Errors: -ENOENT when it is not there, others of execve(2). */
int spawn_start(struct spawn *s, struct error *err);

/* Feeds the input, gathers the output (at most 64 KiB are kept) and waits until the program itself ends: what
 * it left in the background may keep the pipe open and is not waited for. *output (may be NULL) gets the
 * text, NUL-terminated, the caller frees. *status (may be NULL) gets the wait status. Returns 0, or
 * -ETIMEDOUT after killing it (with *output filled as far as it came). */
int spawn_finish(struct spawn *s, int *status, char **output, struct error *err);

/* Kills and reaps the program if it runs, closes what spawn_start opened: `_cleanup_spawn_ struct spawn`. */
void spawn_abort(struct spawn *s);
#define _cleanup_spawn_ __attribute__((cleanup(spawn_abort)))

/* For a child before execve: makes descriptor i of @fds[i], for all @n of them, inheritable, and closes all
 * others. One more, *keep (NULL: none), survives until execve under the number @n. @fds is changed. Only
 * system calls, so that it may run where memory is shared with the parent. Returns 0 or -errno. */
int process_place_fds(int *fds, size_t n, int *keep);

/* What a wait status means, for messages: "exit status 1", "killed by SIGKILL", in the caller's buffer. */
#define WAIT_TEXT_MAX 48
const char *process_status_text(char buf[WAIT_TEXT_MAX], int wait_status);

/* Kills and reaps a process on an early return: `_cleanup_pid_ pid_t pid = -1`. */
void process_kill_reap(pid_t *pid);
#define _cleanup_pid_ __attribute__((cleanup(process_kill_reap)))

/* waitpid over EINTR. Returns 0 or -errno. */
int process_wait(pid_t pid, int *status);

/* Exit status as a shell tells it: the code, or 128 + signal. */
int process_exit_code(int wait_status);

/* "TERM", "SIGTERM", "15", "RTMIN+3"; case does not matter. Returns the number or -EINVAL. */
int signal_from_name(const char *name);
/* "SIGTERM" for 15; NULL for what has no name. Static storage. */
const char *signal_name(int sig);
