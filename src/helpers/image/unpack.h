/*
 * A whole archive becomes a directory tree, or nothing.
 */
#pragma once

#include "base/error.h"
#include "helpers/image/digest.h"
#include "helpers/image/idrange.h"
#include "helpers/image/limits.h"
#include "helpers/image/status.h"
#include "helpers/image/whiteout.h"

/* What messages call the archive, what it is, where it goes. */
struct unpack {
    const char *name;
    int archive; /* read from where it stands */
    int dir;     /* an empty directory, which can be read */
    uint64_t max_bytes, max_entries;
    const struct ids *ids;
    bool transport; /* an image in a transport format is welcome */
    /* for the store */
    bool digests;        /* reckon them */
    bool layer;          /* whiteouts are whiteouts; else files like others */
    const char *blob;    /* the SHA-256 that the archive must have, NULL: any */
    const char *content; /* that it must have decompressed, NULL: any */
};

/* What came of it. */
struct unpacked {
    struct limits limits; /* its counts */
    char content[DIGEST_HEX + 1], blob[DIGEST_HEX + 1];
    bool whiteouts; /* there are any */
    enum whiteout_form form;
};

/* Unpacks, with progress and warnings on @status (the last line, done or failed, is the caller's). A failure
 * removes everything again. Errors: -ENOTEMPTY if the directory is not empty (nothing is touched then),
 * -ENOEXEC for what is no archive, -EBADMSG for a damaged one, -EINVAL for names that lead out of it,
 * -EMEDIUMTYPE for an image in a transport format, -EFBIG above a limit, -EKEYREJECTED for digests that are
 * others, -EINTR after a signal, and what the file system says. */
int unpack_archive(const struct unpack *u, struct status *status, struct unpacked *done, struct error *err);
