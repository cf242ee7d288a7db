/*
 * linux.resources as properties of a unit, so that `systemctl show` tells what holds:
 * systemd.resource-control(5). What systemd has no property for (hugepages, rdma, bursts …) stands in the
 * files alone.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cgroup/convert.h"
#include "cgroup/systemd.h"

#define BITS_MAX 8192 /* CPUs or memory nodes */

void unit_properties_free(struct unit_properties *properties)
{
    for (size_t i = 0; i < properties->count; i++) {
        free(properties->items[i].name);
        variant_free(&properties->items[i].value);
    }
    free(properties->items);
    *properties = (struct unit_properties){0};
}

int unit_properties_append(struct unit_properties *properties, const char *name, struct variant *value,
                           bool optional)
{
    struct unit_property *items =
        realloc(properties->items, (properties->count + 1) * sizeof *properties->items);
    char *copy = strdup(name);

    if (items)
        properties->items = items;
    if (!items || !copy) {
        free(copy);
        variant_free(value);
        return -ENOMEM;
    }
    items[properties->count++] = (struct unit_property){.name = copy, .value = *value, .optional = optional};
    *value = (struct variant){0};
    return 0;
}

int unit_properties_set(struct unit_properties *properties, const char *name, struct variant *value,
                        bool optional)
{
    struct unit_property *p = NULL;

    for (size_t i = 0; i < properties->count && !p; i++)
        if (strcmp(properties->items[i].name, name) == 0)
            p = &properties->items[i];
    if (!p)
        return unit_properties_append(properties, name, value, optional);
    variant_free(&p->value);
    p->value = *value;
    p->optional = optional;
    *value = (struct variant){0};
    return 0;
}

static int set_bool(struct unit_properties *p, const char *name, bool value)
{
    struct variant v;

    variant_bool(value, &v);
    return unit_properties_set(p, name, &v, false);
}

static int set_string(struct unit_properties *p, const char *name, const char *value)
{
    struct variant v;

    return variant_string(value, &v) < 0 ? -ENOMEM : unit_properties_set(p, name, &v, false);
}

static int set_number(struct unit_properties *p, const char *name, uint64_t value, bool optional)
{
    struct variant v;

    variant_u64(value, &v);
    return unit_properties_set(p, name, &v, optional);
}

static int set_pid(struct unit_properties *p, pid_t pid)
{
    _cleanup_variant_ struct variant list = {0};
    struct variant number = {.type = 'u', .number.u = (uint64_t)pid};

    if (variant_array("u", &list) < 0 || variant_add(&list, &number) < 0)
        return -ENOMEM;
    return unit_properties_set(p, "PIDs", &list, false);
}

int unit_properties_of_unit(struct unit_properties *p, const struct unit *unit, const char *id, pid_t pid,
                            struct error *err)
{
    static const char *const accounting[] = {"CPUAccounting", "IOAccounting", "MemoryAccounting",
                                             "TasksAccounting"};
    _cleanup_free_ char *description = str_printf("bryo container %s", id);
    int r = description ? set_string(p, "Description", description) : -ENOMEM;

    /* Neither stopped at shutdown in front of who holds it, nor kept in memory once it failed. */
    if (r == 0)
        r = set_bool(p, "DefaultDependencies", false);
    if (r == 0)
        r = set_string(p, "CollectMode", "inactive-or-failed");
    if (r == 0 && !unit->is_slice)
        r = set_string(p, "Slice", unit->slice);
    if (r == 0 && !unit->is_slice)
        r = set_bool(p, "Delegate", true);
    if (r == 0 && !unit->is_slice)
        r = set_pid(p, pid);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(accounting); i++)
        r = set_bool(p, accounting[i], true);
    return r < 0 ? error_oom(err) : 0;
}

/* "infinity" is the largest number on the bus; -1 asks for it. */
static uint64_t limit_of(int64_t n)
{
    return n < 0 ? UINT64_MAX : (uint64_t)n;
}

static int add_limit(struct unit_properties *p, const char *name, const struct opt_i64 *n)
{
    return n->set && n->value != 0 ? set_number(p, name, limit_of(n->value), false) : 0;
}

static int add_memory(struct unit_properties *p, const struct oci_memory *memory)
{
    int64_t swap, limit = memory->limit.set && memory->limit.value ? memory->limit.value : -1;
    int r = add_limit(p, "MemoryMax", &memory->limit);

    if (r == 0)
        r = add_limit(p, "MemoryLow", &memory->reservation);
    if (r == 0 && memory->swap.set && memory->swap.value &&
        convert_swap(memory->swap.value, limit, &swap) == 0)
        r = set_number(p, "MemorySwapMax", limit_of(swap), false);
    return r;
}

