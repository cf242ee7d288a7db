/*
 * JSON trees: describing and reading values, building and printing. The reader of text is json_parse.c.
 */
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

/* Every integer up to this absolute value is exact as a double. */
#define EXACT_MAX    9007199254740992.0
#define DESCRIBE_MAX 60
#define INDENT       4

char *json_describe(const cJSON *item)
{
    if (!item)
        return strdup("nothing");
    if (cJSON_IsString(item)) {
        _cleanup_free_ char *quoted = str_quote(item->valuestring, DESCRIBE_MAX);
        return quoted ? str_printf("\"%s\"", quoted) : NULL;
    }
    if (cJSON_IsNumber(item))
        return item->valuestring ? str_quote(item->valuestring, DESCRIBE_MAX)
                                 : str_printf("%.17g", item->valuedouble);
    if (cJSON_IsBool(item))
        return strdup(cJSON_IsTrue(item) ? "true" : "false");
    if (cJSON_IsArray(item))
        return strdup(item->child ? "a list" : "an empty list");
    if (cJSON_IsObject(item))
        return strdup(item->child ? "an object" : "an empty object");
    return strdup("null");
}

/* A number without text of its own, if it is an integer that a double holds exactly. */
static int get_exact(const cJSON *item, int64_t *out)
{
    double v = item->valuedouble;

    if (!isfinite(v))
        return -EINVAL;
    if (v > EXACT_MAX || v < -EXACT_MAX)
        return -ERANGE;
    if ((double)(int64_t)v != v)
        return -EINVAL;
    *out = (int64_t)v;
    return 0;
}

int json_get_u64(const cJSON *item, uint64_t *out)
{
    int64_t v;
    int r;

    if (!cJSON_IsNumber(item))
        return -EINVAL;
    if (item->valuestring) {
        r = parse_u64(item->valuestring, out);
        /* A negative integer is an integer still, only not in range. */
        return r == -EINVAL && parse_i64(item->valuestring, &v) != -EINVAL ? -ERANGE : r;
    }
    r = get_exact(item, &v);
    if (r == 0 && v < 0)
        r = -ERANGE;
    if (r == 0)
        *out = (uint64_t)v;
    return r;
}

int json_get_i64(const cJSON *item, int64_t *out)
{
    if (!cJSON_IsNumber(item))
        return -EINVAL;
    return item->valuestring ? parse_i64(item->valuestring, out) : get_exact(item, out);
}

/* Bytes of the character at @s (at most @left), 0 if it is not UTF-8. */
static size_t char_len(const char *s, size_t left)
{
    unsigned char c = (unsigned char)*s;
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

    return n <= left && str_utf8_span(s, n) == n ? n : 0;
}

static void print_string(struct strbuf *b, const char *s)
{
    size_t len = strlen(s), plain = 0; /* plain: where what needs no escape starts */

    strbuf_add(b, "\"");
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)s[i];
        size_t n = char_len(s + i, len - i);
        if (n && c >= 0x20 && c != '"' && c != '\\') {
            i += n;
            continue;
        }
        strbuf_addn(b, s + plain, i - plain);
        plain = ++i;
        if (!n)
            strbuf_add(b, "\xef\xbf\xbd");
        else if (c == '"' || c == '\\')
            strbuf_addf(b, "\\%c", c);
        else if (c == '\n')
            strbuf_add(b, "\\n");
        else if (c == '\t')
            strbuf_add(b, "\\t");
        else
            strbuf_addf(b, "\\u%04x", c);
    }
    strbuf_addn(b, s + plain, len - plain);
    strbuf_add(b, "\"");
}

static void print_number(struct strbuf *b, const cJSON *item)
{
    int64_t v;

    if (item->valuestring)
        strbuf_add(b, item->valuestring);
    else if (get_exact(item, &v) == 0)
        strbuf_addf(b, "%" PRId64, v);
    else if (isfinite(item->valuedouble))
        strbuf_addf(b, "%.17g", item->valuedouble);
    else
        strbuf_add(b, "null"); /* JSON has no infinities */
}

