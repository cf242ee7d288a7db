/*
 * Decompression: one interface, three ways (none, zlib, libarchive's filters).
 *
 * Only the filter that the first bytes call for is enabled, and only if libarchive does it inside this
 * process: it would else start an external program.
 */
#pragma once

#include "helpers/image/sniff.h"
#include "helpers/image/source.h"

struct decoder {
    /* Fills @buf with @n bytes of what was compressed, fewer only at the end. Returns the count (0: the end)
     * or a negative errno with a text: -EBADMSG for data that is damaged, -ECANCELED when the source was
     * stopped. */
    ssize_t (*read)(struct decoder *d, void *buf, size_t n, struct error *err);
    void (*free)(struct decoder *d);
};

/* A decoder of @c above @source (borrowed). The caller frees it by its own function. -ENOTSUP if libarchive
 * here lacks the filter. */
int decoder_open(enum compression c, struct source *source, struct decoder **out, struct error *err);

/* The ways. decoder_gzip exists because libarchive does not compare the check sums of gzip. */
int decoder_gzip(struct source *source, struct decoder **out, struct error *err);
int decoder_filter(enum compression c, struct source *source, struct decoder **out, struct error *err);

static inline void decoder_freep(struct decoder **d)
{
    if (*d)
        (*d)->free(*d);
}
#define _cleanup_decoder_ __attribute__((cleanup(decoder_freep)))
