/*
 * The file system: answers of the kernel's requests (fuse(4), libfuse's low-level interface) from the tree.
 *
 * Theory of operation. Nothing ever changes, so the kernel is told to keep what it learnt: names and
 * attributes for as long as it likes, pages, links, whole directories. OPEN and OPENDIR are not implemented
 * at all, which the kernel takes as "no need to ask", and so are attributes when no file has any. Listing a
 * directory hands over its files' attributes as well. What is left are one LISTING a directory and READs, and
 * those are one writev(2) from the mapped archive.
 *
 * FUSE passthrough, by which the kernel would read the archive without asking, begins at the start of a file
 * and not in the middle of one, and asks for CAP_SYS_ADMIN on the host: it can't be had here.
 */
#pragma once

#include "base/error.h"
#include "helpers/mount/backing.h"
#include "helpers/mount/tree.h"

struct served {
    struct tree *tree;
    struct backing *backing;
    unsigned threads;
    bool spins; /* may look for requests for a moment without sleeping: there are several processors */
    bool acls;  /* the kernel is to look at them */
};

/* Serves on the FUSE connection @fd until it is gone, which is when the last mount of it is. Returns 0 or a
 * negative errno with a text. */
int serve(const struct served *s, int fd, struct error *err);
