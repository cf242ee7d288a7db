/*
 * landlock(7): giving up the file system, and what else the running kernel's version of it can take away.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct landlock_beneath {
    int dir;
    uint64_t allowed; /* LANDLOCK_ACCESS_FS_* */
};

struct landlock_rules {
    int dir;          /* the directory beneath which @allowed holds; negative: nothing holds anywhere */
    uint64_t allowed; /* LANDLOCK_ACCESS_FS_* */
    const struct landlock_beneath *also; /* one more directory; NULL: none */
    bool tcp;                            /* no TCP port may be bound or connected to */
};

/* Restricts the caller and the threads and children it makes later, who must have no_new_privs set or be
 * privileged: file system as in @rules; where the kernel can, also no abstract unix sockets and no signals to
 * processes that are not restricted alike. Returns 1 if it holds now, 0 if this kernel has no landlock or one
 * older than its second version, or a negative errno. */
int landlock_restrict(const struct landlock_rules *rules, struct error *err);
