/*
 * Headers of a tar archive, read in order: v7, ustar, GNU (long names, sparse files) and pax (names, numbers,
 * attributes, ACLs, sparse files of all three versions).
 *
 * libarchive reads the whole archive to find its headers; here only they are read, wherever they are, which
 * is what makes the first start fast. Everything that comes from the archive is bounded: numbers are checked
 * for their range, lengths against what is there, tables against a maximum. What this reader takes for damage
 * is an error, never a guess.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

/* Where the bytes come from. */
struct tar_source {
    /* Up to @n bytes at @offset, fewer only at the end. Returns the count or a negative errno with a text. */
    ssize_t (*read)(void *data, void *buf, size_t n, uint64_t offset, struct error *err);
    void *data;
};

struct tar_piece {
    uint64_t offset, len, data;
};
struct tar_attribute {
    const char *key, *value; /* not terminated */
    size_t key_len, value_len;
};

/* One entry; what it points to is valid until the next call. */
struct tar_entry {
    char type; /* '0' file, '1' hard link, '2' symbolic link, '3' and '4' devices, '5' directory, '6' FIFO */
    const char *name; /* as the archive has it */
    const char *link; /* target, for '1' and '2' */
    uint32_t mode;    /* permissions */
    int64_t uid, gid;
    int64_t mtime;
    uint32_t mtime_ns;
    uint32_t major, minor;
    uint64_t size;   /* as the file looks */
    uint64_t data;   /* offset of its content in the archive */
    uint64_t stored; /* bytes of content there */
    bool sparse;     /* then it lies in pieces */
    const struct tar_piece *piece;
    size_t n_pieces;
    const struct tar_attribute *attribute;
    size_t n_attributes;
    const char *acl_access, *acl_default; /* SCHILY.acl.*, NULL: none */
};

struct tar_reader;

int tar_open(const struct tar_source *source, struct tar_reader **out, struct error *err);
void tar_free(struct tar_reader *t);

/* The next entry: 1, or 0 at the end marker. -ENOEXEC if the beginning is no header, -EBADMSG for damage or
 * an archive that was cut short. */
int tar_next(struct tar_reader *t, struct tar_entry *e, struct error *err);

/* Behind the last entry: where the end marker begins. */
uint64_t tar_end(const struct tar_reader *t);
/* The name that the header being read has, for messages; may be "". */
const char *tar_current_name(const struct tar_reader *t);

static inline void tar_freep(struct tar_reader **t)
{
    tar_free(*t);
}
#define _cleanup_tar_ __attribute__((cleanup(tar_freep)))
