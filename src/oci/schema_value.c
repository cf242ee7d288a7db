/*
 * The decoder's half for values that are not objects of their own: numbers, strings, names, lists of those,
 * maps.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/schema_internal.h"

static void *member(void *object, size_t offset)
{
    return (char *)object + offset;
}

static int decode_bool(struct schema_decoder *d, const struct schema_field *field,
                       const struct schema_path *path, const cJSON *json, void *to)
{
    if (!cJSON_IsBool(json))
        return schema_mismatch(d, path, field, false, json);
    if (field->kind == SCHEMA_OPT_BOOL)
        *(struct opt_bool *)to = (struct opt_bool){true, cJSON_IsTrue(json)};
    else
        *(bool *)to = cJSON_IsTrue(json);
    return 0;
}

/* An integer within the row's range; *out holds its bits. */
static bool get_number(const struct schema_field *field, const cJSON *json, uint64_t *out)
{
    int64_t min, v;
    uint64_t max;

    schema_range(field, &min, &max);
    if (schema_number_of(field->kind).is_signed) {
        if (json_get_i64(json, &v) < 0 || v < min || (v > 0 && (uint64_t)v > max))
            return false;
        *out = (uint64_t)v;
        return true;
    }
    return json_get_u64(json, out) == 0 && (min < 0 || *out >= (uint64_t)min) && *out <= max;
}

static int decode_number(struct schema_decoder *d, const struct schema_field *field,
                         const struct schema_path *path, const cJSON *json, void *to)
{
    uint64_t v;

    if (!get_number(field, json, &v))
        return schema_mismatch(d, path, field, false, json);
    switch (field->kind) {
    case SCHEMA_I32:
        *(int32_t *)to = (int32_t)v;
        break;
    case SCHEMA_I64:
        *(int64_t *)to = (int64_t)v;
        break;
    case SCHEMA_U32:
        *(uint32_t *)to = (uint32_t)v;
        break;
    case SCHEMA_OPT_I64:
        *(struct opt_i64 *)to = (struct opt_i64){true, (int64_t)v};
        break;
    case SCHEMA_OPT_U32:
        *(struct opt_u32 *)to = (struct opt_u32){true, (uint32_t)v};
        break;
    case SCHEMA_OPT_U64:
        *(struct opt_u64 *)to = (struct opt_u64){true, v};
        break;
    default:
        *(uint64_t *)to = v;
    }
    return 0;
}

/* Is @json a string that the row takes? */
static bool string_fits(const struct schema_field *field, const cJSON *json)
{
    return cJSON_IsString(json) && (!field->rule || field->rule->holds(json->valuestring)) &&
           (field->kind != SCHEMA_STRING || !field->names || name_find(field->names, json->valuestring));
}

static int decode_string(struct schema_decoder *d, const struct schema_field *field,
                         const struct schema_path *path, const cJSON *json, void *to)
{
    if (!string_fits(field, json))
        return schema_mismatch(d, path, field, false, json);
    *(char **)to = strdup(json->valuestring);
    return *(char **)to ? 0 : error_oom(d->err);
}

static int decode_letter(struct schema_decoder *d, const struct schema_field *field,
                         const struct schema_path *path, const cJSON *json, void *to)
{
    const char *s = cJSON_IsString(json) ? json->valuestring : "";

    if (strlen(s) != 1 || !strchr(field->letters, *s))
        return schema_mismatch(d, path, field, false, json);
    *(char *)to = *s;
    return 0;
}

static const struct name_value *find_name(const struct schema_field *field, const cJSON *json)
{
    return cJSON_IsString(json) ? name_find(field->names, json->valuestring) : NULL;
}

static int decode_enum(struct schema_decoder *d, const struct schema_field *field,
                       const struct schema_path *path, const cJSON *json, void *to)
{
    const struct name_value *name = find_name(field, json);

    if (!name)
        return schema_mismatch(d, path, field, false, json);
    if (field->kind == SCHEMA_ENUM)
        *(int *)to = (int)name->value;
    else
        *(unsigned long *)to = (unsigned long)name->value;
    return 0;
}

/* The bits of a list of names. */
static int decode_flags(struct schema_decoder *d, const struct schema_field *field,
                        const struct schema_path *path, const cJSON *json, void *to)
{
    struct schema_path at = {.up = path};
    uint64_t bits = 0;
    const cJSON *e;

    cJSON_ArrayForEach (e, json) {
        const struct name_value *name = find_name(field, e);
        if (!name)
            return schema_mismatch(d, &at, field, true, e);
        bits |= (uint64_t)name->value;
        at.index++;
    }
    if (field->kind == SCHEMA_FLAGS32)
        *(uint32_t *)to = (uint32_t)bits;
    else
        *(uint64_t *)to = bits;
    return 0;
}

/* Capabilities that nobody here knows are no error (config.md#linux-process): they are gathered for a
 * warning. */
