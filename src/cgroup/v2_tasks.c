/*
 * The processes of a cgroup2 directory and of those below it: listing, stopping, killing.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "cgroup/v2_internal.h"
#include "cgroup/v2_walk.h"

#define WAIT_MS 10000
#define LOOK_MS 200 /* the kernel tells of a change; looking all the same costs next to nothing */

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until cgroup.events says @value for @key. Returns 0, -ETIMEDOUT without a text, or an error. */
static int wait_for_event(int dirfd, const char *shown, const char *key, uint64_t value, struct error *err)
{
    _cleanup_close_ int fd = openat(dirfd, "cgroup.events", O_RDONLY | O_CLOEXEC);
    struct pollfd p = {.fd = fd, .events = POLLPRI};
    int64_t end = now_ms() + WAIT_MS;
    char text[256];

    if (fd < 0)
        return error_sys(err, errno, "open \"%s/cgroup.events\"", shown);
    for (;;) {
        uint64_t found;
        ssize_t n = pread(fd, text, sizeof text - 1, 0);
        if (n < 0)
            return error_sys(err, errno, "read \"%s/cgroup.events\"", shown);
        text[n] = '\0';
        if (v2_key(text, key, &found) == 0 && found == value)
            return 0;
        if (now_ms() >= end)
            return -ETIMEDOUT;
        if (poll(&p, 1, LOOK_MS) < 0 && errno != EINTR)
            return error_sys(err, errno, "wait for \"%s/cgroup.events\"", shown);
    }
}

int v2_freeze(int dirfd, const char *shown, bool frozen, struct error *err)
{
    int r = v2_write(dirfd, shown, "cgroup.freeze", frozen ? "1" : "0", err);

    if (r < 0)
        return r;
    r = wait_for_event(dirfd, shown, "frozen", frozen, err);
    if (r < 0 && frozen) /* as it was: half of it would stand still otherwise */
        (void)v2_write(dirfd, shown, "cgroup.freeze", "0", NULL);
    if (r != -ETIMEDOUT)
        return r;
    error_set(err, ETIMEDOUT, "the processes of \"%s\" did not %s within %d s", shown,
              frozen ? "stop" : "go on", WAIT_MS / 1000);
    error_hint(err, frozen ? "one of them hangs in the kernel, for example on a dead network file system"
                           : "a cgroup above it is frozen");
    return -ETIMEDOUT;
}

int v2_is_frozen(int dirfd)
{
    _cleanup_free_ char *text = NULL;

    /* What was asked for: cgroup.events is 0 again for a moment when exec puts a process into it. */
    return v2_read(dirfd, "", "cgroup.freeze", &text, NULL) == 0 && text[0] == '1';
}

struct listing {
    const char *shown;
    int (*each)(void *data, pid_t pid);
    void *data;
    struct error *err;
};

static int list_one(void *data, int dirfd)
{
    const struct listing *l = data;
    _cleanup_free_ char *text = NULL;
    char *save = NULL;
    /* A threaded cgroup shows its processes in the one above it, and refuses to be read. */
    struct error why = ERROR_INIT;
    int r = v2_read(dirfd, l->shown, "cgroup.procs", &text, &why);

    if (r == -EOPNOTSUPP || r == -ENOENT || r == -ENODEV) {
        error_clear(&why);
        return 0;
    }
    if (r < 0) {
        error_move(l->err, &why);
        error_clear(&why);
        return r;
    }
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        uint32_t pid;
        /* 0 is one that our pid namespace does not have. */
        if (parse_u32(line, &pid) < 0 || !pid)
            continue;
        r = l->each(l->data, (pid_t)pid);
        if (r != 0)
            return r;
    }
    return 0;
}

int v2_processes(int dirfd, const char *shown, int (*each)(void *data, pid_t pid), void *data,
                 struct error *err)
{
    struct listing l = {.shown = shown, .each = each, .data = data, .err = err};
    const struct v2_visitor visitor = {.enter = list_one, .data = &l};
    int r = v2_walk(dirfd, &visitor);

    return r < 0 && err && !err->text ? error_sys(err, -r, "list the processes of \"%s\"", shown) : r;
}

int v2_add_process(int dirfd, const char *shown, pid_t pid, struct error *err)
{
    char number[16];

    snprintf(number, sizeof number, "%d", (int)pid);
    return v2_write(dirfd, shown, "cgroup.procs", number, err);
}

struct signalling {
    const char *path; /* of the cgroup, as /proc/PID/cgroup has it */
    int sig;
    pid_t denied; /* one that is not the caller's to signal */
};

/* Between the list and the signal the pid may become another's. So the process is opened first, and then seen
 * to be in the cgroup. */
static int signal_one(void *data, pid_t pid)
{
    struct signalling *s = data;
    _cleanup_close_ int pidfd = sys_pidfd_open(pid, 0);
    _cleanup_free_ char *path = NULL;
    size_t len = strlen(s->path);

    if (pidfd < 0)
        return errno == ESRCH ? 0 : -errno;
    if (v2_of_process(pid, &path, NULL) < 0 || strncmp(path, s->path, len) != 0 ||
        (path[len] && path[len] != '/'))
        return 0;
    /* One that ended meanwhile, or that only its own user may signal, does not keep the rest from it. */
    if (sys_pidfd_send_signal(pidfd, s->sig, NULL, 0) < 0 && errno == EPERM)
        s->denied = pid;
    return 0;
}

static int signal_each(int dirfd, const char *shown, int sig, struct error *err)
{
    struct signalling s = {.path = shown + strlen(CGROUP_ROOT), .sig = sig};

    int r = v2_processes(dirfd, shown, signal_one, &s, err);
    return r == 0 && s.denied ? error_sys(err, EPERM, "send a signal to process %d", (int)s.denied) : r;
}

/* For kernels before 5.14, which have no cgroup.kill: what is frozen makes no new processes. */
static int freeze_and_kill(int dirfd, const char *shown, struct error *err)
{
    bool was_frozen = v2_is_frozen(dirfd);

    /* If one hangs the others are to go all the same. SIGKILL reaches what is frozen. */
    if (!was_frozen)
        (void)v2_freeze(dirfd, shown, true, NULL);
    int r = signal_each(dirfd, shown, SIGKILL, err);
    if (!was_frozen)
        (void)v2_write(dirfd, shown, "cgroup.freeze", "0", NULL);
    return r;
}

int v2_kill(int dirfd, const char *shown, int sig, struct error *err)
{
    if (sig != SIGKILL)
        return signal_each(dirfd, shown, sig, err);
    if (faccessat(dirfd, "cgroup.kill", F_OK, 0) == 0)
        return v2_write(dirfd, shown, "cgroup.kill", "1", err);
    return freeze_and_kill(dirfd, shown, err);
}

int v2_kill_and_wait(int dirfd, const char *shown, struct error *err)
{
    int r = v2_kill(dirfd, shown, SIGKILL, err);

    if (r == 0)
        r = wait_for_event(dirfd, shown, "populated", 0, err);
    if (r != -ETIMEDOUT)
        return r == -ENOENT || r == -ENODEV ? 0 : r;
    error_set(err, ETIMEDOUT, "the processes of \"%s\" did not end within %d s of SIGKILL", shown,
              WAIT_MS / 1000);
    error_hint(err, "one of them hangs in the kernel, for example on a dead network file system");
    return -ETIMEDOUT;
}
