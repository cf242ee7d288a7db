/*
 * The usual directories of the host's root, made anew as the caller's own: the layer between the host and
 * what a sandbox writes, so that programs can be installed in a sandbox of an ordinary user.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "sandbox/host_box.h"
#include "userns/idmap.h"

struct host_skel {
    char *path; /* absolute; NULL: none is needed */
    int fd;
    int lock; /* held for as long as an overlay uses it */
};
#define HOST_SKEL_INIT ((struct host_skel){.fd = -EBADF, .lock = -EBADF})

/* Finds the one that fits the host as it is now beside the boxes, or makes it. Its lock is handed to @box,
 * whose sandbox needs it. */
int host_skel_open(struct host_box *box, const struct idmap *map, struct host_skel *skel, struct error *err);

/* Is the directory @path of the host in it? */
bool host_skel_has(const struct host_skel *skel, const char *path);

/* Makes the directories of @path in the upper directory @upper: for an overlay that can't have the skeleton
 * as a layer, because it would be below another of its layers. Appends their
 * paths to *made. */
int host_skel_copy(const struct host_skel *skel, const char *path, int upper, char ***made,
                   struct error *err);

void host_skel_close(struct host_skel *skel);
