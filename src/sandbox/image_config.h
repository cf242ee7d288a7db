/*
 * What an image says of how it is to be run: the "config" object of config.md in the OCI image specification,
 * turned into config.json as conversion.md there has it.
 */
#pragma once

#include <cjson/cJSON.h>

#include "base/error.h"

struct image_config {
    char **entrypoint, **cmd, **env; /* owned */
    const char *user;                /* NULL: not said; points into the document, as the next */
    const char *cwd;                 /* absolute or NULL */
    const cJSON *json;
};
void image_config_free(struct image_config *c);
#define _cleanup_image_config_ __attribute__((cleanup(image_config_free)))

/* Reads @json (NULL: nothing is said), which must live as long. A member of another type than the
 * specification has is -EINVAL, told by its path. */
int image_config_read(const cJSON *json, struct image_config *c, struct error *err);

/* The command: @entry (NULL: the image's entrypoint) and @command (NULL or empty: the image's, unless @entry
 * is given); a shell if all that is nothing. The caller frees *args with strv_free. */
int image_config_args(const struct image_config *c, const char *entry, char *const *command, char ***args,
                      struct error *err);

/* The variables of the image with those of @own over them. The caller frees. */
int image_config_env(const struct image_config *c, char *const *own, char ***env, struct error *err);

/* Labels, exposed ports and the signal to stop by, as annotations of @config. Labels that would mean
 * something to a runtime are left out: an image does not configure its own confinement. */
int image_config_annotate(const struct image_config *c, cJSON *config, struct error *err);
