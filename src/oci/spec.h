/*
 * Configurations that bryo writes: `bryo spec`, the base of `bryo unpack` and `bryo sandbox`.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>

/* Capabilities granted by `bryo spec` and by sandboxes are different sets: the first as runc and crun write
 * it, the second what package managers need (the list docker and podman grant by default). */
struct spec_options {
    bool rootless; /* a user namespace; with no mappings of its own: bryo fills them in at create */
    bool sandbox;  /* capabilities as docker grants them, no terminal, args and rootfs filled in by the caller
                    */
};

/* A whole valid config.json as JSON; the caller frees. NULL when memory ran out. */
cJSON *oci_spec_default(const struct spec_options *options);

/* runtime-spec features document (features.md): complete, from the same tables that the parser uses.
 * @mount_options: names of all mount options (rootfs/mount_options.h), NULL-terminated. */
struct features_options {
    const char *const *mount_options;
    bool cgroup_v1, cgroup_v2, cgroup_systemd, cgroup_systemd_user;
};
cJSON *oci_features(const struct features_options *options);

#define OCI_VERSION_MIN "1.0.0"
#define OCI_VERSION_MAX "1.3.0"
