/*
 * What bryo wants to know of an image before the container runs: image/protocol.h, struct image_answer.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "helpers/mount/backing.h"
#include "helpers/mount/tree.h"

/* Writes the answer to @fd; @index_len bytes of index were written there before. */
int peek_store(int fd, struct tree *t, struct backing *b, uint64_t index_len, struct error *err);
