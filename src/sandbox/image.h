/*
 * What IMAGE on the command line is: a directory that is the root file system, an archive of one, or an image
 * of the store.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "store/import.h"

struct image {
    const char *name;          /* as the user wrote it; borrowed */
    char *path;                /* absolute, of a file or directory; owned */
    struct source source;      /* the transport that the name has */
    bool layout;               /* a directory with an OCI image layout */
    bool directory;            /* a root file system used in place */
    int fd;                    /* of the file or directory, open for reading; -EBADF: an image of the store */
    struct store store;        /* open behind image_store */
    struct store_image stored; /* the same */
};
#define IMAGE_INIT ((struct image){.fd = -EBADF, .store = STORE_INIT, .stored = STORE_IMAGE_INIT})

/* Opens @name ("-": standard input) and finds out what it is: a file or directory, else a name or an id of
 * the store for @map. What can be no image is refused with a hint: a name of a registry that the store does
 * not have, an OCI bundle, a device. Whether a file is an archive the helper tells, by content. */
int image_open(const char *name, const struct idmap *map, struct image *image, struct error *err);
/* Is an archive in the store already? Then image->stored is open. Returns 1, 0, or a failure. Not for a
 * directory. */
int image_find(struct image *image, const struct idmap *map, struct error *err);
/* Brings it into the store, unless it is there: then image->stored is open, whatever it was. Not for
 * a directory. The ending signals must be blocked. */
int image_store(struct image *image, const struct idmap *map, const struct store_request *q,
                struct error *err);
void image_close(struct image *image);
#define _cleanup_image_ __attribute__((cleanup(image_close)))
