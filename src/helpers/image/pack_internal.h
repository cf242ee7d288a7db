/*
 * What the files of the packer share.
 */
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include "helpers/image/pack.h"

/* Where the archive goes. */
struct sink {
    struct archive *tar;      /* entries go in here */
    struct archive *compress; /* NULL: nothing is compressed */
    int out;
    uint64_t bytes;
    struct sha256 content, blob;
    int code; /* of a write that failed */
};
/* Opens the writers. @compress: "none", "gzip" or "zstd". */
int sink_open(struct sink *s, int out, const char *compress, const char *config, struct error *err);
/* Writes what is left. */
int sink_finish(struct sink *s, struct packed *done, struct error *err);
void sink_free(struct sink *s);
/* What a writer of libarchive complained of. */
int sink_failed(const struct sink *s, struct error *err);

/* Puts what @fd has of attributes and ACLs into @entry. *opaque: overlayfs hides what lies below. */
int pack_attributes(int fd, struct archive_entry *entry, bool directory, bool *opaque, struct error *err);
