/*
 * The table engine: JSON objects to C structs and back, by tables.
 *
 * Theory of operation. For each JSON object type there is one struct (oci/config.h, oci/state.h) and one
 * `struct schema_type` with a row for each property: its name, its kind (which says the C type of the member
 * too), where the member is, what values it takes. The decoder, the encoder and the destructor below all walk
 * the same rows, and so does the test that holds the tables against the specification's JSON schemas.
 *
 * A row that the specification has and this version of bryo does not carry out says so in `later`: the value
 * is decoded and checked like any other, and then refused by name; unless it asks for nothing (empty or
 * false).
 *
 * JSON null counts as absent: writers in Go emit it for empty lists. Unknown properties are ignored, as the
 * specification asks (config.md#extensibility).
 *
 * Rows are written with SCHEMA_VALUE and SCHEMA_NESTED*, which check at compile time that the member has the
 * C type the kind stands for.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "oci/config.h"
#include "oci/names.h"

enum schema_kind {
    SCHEMA_BOOL,       /* bool */
    SCHEMA_OPT_BOOL,   /* struct opt_bool */
    SCHEMA_I32,        /* int32_t */
    SCHEMA_I64,        /* int64_t */
    SCHEMA_U32,        /* uint32_t */
    SCHEMA_U64,        /* uint64_t */
    SCHEMA_OPT_I64,    /* struct opt_i64 */
    SCHEMA_OPT_U32,    /* struct opt_u32 */
    SCHEMA_OPT_U64,    /* struct opt_u64 */
    SCHEMA_STRING,     /* char * */
    SCHEMA_LETTER,     /* char: a string of one of the `letters` */
    SCHEMA_ENUM,       /* int: one of `names` */
    SCHEMA_ENUM_ULONG, /* unsigned long: one of `names` */
    SCHEMA_FLAGS32,    /* uint32_t: a list of `names`, ored */
    SCHEMA_FLAGS64,    /* uint64_t */
    SCHEMA_CAPS,       /* struct opt_u64: a list of capabilities; unknown names go to the member at `extra` */
    SCHEMA_STRV,       /* char **: a list of strings */
    SCHEMA_U32_LIST,   /* struct oci_u32_list */
    SCHEMA_ENUM_LIST,  /* struct oci_u32_list: a list of `names` */
    SCHEMA_MAP,        /* struct oci_map: an object of strings */
    SCHEMA_STRUCT,     /* an object of `type`, in place */
    SCHEMA_POINTER,    /* an object of `type`, allocated; NULL when absent */
    SCHEMA_LIST,       /* {items, count}: a list of `type` */
    SCHEMA_KEYED, /* {items, count}: an object of `type`; each key goes to the type's first member (char *) */
    SCHEMA_KIND_COUNT,
};

/* What a string must be like, beyond being one. */
struct schema_rule {
    bool (*holds)(const char *s);
    const char *expected; /* "an absolute path": completes "expected …" */
};

#define SCHEMA_REQUIRED (1U << 0) /* absent is an error */
#define SCHEMA_BLANK    (1U << 1) /* an empty string counts as absent */
#define SCHEMA_SOME     (1U << 2) /* an empty list is an error */

struct schema_type;

struct schema_field {
    const char *name;
    enum schema_kind kind;
    unsigned flags;
    size_t offset;
    size_t extra;                   /* SCHEMA_CAPS: offset of the char ** for unknown names */
    const struct schema_type *type; /* nested objects */
    const struct name_value *names; /* enumerations and flags; SCHEMA_STRING: the values allowed */
    const struct schema_rule *rule; /* SCHEMA_STRING, and each element of SCHEMA_STRV */
    const char *letters;            /* SCHEMA_LETTER */
    int64_t min;                    /* numbers: the range; both 0: all that the C type holds */
    uint64_t max;
    const char *later; /* not carried out by this version; the text is the hint for who needs it gone */
    const char *idle;  /* read and checked, and of no meaning here: the text says why */
};

struct schema_type {
    size_t size;
    const struct schema_field *fields;
    size_t n_fields; /* at most 64 */
};

#define SCHEMA_CTYPE_BOOL       bool
#define SCHEMA_CTYPE_OPT_BOOL   struct opt_bool
#define SCHEMA_CTYPE_I32        int32_t
#define SCHEMA_CTYPE_I64        int64_t
#define SCHEMA_CTYPE_U32        uint32_t
#define SCHEMA_CTYPE_U64        uint64_t
#define SCHEMA_CTYPE_OPT_I64    struct opt_i64
#define SCHEMA_CTYPE_OPT_U32    struct opt_u32
#define SCHEMA_CTYPE_OPT_U64    struct opt_u64
#define SCHEMA_CTYPE_STRING     char *
#define SCHEMA_CTYPE_LETTER     char
#define SCHEMA_CTYPE_ENUM       int
#define SCHEMA_CTYPE_ENUM_ULONG unsigned long
#define SCHEMA_CTYPE_FLAGS32    uint32_t
#define SCHEMA_CTYPE_FLAGS64    uint64_t
#define SCHEMA_CTYPE_CAPS       struct opt_u64
#define SCHEMA_CTYPE_STRV       char **
#define SCHEMA_CTYPE_U32_LIST   struct oci_u32_list
#define SCHEMA_CTYPE_ENUM_LIST  struct oci_u32_list
#define SCHEMA_CTYPE_MAP        struct oci_map

