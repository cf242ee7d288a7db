/*
 * The numbers of a cgroup2 directory, under the names that `runc events` gave those of cgroup v1 and that
 * containerd and docker read. Times are in nanoseconds. What a controller that is not enabled would tell is
 * left out or 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"
#include "cgroup/stats.h"
#include "cgroup/v2_internal.h"

#define NS_PER_US UINT64_C(1000)

static int add_cpu(cJSON *data, int dirfd)
{
    _cleanup_free_ char *stat = stats_text(dirfd, "cpu.stat");
    _cleanup_cjson_ cJSON *cpu = cJSON_CreateObject(), *usage = cJSON_CreateObject(),
                          *throttling = cJSON_CreateObject(), *burst = cJSON_CreateObject();

    if (!cpu || !usage || !throttling || !burst ||
        json_add_u64(usage, "total", stats_key(stat, "usage_usec") * NS_PER_US) < 0 ||
        json_add_u64(usage, "kernel", stats_key(stat, "system_usec") * NS_PER_US) < 0 ||
        json_add_u64(usage, "user", stats_key(stat, "user_usec") * NS_PER_US) < 0 ||
        json_add_u64(throttling, "periods", stats_key(stat, "nr_periods")) < 0 ||
        json_add_u64(throttling, "throttledPeriods", stats_key(stat, "nr_throttled")) < 0 ||
        json_add_u64(throttling, "throttledTime", stats_key(stat, "throttled_usec") * NS_PER_US) < 0 ||
        json_add_u64(burst, "burstsPeriods", stats_key(stat, "nr_bursts")) < 0 ||
        json_add_u64(burst, "burstTime", stats_key(stat, "burst_usec") * NS_PER_US) < 0 ||
        json_add_item(cpu, "usage", TAKE_PTR(usage)) < 0 ||
        json_add_item(cpu, "throttling", TAKE_PTR(throttling)) < 0 ||
        json_add_item(cpu, "burst", TAKE_PTR(burst)) < 0 || stats_add_psi(cpu, dirfd, "cpu.pressure") < 0)
        return -ENOMEM;
    return json_add_item(data, "cpu", TAKE_PTR(cpu));
}

static int add_cpuset(cJSON *data, int dirfd)
{
    _cleanup_cjson_ cJSON *cpuset = cJSON_CreateObject();

    if (!cpuset || stats_add_list(cpuset, "cpus", dirfd, "cpuset.cpus.effective") < 0 ||
        stats_add_list(cpuset, "mems", dirfd, "cpuset.mems.effective") < 0)
        return -ENOMEM;
    return json_add_item(data, "cpuset", TAKE_PTR(cpuset));
}

static int add_memory(cJSON *data, int dirfd)
{
    _cleanup_free_ char *stat = stats_text(dirfd, "memory.stat"),
                        *events = stats_text(dirfd, "memory.events");
    _cleanup_free_ char *swap_events = stats_text(dirfd, "memory.swap.events");
    _cleanup_cjson_ cJSON *memory = cJSON_CreateObject();
    struct stats_usage usage = {.limit = stats_number(dirfd, "memory.max"),
                                .usage = stats_number(dirfd, "memory.current"),
                                .max = stats_number(dirfd, "memory.peak"),
                                .failcnt = stats_key(events, "max")};
    struct stats_usage swap = {.limit = stats_number(dirfd, "memory.swap.max"),
                               .usage = stats_number(dirfd, "memory.swap.current"),
                               .max = stats_number(dirfd, "memory.swap.peak"),
                               .failcnt = stats_key(swap_events, "max")};

    /* Readers expect memory and swap together here, as v1 counts them. */
    swap.usage += usage.usage;
    swap.limit =
        swap.limit == UINT64_MAX || usage.limit == UINT64_MAX ? UINT64_MAX : swap.limit + usage.limit;
    if (!memory || json_add_u64(memory, "cache", stats_key(stat, "file")) < 0 ||
        stats_add_usage(memory, "usage", usage) < 0 || stats_add_usage(memory, "swap", swap) < 0 ||
        stats_add_usage(memory, "kernel", (struct stats_usage){.usage = stats_key(stat, "kernel")}) < 0 ||
        stats_add_usage(memory, "kernelTCP", (struct stats_usage){.usage = stats_key(stat, "sock")}) < 0 ||
        stats_add_raw(memory, stat) < 0 || stats_add_psi(memory, dirfd, "memory.pressure") < 0)
        return -ENOMEM;
    return json_add_item(data, "memory", TAKE_PTR(memory));
}

static int add_pids(cJSON *data, int dirfd)
{
    _cleanup_cjson_ cJSON *pids = cJSON_CreateObject();
    uint64_t limit = stats_number(dirfd, "pids.max");

    if (!pids || json_add_u64(pids, "current", stats_number(dirfd, "pids.current")) < 0 ||
        json_add_u64(pids, "limit", limit == UINT64_MAX ? 0 : limit) < 0) /* 0: none, to readers */
        return -ENOMEM;
    return json_add_item(data, "pids", TAKE_PTR(pids));
}

