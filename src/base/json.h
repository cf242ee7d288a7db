/*
 * JSON beyond what cJSON offers: reading with line numbers in errors, integers of 64 bits, writing for
 * programs.
 *
 * The tree is cJSON's; text is read and written here. A number that a double cannot hold exactly, or that is
 * not a plain integer, keeps its text in `valuestring`: 18446744073709551615 stays what it is, through
 * json_parse, json_get_u64 and json_print (cJSON's own printer would round it: use json_print).
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Parses @len bytes as RFC 8259 has it. @name is the file's name for the message, which carries line and
 * column (both from 1, the column in characters): config.json:12:7: not valid JSON: expected ',' or '}' after
 * a member, found '"' Bytes behind the document, NULs (also as \u0000), invalid UTF-8, a byte order mark,
 * nesting above cJSON's limit and duplicate keys in an object are errors. The caller frees *out with
 * cJSON_Delete. Returns 0, -EINVAL or -ENOMEM. */
int json_parse(const char *name, const char *text, size_t len, cJSON **out, struct error *err);

/* Reads and parses a file of at most JSON_FILE_MAX bytes. */
#define JSON_FILE_MAX ((size_t)16 << 20)
int json_read_file(int dirfd, const char *path, cJSON **out, struct error *err);

/* What @item is, for messages: `"many"`, `12`, `an object`, … with long strings cut; `nothing` for NULL. The
 * caller frees. */
char *json_describe(const cJSON *item);

/* The value of an integer, exactly. Returns 0, -EINVAL (not a number, or written with a fraction or an
 * exponent) or -ERANGE. *out is set only on success. */
int json_get_u64(const cJSON *item, uint64_t *out);
int json_get_i64(const cJSON *item, int64_t *out);

/* The text of @root with a newline at the end, indented by four blanks if @pretty. The caller frees; NULL
 * when memory ran out. Members keep their order. Bytes that are not UTF-8 become U+FFFD, since JSON has no
 * form for them: who must not lose them checks with str_is_utf8 first. */
char *json_print(const cJSON *root, bool pretty);

/* Add a member; return 0 or -ENOMEM. json_add_* for strings skip NULL values. */
int json_add_string(cJSON *object, const char *name, const char *value);
int json_add_u64(cJSON *object, const char *name, uint64_t value);
int json_add_i64(cJSON *object, const char *name, int64_t value);
int json_add_bool(cJSON *object, const char *name, bool value);
int json_add_strv(cJSON *object, const char *name, char *const *values);
/* Adds @item and takes it over, also on failure (it is freed then; NULL is -ENOMEM). */
int json_add_item(cJSON *object, const char *name, cJSON *item);

/* A number that prints exactly, for lists. NULL when memory ran out. */
cJSON *json_new_u64(uint64_t value);
cJSON *json_new_i64(int64_t value);
/* A list of strings; an empty one for NULL. NULL when memory ran out. */
cJSON *json_new_strv(char *const *values);

static inline void cleanup_cjson(cJSON **j)
{
    cJSON_Delete(*j);
}
#define _cleanup_cjson_ __attribute__((cleanup(cleanup_cjson)))
