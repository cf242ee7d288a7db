/*
 * Records of images: images/ID.json.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"
#include "store/internal.h"

#define RECORD_MAX ((size_t)8 << 20)

/* "Used now" is noted that often. */
#define TOUCH_SECONDS 3600

void store_image_close(struct store_image *image)
{
    cJSON_Delete(image->json);
    fd_close(&image->fd);
    *image = STORE_IMAGE_INIT;
}

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const cJSON *layer_at(const struct store_image *image, size_t i)
{
    return cJSON_GetArrayItem(member(image->json, "layers"), (int)i);
}

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *item = member(object, key);

    return cJSON_IsString(item) ? item->valuestring : NULL;
}

size_t store_image_layers(const struct store_image *image)
{
    return (size_t)cJSON_GetArraySize(member(image->json, "layers"));
}

const char *store_image_layer(const struct store_image *image, size_t i)
{
    return text_of(layer_at(image, i), "digest");
}

const char *store_image_whiteouts(const struct store_image *image, size_t i)
{
    return text_of(layer_at(image, i), "whiteouts");
}

bool store_image_overlays(const struct store_image *image)
{
    for (size_t i = 0; i < store_image_layers(image); i++)
        if (strcmp(store_image_whiteouts(image, i), "files") == 0)
            return false;
    return store_image_layers(image) > 0;
}

const cJSON *store_image_config(const struct store_image *image)
{
    const cJSON *config = member(image->json, "config");

    return cJSON_IsObject(config) ? config : NULL;
}

uint64_t store_image_number(const struct store_image *image, const char *key)
{
    uint64_t n = 0;

    (void)json_get_u64(member(image->json, key), &n);
    return n;
}

const char *store_image_text(const struct store_image *image, const char *key)
{
    return text_of(image->json, key);
}

char *store_layer_path(const struct store *s, const char *digest)
{
    return str_printf("%s/" STORE_LAYERS "/%s/" STORE_TREE, s->path, digest);
}

/* The parts that others rely on. */
static bool is_record(const struct store_image *image)
{
    const cJSON *layers = member(image->json, "layers");

    if (!cJSON_IsArray(layers) || store_image_layers(image) > STORE_LAYERS_MAX)
        return false;
    for (size_t i = 0; i < store_image_layers(image); i++) {
        const char *digest = store_image_layer(image, i);
        if (!digest || !sha256_is_hex(digest) || !store_image_whiteouts(image, i))
            return false;
    }
    return store_image_text(image, "boot") && store_image_number(image, "at") > 0;
}

static int read_record(const struct store *s, struct store_image *image, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len;
    int r = fd_read_to_end(image->fd, RECORD_MAX, &text, &len);

    if (r < 0)
        return error_sys(err, -r, "read the record of image %.12s", image->id);
    if (len == 0 || !text[0]) /* a crash came before it was on the disk */
        return -ENOENT;
    r = json_parse(image->id, text, len, &image->json, err);
    if (r == 0 && !is_record(image))
        r = error_set(err, EBADMSG, "\"%s/" STORE_IMAGES "/%s.json\" is damaged", s->path, image->id);
    if (r == -EINVAL || r == -EBADMSG) {
        error_hint(err, "bryo images check tells what is wrong; bryo images remove %.12s removes it",
                   image->id);
        return -EBADMSG;
    }
    return r;
}

int store_image_open(const struct store *s, const char *id, struct store_image *image, struct error *err)
{
    _cleanup_store_image_ struct store_image found = STORE_IMAGE_INIT;
    _cleanup_free_ char *name = str_printf(STORE_IMAGES "/%s.json", id);
    struct stat st;

    if (!name)
        return error_oom(err);
    if (!sha256_is_hex(id))
        return -ENOENT;
    memcpy(found.id, id, sizeof found.id);
    found.fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (found.fd < 0 && errno == ENOENT)
        return -ENOENT;
    if (found.fd < 0)
        return error_sys(err, errno, "open \"%s/%s\"", s->path, name);
    (void)flock(found.fd, LOCK_SH);
    if (fstat(found.fd, &st) < 0)
        return error_sys(err, errno, "stat \"%s/%s\"", s->path, name);
    if (st.st_nlink == 0) /* removed or replaced between the two */
        return -ENOENT;
    found.used = st.st_mtime;
    int r = read_record(s, &found, err);
    if (r < 0)
        return r;
    if (!store_is_durable(s, store_image_text(&found, "boot"), store_image_number(&found, "at")))
        return -ENOENT;
    *image = found;
    found = STORE_IMAGE_INIT;
    return 0;
}

