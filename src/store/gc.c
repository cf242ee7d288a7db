/*
 * Removing images and what nobody needs any more.
 */
#include "store/gc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "store/internal.h"

void store_pruned_free(struct store_pruned *p)
{
    strv_free(p->ids);
    strv_free(p->busy);
    *p = (struct store_pruned){0};
}

struct candidate {
    char *id;
    time_t used;
    uint64_t bytes;
};

struct candidates {
    struct candidate *list;
    size_t n;
    uint64_t total; /* bytes of all images that were looked at */
};

static void candidates_free(struct candidates *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->list[i].id);
    free(c->list);
}

static int by_use(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    return x->used != y->used ? (x->used < y->used ? -1 : 1) : strcmp(x->id, y->id);
}

/* Is it one of those that @what means? */
static int is_meant(const struct store *s, const struct store_prune *what, const struct store_image *image,
                    const char *id, bool *meant, struct error *err)
{
    _cleanup_strv_ char **names = NULL;

    *meant = !what->ids;
    for (const char *const *one = what->ids; one && *one; one++)
        *meant |= strcmp(*one, id) == 0;
    if (what->older_than && time(NULL) - image->used < (time_t)what->older_than)
        *meant = false;
    if (!*meant || what->named)
        return 0;
    int r = store_names(s, id, &names, err);
    *meant = !names;
    return r;
}

static int gather(const struct store *s, const struct store_prune *what, struct candidates *c,
                  struct error *err)
{
    _cleanup_strv_ char **ids = NULL;
    int r = store_images(s, &ids, err);

    if (r < 0 || !ids)
        return r;
    c->list = calloc(strv_len(ids), sizeof c->list[0]);
    if (!c->list)
        return error_oom(err);
    STRV_FOREACH (id, ids) {
        _cleanup_store_image_ struct store_image image = STORE_IMAGE_INIT;
        _cleanup_error_ struct error damage = ERROR_INIT;
        bool meant = false;
        /* One that can't be read counts as never used: it goes first. */
        (void)store_image_open(s, *id, &image, &damage);
        uint64_t bytes = image.json ? store_image_number(&image, "bytes") : 0;
        c->total += bytes;
        r = is_meant(s, what, &image, *id, &meant, err);
        if (r < 0)
            return r;
        if (!meant)
            continue;
        struct candidate *one = &c->list[c->n];
        *one = (struct candidate){.id = strdup(*id), .used = image.used, .bytes = bytes};
        if (!one->id)
            return error_oom(err);
        c->n++;
    }
    qsort(c->list, c->n, sizeof c->list[0], by_use);
    return 0;
}

/* Removes the record of image @id unless somebody uses it. 1: it is gone. The store is locked exclusive, so
 * that no new one appears meanwhile. */
