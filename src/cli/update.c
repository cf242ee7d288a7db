/*
 * bryo update: other limits for a container.
 *
 * Theory of operation: the file and the options end up in one JSON document, the linux.resources of
 * config.json, which the tables of oci/ check. An option is a place in that document, and comes after what
 * the file has there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/verbs.h"
#include "container/cgroups.h"

enum {
    MEMORY,
    MEMORY_RESERVATION,
    MEMORY_SWAP,
    KERNEL_MEMORY,
    KERNEL_MEMORY_TCP,
    CPU_SHARE,
    CPU_QUOTA,
    CPU_PERIOD,
    CPU_BURST,
    CPU_RT_PERIOD,
    CPU_RT_RUNTIME,
    CPU_IDLE,
    CPUSET_CPUS,
    CPUSET_MEMS,
    PIDS_LIMIT,
    BLKIO_WEIGHT,
    N_VALUES
};

struct update_options {
    const char *resources;
    const char *values[N_VALUES];
    const char *l3_cache_schema, *mem_bw_schema;
};

/* Where an option's value goes. */
static const struct {
    const char *object, *member;
    enum { BYTES, NUMBER, TEXT } kind;
} places[] = {
    [MEMORY] = {"memory", "limit", BYTES},
    [MEMORY_RESERVATION] = {"memory", "reservation", BYTES},
    [MEMORY_SWAP] = {"memory", "swap", BYTES},
    [KERNEL_MEMORY] = {"memory", "kernel", BYTES},
    [KERNEL_MEMORY_TCP] = {"memory", "kernelTCP", BYTES},
    [CPU_SHARE] = {"cpu", "shares", NUMBER},
    [CPU_QUOTA] = {"cpu", "quota", NUMBER},
    [CPU_PERIOD] = {"cpu", "period", NUMBER},
    [CPU_BURST] = {"cpu", "burst", NUMBER},
    [CPU_RT_PERIOD] = {"cpu", "realtimePeriod", NUMBER},
    [CPU_RT_RUNTIME] = {"cpu", "realtimeRuntime", NUMBER},
    [CPU_IDLE] = {"cpu", "idle", NUMBER},
    [CPUSET_CPUS] = {"cpu", "cpus", TEXT},
    [CPUSET_MEMS] = {"cpu", "mems", TEXT},
    [PIDS_LIMIT] = {"pids", "limit", NUMBER},
    [BLKIO_WEIGHT] = {"blockIO", "weight", NUMBER},
};
_Static_assert(ARRAY_SIZE(places) == N_VALUES, "every option has its place");

static int check_mem_bw(const char *value, struct error *err)
{
    if (str_starts(value, "MB:") && !strchr(value, '\n'))
        return 0;
    _cleanup_free_ char *shown = str_quote(value, 80);
    return shown ? error_set(err, EINVAL, "expected a line that starts with MB:, found \"%s\"", shown)
                 : error_oom(err);
}

#define VALUE(which) OPT_STRING, offsetof(struct update_options, values[which])
#define NOT_EMPTY    .check = option_not_empty

static const struct option_def options[] = {
    {"resources", 'r', OPT_STRING, offsetof(struct update_options, resources), "FILE",
     "take the limits from this JSON file; -: from standard input", NOT_EMPTY},
    {"memory", 0, VALUE(MEMORY), "BYTES", "memory; -1: no limit", NOT_EMPTY},
    {"memory-reservation", 0, VALUE(MEMORY_RESERVATION), "BYTES", "memory it keeps when there is little",
     NOT_EMPTY},
    {"memory-swap", 0, VALUE(MEMORY_SWAP), "BYTES", "memory and swap together; -1: no limit", NOT_EMPTY},
    {"kernel-memory", 0, VALUE(KERNEL_MEMORY), "BYTES", "memory of the kernel for it", NOT_EMPTY},
    {"kernel-memory-tcp", 0, VALUE(KERNEL_MEMORY_TCP), "BYTES", "memory of its TCP buffers", NOT_EMPTY},
    {"cpu-share", 0, VALUE(CPU_SHARE), "N", "its share of CPU time beside others; 1024 is usual", NOT_EMPTY},
    {"cpu-quota", 0, VALUE(CPU_QUOTA), "USEC", "CPU time in each period; -1: no limit", NOT_EMPTY},
    {"cpu-period", 0, VALUE(CPU_PERIOD), "USEC", "length of the period", NOT_EMPTY},
    {"cpu-burst", 0, VALUE(CPU_BURST), "USEC", "saved CPU time that a period may use besides", NOT_EMPTY},
    {"cpu-rt-period", 0, VALUE(CPU_RT_PERIOD), "USEC", "length of the period of realtime processes",
     NOT_EMPTY},
    {"cpu-rt-runtime", 0, VALUE(CPU_RT_RUNTIME), "USEC", "CPU time of realtime processes in their period",
     NOT_EMPTY},
    {"cpu-idle", 0, VALUE(CPU_IDLE), "0|1", "1: run only when nothing else wants to", NOT_EMPTY},
    {"cpuset-cpus", 0, VALUE(CPUSET_CPUS), "LIST", "the CPUs to run on, such as 0-2,7", NOT_EMPTY},
    {"cpuset-mems", 0, VALUE(CPUSET_MEMS), "LIST", "the memory nodes to use", NOT_EMPTY},
    {"pids-limit", 0, VALUE(PIDS_LIMIT), "N", "processes and threads; -1: no limit", NOT_EMPTY},
    {"blkio-weight", 0, VALUE(BLKIO_WEIGHT), "N", "its share of disk accesses beside others", NOT_EMPTY},
    {"l3-cache-schema", 0, OPT_STRING, offsetof(struct update_options, l3_cache_schema), "SCHEMA",
     "its share of the last level cache, such as L3:0=7f0;1=1f", NOT_EMPTY},
    {"mem-bw-schema", 0, OPT_STRING, offsetof(struct update_options, mem_bw_schema), "SCHEMA",
     "its share of memory bandwidth, such as MB:0=20;1=70", .check = check_mem_bw},
    {NULL},
};

