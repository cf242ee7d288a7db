/*
 * The fields of one header block. POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar's manual, "Basic Tar
 * Format".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK 512

enum tar_magic { TAR_V7, TAR_USTAR, TAR_GNU };

struct tar_header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
    char type;
    char link[100], magic[6], version[2], uname[32], gname[32], major[8], minor[8];
    union {
        char prefix[155]; /* ustar */
        struct {
            char atime[12], ctime[12], offset[12], longnames[4], unused;
            struct {
                char offset[12], len[12];
            } sparse[4];
            char extended, realsize[12];
        } gnu;
    };
    char padding[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a header is one block");

/* The block behind a GNU sparse header. */
struct tar_sparse_block {
    struct {
        char offset[12], len[12];
    } sparse[21];
    char extended, padding[7];
};
_Static_assert(sizeof(struct tar_sparse_block) == TAR_BLOCK, "more of the table is one block");

/* A number: octal digits between blanks and NULs, or base 256 (GNU). Returns 0, or -EINVAL; -ERANGE if it
 * does not fit. An empty field is 0. */
int tar_number(const char *field, size_t len, int64_t *out);

bool tar_is_zero(const void *block);
/* Does the check sum fit, signed or unsigned? */
bool tar_checksum_fits(const struct tar_header *h);
enum tar_magic tar_magic_of(const struct tar_header *h);
