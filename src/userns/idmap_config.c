/*
 * The maps that config.json asks for: checked before any process or helper is started, so that the message
 * can name the line of the mapping and what the caller has instead.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "userns/idmap.h"
#include "userns/internal.h"

#define ID_END (1ULL << 32) /* one behind the highest number; the highest itself is no id */

/* Maps that no kernel takes, whoever writes them. user_namespaces(7). */
static int check_shape(enum subid_kind kind, const struct oci_id_map_list *wanted, struct error *err)
{
    const char *member = idmap_member(kind);

    if (!wanted->count)
        return error_set(err, EINVAL, "linux.%s: missing; a user namespace with mappings needs both kinds",
                         member);
    if (wanted->count > IDMAP_LINES_MAX)
        return error_set(err, EINVAL, "linux.%s: %zu mappings, the kernel takes at most %d", member,
                         wanted->count, IDMAP_LINES_MAX);
    for (size_t i = 0; i < wanted->count; i++) {
        const struct oci_id_map *m = &wanted->items[i];
        if (m->size == 0)
            return error_set(err, EINVAL, "linux.%s[%zu].size: expected at least 1, found 0", member, i);
        if (m->container_id + (uint64_t)m->size >= ID_END || m->host_id + (uint64_t)m->size >= ID_END)
            return error_set(err, EINVAL, "linux.%s[%zu]: the range ends beyond the highest id 4294967294",
                             member, i);
        for (size_t j = 0; j < i; j++) {
            const struct oci_id_map *n = &wanted->items[j];
            bool inside = m->container_id < (uint64_t)n->container_id + n->size &&
                          n->container_id < (uint64_t)m->container_id + m->size;
            bool outside =
                m->host_id < (uint64_t)n->host_id + n->size && n->host_id < (uint64_t)m->host_id + m->size;
            if (inside || outside)
                return error_set(err, EINVAL, "linux.%s[%zu]: its %s ids overlap those of linux.%s[%zu]",
                                 member, i, inside ? "container" : "host", member, j);
        }
    }
    return 0;
}

/* "linux.uidMappings[1]: host ids 5-14" */
static void describe_line(struct strbuf *out, enum subid_kind kind, size_t i, const struct oci_id_map *m)
{
    strbuf_addf(out, "linux.%s[%zu]: host ", idmap_member(kind), i);
    if (m->size == 1)
        strbuf_addf(out, "id %u", m->host_id);
    else
        strbuf_addf(out, "ids %u-%u", m->host_id, m->host_id + m->size - 1);
}

static int refuse_not_held(const struct idmap_side *side, size_t i, const struct oci_id_map *m,
                           struct error *err)
{
    _cleanup_strbuf_ struct strbuf line = {0}, held = {0};

    describe_line(&line, side->kind, i, m);
    idmap_describe_held(&held, &side->held);
    if (line.oom || held.oom)
        return error_oom(err);
    error_set(err, EPERM, "%s: not in the user namespace bryo runs in, which holds the %s ids %s", line.data,
              idmap_word(side->kind), held.data);
    error_hint(
        err, "bryo itself runs in a container or a user namespace: choose hostID among the ids it holds, or "
             "leave the mappings out and bryo fills them in");
    return -EPERM;
}

