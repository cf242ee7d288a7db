/*
 * What a sandbox of the host's root does not get to see.
 */
#pragma once

#include <cjson/cJSON.h>

#include "base/error.h"

/* The paths that are there and masked, sorted: the secrets of the caller's home (for root: of every home),
 * those of the system, and @more; without what @share opens. /run is not among them, it is replaced as a
 * whole. The caller frees with strv_free. A @share that is below a mask is in *holes (may be NULL). Errors
 * name the option: a path that is not absolute. */
int host_secrets(char *const *more, char *const *share, char ***masks, char ***holes, struct error *err);

/* Adds the masks to @config (linux.maskedPaths), and to @mounts what @share opens in them and in /run.
 * @state_dir is masked as well, since it holds what sandboxes write. */
int host_secrets_apply(cJSON *config, cJSON *mounts, char *const *more, char *const *share,
                       const char *state_dir, struct error *err);
