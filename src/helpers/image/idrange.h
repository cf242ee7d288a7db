/*
 * Which owners can be given: the ids that this user namespace maps (/proc/self/uid_map, /proc/self/gid_map).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct id_ranges {
    struct {
        uint32_t first, count;
    } * range; /* owned */
    size_t n;
    uint64_t total; /* ids in all of them */
};

struct ids {
    struct id_ranges uids, gids;
    bool keep; /* owners are given away at all: we are uid 0, and more than one id is mapped */
    uid_t uid; /* what new files belong to */
    gid_t gid;
};

/* Parses the text of a map file of user_namespaces(7). Returns 0, -EINVAL or -ENOMEM. */
int id_ranges_parse(struct id_ranges *r, const char *text);
bool id_ranges_have(const struct id_ranges *r, int64_t id);

/* Reads the maps of this process. Must come before it is confined. */
int ids_load(struct ids *ids, struct error *err);
void ids_free(struct ids *ids);
#define _cleanup_ids_ __attribute__((cleanup(ids_free)))