/* systemd keeps whole percents of a CPU over its own restart: rounded up, so that it is never less than the
 * file of the container says. */
static int add_quota(struct unit_properties *p, int64_t quota, uint64_t period)
{
    uint64_t per_second = UINT64_MAX;

    if (period == 0)
        period = CONVERT_DEFAULT_PERIOD;
    if (quota > 0) {
        per_second = (uint64_t)(((unsigned __int128)(uint64_t)quota * 1000000 + period - 1) / period);
        per_second = (per_second + 9999) / 10000 * 10000;
    }
    int r = set_number(p, "CPUQuotaPerSecUSec", per_second, false);
    return r < 0 ? r : set_number(p, "CPUQuotaPeriodUSec", period, true);
}

/* "0-3,7" as a mask, its first byte for 0 … 7. 0, -EINVAL or -ENOMEM. */
static int mask_of_list(const char *list, struct variant *out)
{
    unsigned char bits[BITS_MAX / 8] = {0};
    _cleanup_variant_ struct variant mask = {0};
    size_t bytes = 0;

    for (const char *s = list; *s;) {
        unsigned first, last;
        int n = 0;
        if (sscanf(s, "%u%n", &first, &n) != 1 || n == 0)
            return -EINVAL;
        s += n;
        last = first;
        if (*s == '-') {
            if (sscanf(++s, "%u%n", &last, &n) != 1)
                return -EINVAL;
            s += n;
        }
        if (first > last || last >= BITS_MAX || (*s && *s != ',' && *s != '\n'))
            return -EINVAL;
        for (unsigned i = first; i <= last; i++)
            bits[i / 8] = (unsigned char)(bits[i / 8] | 1U << i % 8);
        bytes = last / 8 + 1 > bytes ? last / 8 + 1 : bytes;
        s += strspn(s, ",\n");
    }
    if (variant_array("y", &mask) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < bytes; i++) {
        struct variant byte = {.type = 'y', .number.u = bits[i]};
        if (variant_add(&mask, &byte) < 0)
            return -ENOMEM;
    }
    *out = mask;
    mask = (struct variant){0};
    return 0;
}

/* A list that is none is for the kernel to refuse. */
static int add_list(struct unit_properties *p, const char *name, const char *list)
{
    struct variant mask;
    int r = str_empty(list) ? -EINVAL : mask_of_list(list, &mask);

    if (r == 0)
        r = unit_properties_set(p, name, &mask, true);
    return r == -EINVAL ? 0 : r;
}

/* 0 is "idle" to systemd 252 and newer. */
static int add_idle(struct unit_properties *p)
{
    return set_number(p, "CPUWeight", 0, true);
}

static int add_cpu(struct unit_properties *p, const struct oci_cpu *cpu)
{
    int r = 0;

    if (cpu->idle.set && cpu->idle.value == 1)
        r = add_idle(p);
    else if (cpu->shares.set && cpu->shares.value)
        r = set_number(p, "CPUWeight", convert_shares(cpu->shares.value), false);
    if (r == 0 && ((cpu->quota.set && cpu->quota.value) || (cpu->period.set && cpu->period.value)))
        r = add_quota(p, cpu->quota.set ? cpu->quota.value : -1, cpu->period.set ? cpu->period.value : 0);
    return r;
}

static int add_cpuset(struct unit_properties *p, const struct oci_cpu *cpu)
{
    int r = add_list(p, "AllowedCPUs", cpu->cpus);

    return r < 0 ? r : add_list(p, "AllowedMemoryNodes", cpu->mems);
}

/* Appends (PATH, number): systemd knows a block device by a path, and this one names it by its numbers. */
static int add_device(struct variant *list, int64_t major, int64_t minor, uint64_t number)
{
    _cleanup_free_ char *path = str_printf("/dev/block/%lld:%lld", (long long)major, (long long)minor);
    _cleanup_variant_ struct variant pair = {.type = 'r'}, text = {0}, value = {0};

    if (!path || variant_string(path, &text) < 0)
        return -ENOMEM;
    variant_u64(number, &value);
    if (variant_add(&pair, &text) < 0 || variant_add(&pair, &value) < 0)
        return -ENOMEM;
    return variant_add(list, &pair);
}

static int add_throttles(struct unit_properties *p, const char *name, const struct oci_block_throttle_list *t)
{
    _cleanup_variant_ struct variant list = {0};
    int r = t->count ? variant_array("(st)", &list) : 0;

    for (size_t i = 0; r == 0 && i < t->count; i++)
        if (t->items[i].rate.set)
            r = add_device(&list, t->items[i].major, t->items[i].minor,
                           t->items[i].rate.value ? t->items[i].rate.value : UINT64_MAX);
    return r < 0 || !list.count ? r : unit_properties_set(p, name, &list, false);
}

