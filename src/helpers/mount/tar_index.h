/*
 * From the headers of an archive to the tree that they mean, by the rules of `bryo-image unpack`: a later
 * entry of a name replaces the earlier one, names lead nowhere but below the root, hard links only to what is
 * there.
 */
#pragma once

#include "base/error.h"
#include "helpers/image/limits.h"
#include "helpers/image/warnings.h"
#include "helpers/mount/tar_reader.h"
#include "helpers/mount/tree.h"

struct tar_index {
    struct tree tree;
    struct limits limits;
    struct warnings warnings;
    uint64_t end; /* of the last entry */
};

/* Reads all of the archive's headers. @x: limits.max_* set, the rest zero; to be freed with tar_index_free,
 * also after a failure, whose text names the entry. @step (may be NULL) is called between entries and ends
 * the work with what it returns below 0. */
int tar_index_read(struct tar_index *x, const struct tar_source *source,
                   int (*step)(void *data, struct error *err), void *data, struct error *err);
void tar_index_free(struct tar_index *x);
