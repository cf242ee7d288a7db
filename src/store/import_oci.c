/*
 * Images in a transport format come into the store: an OCI layout, or what `docker save` writes, in a
 * directory or in an archive, which is unpacked to tmp/ first.
 *
 * Names that a manifest has for files are resolved inside the layout (base/path.h). Whatever is read is
 * compared with the digest by which it was asked for: configuration and manifests here, layers while they are
 * unpacked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "image/protocol.h"
#include "store/import_internal.h"
#include "store/oci.h"

#define NESTED_MAX 4 /* an index that leads to an index … */

/* A layout on its way. */
struct layout {
    const struct store *store;
    int fd;           /* its directory */
    const char *name; /* of the image, for messages */
    const struct store_request *q;
    struct oci_image image;
};

static void layout_free(struct layout *l)
{
    oci_image_free(&l->image);
}

/* Opens a regular file of the layout. -errno with text. */
static int open_file(const struct layout *l, const char *path, struct stat *st, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(path, 200);
    _cleanup_close_ int fd = path_open_in_root(l->fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

    if (fd < 0)
        return error_sys(err, -fd, "image \"%s\": open \"%s\"", l->name, shown ? shown : "?");
    if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode))
        return error_set(err, EINVAL, "image \"%s\": \"%s\" is not a regular file", l->name,
                         shown ? shown : "?");
    return TAKE_FD(fd);
}

/* The whole of a small file. The caller frees. */
static int read_file(const struct layout *l, const char *path, char **text, size_t *len, struct error *err)
{
    struct stat st;
    _cleanup_close_ int fd = open_file(l, path, &st, err);

    if (fd < 0)
        return fd;
    int r = fd_read_to_end(fd, OCI_TEXT_MAX, text, len);
    if (r == -EFBIG)
        return error_set(err, EFBIG, "image \"%s\": \"%s\" is larger than %zu bytes", l->name, path,
                         OCI_TEXT_MAX);
    return r < 0 ? error_sys(err, -r, "image \"%s\": read \"%s\"", l->name, path) : 0;
}

static char *blob_path(const struct oci_blob *blob)
{
    return str_printf("blobs/sha256/%s", blob->digest);
}

static int check_size(const struct layout *l, const struct oci_blob *blob, uint64_t size, struct error *err)
{
    if (blob->size == UINT64_MAX || blob->size == size)
        return 0;
    error_set(err, EBADMSG, "image \"%s\": blob %.12s has %llu bytes, its manifest says %llu", l->name,
              blob->digest, (unsigned long long)size, (unsigned long long)blob->size);
    error_hint(err, "the image was cut short or changed: copy it again");
    return -EBADMSG;
}

/* A small blob, which is what its digest says. */
static int read_blob(const struct layout *l, const struct oci_blob *blob, char **text, size_t *len,
                     struct error *err)
{
    _cleanup_free_ char *path = blob_path(blob);
    char digest[SHA256_HEX + 1];
    int r = path ? read_file(l, path, text, len, err) : error_oom(err);

    if (r == 0)
        r = check_size(l, blob, *len, err);
    if (r < 0)
        return r;
    sha256_text(*text, *len, digest);
    if (strcmp(digest, blob->digest) == 0)
        return 0;
    error_set(err, EKEYREJECTED, "image \"%s\": the SHA-256 of blob %.12s is %s", l->name, blob->digest,
              digest);
    error_hint(err, "the image was cut short or changed: copy it again");
    return -EKEYREJECTED;
}

static int parse_blob(const struct layout *l, const struct oci_blob *blob, cJSON **json, struct error *err)
{
    _cleanup_free_ char *text = NULL, *name = str_printf("image \"%s\": blob %.12s", l->name, blob->digest);
    size_t len;
    int r = name ? read_blob(l, blob, &text, &len, err) : error_oom(err);

    return r < 0 ? r : json_parse(name, text, len, json, err);
}

static int in_image(const struct layout *l, int r, struct error *err)
{
    if (r < 0)
        error_prefix(err, "image \"%s\"", l->name);
    return r;
}

