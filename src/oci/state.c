/*
 * state.json, kept and told. The kept form goes through a table like config.json's, so that what is written
 * and what is read cannot differ. Members of later versions are ignored by older ones.
 */
#include "oci/state.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "oci/tables.h"

/* pid_t is a plain int on Linux, which is what the table's kind stands for. */
_Static_assert(__builtin_types_compatible_p(pid_t, int32_t), "pid_t is int32_t");

static const struct schema_field oci_state_fields[] = {
    SCHEMA_VALUE(oci_state, "ociVersion", oci_version, STRING, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_state, "id", id, STRING, .rule = &rule_nonempty, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_state, "pid", pid, I32, .min = 0, .max = INT32_MAX, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_state, "startTime", start_time, U64, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_state, "bundle", bundle, STRING, .rule = &rule_absolute, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_state, "rootfs", rootfs, STRING, .rule = &rule_absolute),
    SCHEMA_VALUE(oci_state, "created", created, STRING),
    SCHEMA_VALUE(oci_state, "ownerUid", owner_uid, U32),
    SCHEMA_VALUE(oci_state, "owner", owner, STRING),
    SCHEMA_VALUE(oci_state, "detached", detached, BOOL),
    SCHEMA_VALUE(oci_state, "terminal", terminal, BOOL),
    SCHEMA_VALUE(oci_state, "cleanupDir", cleanup_dir, STRING, .rule = &rule_absolute),
    SCHEMA_VALUE(oci_state, "cgroupManager", cgroup_manager, STRING),
    SCHEMA_VALUE(oci_state, "cgroupPath", cgroup_path, STRING),
    SCHEMA_VALUE(oci_state, "resctrlGroup", resctrl_group, STRING, .rule = &rule_absolute),
    SCHEMA_VALUE(oci_state, "resctrlMonitor", resctrl_monitor, STRING, .rule = &rule_absolute),
    SCHEMA_VALUE(oci_state, "resctrlOwn", resctrl_own, BOOL),
    SCHEMA_VALUE(oci_state, "annotations", annotations, MAP),
    SCHEMA_NESTED_LIST(oci_state, "poststart", poststart, oci_hook),
    SCHEMA_NESTED_LIST(oci_state, "poststop", poststop, oci_hook),
    SCHEMA_NESTED_LIST(oci_state, "uidMappings", uid_mappings, oci_id_map),
    SCHEMA_NESTED_LIST(oci_state, "gidMappings", gid_mappings, oci_id_map),
};
static SCHEMA_TYPE(oci_state);

int oci_state_parse(const cJSON *json, struct oci_state **out, struct error *err)
{
    void *state = NULL;
    int r = schema_decode(&schema_oci_state, json, NULL, &state, NULL, err);

    if (r == 0)
        *out = state;
    return r;
}

cJSON *oci_state_to_json(const struct oci_state *state)
{
    return schema_encode(&schema_oci_state, state);
}

static int add_annotations(cJSON *json, const struct oci_map *annotations)
{
    _cleanup_cjson_ cJSON *object = annotations->count ? cJSON_CreateObject() : NULL;

    if (!annotations->count)
        return 0;
    for (size_t i = 0; object && i < annotations->count; i++)
        if (json_add_string(object, annotations->items[i].key, annotations->items[i].value) < 0)
            return -ENOMEM;
    return json_add_item(json, "annotations", TAKE_PTR(object));
}

cJSON *oci_state_public(const struct oci_state *state, const char *status)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();
    pid_t pid = strcmp(status, "stopped") == 0 ? 0 : state->pid;

    if (!json || json_add_string(json, "ociVersion", state->oci_version) < 0 ||
        json_add_string(json, "id", state->id) < 0 || json_add_string(json, "status", status) < 0 ||
        json_add_i64(json, "pid", pid) < 0 || json_add_string(json, "bundle", state->bundle) < 0 ||
        add_annotations(json, &state->annotations) < 0 ||
        json_add_string(json, "created", state->created) < 0 ||
        json_add_string(json, "owner", state->owner) < 0 ||
        json_add_string(json, "rootfs", state->rootfs) < 0)
        return NULL;
    return TAKE_PTR(json);
}

void oci_state_free(struct oci_state *state)
{
    schema_free(&schema_oci_state, state);
}

void oci_state_freep(struct oci_state **state)
{
    oci_state_free(*state);
    *state = NULL;
}
