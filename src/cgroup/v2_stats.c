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
#include "cgroup/v2_internal.h"

#define NS_PER_US UINT64_C(1000)

/* NULL where there is no such file. */
static char *read_text(int dirfd, const char *file)
{
    char *text = NULL;

    return v2_read(dirfd, "", file, &text, NULL) < 0 ? NULL : text;
}

/* One number; "max" is the largest there is, a missing file 0. */
static uint64_t read_number(int dirfd, const char *file)
{
    _cleanup_free_ char *text = read_text(dirfd, file);
    uint64_t value = 0;

    if (!text)
        return 0;
    text[strcspn(text, "\n")] = '\0';
    if (strcmp(text, "max") == 0)
        return UINT64_MAX;
    return parse_u64(text, &value) < 0 ? 0 : value;
}

static uint64_t key_of(const char *text, const char *key)
{
    uint64_t value = 0;

    return text && v2_key(text, key, &value) == 0 ? value : 0;
}

/* some avg10=0.00 avg60=0.00 avg300=0.00 total=0 */
static int add_psi_line(cJSON *psi, const char *line, size_t len)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();
    _cleanup_free_ char *copy = strndup(line, len);
    char *save = NULL, *name = copy ? strtok_r(copy, " ", &save) : NULL;

    if (!json || !copy)
        return -ENOMEM;
    if (!name)
        return 0;
    for (char *word; (word = strtok_r(NULL, " ", &save));) {
        char *equals = strchr(word, '=');
        if (!equals)
            continue;
        *equals++ = '\0';
        cJSON *number = cJSON_AddNumberToObject(json, word, strtod(equals, NULL));
        if (!number || !(number->valuestring = strdup(equals))) /* printed as it is */
            return -ENOMEM;
    }
    return json_add_item(psi, name, TAKE_PTR(json));
}

/* Pressure (Linux 4.20, unless it is switched off). */
static int add_psi(cJSON *object, int dirfd, const char *file)
{
    _cleanup_free_ char *text = read_text(dirfd, file);
    _cleanup_cjson_ cJSON *psi = cJSON_CreateObject();

    if (!psi)
        return -ENOMEM;
    if (str_empty(text))
        return 0;
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        if (add_psi_line(psi, line, len) < 0)
            return -ENOMEM;
        line += len + (line[len] == '\n');
    }
    return json_add_item(object, "psi", TAKE_PTR(psi));
}

static int add_cpu(cJSON *data, int dirfd)
{
    _cleanup_free_ char *stat = read_text(dirfd, "cpu.stat");
    _cleanup_cjson_ cJSON *cpu = cJSON_CreateObject(), *usage = cJSON_CreateObject(),
                          *throttling = cJSON_CreateObject(), *burst = cJSON_CreateObject();

    if (!cpu || !usage || !throttling || !burst ||
        json_add_u64(usage, "total", key_of(stat, "usage_usec") * NS_PER_US) < 0 ||
        json_add_u64(usage, "kernel", key_of(stat, "system_usec") * NS_PER_US) < 0 ||
        json_add_u64(usage, "user", key_of(stat, "user_usec") * NS_PER_US) < 0 ||
        json_add_u64(throttling, "periods", key_of(stat, "nr_periods")) < 0 ||
        json_add_u64(throttling, "throttledPeriods", key_of(stat, "nr_throttled")) < 0 ||
        json_add_u64(throttling, "throttledTime", key_of(stat, "throttled_usec") * NS_PER_US) < 0 ||
        json_add_u64(burst, "burstsPeriods", key_of(stat, "nr_bursts")) < 0 ||
        json_add_u64(burst, "burstTime", key_of(stat, "burst_usec") * NS_PER_US) < 0 ||
        json_add_item(cpu, "usage", TAKE_PTR(usage)) < 0 ||
        json_add_item(cpu, "throttling", TAKE_PTR(throttling)) < 0 ||
        json_add_item(cpu, "burst", TAKE_PTR(burst)) < 0 || add_psi(cpu, dirfd, "cpu.pressure") < 0)
        return -ENOMEM;
    return json_add_item(data, "cpu", TAKE_PTR(cpu));
}

/* "0-2,7" as a list of numbers. */
static int add_cpu_list(cJSON *object, const char *name, int dirfd, const char *file)
{
    enum { LIST_MAX = 1 << 16 };
    _cleanup_free_ char *text = read_text(dirfd, file);
    _cleanup_cjson_ cJSON *list = cJSON_CreateArray();
    size_t count = 0;

    if (!list)
        return -ENOMEM;
    for (const char *p = text ? text : ""; *p >= '0' && *p <= '9';) {
        char *end;
        unsigned long first = strtoul(p, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        for (; first <= last && count < LIST_MAX; first++, count++) {
            cJSON *number = json_new_u64(first);
            if (!number || !cJSON_AddItemToArray(list, number)) {
                cJSON_Delete(number);
                return -ENOMEM;
            }
        }
        p = *end == ',' ? end + 1 : end;
    }
    return json_add_item(object, name, TAKE_PTR(list));
}

static int add_cpuset(cJSON *data, int dirfd)
{
    _cleanup_cjson_ cJSON *cpuset = cJSON_CreateObject();

    if (!cpuset || add_cpu_list(cpuset, "cpus", dirfd, "cpuset.cpus.effective") < 0 ||
        add_cpu_list(cpuset, "mems", dirfd, "cpuset.mems.effective") < 0)
        return -ENOMEM;
    return json_add_item(data, "cpuset", TAKE_PTR(cpuset));
}

struct usage {
    uint64_t limit, usage, max, failcnt;
};

static int add_usage(cJSON *object, const char *name, struct usage u)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();

    if (!json || json_add_u64(json, "limit", u.limit) < 0 || json_add_u64(json, "usage", u.usage) < 0 ||
        json_add_u64(json, "max", u.max) < 0 || json_add_u64(json, "failcnt", u.failcnt) < 0)
        return -ENOMEM;
    return json_add_item(object, name, TAKE_PTR(json));
}

