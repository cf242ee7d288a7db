/*
 * What a file is, by its first bytes: its compression, and for what is no archive at all a word to tell the
 * user.
 */
#pragma once

#include <stddef.h>

enum compression {
    COMPRESSION_NONE,
    COMPRESSION_GZIP,
    COMPRESSION_BZIP2,
    COMPRESSION_XZ,
    COMPRESSION_ZSTD,
    COMPRESSION_LZ4,
    COMPRESSION_COUNT,
};

/* The name in messages: "gzip", …, "no compression". */
const char *compression_name(enum compression c);

enum compression sniff_compression(const unsigned char *head, size_t len);

/* "an ELF program", "a zip file", "an empty file", "a text file" …; NULL if it looks like nothing known.
 * Static storage. */
const char *sniff_kind(const unsigned char *head, size_t len);
