/*
 * Intel RDT and AMD QoS: shares of caches and of memory bandwidth, through the resctrl file system of the
 * kernel. config-linux.md#intelrdt of the OCI runtime specification; Documentation/filesystems/resctrl.rst of
 * Linux.
 *
 * Theory of operation. A class of service is a directory of resctrl with a file `schemata` for what its tasks
 * may use and a file `tasks` for who they are. A container is in one class: in one of its own, named after
 * it, which goes away with it; or in the one that closID names, which stays. A monitoring group is a
 * directory below a class that counts what its tasks use; it is always the container's own. Children are
 * where their parents are.
 *
 * This is no part of cgroup/: it is no manager, a container has it whatever the manager is, and nothing of it
 * is shared with cgroups but that it is made of directories.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "oci/config.h"

/* A container's place. All strings are absolute paths. */
struct resctrl {
    char *group;   /* its class; NULL: it has none. Owned */
    char *monitor; /* its monitoring group; NULL: none. Owned */
    bool own;      /* the class is the container's alone, and is removed with it */
    bool fresh;    /* the class was made by this call: removed if the call fails */
};

/* Finds resctrl in @mountinfo (a path: /proc/self/mountinfo) and checks all that can be checked without an
 * effect.
 * @rdt NULL: *out is empty. @id: the container's. Errors: -ENOTSUP without a resctrl; -EINVAL for names that
 * can't be, and where a class that is there is another than the one asked for; -EEXIST; -ENOENT; they name
 * the property. */
int resctrl_plan(struct resctrl *out, const char *mountinfo, const struct oci_intel_rdt *rdt, const char *id,
                 struct error *err);

/* Makes what is not there, and writes the schemata. After a failure resctrl_remove takes away what was made,
 * and nothing else. */
int resctrl_make(struct resctrl *r, const struct oci_intel_rdt *rdt, struct error *err);

/* Puts the process @pid there. Nothing to do without a class. */
int resctrl_enter(const struct resctrl *r, pid_t pid, struct error *err);

/* Writes lines to the schemata; NULL: left out. @l3 and @mem_bw are the values of --l3-cache-schema and
 * --mem-bw-schema. */
int resctrl_update(const struct resctrl *r, const char *l3, const char *mem_bw, struct error *err);

/* Removes the monitoring group, and the class if it is the container's own or fresh. What is gone is fine. */
int resctrl_remove(const struct resctrl *r, struct error *err);

/* The numbers of the class and, of the container's own or where it has a monitoring group, what is counted
 * there: the member intel_rdt of runc's events, with the lines of schemata as l3_cache_schema, mem_bw_schema
 * and schemata, the root's beside them, info/ as l3_cache_info and mem_bw_info, and an element a cache in
 * mbm_stats (bytes) and cmt_stats (bytes). *out is NULL without a class; the caller frees it. */
int resctrl_stats(const struct resctrl *r, const char *mountinfo, cJSON **out, struct error *err);

void resctrl_free(struct resctrl *r);

/* Does @file, the text of a file schemata, say all that @lines say? Numbers are compared as such, and only
 * for the ids that are named: "L3:0=f" is met by "    L3:0=000f;1=7ff". Else false. */
bool schemata_include(const char *file, const char *lines);
