#include "userns/within.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/process.h"

/* What the child says, on a SOCK_SEQPACKET pair: READY once it has its namespace, then the outcome. */
struct report {
    int code;        /* 0 or a positive errno */
    char text[8192]; /* the text, a NUL, the hint, a NUL */
};

/* Returns 0 or -errno. */
static int send_report(int sock, int code, const struct error *err)
{
    struct report report = {.code = code};
    const char *text = err ? error_text(err) : "", *hint = err && err->hint ? err->hint : "";
    size_t room = sizeof report.text / 2 - 1, len = strlen(text), more = strlen(hint);
    len = len < room ? len : room;
    more = more < room ? more : room;
    memcpy(report.text, text, len);
    memcpy(report.text + len + 1, hint, more);
    ssize_t n = fd_send(sock, &report, offsetof(struct report, text) + len + 1 + more + 1, NULL, 0);
    return n < 0 ? (int)n : 0;
}

/* Receives one report; *code gets what it says and @err its text. A peer that died is -EPIPE. */
static int receive_report(int sock, int *code, struct error *err)
{
    struct report report;
    size_t nfds = 0;
    ssize_t n = fd_recv(sock, &report, sizeof report, NULL, &nfds);
    if (n < (ssize_t)offsetof(struct report, text) + 2)
        return n < 0 ? (int)n : -EPIPE;
    char *end = report.text + (n - (ssize_t)offsetof(struct report, text)) - 1;
    *end = '\0';
    *code = report.code;
    if (!report.code || !report.text[0])
        return 0;
    error_set(err, report.code, "%s", report.text);
    const char *hint = report.text + strlen(report.text) + 1;
    if (hint < end && *hint)
        error_hint(err, "%s", hint);
    return 0;
}

/* Runs as: the caller's ids; with a map, after unshare, with every capability in a user namespace of its own,
 * in the host's other namespaces. Should: make the one call. Mustn't: return into the parent's code. */
_Noreturn static void child(int sock, bool userns, pid_t parent, int (*call)(void *data, struct error *err),
                            void *data)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || (userns && unshare(CLONE_NEWUSER) < 0)) {
        send_report(sock, errno, NULL);
        _exit(1);
    }
    if (getppid() != parent)
        _exit(1);
    /* Whoever was not told waits for ever, and we for its answer. */
    if (send_report(sock, 0, NULL) < 0)
        _exit(1);
    char go;
    size_t nfds = 0;
    if (fd_recv(sock, &go, 1, NULL, &nfds) != 1)
        _exit(1);
    struct error err = ERROR_INIT;
    int r = call(data, &err);
    send_report(sock, r < 0 ? -r : 0, r < 0 ? &err : NULL);
    _exit(r < 0 ? 1 : 0);
}

/* Parent's half: waits for the namespace, writes the maps, lets the child go. */
static int launch(const struct idmap *map, int sock, pid_t pid, struct error *err)
{
    int code = 0;
    int r = receive_report(sock, &code, err);
    if (r < 0 || code)
        return r < 0 ? error_sys(err, -r, "make a user namespace to work in") : userns_explain(code, err);

    struct idmap_job job;
    if (map) {
        r = idmap_start(map, pid, &job, err);
        if (r == 0)
            r = idmap_finish(map, &job, err);
        if (r < 0)
            return r;
    }
    r = fd_send(sock, "g", 1, NULL, 0);
    return r < 0 ? error_sys(err, -r, "work in a user namespace: the process that does it is gone") : 0;
}

int userns_begin(const struct idmap *map, int (*call)(void *data, struct error *err), void *data,
                 struct userns_job *job, struct error *err)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_sys(err, errno, "make a socket pair");
    _cleanup_close_ int ours = pair[0], theirs = pair[1];
    pid_t parent = getpid();
    _cleanup_pid_ pid_t pid = fork();
    if (pid < 0)
        return error_sys(err, errno, "fork");
    if (pid == 0) {
        fd_close(&ours);
        child(theirs, map != NULL, parent, call, data);
    }
    fd_close(&theirs);
    int r = launch(map, ours, pid, err);
    if (r < 0)
        return r;
    *job = (struct userns_job){.pid = pid, .sock = TAKE_FD(ours)};
    pid = -1;
    return 0;
}

int userns_end(struct userns_job *job, struct error *err)
{
    int code = 0, status, r = receive_report(job->sock, &code, err);

    fd_close(&job->sock);
    if (r < 0) /* it cannot be trusted to end */
        process_kill_reap(&job->pid);
    else
        process_wait(job->pid, &status);
    job->pid = -1;
    if (r < 0)
        return error_sys(err, -r, "work in a user namespace: the process that does it is gone");
    return -code;
}

int userns_within(const struct idmap *map, int (*call)(void *data, struct error *err), void *data,
                  struct error *err)
{
    struct userns_job job;
    int r = userns_begin(map, call, data, &job, err);

    return r < 0 ? r : userns_end(&job, err);
}
