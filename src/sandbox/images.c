#include "sandbox/images.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "sandbox/image.h"
#include "store/internal.h"

struct images {
    struct idmap map;
    struct store store;
};

int images_open(struct images **out, struct error *err)
{
    _cleanup_images_ struct images *i = calloc(1, sizeof *i);

    if (!i)
        return error_oom(err);
    i->store = STORE_INIT;
    int r = idmap_default(&i->map, NULL, err);
    if (r == 0)
        r = store_open(&i->store, &i->map, true, err);
    if (r == 0)
        *out = TAKE_PTR(i);
    return r;
}

void images_close(struct images *i)
{
    if (!i)
        return;
    store_close(&i->store);
    idmap_free(&i->map);
    free(i);
}

static int no_such(const char *name, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(name, 80);

    error_set(err, ENOENT, "image \"%s\": there is none in the store", shown ? shown : "?");
    error_hint(err, "bryo images list shows those there are");
    return -ENOENT;
}

/* Opens what the user calls @name. */
static int find(struct images *i, const char *name, struct store_image *image, bool *by_name,
                struct error *err)
{
    char id[SHA256_HEX + 1];
    int r = store_find(&i->store, name, id, by_name, err);

    if (r == 0)
        r = store_image_open(&i->store, id, image, err);
    return r == -ENOENT ? no_such(name, err) : r;
}

static int add_time(cJSON *object, const char *name, time_t when)
{
    char text[TIME_RFC3339_MAX];
    const struct timespec t = {.tv_sec = when};

    return json_add_string(object, name, time_rfc3339(text, &t));
}

/* The members that list and inspect have in common. */
static cJSON *describe(struct images *i, const struct store_image *image, struct error *err)
{
    _cleanup_strv_ char **names = NULL;
    _cleanup_cjson_ cJSON *o = cJSON_CreateObject();

    if (store_names(&i->store, image->id, &names, err) < 0)
        return NULL;
    if (!o || json_add_string(o, "id", image->id) < 0 ||
        json_add_item(o, "names", json_new_strv(names)) < 0 ||
        json_add_u64(o, "bytes", store_image_number(image, "bytes")) < 0 ||
        json_add_u64(o, "entries", store_image_number(image, "entries")) < 0 ||
        json_add_string(o, "source", store_image_text(image, "source")) < 0 ||
        add_time(o, "imported", (time_t)store_image_number(image, "imported")) < 0 ||
        add_time(o, "used", image->used) < 0) {
        error_oom(err);
        return NULL;
    }
    return TAKE_PTR(o);
}

static int by_use(const void *a, const void *b)
{
    const cJSON *x = *(cJSON *const *)a, *y = *(cJSON *const *)b;

    return strcmp(cJSON_GetObjectItemCaseSensitive(y, "used")->valuestring,
                  cJSON_GetObjectItemCaseSensitive(x, "used")->valuestring);
}

/* The newest first. */
static cJSON *sort(cJSON *list)
{
    size_t n = (size_t)cJSON_GetArraySize(list);
    _cleanup_free_ cJSON **items = calloc(n ? n : 1, sizeof *items);
    _cleanup_cjson_ cJSON *sorted = cJSON_CreateArray();

    if (!items || !sorted)
        return NULL;
    for (size_t k = 0; k < n; k++)
        items[k] = cJSON_DetachItemFromArray(list, 0);
    qsort(items, n, sizeof items[0], by_use);
    for (size_t k = 0; k < n; k++)
        cJSON_AddItemToArray(sorted, items[k]);
    return TAKE_PTR(sorted);
}

int images_list(struct images *i, cJSON **out, struct error *err)
{
    _cleanup_strv_ char **ids = NULL;
    _cleanup_cjson_ cJSON *list = cJSON_CreateArray();
    int r = store_images(&i->store, &ids, err);

    if (!list)
        return error_oom(err);
    STRV_FOREACH (id, ids) {
        _cleanup_store_image_ struct store_image image = STORE_IMAGE_INIT;
        if (r < 0)
            return r;
        r = store_image_open(&i->store, *id, &image, err);
        if (r == -ENOENT) {
            r = 0;
            continue;
        }
        cJSON *one = r == 0 ? describe(i, &image, err) : NULL;
        if (!one)
            return err && err->code ? -err->code : -ENOMEM;
        if (json_add_u64(one, "layers", store_image_layers(&image)) < 0 || !cJSON_AddItemToArray(list, one)) {
            cJSON_Delete(one);
            return error_oom(err);
        }
    }
    *out = r == 0 ? sort(list) : NULL;
    return r < 0 ? r : *out ? 0 : error_oom(err);
}

static cJSON *layer_json(struct images *i, const char *digest, struct error *err)
{
    struct store_layer layer;
    _cleanup_cjson_ cJSON *o = cJSON_CreateObject();
    _cleanup_free_ char *path = store_layer_path(&i->store, digest);
    int r = store_layer_read(&i->store, digest, &layer, err);

    if (r < 0) {
        if (r == -ENOENT)
            error_set(err, ENOENT, "layer %.12s is not there", digest);
        return NULL;
    }
    if (!o || json_add_string(o, "digest", digest) < 0 || json_add_u64(o, "bytes", layer.bytes) < 0 ||
        json_add_u64(o, "entries", layer.entries) < 0 ||
        json_add_string(o, "whiteouts", layer.whiteouts) < 0 || json_add_string(o, "path", path) < 0) {
        error_oom(err);
        return NULL;
    }
    return TAKE_PTR(o);
}