static int add_device_weights(struct unit_properties *p, const struct oci_block_weight_list *w)
{
    _cleanup_variant_ struct variant list = {0};
    int r = w->count ? variant_array("(st)", &list) : 0;

    for (size_t i = 0; r == 0 && i < w->count; i++)
        if (w->items[i].weight.set && w->items[i].weight.value)
            r = add_device(&list, w->items[i].major, w->items[i].minor,
                           convert_io_weight(w->items[i].weight.value));
    return r < 0 || !list.count ? r : unit_properties_set(p, "IODeviceWeight", &list, false);
}

static int add_io(struct unit_properties *p, const struct oci_block_io *io)
{
    int r = 0;

    if (io->weight.set && io->weight.value)
        r = set_number(p, "IOWeight", convert_io_weight(io->weight.value), false);
    if (r == 0)
        r = add_device_weights(p, &io->weight_device);
    if (r == 0)
        r = add_throttles(p, "IOReadBandwidthMax", &io->read_bps);
    if (r == 0)
        r = add_throttles(p, "IOWriteBandwidthMax", &io->write_bps);
    if (r == 0)
        r = add_throttles(p, "IOReadIOPSMax", &io->read_iops);
    if (r == 0)
        r = add_throttles(p, "IOWriteIOPSMax", &io->write_iops);
    return r;
}

/* One more device in a property that is a list of them. */
static int add_to_list(struct unit_properties *p, const char *name, unsigned major, unsigned minor,
                       uint64_t number)
{
    struct variant list;

    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->items[i].name, name) == 0)
            return add_device(&p->items[i].value, major, minor, number);
    if (variant_array("(st)", &list) < 0)
        return -ENOMEM;
    if (add_device(&list, major, minor, number) < 0) {
        variant_free(&list);
        return -ENOMEM;
    }
    return unit_properties_set(p, name, &list, false);
}

/* "8:0 rbps=1048576 wiops=max" */
static int add_io_max(struct unit_properties *p, const char *text)
{
    static const struct {
        const char *key, *property;
    } limits[] = {{"rbps=", "IOReadBandwidthMax"},
                  {"wbps=", "IOWriteBandwidthMax"},
                  {"riops=", "IOReadIOPSMax"},
                  {"wiops=", "IOWriteIOPSMax"}};
    unsigned major, minor;
    int n = 0, r = 0;

    if (sscanf(text, "%u:%u %n", &major, &minor, &n) != 2 || !n)
        return 0;
    for (const char *s = text + n; r == 0 && *s; s += strcspn(s, " "), s += strspn(s, " "))
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(limits); i++) {
            if (!str_starts(s, limits[i].key))
                continue;
            const char *value = s + strlen(limits[i].key);
            _cleanup_free_ char *number = strndup(value, strcspn(value, " "));
            uint64_t limit = UINT64_MAX;
            if (!number)
                return -ENOMEM;
            if (strcmp(number, "max") == 0 || (parse_u64(number, &limit) == 0 && limit))
                r = add_to_list(p, limits[i].property, major, minor, limit);
        }
    return r;
}

/* "8:0 200"; @text may be another thing. */
static int add_io_weight(struct unit_properties *p, const char *text)
{
    unsigned major, minor, weight;
    int n = 0;

    if (sscanf(text, "%u:%u %u%n", &major, &minor, &weight, &n) != 3 || text[n] || weight < 1 ||
        weight > 10000)
        return 0;
    return add_to_list(p, "IODeviceWeight", major, minor, weight);
}

