#include "helpers/image/status.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define PROGRESS_EVERY_MS 100

/* A text is cut here, so that a line stays below what the client accepts; names in it were cut before. */
#define TEXT_LIMIT 3000

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void status_init(struct status *s, int fd)
{
    *s = (struct status){.fd = fd, .next_ms = now_ms() + PROGRESS_EVERY_MS};
}

static void send_line(struct status *s, const struct strbuf *line)
{
    /* Without memory even for a line, the exit status alone tells of the failure. */
    if (!line->oom && fd_write_all(s->fd, line->data, line->len) < 0)
        s->gone = true;
}

/* Appends @text on one line: control bytes become \xNN. */
static void add_escaped(struct strbuf *line, const char *text)
{
    size_t n = 0;

    for (const unsigned char *p = (const unsigned char *)text; *p && n < TEXT_LIMIT; p++, n++) {
        if (*p < 0x20 || *p == 0x7f)
            strbuf_addf(line, "\\x%02x", *p);
        else
            strbuf_addn(line, (const char *)p, 1);
    }
    strbuf_add(line, "\n");
}

void status_progress(struct status *s, uint64_t read, uint64_t total, uint64_t entries)
{
    _cleanup_strbuf_ struct strbuf line = {0};
    uint64_t now = now_ms();

    if (now < s->next_ms)
        return;
    s->next_ms = now + PROGRESS_EVERY_MS;
    strbuf_addf(&line, "p %llu %llu %llu\n", (unsigned long long)read, (unsigned long long)total,
                (unsigned long long)entries);
    send_line(s, &line);
}

void status_warn(struct status *s, const char *text)
{
    _cleanup_strbuf_ struct strbuf line = {0};

    strbuf_add(&line, "w ");
    add_escaped(&line, text);
    send_line(s, &line);
}

void status_error(struct status *s, const struct error *err)
{
    _cleanup_strbuf_ struct strbuf line = {0};

    strbuf_addf(&line, "e %d ", err->code ? err->code : EIO);
    add_escaped(&line, error_text(err));
    if (err->hint) {
        strbuf_add(&line, "h ");
        add_escaped(&line, err->hint);
    }
    send_line(s, &line);
}

void status_info(struct status *s, const char *key, const char *value)
{
    _cleanup_strbuf_ struct strbuf line = {0};

    strbuf_addf(&line, "i %s %s\n", key, value);
    send_line(s, &line);
}

void status_config(struct status *s, const char *text)
{
    for (size_t len = strlen(text); len > 0;) {
        _cleanup_strbuf_ struct strbuf line = {0};
        size_t n = len < TEXT_LIMIT ? len : TEXT_LIMIT;
        strbuf_addf(&line, "c %.*s\n", (int)n, text);
        send_line(s, &line);
        text += n;
        len -= n;
    }
}

void status_done(struct status *s, uint64_t entries, uint64_t bytes)
{
    _cleanup_strbuf_ struct strbuf line = {0};

    strbuf_addf(&line, "d %llu %llu\n", (unsigned long long)entries, (unsigned long long)bytes);
    send_line(s, &line);
}
