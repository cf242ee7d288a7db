/*
 * What `bryo images` does, for the caller's own store.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdint.h>

#include "base/error.h"
#include "image/client.h"
#include "store/gc.h"

struct images; /* the store with the map it is for */

/* Opens it; a store that is not there is made, since to look into an empty one is no mistake. */
int images_open(struct images **out, struct error *err);
void images_close(struct images *i);
static inline void images_closep(struct images **i)
{
    images_close(*i);
}
#define _cleanup_images_ __attribute__((cleanup(images_closep)))

/* All images, newest first: a list of objects with id, names, created, used, bytes, entries, layers, source.
 */
int images_list(struct images *i, cJSON **out, struct error *err);
/* All that is known of one. */
int images_inspect(struct images *i, const char *image, cJSON **out, struct error *err);

int images_tag(struct images *i, const char *image, const char *name, struct error *err);
/* Takes the name away, and the image with its last name; or the image with all its names, if it is called by
 * its id. -EBUSY if it is used. */
int images_remove(struct images *i, const char *image, struct store_pruned *done, struct error *err);

/* Brings @source into the store, on the disk for sure, as @name (may be NULL). @platform: of an
 * image for several, as oci_platform_parse takes it; NULL: this machine's. *id: of the image; the caller
 * frees. */
int images_import(struct images *i, const char *source, const char *name, const char *platform,
                  uint64_t max_bytes, const struct image_events *events, char **id, struct error *err);
/* Is @text a platform? A check for the table of options. */
int images_check_platform(const char *text, struct error *err);

int images_prune(struct images *i, const struct store_prune *what, struct store_pruned *done,
                 struct error *err);
int images_check(struct images *i, void (*tell)(void *data, const char *text), void *data, unsigned *problems,
                 struct error *err);
