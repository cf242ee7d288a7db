#include "userns/within.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/process.h"

/* What the child says, on a SOCK_SEQPACKET pair: READY once it has its namespace, then the outcome. */
struct report {
    int code; /* 0 or a positive errno */
    char text[2048];
};

/* Returns 0 or -errno. */
static int send_report(int sock, int code, const char *text)
{
    struct report report = {.code = code};
    size_t len = text ? strnlen(text, sizeof report.text - 1) : 0;
    memcpy(report.text, text ? text : "", len);
    ssize_t n = fd_send(sock, &report, offsetof(struct report, text) + len + 1, NULL, 0);
    return n < 0 ? (int)n : 0;
}

/* Receives one report; *code gets what it says and @err its text. A peer that died is -EPIPE. */
static int receive_report(int sock, int *code, struct error *err)
{
    struct report report;
    size_t nfds = 0;
    ssize_t n = fd_recv(sock, &report, sizeof report, NULL, &nfds);
    if (n < (ssize_t)offsetof(struct report, text) + 1)
        return n < 0 ? (int)n : -EPIPE;
    report.text[n - (ssize_t)offsetof(struct report, text) - 1] = '\0';
    *code = report.code;
    if (report.code && report.text[0])
        error_set(err, report.code, "%s", report.text);
    return 0;
}

/* Runs as: the caller's ids; after unshare with every capability in a user namespace of its own, in the
 * host's other namespaces. Should: make the one call. Mustn't: return into the parent's code. */
_Noreturn static void child(int sock, int (*call)(void *data, struct error *err), void *data)
{
    if (unshare(CLONE_NEWUSER) < 0) {
        send_report(sock, errno, NULL);
        _exit(1);
    }
    /* Whoever was not told waits for ever, and we for its answer. */
    if (send_report(sock, 0, NULL) < 0)
        _exit(1);
    char go;
    size_t nfds = 0;
    if (fd_recv(sock, &go, 1, NULL, &nfds) != 1)
        _exit(1);
    struct error err = ERROR_INIT;
    int r = call(data, &err);
    send_report(sock, r < 0 ? -r : 0, r < 0 ? error_text(&err) : NULL);
    _exit(r < 0 ? 1 : 0);
}

/* Parent's half: waits for the namespace, writes the maps, lets the child go, hears how it went. @made: the
 * namespace came about, so that a failure is one of removing. */
static int supervise(const struct idmap *map, int sock, pid_t pid, bool *made, struct error *err)
{
    int code = 0;
    int r = receive_report(sock, &code, err);
    if (r < 0 || code)
        return r < 0 ? error_sys(err, -r, "make a user namespace to work in") : userns_explain(code, err);

    struct idmap_job job;
    r = idmap_start(map, pid, &job, err);
    if (r < 0)
        return r;
    r = idmap_finish(map, &job, err);
    if (r < 0)
        return r;
    *made = true;

    r = fd_send(sock, "g", 1, NULL, 0);
    if (r == 0)
        r = receive_report(sock, &code, err);
    if (r < 0)
        return error_sys(err, -r, "work in a user namespace: the process that does it is gone");
    return -code;
}

int userns_within(const struct idmap *map, int (*call)(void *data, struct error *err), void *data,
                  struct error *err)
{
    bool made = false;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_sys(err, errno, "make a socket pair");
    _cleanup_close_ int ours = pair[0], theirs = pair[1];
    _cleanup_pid_ pid_t pid = fork();
    if (pid < 0)
        return error_sys(err, errno, "fork");
    if (pid == 0) {
        fd_close(&ours);
        child(theirs, call, data);
    }
    fd_close(&theirs);
    int r = supervise(map, ours, pid, &made, err);
    if (made) { /* it is at its end: reaped, not killed */
        int status;
        process_wait(pid, &status);
        pid = -1;
    }
    return r;
}
