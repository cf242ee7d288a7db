/*
 * Archives that run without being unpacked: the choice, and the runtime's side of bryo-image-mount.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "image/client.h"
#include "image/protocol.h"
#include "rootfs/rootfs.h"
#include "sandbox/cache.h"
#include "sandbox/image.h"
#include "sandbox/index.h"
#include "userns/idmap.h"

struct sandbox_lazy {
    pid_t pid; /* of the server, 0: none */
    int pidfd;
    struct rootfs_archive archive; /* for container_run */
    int opened;                    /* archive.opened */
    int status, memory;            /* the server's status pipe; its answer */
    struct image_answer answer;
    struct saved_index index;
    int files;     /* a directory that has what is read of the image before it runs */
    cJSON *record; /* "config": what the archive carries of that; owned */
};
#define SANDBOX_LAZY_INIT                                  \
    ((struct sandbox_lazy){.pidfd = -EBADF,                \
                           .opened = -EBADF,               \
                           .archive = {.control = -EBADF}, \
                           .status = -EBADF,               \
                           .memory = -EBADF,               \
                           .index = SAVED_INDEX_INIT,      \
                           .files = -EBADF})

/* Is @value one of "auto", "always", "never"? For the table of options. */
int sandbox_check_lazy(const char *value, struct error *err);

/* Is @mode "always"? */
bool sandbox_lazy_insists(const char *mode);

/* Is @image to be served as it is? @mode: as above, NULL is "auto". @keep: its files are to outlive the
 * sandbox. Returns 1 or 0, telling @log why, or what stands against "always". One that is in the store is
 * opened (image_find). */
int sandbox_lazy_choose(const char *mode, struct image *image, const struct idmap *map, bool keep,
                        const struct log *log, struct error *err);

/* Starts the server of @image and waits until it knows what is in it; makes in @dir what the overlay needs.
 * @userns: the container gets a user namespace. The ending signals must be blocked, as for image_store. */
int sandbox_lazy_start(struct sandbox_lazy *l, const struct image *image, const struct idmap *map,
                       bool userns, uint64_t max_bytes, const struct run_dir *dir,
                       const struct image_events *events, struct error *err);

/* The container is gone, or never came: so is the server, and the index is saved for the next time. */
void sandbox_lazy_stop(struct sandbox_lazy *l);
#define _cleanup_sandbox_lazy_ __attribute__((cleanup(sandbox_lazy_stop)))

/* Is the failure @err one that unpacking would not meet? */
bool sandbox_lazy_failed(const struct error *err);
