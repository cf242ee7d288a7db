/*
 * Messages of the table engine: `process.rlimits[2].soft: expected an unsigned integer, found "many"`. The
 * expectation is told from the row, so that it cannot drift from what the decoder takes.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/schema_internal.h"

/* More names than this are not listed in full. */
#define NAMES_SHOWN 12

struct schema_number schema_number_of(enum schema_kind kind)
{
    static const struct schema_number numbers[SCHEMA_KIND_COUNT] = {
        [SCHEMA_I32] = {true, true, false, 4},     [SCHEMA_I64] = {true, true, false, 8},
        [SCHEMA_U32] = {true, false, false, 4},    [SCHEMA_U64] = {true, false, false, 8},
        [SCHEMA_OPT_I64] = {true, true, true, 8},  [SCHEMA_OPT_U32] = {true, false, true, 4},
        [SCHEMA_OPT_U64] = {true, false, true, 8}, [SCHEMA_U32_LIST] = {true, false, false, 4},
    };

    return numbers[kind];
}

void schema_range(const struct schema_field *field, int64_t *min, uint64_t *max)
{
    struct schema_number n = schema_number_of(field->kind);

    *min = field->min;
    *max = field->max;
    if (*min || *max)
        return;
    if (n.is_signed) {
        *min = n.bytes == 4 ? INT32_MIN : INT64_MIN;
        *max = n.bytes == 4 ? INT32_MAX : INT64_MAX;
    } else {
        *max = n.bytes == 4 ? UINT32_MAX : UINT64_MAX;
    }
}

static bool plain_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-')
            return false;
    return *name;
}

static void add_path(struct strbuf *b, const struct schema_path *path)
{
    if (!path)
        return;
    add_path(b, path->up);
    if (!path->name) {
        strbuf_addf(b, "[%zu]", path->index);
    } else if (path->key && !plain_name(path->name)) {
        _cleanup_free_ char *quoted = str_quote(path->name, 100);
        strbuf_addf(b, "[\"%s\"]", quoted ? quoted : "?");
    } else {
        strbuf_addf(b, "%s%s", b->len ? "." : "", path->name);
    }
}

char *schema_path_text(const struct schema_path *path)
{
    struct strbuf b = {0};

    add_path(&b, path);
    if (!b.len)
        strbuf_add(&b, "the document");
    return strbuf_take(&b);
}

static void add_names(struct strbuf *b, const struct name_value *names)
{
    size_t n = 0;

    strbuf_add(b, "one of ");
    for (; names[n].name && n < NAMES_SHOWN; n++)
        strbuf_addf(b, "%s\"%s\"", n ? ", " : "", names[n].name);
    if (names[n].name)
        strbuf_add(b, ", …");
}

static void add_letters(struct strbuf *b, const char *letters)
{
    strbuf_add(b, "one of ");
    for (const char *c = letters; *c; c++)
        strbuf_addf(b, "%s\"%c\"", c == letters ? "" : ", ", *c);
}

/* Somebody who wrote no number at all is told "an unsigned integer", somebody whose number does not fit the
 * range. */
static void add_number(struct strbuf *b, const struct schema_field *field, const cJSON *found)
{
    int64_t min;
    uint64_t max;

    schema_range(field, &min, &max);
    if (cJSON_IsNumber(found) || field->min || field->max)
        strbuf_addf(b, "an integer from %" PRId64 " to %" PRIu64, min, max);
    else
        strbuf_add(b, schema_number_of(field->kind).is_signed ? "an integer" : "an unsigned integer");
}

static void add_element(struct strbuf *b, const struct schema_field *field, const cJSON *found)
{
    switch (field->kind) {
    case SCHEMA_U32_LIST:
        add_number(b, field, found);
        return;
    case SCHEMA_ENUM_LIST:
    case SCHEMA_FLAGS32:
    case SCHEMA_FLAGS64:
        add_names(b, field->names);
        return;
    case SCHEMA_LIST:
    case SCHEMA_KEYED:
        strbuf_add(b, "an object");
        return;
    default:
        strbuf_add(b, field->rule ? field->rule->expected : "a string");
    }
}

static void add_whole(struct strbuf *b, const struct schema_field *field, const cJSON *found)
{
    static const char *const texts[SCHEMA_KIND_COUNT] = {
        [SCHEMA_BOOL] = "true or false",         [SCHEMA_OPT_BOOL] = "true or false",
        [SCHEMA_FLAGS32] = "a list of names",    [SCHEMA_FLAGS64] = "a list of names",
        [SCHEMA_CAPS] = "a list of names",       [SCHEMA_ENUM_LIST] = "a list of names",
        [SCHEMA_STRV] = "a list of strings",     [SCHEMA_U32_LIST] = "a list of integers",
        [SCHEMA_MAP] = "an object of strings",   [SCHEMA_STRUCT] = "an object",
        [SCHEMA_POINTER] = "an object",          [SCHEMA_LIST] = "a list of objects",
        [SCHEMA_KEYED] = "an object of objects",
    };

    if (texts[field->kind])
        strbuf_addf(b, "%s%s", texts[field->kind], field->flags & SCHEMA_SOME ? " with at least one" : "");
    else if (schema_number_of(field->kind).is_number)
        add_number(b, field, found);
    else if (field->names)
        add_names(b, field->names);
    else if (field->letters)
        add_letters(b, field->letters);
    else
        strbuf_add(b, field->rule ? field->rule->expected : "a string");
}

int schema_expected(struct schema_decoder *d, const struct schema_path *path, const char *expected,
                    const cJSON *found)
{
    _cleanup_free_ char *where = schema_path_text(path);
    _cleanup_free_ char *what = json_describe(found);

    if (!where || !what)
        return error_oom(d->err);
    return error_set(d->err, EINVAL, "%s: expected %s, found %s", where, expected, what);
}

int schema_mismatch(struct schema_decoder *d, const struct schema_path *path,
                    const struct schema_field *field, bool element, const cJSON *found)
{
    _cleanup_strbuf_ struct strbuf expected = {0};

    if (element)
        add_element(&expected, field, found);
    else
        add_whole(&expected, field, found);
    return expected.oom ? error_oom(d->err) : schema_expected(d, path, expected.data, found);
}
