/*
 * Cgroups: one interface, and a manager behind it for each way to make them.
 *
 * Theory of operation. A manager is a table of functions and knows no container: what it needs comes in a
 * request, and what it made is a `struct cgroup`, a manager and a path, which the caller keeps on disk and
 * opens again at the next call. Whoever uses a cgroup calls the functions below, never the table; a member
 * that a manager leaves NULL is what it can't do, and is told in one place and one wording.
 *
 * Making one takes three steps. `plan` finds the manager and the place, and fails for what can't be had while
 * nothing exists. `make`, before the container's init is cloned, makes the cgroup and sets its limits, and
 * may give a directory to clone init into: the kernel moves a process that runs for milliseconds, and places
 * a new one for nothing. `attach`, behind the clone, is for managers that need the process.
 *
 * The managers: "cgroupfs" writes the files of cgroup2 (v2*.c) or of cgroup v1, whichever /sys/fs/cgroup is;
 * "disabled" (none.c) makes none, and containers stay in the cgroup of the caller. A new manager is a file
 * with its table, and a line in cgroup.c.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/log.h"
#include "oci/config.h"

struct cgroup_manager;
struct device_rules;

struct cgroup {
    const struct cgroup_manager *manager; /* NULL: the same as "disabled" */
    char *path;     /* as its manager names it, also after a restart of everything else; NULL: none. Owned */
    unsigned which; /* between plan and make: the controllers whose limits are set (internal.h) */
    void *pending;  /* the manager's, between attach and await */
    bool below_own; /* between plan and make: it lies right below the caller's own */
};

/* What becomes of limits that can't be set: an error, a warning each, or none is wanted. Device rules are no
 * limits. */
enum cgroup_limits { LIMITS_REQUIRE, LIMITS_TRY, LIMITS_OFF };

/* Annotations that are carried out here: a cgroup below that of the unit (systemd.h), and one below the
 * container's, for its processes, that belongs to the container. */
#define CGROUP_SUBGROUP "run.oci.systemd.subgroup"
#define CGROUP_DELEGATE "run.oci.delegate-cgroup"

/* What a container asks for; all of it is borrowed. */
struct cgroup_request {
    const char *id;
    const char *path;                      /* linux.cgroupsPath; NULL: the manager chooses */
    const struct oci_resources *resources; /* linux.resources; NULL: no limits */
    const struct oci_device_list *devices; /* linux.devices, which the rules for devices allow */
    const struct oci_map *annotations;     /* those for the manager among them: org.systemd.property.* … */
    bool in_userns; /* its init is in a user namespace, where device rules hold without a cgroup */
    bool unified;   /* /sys/fs/cgroup is cgroup2 alone */
    enum cgroup_limits limits;
    const struct log *log; /* hears what LIMITS_TRY drops */
    pid_t pid;             /* attach: the container's init */
};

/* Files by which a process puts itself into a cgroup. */
#define CGROUP_DOOR_MAX 24
struct cgroup_door_item {
    int fd;
    char *path; /* for messages; owned */
};
struct cgroup_door {
    struct cgroup_door_item items[CGROUP_DOOR_MAX];
    size_t count;
};

/* All functions return 0 (or what is said) or a negative errno with @err filled; they are never called for a
 * cgroup of another manager. What a caller may rely on is documented at the functions below. */
struct cgroup_manager {
    const char *name; /* as in --cgroup-manager, state.json and messages */
    bool subgroups;   /* CGROUP_SUBGROUP has a meaning */
    int (*plan)(struct cgroup *cg, const struct cgroup_request *req, struct error *err);
    int (*make)(struct cgroup *cg, const struct cgroup_request *req, int *clone_fd, struct error *err);
    int (*attach)(struct cgroup *cg, const struct cgroup_request *req, struct error *err);
    int (*delegate)(const struct cgroup *cg, uid_t uid, gid_t gid, struct error *err);
    int (*await)(struct cgroup *cg, const struct cgroup_request *req, struct error *err);
    void (*abandon)(struct cgroup *cg);
    int (*clone_fd)(const struct cgroup *cg, const char *sub, pid_t init, struct error *err);
    int (*open_door)(const struct cgroup *cg, const char *sub, struct cgroup_door *door, struct error *err);
    int (*enter)(const struct cgroup *cg, const char *sub, pid_t init, pid_t pid, struct error *err);
    int (*update)(const struct cgroup *cg, const struct oci_resources *resources, struct error *err);
    int (*set_devices)(const struct cgroup *cg, struct device_rules *rules, bool fresh, struct error *err);
    int (*freeze)(const struct cgroup *cg, bool frozen, struct error *err);
    int (*is_frozen)(const struct cgroup *cg);
    int (*stats)(const struct cgroup *cg, cJSON **data, struct error *err);
    int (*oom_open)(const struct cgroup *cg, struct error *err);
    int (*oom_count)(const struct cgroup *cg, int fd, uint64_t *count, struct error *err);
    int (*processes)(const struct cgroup *cg, int (*each)(void *data, pid_t pid), void *data,
                     struct error *err);
    int (*kill)(const struct cgroup *cg, int sig, struct error *err);
    int (*let_die)(const struct cgroup *cg, struct error *err);
    int (*destroy)(const struct cgroup *cg, struct error *err);
};

/* Is @name that of a manager, or "auto"? The names for messages and completions: cgroup_manager_names. */
bool cgroup_manager_known(const char *name);
#define CGROUP_MANAGER_NAMES "systemd, cgroupfs, disabled or auto"

/* The first step. @manager: its name; NULL or "auto": what works, in this order: the files, where the caller
 * may make a cgroup; the user's systemd, if the container asks for what only a cgroup gives (limits,
 * linux.cgroupsPath, annotations for systemd); none. Fills @cg: manager and path, what LIMITS_TRY dropped.
 * Has no effect on the system. -ENOTSUP with the JSON path of the first limit that can't be set. */
