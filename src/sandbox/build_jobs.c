/*
 * Stages as processes: started when those that they need are done, listened to, ended together.
 *
 * Each has a socket for events (one message each) and, where commands' output is to come line by line, a pipe
 * for that. Signals that would end bryo are passed on to them: a container ends with its command, what is
 * half done is removed, and then bryo ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "sandbox/build_internal.h"
#include "store/worker.h"
#include "userns/within.h"

#define TEXT_MAX       2000
#define LINE_MAX_SHOWN 4000

/* An event on its way. */
struct wire {
    enum build_event_kind kind;
    unsigned number; /* of the step; 0: none */
    uint64_t ms;
    char text[TEXT_MAX];
};

/* The parent's side of one job. */
struct child {
    struct build_job job;
    struct userns_job proc;
    bool running;
    int hear, lines;
    struct strbuf line; /* what came of one so far */
};

uint64_t build_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void build_tell(const struct build_job *job, enum build_event_kind kind, const struct build_layer *layer,
                const char *text, uint64_t ms)
{
    struct wire w = {.kind = kind, .number = layer ? layer->number : 0, .ms = ms};
    size_t n = text ? strnlen(text, TEXT_MAX - 1) : 0;
    while (n > 0 && n == TEXT_MAX - 1 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    memcpy(w.text, text ? text : "", n);
    (void)fd_send(job->hear, &w, offsetof(struct wire, text) + n + 1, NULL, 0);
}

static void hear(const struct build *b, size_t stage, enum build_event_kind kind, unsigned number,
                 const char *text, uint64_t ms)
{
    const struct build_event event = {.kind = kind,
                                      .stage = b->gunfile.n_stages > 1 ? b->stages[stage].label : NULL,
                                      .number = number,
                                      .total = b->n_steps,
                                      .text = text,
                                      .ms = ms};
    if (b->listener)
        b->listener->hear(b->listener->data, &event);
}

/* In the workshop: what the call needs around it. Runs as: see struct build_job. */
static int work(void *data, struct error *err)
{
    struct build_job *job = data;
    if (unshare(CLONE_NEWNS) < 0)
        return error_sys(err, errno, "make a mount namespace");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return error_sys(err, errno, "make the mounts private");
    /* The same directory, but on the mounts of this namespace: between two mounts nothing is renamed. The
     * lock is held by the parent. */
    _cleanup_close_ int cache = open(job->b->cache.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cache < 0 || dup3(cache, job->b->cache.fd, O_CLOEXEC) < 0 || fchdir(cache) < 0)
        return error_sys(err, errno, "enter \"%s\"", job->b->cache.path);
    int r = idmap_default(&job->map, NULL, err);
    return r == 0 ? job->call(job, err) : r;
}

/* Standard descriptors of a job, set in the parent for the moment of the fork: simpler than in the child,
 * which may not fail there without a word. */
static int start(struct child *c, bool lines, struct error *err)
{
    int pair[2], pipe_fds[2] = {-EBADF, -EBADF};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_sys(err, errno, "make a socket pair");
    c->hear = pair[0];
    _cleanup_close_ int theirs = pair[1];
    if (lines && pipe2(pipe_fds, O_CLOEXEC) < 0)
        return error_sys(err, errno, "make a pipe");
    c->lines = pipe_fds[0];
    _cleanup_close_ int out = pipe_fds[1];
    _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
    _cleanup_close_ int in0 = fcntl(0, F_DUPFD_CLOEXEC, 3), out1 = fcntl(1, F_DUPFD_CLOEXEC, 3),
                        err2 = fcntl(2, F_DUPFD_CLOEXEC, 3);
    if (null < 0 || out1 < 0 || err2 < 0)
        return error_sys(err, errno, "set up the standard descriptors");
    c->job.hear = theirs;
    c->job.terminal = in0 >= 0 && !lines && isatty(in0) && isatty(err2) ? in0 : -EBADF;
    int to = lines ? out : err2;
    int r = dup2(null, 0) < 0 || dup2(to, 1) < 0 || dup2(to, 2) < 0
                ? error_sys(err, errno, "set up the standard descriptors")
                : 0;
    if (r == 0)
        r = userns_begin(geteuid() == 0 ? NULL : &c->job.b->map, work, &c->job, &c->proc, err);
    if (in0 >= 0)
        dup2(in0, 0);
    dup2(out1, 1);
    dup2(err2, 2);
    c->running = r == 0;
    return r;
}

/* Control bytes of a command's output are not for the caller's terminal, once it comes line by line. */
static void tell_line(struct child *c, const char *text, size_t n)
{
    _cleanup_free_ char *line = strndup(text, n);
    for (unsigned char *p = (unsigned char *)line; p && *p; p++)
        if ((*p < 0x20 && *p != '\t') || *p == 0x7f)
            *p = '?';
    if (line)
        hear(c->job.b, c->job.stage, BUILD_OUTPUT, 0, line, 0);
}

static bool read_lines(struct child *c)
{
    char buf[16384];
    ssize_t got = read(c->lines, buf, sizeof buf), n = got;
    if (n < 0 && errno == EINTR)
        return true;
    for (const char *at = buf; n > 0;) {
        const char *newline = memchr(at, '\n', (size_t)n);
        size_t len = newline ? (size_t)(newline - at) : (size_t)n;
        strbuf_addn(&c->line, at, len);
        if (newline || c->line.len > LINE_MAX_SHOWN) {
            size_t end = c->line.len;
            const char *text = c->line.data ? c->line.data : "";
            while (end > 0 && text[end - 1] == '\r')
                end--;
            tell_line(c, text, end);
            strbuf_free(&c->line);
            c->line = (struct strbuf){0};
        }
        at += len + (newline ? 1 : 0);
        n -= (ssize_t)(len + (newline ? 1 : 0));
    }
    if (got == 0 && c->line.len)
        tell_line(c, c->line.data, c->line.len);
    return got > 0;
}

static bool read_event(struct child *c)
{
    struct wire w;
    size_t nfds = 0;
    ssize_t n = fd_recv(c->hear, &w, sizeof w, NULL, &nfds);
    if (n < (ssize_t)offsetof(struct wire, text) + 1)
        return false;
    w.text[n - (ssize_t)offsetof(struct wire, text) - 1] = '\0';
    hear(c->job.b, c->job.stage, w.kind, w.number, w.text, w.ms);
    return true;
}

static void child_free(struct child *c)
{
    fd_close(&c->hear);
    fd_close(&c->lines);
    strbuf_free(&c->line);
}

struct jobs {
    struct child *list; /* by stage */
    size_t n;
    uint64_t todo, done, running;
    size_t n_running, max;
    int signals;
    bool ending;
};

static void end_all(struct jobs *j)
{
    j->ending = true;
    for (size_t i = 0; i < j->n; i++)
        if (j->list[i].running)
            kill(j->list[i].proc.pid, SIGTERM);
}

/* Starts what can be started. */
static int start_ready(struct jobs *j, const struct build *b, bool lines, struct error *err)
{
    for (size_t i = 0; i < j->n && j->n_running < j->max && !j->ending; i++) {
        uint64_t bit = UINT64_C(1) << i;
        if (!(j->todo & bit) || (b->stages[i].needs & (j->todo | j->running)))
            continue;
        int r = start(&j->list[i], lines, err);
        if (r < 0)
            return r;
        j->todo &= ~bit;
        j->running |= bit;
        j->n_running++;
    }
    return 0;
}

/* Waits for something to happen. @which gets the job that came to its end, or -1. */
static int attend(struct jobs *j, ssize_t *which, struct error *err)
{
    struct pollfd fds[2 * GUNFILE_STAGES_MAX + 1];
    size_t of[2 * GUNFILE_STAGES_MAX + 1], n = 0;
    *which = -1;
    fds[n++] = (struct pollfd){.fd = j->signals, .events = POLLIN};
    for (size_t i = 0; i < j->n; i++) {
        if (!j->list[i].running)
            continue;
        of[n] = i;
        fds[n++] = (struct pollfd){.fd = j->list[i].lines, .events = POLLIN};
        of[n] = i;
        fds[n++] = (struct pollfd){.fd = j->list[i].hear, .events = POLLIN};
    }
    if (poll(fds, (nfds_t)n, -1) < 0)
        return errno == EINTR ? 0 : error_sys(err, errno, "wait for the stages");
    if (fds[0].revents && !j->ending) {
        end_all(j);
        fd_close(&j->signals); /* it stays pending */
    }
    for (size_t k = 1; k < n; k += 2) {
        struct child *c = &j->list[of[k]];
        if (fds[k].revents && !read_lines(c))
            fd_close(&c->lines);
        if (fds[k + 1].revents && !read_event(c) && *which < 0)
            *which = (ssize_t)of[k];
    }
    return 0;
}

/* The last words: what is still in the pipe. */
static int finish(struct jobs *j, size_t i, struct error *err)
{
    struct child *c = &j->list[i];
    int r = userns_end(&c->proc, err);
    while (c->lines >= 0) {
        struct pollfd p = {.fd = c->lines, .events = POLLIN};
        if (poll(&p, 1, 0) <= 0 || !read_lines(c))
            fd_close(&c->lines);
    }
    c->running = false;
    j->running &= ~(UINT64_C(1) << i);
    j->n_running--;
    return r;
}

static int run_all(struct jobs *j, const struct build *b, bool lines, struct error *err)
{
    int r = 0;
    while (j->todo || j->running) {
        _cleanup_error_ struct error one = ERROR_INIT;
        ssize_t ended;
        int k = start_ready(j, b, lines, &one);
        if (k == 0 && j->running)
            k = attend(j, &ended, &one);
        if (k == 0 && j->running && ended >= 0)
            k = finish(j, (size_t)ended, &one);
        if (k < 0 && r == 0) {
            error_move(err, &one);
            r = k;
        }
        if (k < 0 && !j->ending)
            end_all(j);
        if (j->ending && !j->running)
            break;
    }
    return r;
}

int build_jobs(struct build *b, uint64_t stages, int (*call)(struct build_job *job, struct error *err),
               struct error *err)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    struct jobs j = {
        .n = b->gunfile.n_stages, .todo = stages, .max = cpus > 1 ? (size_t)cpus : 1, .signals = -EBADF};
    bool lines = (b->listener && b->listener->lines) || (stages & (stages - 1));
    j.list = calloc(j.n, sizeof *j.list);
    if (!j.list)
        return error_oom(err);
    for (size_t i = 0; i < j.n; i++)
        j.list[i] =
            (struct child){.job = {.b = b, .stage = i, .call = call, .hear = -EBADF, .terminal = -EBADF},
                           .hear = -EBADF,
                           .lines = -EBADF};
    sigset_t old, ending;
    worker_block_signals(&old);
    sigprocmask(SIG_BLOCK, NULL, &ending);
    /* Only those: others that the caller has blocked are no business of ours. */
    for (int sig = 1; sig < _NSIG; sig++)
        if (sig != SIGINT && sig != SIGTERM && sig != SIGHUP && sig != SIGQUIT)
            sigdelset(&ending, sig);
    j.signals = signalfd(-1, &ending, SFD_CLOEXEC);
    int r = j.signals < 0 ? error_sys(err, errno, "make a signalfd") : run_all(&j, b, lines, err);
    if (worker_signal_pending())
        r = error_set(err, EINTR, "interrupted");
    fd_close(&j.signals);
    for (size_t i = 0; i < j.n; i++)
        child_free(&j.list[i]);
    free(j.list);
    worker_unblock_signals(&old);
    return r;
}
