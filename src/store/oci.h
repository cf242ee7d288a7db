/*
 * Images in a transport format: what index.json, manifests and configurations of the OCI image specification,
 * and manifest.json of `docker save`, say. Nothing is opened here: the texts are of strangers, and this part
 * is fuzzed.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/sha256.h"

#define OCI_TEXT_MAX   ((size_t)4 << 20) /* of an index, a manifest, a configuration */
#define OCI_LAYERS_MAX 500

/* What an image is wanted for. */
struct oci_platform {
    char os[32], architecture[32], variant[32]; /* variant: "" is any */
};
/* This machine's. */
void oci_platform_here(struct oci_platform *p);
/* "linux/arm64", "linux/arm/v7", or "arm64". -EINVAL. */
int oci_platform_parse(const char *text, struct oci_platform *p, struct error *err);

struct oci_blob {
    char digest[SHA256_HEX + 1];
    uint64_t size; /* UINT64_MAX: not said */
    bool index;    /* it is a list of manifests */
};

/* Chooses from an index: by @ref (the annotation org.opencontainers.image.ref.name, or a digest; NULL: any)
 * and platform. -ENOENT with a text that tells what there is; -EINVAL for what is no index. */
int oci_choose(const cJSON *index, const char *ref, const struct oci_platform *platform, struct oci_blob *out,
               struct error *err);

/* What an image is made of. */
struct oci_image {
    char id[SHA256_HEX + 1]; /* digest of the configuration */
    struct oci_blob config;
    struct oci_part {
        struct oci_blob blob; /* of an OCI manifest */
        char *path;           /* of the archive, for manifest.json; owned, else NULL */
        char content[SHA256_HEX + 1];
    } * layers; /* the lowest first; owned */
    size_t n;
    char *config_path; /* for manifest.json; owned, else NULL */
    cJSON *json;       /* the configuration; owned */
};
void oci_image_free(struct oci_image *image);
#define _cleanup_oci_image_ __attribute__((cleanup(oci_image_free)))

/* Reads a manifest. */
int oci_read_manifest(const cJSON *json, struct oci_image *image, struct error *err);
/* Reads manifest.json of `docker save`; @ref as in RepoTags, NULL: there must be one. */
int oci_read_docker_manifest(const cJSON *json, const char *ref, struct oci_image *image, struct error *err);
/* Reads the configuration, @len bytes at @text: the layers get their diff_ids, which must be as many. */
int oci_read_config(const char *text, size_t len, struct oci_image *image, struct error *err);
