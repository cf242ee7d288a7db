/*
 * From the owners that an archive names to those that the user namespace has.
 */
#pragma once

#include "helpers/image/idrange.h"
#include "helpers/image/warnings.h"
#include "helpers/mount/tree.h"

/* Sets owners and modes of all inodes to what can be served under @ids, by the rules of unpacking: what is
 * not mapped belongs to root, and gives nobody rights by its set-user-ID bit or its capabilities; entries of
 * ACLs for ids that are not mapped go. */
void owners_apply(struct tree *t, const struct ids *ids, struct warnings *warnings);

/* Does any inode have attributes, or ACLs? */
bool owners_have_acls(const struct tree *t);