static const struct {
    const char *key, *op;
    bool bytes;
} io_keys[] = {
    {"rbytes", "Read", true}, {"wbytes", "Write", true}, {"dbytes", "Discard", true},
    {"rios", "Read", false},  {"wios", "Write", false},  {"dios", "Discard", false},
};

/* 8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0 */
static int add_io_line(cJSON *bytes, cJSON *ios, char *line)
{
    char *save = NULL, *word = strtok_r(line, " ", &save);
    unsigned major, minor;

    if (!word || sscanf(word, "%u:%u", &major, &minor) != 2)
        return 0;
    while ((word = strtok_r(NULL, " ", &save))) {
        char *equals = strchr(word, '=');
        uint64_t value;
        if (!equals || parse_u64(equals + 1, &value) < 0)
            continue;
        *equals = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(io_keys); i++)
            if (strcmp(word, io_keys[i].key) == 0 &&
                stats_add_io(io_keys[i].bytes ? bytes : ios, major, minor, io_keys[i].op, value) < 0)
                return -ENOMEM;
    }
    return 0;
}

static int add_io(cJSON *data, int dirfd)
{
    _cleanup_free_ char *stat = stats_text(dirfd, "io.stat");
    _cleanup_cjson_ cJSON *blkio = cJSON_CreateObject(), *bytes = cJSON_CreateArray(),
                          *ios = cJSON_CreateArray();
    char *save = NULL;

    if (!blkio || !bytes || !ios)
        return -ENOMEM;
    for (char *line = stat ? strtok_r(stat, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save))
        if (add_io_line(bytes, ios, line) < 0)
            return -ENOMEM;
    if (json_add_item(blkio, "ioServiceBytesRecursive", TAKE_PTR(bytes)) < 0 ||
        json_add_item(blkio, "ioServicedRecursive", TAKE_PTR(ios)) < 0 ||
        stats_add_psi(blkio, dirfd, "io.pressure") < 0)
        return -ENOMEM;
    return json_add_item(data, "blkio", TAKE_PTR(blkio));
}

static int add_page_size(cJSON *hugetlb, int dirfd, const char *size)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();
    char current[64], events[64];

    snprintf(current, sizeof current, "hugetlb.%s.current", size);
    snprintf(events, sizeof events, "hugetlb.%s.events", size);
    _cleanup_free_ char *text = stats_text(dirfd, events);
    if (!json || json_add_u64(json, "usage", stats_number(dirfd, current)) < 0 ||
        json_add_u64(json, "failcnt", stats_key(text, "max")) < 0)
        return -ENOMEM;
    return json_add_item(hugetlb, size, TAKE_PTR(json));
}

/* The sizes are those of the files hugetlb.SIZE.current. */
static int add_hugetlb(cJSON *data, int dirfd)
{
    _cleanup_cjson_ cJSON *hugetlb = cJSON_CreateObject();
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir)
        fd_close(&fd);
    if (!hugetlb)
        return -ENOMEM;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char size[16], rest[16];
        if (sscanf(e->d_name, "hugetlb.%15[0-9A-Z].%15s", size, rest) == 2 && strcmp(rest, "current") == 0 &&
            add_page_size(hugetlb, dirfd, size) < 0)
            return -ENOMEM;
    }
    return json_add_item(data, "hugetlb", TAKE_PTR(hugetlb));
}

int v2_stats(int dirfd, const char *shown, cJSON **data, struct error *err)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();
    _cleanup_free_ char *text = NULL;
    /* Without a controller there are no numbers of it; without this file there is no cgroup. */
    int r = v2_read(dirfd, shown, "cgroup.events", &text, err);

    if (r < 0)
        return r;
    if (!json || add_cpu(json, dirfd) < 0 || add_cpuset(json, dirfd) < 0 || add_memory(json, dirfd) < 0 ||
        add_pids(json, dirfd) < 0 || add_io(json, dirfd) < 0 || add_hugetlb(json, dirfd) < 0 ||
        json_add_item(json, "intel_rdt", cJSON_CreateObject()) < 0 ||
        json_add_item(json, "network_interfaces", cJSON_CreateArray()) < 0)
        return error_oom(err);
    *data = TAKE_PTR(json);
    return 0;
}

int v2_oom_open(int dirfd, const char *shown, struct error *err)
{
    char self[FD_PATH_MAX], path[FD_PATH_MAX + 16];
    _cleanup_close_ int fd = -EBADF;

    if (faccessat(dirfd, "memory.events", F_OK, 0) < 0) {
        /* Without the controller nobody counts, and what is opened stays quiet. */
        fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        return fd < 0 ? error_sys(err, errno, "watch \"%s\"", shown) : TAKE_FD(fd);
    }
    fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    snprintf(path, sizeof path, "%s/memory.events", fd_path(self, dirfd));
    if (fd < 0 || inotify_add_watch(fd, path, IN_MODIFY) < 0)
        return error_sys(err, errno, "watch \"%s/memory.events\"", shown);
    return TAKE_FD(fd);
}

uint64_t v2_oom_count(int dirfd, int fd)
{
    char events[4096] __attribute__((aligned(8)));
    _cleanup_free_ char *text = NULL;

    while (fd >= 0 && read(fd, events, sizeof events) > 0)
        ;
    text = stats_text(dirfd, "memory.events");
    return stats_key(text, "oom_kill");
}
