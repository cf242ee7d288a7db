/*
 * The seccomp filter of a sandbox as config.json's linux.seccomp: the built-in profile written out by the
 * tables of oci/names.h, or a file of the user's.
 */
#include "sandbox/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "oci/names.h"
#include "security/seccomp.h"

static void cleanup_seccomp_struct(struct oci_seccomp **seccomp)
{
    oci_seccomp_free(*seccomp);
}

/* Adds an empty array named @name to @object; NULL when memory ran out. */
static cJSON *add_array(cJSON *object, const char *name)
{
    return cJSON_AddArrayToObject(object, name);
}

static cJSON *append_object(cJSON *array)
{
    cJSON *object = cJSON_CreateObject();
    if (object && !cJSON_AddItemToArray(array, object)) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

static int append_name(cJSON *array, const char *name)
{
    cJSON *item = name ? cJSON_CreateString(name) : NULL;
    if (!item || !cJSON_AddItemToArray(array, item)) {
        cJSON_Delete(item);
        return -ENOMEM;
    }
    return 0;
}

/* Adds @member with the name that @table has for @value. A value without a name is a flaw of the tables, and
 * must not vanish from a filter. */
static int add_named(cJSON *object, const char *member, const struct name_value *table, int64_t value)
{
    const char *name = name_of(table, value);
    return name ? json_add_string(object, member, name) : -EINVAL;
}

static int add_args(cJSON *object, const struct oci_seccomp_arg_list *args)
{
    if (!args->count)
        return 0;
    cJSON *array = add_array(object, "args");
    for (size_t i = 0; i < args->count; i++) {
        const struct oci_seccomp_arg *arg = &args->items[i];
        cJSON *one = array ? append_object(array) : NULL;
        if (!one || json_add_u64(one, "index", arg->index) < 0 ||
            json_add_u64(one, "value", arg->value) < 0 ||
            (arg->value_two && json_add_u64(one, "valueTwo", arg->value_two) < 0) ||
            add_named(one, "op", oci_seccomp_operators, arg->op) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int add_rules(cJSON *object, const struct oci_seccomp_rule_list *rules)
{
    cJSON *array = add_array(object, "syscalls");
    for (size_t i = 0; i < rules->count; i++) {
        const struct oci_seccomp_rule *rule = &rules->items[i];
        cJSON *one = array ? append_object(array) : NULL;
        if (!one || json_add_strv(one, "names", rule->names) < 0 ||
            add_named(one, "action", oci_seccomp_actions, (uint32_t)rule->action) < 0 ||
            (rule->errno_ret.set && json_add_u64(one, "errnoRet", rule->errno_ret.value) < 0) ||
            add_args(one, &rule->args) < 0)
            return -ENOMEM;
    }
    return array ? 0 : -ENOMEM;
}

static int add_architectures(cJSON *object, const struct oci_u32_list *list)
{
    if (!list->count)
        return 0;
    cJSON *array = add_array(object, "architectures");
    for (size_t i = 0; i < list->count; i++)
        if (!array || append_name(array, name_of(oci_seccomp_archs, list->items[i])) < 0)
            return -ENOMEM;
    return 0;
}

static int add_flags(cJSON *object, uint32_t flags)
{
    if (!flags)
        return 0;
    cJSON *array = add_array(object, "flags");
    for (const struct name_value *row = oci_seccomp_flags; row->name; row++)
        if ((flags & row->value) && (!array || append_name(array, row->name) < 0))
            return -ENOMEM;
    return 0;
}

cJSON *sandbox_seccomp_to_json(const struct oci_seccomp *seccomp)
{
    _cleanup_cjson_ cJSON *out = cJSON_CreateObject();
    if (!out || add_named(out, "defaultAction", oci_seccomp_actions, (uint32_t)seccomp->default_action) < 0 ||
        (seccomp->default_errno_ret.set &&
         json_add_u64(out, "defaultErrnoRet", seccomp->default_errno_ret.value) < 0) ||
        add_architectures(out, &seccomp->architectures) < 0 || add_flags(out, seccomp->flags) < 0 ||
        json_add_string(out, "listenerPath", seccomp->listener_path) < 0 ||
        json_add_string(out, "listenerMetadata", seccomp->listener_metadata) < 0 ||
        add_rules(out, &seccomp->rules) < 0)
        return NULL;
    return TAKE_PTR(out);
}

/* The templates of docker and podman are not what the kernel gets: they name conditions (includes, excludes,
 * archMap) that those programs work out. Taken literally they would grant what they mean to withhold. */
static int refuse_template(const cJSON *json, const char *path, struct error *err)
{
    const cJSON *rule, *rules = cJSON_GetObjectItemCaseSensitive(json, "syscalls");
    bool template = cJSON_GetObjectItemCaseSensitive(json, "archMap") != NULL;
    cJSON_ArrayForEach (rule, rules)
        template |= cJSON_GetObjectItemCaseSensitive(rule, "includes") ||
                    cJSON_GetObjectItemCaseSensitive(rule, "excludes");
    if (!template)
        return 0;
    error_set(err, EINVAL,
              "--seccomp %s: this is a template of docker or podman (archMap, includes, excludes)", path);
    error_hint(
        err, "bryo takes the linux.seccomp object of an OCI config.json, where the conditions are resolved");
    return -EINVAL;
}

static int read_profile(const char *path, cJSON **out, struct error *err)
{
    _cleanup_cjson_ cJSON *json = NULL;
    _cleanup_(cleanup_seccomp_struct) struct oci_seccomp *checked = NULL;
    int r = json_read_file(AT_FDCWD, path, &json, err);
    if (r == -ENOENT)
        error_hint(err, "--seccomp takes default, unconfined or a file");
    if (r == 0)
        r = refuse_template(json, path, err);
    if (r < 0)
        return r;
    r = oci_seccomp_parse(json, &checked, err);
    if (r < 0) {
        error_prefix(err, "--seccomp %s", path);
        return r;
    }
    *out = TAKE_PTR(json);
    return 0;
}

int sandbox_seccomp(const char *choice, uint64_t caps, cJSON **out, struct error *err)
{
    *out = NULL;
    if (choice && !strcmp(choice, "unconfined"))
        return 0;
    if (choice && strcmp(choice, "default") != 0)
        return read_profile(choice, out, err);
    _cleanup_(cleanup_seccomp_struct) struct oci_seccomp *profile = NULL;
    int r = seccomp_default_profile(caps, &profile, err);
    if (r < 0)
        return r;
    *out = sandbox_seccomp_to_json(profile);
    return *out ? 0 : error_oom(err);
}
