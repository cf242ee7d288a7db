/*
 * A sandbox of the host's root: its directories, and the mounts that make them one tree.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "sandbox/host_box.h"
#include "userns/idmap.h"

/* The name below a box of the directory that becomes the root of the sandbox. */
#define HOST_ROOT_DIR "root"

/* Fills @box (its directories and its layout) and appends the mounts to the array @mounts. @map: the ids
 * that there will be. @read_only: nothing of it will be writable. */
int host_lay_out(struct host_box *box, const struct idmap *map, bool read_only, cJSON *mounts,
                 struct error *err);