void store_image_touch(struct store_image *image)
{
    time_t now = time(NULL);

    if (now < image->used || now - image->used > TOUCH_SECONDS)
        (void)futimens(image->fd, NULL);
}

static cJSON *layers_json(const struct store_layer *layers, size_t n)
{
    _cleanup_cjson_ cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; list && i < n; i++) {
        cJSON *one = cJSON_CreateObject();
        if (!one || !cJSON_AddItemToArray(list, one)) {
            cJSON_Delete(one);
            return NULL;
        }
        if (json_add_string(one, "digest", layers[i].digest) < 0 ||
            json_add_string(one, "whiteouts", layers[i].whiteouts) < 0)
            return NULL;
    }
    return TAKE_PTR(list);
}

static int look_for_layers(const struct store *s, const struct store_layer *layers, size_t n,
                           struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        _cleanup_free_ char *tree = store_layer_path(s, layers[i].digest);
        if (!tree)
            return error_oom(err);
        if (access(tree, F_OK) < 0)
            return errno == ENOENT ? -EAGAIN : error_sys(err, errno, "look at \"%s\"", tree);
    }
    return 0;
}

/* Makes the record, unless it is there: whoever uses it holds the lock of that very file, so it is never
 * replaced. Nobody may remove a layer between the look and the record, which is why the store is locked;
 * what a crash may have damaged is nobody's, and is removed while nobody else publishes. -EEXIST without
 * text: there is one. */
static int publish_locked(const struct store *s, const char *id, const char *text,
                          const struct store_layer *layers, size_t n, bool exclusive, struct error *err)
{
    _cleanup_store_image_ struct store_image there = STORE_IMAGE_INIT;
    _cleanup_free_ char *name = str_printf("%s.json", id), *path = str_printf(STORE_IMAGES "/%s.json", id);
    _cleanup_close_ int lock = store_lock(s, exclusive, err);

    if (lock < 0)
        return lock;
    if (!name || !path)
        return error_oom(err);
    int r = look_for_layers(s, layers, n, err);
    if (r < 0)
        return r;
    if (exclusive && store_image_open(s, id, &there, NULL) < 0 && unlinkat(s->fd, path, 0) < 0 &&
        errno != ENOENT)
        return error_sys(err, errno, "remove \"%s/%s\"", s->path, path);
    return store_write(s, STORE_IMAGES, name, text, false, err);
}

int store_image_publish(const struct store *s, const char *id, cJSON *json, const struct store_layer *layers,
                        size_t n, struct store_image *image, struct error *err)
{
    uint64_t bytes = 0, entries = 0;

    for (size_t i = 0; i < n; i++) {
        bytes += layers[i].bytes;
        entries += layers[i].entries;
    }
    if (json_add_item(json, "layers", layers_json(layers, n)) < 0 || json_add_u64(json, "bytes", bytes) < 0 ||
        json_add_u64(json, "entries", entries) < 0 || json_add_string(json, "boot", s->boot) < 0 ||
        json_add_u64(json, "imported", (uint64_t)time(NULL)) < 0 || json_add_u64(json, "at", store_now()) < 0)
        return error_oom(err);
    _cleanup_free_ char *text = json_print(json, true);
    if (!text)
        return error_oom(err);
    for (int tries = 0; tries < 3; tries++) {
        int r = publish_locked(s, id, text, layers, n, tries > 0, err);
        if (r < 0 && r != -EEXIST)
            return r;
        r = store_image_open(s, id, image, err);
        if (r != -ENOENT)
            return r;
    }
    return -EAGAIN; /* somebody removes it at once */
}
