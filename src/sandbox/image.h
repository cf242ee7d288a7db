/*
 * What IMAGE on the command line is: a directory that is the root file system, or an archive of one.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct image {
    const char *name; /* as the user wrote it; borrowed */
    char *path;       /* absolute; owned */
    bool directory;   /* a root file system used in place; else an archive */
    int fd;           /* open for reading */
};
#define IMAGE_INIT ((struct image){.fd = -EBADF})

/* Opens @name ("-": standard input) and finds out what it is. What can be no image is refused with a hint: a
 * name of a registry, an OCI bundle or layout, a device. Whether a file is an archive the helper tells, by
 * content. */
int image_open(const char *name, struct image *image, struct error *err);
void image_close(struct image *image);
#define _cleanup_image_ __attribute__((cleanup(image_close)))
