/*
 * What linux.resources asks of which controller, and what becomes of it where the controller is missing.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cgroup/internal.h"

static const char *const names[CGROUP_CONTROLLERS] = {
    [CGROUP_CORE] = "cgroup",     [CGROUP_CPU] = "cpu",           [CGROUP_CPUSET] = "cpuset",
    [CGROUP_MEMORY] = "memory",   [CGROUP_PIDS] = "pids",         [CGROUP_IO] = "io",
    [CGROUP_HUGETLB] = "hugetlb", [CGROUP_RDMA] = "rdma",         [CGROUP_MISC] = "misc",
    [CGROUP_NET_CLS] = "net_cls", [CGROUP_NET_PRIO] = "net_prio",
};

const char *controller_name(enum cgroup_controller controller)
{
    return names[controller];
}

static int by_name(const char *name, size_t len)
{
    for (int i = 0; i < CGROUP_CONTROLLERS; i++)
        if (strncmp(names[i], name, len) == 0 && !names[i][len])
            return i;
    return -1;
}

int controller_of_file(const char *file)
{
    size_t len = strcspn(file, ".");

    return file[len] ? by_name(file, len) : -1;
}

unsigned controllers_parse(const char *text)
{
    unsigned set = 0;

    for (const char *p = text; *p; p += strspn(p, " \n")) {
        size_t len = strcspn(p, " \n");
        int i = len ? by_name(p, len) : -1;
        if (i > CGROUP_CORE)
            set |= CGROUP_BIT(i);
        p += len;
    }
    return set;
}

/* Where a number or a text stands in struct oci_resources: in an object that may be missing. */
enum kind { I64, U64, U32, BOOL, TEXT, LIST };
struct row {
    struct limit limit;
    size_t object, member;
    enum kind kind;
    bool zero_counts; /* 0 is a limit, too */
};

/* A list has one layout, whatever its items. */
struct any_list {
    void *items;
    size_t count;
};

#define AT(member) offsetof(struct oci_resources, member)
#define ROW(path, object, type, member, kind, controller, v1_only, zero)                            \
    {                                                                                               \
        {path, CGROUP_##controller, v1_only}, AT(object), offsetof(struct type, member), kind, zero \
    }
#define MEMORY(name, member, kind, v1_only, zero) \
    ROW("memory." name, memory, oci_memory, member, kind, MEMORY, v1_only, zero)
#define CPU(name, member, kind, controller, v1_only) \
    ROW("cpu." name, cpu, oci_cpu, member, kind, controller, v1_only, false)
#define BLOCK_IO(name, member, kind, v1_only) \
    ROW("blockIO." name, block_io, oci_block_io, member, kind, IO, v1_only, false)

static const struct row rows[] = {
    MEMORY("limit", limit, I64, false, false),
    MEMORY("reservation", reservation, I64, false, false),
    MEMORY("swap", swap, I64, false, false),
    MEMORY("kernel", kernel, I64, true, false),
    MEMORY("kernelTCP", kernel_tcp, I64, true, false),
    MEMORY("swappiness", swappiness, U64, true, true),
    MEMORY("disableOOMKiller", disable_oom_killer, BOOL, true, false),
    CPU("shares", shares, U64, CPU, false),
    CPU("quota", quota, I64, CPU, false),
    CPU("burst", burst, U64, CPU, false),
    CPU("period", period, U64, CPU, false),
    CPU("realtimeRuntime", realtime_runtime, I64, CPU, true),
    CPU("realtimePeriod", realtime_period, U64, CPU, true),
    CPU("cpus", cpus, TEXT, CPUSET, false),
    CPU("mems", mems, TEXT, CPUSET, false),
    CPU("idle", idle, I64, CPU, false),
    ROW("pids.limit", pids, oci_pids, limit, I64, PIDS, false, true),
    BLOCK_IO("weight", weight, U32, false),
    BLOCK_IO("leafWeight", leaf_weight, U32, true),
    BLOCK_IO("weightDevice", weight_device, LIST, false),
    BLOCK_IO("throttleReadBpsDevice", read_bps, LIST, false),
    BLOCK_IO("throttleWriteBpsDevice", write_bps, LIST, false),
    BLOCK_IO("throttleReadIOPSDevice", read_iops, LIST, false),
    BLOCK_IO("throttleWriteIOPSDevice", write_iops, LIST, false),
    ROW("network.classID", network, oci_network_class, class_id, U32, NET_CLS, true, false),
    ROW("network.priorities", network, oci_network_class, priorities, LIST, NET_PRIO, true, false),
};

static bool asked_number(bool set, int64_t value, bool zero_counts)
{
    return set && value != -1 && (value != 0 || zero_counts);
}

static bool asked(const struct oci_resources *resources, const struct row *row)
{
    const char *object = *(const char *const *)(const void *)((const char *)resources + row->object);
    const void *member = object ? object + row->member : NULL;

    if (!member)
        return false;
    switch (row->kind) {
    case I64:
        return asked_number(((const struct opt_i64 *)member)->set, ((const struct opt_i64 *)member)->value,
                            row->zero_counts);
    case U64: /* 2^64 - 1 is -1 to those who write it */
        return asked_number(((const struct opt_u64 *)member)->set,
                            (int64_t)((const struct opt_u64 *)member)->value, row->zero_counts);
    case U32:
        return asked_number(((const struct opt_u32 *)member)->set, ((const struct opt_u32 *)member)->value,
                            row->zero_counts);
    case BOOL:
        return ((const struct opt_bool *)member)->set && ((const struct opt_bool *)member)->value;
    case TEXT:
        return !str_empty(*(char *const *)member);
    case LIST:
        return ((const struct any_list *)member)->count > 0;
    }
    return false;
}

/* Those whose names are the user's: a file of `unified` belongs to the controller before its dot. */
static int unified_each(const struct oci_map *unified, int (*each)(void *data, const struct limit *limit),
                        void *data)
{
    for (size_t i = 0; i < unified->count; i++) {
        const char *file = unified->items[i].key;
        int controller = controller_of_file(file);
        _cleanup_free_ char *path = str_printf("unified[\"%s\"]", file);
        struct limit limit = {.path = path, .controller = controller < 0 ? CGROUP_CORE : controller};
        int r = path ? each(data, &limit) : -ENOMEM;
        if (r != 0)
            return r;
    }
    return 0;
}

int limits_each(const struct oci_resources *resources, int (*each)(void *data, const struct limit *limit),
                void *data)
{
    static const struct limit hugetlb = {"hugepageLimits", CGROUP_HUGETLB, false};
    static const struct limit rdma = {"rdma", CGROUP_RDMA, false};
    int r = 0;

    if (!resources)
        return 0;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rows); i++)
        if (asked(resources, &rows[i]))
            r = each(data, &rows[i].limit);
    if (r == 0 && resources->hugepage_limits.count)
        r = each(data, &hugetlb);
    if (r == 0 && resources->rdma.count)
        r = each(data, &rdma);
    return r < 0 ? r : unified_each(&resources->unified, each, data);
}

