/*
 * Extended attributes and access control lists of one entry, gathered from the archive and set on a file.
 *
 * What is kept: user.*, security.capability, POSIX ACLs. What is not: trusted.* (the initial namespace's
 * own), user.overlay.* (what overlayfs obeys) and other security.* and system.* ones (labels of the machine
 * the archive was made on).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "helpers/image/idrange.h"
#include "helpers/image/warnings.h"

struct archive_entry;

struct xattrs {
    struct {
        char *name;  /* owned */
        void *value; /* owned */
        size_t size;
    } * list; /* owned */
    size_t n;
};

void xattrs_free(struct xattrs *x);
#define _cleanup_xattrs_ __attribute__((cleanup(xattrs_free)))

/* Gathers what @entry has; @name is for warnings. @strip_caps: the file changes its owner to one that the
 * archive did not mean, and therefore loses its capabilities. */
int xattrs_gather(struct xattrs *x, struct archive_entry *entry, const char *name, const struct ids *ids,
                  bool strip_caps, struct warnings *warnings, struct error *err);

/* Sets them on @fd. What the file system does not take is a warning. */
int xattrs_apply(const struct xattrs *x, int fd, const char *name, struct warnings *warnings,
                 struct error *err);
