#include "base/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/time.h"

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

int log_open(struct log *log, const char *path, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);

    if (fd < 0)
        return error_sys(err, errno, "open log file \"%s\"", path);
    log_close(log);
    log->fd = fd;
    log->owned = true;
    return 0;
}

void log_close(struct log *log)
{
    if (log->owned)
        fd_close(&log->fd);
    log->fd = 2;
    log->owned = false;
}

static void add_json_string(struct strbuf *b, const char *s)
{
    strbuf_add(b, "\"");
    size_t len = strlen(s);
    bool utf8 = str_is_utf8(s, len);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            strbuf_addf(b, "\\%c", c);
        else if (c == '\n')
            strbuf_add(b, "\\n");
        else if (c == '\t')
            strbuf_add(b, "\\t");
        else if (c < 0x20)
            strbuf_addf(b, "\\u%04x", c);
        else if (c >= 0x80 && !utf8) /* a name that is no UTF-8: still one valid JSON line */
            strbuf_add(b, "\\ufffd");
        else
            strbuf_addn(b, (const char *)&c, 1);
    }
    strbuf_add(b, "\"");
}

/* Text of strangers (a path of config.json, an option) must not talk to the terminal: control characters are
 * shown as \xNN, a line break as \n. @lines: they may stay, bryo's own hints have some. */
static void add_visible(struct strbuf *b, const char *text, bool lines)
{
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p, next = (unsigned char)p[1];
        if (c == '\n' && !lines)
            strbuf_add(b, "\\n");
        else if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
            strbuf_addf(b, "\\x%02x", c);
        else if (c == 0xc2 && next >= 0x80 && next < 0xa0) { /* the same in eight bits, as UTF-8 */
            strbuf_addf(b, "\\x%02x\\x%02x", c, next);
            p++;
        } else
            strbuf_addn(b, p, 1);
    }
}

/* One write for the whole record: conmon forwards only a single read() of it. */
static void emit(const struct log *log, enum log_level level, const char *text, const char *hint)
{
    _cleanup_strbuf_ struct strbuf b = {0};
    int saved = errno;

    if (!log || level > log->level)
        return;
    if (log->format == LOG_FORMAT_JSON) {
        char now[TIME_RFC3339_MAX];
        _cleanup_free_ char *both = hint ? str_printf("%s; hint: %s", text, hint) : NULL;
        strbuf_addf(&b, "{\"level\":\"%s\",\"msg\":", level_names[level]);
        add_json_string(&b, both ? both : text);
        strbuf_addf(&b, ",\"time\":\"%s\"}\n", time_rfc3339_now(now));
    } else {
        strbuf_addf(&b, "%s: ", log->program);
        if (level != LOG_LEVEL_ERROR)
            strbuf_addf(&b, "%s: ", level_names[level]);
        add_visible(&b, text, false);
        strbuf_add(&b, "\n");
        if (hint) {
            strbuf_addf(&b, "%s: hint: ", log->program);
            add_visible(&b, hint, true);
            strbuf_add(&b, "\n");
        }
    }
    if (!b.oom)
        (void)fd_write_all(log->fd, b.data, b.len);
    errno = saved;
}

void log_line(const struct log *log, enum log_level level, const char *fmt, ...)
{
    _cleanup_free_ char *text = NULL;
    int saved = errno;
    va_list ap;

    if (!log || level > log->level)
        return;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        text = NULL;
    va_end(ap);
    if (text)
        emit(log, level, text, NULL);
    errno = saved;
}

void log_error(const struct log *log, const struct error *err)
{
    emit(log, LOG_LEVEL_ERROR, error_text(err), err->hint);
}

void log_warn_error(const struct log *log, const struct error *err)
{
    emit(log, LOG_LEVEL_WARNING, error_text(err), err->hint);
}

int log_level_from_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(level_names); i++)
        if (strcmp(name, level_names[i]) == 0)
            return (int)i;
    return strcmp(name, "warn") == 0 ? LOG_LEVEL_WARNING : -EINVAL;
}

int log_format_from_name(const char *name)
{
    if (strcmp(name, "text") == 0)
        return LOG_FORMAT_TEXT;
    return strcmp(name, "json") == 0 ? LOG_FORMAT_JSON : -EINVAL;
}
