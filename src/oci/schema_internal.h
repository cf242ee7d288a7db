/*
 * What the parts of the table engine share: where the decoder stands, and how it says what is wrong there.
 */
#pragma once

#include "oci/schema.h"

/* One step of the way from the document to a value; the steps lie on the stack of the functions that went
 * there. */
struct schema_path {
    const struct schema_path *up;
    const char *name; /* a member's name; NULL: an element, @index */
    size_t index;
    bool key; /* the name is a key of the user's choice, not one of the specification */
};

struct schema_decoder {
    struct error *err;
    struct error later; /* the first property that this version does not carry out */
    int last_capability;
};

/* Numbers by kind: how wide, signed or not, with a `set` beside the value or without. */
struct schema_number {
    bool is_number;
    bool is_signed;
    bool optional;
    unsigned bytes;
};
struct schema_number schema_number_of(enum schema_kind kind);

/* The range of a number's row: its own, or that of its C type. */
void schema_range(const struct schema_field *field, int64_t *min, uint64_t *max);

/* "process.rlimits[2].soft". The caller frees; NULL when memory ran out. */
char *schema_path_text(const struct schema_path *path);

/* Fills the error: PATH: expected what @field wants (@element: one element of it), found @found. */
int schema_mismatch(struct schema_decoder *d, const struct schema_path *path,
                    const struct schema_field *field, bool element, const cJSON *found);
/* The same with the expectation as a text. */
int schema_expected(struct schema_decoder *d, const struct schema_path *path, const char *expected,
                    const cJSON *found);

int schema_decode_into(struct schema_decoder *d, const struct schema_type *type,
                       const struct schema_path *path, const cJSON *json, void *object);
/* Values that are no nested objects. @object is the struct, the member is at field->offset. */
int schema_decode_value(struct schema_decoder *d, const struct schema_field *field,
                        const struct schema_path *path, const cJSON *json, void *object);
