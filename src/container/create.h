/*
 * Making and unmaking a container, for `create` and `run`.
 */
#pragma once

#include "container/internal.h"

/* From a plan to an init that waits: everything up to READY. *master gets the terminal where nobody else was
 * given it
 * (`run`). A failure leaves it to container_unmake to undo what was reached. */
int container_make(struct container *c, int *master, struct error *err);

/* Kills init, runs poststop hooks if the container came that far, removes pid file and state directory. Does
 * nothing for a container that never got a state directory. */
void container_unmake(struct container *c);

void container_free(struct container *c);
