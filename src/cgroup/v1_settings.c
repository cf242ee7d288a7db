#include "cgroup/v1_settings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

void v1_settings_free(struct v1_settings *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->items[i].path);
        free(s->items[i].file);
        free(s->items[i].value);
        free(s->items[i].old);
    }
    free(s->items);
    s->items = NULL;
    s->count = 0;
}

void v1_set(struct v1_settings *s, unsigned controller, const char *path, const char *file, bool optional,
            const char *fmt, ...)
{
    struct v1_setting *grown;
    va_list ap;

    if (s->count == s->room && !s->oom) {
        size_t room = s->room ? 2 * s->room : 16;
        grown = reallocarray(s->items, room, sizeof *grown);
        s->oom = !grown;
        if (grown) {
            s->items = grown;
            s->room = room;
        }
    }
    if (s->oom)
        return;
    struct v1_setting *setting = &s->items[s->count];
    *setting = (struct v1_setting){.dir = v1_with(s->tree, controller)->dir,
                                   .path = strdup(path),
                                   .file = strdup(file),
                                   .optional = optional};
    va_start(ap, fmt);
    if (vasprintf(&setting->value, fmt, ap) < 0)
        setting->value = NULL;
    va_end(ap);
    s->count++;
    s->oom = !setting->path || !setting->file || !setting->value;
}

/* The kernel has no such file, or one that only says so. */
static int not_there(struct v1_settings *s, const struct v1_setting *setting, struct error *err)
{
    if (setting->optional)
        return 0;
    if (s->drops) {
        log_warn(s->log, "without the limits %s%s: this kernel has no \"%s\" in cgroup v1", s->prefix,
                 setting->path, setting->file);
        return 0;
    }
    return error_set(err, ENOTSUP, "%s%s: this kernel has no \"%s\" in cgroup v1", s->prefix, setting->path,
                     setting->file);
}

static int refused(const struct v1_settings *s, const struct v1_setting *setting, struct error *why,
                   struct error *err)
{
    int code = why->code;

    if (code == EINVAL && (strcmp(setting->file, "memory.limit_in_bytes") == 0 ||
                           strcmp(setting->file, "memory.memsw.limit_in_bytes") == 0))
        error_hint(why, "memory.swap counts memory and swap together, and must be at least memory.limit");
    else if (code == EBUSY && str_starts(setting->file, "memory."))
        error_hint(why, "more than that is in use, and the kernel could not free it");
    error_move(err, why);
    error_prefix(err, "%s%s", s->prefix, setting->path);
    return -code;
}

/* 1: it has to wait. */
static int write_one(struct v1_settings *s, struct v1_setting *setting, struct error *why, struct error *err)
{
    if (s->undoes && !setting->old)
        (void)v1_read(setting->dir, setting->file, &setting->old, NULL);
    error_clear(why);
    int r = v1_write(setting->dir, setting->file, setting->value, why);
    if (r == -EINVAL)
        return 1;
    setting->done = true;
    /* memory.kmem.limit_in_bytes has only its name left. */
    if (r == -ENOTSUP || r == -524 /* the kernel's own ENOTSUPP */) {
        free(setting->old);
        setting->old = NULL;
        return not_there(s, setting, err);
    }
    if (r < 0)
        setting->done = false;
    return r < 0 ? refused(s, setting, why, err) : 0;
}

/* Tries all that are not done, round by round. */
static int write_all(struct v1_settings *s, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    size_t waiting = s->count, before;
    struct v1_setting *last = NULL;

    do {
        before = waiting;
        waiting = 0;
        for (size_t i = 0; i < s->count; i++) {
            if (s->items[i].done)
                continue;
            int r = write_one(s, &s->items[i], &why, err);
            if (r < 0)
                return r;
            if (r == 0)
                continue;
            last = &s->items[i];
            waiting++;
        }
    } while (waiting && waiting < before);
    return waiting ? refused(s, last, &why, err) : 0;
}

static void undo(struct v1_settings *s)
{
    /* In the other direction, twice: what was refused for the sake of another may pass then. */
    for (int round = 0; round < 2; round++)
        for (size_t i = s->count; i-- > 0;) {
            const struct v1_setting *setting = &s->items[i];
            _cleanup_free_ char *old = setting->done && setting->old ? strdup(setting->old) : NULL;
            char *save = NULL;
            for (char *line = old ? strtok_r(old, "\n", &save) : NULL; line;
                 line = strtok_r(NULL, "\n", &save))
                (void)v1_write(setting->dir, setting->file, line, NULL);
        }
}

int v1_settings_apply(struct v1_settings *s, struct error *err)
{
    if (s->oom)
        return error_oom(err);
    int r = write_all(s, err);
    if (r < 0 && s->undoes)
        undo(s);
    return r;
}
