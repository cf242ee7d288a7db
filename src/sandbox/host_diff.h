/*
 * `bryo diff`: what a sandbox of the host's root changed, as lines, as JSON or as a patch; and which are
 * kept.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

enum host_diff_format { HOST_DIFF_LINES, HOST_DIFF_JSON, HOST_DIFF_PATCH };

/* Writes the changes of the box @name to standard output. A patch holds the text files; it is made by
 * diff(1). -EPIPE without a text in @err: the reader is gone. */
int host_diff(const char *name, enum host_diff_format format, struct error *err);

/* The kept sandboxes: a table, or JSON. The text is the caller's. */
int host_list(bool json, char **text, struct error *err);

/* Removes the box @name and everything in it. */
int host_discard(const char *name, struct error *err);
