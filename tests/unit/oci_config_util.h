/*
 * A small config.json and ways to change one member of it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "oci/config.h"

static const char base_config[] =
    "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"]},"
    "\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":\"uts\"},{\"type\":"
    "\"user\"},"
    "{\"type\":\"network\",\"path\":\"/run/netns/x\"}]}}";

static inline cJSON *parse_json(const char *text)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    cJSON *json = NULL;

    if (json_parse("test", text, strlen(text), &json, &err) < 0)
        fail_msg("%s: %s", text, error_text(&err));
    return json;
}

/* Sets the member at @path ("process.env") of @json to @value, NULL: removes it. Objects on the way are made.
 */
static inline void set(cJSON *json, const char *path, const char *value)
{
    _cleanup_free_ char *copy = strdup(path);
    char *save = NULL, *name = strtok_r(copy, ".", &save), *next;

    for (; (next = strtok_r(NULL, ".", &save)); name = next) {
        if (!cJSON_GetObjectItemCaseSensitive(json, name))
            cJSON_AddItemToObject(json, name, cJSON_CreateObject());
        json = cJSON_GetObjectItemCaseSensitive(json, name);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(json, name);
    if (value)
        cJSON_AddItemToObject(json, name, parse_json(value));
}

/* The base config with one member changed. */
static inline cJSON *changed(const char *path, const char *value)
{
    cJSON *json = parse_json(base_config);

    if (path)
        set(json, path, value);
    return json;
}

static inline struct oci_config *parse_good(const cJSON *json)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct oci_config *config = NULL;

    if (oci_config_parse(json, &config, &err) < 0)
        fail_msg("%s", error_text(&err));
    assert_int_equal(err.code, 0);
    return config;
}

#define MAP(c, h, n)  "{\"containerID\":" c ",\"hostID\":" h ",\"size\":" n "}"
#define SECCOMP(rest) "{\"defaultAction\":\"SCMP_ACT_ALLOW\"," rest "}"
