/*
 * Writing one JSON document to standard output, value by value: no tree is kept, and no library is needed in
 * a static program. A name is NULL for the elements of a list.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

void json_object(const char *name);
void json_list(const char *name);
void json_end(void); /* of the innermost object or list */
void json_string(const char *name, const char *value);
void json_bytes(const char *name, const char *value, long n); /* not ended by a zero byte */
void json_number(const char *name, int64_t value);
void json_unsigned(const char *name, uint64_t value);
void json_bool(const char *name, bool value);
void json_null(const char *name);
void json_raw(const char *name, const char *json);
/* "EPERM"; the number as text for one that has no name here. */
void json_errno(const char *name, int code);

/* Begins another document, on the descriptor. */
void json_begin(int fd);
/* Writes what is left. */
void json_finish(void);
