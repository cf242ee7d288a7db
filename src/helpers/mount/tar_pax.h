/*
 * The records of a pax header (POSIX.1-2017, pax, "pax Extended Header"), and the keys of GNU tar, star and
 * libarchive in it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "helpers/mount/tar_reader.h"

/* No file has more pieces, and no entry more attributes. */
#define TAR_PIECES_MAX     (1u << 20)
#define TAR_ATTRIBUTES_MAX 4096u

/* A list of pieces that grows. */
struct tar_pieces {
    struct tar_piece *at;
    size_t n, room;
};
int tar_pieces_add(struct tar_pieces *p, uint64_t offset, uint64_t len, struct error *err);

/* What the records of one entry say. Texts point into the header that was parsed. */
struct tar_pax {
    char *path, *linkpath; /* terminated; NULL: not said */
    char *acl_access, *acl_default;
    bool has_size, has_uid, has_gid, has_mtime, has_major, has_minor;
    int64_t size, uid, gid, mtime, major, minor;
    uint32_t mtime_ns;
    /* GNU.sparse.*: version 1.0 has its table before the data, the older ones here */
    bool sparse, sparse_in_data, has_real_size;
    char *sparse_name;
    int64_t real_size;
    bool has_offset; /* of a pair whose length is to come (version 0.0) */
    uint64_t offset;
    struct tar_pieces pieces;
    struct tar_attribute *attribute;
    size_t n_attributes, room;
};

/* Reads the @len bytes at @data, which are changed and must live as long as @pax. -EBADMSG naming what is
 * wrong. */
int tar_pax_parse(struct tar_pax *pax, char *data, size_t len, struct error *err);
void tar_pax_free(struct tar_pax *pax);
