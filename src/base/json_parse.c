/*
 * The JSON reader: text to a cJSON tree.
 *
 * Theory of operation: a recursive descent over RFC 8259's grammar that builds cJSON nodes itself, because
 * cJSON's own reader knows no line numbers, keeps only doubles, takes the first of two equal keys and lets
 * NULs cut strings short. A container's configuration is read by several programs (engine, runtime, auditing
 * tools): a text that two readers understand differently must not pass, so everything the grammar does not
 * allow is an error.
 *
 * Keys of the objects being read lie on one stack, each with its place in the text; when an object ends, its
 * part of the stack is searched for duplicates.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/json_unescape.h"
#include "base/str.h"

/* So many decimal digits always fit a double exactly. */
#define EXACT_DIGITS 15
/* Up to here pairs of keys are compared one by one, above they are sorted. */
#define FEW_KEYS 16

struct key {
    const char *name; /* borrowed from the tree */
    size_t at;
};

struct parser {
    const char *name;
    const char *text;
    size_t len;
    size_t pos;
    unsigned depth;
    struct key *keys;
    size_t n_keys;
    size_t max_keys;
    struct error *err;
};

static int parse_value(struct parser *p, cJSON **out);

__attribute__((format(printf, 3, 4))) static int fail(struct parser *p, size_t at, const char *fmt, ...)
{
    _cleanup_strbuf_ struct strbuf what = {0};
    size_t line = 1, column = 1;
    va_list ap;

    for (size_t i = 0; i < at; i++) {
        if (p->text[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)p->text[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    va_start(ap, fmt);
    strbuf_vaddf(&what, fmt, ap);
    va_end(ap);
    if (what.oom)
        return error_oom(p->err);
    return error_set(p->err, EINVAL, "%s:%zu:%zu: not valid JSON: %s", p->name, line, column, what.data);
}

/* Fails at the current place with what was expected there and what is there. */
static int fail_expected(struct parser *p, const char *expected)
{
    if (p->pos >= p->len)
        return fail(p, p->pos, "expected %s, found the end of the text", expected);

    unsigned char c = (unsigned char)p->text[p->pos];
    if (c <= ' ' || c >= 0x7f)
        return fail(p, p->pos, "expected %s, found the byte 0x%02x", expected, c);

    int r = fail(p, p->pos, "expected %s, found '%c'", expected, c);
    if (c == '/' || c == '#')
        error_hint(p->err, "JSON knows no comments");
    if (c == '\'')
        error_hint(p->err, "strings and names are written in double quotes");
    return r;
}

static void skip_blanks(struct parser *p)
{
    while (p->pos < p->len) {
        char c = p->text[p->pos];
        if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
            return;
        p->pos++;
    }
}

/* The character at the current place, NUL at the end (a NUL in the text is caught as unexpected). */
static char peek(const struct parser *p)
{
    return p->pos < p->len ? p->text[p->pos] : '\0';
}

/* Reads the string whose opening quote is at the current place. *out is cJSON's memory. */
static int parse_string(struct parser *p, char **out)
{
    size_t start = p->pos + 1, end = start;
    unsigned char high = 0;
    bool escapes = false;
    int r = 0;

    for (;; end++) {
        if (end >= p->len)
            return fail(p, p->pos, "a string without a closing quote");
        unsigned char c = (unsigned char)p->text[end];
        if (c == '"')
            break;
        if (c < 0x20)
            return fail(p, end, "a control character (0x%02x) in a string; it is written as an escape", c);
        if (c == '\\') {
            escapes = true;
            end++;
        }
        high |= c;
    }
    if (high & 0x80) {
        size_t good = str_utf8_span(p->text + start, end - start);
        if (good < end - start)
            return fail(p, start + good, "not UTF-8 (byte 0x%02x)", (unsigned char)p->text[start + good]);
    }

    char *s = cJSON_malloc(end - start + 1);
    if (!s)
        return error_oom(p->err);
    if (escapes) {
        size_t bad;
        const char *wrong = json_unescape(p->text + start, end - start, s, &bad);
        if (wrong)
            r = fail(p, start + bad, "%s", wrong);
    } else {
        memcpy(s, p->text + start, end - start);
        s[end - start] = '\0';
    }
    if (r < 0) {
        cJSON_free(s);
        return r;
    }
    p->pos = end + 1;
    *out = s;
    return 0;
}

static size_t skip_digits(struct parser *p)
{
    size_t start = p->pos;

    while (peek(p) >= '0' && peek(p) <= '9')
        p->pos++;
    return p->pos - start;
}

/* Integers short enough are exact as doubles; of every other number the text is kept beside the double. */
static int parse_number(struct parser *p, cJSON **out)
{
    size_t start = p->pos, digits;
    bool integer = true;
    double v = 0;

    if (peek(p) == '-')
        p->pos++;
    size_t first = p->pos;
    digits = skip_digits(p);
    if (!digits)
        return fail_expected(p, "a digit");
    if (digits > 1 && p->text[first] == '0')
        return fail(p, start, "a number with a zero in front");
    if (peek(p) == '.') {
        integer = false;
        p->pos++;
        if (!skip_digits(p))
            return fail_expected(p, "a digit");
    }
    if (peek(p) == 'e' || peek(p) == 'E') {
        integer = false;
        p->pos++;
        if (peek(p) == '+' || peek(p) == '-')
            p->pos++;
        if (!skip_digits(p))
            return fail_expected(p, "a digit");
    }

    if (integer && digits <= EXACT_DIGITS) {
        for (size_t i = first; i < p->pos; i++)
            v = v * 10 + (p->text[i] - '0');
        *out = cJSON_CreateNumber(first > start ? -v : v);
        return *out ? 0 : error_oom(p->err);
    }
    char *literal = cJSON_malloc(p->pos - start + 1);
    if (!literal)
        return error_oom(p->err);
    memcpy(literal, p->text + start, p->pos - start);
    literal[p->pos - start] = '\0';
    v = strtod(literal, NULL);
    *out = isfinite(v) ? cJSON_CreateNumber(v) : NULL;
    if (!*out) {
        cJSON_free(literal);
        return isfinite(v) ? error_oom(p->err) : fail(p, start, "a number too large for any use");
    }
    (*out)->valuestring = literal;
    return 0;
}

static int parse_word(struct parser *p, cJSON **out)
{
    static const struct {
        const char *word;
        int type;
    } words[] = {{"true", cJSON_True}, {"false", cJSON_False}, {"null", cJSON_NULL}};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        size_t n = strlen(words[i].word);
        if (p->len - p->pos < n || memcmp(p->text + p->pos, words[i].word, n) != 0)
            continue;
        p->pos += n;
        *out = cJSON_CreateNull();
        if (!*out)
            return error_oom(p->err);
        (*out)->type = words[i].type;
        return 0;
    }
    return fail_expected(p, "a value");
}

static int push_key(struct parser *p, const char *name, size_t at)
{
    if (p->n_keys == p->max_keys) {
        size_t max = p->max_keys ? p->max_keys * 2 : 64;
        struct key *keys = reallocarray(p->keys, max, sizeof *keys);
        if (!keys)
            return error_oom(p->err);
        p->keys = keys;
        p->max_keys = max;
    }
    p->keys[p->n_keys++] = (struct key){name, at};
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    int r = strcmp(x->name, y->name);

    return r ? r : (x->at > y->at) - (x->at < y->at);
}

static int fail_duplicate(struct parser *p, const struct key *key)
{
    _cleanup_free_ char *quoted = str_quote(key->name, 60);

    return quoted ? fail(p, key->at, "the member \"%s\" is there twice", quoted) : error_oom(p->err);
}

/* Takes the keys from @first on off the stack; an error if two are equal. */
static int pop_keys(struct parser *p, size_t first)
{
    size_t n = p->n_keys - first;
    struct key *keys = n ? p->keys + first : NULL; /* nothing may be added to NULL, not even 0 */

    p->n_keys = first;
    if (n > FEW_KEYS) {
        qsort(keys, n, sizeof *keys, compare_keys);
        for (size_t i = 1; i < n; i++)
            if (strcmp(keys[i - 1].name, keys[i].name) == 0)
                return fail_duplicate(p, &keys[i]);
        return 0;
    }
    for (size_t i = 1; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(keys[k].name, keys[i].name) == 0)
                return fail_duplicate(p, &keys[i]);
    return 0;
}

/* One `"name": value`, appended to @object. */
static int parse_member(struct parser *p, cJSON *object)
{
    size_t at = p->pos;
    cJSON *item = NULL;
    char *name = NULL;
    int r = parse_string(p, &name);

    if (r < 0)
        return r;
    skip_blanks(p);
    if (peek(p) != ':') {
        r = fail_expected(p, "':' after the name of a member");
    } else {
        p->pos++;
        r = parse_value(p, &item);
    }
    if (r < 0) {
        cJSON_free(name);
        return r;
    }
    item->string = name;
    cJSON_AddItemToArray(object, item);
    return push_key(p, name, at);
}

static int parse_object(struct parser *p, cJSON *object)
{
    size_t first = p->n_keys;
    const char *expected = "a member's name in quotes or '}'";
    int r;

    for (;;) {
        skip_blanks(p);
        if (peek(p) == '}' && !object->child)
            break;
        if (peek(p) != '"')
            return fail_expected(p, expected);
        r = parse_member(p, object);
        if (r < 0)
            return r;
        skip_blanks(p);
        if (peek(p) == '}')
            break;
        if (peek(p) != ',')
            return fail_expected(p, "',' or '}' after a member");
        p->pos++;
        expected = "a member's name in quotes after the comma";
    }
    p->pos++;
    return pop_keys(p, first);
}

static int parse_array(struct parser *p, cJSON *array)
{
    skip_blanks(p);
    if (peek(p) == ']') {
        p->pos++;
        return 0;
    }
    for (;;) {
        cJSON *item = NULL;
        int r = parse_value(p, &item);
        if (r < 0)
            return r;
        cJSON_AddItemToArray(array, item);
        skip_blanks(p);
        if (peek(p) == ']')
            break;
        if (peek(p) != ',')
            return fail_expected(p, "',' or ']' after an element");
        p->pos++;
    }
    p->pos++;
    return 0;
}

static int parse_container(struct parser *p, bool object, cJSON **out)
{
    _cleanup_cjson_ cJSON *node = object ? cJSON_CreateObject() : cJSON_CreateArray();
    int r;

    if (!node)
        return error_oom(p->err);
    if (++p->depth > CJSON_NESTING_LIMIT)
        return fail(p, p->pos, "nested deeper than %d levels", CJSON_NESTING_LIMIT);
    p->pos++;
    r = object ? parse_object(p, node) : parse_array(p, node);
    if (r < 0)
        return r;
    p->depth--;
    *out = TAKE_PTR(node);
    return 0;
}

static int parse_value(struct parser *p, cJSON **out)
{
    char *s;

    skip_blanks(p);
    switch (peek(p)) {
    case '{':
        return parse_container(p, true, out);
    case '[':
        return parse_container(p, false, out);
    case '"': {
        int r = parse_string(p, &s);
        if (r < 0)
            return r;
        *out = cJSON_CreateNull();
        if (!*out) {
            cJSON_free(s);
            return error_oom(p->err);
        }
        (*out)->type = cJSON_String;
        (*out)->valuestring = s;
        return 0;
    }
    case '-':
    case '0' ... '9':
        return parse_number(p, out);
    default:
        return parse_word(p, out);
    }
}

int json_parse(const char *name, const char *text, size_t len, cJSON **out, struct error *err)
{
    struct parser p = {.name = name, .text = text, .len = len, .err = err};
    _cleanup_cjson_ cJSON *root = NULL;
    int r;

    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return fail(&p, 0, "a byte order mark in front (save the file as UTF-8 without one)");
    skip_blanks(&p);
    if (p.pos == len)
        return fail(&p, p.pos, "the text is empty");
    r = parse_value(&p, &root);
    if (r == 0) {
        skip_blanks(&p);
        if (p.pos < len)
            r = fail_expected(&p, "the end of the text");
    }
    free(p.keys);
    if (r == 0)
        *out = TAKE_PTR(root);
    return r;
}

int json_read_file(int dirfd, const char *path, cJSON **out, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    int r = file_read_at(dirfd, path, JSON_FILE_MAX, &text, &len, err);

    return r < 0 ? r : json_parse(path, text, len, out, err);
}
