/*
 * Files of a root file system that is not mounted yet: a directory, or layers that will lie over each other.
 */
#pragma once

#include <stddef.h>

struct layered {
    const int *fds; /* the topmost first; at least one */
    size_t n;
};
/* Of one directory. */
#define LAYERED(fd) (&(const struct layered){.fds = (const int[]){fd}, .n = 1})

/* Opens @path as path_open_in_root does, in the topmost layer that has it and as far as none above takes it
 * away. A link is followed within its own layer only. Returns the descriptor or -errno. */
int layered_open(const struct layered *root, const char *path, int flags);
