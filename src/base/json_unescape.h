/*
 * The escapes of JSON strings (RFC 8259, section 7).
 */
#pragma once

#include <stddef.h>

/* Decodes the @len bytes at @s, what stands between the quotes of a string, into @to, which has room for len
 * + 1 bytes and gets a NUL at the end. Returns NULL, or what is wrong at offset *bad. \u0000 is wrong: C
 * strings cannot hold it. */
const char *json_unescape(const char *s, size_t len, char *to, size_t *bad);
