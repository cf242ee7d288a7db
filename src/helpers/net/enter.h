/*
 * The container's side: a child enters the container's user and network namespaces, makes and configures the
 * interface there and hands its descriptor back. Then it ends, or stays there to make sockets (sockets.h).
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "helpers/net/settings.h"

struct entering {
    pid_t pid;
    int sock;  /* behind enter_finish: what sockets_init takes; negative if the child has ended */
    int pidfd; /* of a child that stays */
};

/* Starts the child; it works while the caller goes on. Opens the namespaces that @c names. */
int enter_start(const struct settings *c, struct entering *e, struct error *err);

/* Waits until a child that stays has ended, which it does once the other end of its socket is closed. */
void enter_end(struct entering *e);

/* Waits for the interface. Returns the descriptor of the tap, non-blocking, or the child's failure. */
int enter_finish(const struct settings *c, struct entering *e, struct error *err);
