/*
 * Users and groups of an image: its own /etc/passwd and /etc/group, never the host's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "sandbox/layered.h"

struct sandbox_user {
    uint32_t uid;
    uint32_t gid;
    uint32_t *groups; /* supplementary; owned */
    size_t n_groups;
    char *home; /* absolute; owned */
};

/* Reads @spec, UID[:GID] or NAME[:GROUP] mixed at will, with the files of @root. @what is what messages
 * call the spec. NULL is root,
 * 0:0. Without a group it is the primary one of passwd (0 for a number that is not there), and the groups
 * that list the user come along; with one it is that alone. Numbers are strict: decimal, in range, nothing
 * behind (CVE-2026-30892). */
int sandbox_user_find(const struct layered *root, const char *spec, const char *what,
                      struct sandbox_user *user, struct error *err);
void sandbox_user_free(struct sandbox_user *user);
#define _cleanup_sandbox_user_ __attribute__((cleanup(sandbox_user_free)))
