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

struct loop {
    int epoll_fd;
    bool stop; /* no more events: set by a function that was called */
};

int loop_init(struct loop *l);
void loop_close(struct loop *l);

/* Watches @w->fd for @events. Returns 0 or -errno. */
int loop_add(struct loop *l, struct watch *w, uint32_t events);
int loop_change(struct loop *l, struct watch *w, uint32_t events);
/* Stops watching, closes w->fd and marks it so. */
void loop_close_watch(struct loop *l, struct watch *w);

/* Calls what is ready, without waiting. Events come one at a time, so that what one function has removed is
 * never called by a later event of the same round; a bounded number of them, so that the tap gets its turn.
 */
void loop_run_ready(struct loop *l);
