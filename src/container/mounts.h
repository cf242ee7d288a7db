/*
 * Mounts of a container that is created or runs: bryo mounts add, remove and list.
 *
 * Which mounts were added is kept in ROOT/ID/mounts.json, by the kernel's id of each. An id may be used again
 * after its mount is gone, but never for a mount that was there before: so a mount made at create, such as
 * a mask, is never taken for an added one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mountinfo.h"
#include "container/runtime.h"
#include "oci/config.h"

/* Adds @mount, a bind mount or a tmpfs; its source is absolute. */
int container_mounts_add(const struct runtime *rt, const char *id, const struct oci_mount *mount,
                         struct error *err);

/* Takes away what is mounted at @destination, if it was added; with @force whatever it is, but the root. */
int container_mounts_remove(const struct runtime *rt, const char *id, const char *destination, bool force,
                            struct error *err);

/* Calls @each for each mount that the container's init sees. A result that is not 0 ends it and is returned.
 */
int container_mounts_each(const struct runtime *rt, const char *id,
                          int (*each)(void *data, const struct mountinfo *mount, bool added), void *data,
                          struct error *err);
