/*
 * The store: images that were unpacked once, below $XDG_DATA_HOME/bryo (root of the machine: /var/lib/bryo).
 *
 * Theory of operation. Files of an image belong to ids that an id map gives them, so there is one store for
 * each map: a directory ids-KEY, private (mode 0700), with
 *
 *     map                the map, for people
 *     images/ID.json     an image: its layers, lowest first, and its configuration; ID is 64 digits
 *     names/NAME         link to ID ("/" in a name is written "%2f")
 *     files/KEY          link to ID: the archive that is this very file (device, inode, size, times)
 *     layers/DIGEST/     tree/: a layer, unpacked; layer.json: what is known of it
 *     sync/BOOT          how much of what was written in that boot of the machine is on the disk for sure
 *     locks/KEY          held by whoever unpacks KEY, so that others wait instead of doing the same
 *     tmp/               what is being made
 *
 * Nothing in it changes but as a whole: trees and records are made in tmp/ (or beside) and renamed. A
 * directory in tmp/ is locked (flock) by its maker and is litter without the lock. A record is locked shared
 * by whoever uses the image; it, and layers that no record names, are removed only under its exclusive lock,
 * and under that of the store, which makers hold shared while they publish. The kernel lets go of locks
 * however their holder ended, so a kill leaves litter and nothing else. Where the file system has no locks,
 * nothing is ever removed by itself.
 *
 * A crash of the machine may lose what the kernel had not written yet. Explicit imports are synced before
 * they are published. What a sandbox unpacked on its way is not, because that takes seconds: it counts only
 * within the same boot, until somebody has synced (store_sync).
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/sha256.h"
#include "userns/idmap.h"

struct store {
    char *path; /* absolute; owned */
    int fd;     /* of that directory; its lock is the store's */
    const struct idmap *map;
    char boot[64]; /* of this run of the machine; empty where it can't be told */
};
#define STORE_INIT ((struct store){.fd = -EBADF})

/* Opens the caller's store for trees of @map (borrowed), making it if @make; @s is STORE_INIT or was open
 * before. Without @make a store that is
 * not there is -ENOENT without text. */
int store_open(struct store *s, const struct idmap *map, bool make, struct error *err);
void store_close(struct store *s);
#define _cleanup_store_ __attribute__((cleanup(store_close)))

/* An image that cannot be removed while it is open. */
struct store_image {
    char id[SHA256_HEX + 1];
    int fd;      /* of the record; holds its lock */
    cJSON *json; /* the record; owned */
    time_t used; /* when it was last used, to the hour */
};
#define STORE_IMAGE_INIT ((struct store_image){.fd = -EBADF})
void store_image_close(struct store_image *image);
#define _cleanup_store_image_ __attribute__((cleanup(store_image_close)))

/* Opens image @id. -ENOENT without text if there is none, or if a crash may have damaged it. */
int store_image_open(const struct store *s, const char *id, struct store_image *image, struct error *err);
/* Notes that it was used now. */
void store_image_touch(struct store_image *image);

size_t store_image_layers(const struct store_image *image);
/* The digest of layer @i, from the lowest; points into the record. */
const char *store_image_layer(const struct store_image *image, size_t i);
/* Can overlayfs take the layers as they are? Else only a copy of them is a root file system. */
bool store_image_overlays(const struct store_image *image);
/* "none", "overlay" or "files" (image/protocol.h). */
const char *store_image_whiteouts(const struct store_image *image, size_t i);
/* The absolute path of a layer's tree; the caller frees, NULL when memory ran out. */
char *store_layer_path(const struct store *s, const char *digest);
/* The "config" object of the image's configuration (config.md of the OCI image specification), or NULL. */
const cJSON *store_image_config(const struct store_image *image);
/* A number or text of the record, 0 or NULL if it has none. */
uint64_t store_image_number(const struct store_image *image, const char *key);
const char *store_image_text(const struct store_image *image, const char *key);

/* Names. They are what registries call NAME[:TAG]; without a tag it is ":latest". */
int store_name_check(const char *name, char **full, struct error *err);
int store_name_set(const struct store *s, const char *name, const char *id, struct error *err);
/* -ENOENT without text if there is no such name. */
int store_name_remove(const struct store *s, const char *name, struct error *err);
/* Finds the image that @text means: a name, an id, or at least the first 6 digits of one. -ENOENT without
 * text; -ENOTUNIQ. *by_name tells which it was. */
int store_find(const struct store *s, const char *text, char id[SHA256_HEX + 1], bool *by_name,
               struct error *err);

/* The archive that is a file with @st: which image is it? @variant: which one of it, "" if it is but one. 0
 * or -ENOENT. */
int store_file_find(const struct store *s, const struct stat *st, const char *variant,
                    char id[SHA256_HEX + 1]);
int store_file_set(const struct store *s, const struct stat *st, const char *variant, const char *id,
                   struct error *err);

/* Calls @each for every name, sorted; or only for those of image @id if that is not NULL. */
int store_names(const struct store *s, const char *id, char ***names, struct error *err);
/* The ids of all images, sorted. */
int store_images(const struct store *s, char ***ids, struct error *err);

/* Writes everything of the store to the disk and notes it. */
int store_sync(const struct store *s, struct error *err);
/* The same if the image is older than the kernel lets changes wait, and has not been synced: cheap then. */
void store_sync_later(const struct store *s, const struct store_image *image);
