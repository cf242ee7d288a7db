/*
 * Mounts that bryo adds to those of config.json: what is kept in the state directory, made visible to the
 * program.
 */
#pragma once

#include "container/internal.h"

/* Adds a read-only bind mount of @name in the container's state directory, which is claimed, at @destination,
 * behind all mounts so far. */
int state_mount_add(struct container *c, const char *name, const char *destination, struct error *err);

/* With c->source_fds made: opens those sources by the runtime's own rights, where it has them. Root's state
 * directory is closed to the root of a user namespace that has not got root's id; everybody else's is open to
 * the root of his own. */
void state_mounts_open(struct container *c);
