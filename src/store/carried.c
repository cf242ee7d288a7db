#include "store/carried.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "image/protocol.h"

static void on_progress(void *data, uint64_t done, uint64_t total, uint64_t entries)
{
    const struct image_events *user = ((const struct carried *)data)->user;

    if (user && user->progress)
        user->progress(user->data, done, total, entries);
}

static void on_warn(void *data, const char *text)
{
    const struct image_events *user = ((const struct carried *)data)->user;

    if (user && user->warn)
        user->warn(user->data, text);
}

static void on_end(void *data)
{
    const struct image_events *user = ((const struct carried *)data)->user;

    if (user && user->end)
        user->end(user->data);
}

static void on_config(void *data, const char *piece)
{
    struct carried *c = data;

    if (c->text.len <= IMAGE_CONFIG_MAX)
        strbuf_add(&c->text, piece);
}

struct image_events carried_events(struct carried *c)
{
    return (struct image_events){
        .progress = on_progress, .warn = on_warn, .end = on_end, .config = on_config, .data = c};
}

int carried_add(const struct carried *c, cJSON *record, struct error *err)
{
    static const char name[] = "the configuration that the image carries";
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_cjson_ cJSON *config = NULL;

    if (!c->text.data)
        return 0;
    if (c->text.len > IMAGE_CONFIG_MAX || json_parse(name, c->text.data, c->text.len, &config, &why) < 0 ||
        !cJSON_IsObject(config)) {
        _cleanup_free_ char *text = str_printf("%s is passed over: it is no JSON object", name);
        on_warn((void *)c, text ? text : name);
        return 0;
    }
    return json_add_item(record, "config", TAKE_PTR(config)) < 0 ? error_oom(err) : 0;
}

void carried_free(struct carried *c)
{
    strbuf_free(&c->text);
}
