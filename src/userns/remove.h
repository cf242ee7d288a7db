/*
 * Removing trees whose files belong to the ids of a user namespace.
 */
#pragma once

#include "base/error.h"
#include "userns/idmap.h"

/* Removes the directory @path with all it holds; a missing one is fine. @map: the maps of the user namespace
 * that wrote the tree (files of subordinate ids and directories without permission bits can be removed only
 * from within such a namespace). With uid 0, or when no map is given (NULL, or empty lists), it is removed as
 * the caller. Never follows a link. The last component of @path must be a name of its own ("." and ".." are
 * -EINVAL). The first failure is reported with the path that resisted, the rest is still removed. */
int tree_remove_mapped(const struct idmap *map, const char *path, struct error *err);
