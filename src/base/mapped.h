/*
 * Which ids the user namespace of the calling process has: for whatever names a user or a group. A kernel
 * fails on one that it does not map with EINVAL and no word more.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum id_kind { ID_USER, ID_GROUP };

/* Is @id mapped? *last gets the end of its range. A map that can not be read maps all ids: then the kernel is
 * the judge. */
bool id_is_mapped(enum id_kind kind, uint32_t id, uint32_t *last);