/* From index.json to the manifest of one image. */
static int find_manifest(struct layout *l, const char *ref, struct oci_blob *manifest, struct error *err)
{
    struct oci_platform here;
    _cleanup_free_ char *text = NULL;
    _cleanup_cjson_ cJSON *index = NULL;
    size_t len;
    int r = read_file(l, "index.json", &text, &len, err);

    oci_platform_here(&here);
    if (r == 0)
        r = json_parse("index.json", text, len, &index, err);
    for (int depth = 0; r == 0; depth++) {
        r = in_image(
            l, oci_choose(index, depth ? NULL : ref, l->q->platform ? l->q->platform : &here, manifest, err),
            err);
        if (r < 0 || !manifest->index)
            return r;
        if (depth == NESTED_MAX)
            return error_set(err, ELOOP, "image \"%s\": indexes are nested more than %d deep", l->name,
                             NESTED_MAX);
        cJSON_Delete(index);
        index = NULL;
        r = parse_blob(l, manifest, &index, err);
    }
    return r;
}

static int read_oci(struct layout *l, const char *ref, struct oci_blob *manifest, struct error *err)
{
    _cleanup_cjson_ cJSON *json = NULL;
    _cleanup_free_ char *text = NULL;
    size_t len;
    int r = find_manifest(l, ref, manifest, err);

    if (r == 0)
        r = parse_blob(l, manifest, &json, err);
    if (r == 0)
        r = in_image(l, oci_read_manifest(json, &l->image, err), err);
    if (r == 0)
        r = read_blob(l, &l->image.config, &text, &len, err);
    return r < 0 ? r : in_image(l, oci_read_config(text, len, &l->image, err), err);
}

static int read_docker(struct layout *l, const char *ref, struct error *err)
{
    _cleanup_cjson_ cJSON *json = NULL;
    _cleanup_free_ char *manifest = NULL, *config = NULL;
    size_t len;
    int r = read_file(l, "manifest.json", &manifest, &len, err);

    if (r == 0)
        r = json_parse("manifest.json", manifest, len, &json, err);
    if (r == 0)
        r = in_image(l, oci_read_docker_manifest(json, ref, &l->image, err), err);
    if (r == 0)
        r = read_file(l, l->image.config_path, &config, &len, err);
    return r < 0 ? r : in_image(l, oci_read_config(config, len, &l->image, err), err);
}

static int unpack_layer(const struct layout *l, const struct oci_part *part, uint64_t room,
                        struct store_layer *layer, struct error *err)
{
    _cleanup_free_ char *path = part->path ? strdup(part->path) : blob_path(&part->blob);
    _cleanup_free_ char *name = str_printf("%s: layer %.12s", l->name, part->content);
    const struct image_layer_request what = {.name = name,
                                             .whiteouts = true,
                                             .blob = part->path ? NULL : part->blob.digest,
                                             .content = part->content};
    struct store_request q = *l->q;
    struct stat st;

    if (!path || !name)
        return error_oom(err);
    if (room == 0) {
        error_set(err, EFBIG, "image \"%s\": its files hold more than %llu bytes", l->name,
                  (unsigned long long)q.max_bytes);
        error_hint(err, "if you trust it, raise the limit with --max-size");
        return -EFBIG;
    }
    q.max_bytes = room;
    _cleanup_close_ int fd = open_file(l, path, &st, err);
    int r = fd < 0 ? fd : part->path ? 0 : check_size(l, &part->blob, (uint64_t)st.st_size, err);
    return r < 0 ? r : import_layer(l->store, fd, &what, &q, layer, err);
}

/* Has the layer in the store, whoever brings it there. */
static int want_layer(const struct layout *l, const struct oci_part *part, uint64_t room,
                      struct store_layer *layer, struct error *err)
{
    int r = store_layer_read(l->store, part->content, layer, err);

    if (r != -ENOENT)
        return r;
    _cleanup_free_ char *key = str_printf("layer-%s", part->content);
    int lock = key ? store_key_lock(l->store, key, err) : error_oom(err);
    if (lock < 0)
        return lock;
    r = store_layer_read(l->store, part->content, layer, err);
    if (r == -ENOENT)
        r = unpack_layer(l, part, room, layer, err);
    store_key_unlock(l->store, key, &lock);
    return r;
}

/* A layer that comes twice counts where it comes last: what it says holds there anyway, and overlayfs takes
 * no directory twice. */
static bool comes_again(const struct oci_image *image, size_t i)
{
    for (size_t k = i + 1; k < image->n; k++)
        if (strcmp(image->layers[i].content, image->layers[k].content) == 0)
            return true;
    return false;
}

