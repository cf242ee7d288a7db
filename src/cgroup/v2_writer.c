#include "cgroup/v2_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cgroup/v2_internal.h"

void writer_free(struct writer *w)
{
    for (size_t i = 0; i < w->count; i++) {
        free(w->done[i].file);
        free(w->done[i].old);
    }
    free(w->done);
    w->done = NULL;
    w->count = 0;
}

bool writer_has(const struct writer *w, const char *file)
{
    return faccessat(w->dirfd, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int writer_read(struct writer *w, const char *file, char **text)
{
    return v2_read(w->dirfd, w->shown, file, text, w->err);
}

static int remember(struct writer *w, const char *file, char *old)
{
    struct written *grown = realloc(w->done, (w->count + 1) * sizeof *grown);
    char *name = strdup(file);

    if (grown)
        w->done = grown;
    if (!grown || !name) {
        free(name);
        return -ENOMEM;
    }
    w->done[w->count++] = (struct written){name, old};
    return 0;
}

static int put(struct writer *w, const char *file, const char *value, struct error *err)
{
    _cleanup_free_ char *old = NULL;
    /* A file that can only be written, or is not there, tells so when it is written. */
    bool known = w->undoes && v2_read(w->dirfd, w->shown, file, &old, NULL) == 0;
    int r = v2_write(w->dirfd, w->shown, file, value, err);

    if (r < 0 || !known)
        return r;
    if (remember(w, file, old) < 0)
        return error_oom(err);
    old = NULL; /* handed over */
    return 0;
}

int writer_put(struct writer *w, const char *file, const char *value)
{
    return put(w, file, value, w->err);
}

int writer_try(struct writer *w, const char *file, const char *value)
{
    return put(w, file, value, NULL);
}

int writer_put_limit(struct writer *w, const char *file, const char *value)
{
    if (strncmp(value, "max", 3) == 0 && !writer_has(w, file))
        return 0;
    return put(w, file, value, w->err);
}

void writer_undo(struct writer *w)
{
    while (w->count) {
        struct written *last = &w->done[--w->count];
        char *save = NULL;
        /* An empty list of CPUs is a value, too. */
        if (!last->old[strspn(last->old, "\n")])
            (void)v2_write(w->dirfd, w->shown, last->file, "\n", NULL);
        for (char *line = strtok_r(last->old, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
            (void)v2_write(w->dirfd, w->shown, last->file, line, NULL);
        free(last->file);
        free(last->old);
    }
}
