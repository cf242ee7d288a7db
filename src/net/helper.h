/*
 * bryo-net seen from the runtime: started beside the rest of the set-up, waited for at its end.
 *
 * Theory of operation. The helper gets descriptors of the container's namespaces and of its init, and a pipe
 * for its status; it needs nothing of the state directory. It is a child of the runtime, but nobody stops it:
 * it ends when init does, however the runtime fares meanwhile.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/log.h"
#include "net/spec.h"

struct net_helper {
    pid_t pid;     /* 0: none */
    int status_fd; /* its other end closes when it ends */
    bool up;       /* it has said that the network is up */
};
#define NET_HELPER_INIT ((struct net_helper){.status_fd = -EBADF})

/* Is the helper there? Finds out before anything was made. */
int net_helper_check(const struct net_spec *spec, struct error *err);

/* Starts it for the container whose init is @pid, held by @pidfd, in a network namespace of its own, and a
 * user namespace of its own if @userns. It serves its API on the listening socket @api_fd. Messages go to
 * @log_fd in the format of @log. */
int net_helper_start(struct net_helper *h, const struct net_spec *spec, pid_t pid, int pidfd, bool userns,
                     int api_fd, const struct log *log, int log_fd, struct error *err);

/* Waits until the network is up; returns at once if that is known already, or there is none. */
int net_helper_wait(struct net_helper *h, struct error *err);

/* For a container whose init is gone: reaps the helper once it has ended; one that has not in half a second
 * is killed. What it held of the host, published ports, is free then. */
void net_helper_stop(struct net_helper *h);
