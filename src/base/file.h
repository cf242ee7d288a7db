/*
 * Files of the host that belong to the caller: whole reads, atomic writes, directories.
 * Paths inside a container's root file system never come here: see base/path.h.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* The whole of @path below directory @dirfd (AT_FDCWD for plain paths), at most @max bytes (-EFBIG),
 * NUL-terminated; *len may be NULL. The caller frees *out. Errors: those of open(2) and read(2). */
int file_read_at(int dirfd, const char *path, size_t max, char **out, size_t *len, struct error *err);

/* Writes @data with one write(2) to an existing file (procfs, sysfs, cgroup files). */
int file_write_at(int dirfd, const char *path, const void *data, size_t n, struct error *err);

/* Replaces @name (one component) in @dirfd with @data as a whole or not at all: a temporary file in the same
 * directory, renamed over it. A reader sees the old or the new content, never a part; a failure or a kill
 * leaves the old one. Mode as given (umask not applied). */
int file_replace_at(int dirfd, const char *name, const void *data, size_t n, mode_t mode, struct error *err);

/* Makes @path and its missing parents (host paths), mode @mode. An existing directory is fine. */
int mkdir_parents(const char *path, mode_t mode, struct error *err);

/* Removes the directory @name below @dirfd with all it holds, never following a link and never crossing into
 * another mount. A missing one is fine. Works as far as the caller's rights go; the first failure is
 * reported, the rest still removed. */
int remove_tree_at(int dirfd, const char *name, struct error *err);

/* Removes what the directory @fd (open for reading, not consumed) holds, and leaves the directory itself: see
 * remove_tree_at. */
int remove_content_at(int fd, struct error *err);

/* The absolute form of @path: itself if absolute, else below the current directory; "." and ".." are kept.
 * The caller frees; NULL with errno set on failure. */
char *path_absolute(const char *path);
