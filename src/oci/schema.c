/*
 * The decoder's half for objects and lists of objects, and the destructor. Values are schema_value.c,
 * messages schema_error.c, the way back to JSON schema_encode.c.
 */
#include "oci/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/schema_internal.h"

/* The four below go through memcpy: the members are pointers to (and lists of) many types, and a `void *` is
 * none of them to the compiler. */
struct schema_items schema_items_get(const void *list)
{
    struct schema_items v;

    memcpy(&v, list, sizeof v);
    return v;
}

void schema_items_set(void *list, struct schema_items value)
{
    memcpy(list, &value, sizeof value);
}

void *schema_pointer_get(const void *member)
{
    void *v;

    memcpy(&v, member, sizeof v);
    return v;
}

void schema_pointer_set(void *member, void *value)
{
    memcpy(member, &value, sizeof value);
}

/* @keyed: each item's first member is its key, which has no row in the type's table. */
static void free_items(const struct schema_type *type, void *list, bool keyed)
{
    struct schema_items v = schema_items_get(list);

    for (size_t i = 0; i < v.count; i++) {
        void *item = (char *)v.items + i * type->size;
        if (keyed)
            free(schema_pointer_get(item));
        schema_clear(type, item);
    }
    free(v.items);
    schema_items_set(list, (struct schema_items){0});
}

static void free_map(struct oci_map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        free(map->items[i].key);
        free(map->items[i].value);
    }
    free(map->items);
    *map = (struct oci_map){0};
}

static void free_field(const struct schema_field *field, void *object)
{
    void *member = (char *)object + field->offset;
    struct oci_u32_list *numbers;

    switch (field->kind) {
    case SCHEMA_STRING:
        free(*(char **)member);
        *(char **)member = NULL;
        return;
    case SCHEMA_STRV:
        strv_freep(member);
        return;
    case SCHEMA_CAPS:
        strv_freep((char ***)(void *)((char *)object + field->extra));
        return;
    case SCHEMA_U32_LIST:
    case SCHEMA_ENUM_LIST:
        numbers = member;
        free(numbers->items);
        *numbers = (struct oci_u32_list){0};
        return;
    case SCHEMA_MAP:
        free_map(member);
        return;
    case SCHEMA_STRUCT:
        schema_clear(field->type, member);
        return;
    case SCHEMA_POINTER:
        schema_free(field->type, schema_pointer_get(member));
        schema_pointer_set(member, NULL);
        return;
    case SCHEMA_LIST:
    case SCHEMA_KEYED:
        free_items(field->type, member, field->kind == SCHEMA_KEYED);
        return;
    default: /* owns nothing */
        return;
    }
}

void schema_clear(const struct schema_type *type, void *object)
{
    for (size_t i = 0; i < type->n_fields; i++)
        free_field(&type->fields[i], object);
}

void schema_free(const struct schema_type *type, void *object)
{
    if (!object)
        return;
    int saved = errno;
    schema_clear(type, object);
    free(object);
    errno = saved;
}

static int decode_pointer(struct schema_decoder *d, const struct schema_field *field,
                          const struct schema_path *path, const cJSON *json, void *member)
{
    void *object = calloc(1, field->type->size);

    if (!object)
        return error_oom(d->err);
    schema_pointer_set(member, object); /* whatever happens now, the owner of the member frees it */
    return schema_decode_into(d, field->type, path, json, object);
}

