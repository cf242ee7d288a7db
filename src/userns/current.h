/*
 * The user namespace that the caller is in.
 */
#pragma once

#include <stdbool.h>

/* Is it the initial one (all ids map to themselves)? A kernel without user namespaces counts as initial. */
bool userns_is_initial(void);

/* Does it forbid setgroups(2)? user_namespaces(7), /proc/PID/setgroups. */
bool userns_denies_setgroups(void);
