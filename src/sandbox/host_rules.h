/*
 * What becomes of each mount of the host in a sandbox of the host's root: the table, and the list of mounts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum host_rule {
    HOST_OVERLAY,  /* readable, and writable for the sandbox alone */
    HOST_READONLY, /* bound as it is, with all below, nothing in it writable */
    HOST_EMPTY,    /* an empty directory */
};

struct host_mount {
    char *path;
    enum host_rule rule;
    bool file; /* mounted over a file */
    bool nosuid, noexec;
};

struct host_mounts {
    struct host_mount *items;
    size_t n;
};

/* The mounts of the caller's mount namespace that can be reached, the root's among them; what lies under
 * another mount is left out. Those it may not reach have the rule HOST_EMPTY. The caller frees. */
int host_mounts_read(struct host_mounts *mounts, struct error *err);
void host_mounts_free(struct host_mounts *mounts);
#define _cleanup_host_mounts_ __attribute__((cleanup(host_mounts_free)))

/* The mount at @path, or NULL. */
const struct host_mount *host_mounts_at(const struct host_mounts *mounts, const char *path);

/* Is anything mounted below @path (itself not counted)? */
bool host_mounts_below(const struct host_mounts *mounts, const char *path);

/* Is @path itself or below one of the directories that a sandbox has of its own: /proc, /sys, /dev, /run? */
bool host_path_is_own(const char *path);

/* Is @path equal to @dir or below it? */
bool host_path_within(const char *path, const char *dir);
