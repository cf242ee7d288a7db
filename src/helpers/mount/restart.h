/*
 * Points of a gzip stream where decompression can begin: the position in both streams, and the 32 KiB before
 * it, which what follows refers to.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define RESTART_WINDOW (32u * 1024)
/* One is kept for so much of what comes out. */
#define RESTART_SPACING (1u << 20)

struct restart_point {
    uint64_t in, out; /* bytes */
    uint32_t bits;    /* of the byte before @in that belong to what follows */
    uint32_t window;  /* bytes of the window, at the end of its place */
};

struct restart {
    uint64_t size; /* of what comes out; 0: the archive is not compressed */
    uint32_t n, room;
    struct restart_point *point;
    unsigned char *windows; /* RESTART_WINDOW bytes for each */
};

int restart_add(struct restart *r, const struct restart_point *p, const unsigned char *window,
                struct error *err);
void restart_free(struct restart *r);
