/*
 * What a layer of an image takes away: entries ".wh.NAME" and ".wh..wh..opq" of the OCI image specification
 * (layer.md), turned into what overlayfs reads.
 *
 * Theory of operation: a whiteout becomes a character device 0:0, which Linux lets anybody make since 5.8; a
 * directory that hides what lies below it gets the attribute user.overlay.opaque. Where the file system takes
 * neither (NFS), the entries stay files under the names they have in the archive, and the tree can't be used
 * as a layer of overlayfs as it is: copying it (tree.h) reads both forms.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"

enum whiteout_form {
    WHITEOUTS_OVERLAY, /* device 0:0, attribute */
    WHITEOUTS_FILES,   /* .wh.NAME, .wh..wh..opq */
};

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define XATTR_OPAQUE    "user.overlay.opaque"

/* Finds out, by trying in the directory @dir, what its file system takes; nothing is left of it. */
int whiteouts_probe(int dir, enum whiteout_form *form, struct error *err);

enum whiteout_kind {
    WHITEOUT_NONE,    /* an entry like others */
    WHITEOUT_NAME,    /* the file called *name is taken away */
    WHITEOUT_BELOW,   /* the directory it lies in is opaque */
    WHITEOUT_IGNORED, /* what aufs kept for itself */
};

/* What the last component @base of an entry's name says. -EINVAL for a whiteout of nothing, of "." and of
 * "..". */
int whiteout_parse(const char *base, enum whiteout_kind *kind, const char **name, struct error *err);

/* Is this how overlayfs writes a whiteout? */
bool whiteout_is(const struct stat *st);

/* Makes one: of @name in the directory @at. What is there already came with the same layer and stays; a
 * directory then hides all below it. */
int whiteout_make(int at, const char *name, enum whiteout_form form, struct error *err);

/* Makes the directory @name of @at opaque. */
int whiteout_make_opaque_at(int at, const char *name, enum whiteout_form form, struct error *err);
