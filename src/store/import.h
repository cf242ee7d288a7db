/*
 * How images come into the store.
 */
#pragma once

#include "image/client.h"
#include "store/store.h"

struct store_request {
    uint64_t max_bytes;                /* of what a layer unpacks to; 0: the default */
    const struct image_events *events; /* may be NULL */
    bool sync;                         /* write to the disk before it is published */
};

/* The archive @fd, called @name: a root file system. If it is a file that was imported before, nothing is
 * read. The ending signals must be blocked (worker_block_signals). */
int store_import_archive(const struct store *s, int fd, const char *name, const struct store_request *q,
                         struct store_image *image, struct error *err);
