/*
 * See stats.h.
 */
#include "cgroup/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "cgroup/v2_internal.h"

char *stats_text(int dirfd, const char *file)
{
    char *text = NULL;

    return v2_read(dirfd, "", file, &text, NULL) < 0 ? NULL : text;
}

uint64_t stats_number(int dirfd, const char *file)
{
    _cleanup_free_ char *text = stats_text(dirfd, file);
    uint64_t value = 0;

    if (!text)
        return 0;
    text[strcspn(text, "\n")] = '\0';
    if (strcmp(text, "max") == 0)
        return UINT64_MAX;
    return parse_u64(text, &value) < 0 ? 0 : value;
}

uint64_t stats_key(const char *text, const char *key)
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

int stats_add_psi(cJSON *object, int dirfd, const char *file)
{
    _cleanup_free_ char *text = stats_text(dirfd, file);
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

int stats_add_list(cJSON *object, const char *name, int dirfd, const char *file)
{
    enum { LIST_MAX = 1 << 16 };
    _cleanup_free_ char *text = stats_text(dirfd, file);
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

int stats_add_usage(cJSON *object, const char *name, struct stats_usage u)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();

    if (!json || json_add_u64(json, "limit", u.limit) < 0 || json_add_u64(json, "usage", u.usage) < 0 ||
        json_add_u64(json, "max", u.max) < 0 || json_add_u64(json, "failcnt", u.failcnt) < 0)
        return -ENOMEM;
    return json_add_item(object, name, TAKE_PTR(json));
}

int stats_add_raw(cJSON *object, const char *stat)
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

int stats_add_io(cJSON *list, unsigned major, unsigned minor, const char *op, uint64_t value)
{
    _cleanup_cjson_ cJSON *entry = cJSON_CreateObject();

    if (!entry || json_add_u64(entry, "major", major) < 0 || json_add_u64(entry, "minor", minor) < 0 ||
        json_add_string(entry, "op", op) < 0 || json_add_u64(entry, "value", value) < 0 ||
        !cJSON_AddItemToArray(list, entry))
        return -ENOMEM;
    entry = NULL; /* the list has it */
    return 0;
}
