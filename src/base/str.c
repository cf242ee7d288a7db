#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

void strbuf_free(struct strbuf *b)
{
    int saved = errno;
    free(b->data);
    *b = (struct strbuf){0};
    errno = saved;
}

static bool strbuf_room(struct strbuf *b, size_t more)
{
    size_t cap = b->cap ? b->cap : 64;

    if (b->oom)
        return false;
    if (more > SIZE_MAX / 4 - b->len) {
        b->oom = true;
        return false;
    }
    while (cap < b->len + more + 1)
        cap *= 2;
    if (cap != b->cap) {
        char *data = realloc(b->data, cap);
        if (!data) {
            b->oom = true;
            return false;
        }
        b->data = data;
        b->cap = cap;
    }
    return true;
}

void strbuf_addn(struct strbuf *b, const char *text, size_t n)
{
    if (!strbuf_room(b, n))
        return;
    if (n)
        memcpy(b->data + b->len, text, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void strbuf_add(struct strbuf *b, const char *text)
{
    strbuf_addn(b, text, strlen(text));
}

void strbuf_vaddf(struct strbuf *b, const char *fmt, va_list ap)
{
    va_list again;

    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0) {
        b->oom = true;
        return;
    }
    if (!strbuf_room(b, (size_t)n))
        return;
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    b->len += (size_t)n;
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    strbuf_vaddf(b, fmt, ap);
    va_end(ap);
}

char *strbuf_take(struct strbuf *b)
{
    strbuf_addn(b, "", 0);
    if (b->oom) {
        strbuf_free(b);
        return NULL;
    }
    char *data = b->data;
    *b = (struct strbuf){0};
    return data;
}

size_t strv_len(char *const *v)
{
    size_t n = 0;

    while (v && v[n])
        n++;
    return n;
}

void strv_free(char **v)
{
    int saved = errno;

    for (char **s = v; s && *s; s++)
        free(*s);
    free(v);
    errno = saved;
}

void strv_freep(char ***v)
{
    strv_free(*v);
    *v = NULL;
}

int strv_take(char ***v, char *s)
{
    size_t n = strv_len(*v);
    char **grown;

    if (!s)
        return -ENOMEM;
    grown = realloc(*v, (n + 2) * sizeof *grown);
    if (!grown) {
        free(s);
        return -ENOMEM;
    }
    grown[n] = s;
    grown[n + 1] = NULL;
    *v = grown;
    return 0;
}

int strv_add(char ***v, const char *s)
{
    return strv_take(v, strdup(s));
}

char **strv_copy(char *const *v, bool *oom)
{
    char **copy = NULL;
    size_t n = strv_len(v), i;

    if (!n)
        return NULL;
    copy = calloc(n + 1, sizeof *copy);
    for (i = 0; copy && i < n; i++) {
        copy[i] = strdup(v[i]);
        if (!copy[i]) {
            strv_free(copy);
            copy = NULL;
        }
    }
    if (!copy && oom)
        *oom = true;
    return copy;
}

bool strv_has(char *const *v, const char *s)
{
    STRV_FOREACH (e, v)
        if (strcmp(*e, s) == 0)
            return true;
    return false;
}

const char *strv_getenv(char *const *env, const char *name)
{
    size_t n = strlen(name);

    STRV_FOREACH (e, env)
        if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
            return *e + n + 1;
    return NULL;
}

int strv_setenv(char ***env, const char *name, const char *value)
{
    size_t n = strlen(name);
    char *entry = str_printf("%s=%s", name, value);

    if (!entry)
        return -ENOMEM;
    for (char **e = *env; e && *e; e++)
        if (strncmp(*e, name, n) == 0 && (*e)[n] == '=') {
            free(*e);
            *e = entry;
            return 0;
        }
    return strv_take(env, entry);
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);

    return n >= m && strcmp(s + n - m, suffix) == 0;
}

char *str_printf(const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&s, fmt, ap) < 0)
        s = NULL;
    va_end(ap);
    return s;
}

