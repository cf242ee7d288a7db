/*
 * The client of bryo-image: its command line and a strict reader of its answers (image/client.h says how they
 * go together, image/protocol.h what the lines mean).
 */
#include "image/client.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/helper.h"
#include "base/process.h"
#include "base/str.h"
#include "image/protocol.h"

/* No line of the helper is longer: names in messages are cut, so that a longer one is a helper gone wrong. */
#define LINE_LIMIT 16384

int image_helper_path(char **path, struct error *err)
{
    int r = helper_find(IMAGE_HELPER_NAME, "reads archives", path, err);

    if (r < 0)
        error_hint(
            err, "install bryo with libarchive (./configure tells whether it was found), or name a directory "
                 "instead of an archive");
    return r;
}

/* A vector of @n words; NULL among them means that memory ran out while one was made. */
static int make_argv(const char *const *words, size_t n, char ***argv, struct error *err)
{
    _cleanup_strv_ char **v = NULL;

    for (size_t i = 0; i < n; i++)
        if (!words[i] || strv_add(&v, words[i]) < 0)
            return error_oom(err);
    *argv = TAKE_PTR(v);
    return 0;
}

static int limited_argv(const char *helper, const char *command, const char *name, uint64_t max_bytes,
                        uint64_t max_entries, char ***argv, struct error *err)
{
    _cleanup_free_ char *bytes = str_printf("%llu", (unsigned long long)max_bytes);
    _cleanup_free_ char *entries = str_printf("%llu", (unsigned long long)max_entries);

    return make_argv((const char *[]){helper, command, name, bytes, entries}, 5, argv, err);
}

int image_unpack_argv(const char *helper, const char *name, uint64_t max_bytes, uint64_t max_entries,
                      char ***argv, struct error *err)
{
    return limited_argv(helper, "unpack", name, max_bytes, max_entries, argv, err);
}

int image_transport_argv(const char *helper, const char *name, uint64_t max_bytes, uint64_t max_entries,
                         char ***argv, struct error *err)
{
    return limited_argv(helper, "transport", name, max_bytes, max_entries, argv, err);
}

int image_layer_argv(const char *helper, const struct image_layer_request *q, char ***argv, struct error *err)
{
    _cleanup_free_ char *bytes = str_printf("%llu", (unsigned long long)q->max_bytes);
    _cleanup_free_ char *entries = str_printf("%llu", (unsigned long long)q->max_entries);

    return make_argv((const char *[]){helper, "layer", q->name, bytes, entries,
                                      q->whiteouts ? "layer" : "root", q->blob ? q->blob : "-",
                                      q->content ? q->content : "-"},
                     8, argv, err);
}

int image_copy_argv(const char *helper, const char *name, const char *whiteouts, char ***argv,
                    struct error *err)
{
    return make_argv((const char *[]){helper, "copy", name, whiteouts}, 4, argv, err);
}

int image_tally_argv(const char *helper, const char *name, char ***argv, struct error *err)
{
    return make_argv((const char *[]){helper, "tally", name}, 3, argv, err);
}

int image_pack_argv(const char *helper, const struct image_pack_request *q, char ***argv, struct error *err)
{
    _cleanup_free_ char *epoch = str_printf("%lld", (long long)q->epoch);

    return make_argv((const char *[]){helper, "pack", q->name, q->layer ? "layer" : "root",
                                      q->own ? "own" : "keep", q->compress, epoch,
                                      q->config ? q->config : ""},
                     8, argv, err);
}

int image_remove_argv(const char *helper, const char *name, char ***argv, struct error *err)
{
    if (str_empty(name) || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return error_set(err, EINVAL, "remove \"%s\": not the name of one file", name ? name : "");
    return make_argv((const char *[]){helper, "remove", name}, 3, argv, err);
}

int image_mount_path(char **path, struct error *err)
{
    int r = helper_find(IMAGE_MOUNT_NAME, "serves archives", path, err);

    if (r < 0)
        error_hint(
            err,
            "install bryo with libfuse3 (./configure tells whether it was found), or unpack the archive: "
            "--lazy never");
    return r;
}

int image_mount_argv(const char *helper, const char *name, uint64_t max_bytes, uint64_t max_entries,
                     const char *uids, const char *gids, char ***argv, struct error *err)
{
    _cleanup_free_ char *bytes = str_printf("%llu", (unsigned long long)max_bytes);
    _cleanup_free_ char *entries = str_printf("%llu", (unsigned long long)max_entries);

    return make_argv((const char *[]){helper, name, bytes, entries, uids, gids}, 6, argv, err);
}

/* What the lines told so far. */
struct answers {
    const struct image_events *events;
    uint64_t entries, bytes;
    bool done, failed;
};

/* Control bytes of a line could move the cursor of a terminal; the helper escapes them, unless it was taken
 * over. */
static void make_printable(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            *p = '?';
}

/* Splits @text at single blanks into exactly @n numbers. */
static int parse_numbers(char *text, uint64_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *end = strchr(text, ' ');
        if ((end != NULL) != (i + 1 < n))
            return -EINVAL;
        if (end)
            *end = '\0';
        if (parse_u64(text, &out[i]) < 0)
            return -EINVAL;
        text = end ? end + 1 : text;
    }
    return 0;
}

