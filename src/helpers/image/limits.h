/*
 * How much one archive may become. A compression bomb, a sparse bomb and an archive of a billion empty files
 * all end here, before they fill a disk.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"

struct limits {
    uint64_t max_bytes, max_entries;
    uint64_t bytes;   /* of data written so far; holes do not count */
    uint64_t entries; /* made so far, directories that no entry names included */
};

/* One more entry. -EFBIG above the limit. */
int limits_entry(struct limits *l, struct error *err);
/* A file that will look @size bytes long. A hole costs nothing on the disk, but whoever copies the file pays
 * for it: so one file may not look larger than the limit for all data. -EFBIG. */
int limits_size(const struct limits *l, uint64_t size, struct error *err);
/* @n more bytes of data at @offset of a file. -EFBIG. */
int limits_data(struct limits *l, uint64_t offset, uint64_t n, struct error *err);
/* The archive became @n bytes long after decompression, whatever is in it. Twice the limit for data and a
 * gibibyte leave room for headers and for entries that are skipped. -EFBIG. */
int limits_stream(const struct limits *l, uint64_t n, struct error *err);
