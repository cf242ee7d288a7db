#include "helpers/image/idrange.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

/* The kernel takes at most 340 lines (user_namespaces(7)). */
#define MAP_LIMIT (64 * 1024)

/* One line: first id inside, first id outside, count. */
static int parse_line(char *line, uint32_t *first, uint32_t *count)
{
    char *save = NULL, *word[4] = {0};
    uint32_t outside;

    for (size_t i = 0; i < ARRAY_SIZE(word); i++)
        word[i] = strtok_r(i == 0 ? line : NULL, " \t", &save);
    if (!word[2] || word[3])
        return -EINVAL;
    if (parse_u32(word[0], first) < 0 || parse_u32(word[1], &outside) < 0 || parse_u32(word[2], count) < 0)
        return -EINVAL;
    return 0;
}

int id_ranges_parse(struct id_ranges *r, const char *text)
{
    _cleanup_free_ char *copy = strdup(text);
    char *save = NULL;

    if (!copy)
        return -ENOMEM;
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        void *more = reallocarray(r->range, r->n + 1, sizeof r->range[0]);
        if (!more)
            return -ENOMEM;
        r->range = more;
        if (parse_line(line, &r->range[r->n].first, &r->range[r->n].count) < 0)
            return -EINVAL;
        r->total += r->range[r->n++].count;
    }
    return 0;
}

bool id_ranges_have(const struct id_ranges *r, int64_t id)
{
    for (size_t i = 0; i < r->n; i++)
        if (id >= r->range[i].first && id - r->range[i].first < r->range[i].count)
            return true;
    return false;
}

static int load(const char *path, struct id_ranges *r, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    int k = file_read_at(AT_FDCWD, path, MAP_LIMIT, &text, NULL, err);

    if (k < 0)
        return k;
    k = id_ranges_parse(r, text);
    if (k == -ENOMEM)
        return error_oom(err);
    if (k < 0)
        return error_set(err, EINVAL, "\"%s\": not an id map", path);
    return 0;
}

int ids_load(struct ids *ids, struct error *err)
{
    int r = load("/proc/self/uid_map", &ids->uids, err);

    if (r == 0)
        r = load("/proc/self/gid_map", &ids->gids, err);
    if (r < 0)
        return r;
    ids->uid = geteuid();
    ids->gid = getegid();
    ids->keep = ids->uid == 0 && (ids->uids.total > 1 || ids->gids.total > 1);
    return 0;
}

void ids_free(struct ids *ids)
{
    free(ids->uids.range);
    free(ids->gids.range);
    *ids = (struct ids){0};
}
