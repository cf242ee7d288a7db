#include "container/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "container/notify.h"

/* Not forwarded: what the kernel raises for faults of our own, and what job control of the caller's shell
 * needs to act on us. SIGCHLD and SIGWINCH have a meaning of their own. */
static const int kept[] = {SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGTRAP, SIGABRT,
                           SIGSYS,  SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT};

int supervise_begin(struct supervisor *s, struct error *err)
{
    sigset_t set;

    sigfillset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        sigdelset(&set, kept[i]);
    if (sigprocmask(SIG_BLOCK, &set, &s->old_mask) < 0)
        return error_sys(err, errno, "block signals");
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signal_fd < 0)
        return error_sys(err, errno, "open a signalfd");
    return 0;
}

void supervise_end(struct supervisor *s)
{
    struct signalfd_siginfo info;

    if (s->signal_fd >= 0) {
        /* They were for the container, and came too late: they must not end us instead. */
        while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
            ;
        fd_close(&s->signal_fd);
        sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
    }
}

/* Is signal @sig in the hexadecimal mask that follows @field in /proc/PID/status? */
static bool in_mask(const char *status, const char *field, int sig)
{
    const char *line = strstr(status, field);

    return line && (strtoull(line + strlen(field), NULL, 16) >> (sig - 1) & 1);
}

/* pid 1 gets no signal from outside that it has no handler for, but for SIGKILL and SIGSTOP. A command that
 * was not written to be pid 1 relies on the default action; we carry that out for it. */
static bool lost_on_init(pid_t pid, int sig)
{
    static const int deadly[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE};
    _cleanup_free_ char *text = NULL;
    char path[32];
    bool ends = false;

    for (size_t i = 0; i < ARRAY_SIZE(deadly); i++)
        ends |= deadly[i] == sig;
    if (!ends)
        return false;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    if (file_read_at(AT_FDCWD, path, 64 << 10, &text, NULL, NULL) < 0)
        return false;
    return !in_mask(text, "\nSigCgt:\t", sig) && !in_mask(text, "\nSigIgn:\t", sig) &&
           !in_mask(text, "\nSigBlk:\t", sig);
}

/* Helpers end with init, and by themselves. Whatever else ends one leaves the container without its network
 * or its files, and nobody inside would know why. */
static void look_at_helper(const struct supervisor *s, const char *what, int status)
{
    char text[WAIT_TEXT_MAX];

    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        log_warn(s->log, "%s ended (%s)", what, process_status_text(text, status));
}

/* Reaps every child that ended; tells whether init was among them. */
static bool reap(struct supervisor *s, int *status)
{
    bool ended = false;

    for (;;) {
        int st;
        pid_t pid = waitpid(-1, &st, WNOHANG);
        if (pid <= 0)
            return ended;
        if (pid == s->pid) {
            *status = st;
            ended = true;
        } else if (pid == s->net_pid) {
            look_at_helper(s, "the network of the container is gone: bryo-net", st);
            s->net_pid = 0;
        } else if (pid == s->archive_pid) {
            look_at_helper(s, "files of the image can't be read any more: bryo-image-mount", st);
        }
    }
}

/* Takes all pending signals. *fatal: the signal whose default action we carried out. */
static void take_signals(const struct supervisor *s, int *fatal)
{
    struct signalfd_siginfo info;

    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        int sig = (int)info.ssi_signo;
        if (sig == SIGCHLD)
            continue;
        /* A write of ours that nobody reads any more raises it, blocked and ignored or not. */
        if (sig == SIGPIPE && info.ssi_pid == (uint32_t)getpid())
            continue;
        if (sig == SIGWINCH && s->con) {
            console_resize(s->con);
            continue;
        }
        if (s->default_signals && lost_on_init(s->pid, sig)) {
            *fatal = sig;
            sig = SIGKILL;
        }
        (void)sys_pidfd_send_signal(s->pidfd, sig, NULL, 0);
    }
}

int supervise(struct supervisor *s, int *exit_code, struct error *err)
{
    enum { CONSOLE = 3 };
    int status = 0, fatal = 0;

    while (!reap(s, &status)) {
        struct pollfd fds[] = {{.fd = s->signal_fd, .events = POLLIN},
                               {.fd = s->pidfd, .events = POLLIN},
                               {.fd = s->notify ? s->notify->sock : -1, .events = POLLIN},
                               {.fd = -1},
                               {.fd = -1},
                               {.fd = -1}};
        int timeout = -1;
        if (s->con) {
            console_poll(s->con, fds + CONSOLE);
            if (s->con->hung_up) /* look again whether somebody opened it anew */
                timeout = 50;
        }
        if (poll(fds, ARRAY_SIZE(fds), timeout) < 0) {
            if (errno == EINTR)
                continue;
            return error_sys(err, errno, "wait for the container");
        }
        if (fds[0].revents)
            take_signals(s, &fatal);
        if (s->con) {
            s->con->hung_up = false;
            console_move(s->con, fds + CONSOLE);
        }
        if (fds[2].revents)
            (void)notify_forward(s->notify);
    }
    if (s->notify && s->notify->sock >= 0) /* its last words */
        (void)notify_forward(s->notify);
    if (s->con)
        console_drain(s->con);
    *exit_code = fatal ? 128 + fatal : process_exit_code(status);
    return 0;
}
