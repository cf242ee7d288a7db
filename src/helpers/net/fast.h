/*
 * Published ports the fast way: no packet is made. Each connection that comes in is joined, in the kernel, to
 * one that begins in the container.
 *
 * Theory of operation. The listening socket is one of the host's, the other end a socket that was made in the
 * container's network namespace (sockets.h) and is connected to the container's own address; what comes out
 * of one goes into the other through a pipe (splice(2)), or through a small buffer as long as it is little.
 * An end of file on one side is one on the other, a reset a reset. The program in the container sees a
 * neighbour in the container, not the client: ports that need its address go through libslirp (forward.h).
 */
#pragma once

#include "base/error.h"
#include "base/netaddr.h"
#include "helpers/net/sockets.h"
#include "helpers/net/stage.h"

#define FAST_PAIRS_MAX 2048

struct fast_pipe {
    struct fast_pipe *next; /* among those that are free */
    int in, out;
};

/* One direction: what was taken from one socket and not given to the other yet is in the pipe. */
struct fast_stream {
    struct fast_pipe *pipe; /* NULL: nothing waits */
    size_t held;
    bool bulk;                /* more than a buffer at a time came last */
    bool eof;                 /* nothing more will come */
    bool passed;              /* which the other side knows */
    uint64_t *bytes, *pieces; /* where they are counted */
};

/* A socket. What epoll says comes once: it holds until the kernel says that it would block. */
struct fast_end {
    struct watch watch;
    bool can_read, can_write;
    bool urgent;  /* urgent data came: reads stop before them */
    bool closing; /* behind what is left there is the end */
};

struct fast_pair {
    struct fast *fast;
    struct fast_end client, service;
    struct fast_stream in, out; /* in: from the client to the service */
    bool connected;
    bool busy;                     /* in the list of those that go on without an event */
    struct fast_pair *next, *prev; /* of all, or of the busy ones */
};

struct fast_port {
    struct watch watch;
    struct fast *fast;
    struct netaddr guest;
    uint16_t guest_port;
    bool paused;
    struct fast_port *next;
};

struct fast {
    struct loop *loop;
    struct stage *stage; /* whose statistics they are */
    struct sockets sockets;
    struct fast_port *ports;
    struct fast_pair idle, busy; /* heads of rings */
    unsigned n_pairs;
    struct fast_pipe *pipes;
    unsigned n_pipes;
    int64_t retry_ms; /* when paused ports are tried again; 0: none is paused */
};

/* @sock is that of sockets_serve, or negative. Returns 0 or -errno. */
int fast_start(struct fast *f, int sock);
void fast_init(struct fast *f, struct loop *loop, struct stage *stage);
/* Closes all that there is. May be called twice. */
void fast_close(struct fast *f);

/* Listens on @host and leads to @guest, of the same protocol version. *port is the handle for fast_remove.
 * Returns 0 or -errno. */
int fast_add(struct fast *f, const struct netaddr *host, uint16_t host_port, const struct netaddr *guest,
             uint16_t guest_port, struct fast_port **port);
/* Connections that were made stay. */
void fast_remove(struct fast *f, struct fast_port *port);

/* Goes on with what had too much to do for one round. Returns how long the loop may sleep, in milliseconds,
 * -1: until something happens. */
int fast_proceed(struct fast *f);
