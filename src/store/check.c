/*
 * Is the store whole?
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "store/gc.h"
#include "store/internal.h"

struct check {
    const struct store *store;
    void (*tell)(void *data, const char *text);
    void *data;
    unsigned problems;
    char **seen; /* digests of layers that were compared; owned */
};

static __attribute__((format(printf, 2, 3))) void problem(struct check *c, const char *fmt, ...)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    va_list ap;

    va_start(ap, fmt);
    strbuf_vaddf(&text, fmt, ap);
    va_end(ap);
    c->problems++;
    if (c->tell)
        c->tell(c->data, text.data ? text.data : "out of memory");
}

/* Reads the whole tree and compares. */
static int compare_tree(struct check *c, const struct store_layer *layer, struct error *err)
{
    _cleanup_free_ char *path = store_layer_path(c->store, layer->digest), *helper = NULL;
    _cleanup_free_ char *name = str_printf("layer %.12s", layer->digest);
    _cleanup_strv_ char **argv = NULL;
    _cleanup_error_ struct error failure = ERROR_INIT;
    struct worker_facts facts = {0};

    if (!path || !name)
        return error_oom(err);
    int r = image_helper_path(&helper, err);
    if (r == 0)
        r = image_tally_argv(helper, name, &argv, err);
    if (r < 0)
        return r;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        problem(c, "layer %.12s: open its tree: %s", layer->digest, errno_name(errno));
        return 0;
    }
    r = worker_run(c->store->map, argv, -1, fd, NULL, &facts, &failure);
    if (worker_signal_pending()) {
        error_move(err, &failure);
        return err && err->code ? -err->code : -EINTR;
    }
    if (r < 0)
        problem(c, "%s", error_text(&failure));
    else if (strcmp(facts.tally, layer->tally) != 0)
        problem(c, "layer %.12s: its files are not what was unpacked", layer->digest);
    return 0;
}

static int check_layer(struct check *c, const char *id, const char *digest, struct error *err)
{
    _cleanup_error_ struct error failure = ERROR_INIT;
    struct store_layer layer;

    if (strv_has(c->seen, digest))
        return 0;
    if (strv_add(&c->seen, digest) < 0)
        return error_oom(err);
    int r = store_layer_read(c->store, digest, &layer, &failure);
    if (r == -ENOENT)
        problem(c, "image %.12s: its layer %.12s is not there", id, digest);
    else if (r < 0)
        problem(c, "image %.12s: layer %.12s: %s", id, digest, error_text(&failure));
    else
        r = compare_tree(c, &layer, err);
    return r < 0 && err && err->code ? r : 0;
}

static int check_image(struct check *c, const char *id, struct error *err)
{
    _cleanup_store_image_ struct store_image image = STORE_IMAGE_INIT;
    _cleanup_error_ struct error failure = ERROR_INIT;
    int r = store_image_open(c->store, id, &image, &failure);

    if (r == -ENOENT) /* somebody removed it, or the machine crashed: then it is imported anew */
        return 0;
    if (r < 0) {
        problem(c, "%s", error_text(&failure));
        return 0;
    }
    for (size_t i = 0; i < store_image_layers(&image); i++) {
        r = check_layer(c, id, store_image_layer(&image, i), err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_names(struct check *c, struct error *err)
{
    _cleanup_close_ int lock = store_lock(c->store, false, err);
    _cleanup_strv_ char **names = NULL;
    int r = lock < 0 ? lock : store_names(c->store, NULL, &names, err);

    STRV_FOREACH (name, names) {
        char id[SHA256_HEX + 1];
        _cleanup_free_ char *record =
            store_find(c->store, *name, id, NULL, NULL) == 0 ? str_printf(STORE_IMAGES "/%s.json", id) : NULL;
        if (!record || faccessat(c->store->fd, record, F_OK, 0) < 0)
            problem(c, "name \"%s\": its image is not there", *name);
    }
    return r;
}

int store_check(const struct store *s, void (*tell)(void *data, const char *text), void *data,
                unsigned *problems, struct error *err)
{
    struct check c = {.store = s, .tell = tell, .data = data};
    _cleanup_strv_ char **ids = NULL;
    int r = store_images(s, &ids, err);

    STRV_FOREACH (id, ids)
        r = r < 0 ? r : check_image(&c, *id, err);
    if (r == 0)
        r = check_names(&c, err);
    strv_free(c.seen);
    *problems = c.problems;
    return r;
}

int store_size(const struct store *s, uint64_t *bytes, struct error *err)
{
    _cleanup_strv_ char **layers = NULL;
    int r = store_entries(s, STORE_LAYERS, &layers, err);

    *bytes = 0;
    STRV_FOREACH (digest, layers) {
        struct store_layer layer;
        _cleanup_error_ struct error ignored = ERROR_INIT;
        if (store_layer_read(s, *digest, &layer, &ignored) == 0)
            *bytes += layer.bytes;
    }
    return r;
}
