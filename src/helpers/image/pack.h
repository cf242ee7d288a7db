/*
 * A directory tree becomes an archive: the reverse of unpack.h, and confined like it.
 *
 * Theory of operation: the tree is walked by descriptors in the order of its names, so that the same tree
 * always makes the same bytes. libarchive writes pax headers where they are needed; what comes out is hashed,
 * compressed by a second writer of libarchive's, and hashed again (pack_sink.c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/sha256.h"
#include "helpers/image/status.h"

struct pack {
    const char *name; /* what messages call the tree */
    int dir;          /* the tree; can be read */
    int out;          /* a file to write to, from where it stands */
    bool layer;       /* whiteouts and opaque marks of overlayfs become those of image layers */
    bool own;         /* everything belongs to 0:0 */
    const char *compress;
    int64_t epoch;      /* later times become this one; -1: none does */
    const char *config; /* carried along; NULL or "": none */
};

struct packed {
    uint64_t entries, bytes;      /* bytes: of the archive as it was written */
    char content[SHA256_HEX + 1]; /* of the archive before it was compressed */
    char blob[SHA256_HEX + 1];    /* of the archive as it was written */
};

/* Errors: those of reading the tree, which name the file, and of writing. What a tar cannot hold (sockets) is
 * left out with a warning. */
int pack_tree(const struct pack *p, struct status *status, struct packed *done, struct error *err);
