/*
 * The arithmetic of id maps: no system calls here.
 *
 * Three sets meet. What is delegated to the user (subuid), what the user namespace we are in holds at all (in
 * a nested one often less than the subuid file of the image promises), and what is used already, for the
 * kernel refuses maps whose lines overlap. Numbers are 64 bits wide, because ends may be 2^32.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "userns/idmap.h"
#include "userns/internal.h"

/* The kernel takes a map in one write of less than a page. */
#define MAP_TEXT_MAX 4000

static const struct {
    const char *word, *program, *member;
} words[] = {
    [SUBID_UID] = {"user", "newuidmap", "uidMappings"},
    [SUBID_GID] = {"group", "newgidmap", "gidMappings"},
};

const char *idmap_word(enum subid_kind kind)
{
    return words[kind].word;
}

const char *idmap_program(enum subid_kind kind)
{
    return words[kind].program;
}

const char *idmap_member(enum subid_kind kind)
{
    return words[kind].member;
}

void idmap_side_free(struct idmap_side *side)
{
    free(side->held.items);
    free(side->ranges.items);
    side->held = (struct oci_id_map_list){0};
    side->ranges = (struct subid_ranges){0};
}

int idmap_add(struct oci_id_map_list *list, uint32_t container_id, uint32_t host_id, uint32_t size)
{
    struct oci_id_map *grown = reallocarray(list->items, list->count + 1, sizeof *grown);

    if (!grown)
        return -ENOMEM;
    list->items = grown;
    list->items[list->count++] = (struct oci_id_map){container_id, host_id, size};
    return 0;
}

int idmap_parse(const char *text, struct oci_id_map_list *out)
{
    struct oci_id_map_list list = {0};
    int r = 0;

    for (const char *p = text; *p && r == 0;) {
        unsigned inside, outside, size;
        int used = 0;
        if (sscanf(p, "%u %u %u%n", &inside, &outside, &size, &used) != 3 || (p[used] && p[used] != '\n')) {
            r = -EINVAL;
            break;
        }
        r = idmap_add(&list, inside, outside, size);
        p += used;
        p += *p == '\n';
    }
    if (r < 0) {
        free(list.items);
        return r;
    }
    *out = list;
    return 0;
}

int idmap_to_host(const struct oci_id_map_list *list, uint32_t container_id, uint32_t *host_id)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct oci_id_map *m = &list->items[i];
        if (container_id >= m->container_id && container_id - m->container_id < m->size) {
            *host_id = m->host_id + (container_id - m->container_id);
            return 0;
        }
    }
    return -ERANGE;
}

/* How far the ids from @id on go in one line of the namespace's map: its end, or 0 if @id is not there. */
static uint64_t held_until(const struct oci_id_map_list *held, uint64_t id)
{
    for (size_t i = 0; i < held->count; i++) {
        const struct oci_id_map *m = &held->items[i];
        if (id >= m->container_id && id < (uint64_t)m->container_id + m->size)
            return (uint64_t)m->container_id + m->size;
    }
    return 0;
}

static uint64_t delegated_until(const struct subid_ranges *ranges, uint64_t id)
{
    for (size_t i = 0; i < ranges->count; i++)
        if (id >= ranges->items[i].start && id < ranges->items[i].start + ranges->items[i].count)
            return ranges->items[i].start + ranges->items[i].count;
    return 0;
}

bool idmap_is_held(const struct oci_id_map_list *held, uint64_t start, uint64_t count)
{
    for (uint64_t id = start; id < start + count;) {
        uint64_t end = held_until(held, id);
        if (!end)
            return false;
        id = end;
    }
    return true;
}

bool idmap_is_delegated(const struct subid_ranges *ranges, uint64_t start, uint64_t count)
{
    for (uint64_t id = start; id < start + count;) {
        uint64_t end = delegated_until(ranges, id);
        if (!end)
            return false;
        id = end;
    }
    return true;
}