int images_inspect(struct images *i, const char *name, cJSON **out, struct error *err)
{
    static const char *const texts[] = {"os", "architecture", "variant", "created", "manifest"};
    _cleanup_store_image_ struct store_image image = STORE_IMAGE_INIT;
    int r = find(i, name, &image, NULL, err);

    if (r < 0)
        return r;
    _cleanup_cjson_ cJSON *o = describe(i, &image, err), *layers = cJSON_CreateArray();
    if (!o || !layers)
        return err && err->code ? -err->code : error_oom(err);
    for (size_t k = 0; k < store_image_layers(&image); k++) {
        cJSON *layer = layer_json(i, store_image_layer(&image, k), err);
        if (!layer)
            return err && err->code ? -err->code : -ENOMEM;
        cJSON_AddItemToArray(layers, layer);
    }
    if (json_add_item(o, "layers", TAKE_PTR(layers)) < 0)
        return error_oom(err);
    for (size_t k = 0; k < ARRAY_SIZE(texts); k++)
        if (json_add_string(o, texts[k], store_image_text(&image, texts[k])) < 0)
            return error_oom(err);
    if (store_image_config(&image) &&
        json_add_item(o, "config", cJSON_Duplicate(store_image_config(&image), true)) < 0)
        return error_oom(err);
    *out = TAKE_PTR(o);
    return 0;
}

int images_tag(struct images *i, const char *name, const char *new_name, struct error *err)
{
    _cleanup_store_image_ struct store_image image = STORE_IMAGE_INIT;
    int r = find(i, name, &image, NULL, err);

    return r < 0 ? r : store_name_set(&i->store, new_name, image.id, err);
}

int images_remove(struct images *i, const char *name, struct store_pruned *done, struct error *err)
{
    _cleanup_strv_ char **names = NULL;
    char id[SHA256_HEX + 1];
    bool by_name = false;
    int r = store_find(&i->store, name, id, &by_name, err);

    if (r == 0 && by_name)
        r = store_name_remove(&i->store, name, err);
    if (r == -ENOENT)
        return no_such(name, err);
    if (r == 0 && by_name)
        r = store_names(&i->store, id, &names, err);
    if (r < 0 || names)
        return r;
    const struct store_prune what = {.ids = (const char *const[]){id, NULL}, .named = true};
    r = store_prune(&i->store, &what, done, err);
    if (r == 0 && done->busy) {
        error_set(err, EBUSY, "image \"%s\": a sandbox uses it", name);
        if (by_name)
            error_hint(err,
                       "its name is gone; bryo images prune removes the rest when the sandbox has ended");
        return -EBUSY;
    }
    return r;
}

int images_check_platform(const char *text, struct error *err)
{
    struct oci_platform unused;

    return oci_platform_parse(text, &unused, err);
}

int images_import(struct images *i, const char *source, const char *name, const char *platform,
                  uint64_t max_bytes, const struct image_events *events, char **id, struct error *err)
{
    struct oci_platform for_platform;
    const struct store_request request = {
        .max_bytes = max_bytes, .events = events, .platform = platform ? &for_platform : NULL, .anew = true};
    _cleanup_image_ struct image image = IMAGE_INIT;
    _cleanup_free_ char *full = NULL;
    sigset_t old;
    int r = name ? store_name_check(name, &full, err) : 0;

    if (r == 0 && platform)
        r = oci_platform_parse(platform, &for_platform, err);
    if (r == 0)
        r = image_open(source, &i->map, &image, err);
    if (r < 0)
        return r;
    if (image.directory) {
        error_set(err, EISDIR, "image \"%s\": it is a directory, which sandboxes use in place", source);
        error_hint(err, "to keep a copy of it: tar -C %s -c . | bryo images import -", source);
        return -EISDIR;
    }
    worker_block_signals(&old);
    r = image_store(&image, &i->map, &request, err);
    if (r == 0)
        r = store_sync(&i->store, err);
    if (r == 0 && name)
        r = store_name_set(&i->store, name, image.stored.id, err);
    worker_unblock_signals(&old);
    if (r < 0)
        return r;
    *id = strdup(image.stored.id);
    return *id ? 0 : error_oom(err);
}

int images_prune(struct images *i, const struct store_prune *what, struct store_pruned *done,
                 struct error *err)
{
    return store_prune(&i->store, what, done, err);
}

int images_check(struct images *i, void (*tell)(void *data, const char *text), void *data, unsigned *problems,
                 struct error *err)
{
    sigset_t old;

    worker_block_signals(&old);
    int r = store_check(&i->store, tell, data, problems, err);
    worker_unblock_signals(&old);
    return r;
}