struct gathered {
    unsigned set;
    bool v2;
};

static int gather(void *data, const struct limit *limit)
{
    struct gathered *g = data;

    if (!(g->v2 && limit->v1_only))
        g->set |= CGROUP_BIT(limit->controller);
    return 0;
}

unsigned limits_controllers(const struct oci_resources *resources, bool v2)
{
    struct gathered g = {.v2 = v2};

    return limits_each(resources, gather, &g) < 0 ? CGROUP_ALL : g.set;
}

/* What can't be set: for want of a controller, and because cgroup2 has nothing like it. */
enum { MISSING, UNKNOWN, REASONS };
struct unmet {
    unsigned have;
    bool v2;
    struct strbuf paths[REASONS];
    char *first; /* its path, for an error */
    int first_reason;
};

static int note_unmet(void *data, const struct limit *limit)
{
    struct unmet *u = data;
    int reason = u->v2 && limit->v1_only ? UNKNOWN : MISSING;

    if (reason == MISSING && u->have & CGROUP_BIT(limit->controller))
        return 0;
    strbuf_addf(&u->paths[reason], "%slinux.resources.%s", u->paths[reason].len ? ", " : "", limit->path);
    if (u->first)
        return 0;
    u->first_reason = reason;
    u->first = strdup(limit->path);
    return u->first ? 0 : -ENOMEM;
}

#define NOTHING_LIKE_IT "cgroup v2 has nothing like it"

static int refuse(const struct unmet *u, const struct error *why, struct error *err)
{
    if (u->first_reason == UNKNOWN) {
        error_set(err, ENOTSUP, "linux.resources.%s: " NOTHING_LIKE_IT, u->first);
        error_hint(err, "remove it, or use --limits=try, which drops it");
    } else {
        error_set(err, ENOTSUP, "linux.resources.%s: %s", u->first, error_text(why));
        error_hint(err, "%s%s--limits=try runs the container without", why->hint ? why->hint : "",
                   why->hint ? "; " : "");
    }
    return -ENOTSUP;
}

static void warn(const struct unmet *u, const struct error *why, const struct log *log)
{
    for (int reason = 0; reason < REASONS; reason++) {
        _cleanup_error_ struct error warning = ERROR_INIT;
        if (!u->paths[reason].len)
            continue;
        error_set(&warning, ENOTSUP, "without the limits %s: %s", u->paths[reason].data,
                  reason == UNKNOWN ? NOTHING_LIKE_IT : error_text(why));
        if (reason == MISSING && why->hint)
            error_hint(&warning, "%s", why->hint);
        log_warn_error(log, &warning);
    }
}

int limits_settle(const struct cgroup_request *req, unsigned have, bool v2, const struct error *why,
                  unsigned *which, struct error *err)
{
    struct unmet u = {.have = have | CGROUP_BIT(CGROUP_CORE), .v2 = v2};
    int r = 0;

    *which = 0;
    if (req->limits == LIMITS_OFF)
        return 0;
    *which = limits_controllers(req->resources, v2) & u.have;
    r = limits_each(req->resources, note_unmet, &u);
    if (r < 0 || u.paths[MISSING].oom || u.paths[UNKNOWN].oom)
        r = error_oom(err);
    else if (u.first && req->limits == LIMITS_REQUIRE)
        r = refuse(&u, why, err);
    else
        warn(&u, why, req->log);
    free(u.first);
    strbuf_free(&u.paths[MISSING]);
    strbuf_free(&u.paths[UNKNOWN]);
    return r;
}
