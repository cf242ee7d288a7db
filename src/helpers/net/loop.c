#include "helpers/net/loop.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"

#define EVENTS_A_ROUND 64

int loop_init(struct loop *l)
{
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return l->epoll_fd < 0 ? -errno : 0;
}

void loop_close(struct loop *l)
{
    fd_close(&l->epoll_fd);
}

int loop_add(struct loop *l, struct watch *w, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = w};

    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, w->fd, &e) < 0 ? -errno : 0;
}

int loop_change(struct loop *l, struct watch *w, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = w};

    return epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, w->fd, &e) < 0 ? -errno : 0;
}

void loop_close_watch(struct loop *l, struct watch *w)
{
    if (w->fd < 0)
        return;
    (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
    fd_close(&w->fd);
}

void loop_run_ready(struct loop *l)
{
    struct epoll_event e;

    for (int i = 0; i < EVENTS_A_ROUND && !l->stop && epoll_wait(l->epoll_fd, &e, 1, 0) == 1; i++) {
        struct watch *w = e.data.ptr;
        w->ready(w, e.events);
    }
}
