/*
 * What the files of this floor share, and its tests reach: the pure part of id maps, one side (uids or gids)
 * at a time, with everything it depends on handed in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "oci/config.h"
#include "userns/subid.h"

/* Lines a map may have since Linux 4.15. */
#define IDMAP_LINES_MAX 340

/* One kind of id as the caller has it. */
struct idmap_side {
    enum subid_kind kind;
    uint32_t own;    /* effective uid or gid */
    bool privileged; /* CAP_SETUID or CAP_SETGID in effect: may map all that the namespace holds */
    struct oci_id_map_list held; /* own namespace's map: container_id is the first id as we see it */
    struct subid_ranges ranges;  /* delegated by subid files; not looked at when privileged */
};
void idmap_side_free(struct idmap_side *side);
#define _cleanup_side_ __attribute__((cleanup(idmap_side_free)))

/* Words for messages. */
const char *idmap_word(enum subid_kind kind);    /* "user" or "group" */
const char *idmap_program(enum subid_kind kind); /* "newuidmap" or "newgidmap" */
const char *idmap_member(enum subid_kind kind);  /* "uidMappings" or "gidMappings" */

/* Parses the text of a uid_map or gid_map file. Returns 0, -EINVAL or -ENOMEM. */
int idmap_parse(const char *text, struct oci_id_map_list *out);

/* Appends a line. Returns 0 or -ENOMEM. */
int idmap_add(struct oci_id_map_list *list, uint32_t container_id, uint32_t host_id, uint32_t size);

/* Are all ids from @start on, @count of them, in the namespace / in the ranges (in several adjoining ones
 * together)? */
bool idmap_is_held(const struct oci_id_map_list *held, uint64_t start, uint64_t count);
bool idmap_is_delegated(const struct subid_ranges *ranges, uint64_t start, uint64_t count);

/* Adds "100000-165535, 200000-200009" to @out, or "none". */
void idmap_describe_held(struct strbuf *out, const struct oci_id_map_list *held);
void idmap_describe_ranges(struct strbuf *out, const struct subid_ranges *ranges);

/* The default map of one side: with privilege all that is held, one to one; else the own id as 0 and behind
 * it what is both delegated and held, without overlaps. Returns 0 or -ENOMEM. */
int idmap_compute(const struct idmap_side *side, struct oci_id_map_list *out);

/* The map as the kernel wants it, "INSIDE OUTSIDE COUNT\n" for each line. */
void idmap_format(const struct oci_id_map_list *list, struct strbuf *out);

/* Checks the maps of config.json for one side. *helper: newuidmap or newgidmap is needed. @source: name of
 * what the ranges come from, for messages; @user: the user's name, may be NULL. */
int idmap_check_config(const struct idmap_side *side, const struct oci_id_map_list *wanted,
                       const char *source, const char *user, bool *helper, struct error *err);

/* Finds newuidmap or newgidmap in PATH and checks that it will have the rights it needs. Returns 0 with *path
 * (the caller frees), or a negative errno with @problem telling what is missing and what mends it. */
int idmap_find_helper(enum subid_kind kind, char **path, struct error *problem);
/* The same with PATH given. */
int idmap_find_helper_in(enum subid_kind kind, const char *search, char **path, struct error *problem);

/* The hint that gives @user (NULL: unknown) @count subordinate ids from @start on. */
int idmap_hint_delegate(struct error *err, const char *user, uint64_t start, uint64_t count);

/* Reads what the calling process has on one side, without its ranges. @caps: from idmap_capabilities. */
int idmap_side_read(struct idmap_side *side, enum subid_kind kind, uint64_t caps, struct error *err);

/* The caller's effective capabilities as bits. */
uint64_t idmap_capabilities(void);

/* Do these capabilities let the caller map all ids of @kind that its namespace holds? */
bool idmap_privileged(enum subid_kind kind, uint64_t caps);

/* Reads an integer from a file of /proc/sys: -1 if it is not there. */
int64_t userns_sysctl(const char *path);
