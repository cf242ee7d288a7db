/*
 * The notice of the OOM killer in cgroup v1: an eventfd, bound to memory.oom_control.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cgroup/stats.h"
#include "cgroup/v1.h"
#include "cgroup/v2_walk.h"

#define CONTROL "memory.oom_control"

int v1_oom_open(const struct v1_tree *tree, struct error *err)
{
    const struct v1_hierarchy *h = v1_with(tree, CGROUP_MEMORY);
    _cleanup_close_ int events = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), dir = -EBADF, control = -EBADF;
    char line[32];

    if (events < 0)
        return error_sys(err, errno, "create an eventfd");
    /* Without the controller nobody counts, and what is opened stays quiet. */
    if (!h)
        return TAKE_FD(events);
    dir = v1_open(h, err);
    if (dir < 0)
        return dir;
    control = openat(dir, CONTROL, O_RDONLY | O_CLOEXEC);
    if (control < 0)
        return error_sys(err, errno, "open \"%s/" CONTROL "\"", h->dir);
    snprintf(line, sizeof line, "%d %d", events, control);
    int r = v1_write(h->dir, "cgroup.event_control", line, err);
    return r < 0 ? r : TAKE_FD(events);
}

/* Each cgroup counts its own processes. */
struct sum {
    uint64_t kills;
    bool waiting; /* short of memory, with the OOM killer switched off */
};

static int add_one(void *data, int dirfd)
{
    struct sum *sum = data;
    _cleanup_free_ char *text = stats_text(dirfd, CONTROL);

    sum->kills += stats_key(text, "oom_kill");
    sum->waiting = sum->waiting || (stats_key(text, "oom_kill_disable") && stats_key(text, "under_oom"));
    return 0;
}

/* The kernel tells of a shortage before it kills, so that the number may not be there yet: a moment later it
 * is. Where the OOM killer is switched off the shortage itself is what there is to tell, once as long as it
 * lasts. */
int v1_oom_count(const struct v1_tree *tree, int fd, uint64_t *count, struct error *err)
{
    enum { ROUNDS = 20, STEP_MS = 5 };
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    const struct v1_hierarchy *h = v1_with(tree, CGROUP_MEMORY);
    _cleanup_close_ int dir = h ? v1_open(h, NULL) : -EBADF;
    uint64_t told = 0, before = *count;

    (void)err;
    *count = 0;
    if (dir < 0) /* of one that is gone nobody can tell any more */
        return 0;
    if (fd >= 0 && read(fd, &told, sizeof told) < 0)
        told = 0;
    for (int i = 0;; i++) {
        struct sum sum = {0};
        const struct v2_visitor visitor = {.enter = add_one, .data = &sum};
        (void)v2_walk(dir, &visitor);
        /* One that lasts when the watching begins is told, too. */
        *count = sum.kills + (fd >= 0 && sum.waiting);
        if (*count > before || !told || i == ROUNDS)
            return 0;
        nanosleep(&step, NULL);
    }
}
