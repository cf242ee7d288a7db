/*
 * The processes of a container.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "container/runtime.h"

/* Does process @pid come first in its pid namespace, so that the namespace is the container's own? 1, 0 or
 * -errno. */
int owns_pid_namespace(pid_t pid);

/* Calls @each with every process of @init's pid namespace as /proc shows it, held by a pidfd that was opened
 * before its namespace was looked at (so it is that process or none). @each returns 0 to go on, or a negative
 * errno that ends the walk and is returned. An init that is gone has no processes. */
int namespace_processes(pid_t init, int (*each)(pid_t pid, int pidfd, void *data), void *data,
                        struct error *err);

/* The pids, in the runtime's pid namespace and ascending, of a container that is not stopped; the caller
 * frees *pids. They are those of its cgroup, or of its pid namespace; a container that has neither is an
 * error. */
int container_processes(const struct runtime *rt, const char *id, pid_t **pids, size_t *n, struct error *err);
