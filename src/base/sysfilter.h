/*
 * Filters for bryo's own helper programs: the system calls of a table, and nothing else.
 *
 * Written by hand, since compiling such a filter with libseccomp takes longer than what a helper does. A call
 * that is not in the tables answers ENOSYS, so that nothing of it happens and a libc that tries a newer call
 * first falls back to one that is. Some calls are let through only in certain forms. What comes from another
 * architecture's entry kills the process.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"

/* A call whose argument @arg (its lower 32 bits) decides: allowed if no bit of @denied is set and, of the
 * bits in @mask, exactly those of @value. Several rows may name one call: the first that fits allows it. */
struct sysfilter_check {
    unsigned nr, arg, denied, mask, value;
};

struct sysfilter {
    const unsigned *allowed; /* numbers, the frequent ones first: a filter is a list */
    size_t n_allowed;
    const struct sysfilter_check *checked; /* of other calls; what fits no row is EPERM */
    size_t n_checked;
};

/* What a filter may hold. */
#define SYSFILTER_ALLOWED_MAX 128
#define SYSFILTER_CHECKED_MAX 32

/* Sets no_new_privs and installs @filter for the caller. Returns 0 or a negative errno; without it the
 * process is not confined and must not go on. */
int sysfilter_install(const struct sysfilter *filter, struct error *err);
