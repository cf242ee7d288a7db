/*
 * Access control lists: from the text in a pax header (SCHILY.acl.*, as star and GNU tar write it) to the
 * form of the kernel's attributes system.posix_acl_*.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* posix_acl_xattr.h of the kernel: a version, then entries, all little-endian. */
struct acl_binary_entry {
    uint16_t tag, perm;
    uint32_t id;
};
#define ACL_BINARY_HEAD 4
#define ACL_ENTRIES_MAX 512
#define ACL_BINARY_MAX  (ACL_BINARY_HEAD + ACL_ENTRIES_MAX * sizeof(struct acl_binary_entry))

/* Writes the list of @text to @out (ACL_BINARY_MAX bytes), sorted as the kernel wants it. An entry of a named
 * user or group needs its number in a fourth field; one without it, or with one that @known refuses, is left
 * out, and *left_out set. Returns the length, 0 for a text that holds no list. */
size_t acl_from_text(const char *text, bool (*known)(void *data, bool group, uint32_t id), void *data,
                     void *out, bool *left_out);
