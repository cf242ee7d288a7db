#include "sandbox/image_config.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"

void image_config_free(struct image_config *c)
{
    strv_free(c->entrypoint);
    strv_free(c->cmd);
    strv_free(c->env);
    *c = (struct image_config){0};
}

static const cJSON *member(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsNull(item) ? NULL : item;
}

static int wrong_type(const char *name, const char *expected, const cJSON *found, struct error *err)
{
    _cleanup_free_ char *what = json_describe(found);

    return error_set(err, EINVAL, "configuration of the image: config.%s: expected %s, found %s", name,
                     expected, what ? what : "?");
}

static int read_strings(const cJSON *json, const char *name, char ***out, struct error *err)
{
    const cJSON *list = member(json, name), *one;

    if (!list)
        return 0;
    if (!cJSON_IsArray(list))
        return wrong_type(name, "a list of strings", list, err);
    cJSON_ArrayForEach (one, list) {
        if (!cJSON_IsString(one))
            return wrong_type(name, "a list of strings", one, err);
        if (strv_add(out, one->valuestring) < 0)
            return error_oom(err);
    }
    return 0;
}

static int read_string(const cJSON *json, const char *name, const char **out, struct error *err)
{
    const cJSON *item = member(json, name);

    if (item && !cJSON_IsString(item))
        return wrong_type(name, "a string", item, err);
    *out = item && *item->valuestring ? item->valuestring : NULL;
    return 0;
}

int image_config_read(const cJSON *json, struct image_config *c, struct error *err)
{
    static const char *const objects[] = {"Labels", "ExposedPorts", "Volumes"};
    int r;

    c->json = json;
    if ((r = read_strings(json, "Entrypoint", &c->entrypoint, err)) < 0 ||
        (r = read_strings(json, "Cmd", &c->cmd, err)) < 0 ||
        (r = read_strings(json, "Env", &c->env, err)) < 0 ||
        (r = read_string(json, "User", &c->user, err)) < 0 ||
        (r = read_string(json, "WorkingDir", &c->cwd, err)) < 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
        if (member(json, objects[i]) && !cJSON_IsObject(member(json, objects[i])))
            return wrong_type(objects[i], "an object", member(json, objects[i]), err);
    if (c->cwd && c->cwd[0] != '/')
        return wrong_type("WorkingDir", "an absolute path", member(json, "WorkingDir"), err);
    STRV_FOREACH (one, c->env)
        if ((*one)[0] == '=' || !strchr(*one, '=')) {
            _cleanup_free_ char *shown = str_quote(*one, 80);
            return error_set(err, EINVAL,
                             "configuration of the image: config.Env: expected NAME=VALUE, found \"%s\"",
                             shown ? shown : "?");
        }
    return 0;
}

int image_config_args(const struct image_config *c, const char *entry, char *const *command, char ***out,
                      struct error *err)
{
    static char *const shell[] = {"/bin/sh", NULL};
    char *const entry_only[] = {(char *)entry, NULL};
    char *const *head = entry ? entry_only : c->entrypoint;
    char *const *tail = command && *command ? command : entry ? NULL : c->cmd;
    _cleanup_strv_ char **args = NULL;

    if (strv_len(head) + strv_len(tail) == 0)
        tail = shell;
    STRV_FOREACH (word, head)
        if (strv_add(&args, *word) < 0)
            return error_oom(err);
    STRV_FOREACH (word, tail)
        if (strv_add(&args, *word) < 0)
            return error_oom(err);
    *out = TAKE_PTR(args);
    return 0;
}

int image_config_env(const struct image_config *c, char *const *own, char ***out, struct error *err)
{
    char *const *lists[] = {c->env, own};
    _cleanup_strv_ char **env = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        STRV_FOREACH (setting, lists[i]) {
            const char *equals = strchr(*setting, '=');
            _cleanup_free_ char *name = strndup(*setting, (size_t)(equals - *setting));
            if (!name || strv_setenv(&env, name, equals + 1) < 0)
                return error_oom(err);
        }
    *out = TAKE_PTR(env);
    return 0;
}

static bool means_something(const char *label)
{
    static const char *const prefixes[] = {"run.", "org.systemd.", "org.criu.", "module.",
                                           "io.katacontainers."};

    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
        if (str_starts(label, prefixes[i]))
            return true;
    return !*label;
}

int image_config_annotate(const struct image_config *c, cJSON *config, struct error *err)
{
    const cJSON *signal = member(c->json, "StopSignal"), *one;
    cJSON *notes = cJSON_GetObjectItemCaseSensitive(config, "annotations");
    _cleanup_strbuf_ struct strbuf ports = {0};

    if (!c->json)
        return 0;
    if (!notes)
        notes = cJSON_AddObjectToObject(config, "annotations");
    if (!notes)
        return error_oom(err);
    cJSON_ArrayForEach (one, member(c->json, "Labels"))
        if (cJSON_IsString(one) && !means_something(one->string) &&
            !cJSON_HasObjectItem(notes, one->string) &&
            json_add_string(notes, one->string, one->valuestring) < 0)
            return error_oom(err);
    cJSON_ArrayForEach (one, member(c->json, "ExposedPorts"))
        strbuf_addf(&ports, "%s%s", ports.len ? "," : "", one->string);
    if (ports.oom)
        return error_oom(err);
    const char *const keys[] = {"org.opencontainers.image.exposedPorts",
                                "org.opencontainers.image.stopSignal"};
    const char *const values[] = {ports.data, cJSON_IsString(signal) ? signal->valuestring : NULL};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (str_empty(values[i]))
            continue;
        cJSON_DeleteItemFromObjectCaseSensitive(notes, keys[i]);
        if (json_add_string(notes, keys[i], values[i]) < 0)
            return error_oom(err);
    }
    return 0;
}
