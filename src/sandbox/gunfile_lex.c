#include "sandbox/gunfile_lex.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"

#define SHOWN_MAX 100 /* bytes of a line in a message, on either side of the place */

static bool is_word_byte(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9') ||
           (!first && (c == '-' || c == '.' || c == '/'));
}

static unsigned column_of(const char *line_start, const char *at)
{
    unsigned n = 1;
    for (const char *c = line_start; c < at; c++)
        n += ((unsigned char)*c & 0xc0) != 0x80;
    return n;
}

/* The line around @at and a caret below it. Tabs stay tabs in both, so that they stand alike. */
static void show_line(const struct gunfile_lexer *x, unsigned line, const char *line_start, const char *at,
                      struct strbuf *out)
{
    const char *end = memchr(at, '\n', (size_t)(x->end - at)), *from = line_start;
    if (!end)
        end = x->end;
    if (at - from > SHOWN_MAX)
        from = at - SHOWN_MAX;
    while (from < at && ((unsigned char)*from & 0xc0) == 0x80)
        from++;
    if (end - at > SHOWN_MAX)
        end = at + SHOWN_MAX;
    while (end > at && end < x->end && ((unsigned char)*end & 0xc0) == 0x80)
        end--;
    strbuf_addf(out, "%5u | ", line);
    for (const char *c = from; c < end; c++)
        if (*c != '\r')
            strbuf_addn(out, (unsigned char)*c < ' ' && *c != '\t' ? "?" : c, 1);
    strbuf_add(out, "\n      | ");
    for (const char *c = from; c < at; c++)
        if (((unsigned char)*c & 0xc0) != 0x80)
            strbuf_add(out, *c == '\t' ? "\t" : " ");
    strbuf_add(out, "^");
}

/* Points at @at, which is on the line at hand, or (@start) at where the token begins. */
__attribute__((format(printf, 6, 0))) static int vfail(const struct gunfile_lexer *x, const char *at,
                                                       bool start, struct error *err, const char *hint,
                                                       const char *fmt, va_list ap)
{
    unsigned line = start ? x->start_line : x->line;
    const char *line_start = start ? x->start_line_start : x->line_start;
    _cleanup_strbuf_ struct strbuf text = {0}, more = {0};
    strbuf_addf(&text, "%s:%u:%u: ", x->name, line, column_of(line_start, at));
    strbuf_vaddf(&text, fmt, ap);
    if (hint)
        strbuf_addf(&more, "%s\n", hint);
    else
        strbuf_add(&more, "here:\n");
    show_line(x, line, line_start, at, &more);
    if (text.oom || more.oom)
        return error_oom(err);
    error_set(err, EINVAL, "%s", text.data);
    error_hint(err, "%s", more.data);
    return -EINVAL;
}

int gunfile_lex_fail(const struct gunfile_lexer *x, struct error *err, const char *hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int r = vfail(x, x->start, true, err, hint, fmt, ap);
    va_end(ap);
    return r;
}

__attribute__((format(printf, 5, 6))) static int fail_at(const struct gunfile_lexer *x, const char *at,
                                                         struct error *err, const char *hint, const char *fmt,
                                                         ...)
{
    va_list ap;
    va_start(ap, fmt);
    int r = vfail(x, at, false, err, hint, fmt, ap);
    va_end(ap);
    return r;
}

struct gunfile_place gunfile_lex_place(const struct gunfile_lexer *x)
{
    return (struct gunfile_place){x->start_line, column_of(x->start_line_start, x->start)};
}

char *gunfile_lex_describe(const struct gunfile_lexer *x)
{
    const char *value = x->value.data ? x->value.data : "";
    _cleanup_free_ char *shown = str_quote(value, 40);
    if (!shown)
        return NULL;
    return x->token == TOKEN_END    ? strdup("the end of the file")
           : x->token == TOKEN_WORD ? str_printf("the word %s", shown)
                                    : str_printf("the string \"%s\"", shown);
}