static void print_line_break(struct strbuf *b, bool pretty, unsigned depth)
{
    if (pretty)
        strbuf_addf(b, "\n%*s", (int)(depth * INDENT), "");
}

static void print_item(struct strbuf *b, const cJSON *item, bool pretty, unsigned depth)
{
    if (cJSON_IsString(item)) {
        print_string(b, item->valuestring ? item->valuestring : "");
    } else if (cJSON_IsNumber(item)) {
        print_number(b, item);
    } else if (cJSON_IsBool(item)) {
        strbuf_add(b, cJSON_IsTrue(item) ? "true" : "false");
    } else if (cJSON_IsRaw(item) && item->valuestring) {
        strbuf_add(b, item->valuestring);
    } else if (cJSON_IsArray(item) || cJSON_IsObject(item)) {
        bool object = cJSON_IsObject(item);
        strbuf_add(b, object ? "{" : "[");
        for (const cJSON *c = item->child; c; c = c->next) {
            print_line_break(b, pretty, depth + 1);
            if (object) {
                print_string(b, c->string ? c->string : "");
                strbuf_add(b, pretty ? ": " : ":");
            }
            print_item(b, c, pretty, depth + 1);
            if (c->next)
                strbuf_add(b, ",");
        }
        if (item->child)
            print_line_break(b, pretty, depth);
        strbuf_add(b, object ? "}" : "]");
    } else {
        strbuf_add(b, "null");
    }
}

char *json_print(const cJSON *root, bool pretty)
{
    _cleanup_strbuf_ struct strbuf b = {0};

    print_item(&b, root, pretty, 0);
    strbuf_add(&b, "\n");
    return strbuf_take(&b);
}

/* @exact: whether @v is the value and not only near it; otherwise @text keeps it. */
static cJSON *new_number(double v, bool exact, const char *text)
{
    _cleanup_cjson_ cJSON *item = cJSON_CreateNumber(v);

    if (!item || exact)
        return TAKE_PTR(item);
    size_t n = strlen(text) + 1;
    item->valuestring = cJSON_malloc(n);
    if (!item->valuestring)
        return NULL;
    memcpy(item->valuestring, text, n);
    return TAKE_PTR(item);
}

cJSON *json_new_u64(uint64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, value);
    return new_number((double)value, value <= (uint64_t)EXACT_MAX, text);
}

cJSON *json_new_i64(int64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, value);
    return new_number((double)value, value <= (int64_t)EXACT_MAX && value >= -(int64_t)EXACT_MAX, text);
}

cJSON *json_new_strv(char *const *values)
{
    _cleanup_cjson_ cJSON *list = cJSON_CreateArray();

    if (!list)
        return NULL;
    STRV_FOREACH (s, values) {
        cJSON *item = cJSON_CreateString(*s);
        if (!item)
            return NULL;
        cJSON_AddItemToArray(list, item);
    }
    return TAKE_PTR(list);
}

int json_add_item(cJSON *object, const char *name, cJSON *item)
{
    if (!item)
        return -ENOMEM;
    if (!cJSON_AddItemToObject(object, name, item)) {
        cJSON_Delete(item);
        return -ENOMEM;
    }
    return 0;
}

int json_add_string(cJSON *object, const char *name, const char *value)
{
    return value ? json_add_item(object, name, cJSON_CreateString(value)) : 0;
}

int json_add_u64(cJSON *object, const char *name, uint64_t value)
{
    return json_add_item(object, name, json_new_u64(value));
}

int json_add_i64(cJSON *object, const char *name, int64_t value)
{
    return json_add_item(object, name, json_new_i64(value));
}

int json_add_bool(cJSON *object, const char *name, bool value)
{
    return json_add_item(object, name, cJSON_CreateBool(value));
}

int json_add_strv(cJSON *object, const char *name, char *const *values)
{
    return values ? json_add_item(object, name, json_new_strv(values)) : 0;
}
