/*
 * A call as seen from a user namespace: for what belongs to its ids and not to the caller.
 *
 * Theory of operation: a child unshares a user namespace, the parent writes the maps, and the child makes the
 * call with the capabilities it has there over every mapped id. It keeps the caller's own ids: what lies
 * around belongs to those, and may be outside of the maps. How it went it reports over a socket: one message,
 * errno first and the text behind it.
 */
#pragma once

#include "base/error.h"
#include "userns/idmap.h"

/* Calls @call in such a child and returns what it returned, with its text; or what kept it from being called.
 * What @call changes in memory is lost. */
int userns_within(const struct idmap *map, int (*call)(void *data, struct error *err), void *data,
                  struct error *err);
