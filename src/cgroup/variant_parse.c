/*
 * The text form of GVariant, by recursive descent. Types flow down: from the caller, from `@a(st)` and from
 * `uint64` before a value, and in an array from its first element to the others.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cgroup/variant.h"

#define DEPTH_MAX 16

struct parser {
    const char *text;
    const char *at;
    unsigned depth;
    struct error *err;
};

static int parse_value(struct parser *p, const char *type, struct variant *out);

static const struct {
    const char *word;
    char type;
    int64_t min;
    uint64_t max;
} numbers[] = {
    {"byte", 'y', 0, UINT8_MAX},    {"int16", 'n', INT16_MIN, INT16_MAX},
    {"uint16", 'q', 0, UINT16_MAX}, {"int32", 'i', INT32_MIN, INT32_MAX},
    {"uint32", 'u', 0, UINT32_MAX}, {"int64", 'x', INT64_MIN, INT64_MAX},
    {"uint64", 't', 0, UINT64_MAX}, {"double", 'd', 0, 0},
    {"boolean", 'b', 0, 0},         {"string", 's', 0, 0},
    {"objectpath", 'o', 0, 0},      {"signature", 'g', 0, 0},
};

/* "at character 3: expected a number, found \"x\"" */
static int expected(const struct parser *p, const char *what)
{
    _cleanup_free_ char *found = *p->at ? str_quote(p->at, 40) : NULL;

    if (!*p->at)
        return error_set(p->err, EINVAL, "expected %s, found the end of the text", what);
    if (!found)
        return error_oom(p->err);
    return error_set(p->err, EINVAL, "at character %zu: expected %s, found \"%s\"",
                     (size_t)(p->at - p->text) + 1, what, found);
}

static void skip_blanks(struct parser *p)
{
    p->at += strspn(p->at, " \t\r\n\f\v");
}

static bool take(struct parser *p, char c)
{
    skip_blanks(p);
    if (*p->at != c)
        return false;
    p->at++;
    return true;
}

/* The length of the first complete type of a signature, 0 if there is none. */
static size_t type_length(const char *type, unsigned depth)
{
    size_t len = 1, inner;

    if (!*type || depth > DEPTH_MAX)
        return 0;
    if (strchr("bynqiuxtdsogv", *type))
        return 1;
    if (*type == 'a') {
        inner = type_length(type + 1, depth + 1);
        return inner ? 1 + inner : 0;
    }
    if (*type == '{') {
        /* A key of a basic type and a value. */
        if (!type[1] || !strchr("bynqiuxtdsog", type[1]))
            return 0;
        inner = type_length(type + 2, depth + 1);
        return inner && type[2 + inner] == '}' ? 3 + inner : 0;
    }
    if (*type != '(')
        return 0;
    while (type[len] != ')') {
        inner = type_length(type + len, depth + 1);
        if (inner == 0)
            return 0;
        len += inner;
    }
    /* D-Bus has no empty structure. */
    return len > 1 ? len + 1 : 0;
}

/* Takes the expected type as @len bytes of a longer signature. */
static int parse_typed(struct parser *p, const char *type, size_t len, struct variant *out)
{
    _cleanup_free_ char *copy = strndup(type, len);

    return copy ? parse_value(p, copy, out) : error_oom(p->err);
}

/* A value of this type is not what the one around it asks for. */
static int wants(const struct parser *p, const char *type)
{
    _cleanup_free_ char *what = str_printf("a value of type %s", type);

    return what ? expected(p, what) : error_oom(p->err);
}

/* `@TYPE value` */
static int parse_annotated(struct parser *p, const char *type, struct variant *out)
{
    size_t len = type_length(p->at + 1, 0);

    if (len == 0 || !strchr(" \t\r\n", p->at[1 + len]))
        return expected(p, "a type of D-Bus behind \"@\"");
    if (type && (strlen(type) != len || strncmp(type, p->at + 1, len) != 0))
        return wants(p, type);
    const char *own = p->at + 1;
    p->at += 1 + len;
    return parse_typed(p, own, len, out);
}