static int refuse_not_delegated(const struct idmap_side *side, size_t i, const struct oci_id_map *m,
                                const char *source, const char *user, struct error *err)
{
    _cleanup_strbuf_ struct strbuf line = {0}, ranges = {0};

    describe_line(&line, side->kind, i, m);
    if (side->ranges.count) {
        strbuf_addf(&ranges, "the %s ids ", idmap_word(side->kind));
        struct strbuf list = {0};
        idmap_describe_ranges(&list, &side->ranges);
        strbuf_add(&ranges, list.data ? list.data : "");
        strbuf_free(&list);
    } else {
        strbuf_addf(&ranges, "no %s ids", idmap_word(side->kind));
    }
    if (line.oom || ranges.oom)
        return error_oom(err);
    if (user)
        error_set(err, EPERM, "%s: \"%s\" may not map %s: %s delegates %s, and the own id is %u", line.data,
                  user, m->size == 1 ? "it" : "them", source, ranges.data, side->own);
    else
        error_set(err, EPERM, "%s: id %u may not map %s: %s delegates %s", line.data, side->own,
                  m->size == 1 ? "it" : "them", source, ranges.data);
    if (m->host_id < 1000)
        error_hint(err,
                   "ids of the host's own accounts are not for containers: leave the mappings out and bryo "
                   "fills in what you have");
    else
        idmap_hint_delegate(err, user, m->host_id, m->size);
    return -EPERM;
}

int idmap_check_config(const struct idmap_side *side, const struct oci_id_map_list *wanted,
                       const char *source, const char *user, bool *helper, struct error *err)
{
    int r = check_shape(side->kind, wanted, err);

    *helper = false;
    if (r < 0)
        return r;
    for (size_t i = 0; i < wanted->count; i++) {
        const struct oci_id_map *m = &wanted->items[i];
        bool own = m->size == 1 && m->host_id == side->own;
        if (!side->privileged && !own && !idmap_is_delegated(&side->ranges, m->host_id, m->size))
            return refuse_not_delegated(side, i, m, source, user, err);
        if (!idmap_is_held(&side->held, m->host_id, m->size))
            return refuse_not_held(side, i, m, err);
        if (!side->privileged && (!own || wanted->count > 1))
            *helper = true;
    }
    return 0;
}

static int copy_list(struct oci_id_map_list *to, const struct oci_id_map_list *from)
{
    to->items = reallocarray(NULL, from->count, sizeof *to->items);
    if (!to->items)
        return -ENOMEM;
    memcpy(to->items, from->items, from->count * sizeof *to->items);
    to->count = from->count;
    return 0;
}

/* One side: checks @wanted, finds the helper if it is needed, copies. */
static int take_side(struct subid_lookup *lookup, enum subid_kind kind, uint64_t caps,
                     const struct oci_id_map_list *wanted, struct oci_id_map_list *out, bool *helper,
                     char **helper_path, struct error *err)
{
    _cleanup_side_ struct idmap_side side = {0};
    int r = idmap_side_read(&side, kind, caps, err);

    if (r < 0)
        return r;
    if (!side.privileged)
        r = subid_lookup(lookup, kind, &side.ranges, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *source = subid_source_text(lookup, kind);
    if (!source)
        return error_oom(err);
    /* The name is for messages, so it may cost nothing while all is well. */
    r = idmap_check_config(&side, wanted, source, NULL, helper, NULL);
    if (r < 0)
        return idmap_check_config(&side, wanted, source, subid_user_name(lookup), helper, err);
    if (*helper) {
        r = idmap_find_helper(kind, helper_path, err);
        if (r < 0) {
            error_prefix(err, "linux.%s", idmap_member(kind));
            return r;
        }
    }
    return copy_list(out, wanted) < 0 ? error_oom(err) : 0;
}

int idmap_from_config(struct idmap *map, const struct oci_id_map_list *uids,
                      const struct oci_id_map_list *gids, struct error *err)
{
    struct subid_lookup lookup = SUBID_LOOKUP_INIT(geteuid());
    uint64_t caps = idmap_capabilities();

    *map = (struct idmap){0};
    int r =
        take_side(&lookup, SUBID_UID, caps, uids, &map->uids, &map->uid_helper, &map->uid_helper_path, err);
    if (r == 0)
        r = take_side(&lookup, SUBID_GID, caps, gids, &map->gids, &map->gid_helper, &map->gid_helper_path,
                      err);
    subid_lookup_free(&lookup);
    if (r < 0) {
        idmap_free(map);
        return r;
    }
    map->deny_setgroups = !map->gid_helper && !idmap_privileged(SUBID_GID, caps);
    return 0;
}
