/*
 * The numbers of a container in cgroup v1, under the names that `runc events` gave them, and the notice of
 * the OOM killer. Times are in nanoseconds. What a hierarchy that is not there would tell is left out or 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "cgroup/stats.h"
#include "cgroup/v1.h"

/* The kernel's USER_HZ, in which cpuacct.stat counts, is the same on all architectures of today. */
#define NS_PER_TICK UINT64_C(10000000)

/* The directory of a controller; -EBADF where there is none. */
static int open_of(const struct v1_tree *tree, unsigned controller)
{
    const struct v1_hierarchy *h = v1_with(tree, controller);
    int fd = h ? v1_open(h, NULL) : -EBADF;

    return fd < 0 ? -EBADF : fd;
}

static int open_cgroup2(const struct v1_tree *tree)
{
    const struct v1_hierarchy *h = v1_cgroup2(tree);

    return h ? v1_open(h, NULL) : -EBADF;
}

/* "12 34 56" */
static int add_numbers(cJSON *object, const char *name, const char *text)
{
    _cleanup_cjson_ cJSON *list = cJSON_CreateArray();

    for (const char *p = text ? text : ""; list && *p >= '0' && *p <= '9';) {
        char *end;
        cJSON *number = json_new_u64(strtoull(p, &end, 10));
        if (!number || !cJSON_AddItemToArray(list, number)) {
            cJSON_Delete(number);
            return -ENOMEM;
        }
        p = end + strspn(end, " \n");
    }
    return json_add_item(object, name, TAKE_PTR(list));
}

static int add_cpu_usage(cJSON *cpu, const struct v1_tree *tree)
{
    _cleanup_close_ int fd = open_of(tree, V1_CPUACCT);
    _cleanup_free_ char *stat = stats_text(fd, "cpuacct.stat"),
                        *each = stats_text(fd, "cpuacct.usage_percpu"),
                        *kernel = stats_text(fd, "cpuacct.usage_percpu_sys"),
                        *user = stats_text(fd, "cpuacct.usage_percpu_user");
    _cleanup_cjson_ cJSON *usage = cJSON_CreateObject();

    if (!usage || json_add_u64(usage, "total", stats_number(fd, "cpuacct.usage")) < 0 ||
        add_numbers(usage, "percpu", each) < 0 || add_numbers(usage, "percpu_kernel", kernel) < 0 ||
        add_numbers(usage, "percpu_user", user) < 0 ||
        json_add_u64(usage, "kernel", stats_key(stat, "system") * NS_PER_TICK) < 0 ||
        json_add_u64(usage, "user", stats_key(stat, "user") * NS_PER_TICK) < 0)
        return -ENOMEM;
    return json_add_item(cpu, "usage", TAKE_PTR(usage));
}

static int add_cpu(cJSON *data, const struct v1_tree *tree)
{
    _cleanup_close_ int fd = open_of(tree, CGROUP_CPU), cgroup2 = open_cgroup2(tree);
    _cleanup_free_ char *stat = stats_text(fd, "cpu.stat");
    _cleanup_cjson_ cJSON *cpu = cJSON_CreateObject(), *throttling = cJSON_CreateObject(),
                          *burst = cJSON_CreateObject();

    if (!cpu || !throttling || !burst || add_cpu_usage(cpu, tree) < 0 ||
        json_add_u64(throttling, "periods", stats_key(stat, "nr_periods")) < 0 ||
        json_add_u64(throttling, "throttledPeriods", stats_key(stat, "nr_throttled")) < 0 ||
        json_add_u64(throttling, "throttledTime", stats_key(stat, "throttled_time")) < 0 ||
        json_add_u64(burst, "burstsPeriods", stats_key(stat, "nr_bursts")) < 0 ||
        json_add_u64(burst, "burstTime", stats_key(stat, "burst_time")) < 0 ||
        json_add_item(cpu, "throttling", TAKE_PTR(throttling)) < 0 ||
        json_add_item(cpu, "burst", TAKE_PTR(burst)) < 0 || stats_add_psi(cpu, cgroup2, "cpu.pressure") < 0)
        return -ENOMEM;
    return json_add_item(data, "cpu", TAKE_PTR(cpu));
}

