/*
 * What the managers share: controllers, what linux.resources asks of which, and the work on one directory of
 * cgroup2, which the systemd manager uses on the scope that it was given.
 */
#pragma once

#include "cgroup/cgroup.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

/* The controllers of both versions; v1 says blkio for io. CGROUP_CORE stands for the files that every cgroup2
 * has (cgroup.max.depth …). */
enum cgroup_controller {
    CGROUP_CORE,
    CGROUP_CPU,
    CGROUP_CPUSET,
    CGROUP_MEMORY,
    CGROUP_PIDS,
    CGROUP_IO,
    CGROUP_HUGETLB,
    CGROUP_RDMA,
    CGROUP_MISC,
    CGROUP_NET_CLS,
    CGROUP_NET_PRIO,
    CGROUP_CONTROLLERS
};
#define CGROUP_BIT(controller) (1U << (controller))
#define CGROUP_ALL             (CGROUP_BIT(CGROUP_CONTROLLERS) - 1)

/* "memory"; the name in cgroup2. */
const char *controller_name(enum cgroup_controller controller);
/* The controller of a file by its prefix: "memory.high"; -1 for one that nobody has. */
int controller_of_file(const char *file);
/* The set that a text such as that of cgroup.controllers names. */
unsigned controllers_parse(const char *text);

/* limits.c: what of @resources (NULL: nothing) asks for something, by its JSON path below linux.resources
 * ("memory.limit", "unified[\"memory.high\"]"), in the order of the specification. 0 and -1 ask for nothing
 * where the specification or its users mean "no limit" by them. @each returns 0 to go on; another result ends
 * the walk and is returned. Device rules are not among them. */
struct limit {
    const char *path;
    enum cgroup_controller controller;
    bool v1_only; /* a knob that cgroup2 does not have */
};
int limits_each(const struct oci_resources *resources, int (*each)(void *data, const struct limit *limit),
                void *data);
/* The controllers of all of them; with @v2 those only that cgroup2 has. */
unsigned limits_controllers(const struct oci_resources *resources, bool v2);

/* What can't be had is an error, or with LIMITS_TRY a warning for each limit. @have: the controllers that
 * there are; @why: the reason for the rest (`the controller is not delegated to …`), with a hint; @v2: knobs
 * of v1 are refused as well. Returns 0 with *which, what is left to be set, or -ENOTSUP. */
int limits_settle(const struct cgroup_request *req, unsigned have, bool v2, const struct error *why,
                  unsigned *which, struct error *err);

/* The work on a cgroup2 directory. @dirfd: opened O_RDONLY | O_DIRECTORY; @shown: its path for messages, from
 * the root of the file system on ("/sys/fs/cgroup/a/b"). All of them return 0 or a negative errno with @err
 * filled, naming directory, file and value. */

/* v2_resources.c. Writes what @resources has for the controllers in @which; `unified` goes last. -1 writes
 * "max". Knobs of v1 are not looked at: v2_resources_check refuses them. With CGROUP_ALL, a change of limits
 * that hold, a failure puts back what there was. */
int v2_resources_apply(int dirfd, const char *shown, const struct oci_resources *resources, unsigned which,
                       struct error *err);
/* v2_check.c. Refuses what cgroup2 can't do whatever is delegated, and values that its files don't take.
 * @prefix: "linux.resources." for a new container, whose knobs of v1 are limits_settle's to refuse; "" for
 * an update. -ENOTSUP or -EINVAL with the JSON path behind the prefix. */
int v2_resources_check(const struct oci_resources *resources, const char *prefix, struct error *err);

/* v2_stats.c: as cgroup_stats and cgroup_oom_open; and how often the OOM killer struck, 0 when it can't be
 * told. */
int v2_stats(int dirfd, const char *shown, cJSON **data, struct error *err);
int v2_oom_open(int dirfd, const char *shown, struct error *err);
uint64_t v2_oom_count(int dirfd, int fd);

/* v2_tasks.c: as cgroup_freeze, cgroup_is_frozen, cgroup_processes and cgroup_kill. */
int v2_freeze(int dirfd, const char *shown, bool frozen, struct error *err);
int v2_is_frozen(int dirfd);
int v2_processes(int dirfd, const char *shown, int (*each)(void *data, pid_t pid), void *data,
                 struct error *err);
int v2_kill(int dirfd, const char *shown, int sig, struct error *err);
/* Puts @pid into it (0: the caller). */
int v2_add_process(int dirfd, const char *shown, pid_t pid, struct error *err);

/* Is linux.cgroupsPath of the form SLICE:PREFIX:NAME, by which engines name a unit of systemd? NULL is not.
 */
bool cgroup_path_is_unit(const char *path);

/* v2.c: the members of a manager for a cgroup that is a directory of cgroup2 at cg->path. */
int v2_cgroup_delegate(const struct cgroup *cg, uid_t uid, gid_t gid, struct error *err);
int v2_cgroup_set_devices(const struct cgroup *cg, struct device_rules *rules, bool fresh, struct error *err);
int v2_cgroup_freeze(const struct cgroup *cg, bool frozen, struct error *err);
int v2_cgroup_is_frozen(const struct cgroup *cg);
int v2_cgroup_stats(const struct cgroup *cg, cJSON **data, struct error *err);
int v2_cgroup_oom_open(const struct cgroup *cg, struct error *err);
int v2_cgroup_oom_count(const struct cgroup *cg, int events, uint64_t *count, struct error *err);
int v2_cgroup_processes(const struct cgroup *cg, int (*each)(void *data, pid_t pid), void *data,
                        struct error *err);
int v2_cgroup_kill(const struct cgroup *cg, int sig, struct error *err);

/* v2_tree.c */
/* Opens the directory of cgroup @path ("/a/b") below CGROUP_ROOT. *shown (may be NULL) gets its name for
 * messages, the caller frees. Returns the descriptor, or -ENOENT (with text) when it is gone. */
int v2_open(const char *path, char **shown, struct error *err);
/* The cgroup of process @pid (0: the caller), as /proc/PID/cgroup tells it: "/a/b". The caller frees. */
int v2_of_process(pid_t pid, char **path, struct error *err);
/* A directory for one more process, as cgroup_clone_fd: of @path, of @sub below it, or where @init is. */
int v2_open_for_process(const char *path, const char *sub, pid_t init, char **shown, struct error *err);
/* Makes the files that /sys/kernel/cgroup/delegate names, and the directory, those of @uid and @gid. */
int v2_delegate(int dirfd, const char *shown, uid_t uid, gid_t gid, struct error *err);
/* Kills what is in it, and removes it with all below. Fine when it is gone. */
int v2_remove(const char *path, struct error *err);
