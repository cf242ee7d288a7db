/*
 * Namespaces: joining by path, with checks that the file is a namespace of the right type. namespaces(7),
 * setns(2). Types are those of enum oci_namespace_type.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "oci/config.h"

/* Opens the namespace file @path and checks (NS_GET_NSTYPE on nsfs) that it is one of @type. Returns the
 * descriptor or a negative errno; the text names path, what it is and what was expected. @index: position in
 * linux.namespaces for the message. Errors: those of open(2), -EINVAL for the wrong kind of file. */
int namespace_open(const char *path, int type, size_t index, struct error *err);

/* setns with a text that says which namespace could not be joined and what right was missing. */
int namespace_join(int fd, int type, const char *path, struct error *err);

/* Is @fd the namespace of @type that the caller is in already? 1, 0 or -errno. Joining one's own user
 * namespace fails in the kernel, so callers skip it. */
int namespace_is_own(int fd, int type);

/* Makes a new time namespace with @offsets (may be NULL) for the calling process itself, not only for its
 * children. The caller must be single-threaded and hold CAP_SYS_TIME in its user namespace.
 * time_namespaces(7). */
int namespace_new_time(const struct oci_time_offsets *offsets, struct error *err);