static int take_failure(struct answers *a, char *text, struct error *err)
{
    char *blank = strchr(text, ' ');
    uint64_t code;

    if (a->failed || !blank)
        return -EINVAL;
    *blank = '\0';
    if (parse_u64(text, &code) < 0 || code == 0 || code > 4095)
        return -EINVAL;
    a->failed = true;
    error_set(err, (int)code, "%s", blank + 1);
    return 0;
}

/* One line, without its newline. Returns 0 or -EINVAL if it is not of the protocol. */
static int take_line(struct answers *a, char *line, struct error *err)
{
    const struct image_events *ev = a->events;
    uint64_t n[3];
    char kind = line[0], *text = line + 2;

    if (!kind || line[1] != ' ' || a->done || (a->failed && kind != 'h'))
        return -EINVAL;
    make_printable(text);
    switch (kind) {
    case 'p':
        if (parse_numbers(text, n, 3) < 0)
            return -EINVAL;
        if (ev && ev->progress)
            ev->progress(ev->data, n[0], n[1], n[2]);
        return 0;
    case 'w':
        if (ev && ev->warn)
            ev->warn(ev->data, text);
        return 0;
    case 'e':
        return take_failure(a, text, err);
    case 'h':
        if (!a->failed)
            return -EINVAL;
        error_hint(err, "%s", text);
        return 0;
    case 'i': {
        char *value = strchr(text, ' ');
        if (!value || strlen(value + 1) > IMAGE_INFO_MAX)
            return -EINVAL;
        *value++ = '\0';
        if (ev && ev->info)
            ev->info(ev->data, text, value);
        return 0;
    }
    case 'c':
        if (ev && ev->config)
            ev->config(ev->data, text);
        return 0;
    case 'd':
        if (parse_numbers(text, n, 2) < 0)
            return -EINVAL;
        a->entries = n[0];
        a->bytes = n[1];
        a->done = true;
        return 0;
    default:
        return -EINVAL;
    }
}

/* Hands over every whole line of the first *@len bytes of @buf and keeps the rest. */
static int take_lines(struct answers *a, char *buf, size_t *len, struct error *err)
{
    size_t start = 0;
    char *newline;

    while ((newline = memchr(buf + start, '\n', *len - start))) {
        *newline = '\0';
        if (memchr(buf + start, '\0', (size_t)(newline - (buf + start))) ||
            take_line(a, buf + start, err) < 0)
            return -EPROTO;
        start = (size_t)(newline - buf) + 1;
    }
    *len -= start;
    memmove(buf, buf + start, *len);
    return *len < LINE_LIMIT ? 0 : -EPROTO;
}

static int read_answers(int status_fd, const struct image_events *events, uint64_t *entries, uint64_t *bytes,
                        struct error *err)
{
    _cleanup_error_ struct error told = ERROR_INIT;
    struct answers a = {.events = events};
    char buf[LINE_LIMIT];
    size_t len = 0;
    int code = 0;

    for (;;) {
        if (events && events->wait)
            events->wait(events->data, status_fd);
        ssize_t n = read(status_fd, buf + len, sizeof buf - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_sys(err, errno, "read the answers of %s", IMAGE_HELPER_NAME);
        if (n == 0)
            break;
        len += (size_t)n;
        if (take_lines(&a, buf, &len, &told) < 0)
            return error_set(err, EPROTO, "%s answered with something that is not of its protocol",
                             IMAGE_HELPER_NAME);
    }
    if (a.failed) {
        code = told.code ? told.code : ENOMEM;
        error_move(err, &told);
        return -code;
    }
    if (!a.done || len > 0)
        return -EPIPE;
    if (entries)
        *entries = a.entries;
    if (bytes)
        *bytes = a.bytes;
    return 0;
}

int image_read_status(int status_fd, const struct image_events *events, uint64_t *entries, uint64_t *bytes,
                      struct error *err)
{
    int r = read_answers(status_fd, events, entries, bytes, err);

    if (events && events->end)
        events->end(events->data);
    return r;
}

int image_helper_died(int wait_status, struct error *err)
{
    if (WIFSIGNALED(wait_status)) {
        const char *name = signal_name(WTERMSIG(wait_status));
        error_set(err, EPIPE, "%s was killed by signal %d (%s) before it was done", IMAGE_HELPER_NAME,
                  WTERMSIG(wait_status), name ? name : "unknown");
        if (WTERMSIG(wait_status) == SIGKILL)
            error_hint(
                err, "the kernel kills what uses up the memory: see `dmesg` and the limits of your session");
        return -EPIPE;
    }
    return error_set(err, EPIPE, "%s ended with exit status %d without saying why", IMAGE_HELPER_NAME,
                     WEXITSTATUS(wait_status));
}
