/*
 * bryo port: what leads from the host into a running container with a network of its own.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/netport.h"
#include "base/str.h"
#include "cli/verbs.h"
#include "container/ports.h"

struct port_options {
    const char *format;
};

#define AT(member) offsetof(struct port_options, member)

static const struct option_def options[] = {
    {"format", 'f', OPT_STRING, AT(format), "table|json",
     "list: a table for people (the default), or JSON with the numbers of the network",
     .check = option_table_or_json},
    {NULL},
};

static int for_each(const struct invocation *inv, const char *what,
                    int (*one)(const struct runtime *rt, const char *id, const char *port, struct error *err),
                    struct error *err)
{
    int r = 0;

    if (inv->n_args < 3)
        return error_set(err, EINVAL, "port %s: which port? expected " NETPORT_SYNTAX, what);
    for (size_t i = 2; r == 0 && i < inv->n_args; i++)
        r = one(inv->rt, inv->args[1], inv->args[i], err);
    return r;
}

static int add(const struct invocation *inv, struct error *err)
{
    return for_each(inv, "add", container_port_add, err);
}

static int remove_some(const struct invocation *inv, struct error *err)
{
    return for_each(inv, "remove", container_port_remove, err);
}

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

    return text ? text : "?";
}

static unsigned long long number_of(const cJSON *object, const char *name)
{
    uint64_t value = 0;

    (void)json_get_u64(cJSON_GetObjectItemCaseSensitive(object, name), &value);
    return value;
}

static int print_table(const cJSON *ports, const cJSON *stats, struct error *err)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    const cJSON *one;

    strbuf_addf(&out, "%-6s %-32s %-10s %s\n", "PROTO", "HOST", "CONTAINER", "MODE");
    cJSON_ArrayForEach (one, ports) {
        _cleanup_free_ char *host =
            str_printf(strchr(text_of(one, "host_addr"), ':') ? "[%s]:%llu" : "%s:%llu",
                       text_of(one, "host_addr"), number_of(one, "host_port"));
        strbuf_addf(&out, "%-6s %-32s %-10llu %s\n", text_of(one, "proto"), host ? host : "?",
                    number_of(one, "guest_port"), text_of(one, "mode"));
    }
    cJSON_ArrayForEach (one, cJSON_GetObjectItemCaseSensitive(stats, "refusals"))
        strbuf_addf(&out, "refused %s, %llu times\n", text_of(one, "what"), number_of(one, "count"));
    return out.oom ? error_oom(err) : cli_write(out.data, err);
}

static int list(const struct invocation *inv, struct error *err)
{
    const struct port_options *o = inv->options;
    _cleanup_cjson_ cJSON *ports = NULL, *stats = NULL, *whole = NULL;

    if (inv->n_args > 2)
        return error_set(err, EINVAL, "port list: it takes nothing behind the id");
    int r = container_port_list(inv->rt, inv->args[1], &ports, &stats, err);
    if (r < 0)
        return r;
    if (!o->format || strcmp(o->format, "json") != 0)
        return print_table(ports, stats, err);
    whole = cJSON_CreateObject();
    if (!whole || json_add_item(whole, "ports", TAKE_PTR(ports)) < 0 ||
        json_add_item(whole, "network", TAKE_PTR(stats)) < 0)
        return error_oom(err);
    return cli_write_json(TAKE_PTR(whole), false, err);
}

static const struct {
    const char *name;
    int (*run)(const struct invocation *inv, struct error *err);
    bool lists;
} actions[] = {{"add", add, false}, {"remove", remove_some, false}, {"list", list, true}};

static int run(const struct invocation *inv, struct error *err)
{
    const struct port_options *o = inv->options;

    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        if (strcmp(actions[i].name, inv->args[0]) != 0)
            continue;
        if (o->format && !actions[i].lists)
            return error_set(err, EINVAL, "port %s: it takes no --format", actions[i].name);
        return actions[i].run(inv, err);
    }
    _cleanup_free_ char *shown = str_quote(inv->args[0], 80);
    return shown ? error_set(err, EINVAL, "port: expected add, remove or list, found \"%s\"", shown)
                 : error_oom(err);
}

const struct verb cli_port = {
    .name = "port",
    .group = "OCI runtime",
    .summary = "Publish, take back or list ports of a running container",
    .usage = "add|remove|list [OPTIONS] ID [PORT…]",
    .details =
        "PORT is [ADDRESS:]HOST:CONTAINER, with /udp behind it if it is one of UDP, or /fast if speed counts "
        "more than that the program sees the client's address; ranges such as 8000-8009:8000-8009 are "
        "taken. The container must have the network slirp.",
    .options = options,
    .options_size = sizeof(struct port_options),
    .min_args = 2,
    .max_args = (size_t)-1,
    .run = run,
};
