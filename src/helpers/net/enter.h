/*
 * The container's side: a child enters the container's user and network namespaces, makes and configures the
 * interface there, hands its descriptor back and ends.
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "helpers/net/settings.h"

struct entering {
    pid_t pid;
    int sock;
};

/* Starts the child; it works while the caller goes on. Opens the namespaces that @c names. */
int enter_start(const struct settings *c, struct entering *e, struct error *err);

/* Waits for the interface. Returns the descriptor of the tap, non-blocking, or the child's failure. */
int enter_finish(struct entering *e, struct error *err);
