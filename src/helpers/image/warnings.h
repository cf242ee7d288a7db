/*
 * What an unpacking leaves out or changes, counted by kind: one warning a kind, not one an entry, naming the
 * first.
 */
#pragma once

#include <stdint.h>

#include "helpers/image/status.h"

enum warning {
    WARNING_OWNERS_NOT_KEPT, /* only one id is mapped, or the helper may not give files away */
    WARNING_OWNER_BEYOND,    /* this owner is not in the id map */
    WARNING_DEVICE,
    WARNING_SOCKET,
    WARNING_XATTR_KIND, /* an attribute of a kind that is not for images (trusted.*, security.selinux …) */
    WARNING_XATTR_REFUSED, /* the file system or the kernel did not take it */
    WARNING_ACL,
    WARNING_HEADER,   /* libarchive did not like something about the header, but could read it */
    WARNING_TRAILING, /* bytes behind the end of the archive */
    WARNING_COUNT,
};

struct warnings {
    struct {
        uint64_t count;
        char *first; /* owned: the entry, and what was found there */
    } kind[WARNING_COUNT];
};

void warnings_free(struct warnings *w);
#define _cleanup_warnings_ __attribute__((cleanup(warnings_free)))

/* Counts one case of @kind for entry @name; @detail (may be NULL) tells more about the first one. */
void warnings_add(struct warnings *w, enum warning kind, const char *name, const char *detail);

/* Sends one line for each kind that was met. */
void warnings_send(const struct warnings *w, struct status *status);
