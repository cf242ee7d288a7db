/*
 * bryo images: the store of images.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "sandbox/images.h"

struct images_options {
    const char *format;
    const char *name;
    const char *older_than;
    const char *platform;
    uint64_t max_size;
    bool all, quiet;
};

#define AT(member) offsetof(struct images_options, member)

/* A length of time; days are what people think in here. */
static int parse_age(const char *text, uint64_t *seconds)
{
    size_t n = strlen(text);
    uint64_t ns;

    if (n > 1 && text[n - 1] == 'd') {
        _cleanup_free_ char *days = strndup(text, n - 1);
        if (!days || parse_u64(days, seconds) < 0 || *seconds > 100000)
            return -EINVAL;
        *seconds *= 86400;
        return 0;
    }
    if (time_parse_duration(text, &ns) < 0)
        return -EINVAL;
    *seconds = ns / 1000000000;
    return 0;
}

static int check_age(const char *value, struct error *err)
{
    uint64_t seconds;

    if (parse_age(value, &seconds) == 0)
        return 0;
    _cleanup_free_ char *shown = str_quote(value, 80);
    return error_set(err, EINVAL, "expected a length of time such as 30d, 12h or 90m, found \"%s\"",
                     shown ? shown : "?");
}

static const struct option_def options[] = {
    {"format", 'f', OPT_STRING, AT(format), "table|json",
     "list, prune: a table for people (the default), or JSON", .check = option_table_or_json},
    {"quiet", 'q', OPT_FLAG, AT(quiet), NULL, "list: print the ids only"},
    {"name", 0, OPT_STRING, AT(name), "NAME", "import: the name to give it", .check = option_not_empty},
    {"platform", 0, OPT_STRING, AT(platform), "OS/ARCH[/VARIANT]",
     "import: which one of an image for several; default this machine's", .check = images_check_platform},
    {"all", 'a', OPT_FLAG, AT(all), NULL, "prune: also images that have a name"},
    {"older-than", 0, OPT_STRING, AT(older_than), "TIME",
     "prune: only what was not used for that long, such as 30d or 12h", .check = check_age},
    {"max-size", 0, OPT_SIZE, AT(max_size), "BYTES",
     "prune: only until the rest is no larger, the least recently used first; import: limit of what a layer "
     "unpacks to, default 64g"},
    {NULL},
};

static bool is_json(const struct images_options *o)
{
    return o->format && strcmp(o->format, "json") == 0;
}

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    return cJSON_IsString(item) ? item->valuestring : "";
}

static uint64_t number_of(const cJSON *object, const char *key)
{
    uint64_t n = 0;

    (void)json_get_u64(cJSON_GetObjectItemCaseSensitive(object, key), &n);
    return n;
}

static void add_size(struct strbuf *out, uint64_t bytes, int width)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;

    for (; value >= 1000 && unit + 1 < ARRAY_SIZE(units); unit++)
        value /= 1024;
    strbuf_addf(out, width ? "%*.*f %-3s" : "%*.*f %s", width ? width - 4 : 0, unit && value < 10 ? 1 : 0,
                value, units[unit]);
}

static void add_row(struct strbuf *out, const char *name, const cJSON *image)
{
    _cleanup_free_ char *source = str_quote(text_of(image, "source"), 60);

    strbuf_addf(out, "%-28s  %.12s  ", name, text_of(image, "id"));
    add_size(out, number_of(image, "bytes"), 9);
    strbuf_addf(out, "  %6llu  %.16s  %s\n", (unsigned long long)number_of(image, "layers"),
                text_of(image, "used"), source ? source : "");
}

static int list(struct images *images, const struct invocation *inv, struct error *err)
{
    const struct images_options *o = inv->options;
    _cleanup_cjson_ cJSON *all = NULL;
    _cleanup_strbuf_ struct strbuf out = {0};
    const cJSON *image, *name;
    int r = images_list(images, &all, err);

    if (r < 0)
        return r;
    if (is_json(o))
        return cli_write_json(TAKE_PTR(all), false, err);
    if (!o->quiet)
        strbuf_addf(&out, "%-28s  %-12s  %9s  %6s  %-16s  %s\n", "NAME", "ID", "SIZE", "LAYERS", "USED",
                    "SOURCE");
    cJSON_ArrayForEach (image, all) {
        const cJSON *names = cJSON_GetObjectItemCaseSensitive(image, "names");
        if (o->quiet)
            strbuf_addf(&out, "%s\n", text_of(image, "id"));
        else if (cJSON_GetArraySize(names) == 0)
            add_row(&out, "-", image);
        else
            cJSON_ArrayForEach (name, names)
                add_row(&out, name->valuestring, image);
    }
    if (out.oom)
        return error_oom(err);
    return out.len ? cli_write(out.data, err) : 0;
}

static int inspect(struct images *images, const struct invocation *inv, struct error *err)
{
    cJSON *json = NULL;
    int r = images_inspect(images, inv->args[1], &json, err);

    return r < 0 ? r : cli_write_json(json, true, err);
}

static int tag(struct images *images, const struct invocation *inv, struct error *err)
{
    return images_tag(images, inv->args[1], inv->args[2], err);
}

