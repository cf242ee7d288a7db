/*
 * The seccomp filter of a sandbox as config.json's linux.seccomp.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdint.h>

#include "base/error.h"
#include "oci/config.h"

/* @choice: "default" or NULL (the built-in profile, fit to the granted @caps), "unconfined" (*out is NULL),
 * else a file that holds one linux.seccomp object, checked here. The caller frees *out with cJSON_Delete. */
int sandbox_seccomp(const char *choice, uint64_t caps, cJSON **out, struct error *err);

/* The JSON form of @seccomp. The caller frees; NULL when memory ran out. */
cJSON *sandbox_seccomp_to_json(const struct oci_seccomp *seccomp);
