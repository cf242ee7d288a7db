/*
 * config.json and the parts of it that stand alone, from JSON to structs: decode by tables, then check what
 * holds between members.
 */
#include "oci/config.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "oci/tables.h"

/* Returns what schema_decode noted as not carried out. Mistakes are told first: a property that is understood
 * but has to go may hide none. */
static int refuse_later(struct error *later, struct error *err)
{
    int code = later->code;

    if (code)
        error_move(err, later);
    return -code;
}

int oci_config_parse(const cJSON *json, struct oci_config **out, struct error *err)
{
    _cleanup_error_ struct error later = ERROR_INIT;
    _cleanup_config_ struct oci_config *config = NULL;
    void *decoded = NULL;
    int r = schema_decode(&schema_oci_config, json, NULL, &decoded, &later, err);

    if (r < 0)
        return r;
    config = decoded;
    r = check_config(config, err);
    if (r == 0)
        r = refuse_later(&later, err);
    if (r == 0)
        *out = TAKE_PTR(config);
    return r;
}

int oci_config_read(int dirfd, const char *name, struct oci_config **out, struct error *err)
{
    _cleanup_cjson_ cJSON *json = NULL;
    int r = json_read_file(dirfd, name, &json, err);

    if (r < 0)
        return r;
    r = oci_config_parse(json, out, err);
    if (r < 0)
        error_prefix(err, "%s", name);
    return r;
}

int oci_process_parse(const cJSON *json, struct oci_process **out, struct error *err)
{
    _cleanup_error_ struct error later = ERROR_INIT;
    void *process = NULL;
    int r = schema_decode(&schema_oci_process, json, NULL, &process, &later, err);

    if (r == 0)
        r = check_process(process, "", err);
    if (r == 0)
        r = refuse_later(&later, err);
    if (r < 0) {
        oci_process_free(process);
        return r;
    }
    *out = process;
    return 0;
}

int oci_resources_parse(const cJSON *json, struct oci_resources **out, struct error *err)
{
    void *resources = NULL;
    int r;

    if (cJSON_GetObjectItemCaseSensitive(json, "ociVersion")) {
        error_set(err, EINVAL, "the document: expected a resources object, found a whole config.json");
        error_hint(err, "resources are what stands at linux.resources: an object with memory, cpu, pids …");
        return -EINVAL;
    }
    r = schema_decode(&schema_oci_resources, json, NULL, &resources, NULL, err);
    if (r == 0)
        *out = resources;
    return r;
}

int oci_seccomp_parse(const cJSON *json, struct oci_seccomp **out, struct error *err)
{
    void *seccomp = NULL;
    int r;

    if (cJSON_GetObjectItemCaseSensitive(json, "ociVersion")) {
        error_set(err, EINVAL, "the document: expected a seccomp profile, found a whole config.json");
        error_hint(err,
                   "the profile is what stands at linux.seccomp: an object with defaultAction and syscalls");
        return -EINVAL;
    }
    r = schema_decode(&schema_oci_seccomp, json, NULL, &seccomp, NULL, err); /* all of it is carried out */
    if (r == 0)
        r = check_seccomp(seccomp, "", err);
    if (r < 0) {
        oci_seccomp_free(seccomp);
        return r;
    }
    *out = seccomp;
    return 0;
}

cJSON *oci_seccomp_to_json(const struct oci_seccomp *seccomp)
{
    return schema_encode(&schema_oci_seccomp, seccomp);
}

cJSON *oci_config_dump_schema(void)
{
    return schema_dump(&schema_oci_config);
}

bool oci_config_carries_out(const char *property)
{
    return schema_carries_out(&schema_oci_config, property);
}

void oci_config_free(struct oci_config *config)
{
    schema_free(&schema_oci_config, config);
}

void oci_config_freep(struct oci_config **config)
{
    oci_config_free(*config);
    *config = NULL;
}

void oci_process_free(struct oci_process *process)
{
    schema_free(&schema_oci_process, process);
}

void oci_seccomp_free(struct oci_seccomp *seccomp)
{
    schema_free(&schema_oci_seccomp, seccomp);
}

void oci_resources_free(struct oci_resources *resources)
{
    schema_free(&schema_oci_resources, resources);
}

void oci_resources_freep(struct oci_resources **resources)
{
    oci_resources_free(*resources);
    *resources = NULL;
}

const struct oci_namespace *oci_config_namespace(const struct oci_config *config,
                                                 enum oci_namespace_type type)
{
    const struct oci_namespace_list *list = &config->linux_.namespaces;

    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].type == (int)type)
            return &list->items[i];
    return NULL;
}

bool oci_config_new_namespace(const struct oci_config *config, enum oci_namespace_type type)
{
    const struct oci_namespace *ns = oci_config_namespace(config, type);

    return ns && !ns->path;
}

const char *oci_config_annotation(const struct oci_config *config, const char *key)
{
    for (size_t i = 0; i < config->annotations.count; i++)
        if (strcmp(config->annotations.items[i].key, key) == 0)
            return config->annotations.items[i].value;
    return NULL;
}