static int remove_images(struct images *images, const struct invocation *inv, struct error *err)
{
    for (size_t i = 1; i < inv->n_args; i++) {
        _cleanup_store_pruned_ struct store_pruned done = {0};
        int r = images_remove(images, inv->args[i], &done, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int import(struct images *images, const struct invocation *inv, struct error *err)
{
    const struct images_options *o = inv->options;
    _cleanup_free_ char *id = NULL;
    _cleanup_strbuf_ struct strbuf out = {0};
    struct progress progress;

    progress_init(&progress, inv->log, inv->args[1]);
    struct image_events events = progress_events(&progress);
    int r = images_import(images, inv->args[1], o->name, o->platform, o->max_size, &events, &id, err);
    if (r < 0)
        return r;
    strbuf_addf(&out, "%s\n", id);
    return out.oom ? error_oom(err) : cli_write(out.data, err);
}

static int prune(struct images *images, const struct invocation *inv, struct error *err)
{
    const struct images_options *o = inv->options;
    _cleanup_store_pruned_ struct store_pruned done = {0};
    _cleanup_strbuf_ struct strbuf out = {0};
    struct store_prune what = {.named = o->all, .max_bytes = o->max_size};

    if (o->older_than)
        (void)parse_age(o->older_than, &what.older_than);
    int r = images_prune(images, &what, &done, err);
    if (r < 0)
        return r;
    if (is_json(o)) {
        cJSON *json = cJSON_CreateObject();
        if (!json || json_add_item(json, "removed", json_new_strv(done.ids)) < 0 ||
            json_add_item(json, "inUse", json_new_strv(done.busy)) < 0 ||
            json_add_u64(json, "layers", done.layers) < 0 || json_add_u64(json, "bytes", done.bytes) < 0) {
            cJSON_Delete(json);
            return error_oom(err);
        }
        return cli_write_json(json, false, err);
    }
    STRV_FOREACH (id, done.ids)
        strbuf_addf(&out, "%.12s\n", *id);
    strbuf_addf(&out, "%zu images and %u layers removed, ", strv_len(done.ids), done.layers);
    add_size(&out, done.bytes, 0);
    if (done.busy)
        strbuf_addf(&out, "; %zu in use", strv_len(done.busy));
    strbuf_add(&out, "\n");
    return out.oom ? error_oom(err) : cli_write(out.data, err);
}

static void tell(void *data, const char *text)
{
    struct strbuf *out = data;
    _cleanup_free_ char *shown = str_quote(text, 0);

    strbuf_addf(out, "%s\n", shown ? shown : text);
}

static int check(struct images *images, const struct invocation *inv, struct error *err)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    unsigned problems = 0;
    int r = images_check(images, tell, &out, &problems, err);

    (void)inv;
    if (r < 0)
        return r;
    if (out.oom)
        return error_oom(err);
    r = out.len ? cli_write(out.data, err) : 0;
    return r != 0 ? r : problems > 0;
}

/* What each takes of arguments and options. */
static const struct {
    const char *name;
    int (*run)(struct images *images, const struct invocation *inv, struct error *err);
    const char *args; /* for the message */
    size_t min, max;
    bool formats, imports, prunes;
} actions[] = {
    {"list", list, "", 0, 0, .formats = true},
    {"inspect", inspect, " IMAGE", 1, 1},
    {"tag", tag, " IMAGE NAME", 2, 2},
    {"remove", remove_images, " IMAGE…", 1, (size_t)-2},
    {"import", import, " SOURCE", 1, 1, .imports = true},
    {"prune", prune, "", 0, 0, .formats = true, .prunes = true},
    {"check", check, "", 0, 0},
};

static int run(const struct invocation *inv, struct error *err)
{
    const struct images_options *o = inv->options;
    _cleanup_images_ struct images *images = NULL;
    const char *name = inv->n_args ? inv->args[0] : "list";

    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        if (strcmp(actions[i].name, name) != 0)
            continue;
        size_t n = inv->n_args ? inv->n_args - 1 : 0;
        const char *misplaced = (o->format && !actions[i].formats)                           ? "format"
                                : (o->quiet && actions[i].run != list)                       ? "quiet"
                                : (o->name && !actions[i].imports)                           ? "name"
                                : (o->platform && !actions[i].imports)                       ? "platform"
                                : (o->all && !actions[i].prunes)                             ? "all"
                                : (o->older_than && !actions[i].prunes)                      ? "older-than"
                                : (o->max_size && !actions[i].prunes && !actions[i].imports) ? "max-size"
                                                                                             : NULL;
        if (misplaced)
            return error_set(err, EINVAL, "images %s: it takes no --%s", name, misplaced);
        if (n < actions[i].min || n > actions[i].max) {
            error_set(err, EINVAL, "images %s: %s", name,
                      n < actions[i].min ? "an argument is missing" : "too many arguments");
            error_hint(err, "usage: bryo images %s%s", name, actions[i].args);
            return -EINVAL;
        }
        int r = images_open(&images, err);
        return r < 0 ? r : actions[i].run(images, inv, err);
    }
    _cleanup_free_ char *shown = str_quote(name, 80);
    return error_set(err, EINVAL,
                     "images: expected list, inspect, tag, remove, import, prune or check, found \"%s\"",
                     shown ? shown : "?");
}

const struct verb cli_images = {
    .name = "images",
    .group = "Sandbox",
    .summary = "List, import, name, check and remove the images in the store",
    .usage = "[OPTIONS] [list|inspect|tag|remove|import|prune|check] [ARG…]",
    .details = "The store ($XDG_DATA_HOME/bryo, else ~/.local/share/bryo) holds images as sandboxes use "
               "them, unpacked "
               "once. Whatever archive a sandbox is made from comes into it. IMAGE is a name, an id, or the "
               "beginning of "
               "an id.\n\n"
               "prune removes images without a name (with --all any) that no sandbox uses, and what killed "
               "processes left. "
               "check compares each layer with what was unpacked, and exits with 1 if anything is wrong.",
    .options = options,
    .options_size = sizeof(struct images_options),
    .min_args = 0,
    .max_args = (size_t)-1,
    .no_state = true,
    .run = run,
};
