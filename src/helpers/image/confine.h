/*
 * Giving up what unpacking does not need, before the first hostile byte is read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* What stays. */
struct confinement {
    const int *keep; /* descriptors that stay open, ascending and above 2 */
    size_t n_keep;
    int dir;   /* one of them: the directory outside which nothing can be reached any more */
    int from;  /* another: a directory whose files may be read too; 0: none */
    bool read; /* files in @dir may be read */
};

/* Closes every other descriptor (0, 1 and 2 become /dev/null), makes the directory the root of this process
 * and drops what else it could do, in the order that confine.c tells. Threads made later are confined alike;
 * call it while there is one. Fails closed: -EPERM if neither chroot(2) nor landlock can hold the process in
 * the directory, or what the kernel said; the process is then to exit. */
int confine(const struct confinement *c, struct error *err);

/* The last step alone: from now on only the system calls of filter.c. */
int filter_install(struct error *err);
