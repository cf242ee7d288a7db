/*
 * Decompression into the spool: a file without a name that becomes what the archive is without its
 * compression.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "helpers/image/sniff.h"
#include "helpers/mount/restart.h"

struct unpacker;

/* @archive and @spool are borrowed. @max_bytes: as limits_stream has it. -ENOTSUP, with a text, for what is
 * neither gzip nor zstd. */
int unpacker_new(enum compression c, int archive, int spool, uint64_t max_bytes, struct unpacker **out,
                 struct error *err);
void unpacker_free(struct unpacker *u);

/* The first pass, from front to back, in a thread of its own. Waits until @offset is reached, or the end;
 * *size gets how much there is by now. */
int unpacker_wait(struct unpacker *u, uint64_t offset, uint64_t *size, struct error *err);

/* Waits for the end of the first pass, and moves the restart points (none for zstd) to @restart. */
int unpacker_finish(struct unpacker *u, struct restart *restart, struct error *err);

/* A later start: with restart points (borrowed) pieces are decompressed when they are asked for, without, a
 * thread does it from front to back. */
int unpacker_resume(struct unpacker *u, const struct restart *restart, struct error *err);

/* Makes sure that the range is in the spool. Any thread. Returns 0 or -EIO. */
int unpacker_need(struct unpacker *u, uint64_t offset, uint64_t len);
