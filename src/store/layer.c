/*
 * Layers: layers/DIGEST, a tree and what is known of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "store/internal.h"

static bool copy_text(const cJSON *object, const char *key, char *out, size_t size)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    if (!cJSON_IsString(item) || strlen(item->valuestring) >= size)
        return false;
    memcpy(out, item->valuestring, strlen(item->valuestring) + 1);
    return true;
}

int store_layer_read(const struct store *s, const char *digest, struct store_layer *layer, struct error *err)
{
    _cleanup_free_ char *name = str_printf(STORE_LAYERS "/%s/" STORE_LAYER, digest);
    _cleanup_cjson_ cJSON *json = NULL;
    char boot[64];
    uint64_t at = 0;

    if (!name)
        return error_oom(err);
    if (faccessat(s->fd, name, F_OK, 0) < 0 && errno == ENOENT)
        return -ENOENT;
    int r = json_read_file(s->fd, name, &json, err);
    if (r < 0)
        return r;
    *layer = (struct store_layer){0};
    if (!copy_text(json, "digest", layer->digest, sizeof layer->digest) ||
        !copy_text(json, "whiteouts", layer->whiteouts, sizeof layer->whiteouts) ||
        !copy_text(json, "tally", layer->tally, sizeof layer->tally) ||
        !copy_text(json, "boot", boot, sizeof boot) ||
        json_get_u64(cJSON_GetObjectItemCaseSensitive(json, "entries"), &layer->entries) < 0 ||
        json_get_u64(cJSON_GetObjectItemCaseSensitive(json, "bytes"), &layer->bytes) < 0 ||
        json_get_u64(cJSON_GetObjectItemCaseSensitive(json, "at"), &at) < 0 ||
        strcmp(layer->digest, digest) != 0)
        return error_set(err, EBADMSG, "\"%s/%s\" is damaged", s->path, name);
    return store_is_durable(s, boot, at) ? 0 : -ENOENT;
}

static int write_layer(const struct store *s, int dir, const struct store_layer *layer, struct error *err)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();

    if (!json || json_add_string(json, "digest", layer->digest) < 0 ||
        json_add_u64(json, "entries", layer->entries) < 0 || json_add_u64(json, "bytes", layer->bytes) < 0 ||
        json_add_string(json, "whiteouts", layer->whiteouts) < 0 ||
        json_add_string(json, "tally", layer->tally) < 0 || json_add_string(json, "boot", s->boot) < 0 ||
        json_add_u64(json, "at", store_now()) < 0)
        return error_oom(err);
    _cleanup_free_ char *text = json_print(json, true);
    return text ? file_replace_at(dir, STORE_LAYER, text, strlen(text), 0600, err) : error_oom(err);
}

/* Takes away what a crash may have damaged: while nobody publishes, and so nobody puts a whole one there
 * between the look and the removal. */
static int retire_damaged(const struct store *s, const char *digest, const char *name, struct error *err)
{
    _cleanup_store_temp_ struct store_temp gone = STORE_TEMP_INIT;
    _cleanup_error_ struct error ignored = ERROR_INIT;
    struct store_layer there;
    int r = store_temp_make(s, "gone", &gone, err);

    if (r < 0)
        return r;
    _cleanup_close_ int lock = store_lock(s, true, err);
    if (lock < 0)
        return lock;
    if (store_layer_read(s, digest, &there, &ignored) == 0)
        return 0;
    if (renameat(s->fd, name, gone.fd, digest) < 0 && errno != ENOENT)
        return error_sys(err, errno, "remove \"%s/%s\"", s->path, name);
    return 0;
}

int store_layer_publish(const struct store *s, struct store_temp *temp, const struct worker_facts *facts,
                        struct store_layer *layer, struct error *err)
{
    if (!sha256_is_hex(facts->content))
        return error_set(err, EPROTO, "bryo-image told no digest");
    *layer = (struct store_layer){.entries = facts->entries, .bytes = facts->bytes};
    snprintf(layer->digest, sizeof layer->digest, "%.*s", SHA256_HEX, facts->content);
    snprintf(layer->whiteouts, sizeof layer->whiteouts, "%.15s", facts->whiteouts);
    snprintf(layer->tally, sizeof layer->tally, "%.31s", facts->tally);
    int r = write_layer(s, temp->fd, layer, err);
    if (r < 0)
        return r;

    _cleanup_free_ char *name = str_printf(STORE_LAYERS "/%s", layer->digest);
    if (!name)
        return error_oom(err);
    for (int tries = 0;; tries++) {
        _cleanup_close_ int lock = store_lock(s, false, err);
        if (lock < 0)
            return lock;
        if (renameat(s->fd, temp->name, s->fd, name) == 0) {
            free(temp->path); /* it is no litter any more */
            temp->path = NULL;
            return 0;
        }
        if ((errno != ENOTEMPTY && errno != EEXIST) || tries > 2)
            return error_sys(err, errno, "rename \"%s/%s\" to \"%s\"", s->path, temp->name, name);
        struct store_layer there;
        _cleanup_error_ struct error ignored = ERROR_INIT;
        if (store_layer_read(s, layer->digest, &there, &ignored) == 0) {
            *layer = there;
            return 0;
        }
        fd_close(&lock);
        r = retire_damaged(s, layer->digest, name, err);
        if (r < 0)
            return r;
    }
}
