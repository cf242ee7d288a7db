/*
 * One decoder of a compressed archive, for gzip by zlib and for zstd by libzstd, fed from a descriptor by
 * position.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "helpers/image/sniff.h"
#include "helpers/mount/restart.h"

struct stream_decoder;

/* From the beginning of @fd (borrowed). @points (may be NULL): where a gzip stream can be begun again is
 * noted there. */
int stream_decoder_new(enum compression c, int fd, struct restart *points, struct stream_decoder **out,
                       struct error *err);
/* gzip from a restart point; @window: what came before, @point->window bytes. */
int stream_decoder_at(int fd, const struct restart_point *point, const unsigned char *window,
                      struct stream_decoder **out, struct error *err);
void stream_decoder_free(struct stream_decoder *d);

/* Fills @buf with the next up to @n bytes, fewer only at the end. Returns the count, or -EBADMSG for damage,
 * with a text. */
ssize_t stream_decoder_read(struct stream_decoder *d, void *buf, size_t n, struct error *err);

static inline void stream_decoder_freep(struct stream_decoder **d)
{
    stream_decoder_free(*d);
}
#define _cleanup_stream_decoder_ __attribute__((cleanup(stream_decoder_freep)))
