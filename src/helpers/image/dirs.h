/*
 * Directories of the tree that is being made: descriptors by name, missing ones made on the way.
 *
 * Theory of operation: names of an archive are resolved by openat2(2) with RESOLVE_IN_ROOT and
 * RESOLVE_NO_MAGICLINKS, so that a link that the archive made (lib -> usr/lib, absolute, or with any number
 * of "..") leads to a place inside the new root, as it will when the root is used, and never out of it. The
 * work is done on the descriptor with one last component that is never followed. Neighbours in an archive
 * share their directory, so that a few descriptors by name save nearly every lookup. Whenever something is
 * replaced, the meaning of names may change and all descriptors are forgotten.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "helpers/image/limits.h"
#include "helpers/image/whiteout.h"

#define DIRS_SLOTS 64

struct dirs {
    int root;              /* borrowed */
    struct limits *limits; /* borrowed: directories made on the way are entries, too */
    bool layer; /* a whiteout that lies where a directory is meant gives way to one that is opaque */
    enum whiteout_form form;
    uint64_t clock;
    size_t last; /* the slot used last */
    struct dirs_slot {
        char *path; /* owned; NULL: free */
        size_t len;
        uint32_t hash;
        int fd;
        uint64_t used;
    } slot[DIRS_SLOTS];
};

void dirs_init(struct dirs *d, int root, struct limits *limits);
void dirs_free(struct dirs *d);
#define _cleanup_dirs_ __attribute__((cleanup(dirs_free)))

/* An O_PATH descriptor of the directory that the first @len bytes of the clean name @path mean (0: the root),
 * made with its parents (mode 0755) if it is missing. Borrowed, and valid until the next call. */
int dirs_get(struct dirs *d, const char *path, size_t len, struct error *err);

/* Opens a directory that exists with @flags; a link in the last component is not followed. Returns a new
 * descriptor, or a negative errno without text. */
int dirs_open(struct dirs *d, const char *path, int flags);

/* Something was replaced: closes all descriptors. */
void dirs_forget(struct dirs *d);
