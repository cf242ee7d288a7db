/*
 * The processes of a container in cgroup v1: listing, stopping, killing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "cgroup/v1.h"
#include "cgroup/v2_walk.h"

#define PROCS_MAX (8U << 20)

#define NS_PER_MS         INT64_C(1000000)
#define FREEZE_MS         10000
#define FREEZE_TO_KILL_MS 1000
#define END_MS            10000

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / NS_PER_MS;
}

/* Longer from time to time: *ns, at most 10 ms. */
static void pause_for(int64_t *ns)
{
    const struct timespec t = {.tv_nsec = (long)*ns};

    nanosleep(&t, NULL);
    *ns = *ns < 5 * NS_PER_MS ? *ns * 2 : 10 * NS_PER_MS;
}

struct listing {
    const char *dir;
    int (*each)(void *data, pid_t pid);
    void *data;
    struct error *err;
};

static int list_one(void *data, int dirfd)
{
    const struct listing *l = data;
    _cleanup_close_ int fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_free_ char *text = NULL;
    char *save = NULL;
    int r = fd < 0 ? -errno : fd_read_to_end(fd, PROCS_MAX, &text, NULL);

    if (r < 0) /* a cgroup below that was removed meanwhile has none */
        return r == -ENOENT || r == -ENODEV
                   ? 0
                   : error_sys(l->err, -r, "list the processes of the cgroup \"%s\"", l->dir);
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

/* The main hierarchy, or when its directory is gone, or was not made yet, the first that has one. */
static int open_listed(const struct v1_tree *tree, const struct v1_hierarchy **listed, struct error *err)
{
    int fd = v1_open(*listed = v1_main(tree), err);

    for (size_t i = 0; fd == -ENOENT && i < tree->count; i++)
        if ((fd = v1_open(&tree->items[i], NULL)) >= 0) {
            *listed = &tree->items[i];
            error_clear(err);
        }
    return fd;
}

int v1_processes(const struct v1_tree *tree, int (*each)(void *data, pid_t pid), void *data,
                 struct error *err)
{
    const struct v1_hierarchy *h;
    _cleanup_close_ int fd = open_listed(tree, &h, err);

    if (fd < 0)
        return fd;
    struct listing l = {.dir = h->dir, .each = each, .data = data, .err = err};
    const struct v2_visitor visitor = {.enter = list_one, .data = &l};
    int r = v2_walk(fd, &visitor);
    return r < 0 && err && !err->text ? error_sys(err, -r, "list the processes of the cgroup \"%s\"", h->dir)
                                      : r;
}

/* --- the freezer --- */

enum { THAWED, FREEZING, FROZEN };

static int read_state(const struct v1_hierarchy *h, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    int r = v1_read(h->dir, "freezer.state", &text, err);

    if (r < 0)
        return r;
    return str_starts(text, "THAWED") ? THAWED : str_starts(text, "FROZEN") ? FROZEN : FREEZING;
}

static int no_freezer(struct error *err)
{
    error_set(err, EOPNOTSUPP, "it is in no cgroup with the controller \"freezer\"");
    error_hint(err,
               "mount that hierarchy before the container is created: mount -t cgroup -o freezer freezer "
               "/sys/fs/cgroup/freezer");
    return -EOPNOTSUPP;
}

/* A task that is cloned or moved in just then can leave the cgroup at FREEZING for ever: to thaw it and to
 * write anew helps. */
static int freeze_hierarchy(const struct v1_hierarchy *h, int64_t limit_ms, struct error *err)
{
    enum { AGAIN_MS = 100 };
    int64_t start = now_ms(), written = start, wait = NS_PER_MS / 20;
    int r = v1_write(h->dir, "freezer.state", "FROZEN", err);

    while (r == 0) {
        r = read_state(h, err);
        if (r == FROZEN)
            return 0;
        if (r < 0)
            break;
        if (now_ms() - start >= limit_ms)
            break;
        pause_for(&wait);
        r = 0;
        if (now_ms() - written >= AGAIN_MS) {
            (void)v1_write(h->dir, "freezer.state", "THAWED", NULL);
            pause_for(&wait);
            wait = NS_PER_MS / 20;
            written = now_ms();
            r = v1_write(h->dir, "freezer.state", "FROZEN", err);
        }
    }
    /* As it was: half of it would stand still otherwise. */
    (void)v1_write(h->dir, "freezer.state", "THAWED", NULL);
    if (r < 0)
        return r;
    error_set(err, ETIMEDOUT, "the processes of \"%s\" did not stop within %d s", h->dir,
              (int)(limit_ms / 1000));
    error_hint(err, "one of them hangs in the kernel, for example on a dead network file system");
    return -ETIMEDOUT;
}

static int thaw_hierarchy(const struct v1_hierarchy *h, struct error *err)
{
    int r = v1_write(h->dir, "freezer.state", "THAWED", err);

    if (r == 0)
        r = read_state(h, err);
    if (r <= 0)
        return r;
    error_set(err, EBUSY, "the processes of \"%s\" do not go on", h->dir);
    error_hint(err, "a cgroup above it is frozen: see freezer.parent_freezing");
    return -EBUSY;
}

int v1_freeze(const struct v1_tree *tree, bool frozen, struct error *err)
{
    const struct v1_hierarchy *h = v1_with(tree, V1_FREEZER);

    if (!h)
        return no_freezer(err);
    return frozen ? freeze_hierarchy(h, FREEZE_MS, err) : thaw_hierarchy(h, err);
}

int v1_is_frozen(const struct v1_tree *tree)
{
    const struct v1_hierarchy *h = v1_with(tree, V1_FREEZER);
    _cleanup_free_ char *text = NULL;

    /* What was asked for: freezer.state says FREEZING for a moment when exec puts a process into it. */
    return h && v1_read(h->dir, "freezer.self_freezing", &text, NULL) == 0 && text[0] == '1';
}

/* --- signals --- */

struct pids {
    pid_t *items; /* owned */
    size_t count, room;
};

static int add_pid(void *data, pid_t pid)
{
    struct pids *p = data;

    if (p->count == p->room) {
        size_t room = p->room ? 2 * p->room : 64;
        pid_t *grown = reallocarray(p->items, room, sizeof *grown);
        if (!grown)
            return -ENOMEM;
        p->items = grown;
        p->room = room;
    }
    p->items[p->count++] = pid;
    return 0;
}

static void pids_free(struct pids *p)
{
    free(p->items);
}
#define _cleanup_pids_ __attribute__((cleanup(pids_free)))

static int compare_pids(const void *a, const void *b)
{
    return (*(const pid_t *)a > *(const pid_t *)b) - (*(const pid_t *)a < *(const pid_t *)b);
}

static int list_pids(const struct v1_tree *tree, struct pids *p, struct error *err)
{
    int r = v1_processes(tree, add_pid, p, err);

    if (r == 0 && p->count)
        qsort(p->items, p->count, sizeof *p->items, compare_pids);
    return r;
}

/* How many processes are opened at a time. */
#define BATCH 64

/* Between the list and the signal a pid may become another's. So processes are opened first and listed again:
 * whoever still has the pid then and is open is in the cgroup, or is dead and minds no signal. */
static int signal_batch(const struct v1_tree *tree, const pid_t *pids, size_t count, int sig,
                        struct error *err)
{
    _cleanup_pids_ struct pids now = {0};
    int fds[BATCH], denied = 0, failed = 0;

    for (size_t i = 0; i < count; i++) {
        fds[i] = sys_pidfd_open(pids[i], 0);
        if (fds[i] < 0 && errno != ESRCH && errno != EINVAL) /* it is gone, or another's thread */
            failed = errno;
    }
    int r = list_pids(tree, &now, err);
    for (size_t i = 0; i < count; i++) {
        if (fds[i] < 0)
            continue;
        /* One that ended meanwhile, or is not the caller's to signal, does not keep the rest from it. */
        if (r == 0 && now.count && bsearch(&pids[i], now.items, now.count, sizeof *pids, compare_pids) &&
            sys_pidfd_send_signal(fds[i], sig, NULL, 0) < 0 && errno == EPERM)
            denied = pids[i];
        fd_close(&fds[i]);
    }
    if (r == 0 && failed)
        return error_sys(err, failed, "open the processes of the cgroup");
    return r == 0 && denied ? error_sys(err, EPERM, "send a signal to process %d", denied) : r;
}

/* *count (may be NULL): how many there were. */
static int signal_each(const struct v1_tree *tree, int sig, size_t *count, struct error *err)
{
    _cleanup_pids_ struct pids p = {0};
    int r = list_pids(tree, &p, err);

    for (size_t i = 0; r == 0 && i < p.count; i += BATCH)
        r = signal_batch(tree, p.items + i, p.count - i < BATCH ? p.count - i : BATCH, sig, err);
    if (count)
        *count = p.count;
    return r;
}

static int thaw_one(void *data, int dirfd)
{
    int *first = data, r = file_write_at(dirfd, "freezer.state", "THAWED", strlen("THAWED"), NULL);

    if (*first == 0 && r != -ENOENT && r != -ENODEV) /* it is gone */
        *first = r;
    return 0;
}

/* Whoever is stopped by a freezer does not die. The container may have freezers of its own below. */
static int thaw_all(const struct v1_hierarchy *h, struct error *err)
{
    int first = 0;
    const struct v2_visitor visitor = {.enter = thaw_one, .data = &first};
    _cleanup_close_ int fd = v1_open(h, err);

    if (fd < 0)
        return fd;
    int r = v2_walk(fd, &visitor);
    if (r == 0)
        r = first;
    return r < 0 ? error_sys(err, -r, "let the processes of \"%s\" die, which are stopped", h->dir) : 0;
}

/* What is frozen makes no new processes. If it can't be frozen, the others are to go all the same. */
static int kill_round(const struct v1_tree *tree, size_t *count, struct error *err)
{
    const struct v1_hierarchy *freezer = v1_with(tree, V1_FREEZER);

    if (freezer && !v1_is_frozen(tree))
        (void)freeze_hierarchy(freezer, FREEZE_TO_KILL_MS, NULL);
    int r = signal_each(tree, SIGKILL, count, err);
    int thawed = freezer ? thaw_all(freezer, r < 0 ? NULL : err) : 0;
    return r < 0 ? r : thawed;
}

int v1_kill(const struct v1_tree *tree, int sig, struct error *err)
{
    if (sig != SIGKILL)
        return signal_each(tree, sig, NULL, err);
    if (v1_with(tree, V1_FREEZER))
        return kill_round(tree, NULL, err);
    return v1_kill_and_wait(tree, err); /* only the end tells that nobody was left out */
}

int v1_kill_and_wait(const struct v1_tree *tree, struct error *err)
{
    int64_t end = now_ms() + END_MS, wait = NS_PER_MS / 10;

    for (;;) {
        size_t count = 0;
        int r = kill_round(tree, &count, err);
        if (r == -ENOENT) { /* it is gone */
            error_clear(err);
            return 0;
        }
        if (r < 0 || !count)
            return r;
        if (now_ms() >= end)
            break;
        pause_for(&wait);
    }
    error_set(err, ETIMEDOUT, "the processes of \"%s\" did not end within %d s of SIGKILL",
              v1_main(tree)->dir, END_MS / 1000);
    error_hint(err, "one of them hangs in the kernel, for example on a dead network file system");
    return -ETIMEDOUT;
}