/* offsetof, and an error of the compiler when the expression's type is not @ctype. */
#define SCHEMA_OFFSET(s, m, expr, ctype) \
    (offsetof(struct s, m) + 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(expr), ctype) ? 1 : -1]))
#define SCHEMA_MEMBER(s, m) (((struct s *)0)->m)

/* A row for member @m of struct @s: SCHEMA_VALUE(oci_root, "path", path, STRING, .flags = …). */
#define SCHEMA_VALUE(s, json, m, k, ...)                                                    \
    {                                                                                       \
        .name = json, .kind = SCHEMA_##k,                                                   \
        .offset = SCHEMA_OFFSET(s, m, SCHEMA_MEMBER(s, m), SCHEMA_CTYPE_##k), ##__VA_ARGS__ \
    }
/* Rows of nested objects: @item is the struct's name, whose table is called schema_ITEM. */
#define SCHEMA_NESTED(s, json, m, item, ...)                                                     \
    {                                                                                            \
        .name = json, .kind = SCHEMA_STRUCT,                                                     \
        .offset = SCHEMA_OFFSET(s, m, SCHEMA_MEMBER(s, m), struct item), .type = &schema_##item, \
        ##__VA_ARGS__                                                                            \
    }
#define SCHEMA_NESTED_POINTER(s, json, m, item, ...)                                               \
    {                                                                                              \
        .name = json, .kind = SCHEMA_POINTER,                                                      \
        .offset = SCHEMA_OFFSET(s, m, SCHEMA_MEMBER(s, m), struct item *), .type = &schema_##item, \
        ##__VA_ARGS__                                                                              \
    }
#define SCHEMA_NESTED_LIST(s, json, m, item, ...)                                                        \
    {                                                                                                    \
        .name = json, .kind = SCHEMA_LIST,                                                               \
        .offset = SCHEMA_OFFSET(s, m, SCHEMA_MEMBER(s, m).items, struct item *), .type = &schema_##item, \
        ##__VA_ARGS__                                                                                    \
    }
#define SCHEMA_NESTED_KEYED(s, json, m, item, ...)                                                       \
    {                                                                                                    \
        .name = json, .kind = SCHEMA_KEYED,                                                              \
        .offset = SCHEMA_OFFSET(s, m, SCHEMA_MEMBER(s, m).items, struct item *), .type = &schema_##item, \
        ##__VA_ARGS__                                                                                    \
    }
/* Defines the table schema_ITEM from the array schema_ITEM_fields. */
#define SCHEMA_TYPE(item)                                                         \
    const struct schema_type schema_##item = {sizeof(struct item), item##_fields, \
                                              ARRAY_SIZE(item##_fields)};         \
    _Static_assert(ARRAY_SIZE(item##_fields) <= 64, "the decoder marks rows in one word")

/* Decodes @json into a new struct of @type. @path is where @json stands in its document ("linux.seccomp"),
 * NULL for the document itself. *out is freed with schema_free. *later gets the first property that this
 * version does not carry out, as an ENOTSUP error for the caller to return when nothing else is wrong; it is
 * left empty when there is none. Returns 0, -EINVAL or -ENOMEM. */
int schema_decode(const struct schema_type *type, const cJSON *json, const char *path, void **out,
                  struct error *later, struct error *err);

/* The JSON of @object: absent members are left out. NULL when memory ran out. */
cJSON *schema_encode(const struct schema_type *type, const void *object);

/* The rows of @type and of all types below, as a list of objects: `path` ("[]" stands for an element of a
 * list, "{}" for a value by a key of the user's choice), `kind`, `required`, and where there is such,
 * `values`, `later`, `idle`. For documentation and tests. NULL when memory ran out. */
cJSON *schema_dump(const struct schema_type *type);

/* Is there a row for @path, named as by schema_dump, and does neither it nor one above it say `later`? */
bool schema_carries_out(const struct schema_type *type, const char *path);

/* Frees all that @object owns, and @object. NULL is fine. */
void schema_free(const struct schema_type *type, void *object);

/* The same without @object itself. */
void schema_clear(const struct schema_type *type, void *object);

/* Lists have one layout, whatever their items: a pointer and a count. They are read and written through
 * these. */
struct schema_items {
    void *items;
    size_t count;
};
struct schema_items schema_items_get(const void *list);
void schema_items_set(void *list, struct schema_items value);
void *schema_pointer_get(const void *member);
void schema_pointer_set(void *member, void *value);
