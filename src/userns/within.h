/*
 * A call as seen from a user namespace: for what belongs to its ids and not to the caller.
 *
 * Theory of operation: a child unshares a user namespace, the parent writes the maps, and the child makes the
 * call with the capabilities it has there over every mapped id. It keeps the caller's own ids: what lies
 * around belongs to those, and may be outside of the maps. How it went it reports over a socket: one message,
 * errno first and the text behind it.
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "userns/idmap.h"

/* The two halves of userns_within: the first returns as soon as @call is under way. @map may be NULL: then
 * the child stays in the caller's namespaces. userns_end waits and returns what @call returned; a job that
 * was begun must be ended. The child gets SIGTERM when the calling process ends. */
struct userns_job {
    pid_t pid;
    int sock;
};
int userns_begin(const struct idmap *map, int (*call)(void *data, struct error *err), void *data,
                 struct userns_job *job, struct error *err);
int userns_end(struct userns_job *job, struct error *err);

/* Calls @call in such a child and returns what it returned, with its text; or what kept it from being called.
 * What @call changes in memory is lost. */
int userns_within(const struct idmap *map, int (*call)(void *data, struct error *err), void *data,
                  struct error *err);
