/*
 * JSON beyond what cJSON offers: reading with line numbers in errors, writing for programs.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Parses @len bytes. @name is the file's name for the message, which carries line and column:
 *     config.json:12:7: not valid JSON: …
 * Bytes behind the document, embedded NULs, nesting above cJSON's limit and duplicate keys in an object are
 * errors. The caller frees *out with cJSON_Delete. Returns 0, -EINVAL or -ENOMEM. */
int json_parse(const char *name, const char *text, size_t len, cJSON **out, struct error *err);

/* Reads and parses a file of at most 16 MiB. */
int json_read_file(int dirfd, const char *path, cJSON **out, struct error *err);

/* What @item is, for messages: `"many"`, `12`, `an object`, … with long strings cut. The caller frees. */
char *json_describe(const cJSON *item);

/* The text of @root with a newline at the end, indented by four blanks if @pretty. The caller frees; NULL when
 * memory ran out. Members keep their order. 64-bit integers print exactly if they were added by json_add_u64. */
char *json_print(const cJSON *root, bool pretty);

/* Add a member; return 0 or -ENOMEM. json_add_* for strings skip NULL values. */
int json_add_string(cJSON *object, const char *name, const char *value);
int json_add_u64(cJSON *object, const char *name, uint64_t value);
int json_add_i64(cJSON *object, const char *name, int64_t value);
int json_add_bool(cJSON *object, const char *name, bool value);
int json_add_strv(cJSON *object, const char *name, char *const *values);
/* Adds @item and takes it over, also on failure (it is freed then). */
int json_add_item(cJSON *object, const char *name, cJSON *item);

static inline void cleanup_cjson(cJSON **j)
{
    cJSON_Delete(*j);
}
#define _cleanup_cjson_ __attribute__((cleanup(cleanup_cjson)))
