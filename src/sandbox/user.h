/*
 * Users and groups of an image: its own /etc/passwd and /etc/group, never the host's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct sandbox_user {
    uint32_t uid;
    uint32_t gid;
    uint32_t *groups; /* supplementary; owned */
    size_t n_groups;
    char *home; /* absolute; owned */
};

/* Reads @spec, UID[:GID] or NAME[:GROUP] mixed at will, with the files of the root @rootfd. NULL is root,
 * 0:0. Without a group it is the primary one of passwd (0 for a number that is not there), and the groups
 * that list the user come along; with one it is that alone. Numbers are strict: decimal, in range, nothing
 * behind (CVE-2026-30892). */
int sandbox_user_find(int rootfd, const char *spec, struct sandbox_user *user, struct error *err);
void sandbox_user_free(struct sandbox_user *user);
#define _cleanup_sandbox_user_ __attribute__((cleanup(sandbox_user_free)))
