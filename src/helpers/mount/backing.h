/*
 * The bytes of the archive, decompressed: where the tree's offsets lead.
 *
 * Theory of operation. A plain archive is mapped, and served from the mapping by the kernel itself: this
 * program never touches these pages, so that a file that is cut off meanwhile is an I/O error in the
 * container and no SIGBUS here. What is compressed is decompressed into the spool, a file without a name, and
 * served from there; unpack.h tells how far and when.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "helpers/image/sniff.h"
#include "helpers/mount/restart.h"

struct unpacker;

struct backing {
    int archive, spool; /* borrowed */
    uint64_t archive_size;
    enum compression compression;
    struct unpacker *unpacker; /* NULL: the archive is plain */
    const char *map;           /* of the archive, or of the spool */
    uint64_t size;             /* of the content, once it is known */
};

/* Looks what @archive is. @spool: an empty file, taken over when it is needed. @max_stream: as limits_stream.
 * -ENOTSUP for a compression that is not served, with a text. */
int backing_open(struct backing *b, int archive, int spool, uint64_t max_bytes, struct error *err);
void backing_close(struct backing *b);

/* For the first pass over the archive, from front to back: a tar_source. */
ssize_t backing_read(void *backing, void *buf, size_t n, uint64_t offset, struct error *err);

/* The pass is done: reads the rest, so that damage at the end is found, and notes what the next start needs
 * in @restart. *trailing: something but zeros lies behind @end. */
int backing_finish(struct backing *b, uint64_t end, struct restart *restart, bool *trailing,
                   struct error *err);

/* Instead of a pass: takes what was noted. */
int backing_resume(struct backing *b, const struct restart *restart, struct error *err);

/* Makes the bytes at @map + @offset ready to be served; may take a while. Any thread. Returns 0 or -EIO. */
int backing_need(struct backing *b, uint64_t offset, uint64_t len);

/* Reads them into memory. Returns 0 or -EIO. */
int backing_copy(struct backing *b, void *buf, size_t n, uint64_t offset);