int cgroup_plan(struct cgroup *cg, const char *manager, const struct cgroup_request *req, struct error *err);

/* The second: makes it with its limits. *clone_fd (-EBADF before and, where the manager has none, after): a
 * directory for CLONE_INTO_CGROUP, which the caller closes. On failure nothing is left. */
int cgroup_make(struct cgroup *cg, const struct cgroup_request *req, int *clone_fd, struct error *err);
/* The third, with the container's init in req->pid; not for one that was cloned into it. */
int cgroup_attach(struct cgroup *cg, const struct cgroup_request *req, struct error *err);
/* Where a manager takes its time, the third is only begun by cgroup_attach, and done when cgroup_await
 * returns. Until then it is not known whether what has the name is ours, and where it is. */
bool cgroup_is_slow(const struct cgroup *cg);
int cgroup_await(struct cgroup *cg, const struct cgroup_request *req, struct error *err);
/* Undoes what was begun, when req->pid has ended; nothing is left then, and cg->path is NULL. Where nothing
 * is under way there is nothing to do. */
void cgroup_abandon(struct cgroup *cg);
/* Carries out CGROUP_DELEGATE for req->pid, which is in its cgroup namespace: *below is the cgroup that it is
 * in then, without a path if there was nothing to do. The caller frees with cgroup_free. */
int cgroup_divide(const struct cgroup *cg, const struct cgroup_request *req, struct cgroup *below,
                  struct error *err);

/* For a container that is to manage its own cgroup: makes the directory, and the files that
 * /sys/kernel/cgroup/delegate names, those of @uid and @gid. Nothing with a manager that can't. -EPERM, with
 * nothing changed, without the right. */
int cgroup_delegate(const struct cgroup *cg, uid_t uid, gid_t gid, struct error *err);

/* The cgroup of a container that exists, from what was kept of it: both may be NULL. Nothing is looked at but
 * which cgroupfs there is. The caller frees with cgroup_free. -EINVAL for a manager that this version does
 * not have. */
int cgroup_open(struct cgroup *cg, const char *manager, const char *path, struct error *err);
void cgroup_free(struct cgroup *cg);
#define _cleanup_cgroup_ __attribute__((cleanup(cgroup_free)))

/* Kills what is left in it and removes it with all cgroups below; one that is gone is fine, as is a manager
 * without cgroups. */
int cgroup_destroy(const struct cgroup *cg, struct error *err);

/* Is there one at all? False with a manager that makes none. */
bool cgroup_exists(const struct cgroup *cg);
/* "cgroupfs", "disabled" …; never NULL. */
const char *cgroup_manager_name(const struct cgroup *cg);

/* The rest fails with -EOPNOTSUPP and `it has no cgroup (cgroup manager "disabled")` where there is none: the
 * caller puts before it what could not be done with which container. */

/* For one more process. @sub: a cgroup below it, made if it is not there; NULL: its own, or where @init, the
 * container's first process, is now, if that lies below it and the own one takes no processes any more.
 * cgroup_clone_fd: a directory for CLONE_INTO_CGROUP, which the caller closes; -EBADF without an error where
 * the manager has none: then cgroup_enter puts the process @pid there. */
int cgroup_clone_fd(const struct cgroup *cg, const char *sub, pid_t init, struct error *err);
int cgroup_enter(const struct cgroup *cg, const char *sub, pid_t init, pid_t pid, struct error *err);
/* Where the kernel takes milliseconds to move another process and nothing to let one move itself (cgroup v1),
 * the runtime opens files, and the process, a fork of it, goes through them before it does anything else.
 * Empty with other managers; what is not open, cgroup_clone_fd and cgroup_attach are for. @sub: as above. */
int cgroup_open_door(const struct cgroup *cg, const char *sub, struct cgroup_door *door, struct error *err);
/* In the process, which has one thread and nothing but the runtime's rights at the time of opening. Closes.
 */
int cgroup_pass_door(struct cgroup_door *door, struct error *err);
void cgroup_close_door(struct cgroup_door *door);

/* Makes the rules for devices hold, in place of earlier ones. @fresh: nobody is in the cgroup yet. @rules may
 * be changed. Without a cgroup there is nothing to do. -EPERM without the right (cgroup v2 takes a program).
 */
int cgroup_set_devices(const struct cgroup *cg, struct device_rules *rules, bool fresh, struct error *err);
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
/* A descriptor that poll(2) reports as readable when the OOM killer may have struck, and that never blocks.
 * cgroup_oom_count makes it quiet again and tells how often it struck so far (@fd -1: only tells); *count is
 * before what was told the last time, 0 the first time. Returns the descriptor, which the caller closes. */
int cgroup_oom_open(const struct cgroup *cg, struct error *err);
int cgroup_oom_count(const struct cgroup *cg, int fd, uint64_t *count, struct error *err);
/* Calls @each for every process, with cgroups below; stops at a result that is not 0 and returns it. */
int cgroup_processes(const struct cgroup *cg, int (*each)(void *data, pid_t pid), void *data,
                     struct error *err);
/* Behind a SIGKILL to one process: the freezer of cgroup v1 keeps a stopped process from dying of it. Then,
 * and only there, all go on. */
int cgroup_let_die(const struct cgroup *cg, struct error *err);
/* A signal to every process: with SIGKILL none is left out that forks meanwhile. */
int cgroup_kill(const struct cgroup *cg, int sig, struct error *err);

extern const struct cgroup_manager cgroup_none, cgroup_v1, cgroup_v2, cgroup_systemd;
