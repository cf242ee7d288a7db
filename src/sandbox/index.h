/*
 * Saved indexes of archives, in the caller's cache: one file for each, of which only bryo-image-mount knows
 * what is in it.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"

struct saved_index {
    int dir;       /* of the cache; -EBADF: there can be none */
    char name[40]; /* of the file */
    int fd;        /* open for reading; -EBADF: there is none yet */
};
#define SAVED_INDEX_INIT ((struct saved_index){.dir = -EBADF, .fd = -EBADF})

/* Finds the index of the archive @archive. That there is none, or no place for one, is no failure: then the
 * headers are read each time. */
void saved_index_open(struct saved_index *s, int archive);
/* Replaces it by the @len bytes at @offset of @from, and removes the oldest where there are too many. */
void saved_index_store(struct saved_index *s, int from, size_t offset, size_t len);
void saved_index_close(struct saved_index *s);
