/*
 * The configuration of an image (config.md of the OCI image specification): what a build writes, and what it
 * takes over from the image it begins with.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "sandbox/build_internal.h"

/* The object, made if it is not there. NULL when memory ran out. */
static cJSON *object_of(cJSON *config, const char *name)
{
    cJSON *object = cJSON_GetObjectItemCaseSensitive(config, name);
    if (cJSON_IsObject(object))
        return object;
    cJSON_DeleteItemFromObjectCaseSensitive(config, name);
    return cJSON_AddObjectToObject(config, name);
}

static int set_string(cJSON *config, const char *name, const char *value)
{
    if (!value)
        return 0;
    cJSON_DeleteItemFromObjectCaseSensitive(config, name);
    return json_add_string(config, name, value);
}

static int set_list(cJSON *config, const char *name, char *const *values)
{
    cJSON_DeleteItemFromObjectCaseSensitive(config, name);
    return json_add_strv(config, name, values);
}

/* Variables over those that are there already. */
static int set_env(cJSON *config, char *const *env)
{
    _cleanup_strv_ char **all = NULL;
    const cJSON *one;
    if (!env)
        return 0;
    cJSON_ArrayForEach (one, cJSON_GetObjectItemCaseSensitive(config, "Env"))
        if (cJSON_IsString(one) && strv_add(&all, one->valuestring) < 0)
            return -ENOMEM;
    STRV_FOREACH (setting, env) {
        _cleanup_free_ char *name = strndup(*setting, strcspn(*setting, "="));
        if (!name || strv_setenv(&all, name, *setting + strlen(name) + 1) < 0)
            return -ENOMEM;
    }
    return set_list(config, "Env", all);
}

static int set_maps(cJSON *config, const struct build_state *st)
{
    cJSON *labels = st->labels ? object_of(config, "Labels") : NULL;
    cJSON *ports = st->ports ? object_of(config, "ExposedPorts") : NULL;
    if ((st->labels && !labels) || (st->ports && !ports))
        return -ENOMEM;
    STRV_FOREACH (label, st->labels) {
        _cleanup_free_ char *name = strndup(*label, strcspn(*label, "="));
        if (!name || set_string(labels, name, *label + strlen(name) + 1) < 0)
            return -ENOMEM;
    }
    STRV_FOREACH (port, st->ports)
        if (!object_of(ports, *port))
            return -ENOMEM;
    return 0;
}

static int apply_state(cJSON *config, const struct build_state *st)
{
    if (set_env(config, st->env) < 0 || set_string(config, "User", st->user) < 0 ||
        set_string(config, "WorkingDir", st->workdir) < 0 || set_maps(config, st) < 0)
        return -ENOMEM;
    if (st->entry) {
        cJSON_DeleteItemFromObjectCaseSensitive(config, "Cmd");
        if (set_list(config, "Entrypoint", *st->entry) < 0)
            return -ENOMEM;
    }
    return st->cmd ? set_list(config, "Cmd", *st->cmd) : 0;
}

/* What the image of the first stage in the line says of itself. */
static int base_config(const struct build *b, const struct build_stage *s, cJSON **config, struct error *err)
{
    _cleanup_cjson_ cJSON *record = NULL;
    while (s->gun->from >= 0)
        s = &b->stages[s->gun->from];
    int r = build_cache_record(&b->cache, s->layers[0].key, &record, err);
    if (r < 0)
        return r;
    cJSON *own = cJSON_DetachItemFromObjectCaseSensitive(record, "config");
    *config = own ? own : cJSON_CreateObject();
    return *config ? 0 : error_oom(err);
}

int build_config(const struct build *b, const struct build_stage *s, const struct build_state *state,
                 cJSON **config, struct error *err)
{
    _cleanup_cjson_ cJSON *own = NULL;
    int r = base_config(b, s, &own, err);
    if (r == 0 && apply_state(own, state) < 0)
        r = error_oom(err);
    if (r == 0)
        *config = TAKE_PTR(own);
    return r;
}