/* memory.stat as it is. */
static int add_raw(cJSON *object, const char *stat)
{
    _cleanup_cjson_ cJSON *raw = cJSON_CreateObject();

    for (const char *line = stat ? stat : ""; raw && *line;) {
        size_t len = strcspn(line, "\n"), key = strcspn(line, " \n");
        _cleanup_free_ char *name = strndup(line, key);
        if (!name || (key < len && json_add_u64(raw, name, strtoull(line + key + 1, NULL, 10)) < 0))
            return -ENOMEM;
        line += len + (line[len] == '\n');
    }
    return json_add_item(object, "raw", TAKE_PTR(raw));
}

static int add_memory(cJSON *data, int dirfd)
{
    _cleanup_free_ char *stat = read_text(dirfd, "memory.stat"), *events = read_text(dirfd, "memory.events");
    _cleanup_free_ char *swap_events = read_text(dirfd, "memory.swap.events");
    _cleanup_cjson_ cJSON *memory = cJSON_CreateObject();
    struct usage usage = {.limit = read_number(dirfd, "memory.max"),
                          .usage = read_number(dirfd, "memory.current"),
                          .max = read_number(dirfd, "memory.peak"),
                          .failcnt = key_of(events, "max")};
    struct usage swap = {.limit = read_number(dirfd, "memory.swap.max"),
                         .usage = read_number(dirfd, "memory.swap.current"),
                         .max = read_number(dirfd, "memory.swap.peak"),
                         .failcnt = key_of(swap_events, "max")};

    /* Readers expect memory and swap together here, as v1 counts them. */
    swap.usage += usage.usage;
    swap.limit =
        swap.limit == UINT64_MAX || usage.limit == UINT64_MAX ? UINT64_MAX : swap.limit + usage.limit;
    if (!memory || json_add_u64(memory, "cache", key_of(stat, "file")) < 0 ||
        add_usage(memory, "usage", usage) < 0 || add_usage(memory, "swap", swap) < 0 ||
        add_usage(memory, "kernel", (struct usage){.usage = key_of(stat, "kernel")}) < 0 ||
        add_usage(memory, "kernelTCP", (struct usage){.usage = key_of(stat, "sock")}) < 0 ||
        add_raw(memory, stat) < 0 || add_psi(memory, dirfd, "memory.pressure") < 0)
        return -ENOMEM;
    return json_add_item(data, "memory", TAKE_PTR(memory));
}

static int add_pids(cJSON *data, int dirfd)
{
    _cleanup_cjson_ cJSON *pids = cJSON_CreateObject();
    uint64_t limit = read_number(dirfd, "pids.max");

    if (!pids || json_add_u64(pids, "current", read_number(dirfd, "pids.current")) < 0 ||
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

static int add_io_entry(cJSON *list, unsigned major, unsigned minor, const char *op, uint64_t value)
{
    _cleanup_cjson_ cJSON *entry = cJSON_CreateObject();

    if (!entry || json_add_u64(entry, "major", major) < 0 || json_add_u64(entry, "minor", minor) < 0 ||
        json_add_string(entry, "op", op) < 0 || json_add_u64(entry, "value", value) < 0 ||
        !cJSON_AddItemToArray(list, entry))
        return -ENOMEM;
    entry = NULL; /* the list has it */
    return 0;
}

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
                add_io_entry(io_keys[i].bytes ? bytes : ios, major, minor, io_keys[i].op, value) < 0)
                return -ENOMEM;
    }
    return 0;
}

static int add_io(cJSON *data, int dirfd)
{
    _cleanup_free_ char *stat = read_text(dirfd, "io.stat");
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
        add_psi(blkio, dirfd, "io.pressure") < 0)
        return -ENOMEM;
    return json_add_item(data, "blkio", TAKE_PTR(blkio));
}

static int add_page_size(cJSON *hugetlb, int dirfd, const char *size)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();
    char current[64], events[64];

    snprintf(current, sizeof current, "hugetlb.%s.current", size);
    snprintf(events, sizeof events, "hugetlb.%s.events", size);
    _cleanup_free_ char *text = read_text(dirfd, events);
    if (!json || json_add_u64(json, "usage", read_number(dirfd, current)) < 0 ||
        json_add_u64(json, "failcnt", key_of(text, "max")) < 0)
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
    text = read_text(dirfd, "memory.events");
    return key_of(text, "oom_kill");
}
