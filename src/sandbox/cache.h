/*
 * The user's cache directory, where sandboxes live while they run: $XDG_CACHE_HOME/bryo/sandbox, else
 * ~/.cache/bryo/sandbox.
 */
#pragma once

#include "base/error.h"

/* One sandbox's directory, mode 0700: config.json, files to bind, rootfs/ if it was unpacked. */
struct run_dir {
    char *path; /* absolute; owned */
    int fd;     /* O_RDONLY, holds the lock that says "in use" */
};
#define RUN_DIR_INIT ((struct run_dir){.fd = -EBADF})

/* Makes NAME-XXXXXX below the cache and locks it for as long as run_dir->fd (or a copy in a child) is open.
 */
int run_dir_make(const char *name, struct run_dir *dir, struct error *err);

/* Lets the directory outlive this process for as long as @state_dir (the container's state) is there. */
int run_dir_keep(const struct run_dir *dir, const char *state_dir, struct error *err);

/* The directory of saved indexes ($XDG_CACHE_HOME/bryo/index), made if it is not there. Returns a descriptor;
 * -EPERM if others than the caller may look in or write there. */
int cache_open_indexes(struct error *err);

void run_dir_close(struct run_dir *dir);
#define _cleanup_run_dir_ __attribute__((cleanup(run_dir_close)))
