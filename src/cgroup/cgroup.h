/*
 * Cgroups: one interface, and a manager behind it for each way to make them.
 *
 * Theory of operation. A manager is a table of functions and knows no container: what it needs comes in a
 * request, and what it made is a `struct cgroup`, a manager and a path, which the caller keeps on disk and
 * opens again at the next call. Whoever uses a cgroup calls the functions below, never the table; a member
 * that a manager leaves NULL is what it can't do, and is told in one place and one wording.
 *
 * There is one manager in this version, "disabled" (none.c): containers stay in the cgroup of the caller, and
 * all that needs a cgroup of their own is an error. A new manager is a file with its table, and a line in
 * cgroup.c, at the place where `auto` is to try it.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "oci/config.h"

struct cgroup_manager;

struct cgroup {
    const struct cgroup_manager *manager; /* NULL: the same as "disabled" */
    char *path; /* as its manager names it, also after a restart of everything else; NULL: none. Owned */
};

/* What a container asks for; all of it is borrowed. */
struct cgroup_request {
    const char *id;
    const char *path;                      /* linux.cgroupsPath; NULL: the manager chooses */
    const struct oci_resources *resources; /* linux.resources; NULL: no limits */
    const struct oci_map *annotations;     /* those for the manager among them: org.systemd.property.* … */
    const struct oci_id_map_list
        *uid_mappings; /* of its user namespace, empty: none; its id 0 owns what is */
    const struct oci_id_map_list *gid_mappings; /* delegated to it */
    pid_t pid;                                  /* the container's init: goes into the cgroup */
};

/* All functions return 0 (or what is said) or a negative errno with @err filled; they are never called for a
 * cgroup of another manager. What a caller may rely on is documented at the functions below. */
struct cgroup_manager {
    const char *name;                /* as in --cgroup-manager, state.json and messages */
    int (*probe)(struct error *why); /* can the caller use it here? Tried by `auto`, changes nothing */
    int (*create)(struct cgroup *cg, const struct cgroup_request *req,
                  struct error *err); /* fills cg->path */
    int (*enter)(const struct cgroup *cg, const char *sub, pid_t pid, struct error *err);
    int (*update)(const struct cgroup *cg, const struct oci_resources *resources, struct error *err);
    int (*freeze)(const struct cgroup *cg, bool frozen, struct error *err);
    int (*is_frozen)(const struct cgroup *cg);
    int (*stats)(const struct cgroup *cg, cJSON **data, struct error *err);
    int (*oom_open)(const struct cgroup *cg, struct error *err);
    int (*oom_count)(const struct cgroup *cg, int fd, uint64_t *count, struct error *err);
    int (*processes)(const struct cgroup *cg, int (*each)(void *data, pid_t pid), void *data,
                     struct error *err);
    int (*kill)(const struct cgroup *cg, int sig, struct error *err);
    int (*destroy)(const struct cgroup *cg, struct error *err);
};

/* The manager of that name; NULL or "auto": the first whose probe succeeds, which is "disabled" at the
 * latest. -EINVAL for a name that nobody has. *out is static storage. */
int cgroup_manager_find(const char *name, const struct cgroup_manager **out, struct error *err);

/* The cgroup of a container that exists, from what was kept of it: both may be NULL. Nothing is looked at.
 * The caller frees with cgroup_free. -EINVAL for a manager that this version does not have. */
int cgroup_open(struct cgroup *cg, const char *manager, const char *path, struct error *err);
void cgroup_free(struct cgroup *cg);
#define _cleanup_cgroup_ __attribute__((cleanup(cgroup_free)))

/* Makes a cgroup with its limits and puts the process into it. On failure nothing is left. A manager without
 * cgroups has nothing to do. cg->manager is set by the caller. */
int cgroup_create(struct cgroup *cg, const struct cgroup_request *req, struct error *err);
/* Removes it; one that is gone is fine, as is a manager without cgroups. All processes have ended. */
int cgroup_destroy(const struct cgroup *cg, struct error *err);

/* Is there one at all? False with a manager that makes none. */
bool cgroup_exists(const struct cgroup *cg);

/* The rest fails with -EOPNOTSUPP and `it has no cgroup (cgroup manager "disabled")` where there is none: the
 * caller puts before it what could not be done with which container. */

/* Puts one more process into it, or with @sub into a cgroup below it. */
int cgroup_enter(const struct cgroup *cg, const char *sub, pid_t pid, struct error *err);
/* Changes the limits that @resources has; what it leaves out stays. */
int cgroup_update(const struct cgroup *cg, const struct oci_resources *resources, struct error *err);
/* Stops all processes, or lets them go on, and returns when that is so. Neither minds that it is so already.
 */
int cgroup_freeze(const struct cgroup *cg, bool frozen, struct error *err);
/* 1 or 0; without a cgroup, or when it can't be found out, 0. */
int cgroup_is_frozen(const struct cgroup *cg);
/* Its numbers now, as the member `data` of an event of type stats: cpu, cpuset, memory, pids, blkio, hugetlb
 * … The caller frees *data. */
int cgroup_stats(const struct cgroup *cg, cJSON **data, struct error *err);
/* A descriptor that poll(2) reports as readable when the OOM killer may have struck. cgroup_oom_count makes
 * it quiet again and tells how often it struck so far (@fd -1: only tells). Returns the descriptor, which the
 * caller closes. */
int cgroup_oom_open(const struct cgroup *cg, struct error *err);
int cgroup_oom_count(const struct cgroup *cg, int fd, uint64_t *count, struct error *err);
/* Calls @each for every process, with cgroups below; stops at a result that is not 0 and returns it. */
int cgroup_processes(const struct cgroup *cg, int (*each)(void *data, pid_t pid), void *data,
                     struct error *err);
/* A signal to every process: with SIGKILL none is left out that forks meanwhile. */
int cgroup_kill(const struct cgroup *cg, int sig, struct error *err);

extern const struct cgroup_manager cgroup_none;
