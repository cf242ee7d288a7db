/*
 * The numbers of a class and of its monitoring, as the member intel_rdt of runc's events.
 *
 * What the processor can't do has no files, and what can't be read is left out: numbers of other kinds are
 * worth telling all the same.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "resctrl/internal.h"

#define FILE_MAX (1U << 20)
#define MON_L3   "mon_L3_" /* a directory of mon_data for each cache of level 3 */

/* The text of a file without its last newline; NULL: it can't be read. The caller frees. */
static char *read_text(const char *dir, const char *name)
{
    _cleanup_free_ char *path = str_printf("%s/%s", dir, name), *text = NULL;

    if (!path || file_read_at(AT_FDCWD, path, FILE_MAX, &text, NULL, NULL) < 0)
        return NULL;
    size_t len = strlen(text);
    if (len && text[len - 1] == '\n')
        text[len - 1] = '\0';
    return TAKE_PTR(text);
}

/* Files of info: numbers but for a mask, which is hexadecimal and told as it is. */
static int add_info(cJSON *json, const char *root, const char *member, const char *resource,
                    const char *const *files)
{
    _cleanup_cjson_ cJSON *info = cJSON_CreateObject();
    _cleanup_free_ char *dir = str_printf("%s/info/%s", root, resource);

    if (!info || !dir)
        return -ENOMEM;
    for (; *files; files++) {
        _cleanup_free_ char *text = read_text(dir, *files);
        uint64_t n;
        if (!text)
            continue;
        int r = strcmp(*files, "cbm_mask") == 0 ? json_add_string(info, *files, text)
                : parse_u64(text, &n) == 0      ? json_add_u64(info, *files, n)
                                                : 0;
        if (r < 0)
            return r;
    }
    return info->child ? json_add_item(json, member, TAKE_PTR(info)) : 0;
}

/* The lines of a file schemata; those of @resource go to @member, too. *all may be NULL. */
static int add_schema(cJSON *json, const char *dir, const char *l3, const char *mem_bw, cJSON *all)
{
    _cleanup_free_ char *text = read_text(dir, "schemata");
    char *save = NULL;

    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
        line += strspn(line, " \t");
        const char *member = str_starts(line, "L3:") ? l3 : str_starts(line, "MB:") ? mem_bw : NULL;
        if (member && json_add_string(json, member, line) < 0)
            return -ENOMEM;
        cJSON *copy = all ? cJSON_CreateString(line) : NULL;
        if (all && (!copy || !cJSON_AddItemToArray(all, copy))) {
            cJSON_Delete(copy);
            return -ENOMEM;
        }
    }
    return 0;
}

/* Counters of one cache. "Unavailable" is one that counts nothing just now, and left out. */
static cJSON *read_counters(const char *dir, const char *const *files)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();

    for (; json && *files; files++) {
        _cleanup_free_ char *text = read_text(dir, *files);
        uint64_t n;
        if (text && parse_u64(text, &n) == 0 && json_add_u64(json, *files, n) < 0)
            return NULL;
    }
    return TAKE_PTR(json);
}

static int is_cache(const struct dirent *e)
{
    return str_starts(e->d_name, MON_L3);
}

struct names {
    struct dirent **items;
    int count;
};

static void names_free(struct names *n)
{
    for (int i = 0; i < n->count; i++)
        free(n->items[i]);
    free(n->items);
}

/* One element a cache, in the order of their numbers. Without any file nothing is added. */
static int add_counters(cJSON *json, const char *group, const char *member, const char *const *files)
{
    __attribute__((cleanup(names_free))) struct names caches = {NULL, 0};
    _cleanup_free_ char *data = str_printf("%s/mon_data", group);
    _cleanup_cjson_ cJSON *list = cJSON_CreateArray();
    bool any = false;

    if (!data || !list)
        return -ENOMEM;
    int n = scandir(data, &caches.items, is_cache, alphasort);
    if (n < 0)
        return errno == ENOMEM ? -ENOMEM : 0;
    caches.count = n;
    for (int i = 0; i < n; i++) {
        _cleanup_free_ char *dir = str_printf("%s/%s", data, caches.items[i]->d_name);
        cJSON *one = dir ? read_counters(dir, files) : NULL;
        any |= one && one->child;
        if (!one || !cJSON_AddItemToArray(list, one)) {
            cJSON_Delete(one);
            return -ENOMEM;
        }
    }
    return any ? json_add_item(json, member, TAKE_PTR(list)) : 0;
}

static int fill(const struct resctrl *r, const char *root, cJSON *json)
{
    static const char *const l3[] = {"cbm_mask", "min_cbm_bits", "num_closids", NULL};
    static const char *const mb[] = {"bandwidth_gran", "delay_linear", "min_bandwidth", "num_closids", NULL};
    static const char *const cmt[] = {"llc_occupancy", NULL};
    static const char *const mbm[] = {"mbm_total_bytes", "mbm_local_bytes", NULL};
    /* A class that others are in as well counts what is not the container's. */
    const char *counts = r->monitor ? r->monitor : r->own ? r->group : NULL;
    _cleanup_cjson_ cJSON *lines = cJSON_CreateArray();

    if (!lines || add_info(json, root, "l3_cache_info", "L3", l3) < 0 ||
        add_schema(json, root, "l3_cache_schema_root", "mem_bw_schema_root", NULL) < 0 ||
        add_schema(json, r->group, "l3_cache_schema", "mem_bw_schema", lines) < 0 ||
        add_info(json, root, "mem_bw_info", "MB", mb) < 0)
        return -ENOMEM;
    if (lines->child && json_add_item(json, "schemata", TAKE_PTR(lines)) < 0)
        return -ENOMEM;
    if (counts && (add_counters(json, counts, "mbm_stats", mbm) < 0 ||
                   add_counters(json, counts, "cmt_stats", cmt) < 0))
        return -ENOMEM;
    return 0;
}

int resctrl_stats(const struct resctrl *r, const char *mountinfo, cJSON **out, struct error *err)
{
    _cleanup_free_ char *root = NULL;
    _cleanup_cjson_ cJSON *json = NULL;

    *out = NULL;
    if (!r->group)
        return 0;
    int ret = resctrl_find_root(mountinfo, &root, err);
    if (ret == -ENOTSUP) { /* it was unmounted since, and all classes with it */
        error_clear(err);
        return 0;
    }
    if (ret < 0)
        return ret;
    json = cJSON_CreateObject();
    if (!json || fill(r, root, json) < 0)
        return error_oom(err);
    *out = TAKE_PTR(json);
    return 0;
}
