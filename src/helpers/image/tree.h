/*
 * Trees in the store: putting one layer on top of others by copying, and telling whether a tree is still what
 * it was.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "helpers/image/status.h"
#include "helpers/image/whiteout.h"

/* Directories nested deeper are refused by a copy, and not looked into by a tally. */
#define TREE_DEPTH_MAX 256

/* Copies what the directory @from holds onto @to, where the layers below it are already: what it takes away
 * is removed there, files are shared with the file system's help where it can (reflinks), owners, modes,
 * times, attributes and hard links come along. @form: how @from writes its whiteouts. */
int tree_copy(int from, int to, enum whiteout_form form, struct status *status, uint64_t *entries,
              uint64_t *bytes, struct error *err);

/* A number that is another one, but for 1 case in 2^64, when anything in the tree @dir is: names, types,
 * modes, owners, sizes, times of files, targets of links, contents. It finds damage; it is no seal against
 * somebody who wants to deceive. */
int tree_tally(int dir, uint64_t *tally, uint64_t *entries, struct error *err);
