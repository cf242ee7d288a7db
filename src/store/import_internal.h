/*
 * What the ways into the store share.
 */
#pragma once

#include "store/import.h"
#include "store/internal.h"

/* Between the look for a layer and the record that names it somebody may remove it: then once more. */
#define IMPORT_TRIES 5
int import_gave_up(const char *name, struct error *err);

/* import_oci.c: the image @ref (NULL: the only one) of the layout in the directory @dir, or of the archive
 * @fd. */
int import_layout(const struct store *s, int dir, const char *name, const char *ref,
                  const struct store_request *q, struct store_image *image, struct error *err);
int import_transport(const struct store *s, int fd, const char *name, const char *ref,
                     const struct store_request *q, struct store_image *image, struct error *err);

/* import_tools.c: SOURCE_DOCKER and SOURCE_CONTAINERS. */
int import_by_tool(const struct store *s, const struct source *source, const struct store_request *q,
                   struct store_image *image, struct error *err);

/* Unpacks one layer and publishes it. @what: name, digests, whether it has whiteouts; the limits are @q's. */
int import_layer(const struct store *s, int archive, const struct image_layer_request *what,
                 const struct store_request *q, struct store_layer *layer, struct error *err);