static int remove_image(const struct store *s, const char *id, struct error *err)
{
    _cleanup_free_ char *path = str_printf(STORE_IMAGES "/%s.json", id);
    _cleanup_strv_ char **names = NULL;

    if (!path)
        return error_oom(err);
    _cleanup_close_ int fd = openat(s->fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : error_sys(err, errno, "open \"%s/%s\"", s->path, path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? 0 : error_sys(err, errno, "lock \"%s/%s\"", s->path, path);
    int r = store_names(s, id, &names, err);
    if (r < 0)
        return r;
    STRV_FOREACH (name, names)
        (void)store_name_remove(s, *name, NULL);
    return unlinkat(s->fd, path, 0) < 0 ? error_sys(err, errno, "remove \"%s/%s\"", s->path, path) : 1;
}

static int remove_images(const struct store *s, const struct store_prune *what, struct store_pruned *done,
                         struct error *err)
{
    _cleanup_(candidates_free) struct candidates c = {0};
    int r = gather(s, what, &c, err);

    for (size_t i = 0; r >= 0 && i < c.n; i++) {
        if (what->max_bytes && c.total <= what->max_bytes)
            break;
        r = remove_image(s, c.list[i].id, err);
        if (r > 0)
            c.total -= c.list[i].bytes;
        if (r >= 0 && strv_add(r > 0 ? &done->ids : &done->busy, c.list[i].id) < 0)
            return error_oom(err);
    }
    return r < 0 ? r : 0;
}

/* All digests that records name. A record that can't be read could name anything: then nothing is removed. */
static int gather_digests(const struct store *s, char ***digests, struct error *err)
{
    _cleanup_strv_ char **ids = NULL;
    int r = store_images(s, &ids, err);

    STRV_FOREACH (id, ids) {
        _cleanup_store_image_ struct store_image image = STORE_IMAGE_INIT;
        r = r < 0 ? r : store_image_open(s, *id, &image, err);
        if (r == -ENOENT) { /* a crash may have damaged it: it and its layers go */
            r = remove_image(s, *id, err);
            r = r < 0 ? r : 0;
            continue;
        }
        for (size_t i = 0; r == 0 && i < store_image_layers(&image); i++)
            if (strv_add(digests, store_image_layer(&image, i)) < 0)
                return error_oom(err);
    }
    return r;
}

/* Moves layers that no record names out of sight; what they are now called is added to @gone. */
static int retire_layers(const struct store *s, struct store_temp *gone, struct store_pruned *done,
                         struct error *err)
{
    _cleanup_strv_ char **digests = NULL, **layers = NULL;
    int r = gather_digests(s, &digests, err);

    if (r == 0)
        r = store_entries(s, STORE_LAYERS, &layers, err);
    STRV_FOREACH (layer, layers) {
        if (r < 0)
            return r;
        if (strv_has(digests, *layer))
            continue;
        struct store_layer known;
        _cleanup_error_ struct error ignored = ERROR_INIT;
        _cleanup_free_ char *path = str_printf(STORE_LAYERS "/%s", *layer);
        if (!path)
            return error_oom(err);
        if (store_layer_read(s, *layer, &known, &ignored) == 0)
            done->bytes += known.bytes;
        if (renameat(s->fd, path, gone->fd, *layer) < 0)
            return error_sys(err, errno, "remove \"%s/%s\"", s->path, path);
        done->layers++;
    }
    return r;
}

/* Links that lead to no image. */
static int remove_dangling(const struct store *s, const char *dir, struct store_pruned *done,
                           struct error *err)
{
    _cleanup_strv_ char **links = NULL;
    int r = store_entries(s, dir, &links, err);

    STRV_FOREACH (link, links) {
        char id[SHA256_HEX + 1];
        _cleanup_free_ char *path = str_printf("%s/%s", dir, *link);
        _cleanup_free_ char *record =
            store_read_link(s, dir, *link, id) == 0 ? str_printf(STORE_IMAGES "/%s.json", id) : NULL;
        if (!path)
            return error_oom(err);
        if (record && faccessat(s->fd, record, F_OK, 0) == 0)
            continue;
        if (unlinkat(s->fd, path, 0) == 0)
            done->litter++;
    }
    return r;
}

static int prune_locked(const struct store *s, const struct store_prune *what, struct store_temp *gone,
                        struct store_pruned *done, struct error *err)
{
    _cleanup_close_ int lock = store_lock(s, true, err);
    int r = lock < 0 ? lock : 0;

    if (r == 0 && what)
        r = remove_images(s, what, done, err);
    if (r == 0)
        r = retire_layers(s, gone, done, err);
    if (r == 0)
        r = remove_dangling(s, STORE_NAMES, done, err);
    if (r == 0)
        r = remove_dangling(s, STORE_FILES, done, err);
    return r;
}

int store_prune(const struct store *s, const struct store_prune *what, struct store_pruned *done,
                struct error *err)
{
    _cleanup_store_temp_ struct store_temp gone = STORE_TEMP_INIT;
    int r = store_temp_make(s, "gone", &gone, err);

    if (r == 0)
        r = prune_locked(s, what, &gone, done, err);
    if (r < 0)
        return r;
    store_temp_close(&gone);
    r = store_sweep(s, err);
    if (r > 0)
        done->litter += (unsigned)r;
    return r < 0 ? r : 0;
}
