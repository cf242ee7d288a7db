/*
 * bryo mounts: the mounts of a container that runs: one more, one less, or a list.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/verbs.h"
#include "container/mounts.h"

struct mounts_options {
    const char *type;
    const char *source;
    const char *destination;
    char **options;
    bool force;
    const char *format;
};

#define AT(member) offsetof(struct mounts_options, member)

static int check_type(const char *value, struct error *err)
{
    if (strcmp(value, "bind") == 0 || strcmp(value, "tmpfs") == 0)
        return 0;
    _cleanup_free_ char *shown = str_quote(value, 80);
    return shown ? error_set(err, EINVAL, "expected bind or tmpfs, found \"%s\"", shown) : error_oom(err);
}

static const struct option_def options[] = {
    {"type", 't', OPT_STRING, AT(type), "bind|tmpfs",
     "add: show a file or directory of the host (the default), or an empty file system", .check = check_type},
    {"source", 's', OPT_STRING, AT(source), "FILE", "add: what of the host to show",
     .check = option_not_empty},
    {"destination", 'd', OPT_STRING, AT(destination), "PATH", "add, remove: where in the container",
     .check = option_not_empty},
    {"options", 'o', OPT_STRV, AT(options), "LIST",
     "add: mount options with commas between, as ro,nosuid; may be given again", .check = option_not_empty},
    {"force", 0, OPT_FLAG, AT(force), NULL, "remove: also a mount that was not added by this command"},
    {"format", 'f', OPT_STRING, AT(format), "table|json", "list: a table for people (the default), or JSON",
     .check = option_table_or_json},
    {NULL},
};

/* "a,b" given once or more → one list. */
static int split_options(char *const *given, char ***out, struct error *err)
{
    STRV_FOREACH (list, given) {
        _cleanup_free_ char *copy = strdup(*list);
        char *save = NULL;
        if (!copy)
            return error_oom(err);
        for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save))
            if (strv_add(out, word) < 0)
                return error_oom(err);
    }
    return 0;
}

static int add(const struct invocation *inv, struct error *err)
{
    const struct mounts_options *o = inv->options;
    bool bind = !o->type || strcmp(o->type, "bind") == 0;
    _cleanup_free_ char *source = o->source ? path_absolute(o->source) : strdup("tmpfs");
    _cleanup_strv_ char **list = NULL;
    int r = split_options(o->options, &list, err);

    if (r < 0)
        return r;
    if (bind && !o->source)
        return error_set(err, EINVAL, "mounts add: --source is missing");
    if (!bind && o->source)
        return error_set(err, EINVAL, "mounts add: --source: a tmpfs has none");
    if (!source)
        return error_oom(err);
    struct oci_mount mount = {.destination = (char *)o->destination,
                              .type = bind ? (char[]){"bind"} : (char[]){"tmpfs"},
                              .source = source,
                              .options = list};
    return container_mounts_add(inv->rt, inv->args[1], &mount, err);
}

static int remove_one(const struct invocation *inv, struct error *err)
{
    const struct mounts_options *o = inv->options;

    return container_mounts_remove(inv->rt, inv->args[1], o->destination, o->force, err);
}

static int add_row(void *data, const struct mountinfo *mount, bool added)
{
    struct strbuf *out = data;
    _cleanup_free_ char *target = str_quote(mount->target, 0), *source = str_quote(mount->source, 0);

    strbuf_addf(out, "%-24s %-8s %-16s %-28s %s\n", target ? target : "", mount->type, source ? source : "",
                mount->options, added ? "yes" : "no");
    return target && source ? 0 : -ENOMEM;
}

static int add_json(void *data, const struct mountinfo *mount, bool added)
{
    _cleanup_cjson_ cJSON *object = cJSON_CreateObject();

    if (!object || json_add_string(object, "destination", mount->target) < 0 ||
        json_add_string(object, "type", mount->type) < 0 ||
        json_add_string(object, "source", mount->source) < 0 ||
        json_add_string(object, "root", mount->root) < 0 ||
        json_add_string(object, "options", mount->options) < 0 ||
        json_add_string(object, "fileSystemOptions", mount->super) < 0 ||
        json_add_bool(object, "added", added) < 0 || !cJSON_AddItemToArray(data, object))
        return -ENOMEM;
    (void)TAKE_PTR(object);
    return 0;
}

static int list(const struct invocation *inv, struct error *err)
{
    const struct mounts_options *o = inv->options;
    _cleanup_strbuf_ struct strbuf out = {0};
    _cleanup_cjson_ cJSON *array = cJSON_CreateArray();
    bool json = o->format && strcmp(o->format, "json") == 0;

    strbuf_addf(&out, "%-24s %-8s %-16s %-28s %s\n", "DESTINATION", "TYPE", "SOURCE", "OPTIONS", "ADDED");
    if (!array)
        return error_oom(err);
    int r = container_mounts_each(inv->rt, inv->args[1], json ? add_json : add_row,
                                  json ? (void *)array : (void *)&out, err);
    if (r == -ENOMEM || out.oom)
        return error_oom(err);
    if (r < 0)
        return r;
    return json ? cli_write_json(TAKE_PTR(array), false, err) : cli_write(out.data, err);
}

/* What each takes of the options. */
static const struct {
    const char *name;
    int (*run)(const struct invocation *inv, struct error *err);
    bool adds, destination, removes, lists;
} actions[] = {
    {"add", add, .adds = true, .destination = true},
    {"remove", remove_one, .destination = true, .removes = true},
    {"list", list, .lists = true},
};

static int run(const struct invocation *inv, struct error *err)
{
    const struct mounts_options *o = inv->options;
    const char *name = inv->args[0];

    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        if (strcmp(actions[i].name, name) != 0)
            continue;
        const char *misplaced = (o->type && !actions[i].adds)                 ? "type"
                                : (o->source && !actions[i].adds)             ? "source"
                                : (o->options && !actions[i].adds)            ? "options"
                                : (o->destination && !actions[i].destination) ? "destination"
                                : (o->force && !actions[i].removes)           ? "force"
                                : (o->format && !actions[i].lists)            ? "format"
                                                                              : NULL;
        if (misplaced)
            return error_set(err, EINVAL, "mounts %s: it takes no --%s", name, misplaced);
        if (actions[i].destination && !o->destination)
            return error_set(err, EINVAL, "mounts %s: --destination is missing", name);
        return actions[i].run(inv, err);
    }
    _cleanup_free_ char *shown = str_quote(name, 80);
    return shown ? error_set(err, EINVAL, "mounts: expected add, remove or list, found \"%s\"", shown)
                 : error_oom(err);
}

const struct verb cli_mounts = {
    .name = "mounts",
    .group = "OCI runtime",
    .summary = "Add, remove or list mounts of a running container",
    .usage = "add|remove|list [OPTIONS] ID",
    .details = "add makes the destination if it is not there; remove takes away what was added by add, and "
               "what is mounted below it. Links at the destination are followed inside the container's root.",
    .seals = true,
    .options = options,
    .options_size = sizeof(struct mounts_options),
    .min_args = 2,
    .max_args = 2,
    .run = run,
};
