/*
 * What directories get at the end: owner, mode, attributes and times. Earlier, a mode without write
 * permission, a default ACL or a new file inside would stand in the way.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "helpers/image/dirs.h"
#include "helpers/image/idrange.h"
#include "helpers/image/warnings.h"
#include "helpers/image/xattrs.h"

/* What an entry says of a file, made fit for this namespace. */
struct meta {
    uid_t uid;
    gid_t gid;
    mode_t mode;             /* permission bits with setuid, setgid and sticky */
    struct timespec time[2]; /* for utimensat(2) */
    struct xattrs xattrs;    /* owned */
};

struct deferred {
    struct deferred_dir {
        char *path; /* owned, clean; "" is the root */
        size_t order;
        mode_t made; /* the mode it was made with; (mode_t)-1: not known */
        struct meta meta;
    } * dir; /* owned */
    size_t n, room;
};

void deferred_free(struct deferred *d);
#define _cleanup_deferred_ __attribute__((cleanup(deferred_free)))

/* Remembers a directory; takes meta->xattrs over. */
int deferred_add(struct deferred *d, const char *path, mode_t made, struct meta *meta, struct error *err);

/* Gives every directory that is still there what the last entry of its name said, the deepest first. */
int deferred_apply(struct deferred *d, struct dirs *dirs, const struct ids *ids, struct warnings *warnings,
                   struct error *err);
