/*
 * Id maps, from the files to the arguments of newuidmap. The input is four texts with percent signs between
 * them: a subid file, the uid_map of the own namespace, lines "CONTAINER HOST SIZE" as config.json has them,
 * and a word whose first letter says who asks (p: privileged).
 */
#include "userns/idmap.h"
#include "base/str.h"
#include "fuzz.h"
#include "oci/config.h"
#include "userns/internal.h"
#include "userns/subid_internal.h"

#define OWN 1000

static void free_list(struct oci_id_map_list *list)
{
    free(list->items);
}

/* Is the id in one of the ranges? */
static bool among(const struct oci_id_map_list *held, uint64_t id)
{
    for (size_t i = 0; i < held->count; i++)
        if (id >= held->items[i].container_id && id - held->items[i].container_id < held->items[i].size)
            return true;
    return false;
}

static bool delegated(const struct subid_ranges *ranges, uint64_t id)
{
    for (size_t i = 0; i < ranges->count; i++)
        if (id >= ranges->items[i].start && id - ranges->items[i].start < ranges->items[i].count)
            return true;
    return false;
}

static bool overlap(uint64_t a, uint64_t n, uint64_t b, uint64_t m)
{
    return a < b + m && b < a + n;
}

/* A map that the kernel can have: what it checked when it was written, and the own id is there. */
static bool possible(const struct oci_id_map_list *held)
{
    for (size_t i = 0; i < held->count; i++) {
        const struct oci_id_map *m = &held->items[i];
        if (!m->size || (uint64_t)m->container_id + m->size > UINT32_MAX ||
            (uint64_t)m->host_id + m->size > UINT32_MAX)
            return false;
        for (size_t j = 0; j < i; j++) {
            const struct oci_id_map *o = &held->items[j];
            if (overlap(m->container_id, m->size, o->container_id, o->size) ||
                overlap(m->host_id, m->size, o->host_id, o->size))
                return false;
        }
    }
    return held->count <= IDMAP_LINES_MAX && among(held, OWN);
}

/* What the kernel and newuidmap demand of a map, the slow way: the ends of each line tell for the whole of it
 * wherever the ranges are not cut. */
static void check_map(const struct idmap_side *side, const struct oci_id_map_list *map, bool helper)
{
    must(map->count <= IDMAP_LINES_MAX, "%zu lines", map->count);
    for (size_t i = 0; i < map->count; i++) {
        const struct oci_id_map *m = &map->items[i];
        uint64_t host = m->host_id, end = host + m->size;
        must(m->size > 0, "line %zu is empty", i);
        must(end <= UINT64_C(1) << 32 && (uint64_t)m->container_id + m->size <= UINT64_C(1) << 32,
             "line %zu is too long", i);
        must(among(&side->held, host) && among(&side->held, end - 1),
             "line %zu: the namespace has not %u-%llu", i, m->host_id, (unsigned long long)end - 1);
        if (!side->privileged && !(m->size == 1 && host == side->own))
            must(helper && delegated(&side->ranges, host) && delegated(&side->ranges, end - 1),
                 "line %zu: nobody delegated %u-%llu", i, m->host_id, (unsigned long long)end - 1);
        for (size_t j = 0; j < i; j++) {
            const struct oci_id_map *o = &map->items[j];
            must(!overlap(m->container_id, m->size, o->container_id, o->size) &&
                     !overlap(m->host_id, m->size, o->host_id, o->size),
                 "lines %zu and %zu overlap", j, i);
        }
    }
}

/* As the kernel gets it, and back. */
static void check_format(const struct oci_id_map_list *map)
{
    _cleanup_(free_list) struct oci_id_map_list again = {0};
    _cleanup_strbuf_ struct strbuf text = {0};

    idmap_format(map, &text);
    must(!text.oom, "memory");
    must(idmap_parse(text.data ? text.data : "", &again) == 0, "not read again: %s", text.data);
    must(again.count == map->count, "%zu lines of %zu", again.count, map->count);
    for (size_t i = 0; i < map->count; i++) {
        const struct oci_id_map *a = &map->items[i], *b = &again.items[i];
        must(a->container_id == b->container_id && a->host_id == b->host_id && a->size == b->size,
             "line %zu differs", i);
        uint32_t host;
        must(idmap_to_host(map, a->container_id, &host) == 0 && host == a->host_id,
             "line %zu leads elsewhere", i);
    }
}

static void read_wanted(const char *text, struct oci_id_map_list *out)
{
    unsigned long c, h, n;
    int used;

    while (out->count < 400 && sscanf(text, "%lu %lu %lu%n", &c, &h, &n, &used) == 3) {
        must(idmap_add(out, (uint32_t)c, (uint32_t)h, (uint32_t)n) == 0, "memory");
        text += used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *subid = next_piece(&data, &size), *held = next_piece(&data, &size),
                        *config = next_piece(&data, &size), *who = next_piece(&data, &size);
    _cleanup_side_ struct idmap_side side = {
        .kind = who[0] == 'g' ? SUBID_GID : SUBID_UID, .own = OWN, .privileged = who[0] == 'p'};
    _cleanup_(free_list) struct oci_id_map_list computed = {0}, wanted = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    char *names[] = {"alice", NULL};
    bool others = false, helper = false;
    int r = subid_parse("subuid", subid, names, OWN, &side.ranges, &others, &err);

    if (r < 0)
        must_explain(r, &err);
    for (size_t i = 0; i < side.ranges.count; i++)
        must(side.ranges.items[i].count > 0 &&
                 side.ranges.items[i].start + side.ranges.items[i].count <= UINT64_C(1) << 32,
             "range %zu", i);
    if (idmap_parse(held, &side.held) < 0 || !possible(&side.held))
        return 0;
    must(idmap_compute(&side, &computed) == 0, "memory");
    check_map(&side, &computed, true);
    check_format(&computed);
    read_wanted(config, &wanted);
    error_clear(&err);
    r = idmap_check_config(&side, &wanted, "/etc/subuid", "alice", &helper, &err);
    if (r < 0) {
        must_explain(r, &err);
    } else {
        check_map(&side, &wanted, helper);
        check_format(&wanted);
    }
    return 0;
}