static int add_cpuset(cJSON *data, const struct v1_tree *tree)
{
    static const struct {
        const char *name, *file;
    } numbers[] = {
        {"cpu_exclusive", "cpuset.cpu_exclusive"},
        {"mem_hardwall", "cpuset.mem_hardwall"},
        {"mem_exclusive", "cpuset.mem_exclusive"},
        {"memory_migrate", "cpuset.memory_migrate"},
        {"memory_spread_page", "cpuset.memory_spread_page"},
        {"memory_spread_slab", "cpuset.memory_spread_slab"},
        {"memory_pressure", "cpuset.memory_pressure"},
        {"sched_load_balance", "cpuset.sched_load_balance"},
    };
    _cleanup_close_ int fd = open_of(tree, CGROUP_CPUSET);
    _cleanup_cjson_ cJSON *cpuset = cJSON_CreateObject();

    if (!cpuset || stats_add_list(cpuset, "cpus", fd, "cpuset.cpus") < 0 ||
        stats_add_list(cpuset, "mems", fd, "cpuset.mems") < 0)
        return -ENOMEM;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        if (json_add_u64(cpuset, numbers[i].name, stats_number(fd, numbers[i].file)) < 0)
            return -ENOMEM;
    return json_add_item(data, "cpuset", TAKE_PTR(cpuset));
}

/* @prefix: "memory", "memory.memsw" … */
static int add_usage(cJSON *memory, const char *name, int fd, const char *prefix)
{
    struct stats_usage u;
    const struct {
        const char *file;
        uint64_t *value;
    } files[] = {{"limit_in_bytes", &u.limit},
                 {"usage_in_bytes", &u.usage},
                 {"max_usage_in_bytes", &u.max},
                 {"failcnt", &u.failcnt}};

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char file[64];
        snprintf(file, sizeof file, "%s.%s", prefix, files[i].file);
        *files[i].value = stats_number(fd, file);
    }
    return stats_add_usage(memory, name, u);
}

static int add_memory(cJSON *data, const struct v1_tree *tree)
{
    _cleanup_close_ int fd = open_of(tree, CGROUP_MEMORY), cgroup2 = open_cgroup2(tree);
    _cleanup_free_ char *stat = stats_text(fd, "memory.stat");
    _cleanup_cjson_ cJSON *memory = cJSON_CreateObject();

    if (!memory || json_add_u64(memory, "cache", stats_key(stat, "total_cache")) < 0 ||
        add_usage(memory, "usage", fd, "memory") < 0 || add_usage(memory, "swap", fd, "memory.memsw") < 0 ||
        add_usage(memory, "kernel", fd, "memory.kmem") < 0 ||
        add_usage(memory, "kernelTCP", fd, "memory.kmem.tcp") < 0 || stats_add_raw(memory, stat) < 0 ||
        stats_add_psi(memory, cgroup2, "memory.pressure") < 0)
        return -ENOMEM;
    return json_add_item(data, "memory", TAKE_PTR(memory));
}

static int add_pids(cJSON *data, const struct v1_tree *tree)
{
    _cleanup_close_ int fd = open_of(tree, CGROUP_PIDS);
    _cleanup_cjson_ cJSON *pids = cJSON_CreateObject();
    uint64_t limit = stats_number(fd, "pids.max");

    if (!pids || json_add_u64(pids, "current", stats_number(fd, "pids.current")) < 0 ||
        json_add_u64(pids, "limit", limit == UINT64_MAX ? 0 : limit) < 0) /* 0: none, to readers */
        return -ENOMEM;
    return json_add_item(data, "pids", TAKE_PTR(pids));
}

/* "8:0 Read 4096"; the line "Total 4096" belongs to no device. */
static int add_io_list(cJSON *blkio, const char *name, int fd, const char *bfq, const char *throttle)
{
    _cleanup_free_ char *text = bfq ? stats_text(fd, bfq) : NULL;
    _cleanup_cjson_ cJSON *list = cJSON_CreateArray();
    char *save = NULL;

    if (!list)
        return -ENOMEM;
    /* The scheduler counts only what it is used for, and then more exactly. */
    if (!text || !strchr(text, ':')) {
        free(text);
        text = throttle ? stats_text(fd, throttle) : NULL;
    }
    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
        unsigned major, minor;
        char op[16];
        uint64_t value;
        if (sscanf(line, "%u:%u %15s %" SCNu64, &major, &minor, op, &value) == 4 &&
            stats_add_io(list, major, minor, op, value) < 0)
            return -ENOMEM;
    }
    return json_add_item(blkio, name, TAKE_PTR(list));
}

