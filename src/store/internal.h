/*
 * What the files of this folder share.
 */
#pragma once

#include "store/store.h"
#include "store/worker.h"

#define STORE_IMAGES "images"
#define STORE_NAMES  "names"
#define STORE_FILES  "files"
#define STORE_LAYERS "layers"
#define STORE_SYNC   "sync"
#define STORE_LOCKS  "locks"
#define STORE_TMP    "tmp"

#define STORE_TREE  "tree"
#define STORE_LAYER "layer.json"

/* More layers than that are refused; overlayfs itself takes 500. */
#define STORE_LAYERS_MAX 500

/* The store's own lock, until the descriptor is closed: shared while something is published, else exclusive.
 * Returns the descriptor or a negative errno. */
int store_lock(const struct store *s, bool exclusive, struct error *err);

/* A directory in tmp/ that is ours until it is closed: it is removed then, unless it was moved away. */
struct store_temp {
    const struct store *store;
    char *path; /* absolute; owned; NULL: nothing to remove */
    char *name; /* below the store; owned */
    int fd;     /* holds its lock */
};
#define STORE_TEMP_INIT ((struct store_temp){.fd = -EBADF})
int store_temp_make(const struct store *s, const char *what, struct store_temp *temp, struct error *err);
void store_temp_close(struct store_temp *temp);
#define _cleanup_store_temp_ __attribute__((cleanup(store_temp_close)))
/* Writes the file @dir/@name of the store as a whole or not at all, mode 0600. -EEXIST without text if there
 * is one and it may not be @replaced. */
int store_write(const struct store *s, const char *dir, const char *name, const char *text, bool replaced,
                struct error *err);
/* Removes what killed processes left in tmp/ and locks/. Returns how many. */
int store_sweep(const struct store *s, struct error *err);

/* Waits until nobody else works on @key. Returns a descriptor to be given to store_key_unlock, or a negative
 * errno: -EINTR when a signal came. */
int store_key_lock(const struct store *s, const char *key, struct error *err);
void store_key_unlock(const struct store *s, const char *key, int *fd);

/* Is what was written in boot @boot at @at (CLOCK_BOOTTIME, ns) still there whatever happened? */
bool store_is_durable(const struct store *s, const char *boot, uint64_t at);
uint64_t store_now(void);

/* What is known of a layer. */
struct store_layer {
    char digest[SHA256_HEX + 1];
    char whiteouts[16];
    char tally[32];
    uint64_t entries, bytes;
};
/* -ENOENT without text if it is not there, or may be damaged by a crash. */
int store_layer_read(const struct store *s, const char *digest, struct store_layer *layer, struct error *err);
/* Publishes the tree in @temp (its tree/) as the layer that @facts tell. One that is there already is kept.
 */
int store_layer_publish(const struct store *s, struct store_temp *temp, const struct worker_facts *facts,
                        struct store_layer *layer, struct error *err);

/* Makes the record, once all its layers are there (else -EAGAIN without text: somebody removed one), and
 * opens it. @json: the record without layers; taken over by the file, not by this call. */
int store_image_publish(const struct store *s, const char *id, cJSON *json, const struct store_layer *layers,
                        size_t n, struct store_image *image, struct error *err);

/* Replaces link @dir/@name by one to @target. */
int store_link(const struct store *s, const char *dir, const char *name, const char *target,
               struct error *err);
/* Reads a link to an id. 0, -ENOENT, or another errno without text. */
int store_read_link(const struct store *s, const char *dir, const char *name, char id[SHA256_HEX + 1]);
/* The names in a directory of the store, sorted. */
int store_entries(const struct store *s, const char *dir, char ***out, struct error *err);
