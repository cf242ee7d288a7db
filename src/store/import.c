/*
 * From an archive to an image.
 */
#include "store/import.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "image/protocol.h"
#include "store/carried.h"
#include "store/import_internal.h"

/* The kernel stamps files with the time of the last tick, at most 10 ms old. */
#define TICK_NS 10000000

int import_layer(const struct store *s, int archive, const struct image_layer_request *what,
                 const struct store_request *q, struct store_layer *layer, struct error *err)
{
    _cleanup_store_temp_ struct store_temp temp = STORE_TEMP_INIT;
    _cleanup_free_ char *helper = NULL;
    _cleanup_strv_ char **argv = NULL;
    struct worker_facts facts = {0};
    struct image_layer_request request = *what;

    request.max_bytes = q->max_bytes ? q->max_bytes : IMAGE_MAX_BYTES_DEFAULT;
    request.max_entries = IMAGE_MAX_ENTRIES_DEFAULT;
    int r = image_helper_path(&helper, err);
    if (r == 0)
        r = image_layer_argv(helper, &request, &argv, err);
    if (r == 0)
        r = store_temp_make(s, "layer", &temp, err);
    if (r < 0)
        return r;
    if (mkdirat(temp.fd, STORE_TREE, 0755) < 0)
        return error_sys(err, errno, "make \"%s/" STORE_TREE "\"", temp.path);
    _cleanup_close_ int tree = openat(temp.fd, STORE_TREE, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (tree < 0)
        return error_sys(err, errno, "open \"%s/" STORE_TREE "\"", temp.path);
    r = worker_run(s->map, argv, archive, tree, q->events, &facts, err);
    return r < 0 ? r : store_layer_publish(s, &temp, &facts, layer, err);
}

/* A file that was written in this very tick could change once more without a sign. */
static void let_time_pass(const struct stat *st)
{
    struct timespec now, pause = {.tv_nsec = TICK_NS};

    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age =
        (int64_t)(now.tv_sec - st->st_ctim.tv_sec) * 1000000000 + (now.tv_nsec - st->st_ctim.tv_nsec);
    if (age >= 0 && age < TICK_NS)
        nanosleep(&pause, NULL);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int import_root(const struct store *s, int fd, const char *name, const struct store_request *q,
                       struct store_image *image, struct error *err)
{
    const struct image_layer_request what = {.name = name};
    struct store_layer layer;
    int r;

    for (int tries = 0; tries < IMPORT_TRIES; tries++) {
        _cleanup_cjson_ cJSON *json = cJSON_CreateObject();
        _cleanup_carried_ struct carried carried = {.user = q->events};
        const struct image_events events = carried_events(&carried);
        struct store_request request = *q;
        request.events = &events;
        if (!json || json_add_string(json, "source", name) < 0)
            return error_oom(err);
        r = import_layer(s, fd, &what, &request, &layer, err);
        if (r == 0)
            r = carried_add(&carried, json, err);
        if (r == 0)
            r = store_image_publish(s, layer.digest, json, &layer, 1, image, err);
        if (r != -EAGAIN)
            return r;
        if (lseek(fd, 0, SEEK_SET) < 0)
            break;
    }
    return import_gave_up(name, err);
}

int import_gave_up(const char *name, struct error *err)
{
    return error_set(err, EBUSY, "image \"%s\": it is removed from the store as often as it is made", name);
}

/* What an archive is besides its file: which image of it is meant, and for which machine. NULL: no memory. */
static char *variant_of(const char *ref, const struct store_request *q)
{
    char digest[SHA256_HEX + 1];
    _cleanup_free_ char *text = NULL;

    if (!ref && !q->platform)
        return strdup("");
    text = str_printf("%s %s/%s/%s", ref ? ref : "", q->platform ? q->platform->os : "",
                      q->platform ? q->platform->architecture : "", q->platform ? q->platform->variant : "");
    if (!text)
        return NULL;
    sha256_text(text, strlen(text), digest);
    return str_printf("-%.16s", digest);
}

/* An archive on its way. */
struct incoming {
    int fd;
    const char *name, *ref;
    bool transport; /* known to be in a transport format */
    const char *variant;
};

static int import_content(const struct store *s, const struct incoming *in, const struct store_request *q,
                          struct store_image *image, struct error *err)
{
    int r = in->transport ? -EMEDIUMTYPE : import_root(s, in->fd, in->name, q, image, err);

    /* What can be read once only has been read too far by now. */
    if (r != -EMEDIUMTYPE)
        return r;
    if (!in->transport && lseek(in->fd, 0, SEEK_SET) < 0) {
        error_hint(err, "such an image is read from a file: save it to one first");
        return r;
    }
    error_clear(err);
    return import_transport(s, in->fd, in->name, in->ref, q, image, err);
}

/* A file: others may be at it, too. */
static int import_file(const struct store *s, const struct incoming *in, const struct stat *st,
                       const struct store_request *q, struct store_image *image, struct error *err)
{
    _cleanup_free_ char *key = str_printf("file-%llx-%llx%s", (unsigned long long)st->st_dev,
                                          (unsigned long long)st->st_ino, in->variant);
    char id[SHA256_HEX + 1];
    struct stat after;

    if (!key)
        return error_oom(err);
    int lock = store_key_lock(s, key, err);
    if (lock < 0)
        return lock;
    int r = store_file_find(s, st, in->variant, id);
    r = r == 0 ? store_image_open(s, id, image, err) : -ENOENT;
    if (r == -ENOENT) {
        let_time_pass(st);
        r = import_content(s, in, q, image, err);
        if (r == 0 && fstat(in->fd, &after) == 0 && same_file(st, &after))
            r = store_file_set(s, st, in->variant, image->id, err);
    }
    store_key_unlock(s, key, &lock);
    return r;
}

static int import_archive(const struct store *s, struct incoming *in, const struct store_request *q,
                          struct store_image *image, struct error *err)
{
    _cleanup_free_ char *variant = variant_of(in->ref, q);
    char id[SHA256_HEX + 1];
    struct stat st;

    if (!variant)
        return error_oom(err);
    in->variant = variant;
    if (fstat(in->fd, &st) < 0)
        return error_sys(err, errno, "image \"%s\"", in->name);
    /* Only a file that is read from its beginning is what its numbers say. */
    if (!S_ISREG(st.st_mode) || lseek(in->fd, 0, SEEK_CUR) != 0)
        return import_content(s, in, q, image, err);
    if (store_file_find(s, &st, variant, id) == 0) {
        int r = store_image_open(s, id, image, err);
        if (r != -ENOENT)
            return r;
    }
    return import_file(s, in, &st, q, image, err);
}

int store_import_archive(const struct store *s, int fd, const char *name, const struct store_request *q,
                         struct store_image *image, struct error *err)
{
    struct incoming in = {.fd = fd, .name = name};

    return import_archive(s, &in, q, image, err);
}

int store_import_layout(const struct store *s, int dir, const char *name, const struct store_request *q,
                        struct store_image *image, struct error *err)
{
    return import_layout(s, dir, name, NULL, q, image, err);
}

/* The name in the store of what a registry calls so; NULL: none can be made of it. */
static char *name_in_store(const struct source *source)
{
    _cleanup_free_ char *full = NULL;

    return store_name_check(source->path, &full, NULL) == 0 ? TAKE_PTR(full) : NULL;
}

static int import_remote(const struct store *s, const struct source *source, const struct store_request *q,
                         struct store_image *image, struct error *err)
{
    _cleanup_free_ char *name = name_in_store(source);
    char id[SHA256_HEX + 1];

    if (!q->anew && name && store_find(s, name, id, NULL, NULL) == 0) {
        int r = store_image_open(s, id, image, err);
        if (r != -ENOENT)
            return r;
    }
    int r = import_by_tool(s, source, q, image, err);
    return r == 0 && name ? store_name_set(s, name, image->id, err) : r;
}

int store_import_source(const struct store *s, const struct source *source, const struct store_request *q,
                        struct store_image *image, struct error *err)
{
    bool directory = source->kind == SOURCE_OCI;

    if (source->kind == SOURCE_DOCKER || source->kind == SOURCE_CONTAINERS)
        return import_remote(s, source, q, image, err);
    _cleanup_close_ int fd =
        open(source->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (directory ? O_DIRECTORY : 0));
    if (fd < 0)
        return error_sys(err, errno, "image \"%s\": open \"%s\"", source->name, source->path);
    if (directory)
        return import_layout(s, fd, source->name, source->ref, q, image, err);
    struct incoming in = {.fd = fd, .name = source->name, .ref = source->ref, .transport = true};
    return import_archive(s, &in, q, image, err);
}