static int decode_caps(struct schema_decoder *d, const struct schema_field *field,
                       const struct schema_path *path, const cJSON *json, void *object)
{
    struct opt_u64 *set = member(object, field->offset);
    char ***unknown = member(object, field->extra);
    struct schema_path at = {.up = path};
    const cJSON *e;

    if (d->last_capability < 0)
        d->last_capability = oci_last_capability();
    set->set = true;
    cJSON_ArrayForEach (e, json) {
        if (!cJSON_IsString(e))
            return schema_mismatch(d, &at, field, true, e);
        const struct name_value *name = name_find(field->names, e->valuestring);
        if (name && name->value <= d->last_capability)
            set->value |= UINT64_C(1) << name->value;
        else if (!strv_has(*unknown, e->valuestring) && strv_add(unknown, e->valuestring) < 0)
            return error_oom(d->err);
        at.index++;
    }
    return 0;
}

static int decode_strv(struct schema_decoder *d, const struct schema_field *field,
                       const struct schema_path *path, const cJSON *json, void *to)
{
    struct schema_path at = {.up = path};
    const cJSON *e;
    /* Sized at once: strv_add would look for the end again for each element. */
    char **v = calloc((size_t)cJSON_GetArraySize(json) + 1, sizeof *v);

    if (!v)
        return error_oom(d->err);
    *(char ***)to = v;
    cJSON_ArrayForEach (e, json) {
        if (!string_fits(field, e))
            return schema_mismatch(d, &at, field, true, e);
        v[at.index] = strdup(e->valuestring);
        if (!v[at.index++])
            return error_oom(d->err);
    }
    return 0;
}

static int decode_u32_list(struct schema_decoder *d, const struct schema_field *field,
                           const struct schema_path *path, const cJSON *json, void *to)
{
    struct oci_u32_list *list = to;
    struct schema_path at = {.up = path};
    const cJSON *e;

    list->items = calloc((size_t)cJSON_GetArraySize(json), sizeof *list->items);
    if (!list->items)
        return error_oom(d->err);
    cJSON_ArrayForEach (e, json) {
        const struct name_value *name = NULL;
        uint64_t v = 0;
        if (field->kind == SCHEMA_ENUM_LIST) {
            name = find_name(field, e);
            v = name ? (uint64_t)name->value : 0;
        }
        if (!name && (field->kind == SCHEMA_ENUM_LIST || !get_number(field, e, &v)))
            return schema_mismatch(d, &at, field, true, e);
        list->items[list->count++] = (uint32_t)v;
        at.index++;
    }
    return 0;
}

static int decode_map(struct schema_decoder *d, const struct schema_field *field,
                      const struct schema_path *path, const cJSON *json, void *to)
{
    struct oci_map *map = to;
    const cJSON *e;

    if (!cJSON_IsObject(json))
        return schema_mismatch(d, path, field, false, json);
    if (!json->child)
        return 0;
    map->items = calloc((size_t)cJSON_GetArraySize(json), sizeof *map->items);
    if (!map->items)
        return error_oom(d->err);
    cJSON_ArrayForEach (e, json) {
        struct schema_path at = {.up = path, .name = e->string, .key = true};
        struct oci_pair *pair = &map->items[map->count];
        if (!*e->string)
            return schema_expected(d, &at, "a key that is not empty", e);
        if (!cJSON_IsString(e))
            return schema_mismatch(d, &at, field, true, e);
        map->count++;
        pair->key = strdup(e->string);
        pair->value = strdup(e->valuestring);
        if (!pair->key || !pair->value)
            return error_oom(d->err);
    }
    return 0;
}

/* Lists: the type is checked here for all of them, and an empty one stays NULL. */
static int decode_list(struct schema_decoder *d, const struct schema_field *field,
                       const struct schema_path *path, const cJSON *json, void *object)
{
    void *to = member(object, field->offset);

    if (!cJSON_IsArray(json) || (!json->child && field->flags & SCHEMA_SOME))
        return schema_mismatch(d, path, field, false, json);
    if (field->kind == SCHEMA_CAPS)
        return decode_caps(d, field, path, json, object);
    if (!json->child)
        return 0;
    switch (field->kind) {
    case SCHEMA_STRV:
        return decode_strv(d, field, path, json, to);
    case SCHEMA_FLAGS32:
    case SCHEMA_FLAGS64:
        return decode_flags(d, field, path, json, to);
    default:
        return decode_u32_list(d, field, path, json, to);
    }
}

int schema_decode_value(struct schema_decoder *d, const struct schema_field *field,
                        const struct schema_path *path, const cJSON *json, void *object)
{
    void *to = member(object, field->offset);

    switch (field->kind) {
    case SCHEMA_BOOL:
    case SCHEMA_OPT_BOOL:
        return decode_bool(d, field, path, json, to);
    case SCHEMA_STRING:
        return decode_string(d, field, path, json, to);
    case SCHEMA_LETTER:
        return decode_letter(d, field, path, json, to);
    case SCHEMA_ENUM:
    case SCHEMA_ENUM_ULONG:
        return decode_enum(d, field, path, json, to);
    case SCHEMA_FLAGS32:
    case SCHEMA_FLAGS64:
    case SCHEMA_CAPS:
    case SCHEMA_STRV:
    case SCHEMA_U32_LIST:
    case SCHEMA_ENUM_LIST:
        return decode_list(d, field, path, json, object);
    case SCHEMA_MAP:
        return decode_map(d, field, path, json, to);
    default:
        return decode_number(d, field, path, json, to);
    }
}
