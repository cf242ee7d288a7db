/*
 * Writing the files of one cgroup2 directory so that all of a change holds, or nothing of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct writer {
    int dirfd;
    const char *shown;
    struct error *err;
    bool undoes; /* there is something to put back: the cgroup is not new */
    struct written {
        char *file, *old;
    } * done; /* what was in the files that have been written. Owned */
    size_t count;
};
void writer_free(struct writer *w);

bool writer_has(const struct writer *w, const char *file);
/* The caller frees *text. */
int writer_read(struct writer *w, const char *file, char **text);
/* Writes @value; remembers what was there. */
int writer_put(struct writer *w, const char *file, const char *value);
/* The same without a word when it fails. */
int writer_try(struct writer *w, const char *file, const char *value);
/* The same, where "max" is met by a file that is not there: nothing limits. */
int writer_put_limit(struct writer *w, const char *file, const char *value);
/* Puts back what was there, the last first. Lines that a device had not before stay: there is no text for
 * "none" that all files of that kind take. */
void writer_undo(struct writer *w);
