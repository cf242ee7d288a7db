#include "base/error.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Shown when there is no memory left for a text: static, never freed. */
static char out_of_memory[] = "out of memory (ENOMEM)";

static void free_text(char *text)
{
    if (text != out_of_memory)
        free(text);
}

const char *errno_name(int code)
{
    const char *name = strerrorname_np(code);

    return name ? name : "E?";
}

void error_clear(struct error *err)
{
    if (!err)
        return;
    int saved = errno;
    free_text(err->text);
    free(err->hint);
    *err = ERROR_INIT;
    errno = saved;
}

__attribute__((format(printf, 4, 0))) static int set_text(struct error *err, int code, const char *suffix,
                                                          const char *fmt, va_list ap)
{
    char *text = NULL, *whole = NULL;

    if (code <= 0)
        code = EINVAL;
    if (vasprintf(&text, fmt, ap) < 0)
        text = NULL;
    if (text && suffix && asprintf(&whole, "%s%s", text, suffix) >= 0) {
        free(text);
        text = whole;
    }
    error_clear(err);
    err->code = code;
    err->text = text ? text : out_of_memory;
    return -code;
}

int error_set(struct error *err, int code, const char *fmt, ...)
{
    int saved = errno;
    va_list ap;

    if (!err)
        return code > 0 ? -code : -EINVAL;
    va_start(ap, fmt);
    int r = set_text(err, code, NULL, fmt, ap);
    va_end(ap);
    errno = saved;
    return r;
}

int error_sys(struct error *err, int code, const char *fmt, ...)
{
    int saved = errno;
    char suffix[160];
    const char *text;
    va_list ap;

    if (!err)
        return code > 0 ? -code : -EINVAL;
    text = strerrordesc_np(code);
    if (!text)
        text = "Unknown error";
    snprintf(suffix, sizeof suffix, ": %c%s (%s)", tolower((unsigned char)text[0]), text + 1,
             errno_name(code));
    va_start(ap, fmt);
    int r = set_text(err, code, suffix, fmt, ap);
    va_end(ap);
    errno = saved;
    return r;
}

int error_hint(struct error *err, const char *fmt, ...)
{
    char *hint = NULL;
    va_list ap;

    if (!err)
        return -EINVAL;
    va_start(ap, fmt);
    if (vasprintf(&hint, fmt, ap) < 0)
        hint = NULL;
    va_end(ap);
    free(err->hint);
    err->hint = hint;
    return err->code > 0 ? -err->code : -EINVAL;
}

void error_prefix(struct error *err, const char *fmt, ...)
{
    char *context = NULL, *whole = NULL;
    va_list ap;

    if (!err || !err->text)
        return;
    va_start(ap, fmt);
    if (vasprintf(&context, fmt, ap) < 0)
        context = NULL;
    va_end(ap);
    if (context && asprintf(&whole, "%s: %s", context, err->text) >= 0) {
        free_text(err->text);
        err->text = whole;
    }
    free(context);
}

int error_oom(struct error *err)
{
    if (err) {
        error_clear(err);
        err->code = ENOMEM;
        err->text = out_of_memory;
    }
    return -ENOMEM;
}

void error_move(struct error *to, struct error *from)
{
    if (!to) {
        error_clear(from);
        return;
    }
    error_clear(to);
    *to = *from;
    *from = ERROR_INIT;
}

const char *error_text(const struct error *err)
{
    return err && err->text ? err->text : "unknown error";
}