static void new_line(struct gunfile_lexer *x)
{
    x->line++;
    x->line_start = x->at;
}

/* Blanks and comments: from # or // to the end of the line, or between the two ends of a C comment. */
static int skip_blanks(struct gunfile_lexer *x, struct error *err)
{
    while (x->at < x->end) {
        char c = *x->at, next = x->at + 1 < x->end ? x->at[1] : '\0';
        if (c == '\n') {
            x->at++;
            new_line(x);
        } else if (c == ' ' || c == '\t' || c == '\r') {
            x->at++;
        } else if (c == '#' || (c == '/' && next == '/')) {
            const char *end = memchr(x->at, '\n', (size_t)(x->end - x->at));
            x->at = end ? end : x->end;
        } else if (c == '/' && next == '*') {
            struct gunfile_lexer open = *x; /* where it began, for the message */
            x->at += 2;
            while (x->at < x->end && !(x->at[0] == '*' && x->at + 1 < x->end && x->at[1] == '/'))
                if (*x->at++ == '\n')
                    new_line(x);
            if (x->at >= x->end)
                return fail_at(&open, open.at, err, "it ends with */", "a comment without an end");
            x->at += 2;
        } else
            break;
    }
    return 0;
}

static void add_utf8(struct strbuf *b, uint32_t c)
{
    char out[4];
    size_t n = 0;
    if (c < 0x80)
        out[n++] = (char)c;
    else if (c < 0x800) {
        out[n++] = (char)(0xc0 | c >> 6);
        out[n++] = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        out[n++] = (char)(0xe0 | c >> 12);
        out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        out[n++] = (char)(0x80 | (c & 0x3f));
    } else {
        out[n++] = (char)(0xf0 | c >> 18);
        out[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        out[n++] = (char)(0x80 | (c & 0x3f));
    }
    strbuf_addn(b, out, n);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* A byte or a character by its number: \101 \x41 A \U00000041. @at: the backslash. */
static int read_number(struct gunfile_lexer *x, const char *at, char kind, struct error *err)
{
    size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 3;
    unsigned base = digits == 3 ? 8 : 16;
    uint32_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        int d = x->at < x->end ? hex_digit(*x->at) : -1;
        if (d < 0 || d >= (int)base)
            return fail_at(x, at, err, NULL, "the escape \\%c needs %zu %s digits", kind, digits,
                           base == 8 ? "octal" : "hexadecimal");
        value = value * base + (uint32_t)d;
        x->at++;
    }
    if (value == 0)
        return fail_at(x, at, err, NULL, "a string cannot hold a NUL");
    if (kind == 'u' || kind == 'U') {
        if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
            return fail_at(x, at, err, NULL, "the escape names no character of Unicode");
        add_utf8(&x->value, value);
        return 0;
    }
    if (value > 0xff)
        return fail_at(x, at, err, NULL, "the escape is more than a byte");
    strbuf_addn(&x->value, &(char){(char)value}, 1);
    return 0;
}

static int read_escape(struct gunfile_lexer *x, struct error *err)
{
    static const char from[] = "abfnrtv\\\"", to[] = "\a\b\f\n\r\t\v\\\"";
    const char *at = x->at++;
    char c = x->at < x->end ? *x->at : '\0';
    const char *known = c ? strchr(from, c) : NULL;
    if (known) {
        x->at++;
        strbuf_addn(&x->value, &to[known - from], 1);
        return 0;
    }
    if (c >= '0' && c <= '7')
        return read_number(x, at, '0', err);
    if (c == 'x' || c == 'u' || c == 'U') {
        x->at++;
        return read_number(x, at, c, err);
    }
    return fail_at(x, at, err,
                   "escapes are \\\\ \\\" \\n \\t \\r \\a \\b \\f \\v \\OOO \\xHH \\uHHHH \\UHHHHHHHH; a "
                   "string in `backquotes` has none",
                   "unknown escape in a string");
}

/* "…" on one line, with escapes; or `…` as it stands, over as many lines as it likes. */
static int read_string(struct gunfile_lexer *x, struct error *err)
{
    char quote = *x->at++;
    for (;;) {
        if (x->at >= x->end || (quote == '"' && (*x->at == '\n' || *x->at == '\r')))
            return gunfile_lex_fail(x, err,
                                    quote == '"' ? "close it with \" on the same line, or use `backquotes` "
                                                   "for more than one line"
                                                 : "close it with `",
                                    "a string without an end");
        char c = *x->at;
        if (c == quote)
            break;
        if (x->value.len >= GUNFILE_STRING_MAX)
            return gunfile_lex_fail(x, err, "put it into a script, and copy that",
                                    "a string of more than %zu bytes", GUNFILE_STRING_MAX);
        if (c == '\\' && quote == '"') {
            int r = read_escape(x, err);
            if (r < 0)
                return r;
            continue;
        }
        x->at++;
        if (c == '\n')
            new_line(x);
        if (c != '\r') /* a line ends with \n, however the file was written */
            strbuf_addn(&x->value, &c, 1);
    }
    x->at++;
    x->token = TOKEN_STRING;
    return 0;
}

int gunfile_lex_next(struct gunfile_lexer *x, struct error *err)
{
    int r = skip_blanks(x, err);
    strbuf_free(&x->value);
    x->value = (struct strbuf){0};
    x->start = x->at;
    x->start_line = x->line;
    x->start_line_start = x->line_start;
    x->token = TOKEN_END;
    if (r < 0 || x->at >= x->end)
        return r;
    if (*x->at == '"' || *x->at == '`')
        r = read_string(x, err);
    else if (is_word_byte(*x->at, true)) {
        while (x->at < x->end && is_word_byte(*x->at, false))
            x->at++;
        strbuf_addn(&x->value, x->start, (size_t)(x->at - x->start));
        x->token = TOKEN_WORD;
    } else {
        size_t n = str_utf8_span(x->at, (size_t)(x->end - x->at)) ? 1 : 0;
        while (n && x->at + n < x->end && ((unsigned char)x->at[n] & 0xc0) == 0x80)
            n++;
        _cleanup_free_ char *one = strndup(x->at, n), *shown = one ? str_quote(one, 0) : NULL;
        r = gunfile_lex_fail(x, err, *x->at == '\'' ? "strings stand in \"double quotes\"" : NULL,
                             "expected an instruction or a string, found the character %s",
                             shown ? shown : "?");
    }
    return r == 0 && x->value.oom ? error_oom(err) : r;
}

int gunfile_lex_open(struct gunfile_lexer *x, const char *name, const char *text, size_t len,
                     struct error *err)
{
    *x = (struct gunfile_lexer){.name = name, .text = text, .end = text + len, .at = text, .line = 1};
    if (len > GUNFILE_MAX)
        return error_set(err, E2BIG, "%s: more than %zu bytes: this is no Gunfile", name, GUNFILE_MAX);
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        x->at += 3;
    x->line_start = x->start = x->start_line_start = x->at;
    x->start_line = 1;
    const char *nul = memchr(text, '\0', len);
    size_t good = str_utf8_span(text, len);
    if (nul && (size_t)(nul - text) <= good)
        return error_set(err, EINVAL, "%s: a NUL byte at offset %zu: a Gunfile is a text", name,
                         (size_t)(nul - text));
    if (good < len) {
        error_set(err, EINVAL, "%s: the byte at offset %zu is not UTF-8", name, good);
        error_hint(err, "convert it, for example: iconv -f latin1 -t utf-8 %s", name);
        return -EINVAL;
    }
    return gunfile_lex_next(x, err);
}

void gunfile_lex_close(struct gunfile_lexer *x)
{
    strbuf_free(&x->value);
}
