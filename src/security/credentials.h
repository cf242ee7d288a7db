/*
 * Changing to the container's user: groups, gid, uid. credentials(7), user_namespaces(7).
 */
#pragma once

#include "base/error.h"
#include "security/security.h"

/* The supplementary groups of the plan; before the gid and the uid (CAP_SETGID). */
int credentials_set_groups(const struct drop_plan *plan, struct error *err);

/* Real, effective and saved gid (CAP_SETGID). */
int credentials_set_gid(uint32_t gid, struct error *err);

/* Real, effective and saved uid (CAP_SETUID). Clears the effective set, and unless PR_SET_KEEPCAPS is set the
 * permitted one, when it leaves uid 0. */
int credentials_set_uid(uint32_t uid, struct error *err);
