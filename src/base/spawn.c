/*
 * Starting helper programs cheaply, and gathering what they say.
 *
 * Theory of operation: the child shares our memory until it executes the program (clone with CLONE_VM and
 * CLONE_VFORK), so nothing is copied, and what fails in it is simply left in a struct that we read
 * afterwards. It runs on a stack of its own inside our frame, which stays where it is because we are
 * suspended meanwhile. Sharing memory forbids that a signal handler runs in the child: all signals are
 * blocked before, and their handlers taken away before the mask is opened. The child makes only system calls.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/str.h"
#include "base/syscalls.h"

#define OUTPUT_MAX  (64 * 1024)
#define STACK_SIZE  (32 * 1024)
#define PATH_FIXED  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define STDIN_NULL  (-3) /* open /dev/null */
#define EXIT_NOEXEC 127

/* For what the child runs: AddressSanitizer marks the borders of local arrays on the stack and clears the
 * marks when a function returns. The child's functions never do, so that their marks would stay where our own
 * frames lie next. */
#define IN_CHILD __attribute__((no_sanitize("address")))

/* What parent and child share. */
struct child {
    const struct spawn *spawn;
    char *const *env;
    const char *search;          /* PATH; NULL: the name has a slash */
    int from[3 + SPAWN_FDS_MAX]; /* where 0, 1, 2 … come from */
    pid_t parent;                /* us; 0: may outlive us */
    int failed;                  /* errno of what stopped the child */
    const char *doing;           /* the step that failed; NULL: execve */
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int process_place_fds(int *fds, size_t n, int *keep)
{
    /* Sources that lie where another descriptor goes are moved away first, so that none is overwritten before
     * it was used. */
    for (size_t i = 0; i < n; i++) {
        if (fds[i] >= 0 && (size_t)fds[i] < n && (size_t)fds[i] != i)
            fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, (int)n + 1);
        if (fds[i] < 0)
            return fds[i] == -1 ? -errno : -EBADF;
    }
    if (keep && *keep != (int)n) {
        /* What lies at @n may still be a source. */
        for (size_t i = 0; i < n; i++)
            if (fds[i] == (int)n && (fds[i] = fcntl((int)n, F_DUPFD_CLOEXEC, (int)n + 1)) < 0)
                return -errno;
        if (dup3(*keep, (int)n, O_CLOEXEC) < 0)
            return -errno;
        *keep = (int)n;
    }
    for (size_t i = 0; i < n; i++) {
        int r = (size_t)fds[i] == i ? fcntl(fds[i], F_SETFD, 0) : dup2(fds[i], (int)i);
        if (r < 0)
            return -errno;
    }
    return sys_close_range((unsigned)n + (keep != NULL), ~0U, 0) < 0 ? -errno : 0;
}

/* Runs in the child: tries each directory of the search path, as execvp(3) does, but no empty component (the
 * current directory) and no shell for files that are not executable formats. */
IN_CHILD static void exec_search(const struct child *c)
{
    const char *name = c->spawn->path;
    size_t name_len = strlen(name);
    int found = ENOENT;
    char path[PATH_MAX];

    for (const char *p = c->search; *p;) {
        size_t len = strcspn(p, ":");
        if (len > 0 && len + 1 + name_len < sizeof path) {
            memcpy(path, p, len);
            path[len] = '/';
            memcpy(path + len + 1, name, name_len + 1);
            execve(path, c->spawn->argv, c->env);
            if (errno == EACCES) {
                /* There is one that may not be run, and a later one may do; or the directory is closed to us,
                 * and there is none for us. */
                if (access(path, F_OK) == 0)
                    found = EACCES;
            } else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENAMETOOLONG) {
                return;
            }
        }
        p += len;
        p += *p == ':';
    }
    errno = found;
}

IN_CHILD static _Noreturn void stop(struct child *c, const char *doing)
{
    c->failed = errno;
    c->doing = doing;
    _exit(EXIT_NOEXEC);
}

/*
 * The child between clone and execve. It is the caller's user in the caller's namespaces, shares the parent's
 * memory and owns a copy of its descriptors.
 * Should: set signals, group, directory and descriptors, then execute.
 * Must not: allocate, lock, return, or touch memory of the parent other than *arg.
 */