static int add_blkio(cJSON *data, const struct v1_tree *tree)
{
    static const struct {
        const char *name, *bfq, *throttle;
    } lists[] = {
        {"ioServiceBytesRecursive", "blkio.bfq.io_service_bytes_recursive",
         "blkio.throttle.io_service_bytes_recursive"},
        {"ioServicedRecursive", "blkio.bfq.io_serviced_recursive", "blkio.throttle.io_serviced_recursive"},
        {"ioQueueRecursive", "blkio.bfq.io_queued_recursive", NULL},
        {"ioServiceTimeRecursive", "blkio.bfq.io_service_time_recursive", NULL},
        {"ioWaitTimeRecursive", "blkio.bfq.io_wait_time_recursive", NULL},
        {"ioMergedRecursive", "blkio.bfq.io_merged_recursive", NULL},
        {"ioTimeRecursive", "blkio.bfq.time_recursive", NULL},
        {"sectorsRecursive", "blkio.bfq.sectors_recursive", NULL},
    };
    _cleanup_close_ int fd = open_of(tree, CGROUP_IO), cgroup2 = open_cgroup2(tree);
    _cleanup_cjson_ cJSON *blkio = cJSON_CreateObject();

    if (!blkio)
        return -ENOMEM;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        if (add_io_list(blkio, lists[i].name, fd, lists[i].bfq, lists[i].throttle) < 0)
            return -ENOMEM;
    if (stats_add_psi(blkio, cgroup2, "io.pressure") < 0)
        return -ENOMEM;
    return json_add_item(data, "blkio", TAKE_PTR(blkio));
}

static int add_page_size(cJSON *hugetlb, int dirfd, const char *size)
{
    static const struct {
        const char *name, *file;
    } numbers[] = {{"usage", "usage_in_bytes"}, {"max", "max_usage_in_bytes"}, {"failcnt", "failcnt"}};
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();

    for (size_t i = 0; json && i < ARRAY_SIZE(numbers); i++) {
        char file[64];
        snprintf(file, sizeof file, "hugetlb.%s.%s", size, numbers[i].file);
        if (json_add_u64(json, numbers[i].name, stats_number(dirfd, file)) < 0)
            return -ENOMEM;
    }
    return json_add_item(hugetlb, size, TAKE_PTR(json));
}

/* The sizes are those of the files hugetlb.SIZE.usage_in_bytes. */
static int add_hugetlb(cJSON *data, const struct v1_tree *tree)
{
    _cleanup_close_ int dirfd = open_of(tree, CGROUP_HUGETLB);
    _cleanup_cjson_ cJSON *hugetlb = cJSON_CreateObject();
    int fd = dirfd < 0 ? -EBADF : openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir)
        fd_close(&fd);
    if (!hugetlb)
        return -ENOMEM;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char size[16], rest[24];
        if (sscanf(e->d_name, "hugetlb.%15[0-9A-Z].%23s", size, rest) == 2 &&
            strcmp(rest, "usage_in_bytes") == 0 && add_page_size(hugetlb, dirfd, size) < 0)
            return -ENOMEM;
    }
    return json_add_item(data, "hugetlb", TAKE_PTR(hugetlb));
}

int v1_stats(const struct v1_tree *tree, cJSON **data, struct error *err)
{
    static int (*const parts[])(cJSON * data, const struct v1_tree *tree) = {
        add_cpu, add_cpuset, add_memory, add_pids, add_blkio, add_hugetlb,
    };
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();
    /* Without a hierarchy there are no numbers of it; without this one there is no cgroup. */
    _cleanup_close_ int fd = v1_open(v1_main(tree), err);

    if (fd < 0)
        return fd;
    for (size_t i = 0; json && i < ARRAY_SIZE(parts); i++)
        if (parts[i](json, tree) < 0)
            return error_oom(err);
    if (!json || json_add_item(json, "intel_rdt", cJSON_CreateObject()) < 0 ||
        json_add_item(json, "network_interfaces", cJSON_CreateArray()) < 0)
        return error_oom(err);
    *data = TAKE_PTR(json);
    return 0;
}
