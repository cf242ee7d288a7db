/*
 * Giving up what the network does not need, before the first packet of the container is looked at.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* What stays. */
struct confinement {
    const int *keep; /* descriptors that stay open, ascending and above 2 */
    size_t n_keep;
    bool keep_stderr; /* descriptor 2 stays as it is; 0 and 1 never do */
};

/* Everything but the last step: limits, descriptors, an empty root, no capabilities, no new ones, landlock.
 * Fails closed: -EPERM if neither an empty root nor landlock can be had, or what the kernel said. */
int confine(const struct confinement *c, struct error *err);

/* The last step: from now on only the system calls of filter.c. */
int confine_calls(struct error *err);
