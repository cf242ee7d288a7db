/*
 * Sandboxes of the host's own root: `bryo sandbox -- CMD` without an IMAGE, and what is done with what it
 * changed: `bryo diff`, `commit`, `apply`, `discard`.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/log.h"
#include "sandbox/host_box.h"
#include "userns/idmap.h"

struct host_request {
    const char *name;
    char *const *command;
    char *const *mask;  /* more paths to mask */
    char *const *share; /* paths not to mask */
    bool read_only;
};

/* Makes the box, the directories in it, and what they need in @config; the new mounts go to position
 * *first_mount of its mounts, which is moved behind them. *root: absolute path of the root file system (the
 * caller frees). On failure nothing is left. */
int host_begin(const struct host_request *request, const struct idmap *map, cJSON *config, int *first_mount,
               struct host_box *box, char **root, struct error *err);

/* At the end: removes the box if @drop, or if nothing was changed in it. Returns whether it was kept. What
 * can't be removed is a warning. */
bool host_end(struct host_box *box, const struct idmap *map, bool drop, const struct log *log);

/* The directory where a command of the sandbox starts: the caller's own, "/" where the sandbox has another.
 * The caller frees. */
int host_cwd(char **cwd, struct error *err);

/* What a command takes over of the caller's environment, which in such a sandbox means the same as outside:
 * PATH, HOME, names of the user, shell and language; not what the vector *env has already. */
int host_env(char *const *caller, char ***env, struct error *err);
