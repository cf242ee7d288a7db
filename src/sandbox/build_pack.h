/*
 * Running the packer (bryo-image pack) in the workshop.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/sha256.h"
#include "image/client.h"
#include "userns/idmap.h"

/* What came of it. */
struct build_packed {
    char blob[SHA256_HEX + 1], content[SHA256_HEX + 1];
    uint64_t bytes;
};

/* A packer at work. */
struct build_packer {
    pid_t pid;
    int status;
    char *program; /* owned */
};
#define BUILD_PACKER_INIT ((struct build_packer){.pid = -1, .status = -EBADF})

/* Starts to pack the directory @dir to @out, both borrowed. @map: of the namespace that this is. */
int build_pack_start(const struct idmap *map, const struct image_pack_request *q, int dir, int out,
                     struct build_packer *p, struct error *err);
/* Waits for it. @warn (may be NULL) hears warnings. */
int build_pack_finish(struct build_packer *p, const struct image_events *warn, struct build_packed *done,
                      struct error *err);
void build_pack_abort(struct build_packer *p);
#define _cleanup_packer_ __attribute__((cleanup(build_pack_abort)))
