/*
 * Names of entries: whatever an archive says, made a path below the root or refused.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

/* A longer name is refused: each component may be a directory to make. Linux itself takes 4095 bytes at once.
 */
#define NAME_LIMIT (32 * 1024)

/* Puts the clean form of @raw in @out (replacing what was there): no slash at either end, no empty and no "."
 * components; "" is the root itself. Bytes are kept as they are. An absolute name counts from the root, as
 * tar(1) takes it. -EINVAL for an empty name or one with a ".." component; -ENAMETOOLONG for a component
 * above 255 bytes or a name above NAME_LIMIT; -ENOMEM. */
int name_clean(const char *raw, struct strbuf *out, struct error *err);

/* The length of the directory part of a clean name, without the slash; 0 if it lies in the root itself. */
size_t name_parent_len(const char *clean);
/* The last component of a clean name. */
const char *name_base(const char *clean);
