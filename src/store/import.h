/*
 * How images come into the store.
 */
#pragma once

#include "image/client.h"
#include "store/oci.h"
#include "store/source.h"
#include "store/store.h"

struct store_request {
    uint64_t max_bytes;                  /* of what a layer unpacks to; 0: the default */
    const struct image_events *events;   /* may be NULL */
    const struct oci_platform *platform; /* of an image for several; NULL: this machine's */
    bool anew;                           /* ask a registry again, even if the store has what it said last */
};

/* The archive @fd, called @name: a root file system, or an image in a transport format that holds one. If it
 * is a file that was imported before, nothing is read. The ending signals must be blocked
 * (worker_block_signals). */
int store_import_archive(const struct store *s, int fd, const char *name, const struct store_request *q,
                         struct store_image *image, struct error *err);

/* What @source names, wherever that is: a file, a layout, or what skopeo or podman fetch. */
int store_import_source(const struct store *s, const struct source *source, const struct store_request *q,
                        struct store_image *image, struct error *err);
/* The layout in directory @dir. */
int store_import_layout(const struct store *s, int dir, const char *name, const struct store_request *q,
                        struct store_image *image, struct error *err);
