/*
 * The decompressed archive, block by block, made by a thread of its own.
 *
 * Theory of operation: decompressing and writing files take about as long as each other, so each has its
 * thread: the producer fills a ring of blocks, the consumer takes them in order. Two semaphores count free
 * and filled blocks (one producer, one consumer: no lock), and sem_wait(3) returns when a signal asks the
 * program to end. If digests are asked for, a third thread hashes each block on its way from one to the
 * other, and the producer hashes what is compressed as it reads it: a processor that has to do it by plain
 * arithmetic takes as long for that as for all the rest.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "helpers/image/digest.h"
#include "helpers/image/sniff.h"

struct stream;

/* Looks at the beginning of @fd, and starts the threads (as confined as the caller is now). @digests: reckon
 * the digests. */
int stream_open(int fd, bool digests, struct stream **out, struct error *err);
/* Ends the producer and frees. */
void stream_free(struct stream *s);

/* The next block: *block is valid until the next call. Returns its length, 0 at the end, or a negative errno:
 * -EBADMSG for damaged compression, -EINTR after a signal. After the end or a failure, the same again. */
ssize_t stream_next(struct stream *s, const void **block, struct error *err);

/* Behind the end of a stream that was opened with digests: the SHA-256 of the archive as it is (@blob) and
 * decompressed (@content). */
void stream_digests(struct stream *s, char blob[DIGEST_HEX + 1], char content[DIGEST_HEX + 1]);

/* How far the compressed archive was read; its size, 0 if not known. */
uint64_t stream_read_bytes(const struct stream *s);
uint64_t stream_total_bytes(const struct stream *s);

enum compression stream_compression(const struct stream *s);
/* The beginning as it is in the file. */
const unsigned char *stream_head(const struct stream *s, size_t *len);

static inline void stream_freep(struct stream **s)
{
    stream_free(*s);
}
#define _cleanup_stream_ __attribute__((cleanup(stream_freep)))