static cJSON *record(const struct layout *l, const struct oci_blob *manifest)
{
    static const char *const texts[] = {"os", "architecture", "variant", "created"};
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(l->image.json, "config");

    if (!json || json_add_string(json, "source", l->name) < 0 ||
        (manifest && json_add_string(json, "manifest", manifest->digest) < 0))
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(l->image.json, texts[i]);
        if (cJSON_IsString(item) && json_add_string(json, texts[i], item->valuestring) < 0)
            return NULL;
    }
    if (cJSON_IsObject(config) && json_add_item(json, "config", cJSON_Duplicate(config, true)) < 0)
        return NULL;
    return TAKE_PTR(json);
}

static int bring_in(const struct layout *l, const struct oci_blob *manifest, struct store_image *image,
                    struct error *err)
{
    uint64_t max = l->q->max_bytes ? l->q->max_bytes : IMAGE_MAX_BYTES_DEFAULT;
    _cleanup_free_ struct store_layer *layers = calloc(l->image.n, sizeof *layers);

    if (!layers)
        return error_oom(err);
    for (int tries = 0; tries < IMPORT_TRIES; tries++) {
        _cleanup_cjson_ cJSON *json = record(l, manifest);
        uint64_t used = 0;
        size_t n = 0;
        int r = json ? 0 : error_oom(err);
        for (size_t i = 0; r == 0 && i < l->image.n; i++) {
            if (comes_again(&l->image, i))
                continue;
            r = want_layer(l, &l->image.layers[i], used < max ? max - used : 0, &layers[n], err);
            used += r == 0 ? layers[n++].bytes : 0;
        }
        if (r == 0)
            r = store_image_publish(l->store, l->image.id, json, layers, n, image, err);
        if (r != -EAGAIN)
            return r;
    }
    return import_gave_up(l->name, err);
}

int import_layout(const struct store *s, int dir, const char *name, const char *ref,
                  const struct store_request *q, struct store_image *image, struct error *err)
{
    _cleanup_(layout_free) struct layout l = {.store = s, .fd = dir, .name = name, .q = q};
    struct oci_blob manifest;
    bool docker = faccessat(dir, "index.json", F_OK, 0) < 0 && faccessat(dir, "manifest.json", F_OK, 0) == 0;
    int r = docker ? read_docker(&l, ref, err) : read_oci(&l, ref, &manifest, err);

    if (r < 0)
        return r;
    r = store_image_open(s, l.image.id, image, err);
    return r == -ENOENT ? bring_in(&l, docker ? NULL : &manifest, image, err) : r;
}

/* The files of the archive become the caller's own: owners mean nothing in a transport format. */
static int unpack_transport(const struct store *s, int fd, const char *name, const struct store_request *q,
                            int dir, struct error *err)
{
    _cleanup_idmap_ struct idmap map = {0};
    _cleanup_free_ char *helper = NULL;
    _cleanup_strv_ char **argv = NULL;
    struct image_events events = q->events ? *q->events : (struct image_events){0};
    int r = idmap_single(&map, err);

    (void)s;
    events.warn = NULL;
    if (r == 0)
        r = image_helper_path(&helper, err);
    if (r == 0)
        r = image_transport_argv(helper, name, q->max_bytes ? q->max_bytes : IMAGE_MAX_BYTES_DEFAULT,
                                 IMAGE_MAX_ENTRIES_DEFAULT, &argv, err);
    return r < 0 ? r : worker_run(&map, argv, fd, dir, &events, NULL, err);
}

int import_transport(const struct store *s, int fd, const char *name, const char *ref,
                     const struct store_request *q, struct store_image *image, struct error *err)
{
    _cleanup_store_temp_ struct store_temp temp = STORE_TEMP_INIT;
    int r = store_temp_make(s, "transport", &temp, err);

    if (r < 0)
        return r;
    if (mkdirat(temp.fd, "files", 0700) < 0)
        return error_sys(err, errno, "make \"%s/files\"", temp.path);
    _cleanup_close_ int dir = openat(temp.fd, "files", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0)
        return error_sys(err, errno, "open \"%s/files\"", temp.path);
    r = unpack_transport(s, fd, name, q, dir, err);
    return r < 0 ? r : import_layout(s, dir, name, ref, q, image, err);
}
