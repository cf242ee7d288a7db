/*
 * The tables as JSON: `bryo --dump-schema`. docs/generate makes the table of properties from it, tests go
 * through all properties by it.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/schema.h"

static const char *const kind_names[] = {
    [SCHEMA_BOOL] = "boolean",
    [SCHEMA_OPT_BOOL] = "boolean",
    [SCHEMA_I32] = "integer",
    [SCHEMA_I64] = "integer",
    [SCHEMA_U32] = "integer",
    [SCHEMA_U64] = "integer",
    [SCHEMA_OPT_I64] = "integer",
    [SCHEMA_OPT_U32] = "integer",
    [SCHEMA_OPT_U64] = "integer",
    [SCHEMA_STRING] = "string",
    [SCHEMA_LETTER] = "letter",
    [SCHEMA_ENUM] = "name",
    [SCHEMA_ENUM_ULONG] = "name",
    [SCHEMA_FLAGS32] = "list of names",
    [SCHEMA_FLAGS64] = "list of names",
    [SCHEMA_CAPS] = "list of names",
    [SCHEMA_STRV] = "list of strings",
    [SCHEMA_U32_LIST] = "list of integers",
    [SCHEMA_ENUM_LIST] = "list of names",
    [SCHEMA_MAP] = "strings by name",
    [SCHEMA_STRUCT] = "object",
    [SCHEMA_POINTER] = "object",
    [SCHEMA_LIST] = "list of objects",
    [SCHEMA_KEYED] = "objects by name",
};
_Static_assert(ARRAY_SIZE(kind_names) == SCHEMA_KIND_COUNT, "a name for each kind");

static int add_values(cJSON *row, const struct name_value *names)
{
    _cleanup_cjson_ cJSON *list = cJSON_CreateArray();

    for (; list && names->name; names++) {
        cJSON *name = cJSON_CreateString(names->name);
        if (!name)
            return -ENOMEM;
        cJSON_AddItemToArray(list, name);
    }
    return json_add_item(row, "values", TAKE_PTR(list));
}

static int dump_type(cJSON *list, const struct schema_type *type, const char *path);

static int dump_field(cJSON *list, const struct schema_field *field, const char *parent)
{
    const char *mark = field->kind == SCHEMA_LIST ? "[]" : field->kind == SCHEMA_KEYED ? "{}" : "";
    _cleanup_free_ char *path = str_printf("%s%s%s", parent, *parent ? "." : "", field->name);
    _cleanup_free_ char *below = path ? str_printf("%s%s", path, mark) : NULL;
    _cleanup_cjson_ cJSON *row = cJSON_CreateObject();

    if (!below || !row || json_add_string(row, "path", path) < 0 ||
        json_add_string(row, "kind", kind_names[field->kind]) < 0 ||
        json_add_bool(row, "required", field->flags & SCHEMA_REQUIRED) < 0 ||
        (field->names && add_values(row, field->names) < 0) ||
        json_add_string(row, "later", field->later) < 0 || json_add_string(row, "idle", field->idle) < 0)
        return -ENOMEM;
    cJSON_AddItemToArray(list, TAKE_PTR(row));
    return field->type ? dump_type(list, field->type, below) : 0;
}

static int dump_type(cJSON *list, const struct schema_type *type, const char *path)
{
    for (size_t i = 0; i < type->n_fields; i++)
        if (dump_field(list, &type->fields[i], path) < 0)
            return -ENOMEM;
    return 0;
}

cJSON *schema_dump(const struct schema_type *type)
{
    _cleanup_cjson_ cJSON *list = cJSON_CreateArray();

    return list && dump_type(list, type, "") == 0 ? TAKE_PTR(list) : NULL;
}

static const struct schema_field *find_field(const struct schema_type *type, const char *name, size_t len)
{
    for (size_t i = 0; type && i < type->n_fields; i++)
        if (strlen(type->fields[i].name) == len && memcmp(type->fields[i].name, name, len) == 0)
            return &type->fields[i];
    return NULL;
}

bool schema_carries_out(const struct schema_type *type, const char *path)
{
    for (;;) {
        const struct schema_field *field = find_field(type, path, strcspn(path, ".[{"));
        if (!field || field->later)
            return false;
        path = strchr(path, '.');
        if (!path)
            return true;
        path++;
        type = field->type;
    }
}
