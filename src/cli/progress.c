/*
 * Progress of an unpacking on a terminal: one line that is drawn over itself. Short work shows nothing.
 */
#include "cli/progress.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

void progress_init(struct progress *p, const struct log *log, const char *image)
{
    *p = (struct progress){.log = log,
                           .image = image,
                           .terminal = log && log->fd == STDERR_FILENO && log->format == LOG_FORMAT_TEXT &&
                                       isatty(STDERR_FILENO)};
    clock_gettime(CLOCK_MONOTONIC, &p->start);
}

/* Takes the line away. */
static void erase(void *data)
{
    struct progress *p = data;
    if (p->drawn)
        (void)fd_write_all(STDERR_FILENO, "\r\033[K", 4);
    p->drawn = false;
}

/* Carriage return and text in one write; the line is kept shorter than a narrow terminal, or it would wrap.
 */
static void on_progress(void *data, uint64_t done, uint64_t total, uint64_t entries)
{
    struct progress *p = data;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = (double)(now.tv_sec - p->start.tv_sec) + (double)(now.tv_nsec - p->start.tv_nsec) / 1e9;
    if (!p->terminal || seconds < 1)
        return;
    const char *slash = strrchr(p->image, '/');
    _cleanup_free_ char *name = str_quote(slash ? slash + 1 : p->image, 28);
    _cleanup_strbuf_ struct strbuf line = {0};
    strbuf_addf(&line, "\r\033[Kunpacking %s:", name ? name : "");
    if (total)
        strbuf_addf(&line, " %u%%,", (unsigned)(done >= total ? 100 : done * 100 / total));
    strbuf_addf(&line, " %" PRIu64 " MiB read, %" PRIu64 " entries", done >> 20, entries);
    if (line.oom)
        return;
    p->drawn = true;
    (void)fd_write_all(STDERR_FILENO, line.data, line.len);
}

static void on_warn(void *data, const char *text)
{
    struct progress *p = data;
    erase(p);
    log_warn(p->log, "%s", text);
}

struct image_events progress_events(struct progress *p)
{
    return (struct image_events){.progress = on_progress, .warn = on_warn, .end = erase, .data = p};
}
