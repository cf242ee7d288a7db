#include "helpers/net/loop.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"

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
    for (int i = l->next; i < l->n_events; i++)
        if (l->events[i].data.ptr == w)
            l->events[i].data.ptr = NULL;
}

void loop_run_ready(struct loop *l)
{
    int n = epoll_wait(l->epoll_fd, l->events, LOOP_EVENTS, 0);

    l->n_events = n > 0 ? n : 0;
    for (l->next = 0; l->next < l->n_events && !l->stop;) {
        const struct epoll_event *e = &l->events[l->next++];
        struct watch *w = e->data.ptr;
        if (w)
            w->ready(w, e->events);
    }
    l->next = l->n_events = 0;
}
