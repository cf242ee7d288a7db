/*
 * /proc/PID/mountinfo.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"

/* One line, its fields unescaped. The strings live during the call. */
struct mountinfo {
    uint64_t id; /* as statx(2) has it: no other mount's, as long as this one lives */
    const char *root;
    const char *target;
    const char *options; /* of the mount */
    const char *type;
    const char *source;
    const char *super; /* options of the superblock */
};

/* Calls @each for each line of @path (a mountinfo file); stops at the first result that is not 0 and returns
 * it. */
int mountinfo_each(const char *path, int (*each)(void *data, const struct mountinfo *line), void *data,
                   struct error *err);
