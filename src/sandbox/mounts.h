/*
 * --bind and --tmpfs as entries of config.json's mounts.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"

/* Appends an entry for each --tmpfs (DST[:OPTIONS]) and --bind (SRC:DST[:ro|rw]) to the array @mounts, tmpfs
 * first. A colon in a name is written \: and a backslash \\. A source must exist; a relative one is below the
 * current directory. */
int sandbox_mounts(cJSON *mounts, char *const *tmpfs, char *const *binds, struct error *err);

/* Appends one bind mount of @source over @destination. @readonly: with all mounts below it. */
int sandbox_mount_bind(cJSON *mounts, const char *source, const char *destination, bool readonly,
                       struct error *err);
