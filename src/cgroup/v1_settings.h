/*
 * A change of limits in cgroup v1 as a list of values for files, which is carried out as a whole or not at
 * all.
 *
 * Theory of operation. The kernel checks some values against those of other files (memory against memory and
 * swap, a quota against its period and burst, shares against idle), at each write. Which order is right
 * depends on what is there. So a value that is refused with EINVAL waits until the others are written, and is
 * tried again as long as any other came through. When one fails for good, what was written gets its old value
 * back.
 */
#pragma once

#include "cgroup/v1.h"

struct v1_setting {
    const char *dir; /* borrowed from the tree */
    char *path;      /* below linux.resources, for messages; owned */
    char *file;      /* owned */
    char *value;     /* owned */
    bool optional;   /* a value that limits nothing: a kernel without the file does as it says */
    bool done;
    char *old; /* what was there before; owned, NULL: not known */
};

struct v1_settings {
    const struct v1_tree *tree;
    const char *prefix;    /* of paths in messages: "linux.resources." or "" */
    bool drops;            /* what the kernel has no file for is told to the log and left out */
    bool undoes;           /* there are old values to put back */
    const struct log *log; /* may be NULL */
    struct v1_setting *items;
    size_t count, room;
    bool oom;
};

void v1_settings_free(struct v1_settings *s);
#define _cleanup_v1_settings_ __attribute__((cleanup(v1_settings_free)))

/* Adds one for the hierarchy of @controller, which is there. Without memory s->oom is set. */
void v1_set(struct v1_settings *s, unsigned controller, const char *path, const char *file, bool optional,
            const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Carries them out. Errors: those of the files, behind the path; -ENOTSUP for a file that is not there. */
int v1_settings_apply(struct v1_settings *s, struct error *err);