static void describe(struct strbuf *out, uint64_t start, uint64_t count)
{
    if (out->len)
        strbuf_add(out, ", ");
    if (count == 1)
        strbuf_addf(out, "%llu", (unsigned long long)start);
    else
        strbuf_addf(out, "%llu-%llu", (unsigned long long)start, (unsigned long long)(start + count - 1));
}

void idmap_describe_held(struct strbuf *out, const struct oci_id_map_list *held)
{
    for (size_t i = 0; i < held->count; i++)
        describe(out, held->items[i].container_id, held->items[i].size);
    if (!held->count)
        strbuf_add(out, "none");
}

void idmap_describe_ranges(struct strbuf *out, const struct subid_ranges *ranges)
{
    for (size_t i = 0; i < ranges->count; i++)
        describe(out, ranges->items[i].start, ranges->items[i].count);
    if (!ranges->count)
        strbuf_add(out, "none");
}

/* Where the first line of @list that holds an id of [start, end) begins and ends there; false if none does.
 */
static bool first_overlap(const struct oci_id_map_list *list, uint64_t start, uint64_t end, uint64_t *from,
                          uint64_t *to)
{
    bool found = false;

    for (size_t i = 0; i < list->count; i++) {
        uint64_t a = list->items[i].host_id, b = a + list->items[i].size;
        if (a >= end || b <= start)
            continue;
        if (!found || a < *from) {
            *from = a;
            *to = b;
        }
        found = true;
    }
    return found;
}

/* Appends what of [start, end) no line of @out has yet. */
static int add_unused(struct oci_id_map_list *out, uint64_t start, uint64_t end, uint64_t *next)
{
    while (start < end) {
        uint64_t from = end, to = end;
        if (first_overlap(out, start, end, &from, &to) && from <= start) {
            start = to;
            continue;
        }
        uint64_t size = from - start;
        if (*next + size > UINT32_MAX) /* the last number is no id */
            size = UINT32_MAX - *next;
        if (size == 0 || out->count >= IDMAP_LINES_MAX)
            return 0;
        int r = idmap_add(out, (uint32_t)*next, (uint32_t)start, (uint32_t)size);
        if (r < 0)
            return r;
        *next += size;
        start = to;
    }
    return 0;
}

static int compute_delegated(const struct idmap_side *side, struct oci_id_map_list *out)
{
    uint64_t next = 1;
    int r = idmap_add(out, 0, side->own, 1);

    for (size_t i = 0; i < side->ranges.count && r == 0; i++) {
        uint64_t start = side->ranges.items[i].start, end = start + side->ranges.items[i].count;
        for (size_t j = 0; j < side->held.count && r == 0; j++) {
            uint64_t a = side->held.items[j].container_id, b = a + side->held.items[j].size;
            r = add_unused(out, start > a ? start : a, end < b ? end : b, &next);
        }
    }
    return r;
}

int idmap_compute(const struct idmap_side *side, struct oci_id_map_list *out)
{
    struct oci_id_map_list list = {0};
    int r = 0;

    if (side->privileged) {
        for (size_t i = 0; i < side->held.count && r == 0; i++)
            r = idmap_add(&list, side->held.items[i].container_id, side->held.items[i].container_id,
                          side->held.items[i].size);
    } else {
        r = compute_delegated(side, &list);
    }
    /* Lines that would not fit into the one write: the last ones are given up. */
    for (_cleanup_strbuf_ struct strbuf text = {0}; r == 0; list.count--) {
        text.len = 0;
        idmap_format(&list, &text);
        if (text.oom)
            r = -ENOMEM;
        else if (text.len <= MAP_TEXT_MAX)
            break;
    }
    if (r < 0) {
        free(list.items);
        return r;
    }
    *out = list;
    return 0;
}

void idmap_format(const struct oci_id_map_list *list, struct strbuf *out)
{
    for (size_t i = 0; i < list->count; i++)
        strbuf_addf(out, "%u %u %u\n", list->items[i].container_id, list->items[i].host_id,
                    list->items[i].size);
}