/* The option's value as JSON; *out stays NULL when it is no number. */
static int make_value(size_t i, const char *text, cJSON **out, struct error *err)
{
    const char *expected = places[i].kind == BYTES ? "a size in bytes, with k, m, g or t, or -1" : "a number";
    uint64_t size;
    int64_t number;

    if (places[i].kind == TEXT)
        *out = cJSON_CreateString(text);
    else if (places[i].kind == BYTES && parse_size(text, &size) == 0)
        *out = json_new_u64(size);
    else if (parse_i64(text, &number) == 0)
        *out = json_new_i64(number);
    else {
        _cleanup_free_ char *shown = str_quote(text, 80);
        return shown ? error_set(err, EINVAL, "expected %s, found \"%s\"", expected, shown) : error_oom(err);
    }
    return *out ? 0 : error_oom(err);
}

/* Puts @value (taken over) at @object.@member of @json. */
static int put(cJSON *json, const char *object, const char *member, cJSON *value)
{
    cJSON *parent = cJSON_GetObjectItemCaseSensitive(json, object);

    if (!cJSON_IsObject(parent)) { /* a null counts as absent */
        cJSON_DeleteItemFromObjectCaseSensitive(json, object);
        parent = cJSON_CreateObject();
        if (json_add_item(json, object, parent) < 0) {
            cJSON_Delete(value);
            return -ENOMEM;
        }
    }
    cJSON_DeleteItemFromObjectCaseSensitive(parent, member);
    return json_add_item(parent, member, value);
}

/* Checks what one option asks for by itself, so that the message can name it. */
static int check_value(size_t i, const cJSON *value, struct error *err)
{
    _cleanup_cjson_ cJSON *alone = cJSON_CreateObject();
    _cleanup_resources_ struct oci_resources *parsed = NULL;
    cJSON *copy = cJSON_Duplicate(value, true);

    if (!alone || !copy || put(alone, places[i].object, places[i].member, TAKE_PTR(copy)) < 0) {
        cJSON_Delete(copy);
        return error_oom(err);
    }
    return oci_resources_parse(alone, &parsed, err);
}

static int add_option(cJSON *json, size_t i, const char *text, struct error *err)
{
    _cleanup_cjson_ cJSON *value = NULL;
    int r = make_value(i, text, &value, err);

    if (r == 0)
        r = check_value(i, value, err);
    if (r == 0 && put(json, places[i].object, places[i].member, TAKE_PTR(value)) < 0)
        return error_oom(err);
    for (const struct option_def *d = options; r < 0 && d->name; d++)
        if (d->offset == offsetof(struct update_options, values) + i * sizeof(char *))
            error_prefix(err, "update: --%s", d->name);
    return r;
}

static int read_json(const char *file, cJSON **out, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len;
    int r;

    if (strcmp(file, "-") != 0)
        return json_read_file(AT_FDCWD, file, out, err);
    r = fd_read_to_end(STDIN_FILENO, JSON_FILE_MAX, &text, &len);
    return r < 0 ? error_sys(err, -r, "read the limits from standard input")
                 : json_parse("standard input", text, len, out, err);
}

/* The file's document, checked; an empty one without a file. */
static int read_resources(const char *file, cJSON **out, struct error *err)
{
    _cleanup_resources_ struct oci_resources *parsed = NULL;
    _cleanup_cjson_ cJSON *json = NULL;
    int r;

    if (!file) {
        *out = cJSON_CreateObject();
        return *out ? 0 : error_oom(err);
    }
    r = read_json(file, &json, err);
    if (r < 0)
        return r;
    r = oci_resources_parse(json, &parsed, err);
    if (r < 0) {
        error_prefix(err, "%s", strcmp(file, "-") == 0 ? "standard input" : file);
        return r;
    }
    *out = TAKE_PTR(json);
    return 0;
}

static int run(const struct invocation *inv, struct error *err)
{
    const struct update_options *o = inv->options;
    _cleanup_resources_ struct oci_resources *resources = NULL;
    _cleanup_cjson_ cJSON *json = NULL;
    bool any = o->resources;
    int r = read_resources(o->resources, &json, err);

    for (size_t i = 0; r == 0 && i < N_VALUES; i++)
        if (o->values[i]) {
            any = true;
            r = add_option(json, i, o->values[i], err);
        }
    if (r < 0)
        return r;
    bool rdt = o->l3_cache_schema || o->mem_bw_schema;
    if (!any && !rdt) {
        error_set(err, EINVAL, "update: nothing to change");
        return error_hint(err, "give limits by options or --resources FILE: bryo update --help lists them");
    }
    r = oci_resources_parse(json, &resources, err);
    if (r == 0 && rdt)
        r = container_update_rdt(inv->rt, inv->args[0], o->l3_cache_schema, o->mem_bw_schema, err);
    return r < 0 || !any ? r : container_update(inv->rt, inv->args[0], resources, err);
}

const struct verb cli_update = {
    .name = "update",
    .group = "OCI runtime",
    .summary = "Change the limits of a container",
    .usage = "[OPTIONS] ID",
    .details = "FILE holds an object as linux.resources of config.json; options count more than the file. "
               "BYTES may end in k, m, g or t. This needs a cgroup of the container's own: bryo(1), "
               "CGROUPS.",
    .options = options,
    .options_size = sizeof(struct update_options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