/* Files of cgroup2 that have a property of their own. */
enum file_kind { LIMIT, WEIGHT, IO_WEIGHT, IO_MAX, IDLE, QUOTA, LIST };
static const struct {
    const char *file;
    enum cgroup_controller controller;
    const char *property;
    enum file_kind kind;
    bool optional; /* newer than systemd 239 */
} files[] = {
    {"memory.max", CGROUP_MEMORY, "MemoryMax", LIMIT, false},
    {"memory.high", CGROUP_MEMORY, "MemoryHigh", LIMIT, false},
    {"memory.low", CGROUP_MEMORY, "MemoryLow", LIMIT, false},
    {"memory.min", CGROUP_MEMORY, "MemoryMin", LIMIT, true},
    {"memory.swap.max", CGROUP_MEMORY, "MemorySwapMax", LIMIT, false},
    {"memory.zswap.max", CGROUP_MEMORY, "MemoryZSwapMax", LIMIT, true},
    {"pids.max", CGROUP_PIDS, "TasksMax", LIMIT, false},
    {"cpu.weight", CGROUP_CPU, "CPUWeight", WEIGHT, false},
    {"cpu.idle", CGROUP_CPU, "CPUWeight", IDLE, true},
    {"cpu.max", CGROUP_CPU, "CPUQuotaPerSecUSec", QUOTA, false},
    {"io.weight", CGROUP_IO, "IOWeight", IO_WEIGHT, false},
    {"io.max", CGROUP_IO, NULL, IO_MAX, false}, /* four properties */
    {"cpuset.cpus", CGROUP_CPUSET, "AllowedCPUs", LIST, true},
    {"cpuset.mems", CGROUP_CPUSET, "AllowedMemoryNodes", LIST, true},
};

/* "max 100000", "50000" */
static int add_cpu_max(struct unit_properties *p, const char *text)
{
    long long quota = -1;
    unsigned long long period = 0;
    int n = 0;

    if (sscanf(text, "max %llu", &period) != 1 && strncmp(text, "max", 3) != 0 &&
        (sscanf(text, "%lld%n %llu", &quota, &n, &period) < 1 || quota <= 0 || n == 0))
        return 0;
    return add_quota(p, quota, period);
}

/* "100", "default 100" */
static int add_weight(struct unit_properties *p, const char *property, const char *text)
{
    uint64_t n;

    if (parse_u64(str_starts(text, "default ") ? text + strlen("default ") : text, &n) < 0 || n < 1 ||
        n > 10000)
        return 0;
    return set_number(p, property, n, false);
}

/* A text that says something else is for the kernel to take or to refuse. */
static int add_file(struct unit_properties *p, size_t row, const char *text)
{
    _cleanup_free_ char *value = strndup(text, strcspn(text, "\n"));
    uint64_t n;

    if (!value)
        return -ENOMEM;
    switch (files[row].kind) {
    case LIMIT:
        if (strcmp(value, "max") == 0)
            n = UINT64_MAX;
        else if (parse_size(value, &n) < 0 || (files[row].controller == CGROUP_PIDS && n == 0))
            return 0;
        return set_number(p, files[row].property, n, files[row].optional);
    case IO_MAX:
        return add_io_max(p, value);
    case IO_WEIGHT:
        return strchr(value, ':') ? add_io_weight(p, value) : add_weight(p, files[row].property, value);
    case WEIGHT:
        return add_weight(p, files[row].property, value);
    case IDLE:
        return strcmp(value, "1") == 0 ? add_idle(p) : 0;
    case QUOTA:
        return add_cpu_max(p, value);
    case LIST:
        return add_list(p, files[row].property, value);
    }
    return 0;
}

/* @which: the controllers whose files count. */
static int add_any_file(struct unit_properties *p, const char *file, const char *text, unsigned which)
{
    int r = 0;

    for (size_t row = 0; r == 0 && row < ARRAY_SIZE(files); row++)
        if (which & CGROUP_BIT(files[row].controller) && strcmp(files[row].file, file) == 0)
            r = add_file(p, row, text);
    return r;
}

int unit_properties_of_file(struct unit_properties *p, const char *file, const char *text, struct error *err)
{
    return add_any_file(p, file, text, CGROUP_ALL) < 0 ? error_oom(err) : 0;
}

int unit_properties_of_resources(struct unit_properties *p, const struct oci_resources *resources,
                                 unsigned which, struct error *err)
{
    int r = 0;

    if (!resources)
        return 0;
    if (resources->memory && which & CGROUP_BIT(CGROUP_MEMORY))
        r = add_memory(p, resources->memory);
    if (r == 0 && resources->cpu && which & CGROUP_BIT(CGROUP_CPU))
        r = add_cpu(p, resources->cpu);
    if (r == 0 && resources->cpu && which & CGROUP_BIT(CGROUP_CPUSET))
        r = add_cpuset(p, resources->cpu);
    /* 0 processes is not a number that systemd takes. */
    if (r == 0 && resources->pids && which & CGROUP_BIT(CGROUP_PIDS))
        r = add_limit(p, "TasksMax", &resources->pids->limit);
    if (r == 0 && resources->block_io && which & CGROUP_BIT(CGROUP_IO))
        r = add_io(p, resources->block_io);
    for (size_t i = 0; r == 0 && i < resources->unified.count; i++)
        r = add_any_file(p, resources->unified.items[i].key, resources->unified.items[i].value, which);
    return r < 0 ? error_oom(err) : 0;
}
