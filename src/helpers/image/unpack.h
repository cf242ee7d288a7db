/*
 * A whole archive becomes a directory tree, or nothing.
 */
#pragma once

#include "base/error.h"
#include "helpers/image/idrange.h"
#include "helpers/image/limits.h"
#include "helpers/image/status.h"

/* What messages call the archive, what it is, where it goes. */
struct unpack {
    const char *name;
    int archive; /* read from where it stands */
    int dir;     /* an empty directory, which can be read */
    uint64_t max_bytes, max_entries;
    const struct ids *ids;
};

/* Unpacks, with progress and warnings on @status (the last line, done or failed, is the caller's). @done gets
 * the counts. A failure removes everything again. Errors: -ENOTEMPTY if the directory is not empty (nothing
 * is touched then), -ENOEXEC for what is no archive, -EBADMSG for a damaged one, -EINVAL for names that lead
 * out of it, -EFBIG above a limit, -EINTR after a signal, and what the file system says. */
int unpack_archive(const struct unpack *u, struct status *status, struct limits *done, struct error *err);
