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
    if (r == 0 && q->sync)
        r = store_sync(s, err);
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
        if (!json || json_add_string(json, "source", name) < 0)
            return error_oom(err);
        r = import_layer(s, fd, &what, q, &layer, err);
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

/* A file: others may be at it, too. */
static int import_file(const struct store *s, int fd, const struct stat *st, const char *name,
                       const struct store_request *q, struct store_image *image, struct error *err)
{
    _cleanup_free_ char *key =
        str_printf("file-%llx-%llx", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
    char id[SHA256_HEX + 1];
    struct stat after;

    if (!key)
        return error_oom(err);
    int lock = store_key_lock(s, key, err);
    if (lock < 0)
        return lock;
    int r = store_file_find(s, st, id);
    r = r == 0 ? store_image_open(s, id, image, err) : -ENOENT;
    if (r == -ENOENT) {
        let_time_pass(st);
        r = import_root(s, fd, name, q, image, err);
        if (r == 0 && fstat(fd, &after) == 0 && same_file(st, &after))
            r = store_file_set(s, st, image->id, err);
    }
    store_key_unlock(s, key, &lock);
    return r;
}

int store_import_archive(const struct store *s, int fd, const char *name, const struct store_request *q,
                         struct store_image *image, struct error *err)
{
    char id[SHA256_HEX + 1];
    struct stat st;

    if (fstat(fd, &st) < 0)
        return error_sys(err, errno, "image \"%s\"", name);
    /* Only a file that is read from its beginning is what its numbers say. */
    if (!S_ISREG(st.st_mode) || lseek(fd, 0, SEEK_CUR) != 0)
        return import_root(s, fd, name, q, image, err);
    if (store_file_find(s, &st, id) == 0) {
        int r = store_image_open(s, id, image, err);
        if (r != -ENOENT)
            return r;
    }
    return import_file(s, fd, &st, name, q, image, err);
}
