/*
 * bryo events: what happens in a container, and its numbers, one JSON object a line.
 */
#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/verbs.h"
#include "container/cgroups.h"

#define INTERVAL_DEFAULT "5s"

struct events_options {
    bool stats;
    const char *interval;
};

static int check_interval(const char *value, struct error *err)
{
    uint64_t ns;

    if (time_parse_duration(value, &ns) == 0 && ns > 0)
        return 0;
    _cleanup_free_ char *shown = str_quote(value, 80);
    if (!shown)
        return error_oom(err);
    return error_set(err, EINVAL, "expected a time above 0 such as 5s, 1m30s or 500ms, found \"%s\"", shown);
}

#define AT(member) offsetof(struct events_options, member)

static const struct option_def options[] = {
    {"stats", 0, OPT_FLAG, AT(stats), NULL, "print the numbers once and return"},
    {"interval", 0, OPT_STRING, AT(interval), "TIME",
     "print the numbers every TIME: 500ms, 5s (the default), 1m30s", .check = check_interval},
    {NULL},
};

/* {"type":"stats","id":"x","data":{…}} */
static int print_event(void *sink, const char *type, cJSON *data, struct error *err)
{
    const char *id = sink;
    _cleanup_cjson_ cJSON *event = cJSON_CreateObject();

    if (!event || json_add_string(event, "type", type) < 0 || json_add_string(event, "id", id) < 0) {
        cJSON_Delete(data);
        return error_oom(err);
    }
    if (data && json_add_item(event, "data", data) < 0)
        return error_oom(err);
    return cli_write_json(TAKE_PTR(event), false, err);
}

static int run(const struct invocation *inv, struct error *err)
{
    const struct events_options *o = inv->options;
    char *id = inv->args[0];
    uint64_t ns = 0;

    if (o->stats)
        return container_stats(inv->rt, id, print_event, id, err);
    (void)time_parse_duration(o->interval, &ns); /* was checked */
    return container_events(inv->rt, id, ns, print_event, id, err);
}

static const struct events_options defaults = {.interval = INTERVAL_DEFAULT};

const struct verb cli_events = {
    .name = "events",
    .group = "OCI runtime",
    .summary = "Print the events and numbers of a container",
    .usage = "[OPTIONS] ID",
    .details = "One JSON object a line, of type stats or oom, until the container ends. This needs a cgroup "
               "of the container's own: bryo(1), CGROUPS.",
    .options = options,
    .options_size = sizeof(struct events_options),
    .defaults = &defaults,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
