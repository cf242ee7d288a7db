/*
 * Owner, mode, times and attributes: what an entry says, made fit for this user namespace.
 */
#pragma once

#include "base/error.h"
#include "helpers/image/deferred.h"

struct archive_entry;

/* Fills @m for @entry, called @name in warnings. An owner that cannot be given becomes root, without the
 * setuid and setgid bits and capabilities that were meant for somebody else. The caller owns m->xattrs. */
int meta_from_entry(struct meta *m, struct archive_entry *entry, const char *name, const struct ids *ids,
                    struct warnings *warnings, struct error *err);

/* Finishes the new regular file @fd, which was made with mode @made. */
int meta_apply_file(const struct meta *m, int fd, mode_t made, const char *name, const struct ids *ids,
                    struct warnings *warnings, struct error *err);

/* Finishes another new file, @name in directory @at (links, devices, fifos), which was made with its mode. */
int meta_apply_at(const struct meta *m, int at, const char *name, const struct ids *ids, struct error *err);
