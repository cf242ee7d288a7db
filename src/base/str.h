/*
 * Strings: growing buffers, vectors, strict numbers.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing string. Zero-initialise; after a failed allocation `oom` is set and later calls do nothing, so a
 * caller checks once at the end. `data` is NUL-terminated once anything was appended; owned by the buffer. */
struct strbuf {
    char *data;
    size_t len;
    size_t cap;
    bool oom;
};

void strbuf_free(struct strbuf *b);
void strbuf_add(struct strbuf *b, const char *text);
void strbuf_addn(struct strbuf *b, const char *text, size_t n);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vaddf(struct strbuf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Gives the string away (the caller frees); NULL if memory ran out. An empty buffer gives "". */
char *strbuf_take(struct strbuf *b);
#define _cleanup_strbuf_ __attribute__((cleanup(strbuf_free)))

/* A vector of owned strings, always terminated by NULL (strv == NULL is the empty vector). */
size_t strv_len(char *const *v);
void strv_free(char **v);
void strv_freep(char ***v);
/* Appends a copy of @s. Returns 0 or -ENOMEM (the vector is unchanged then). */
int strv_add(char ***v, const char *s);
/* Appends @s itself; on failure frees @s. Returns 0 or -ENOMEM. */
int strv_take(char ***v, char *s);
/* A deep copy; NULL for NULL or when memory ran out (*oom is set then if not NULL). */
char **strv_copy(char *const *v, bool *oom);
bool strv_has(char *const *v, const char *s);
/* The value of NAME=value in an environment vector, or NULL. Points into the vector. */
const char *strv_getenv(char *const *env, const char *name);
/* Sets NAME=value, replacing an older entry. Returns 0 or -ENOMEM. */
int strv_setenv(char ***env, const char *name, const char *value);
#define _cleanup_strv_     __attribute__((cleanup(strv_freep)))
#define STRV_FOREACH(s, v) for (char *const *s = (v); s && *s; s++)

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
static inline bool str_empty(const char *s)
{
    return !s || !*s;
}

/* asprintf that returns NULL when memory ran out. The caller frees. */
char *str_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Text for messages: control bytes and invalid UTF-8 become \xNN, quotes and backslashes get a backslash, cut
 * after @max bytes with "…" (0: no limit). Never fails but for memory: then returns NULL. The caller frees.
 */
char *str_quote(const char *s, size_t max);

/* How many of the @len bytes at @s are well-formed UTF-8 (RFC 3629), up to the first that is not. */
size_t str_utf8_span(const char *s, size_t len);
/* Is all of @s well-formed UTF-8? */
bool str_is_utf8(const char *s, size_t len);

/* Strict numbers: decimal digits only, no sign but a leading '-' for the signed one, no blanks, no leading
 * "+", nothing behind, in range. Return 0, -EINVAL (not a number) or -ERANGE. *out is set only on success. */
int parse_u64(const char *s, uint64_t *out);
int parse_i64(const char *s, int64_t *out);
int parse_u32(const char *s, uint32_t *out);
/* A uid or gid: as parse_u32, and (uint32_t)-1 is -ERANGE, since the kernel takes it for "unchanged". */
int parse_id(const char *s, uint32_t *out);
/* Octal digits only, up to @max. */
int parse_octal(const char *s, unsigned max, unsigned *out);
/* A size in bytes: digits with an optional suffix k, m, g or t (any case, powers of 1024). */
int parse_size(const char *s, uint64_t *out);
