/*
 * The runtime as one call sees it: where states live, where messages go, how to treat cgroups. Built once by
 * main from the global options, then read-only.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/log.h"
#include "cgroup/cgroup.h"

struct runtime {
    char *root;      /* directory of the states: --root, else $XDG_RUNTIME_DIR/bryo, else /run/bryo (uid 0) */
    struct log *log; /* borrowed */
    const char *cgroup_manager; /* of new containers: --cgroup-manager; NULL: auto */
    enum cgroup_limits limits;  /* --limits: what becomes of limits that can't be set */
    int rootless; /* --rootless: 1 always a user namespace, 0 never, -1 auto: when the caller is not uid 0 */
};

/* Fills rt->root (owned) from @root_option or the environment; without XDG_RUNTIME_DIR a non-root caller gets
 * /run/user/UID if it is there and its own, else a private directory in /tmp that is checked for its owner.
 * Makes nothing. */
int runtime_init(struct runtime *rt, const char *root_option, struct log *log, struct error *err);
void runtime_free(struct runtime *rt);

/* Is this call to put a user namespace around a container whose config.json names none? */
bool runtime_wants_userns(const struct runtime *rt);
