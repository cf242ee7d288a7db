/*
 * Mounts of a container that runs: one more, or one less.
 *
 * Theory of operation. A mount crosses from one mount namespace to another as a descriptor: the source is
 * cloned as a detached tree where it is in sight, gets its attributes there, and is attached where the
 * container is in sight, to a destination that was resolved inside the container's root to a descriptor. The
 * container runs meanwhile and may change its files at any time; nothing is looked up twice.
 *
 * A clone is allowed only in a mount namespace that belongs to the caller's user namespace. So for a
 * container with a user namespace of its own the caller enters that one first, and makes a mount namespace in
 * it: a copy of the host's, in which the kernel locks all flags that the container must not take away.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "oci/config.h"

struct live_mount;

/* Checks @mount (borrowed; its source absolute): type "bind" or "tmpfs", destination, and options. No side
 * effects. @in_userns: the container has a user namespace. The caller frees *out with live_mount_free. */
int live_mount_new(const struct oci_mount *mount, bool in_userns, struct live_mount **out, struct error *err);
void live_mount_free(struct live_mount **lm);
#define _cleanup_live_mount_ __attribute__((cleanup(live_mount_free)))

/* Where the source is in sight: clones it. */
int live_mount_open(struct live_mount *lm, struct error *err);

/* In the container's mount namespace, as its root: finds the destination below @root_fd, which is borrowed
 * until the end, or makes it if it is not there. *id becomes the id that the new mount has; nobody sees it
 * yet. */
int live_mount_prepare(struct live_mount *lm, int root_fd, uint64_t *id, struct error *err);
/* Attaches it. @fd_dir: as below. After a failure it is nowhere. */
int live_mount_attach(struct live_mount *lm, int fd_dir, struct error *err);

/* In the container's mount namespace: takes away the mount at @destination, and all below it. Processes that
 * use its files keep them. @added: the ids of those that may go; with @force any may, but the root. @fd_dir:
 * /proc/self/fd of the host, O_PATH; becomes the working directory. *id becomes the id of what went. */
int live_mount_remove(const char *destination, int root_fd, int fd_dir, const uint64_t *added, size_t n_added,
                      bool force, uint64_t *id, struct error *err);
