/*
 * sd_notify(3) of the program inside, passed on to the service manager outside: NOTIFY_SOCKET.
 *
 * Theory of operation. A directory of the state is mounted read-only at /run/notify of the container, and the
 * program finds a socket there. Whoever has the caller's NOTIFY_SOCKET to pass on to binds it: `run` for as
 * long as the program runs, `start` and `run --detach` until the program says READY=1, since nobody of bryo's
 * is there later. So these return when the service is ready, and the manager learns the container's first
 * process as the main one.
 *
 * The program is not trusted to speak to the manager: of what it says, lines about its own condition go on,
 * and no MAINPID, FDSTORE or descriptor.
 */
#pragma once

#include "container/internal.h"

struct notify {
    int sock;       /* what the program writes to; -EBADF: nothing is to be passed on */
    int manager;    /* connected to the caller's socket */
    pid_t main_pid; /* told with READY=1; 0: it is the caller's child all the same */
    const struct log *log;
};
#define NOTIFY_INIT ((struct notify){.sock = -EBADF, .manager = -EBADF})
void notify_close(struct notify *n);
#define _cleanup_notify_ __attribute__((cleanup(notify_close)))

/* In the plan of a container whose caller has a NOTIFY_SOCKET (opts->notify_socket): the variable in the
 * program's environment. Left out where config.json has the variable, for then the engine cares, and with a
 * warning where there is no mount namespace for it. */
int notify_plan(struct container *c, struct error *err);
/* With the state directory claimed: makes the directory, and has it mounted. */
int notify_make(struct container *c, struct error *err);

/* Binds the socket in the container's state directory @dirfd, and connects to @path, the caller's
 * NOTIFY_SOCKET (NULL or empty: none). Nothing is done for a container that was not made for it; a @path that
 * nobody listens on is a warning. */
int notify_open(struct notify *n, int dirfd, const char *path, const struct log *log, struct error *err);

/* Passes on what was written. Returns whether READY=1 was among it. */
bool notify_forward(const struct notify *n);
/* The same until READY=1, or until the process of @pidfd has ended. */
int notify_wait(const struct notify *n, int pidfd, struct error *err);