/* A list of objects, or an object of them whose keys go to each item's first member. */
static int decode_items(struct schema_decoder *d, const struct schema_field *field,
                        const struct schema_path *path, const cJSON *json, void *member)
{
    bool keyed = field->kind == SCHEMA_KEYED;
    struct schema_items list = {0};
    const cJSON *e;

    if (!(keyed ? cJSON_IsObject(json) : cJSON_IsArray(json)) || (!json->child && field->flags & SCHEMA_SOME))
        return schema_mismatch(d, path, field, false, json);
    if (!json->child)
        return 0;
    list.items = calloc((size_t)cJSON_GetArraySize(json), field->type->size);
    if (!list.items)
        return error_oom(d->err);
    cJSON_ArrayForEach (e, json) {
        struct schema_path at = {
            .up = path, .name = keyed ? e->string : NULL, .index = list.count, .key = keyed};
        void *item = (char *)list.items + list.count * field->type->size;
        list.count++;
        schema_items_set(member, list);
        if (keyed && !*e->string)
            return schema_expected(d, &at, "a key that is not empty", e);
        if (keyed) {
            char *key = strdup(e->string);
            if (!key)
                return error_oom(d->err);
            schema_pointer_set(item, key);
        }
        int r = schema_decode_into(d, field->type, &at, e, item);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Is @json, of the type that the row takes, empty: "", false, [] or {}? Such a value asks for nothing. */
static bool is_empty(const struct schema_field *field, const cJSON *json)
{
    switch (field->kind) {
    case SCHEMA_BOOL:
    case SCHEMA_OPT_BOOL:
        return cJSON_IsFalse(json);
    case SCHEMA_STRING:
        return cJSON_IsString(json) && !*json->valuestring;
    case SCHEMA_STRV:
    case SCHEMA_LIST:
        return cJSON_IsArray(json) && !json->child;
    case SCHEMA_MAP:
    case SCHEMA_STRUCT:
    case SCHEMA_POINTER:
    case SCHEMA_KEYED:
        return cJSON_IsObject(json) && !json->child;
    default:
        return false;
    }
}

/* Remembers the first property that is not carried out; it is reported when all else is well. */
static int note_later(struct schema_decoder *d, const struct schema_field *field,
                      const struct schema_path *path)
{
    if (d->later.code)
        return 0;
    _cleanup_free_ char *where = schema_path_text(path);
    if (!where)
        return error_oom(d->err);
    error_set(&d->later, ENOTSUP, "%s: not supported by this version of bryo", where);
    error_hint(&d->later, "%s", field->later);
    return 0;
}

static int decode_field(struct schema_decoder *d, const struct schema_field *field,
                        const struct schema_path *path, const cJSON *json, void *object)
{
    void *member = (char *)object + field->offset;
    int r;

    if (field->later) {
        if (is_empty(field, json))
            return 0;
        r = note_later(d, field, path);
        if (r < 0)
            return r;
    }
    switch (field->kind) {
    case SCHEMA_STRUCT:
        return schema_decode_into(d, field->type, path, json, member);
    case SCHEMA_POINTER:
        return decode_pointer(d, field, path, json, member);
    case SCHEMA_LIST:
    case SCHEMA_KEYED:
        return decode_items(d, field, path, json, member);
    default:
        return schema_decode_value(d, field, path, json, object);
    }
}

static const struct schema_field *find_field(const struct schema_type *type, const char *name)
{
    for (size_t i = 0; i < type->n_fields; i++)
        if (strcmp(type->fields[i].name, name) == 0)
            return &type->fields[i];
    return NULL;
}

/* A required property is not there. Often it is, misspelt: then the unknown one is the hint. */
static int fail_missing(struct schema_decoder *d, const struct schema_type *type,
                        const struct schema_field *field, const struct schema_path *path, const cJSON *json)
{
    struct schema_path at = {.up = path, .name = field->name};
    int r = schema_mismatch(d, &at, field, false, NULL);
    const cJSON *e;

    cJSON_ArrayForEach (e, json) {
        if (find_field(type, e->string))
            continue;
        _cleanup_free_ char *quoted = str_quote(e->string, 60);
        if (quoted)
            error_hint(d->err, "there is \"%s\", which the specification does not know: a misspelt \"%s\"?",
                       quoted, field->name);
        break;
    }
    return r;
}

int schema_decode_into(struct schema_decoder *d, const struct schema_type *type,
                       const struct schema_path *path, const cJSON *json, void *object)
{
    uint64_t seen = 0;
    const cJSON *e;
    int r;

    if (!cJSON_IsObject(json))
        return schema_expected(d, path, "an object", json);
    cJSON_ArrayForEach (e, json) {
        const struct schema_field *field = find_field(type, e->string);
        struct schema_path at = {.up = path, .name = e->string};
        if (!field || cJSON_IsNull(e))
            continue;
        if (field->flags & SCHEMA_BLANK && cJSON_IsString(e) && !*e->valuestring)
            continue;
        /* The reader refuses a key that is there twice; a tree built by hand must not leak by it. */
        uint64_t bit = UINT64_C(1) << (field - type->fields);
        if (seen & bit)
            return schema_expected(d, &at, "the property once", e);
        seen |= bit;
        r = decode_field(d, field, &at, e, object);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < type->n_fields; i++)
        if (type->fields[i].flags & SCHEMA_REQUIRED && !(seen & UINT64_C(1) << i))
            return fail_missing(d, type, &type->fields[i], path, json);
    return 0;
}

int schema_decode(const struct schema_type *type, const cJSON *json, const char *path, void **out,
                  struct error *later, struct error *err)
{
    struct schema_decoder d = {.err = err, .later = ERROR_INIT, .last_capability = -1};
    struct schema_path root = {.name = path};
    void *object = calloc(1, type->size);
    int r;

    if (!object)
        return error_oom(err);
    r = schema_decode_into(&d, type, path ? &root : NULL, json, object);
    if (r < 0) {
        error_clear(&d.later);
        schema_free(type, object);
        return r;
    }
    error_move(later, &d.later);
    *out = object;
    return 0;
}
