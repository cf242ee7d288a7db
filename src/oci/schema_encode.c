/*
 * Structs back to JSON, by the tables that read them: what is absent in the struct is left out.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/schema_internal.h"

static int add_named(cJSON *list, const char *name)
{
    cJSON *item = name ? cJSON_CreateString(name) : NULL;

    if (!item)
        return -ENOMEM;
    cJSON_AddItemToArray(list, item);
    return 0;
}

/* The names of the @bits: each row is a bit, or with @numbered the number of one. */
static cJSON *encode_bits(const struct name_value *names, uint64_t bits, bool numbered)
{
    _cleanup_cjson_ cJSON *list = cJSON_CreateArray();

    if (!list)
        return NULL;
    for (; names->name; names++) {
        uint64_t bit = numbered ? UINT64_C(1) << names->value : (uint64_t)names->value;
        if (bits & bit && add_named(list, names->name) < 0)
            return NULL;
    }
    return TAKE_PTR(list);
}

static cJSON *encode_u32_list(const struct schema_field *field, const struct oci_u32_list *values)
{
    _cleanup_cjson_ cJSON *list = cJSON_CreateArray();

    if (!list)
        return NULL;
    for (size_t i = 0; i < values->count; i++) {
        if (field->kind == SCHEMA_ENUM_LIST) {
            if (add_named(list, name_of(field->names, values->items[i])) < 0)
                return NULL;
            continue;
        }
        cJSON *item = json_new_u64(values->items[i]);
        if (!item)
            return NULL;
        cJSON_AddItemToArray(list, item);
    }
    return TAKE_PTR(list);
}

static cJSON *encode_map(const struct oci_map *map)
{
    _cleanup_cjson_ cJSON *object = cJSON_CreateObject();

    for (size_t i = 0; object && i < map->count; i++)
        if (json_add_string(object, map->items[i].key, map->items[i].value) < 0)
            return NULL;
    return TAKE_PTR(object);
}

static cJSON *encode_items(const struct schema_field *field, const void *member)
{
    bool keyed = field->kind == SCHEMA_KEYED;
    struct schema_items list = schema_items_get(member);
    _cleanup_cjson_ cJSON *json = keyed ? cJSON_CreateObject() : cJSON_CreateArray();

    for (size_t i = 0; json && i < list.count; i++) {
        const void *item = (const char *)list.items + i * field->type->size;
        cJSON *e = schema_encode(field->type, item);
        if (!e)
            return NULL;
        if (!keyed)
            cJSON_AddItemToArray(json, e);
        else if (json_add_item(json, schema_pointer_get(item), e) < 0)
            return NULL;
    }
    return TAKE_PTR(json);
}

/* Enumerations are kept as int, which cuts SECCOMP_RET_KILL_PROCESS (bit 31) into a negative number. */
static cJSON *encode_enum(const struct name_value *names, int value)
{
    for (; names->name; names++)
        if ((int)names->value == value)
            return cJSON_CreateString(names->name);
    return NULL;
}

/* Is the member absent? Plain numbers, booleans and enumerations never are. */
static bool absent(const struct schema_field *field, const void *member)
{
    switch (field->kind) {
    case SCHEMA_OPT_BOOL:
        return !((const struct opt_bool *)member)->set;
    case SCHEMA_OPT_I64:
        return !((const struct opt_i64 *)member)->set;
    case SCHEMA_OPT_U32:
        return !((const struct opt_u32 *)member)->set;
    case SCHEMA_OPT_U64:
    case SCHEMA_CAPS:
        return !((const struct opt_u64 *)member)->set;
    case SCHEMA_STRING:
    case SCHEMA_STRV:
    case SCHEMA_POINTER:
        return !schema_pointer_get(member);
    case SCHEMA_FLAGS32:
        return !*(const uint32_t *)member;
    case SCHEMA_FLAGS64:
        return !*(const uint64_t *)member;
    case SCHEMA_LETTER:
        return !*(const char *)member;
    case SCHEMA_U32_LIST:
    case SCHEMA_ENUM_LIST:
        return !((const struct oci_u32_list *)member)->count;
    case SCHEMA_MAP:
        return !((const struct oci_map *)member)->count;
    case SCHEMA_LIST:
    case SCHEMA_KEYED:
        return !schema_items_get(member).count;
    default:
        return false;
    }
}

static cJSON *encode_member(const struct schema_field *field, const void *member)
{
    const char letter[2] = {*(const char *)member, '\0'};

    switch (field->kind) {
    case SCHEMA_BOOL:
        return cJSON_CreateBool(*(const bool *)member);
    case SCHEMA_OPT_BOOL:
        return cJSON_CreateBool(((const struct opt_bool *)member)->value);
    case SCHEMA_I32:
        return json_new_i64(*(const int32_t *)member);
    case SCHEMA_I64:
        return json_new_i64(*(const int64_t *)member);
    case SCHEMA_U32:
        return json_new_u64(*(const uint32_t *)member);
    case SCHEMA_U64:
        return json_new_u64(*(const uint64_t *)member);
    case SCHEMA_OPT_I64:
        return json_new_i64(((const struct opt_i64 *)member)->value);
    case SCHEMA_OPT_U32:
        return json_new_u64(((const struct opt_u32 *)member)->value);
    case SCHEMA_OPT_U64:
        return json_new_u64(((const struct opt_u64 *)member)->value);
    case SCHEMA_STRING:
        return cJSON_CreateString(*(char *const *)member);
    case SCHEMA_LETTER:
        return cJSON_CreateString(letter);
    case SCHEMA_ENUM:
        return encode_enum(field->names, *(const int *)member);
    case SCHEMA_ENUM_ULONG:
        return encode_enum(field->names, (int)*(const unsigned long *)member);
    case SCHEMA_FLAGS32:
        return encode_bits(field->names, *(const uint32_t *)member, false);
    case SCHEMA_FLAGS64:
        return encode_bits(field->names, *(const uint64_t *)member, false);
    case SCHEMA_CAPS:
        return encode_bits(field->names, ((const struct opt_u64 *)member)->value, true);
    case SCHEMA_STRV:
        return json_new_strv(*(char **const *)member);
    case SCHEMA_U32_LIST:
    case SCHEMA_ENUM_LIST:
        return encode_u32_list(field, member);
    case SCHEMA_MAP:
        return encode_map(member);
    case SCHEMA_STRUCT:
        return schema_encode(field->type, member);
    case SCHEMA_POINTER:
        return schema_encode(field->type, schema_pointer_get(member));
    case SCHEMA_LIST:
    case SCHEMA_KEYED:
        return encode_items(field, member);
    default:
        return NULL;
    }
}

cJSON *schema_encode(const struct schema_type *type, const void *object)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();

    if (!json)
        return NULL;
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct schema_field *field = &type->fields[i];
        const void *member = (const char *)object + field->offset;
        if (!absent(field, member) && json_add_item(json, field->name, encode_member(field, member)) < 0)
            return NULL;
    }
    return TAKE_PTR(json);
}
