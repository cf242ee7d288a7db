/*
 * Paths inside a root file system that somebody else controls.
 *
 * Theory of operation: nothing inside a root is opened by a plain path. Each name is resolved by openat2(2)
 * with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS relative to a descriptor of the root, so that "..", absolute
 * symbolic links and links swapped while we look stay inside; the result is a descriptor and all work is done
 * on it. /proc is reached only through a descriptor that was checked to be procfs (path_open_proc).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"

/* Opens @path inside @rootfd. @flags as for open(2); O_CLOEXEC is added. Symbolic links are followed inside
 * the root; O_NOFOLLOW stops at the last component. Returns the descriptor or -errno (no text: callers know
 * what they were doing). Errors: those of openat2(2); -EXDEV if the path tried to leave the root by a magic
 * link. */
int path_open_in_root(int rootfd, const char *path, int flags, mode_t mode);

/* Like path_open_in_root, but no component may be a symbolic link (-ELOOP). For places like /proc, /sys and
 * /dev where an image's link is an attack (CVE-2023-27561, CVE-2026-41579). */
int path_open_in_root_nolinks(int rootfd, const char *path, int flags, mode_t mode);

/* Makes the directory @path inside @rootfd with all missing parents, mode @mode for the new ones, and returns
 * an O_PATH descriptor of it, or -errno. A dangling symbolic link in the middle is followed inside the root.
 * @no_links: refuse symbolic links in any component instead (-ELOOP). */
int path_mkdir_in_root(int rootfd, const char *path, mode_t mode, bool no_links);

/* Makes an empty regular file @path (and missing parents) inside @rootfd if nothing is there, and returns an
 * O_PATH descriptor of what is there, or -errno. */
int path_mkfile_in_root(int rootfd, const char *path, mode_t mode, bool no_links);

/* The path of @fd as the kernel knows it, by reading /proc/self/fd/N. The caller frees; NULL with errno. */
char *path_of_fd(int fd);

/* Is @fd on a file system of type @magic (statfs(2), PROC_SUPER_MAGIC …)? 1, 0 or -errno. */
int path_is_fs(int fd, long magic);

/* A descriptor of a private procfs, where the kernel lets us mount one (fsopen), else of the host's /proc
 * after it was checked to be the root of a procfs. Returns it or a negative errno. */
int path_open_proc(struct error *err);

/* Lexical clean-up as Go's filepath.Clean for absolute paths: "//" and "." go, ".." takes its parent away and
 * stops at "/". The caller frees; NULL when memory ran out. */
char *path_clean(const char *path);