/* Length of the well-formed UTF-8 sequence at @s (at most @left bytes), 0 if there is none. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        return left >= 2 && (s[1] & 0xc0) == 0x80 ? 2 : 0;
    if ((s[0] & 0xf0) == 0xe0) {
        if (left < 3 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80)
            return 0;
        if (s[0] == 0xe0 && s[1] < 0xa0) /* overlong */
            return 0;
        if (s[0] == 0xed && s[1] > 0x9f) /* surrogates */
            return 0;
        return 3;
    }
    if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        if (left < 4 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 || (s[3] & 0xc0) != 0x80)
            return 0;
        if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
            return 0;
        return 4;
    }
    return 0;
}

size_t str_utf8_span(const char *s, size_t len)
{
    size_t i = 0, n;

    while (i < len && (n = utf8_len((const unsigned char *)s + i, len - i)) > 0)
        i += n;
    return i;
}

bool str_is_utf8(const char *s, size_t len)
{
    return str_utf8_span(s, len) == len;
}

char *str_quote(const char *s, size_t max)
{
    _cleanup_strbuf_ struct strbuf b = {0};
    size_t len = strlen(s);

    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)s[i];
        size_t n = utf8_len((const unsigned char *)s + i, len - i);
        if (max && i + (n ? n : 1) > max) {
            strbuf_add(&b, "…");
            break;
        }
        if (!n || c < 0x20 || c == 0x7f) {
            if (c == '\n')
                strbuf_add(&b, "\\n");
            else
                strbuf_addf(&b, "\\x%02x", c);
            i++;
            continue;
        }
        if (c == '"' || c == '\\')
            strbuf_add(&b, "\\");
        strbuf_addn(&b, s + i, n);
        i += n;
    }
    return strbuf_take(&b);
}

/* Digits in @base up to @max; *end is where they stop. Returns 0, -EINVAL (no digit) or -ERANGE. */
static int parse_digits(const char *s, unsigned base, uint64_t max, uint64_t *out, const char **end)
{
    uint64_t v = 0;
    const char *p = s;

    for (; *p >= '0' && *p < (char)('0' + base); p++) {
        uint64_t d = (uint64_t)(*p - '0');
        if (v > (max - d) / base)
            return -ERANGE;
        v = v * base + d;
    }
    if (p == s)
        return -EINVAL;
    *out = v;
    *end = p;
    return 0;
}

static int parse_all(const char *s, unsigned base, uint64_t max, uint64_t *out)
{
    const char *end;
    uint64_t v;

    if (!s)
        return -EINVAL;
    int r = parse_digits(s, base, max, &v, &end);
    if (r < 0) {
        /* "99999999999999999999x" is no number at all: say so rather than "out of range". */
        if (r == -ERANGE && s[strspn(s, "0123456789")] != '\0')
            return -EINVAL;
        return r;
    }
    if (*end)
        return -EINVAL;
    *out = v;
    return 0;
}

int parse_u64(const char *s, uint64_t *out)
{
    return parse_all(s, 10, UINT64_MAX, out);
}

int parse_i64(const char *s, int64_t *out)
{
    uint64_t v;
    bool negative = s && *s == '-';
    int r = parse_all(negative ? s + 1 : s, 10, negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX, &v);

    if (r < 0)
        return r;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return 0;
}

int parse_u32(const char *s, uint32_t *out)
{
    uint64_t v;
    int r = parse_all(s, 10, UINT32_MAX, &v);

    if (r == 0)
        *out = (uint32_t)v;
    return r;
}

int parse_id(const char *s, uint32_t *out)
{
    uint64_t v;
    int r = parse_all(s, 10, UINT32_MAX - 1, &v);

    if (r == 0)
        *out = (uint32_t)v;
    return r;
}

int parse_octal(const char *s, unsigned max, unsigned *out)
{
    uint64_t v;
    int r = parse_all(s, 8, max, &v);

    if (r == 0)
        *out = (unsigned)v;
    return r;
}

int parse_size(const char *s, uint64_t *out)
{
    static const char units[] = "kmgt";
    const char *end, *unit;
    uint64_t v;

    if (!s)
        return -EINVAL;
    int r = parse_digits(s, 10, UINT64_MAX, &v, &end);
    if (r < 0)
        return r;
    if (*end) {
        unit = strchr(units, tolower((unsigned char)*end));
        if (!unit || end[1])
            return -EINVAL;
        unsigned shift = 10 * (unsigned)(unit - units + 1);
        if (v > UINT64_MAX >> shift)
            return -ERANGE;
        v <<= shift;
    }
    *out = v;
    return 0;
}
