#include "helpers/image/deferred.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "helpers/image/interrupt.h"

void deferred_free(struct deferred *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->dir[i].path);
        xattrs_free(&d->dir[i].meta.xattrs);
    }
    free(d->dir);
    *d = (struct deferred){0};
}

int deferred_add(struct deferred *d, const char *path, mode_t made, struct meta *meta, struct error *err)
{
    _cleanup_free_ char *copy = strdup(path);

    if (!copy)
        return error_oom(err);
    if (d->n == d->room) {
        size_t room = d->room ? d->room * 2 : 256;
        void *more = reallocarray(d->dir, room, sizeof d->dir[0]);
        if (!more)
            return error_oom(err);
        d->dir = more;
        d->room = room;
    }
    d->dir[d->n] = (struct deferred_dir){.path = TAKE_PTR(copy), .order = d->n, .made = made, .meta = *meta};
    d->n++;
    meta->xattrs = (struct xattrs){0};
    return 0;
}

/* Backwards by name, so that what lies inside a directory comes before it; the last entry of a name comes
 * first. */
static int compare(const void *a, const void *b)
{
    const struct deferred_dir *x = a, *y = b;
    int k = strcmp(y->path, x->path);

    return k ? k : (x->order < y->order) - (x->order > y->order);
}

static int apply_one(const struct deferred_dir *dir, int fd, const struct ids *ids, struct warnings *warnings,
                     struct error *err)
{
    const struct meta *m = &dir->meta;

    if (ids->keep && (m->uid != ids->uid || m->gid != ids->gid) && fchown(fd, m->uid, m->gid) < 0)
        return error_sys(err, errno, "give to owner %u:%u", m->uid, m->gid);
    if (m->mode != dir->made && fchmod(fd, m->mode) < 0)
        return error_sys(err, errno, "set mode %04o", (unsigned)m->mode);
    int r = xattrs_apply(&m->xattrs, fd, dir->path, warnings, err);
    if (r < 0)
        return r;
    if (futimens(fd, m->time) < 0)
        return error_sys(err, errno, "set the time");
    return 0;
}

int deferred_apply(struct deferred *d, struct dirs *dirs, const struct ids *ids, struct warnings *warnings,
                   struct error *err)
{
    if (d->n > 1)
        qsort(d->dir, d->n, sizeof d->dir[0], compare);
    for (size_t i = 0; i < d->n; i++) {
        const struct deferred_dir *dir = &d->dir[i];
        if (i > 0 && strcmp(dir->path, d->dir[i - 1].path) == 0)
            continue;
        if (interrupted())
            return error_set(err, EINTR, "interrupted");
        _cleanup_close_ int fd = dirs_open(dirs, dir->path, O_RDONLY | O_DIRECTORY);
        /* A later entry put something else in its place. */
        if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
            continue;
        int r = fd < 0 ? error_sys(err, -fd, "open the directory") : apply_one(dir, fd, ids, warnings, err);
        if (r < 0) {
            _cleanup_free_ char *quoted = str_quote(dir->path, 200);
            error_prefix(err, "entry \"%s\"", quoted ? quoted : "?");
            return r;
        }
    }
    return 0;
}