IN_CHILD static int child_main(void *arg)
{
    struct child *c = arg;
    sigset_t none;

    for (int sig = 1; sig < _NSIG && !c->spawn->brief; sig++)
        (void)sys_signal_default(sig); /* fails for KILL and STOP: they need nothing */
    if (c->parent && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        stop(c, "set the signal of the parent's death");
    if (c->parent && getppid() != c->parent) /* it was killed before that */
        _exit(EXIT_NOEXEC);
    if (c->spawn->timeout_ms > 0 && setpgid(0, 0) < 0)
        stop(c, "setpgid");
    if (c->spawn->cwd_fd >= 0 && fchdir(c->spawn->cwd_fd) < 0)
        stop(c, "change directory");
    if (c->from[0] == STDIN_NULL) {
        c->from[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (c->from[0] < 0)
            stop(c, "open \"/dev/null\"");
    }
    int r = process_place_fds(c->from, 3 + c->spawn->n_fds, NULL);
    if (r < 0) {
        errno = -r;
        stop(c, "set up its descriptors");
    }
    if (!c->spawn->brief) {
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
    }
    if (c->search)
        exec_search(c);
    else
        execve(c->spawn->path, c->spawn->argv, c->env);
    stop(c, NULL);
}

/* Clones the child and waits until it has executed or given up. Returns its pid or -errno. */
static pid_t clone_child(struct child *c)
{
    char stack[STACK_SIZE] __attribute__((aligned(64)));
    sigset_t all, old;
    pid_t pid;
    int code;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    pid = clone(child_main, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, c);
    code = errno;
    sigprocmask(SIG_SETMASK, &old, NULL);
    return pid < 0 ? -code : pid;
}

/* Makes the pipe for the input and fills it as far as it goes: while we hold its other end, writing can
 * neither block nor raise SIGPIPE. Most inputs fit, and nothing is left to do for them. */
static int open_input(struct spawn *s, int *child_end)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    *child_end = fds[0];
    s->in_fd = fds[1];
    s->in_done = 0;
    int r = fd_set_nonblock(s->in_fd, 1);
    if (r < 0)
        return r;
    while (s->in_done < s->input_len) {
        ssize_t n = write(s->in_fd, s->input + s->in_done, s->input_len - s->in_done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0)
            return -errno;
        s->in_done += (size_t)n;
    }
    fd_close(&s->in_fd);
    return 0;
}

int spawn_start(struct spawn *s, struct error *err)
{
    _cleanup_close_ int in = -EBADF, out = -EBADF;
    struct child c = {.spawn = s, .env = s->env ? s->env : environ, .parent = s->die_with_us ? getpid() : 0};
    int fds[2];

    if (s->n_fds > SPAWN_FDS_MAX)
        return error_set(err, EINVAL, "run \"%s\": at most %d descriptors can be handed on", s->path,
                         SPAWN_FDS_MAX);
    if (!strchr(s->path, '/')) {
        c.search = getenv("PATH");
        if (str_empty(c.search))
            c.search = PATH_FIXED;
    }
    s->pid = -1;
    s->in_fd = s->out_fd = -EBADF;
    s->deadline = s->timeout_ms > 0 ? now_ms() + s->timeout_ms : 0;
    if (s->stdout_fd == -1 || s->stderr_fd == -1) {
        if (pipe2(fds, O_CLOEXEC) < 0)
            return error_sys(err, errno, "run \"%s\": make a pipe", s->path);
        s->out_fd = fds[0];
        out = fds[1];
    }
    int r = s->input ? open_input(s, &in) : 0;
    if (r < 0) {
        spawn_abort(s);
        return error_sys(err, -r, "run \"%s\": make a pipe for its input", s->path);
    }
    c.from[0] = s->input ? in : STDIN_NULL;
    c.from[1] = s->stdout_fd == -1 ? out : s->stdout_fd;
    c.from[2] = s->stderr_fd == -1 ? out : s->stderr_fd == -2 ? STDERR_FILENO : s->stderr_fd;
    for (size_t i = 0; i < s->n_fds; i++)
        c.from[3 + i] = s->fds[i];

    s->pid = clone_child(&c);
    if (s->pid < 0) {
        r = s->pid;
        spawn_abort(s);
        return error_sys(err, -r, "run \"%s\": clone", s->path);
    }
    if (!c.failed)
        return 0;
    spawn_abort(s);
    if (c.doing)
        return error_sys(err, c.failed, "run \"%s\": %s", s->path, c.doing);
    if (c.search && c.failed == ENOENT)
        return error_set(err, ENOENT, "run \"%s\": executable file not found in $PATH (%s)", s->path,
                         c.search);
    return error_sys(err, c.failed, "run \"%s\"", s->path);
}

void spawn_abort(struct spawn *s)
{
    if (s->pid > 0 && s->timeout_ms > 0) {
        int saved = errno;
        (void)kill(-s->pid, SIGKILL);
        errno = saved;
    }
    process_kill_reap(&s->pid);
    fd_close(&s->in_fd);
    fd_close(&s->out_fd);
}

/* Writes more of the input; closes it when all is written or nobody reads it (a program need not). SIGPIPE is
 * blocked for the write and taken back if it came of it. */
static void feed(struct spawn *s)
{
    const struct timespec at_once = {0, 0};
    sigset_t pipe_only, old, pending;

    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    sigprocmask(SIG_BLOCK, &pipe_only, &old);
    ssize_t n = write(s->in_fd, s->input + s->in_done, s->input_len - s->in_done);
    int code = n < 0 ? errno : 0;
    if (code == EPIPE && !sigismember(&pending, SIGPIPE))
        while (sigtimedwait(&pipe_only, NULL, &at_once) < 0 && errno == EINTR)
            ;
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (n > 0)
        s->in_done += (size_t)n;
    if (s->in_done == s->input_len || (code && code != EAGAIN && code != EINTR))
        fd_close(&s->in_fd);
}

/* Reads once from the output; what is above the limit is read too, so that the program does not block, and
 * dropped. */
static void gather(struct spawn *s, struct strbuf *text)
{
    char buf[4096];
    ssize_t n = read(s->out_fd, buf, sizeof buf);

    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        fd_close(&s->out_fd);
    if (n <= 0)
        return;
    size_t room = OUTPUT_MAX - text->len;
    strbuf_addn(text, buf, (size_t)n < room ? (size_t)n : room);
}

/* Serves the pipes until the program ends. Returns 0, -ETIMEDOUT or what poll met. */
static int serve(struct spawn *s, int pidfd, struct strbuf *text)
{
    for (;;) {
        struct pollfd p[3] = {{.fd = pidfd, .events = POLLIN},
                              {.fd = s->out_fd, .events = POLLIN},
                              {.fd = s->in_fd, .events = POLLOUT}};
        int wait = -1;
        if (s->deadline) {
            int64_t left = s->deadline - now_ms();
            wait = left < 0 ? 0 : (int)left;
        }
        int r = poll(p, 3, wait);
        if (r < 0 && errno != EINTR)
            return -errno;
        if (r < 0)
            continue;
        if (r == 0)
            return -ETIMEDOUT;
        if (p[1].revents)
            gather(s, text);
        if (p[2].revents)
            feed(s);
        if (p[0].revents && !p[1].revents)
            return 0;
        /* Output that came with the end is read first; a background process that goes on writing is not ours
         * to listen to, so the pipe must be empty once only. */
        if (p[0].revents && text->len >= OUTPUT_MAX)
            return 0;
    }
}

int spawn_finish(struct spawn *s, int *status, char **output, struct error *err)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    _cleanup_close_ int pidfd = -EBADF;
    int r = 0, ended = 0;

    if (output)
        *output = NULL;
    if (s->pid <= 0)
        return error_set(err, ESRCH, "run \"%s\": it was not started", s->path);
    if (s->out_fd >= 0 || s->in_fd >= 0 || s->deadline) {
        pidfd = sys_pidfd_open(s->pid, 0);
        r = pidfd < 0 ? -errno : serve(s, pidfd, &text);
    }
    if (r < 0) {
        spawn_abort(s);
        if (r == -ETIMEDOUT)
            error_set(err, ETIMEDOUT, "run \"%s\": it did not end within %g s and was killed", s->path,
                      s->timeout_ms / 1000.0);
        else
            error_sys(err, -r, "run \"%s\": wait for it", s->path);
    } else {
        r = process_wait(s->pid, &ended);
        if (r < 0)
            error_sys(err, -r, "run \"%s\": wait for it", s->path);
        s->pid = -1;
    }
    fd_close(&s->in_fd);
    fd_close(&s->out_fd);
    if (status)
        *status = ended;
    if (output) {
        *output = strbuf_take(&text);
        if (!*output && r == 0)
            return error_oom(err);
    }
    return r;
}
