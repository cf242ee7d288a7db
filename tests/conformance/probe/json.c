#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 16

static FILE *out;
static bool filled[DEPTH_MAX]; /* by depth: a comma must come before the next value */
static char closing[DEPTH_MAX];
static int depth;

static void put_quoted(const char *s, long n)
{
    fputc('"', out);
    for (long i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void begin_value(const char *name)
{
    if (filled[depth])
        fputc(',', out);
    filled[depth] = true;
    if (name) {
        put_quoted(name, (long)strlen(name));
        fputc(':', out);
    }
}

static void open_level(const char *name, char first, char last)
{
    begin_value(name);
    fputc(first, out);
    closing[depth] = last;
    depth++;
    filled[depth] = false;
}

void json_object(const char *name)
{
    open_level(name, '{', '}');
}

void json_list(const char *name)
{
    open_level(name, '[', ']');
}

void json_end(void)
{
    depth--;
    fputc(closing[depth], out);
}

void json_bytes(const char *name, const char *value, long n)
{
    begin_value(name);
    put_quoted(value, n);
}

void json_string(const char *name, const char *value)
{
    if (value)
        json_bytes(name, value, (long)strlen(value));
    else
        json_null(name);
}

void json_number(const char *name, int64_t value)
{
    begin_value(name);
    fprintf(out, "%" PRId64, value);
}

/* As a string where a double, which is what jq has, would round it. */
void json_unsigned(const char *name, uint64_t value)
{
    begin_value(name);
    fprintf(out, value >> 53 ? "\"%" PRIu64 "\"" : "%" PRIu64, value);
}

void json_bool(const char *name, bool value)
{
    json_raw(name, value ? "true" : "false");
}

void json_null(const char *name)
{
    json_raw(name, "null");
}

void json_raw(const char *name, const char *json)
{
    begin_value(name);
    fputs(json, out);
}

void json_errno(const char *name, int code)
{
    const char *text = strerrorname_np(code);
    char number[16];

    snprintf(number, sizeof number, "%d", code);
    json_string(name, text ? text : number);
}

void json_begin(int fd)
{
    out = fd == STDOUT_FILENO ? stdout : fdopen(fd, "w");
    depth = 0;
    filled[0] = false;
    if (!out)
        _exit(100);
}

void json_finish(void)
{
    fputc('\n', out);
    if (fflush(out) != 0)
        _exit(100);
}
