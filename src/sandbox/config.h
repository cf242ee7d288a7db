/*
 * The config.json of a sandbox: the default configuration of oci/spec.h with what the options ask for.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "sandbox/user.h"

/* What can be said, and checked, before the image is looked at. */
struct sandbox_config {
    bool rootless; /* a user namespace of its own */
    bool read_only;
    bool terminal;
    bool host_net;
    bool no_new_privs;
    const char *hostname;
    char *const *cap_add, *const *cap_drop;
    const char *seccomp; /* as in struct sandbox_options */
};

/* Builds the document without what the image decides. *added: capabilities asked for by name. The caller
 * frees *out with cJSON_Delete. */
int sandbox_config_begin(const struct sandbox_config *config, cJSON **out, uint64_t *added,
                         struct error *err);

/* What is run, and in which directory. */
int sandbox_config_command(cJSON *config, char *const *args, const char *cwd, struct error *err);

/* Completes it. @root: absolute path of the root file system, or relative to the bundle. @added as from
 * sandbox_config_begin. */
int sandbox_config_finish(cJSON *config, const char *root, const struct sandbox_user *user, char *const *env,
                          uint64_t added, struct error *err);

/* Lets the groups 0 … @last_gid send echo requests, in a network namespace of its own. */
int sandbox_config_allow_ping(cJSON *config, uint32_t last_gid, struct error *err);

/* The array of mounts, for sandbox_mounts and sandbox_etc_apply. Points into @config. */
cJSON *sandbox_config_mounts(cJSON *config);

/* Writes @json as config.json into the directory @dirfd; @dir is its name for messages. */
int sandbox_config_write(const char *dir, int dirfd, const cJSON *json, struct error *err);
