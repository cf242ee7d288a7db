#include "sandbox/limits.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"

/* The kernel takes a quota from 1 ms on. */
#define PERIOD_US      100000
#define CPUS_MIN_MILLI 10
#define CPUS_MAX_MILLI 100000000 /* more CPUs than there are machines for */

static int expected(const char *what, const char *value, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(value, 80);

    return shown ? error_set(err, EINVAL, "expected %s, found \"%s\"", what, shown) : error_oom(err);
}

static bool is_size(const char *value, uint64_t *size)
{
    return parse_size(value, size) == 0 && *size > 0 && *size <= INT64_MAX;
}

int sandbox_check_memory(const char *value, struct error *err)
{
    uint64_t size;

    return is_size(value, &size) ? 0 : expected("a size such as 512m", value, err);
}

int sandbox_check_memory_swap(const char *value, struct error *err)
{
    uint64_t size;

    return is_size(value, &size) || !strcmp(value, "-1") ? 0
                                                         : expected("a size such as 1g, or -1", value, err);
}

/* "1.5" as 1500; at most three digits behind the point. */
static bool parse_milli(const char *value, uint64_t *milli)
{
    char digits[24];
    size_t whole = strcspn(value, "."), decimals = value[whole] ? strlen(value + whole + 1) : 0;

    if (whole + 3 >= sizeof digits || decimals > 3 || (value[whole] && !decimals) || !whole)
        return false;
    memcpy(digits, value, whole);
    memcpy(digits + whole, value + whole + 1, decimals);
    memset(digits + whole + decimals, '0', 3 - decimals);
    digits[whole + 3] = '\0';
    return parse_u64(digits, milli) == 0 && *milli >= CPUS_MIN_MILLI && *milli <= CPUS_MAX_MILLI;
}

int sandbox_check_cpus(const char *value, struct error *err)
{
    uint64_t milli;

    return parse_milli(value, &milli) ? 0
                                      : expected("a number of CPUs from 0.01 on, such as 1.5", value, err);
}

int sandbox_check_pids(const char *value, struct error *err)
{
    uint32_t n;

    return parse_u32(value, &n) == 0 && n > 0 ? 0 : expected("a number above 0", value, err);
}

int sandbox_check_io_weight(const char *value, struct error *err)
{
    uint32_t n;

    return parse_u32(value, &n) == 0 && n >= 10 && n <= 1000 ? 0 : expected("10 to 1000", value, err);
}

/* Where each of them stands in linux.resources; an error about it begins with that. */
static const struct row {
    const char *option, *object, *member;
    size_t offset;
    enum { SIZE, CPUS, NUMBER, TEXT } kind;
} rows[] = {
    {"memory", "memory", "limit", offsetof(struct sandbox_limits, memory), SIZE},
    {"memory-swap", "memory", "swap", offsetof(struct sandbox_limits, memory_swap), SIZE},
    {"cpus", "cpu", "quota", offsetof(struct sandbox_limits, cpus), CPUS},
    {"cpuset", "cpu", "cpus", offsetof(struct sandbox_limits, cpuset), TEXT},
    {"pids", "pids", "limit", offsetof(struct sandbox_limits, pids), NUMBER},
    {"io-weight", "blockIO", "weight", offsetof(struct sandbox_limits, io_weight), NUMBER},
};

static const char *given(const struct sandbox_limits *limits, const struct row *row)
{
    return *(const char *const *)(const void *)((const char *)limits + row->offset);
}

static int add(cJSON *object, const struct row *row, const char *value)
{
    uint64_t number = 0;

    if (row->kind == TEXT)
        return json_add_string(object, row->member, value);
    if (row->kind == CPUS) {
        (void)parse_milli(value, &number); /* was checked, as the others were */
        return json_add_u64(object, row->member, number * PERIOD_US / 1000) < 0 ||
                       json_add_u64(object, "period", PERIOD_US) < 0
                   ? -ENOMEM
                   : 0;
    }
    if (row->kind == SIZE && !strcmp(value, "-1"))
        return json_add_i64(object, row->member, -1);
    (void)(row->kind == SIZE ? parse_size(value, &number) : parse_u64(value, &number));
    return json_add_u64(object, row->member, number);
}

/* The one mistake that takes two options. */
static int check_swap(const struct sandbox_limits *limits, struct error *err)
{
    uint64_t memory = 0, both = 0;

    if (!limits->memory_swap || !strcmp(limits->memory_swap, "-1"))
        return 0;
    if (!limits->memory)
        return error_set(err, EINVAL,
                         "--memory-swap \"%s\": expected --memory beside it, since it counts memory "
                         "and swap together",
                         limits->memory_swap);
    (void)parse_size(limits->memory, &memory);
    (void)parse_size(limits->memory_swap, &both);
    return both >= memory
               ? 0
               : error_set(err, EINVAL,
                           "--memory-swap \"%s\": expected at least --memory, \"%s\", since it counts "
                           "memory and swap together",
                           limits->memory_swap, limits->memory);
}

int sandbox_limits_apply(const struct sandbox_limits *limits, cJSON *config, struct error *err)
{
    _cleanup_cjson_ cJSON *resources = cJSON_CreateObject();
    int r = check_swap(limits, err);

    if (r < 0)
        return r;
    for (size_t i = 0; resources && i < ARRAY_SIZE(rows); i++) {
        const char *value = given(limits, &rows[i]);
        if (!value)
            continue;
        cJSON *object = cJSON_GetObjectItemCaseSensitive(resources, rows[i].object);
        if (!object)
            object = cJSON_AddObjectToObject(resources, rows[i].object);
        if (!object || add(object, &rows[i], value) < 0)
            return error_oom(err);
    }
    if (!resources)
        return error_oom(err);
    if (!resources->child)
        return 0;
    cJSON *linux_ = cJSON_GetObjectItemCaseSensitive(config, "linux");
    return json_add_item(linux_, "resources", TAKE_PTR(resources)) < 0 ? error_oom(err) : 0;
}

const char *sandbox_limits_option(const struct sandbox_limits *limits, const char *text, const char **value)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_free_ char *path = str_printf("linux.resources.%s.%s:", rows[i].object, rows[i].member);
        *value = given(limits, &rows[i]);
        if (path && *value && str_starts(text, path))
            return rows[i].option;
    }
    return NULL;
}
