/*
 * The manager without cgroups: containers stay in the cgroup of their caller. Limits are refused before it
 * comes here (cgroup_plan), and what else needs a cgroup says so.
 */
#include "cgroup/cgroup.h"

const struct cgroup_manager cgroup_none = {.name = "disabled"};
