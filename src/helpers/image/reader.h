/*
 * Entries of a tar archive (v7, ustar, GNU, pax) by libarchive, on top of a stream that is decompressed
 * already.
 *
 * Names stay bytes: the program runs in the C locale, where libarchive converts nothing that is not ASCII and
 * hands over what the archive holds (in a UTF-8 locale it would compose characters, and a file would change
 * its name).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "helpers/image/limits.h"
#include "helpers/image/stream.h"
#include "helpers/image/warnings.h"

struct archive_entry;
struct reader;

/* @stream, @limits and @warnings are borrowed. */
int reader_open(struct stream *stream, const struct limits *limits, struct warnings *warnings,
                struct reader **out, struct error *err);
void reader_free(struct reader *r);

/* The next entry, valid until the next call: 1, or 0 at the end; -EBADMSG for a damaged or cut archive,
 * -ENOEXEC if it is no tar archive at all (with a text and a hint that tells what it looks like). */
int reader_next(struct reader *r, struct archive_entry **entry, struct error *err);

/* A piece of the entry's data for @offset: 1, or 0 at its end. */
int reader_data(struct reader *r, const void **data, size_t *len, uint64_t *offset, struct error *err);

/* The configuration that the archive carries (image/protocol.h), or NULL. Known from the first entry on. */
const char *reader_config(const struct reader *r);

/* After the end: reads the rest, so that the check sums of the compression are compared, and that an archive
 * without its end marker does not pass for a whole one. */
int reader_finish(struct reader *r, struct error *err);

static inline void reader_freep(struct reader **r)
{
    reader_free(*r);
}
#define _cleanup_reader_ __attribute__((cleanup(reader_freep)))
