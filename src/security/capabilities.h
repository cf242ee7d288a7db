/*
 * Capability sets of the calling thread. capabilities(7).
 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "oci/config.h"

/* Bit N is capability number N. */
struct cap_sets {
    uint64_t bounding;
    uint64_t permitted;
    uint64_t effective;
    uint64_t inheritable;
    uint64_t ambient;
};

/* The sets that @caps asks for, built from empty: what is absent is none. */
struct cap_sets caps_wanted(const struct oci_capabilities *caps);

/* "CAP_SYS_ADMIN", or "capability 63" for a number without a name. Written to @buf if need be. */
#define CAP_NAME_MAX 32
const char *cap_name(int cap, char buf[CAP_NAME_MAX]);

/* Does the calling thread hold all of @wanted (its permitted set, and its bounding set for `bounding`)? An
 * error names the first capability that is missing and the set that asks for it, -EPERM. */
int caps_check_held(const struct cap_sets *wanted, struct error *err);

/* Removes all but @keep from the bounding set (CAP_SETPCAP). */
int caps_drop_bounding(uint64_t keep, struct error *err);

/* Sets permitted, effective and inheritable. */
int caps_apply(const struct cap_sets *sets, struct error *err);

/* Makes the ambient set what @sets says; behind caps_apply. */
int caps_apply_ambient(const struct cap_sets *sets, struct error *err);
