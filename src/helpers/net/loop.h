/*
 * What bryo-net waits for besides the tap and the sockets of libslirp: one epoll descriptor, whose events
 * find their way to a function.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct watch {
    /* Called with what epoll said. It may remove any watch, its own included. */
    void (*ready)(struct watch *w, uint32_t events);
    int fd; /* negative: not watched */
};

#define LOOP_EVENTS 32

struct loop {
    int epoll_fd;
    struct epoll_event
        events[LOOP_EVENTS]; /* of this round; those that are not called yet lie from @next on */
    int next, n_events;
    bool stop; /* no more events: set by a function that was called */
};

int loop_init(struct loop *l);
void loop_close(struct loop *l);

/* Watches @w->fd for @events. Returns 0 or -errno. */
int loop_add(struct loop *l, struct watch *w, uint32_t events);
int loop_change(struct loop *l, struct watch *w, uint32_t events);
/* Stops watching, closes w->fd and marks it so. */
void loop_close_watch(struct loop *l, struct watch *w);

/* Calls what is ready, without waiting: a bounded number, so that the tap gets its turn. What one function
 * has closed is never called by a later event of the same round. */
void loop_run_ready(struct loop *l);
