/*
 * The archive as it comes from its descriptor: bytes in order, the beginning looked at once more, counted,
 * and ended early when the reader is not wanted any more.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "helpers/image/digest.h"

/* Enough to know most files by: an ISO 9660 image says so at 32769. */
#define SOURCE_HEAD (36 * 1024)

struct source {
    int fd;         /* borrowed */
    bool regular;   /* read(2) does not wait for somebody */
    uint64_t total; /* size, 0: not known */
    _Atomic uint64_t read;
    _Atomic bool stop;   /* set by another thread: source_read returns -ECANCELED soon */
    unsigned char *head; /* owned: the first bytes */
    size_t head_len, head_pos;
    struct sha256_ctx *digest; /* borrowed; gets every byte that is read from the descriptor. NULL: none */
};

/* Reads the beginning of @fd from where it stands, into @digest (may be NULL) too. Errors: those of read(2);
 * -EISDIR for a directory. */
int source_open(struct source *s, int fd, struct sha256_ctx *digest, struct error *err);
void source_free(struct source *s);

/* Up to @n bytes, at least one before the end (0). Returns the count or a negative errno without text. */
ssize_t source_read(struct source *s, void *buf, size_t n);