/* A code point behind \u or \U. */
static int parse_code_point(struct parser *p, size_t digits, struct strbuf *text)
{
    uint32_t c = 0;
    char utf8[4];
    size_t n = 0;

    for (size_t i = 0; i < digits; i++, p->at++) {
        if (!isxdigit((unsigned char)*p->at))
            return expected(p, digits == 4 ? "four hexadecimal digits" : "eight hexadecimal digits");
        c = c << 4 | (uint32_t)(isdigit((unsigned char)*p->at) ? *p->at - '0' : (*p->at | 0x20) - 'a' + 10);
    }
    if (c < 0x80) {
        utf8[n++] = (char)c;
    } else if (c < 0x800) {
        utf8[n++] = (char)(0xc0 | c >> 6);
    } else if (c < 0x10000) {
        utf8[n++] = (char)(0xe0 | c >> 12);
        utf8[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    } else {
        utf8[n++] = (char)(0xf0 | (c >> 18 & 7));
        utf8[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        utf8[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    }
    if (c >= 0x80)
        utf8[n++] = (char)(0x80 | (c & 0x3f));
    strbuf_addn(text, utf8, n);
    return 0;
}

static int parse_escape(struct parser *p, struct strbuf *text)
{
    static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
    char c = *p->at;
    const char *known = c ? strchr(from, c) : NULL;

    if (!c)
        return expected(p, "a character behind the backslash");
    p->at++;
    if (c == 'u' || c == 'U')
        return parse_code_point(p, c == 'u' ? 4 : 8, text);
    if (c != '\n') /* a line that goes on */
        strbuf_addn(text, known ? &to[known - from] : &c, 1);
    return 0;
}

/* What stands between quotes; the parser is at the first. The caller frees *out. */
static int parse_quoted(struct parser *p, char **out)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    const char *start = p->at;
    char quote = *p->at++;

    while (*p->at != quote) {
        char c = *p->at;
        if (!c)
            return expected(p, quote == '"' ? "\"" : "'");
        p->at++;
        int r = c == '\\' ? parse_escape(p, &text) : 0;
        if (r < 0)
            return r;
        if (c != '\\')
            strbuf_addn(&text, &c, 1);
    }
    p->at++;
    if (!text.oom && text.data && (strlen(text.data) != text.len || !str_is_utf8(text.data, text.len))) {
        p->at = start;
        return expected(p, "a string of UTF-8 without NUL");
    }
    *out = strbuf_take(&text);
    return *out ? 0 : error_oom(p->err);
}

static int parse_string(struct parser *p, const char *type, struct variant *out)
{
    char *text;
    int r;

    if (type && strcmp(type, "s") != 0 && strcmp(type, "o") != 0 && strcmp(type, "g") != 0)
        return wants(p, type);
    r = parse_quoted(p, &text);
    if (r == 0)
        *out = (struct variant){.type = type ? *type : 's', .text = text};
    return r;
}

/* b'text': bytes with a NUL behind. */
static int parse_bytes(struct parser *p, const char *type, struct variant *out)
{
    _cleanup_free_ char *text = NULL;
    int r;

    if (type && strcmp(type, "ay") != 0)
        return wants(p, type);
    p->at++;
    r = parse_quoted(p, &text);
    if (r < 0)
        return r;
    if (variant_array("y", out) < 0)
        return error_oom(p->err);
    for (const char *c = text;; c++) {
        struct variant byte = {.type = 'y', .number.u = (unsigned char)*c};
        if (variant_add(out, &byte) < 0)
            return error_oom(p->err);
        if (!*c)
            return 0;
    }
}

/* The items of a container up to @close, separated by commas. @each parses one. */
static int parse_items(struct parser *p, char close, struct variant *container,
                       int (*each)(struct parser *p, struct variant *container))
{
    const char text[] = {'"', ',', '"', ' ', 'o', 'r', ' ', '"', close, '"', '\0'};

    while (!take(p, close)) {
        int r = each(p, container);
        if (r < 0)
            return r;
        if (take(p, close))
            break;
        if (!take(p, ','))
            return expected(p, text);
    }
    return 0;
}

static int add_item(struct parser *p, struct variant *container, struct variant *item)
{
    return variant_add(container, item) < 0 ? error_oom(p->err) : 0;
}

/* The first element of an array whose type nobody told tells it to the others. */
static int learn_element(struct parser *p, struct variant *array, const struct variant *item)
{
    _cleanup_strbuf_ struct strbuf signature = {0};

    if (array->element)
        return 0;
    variant_signature(item, &signature);
    array->element = strbuf_take(&signature);
    return array->element ? 0 : error_oom(p->err);
}

static int parse_element(struct parser *p, struct variant *array)
{
    _cleanup_variant_ struct variant item = {0};
    int r = parse_value(p, array->element, &item);

    if (r == 0)
        r = learn_element(p, array, &item);
    return r < 0 ? r : add_item(p, array, &item);
}

static int parse_array(struct parser *p, const char *type, struct variant *out)
{
    const char *start = p->at++;
    int r;

    if (type && type[0] != 'a') {
        p->at = start;
        return wants(p, type);
    }
    out->type = 'a';
    if (type && variant_array(type + 1, out) < 0)
        return error_oom(p->err);
    r = parse_items(p, ']', out, parse_element);
    if (r == 0 && !out->element) {
        p->at = start;
        return expected(p, "the type of an empty array before it, as in \"@as []\"");
    }
    return r;
}

static int parse_entry(struct parser *p, struct variant *dictionary)
{
    _cleanup_variant_ struct variant entry = {.type = 'e'}, item = {0};
    const char *type = dictionary->element;
    int r = type ? parse_typed(p, type + 1, 1, &item) : parse_value(p, NULL, &item);

    if (r == 0 && !strchr("bynqiuxtdsog", item.type))
        r = expected(p, "a key of a basic type before this");
    if (r == 0)
        r = add_item(p, &entry, &item);
    if (r == 0 && !take(p, ':'))
        r = expected(p, "\":\"");
    if (r == 0)
        r = type ? parse_typed(p, type + 2, strlen(type) - 3, &item) : parse_value(p, NULL, &item);
    if (r == 0)
        r = add_item(p, &entry, &item);
    if (r == 0)
        r = learn_element(p, dictionary, &entry);
    return r < 0 ? r : add_item(p, dictionary, &entry);
}

static int parse_dictionary(struct parser *p, const char *type, struct variant *out)
{
    const char *start = p->at++;
    int r;

    if (type && (type[0] != 'a' || type[1] != '{')) {
        p->at = start;
        return wants(p, type);
    }
    out->type = 'a';
    if (type && variant_array(type + 1, out) < 0)
        return error_oom(p->err);
    r = parse_items(p, '}', out, parse_entry);
    if (r == 0 && !out->element) {
        p->at = start;
        return expected(p, "the type of an empty dictionary before it, as in \"@a{sv} {}\"");
    }
    return r;
}

static int parse_structure(struct parser *p, const char *type, struct variant *out)
{
    const char *start = p->at++, *rest = type ? type + 1 : NULL;

    if (type && type[0] != '(') {
        p->at = start;
        return wants(p, type);
    }
    out->type = 'r';
    while (!take(p, ')')) {
        _cleanup_variant_ struct variant item = {0};
        size_t len = rest ? type_length(rest, 0) : 0;
        if (rest && len == 0)
            return expected(p, "\")\"");
        int r = rest ? parse_typed(p, rest, len, &item) : parse_value(p, NULL, &item);
        if (r == 0)
            r = add_item(p, out, &item);
        if (r < 0)
            return r;
        rest = rest ? rest + len : NULL;
        if (take(p, ')'))
            break;
        if (!take(p, ','))
            return expected(p, "\",\" or \")\"");
    }
    if ((rest && *rest != ')') || out->count == 0) {
        p->at = start;
        return rest ? wants(p, type) : expected(p, "a structure with at least one member");
    }
    return 0;
}

static int parse_variant(struct parser *p, const char *type, struct variant *out)
{
    _cleanup_variant_ struct variant item = {0};
    int r;

    if (type && strcmp(type, "v") != 0)
        return wants(p, type);
    p->at++;
    out->type = 'v';
    r = parse_value(p, NULL, &item);
    if (r == 0 && !take(p, '>'))
        r = expected(p, "\">\"");
    return r < 0 ? r : add_item(p, out, &item);
}

static int out_of_range(struct parser *p, const char *start, const char *word)
{
    _cleanup_free_ char *what = str_printf("a number that fits into %s", word);

    p->at = start;
    return what ? expected(p, what) : error_oom(p->err);
}

static int parse_double(struct parser *p, struct variant *out)
{
    char *end;

    out->type = 'd';
    out->number.d = strtod(p->at, &end);
    if (end == p->at)
        return expected(p, "a number");
    p->at = end;
    return 0;
}

/* What can stand in a number: the scanning decides the type, so it comes before the conversion. */
static bool looks_like_double(const char *s)
{
    s += *s == '-' || *s == '+';
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
        return false;
    s += strspn(s, "0123456789");
    return *s == '.' || *s == 'e' || *s == 'E' || strncmp(s, "inf", 3) == 0 || strncmp(s, "nan", 3) == 0;
}

static int parse_number(struct parser *p, const char *type, struct variant *out)
{
    const char *start = p->at;
    bool negative = *p->at == '-';
    char code = type ? *type : looks_like_double(p->at) ? 'd' : 'i';
    size_t row = 0;
    char *end;

    while (row < ARRAY_SIZE(numbers) && numbers[row].type != code)
        row++;
    if (row == ARRAY_SIZE(numbers) || (type && type[1]) || strchr("bsog", code))
        return wants(p, type);
    if (code == 'd')
        return parse_double(p, out);
    p->at += *p->at == '-' || *p->at == '+';
    if (!isdigit((unsigned char)*p->at))
        return expected(p, "a number");
    errno = 0;
    uint64_t n = strtoull(p->at, &end, 0);
    if (errno || n > numbers[row].max + (negative && numbers[row].min < 0 ? 1u : 0u) ||
        (negative && n > 0 && numbers[row].min == 0))
        return out_of_range(p, start, numbers[row].word);
    p->at = end;
    if (*end && !strchr(" \t\r\n\f\v,:)]}>", *end)) {
        p->at = start;
        return expected(p, "a whole number");
    }
    out->type = code;
    if (numbers[row].min < 0)
        out->number.i = negative ? (int64_t)(0 - n) : (int64_t)n;
    else
        out->number.u = n;
    return 0;
}

/* true, false, and the names of types. */
static int parse_word(struct parser *p, const char *type, struct variant *out)
{
    size_t len = strspn(p->at, "abcdefghijklmnopqrstuvwxyz0123456789");
    const char *word = p->at;

    if ((len == 4 && strncmp(word, "true", 4) == 0) || (len == 5 && strncmp(word, "false", 5) == 0)) {
        if (type && strcmp(type, "b") != 0)
            return wants(p, type);
        p->at += len;
        variant_bool(len == 4, out);
        return 0;
    }
    if ((len == 3 && strncmp(word, "inf", 3) == 0) || (len == 3 && strncmp(word, "nan", 3) == 0))
        return parse_number(p, type, out);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        const char own[] = {numbers[i].type, '\0'};
        if (strlen(numbers[i].word) != len || strncmp(word, numbers[i].word, len) != 0)
            continue;
        if (type && strcmp(type, own) != 0)
            return wants(p, type);
        p->at += len;
        return parse_value(p, own, out);
    }
    return expected(p, "a value as GVariant writes it: 'text', true, uint64 5, ['a', 'b']");
}

static int parse_by_first(struct parser *p, const char *type, struct variant *out)
{
    skip_blanks(p);
    switch (*p->at) {
    case '@':
        return parse_annotated(p, type, out);
    case '\'':
    case '"':
        return parse_string(p, type, out);
    case '[':
        return parse_array(p, type, out);
    case '{':
        return parse_dictionary(p, type, out);
    case '(':
        return parse_structure(p, type, out);
    case '<':
        return parse_variant(p, type, out);
    case 'b':
        if (p->at[1] == '\'' || p->at[1] == '"')
            return parse_bytes(p, type, out);
        return parse_word(p, type, out);
    default:
        if (*p->at && strchr("+-.0123456789", *p->at))
            return parse_number(p, type, out);
        return parse_word(p, type, out);
    }
}

static int parse_value(struct parser *p, const char *type, struct variant *out)
{
    _cleanup_variant_ struct variant v = {0};
    int r;

    if (p->depth == DEPTH_MAX)
        return expected(p, "fewer brackets within brackets");
    p->depth++;
    r = parse_by_first(p, type, &v);
    p->depth--;
    if (r < 0)
        return r;
    *out = v;
    v = (struct variant){0};
    return 0;
}

int variant_parse(const char *text, const char *type, struct variant *out, struct error *err)
{
    _cleanup_variant_ struct variant v = {0};
    struct parser p = {.text = text, .at = text, .err = err};
    int r = parse_value(&p, type, &v);

    if (r < 0)
        return r;
    skip_blanks(&p);
    if (*p.at)
        return expected(&p, "the end of the text");
    *out = v;
    v = (struct variant){0};
    return 0;
}
