/*
 * Which extended attributes of an archive are served: those that `bryo-image unpack` would set.
 */
#pragma once

#include "base/error.h"
#include "helpers/image/warnings.h"
#include "helpers/mount/tar_reader.h"
#include "helpers/mount/tree.h"

#define XATTR_CAPABILITY  "security.capability"
#define XATTR_ACL_ACCESS  "system.posix_acl_access"
#define XATTR_ACL_DEFAULT "system.posix_acl_default"

/* Gives @inode the attributes of @e (called @name in warnings), in place of those it had. What overlayfs
 * would take for its own (user.overlay.*) is left out, and what is not for images. */
int xattr_rules_add(struct tree *t, uint32_t inode, const struct tar_entry *e, const char *name,
                    struct warnings *warnings, struct error *err);
