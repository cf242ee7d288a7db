/*
 * What the files of the cgroup v1 manager share and nobody else needs.
 *
 * Theory of operation. cgroup v1 is several trees (hierarchies), each with its controllers, mounted side by
 * side. A container gets a directory in every one: in those of the controllers to be limited and counted, in
 * the named ones (name=systemd) so that who looks for its processes there finds them, and on hybrid machines
 * in that of cgroup2, too. The manager's path, which is kept in state.json, is the list of these directories,
 * so that a later call, wherever its own cgroups are, needs to search for nothing.
 *
 * Processes: a pid written to cgroup.procs makes the kernel wait until all CPUs have passed a quiet state, 5
 * to 15 ms. A process that writes "0" to `tasks` moves only itself and waits for nothing. So the files are
 * opened by the runtime, whose right it is, and written by the child (struct cgroup_door).
 */
#pragma once

#include "cgroup/devices.h"
#include "cgroup/internal.h"

/* Controllers that only v1 has, behind those of internal.h. */
enum {
    V1_CPUACCT = CGROUP_CONTROLLERS,
    V1_DEVICES,
    V1_FREEZER,
    V1_CONTROLLERS,
};

struct v1_hierarchy {
    char *controllers; /* as in /proc/PID/cgroup: "cpu,cpuacct", "name=systemd", "" for cgroup2. Owned */
    unsigned set;      /* CGROUP_BIT of those that are known */
    char *dir;         /* absolute; owned */
    size_t top;        /* how much of dir is the place where it is mounted */
    size_t made;       /* v1_make: how many directories above the last one were not there */
};

#define V1_HIERARCHIES_MAX 24

struct v1_tree {
    struct v1_hierarchy items[V1_HIERARCHIES_MAX];
    size_t count;
};

void v1_free(struct v1_tree *tree);
#define _cleanup_v1_ __attribute__((cleanup(v1_free)))

/* v1_tree.c. The hierarchies that are mounted, each with the caller's own cgroup as its directory: from
 * @mountinfo and @own (/proc/self/mountinfo, /proc/self/cgroup). One that is mounted where the own cgroup
 * can't be seen is left out. -ENOTSUP if there is none. */
int v1_find(struct v1_tree *tree, const char *mountinfo, const char *own, struct error *err);
/* The directories become those of a container: below @path from where the hierarchy is mounted if it begins
 * with a slash, else from the own cgroup; NULL: "bryo-ID" where it is mounted, as in cgroup2. -EINVAL for a
 * path with "..", and for one that names no cgroup of its own. */
int v1_place(struct v1_tree *tree, const char *path, const char *id, struct error *err);
/* The list as text, one `CONTROLLERS:MOUNT//PATH` a line, and back. The caller frees. */
int v1_encode(const struct v1_tree *tree, char **path, struct error *err);
int v1_decode(struct v1_tree *tree, const char *path, struct error *err);

/* The hierarchy with that controller, or NULL. */
const struct v1_hierarchy *v1_with(const struct v1_tree *tree, unsigned controller);
/* "blkio". */
const char *v1_controller_name(unsigned controller);
/* The controllers of all, as bits. */
unsigned v1_have(const struct v1_tree *tree);
/* Where processes are listed: the freezer's, so that what is stopped is what is listed; without one the
 * first. */
const struct v1_hierarchy *v1_main(const struct v1_tree *tree);
bool v1_is_cgroup2(const struct v1_hierarchy *h);
/* Opens its directory for reading. Returns the descriptor, or -ENOENT (with text) when it is gone. */
int v1_open(const struct v1_hierarchy *h, struct error *err);

/* v1_make.c. Makes all directories, and those above that are not there; on failure nothing is left. @chosen:
 * the path is the user's, and an empty cgroup that is there was made for this container. */
int v1_make(struct v1_tree *tree, bool chosen, struct error *err);
/* Takes back what v1_make made. */
void v1_unmake(const struct v1_tree *tree);
/* The directories become those of @sub below them, made where they are not there. */
int v1_make_sub(struct v1_tree *tree, const char *sub, struct error *err);
/* Gives a new cpuset the processors and memory nodes of the one above, without which nobody may enter. */
int v1_inherit_cpuset(const char *dir, size_t top, struct error *err);
/* Kills what is in them, and removes them with all below; what is gone is fine. */
int v1_remove(const struct v1_tree *tree, struct error *err);

/* v1_files.c. A file of the cgroup @dir; the messages name both. -ENOENT when the cgroup is gone, -ENOTSUP
 * for a file that the kernel does not have. */
int v1_read(const char *dir, const char *file, char **text, struct error *err);
int v1_write(const char *dir, const char *file, const char *value, struct error *err);
/* Several, one write each, for files that take a line at a time. */
#define V1_LINE_MAX 64
struct v1_lines {
    size_t count;
    const char *(*line)(const void *data, size_t i, char text[V1_LINE_MAX]); /* number i, in @text */
    const void *data;
};
int v1_write_lines(const char *dir, const char *file, const struct v1_lines *lines, struct error *err);
/* The number that a file holds. */
int v1_read_u64(const char *dir, const char *file, uint64_t *value, struct error *err);

/* v1_hybrid.c. The hierarchy of cgroup2 among them, or NULL. */
const struct v1_hierarchy *v1_cgroup2(const struct v1_tree *tree);
/* The controllers that it could have. */
unsigned v1_hybrid_have(const struct v1_tree *tree);
/* Sets there what @resources has for controllers in @which that v1 does not have. */
int v1_hybrid_apply(const struct v1_tree *tree, const struct oci_resources *resources, unsigned which,
                    struct error *err);

/* v1_resources.c. Refuses values of a new container that can't be meant. -EINVAL with the JSON path. */
int v1_resources_check(const struct oci_resources *resources, struct error *err);
/* Writes what @resources has for the controllers in @which. A change of limits that hold puts
 * back what there was when it fails. */
struct v1_way {
    bool fresh;            /* for a new container: not a change */
    bool drops;            /* what this kernel has no file for is told to the log, and no error */
    const struct log *log; /* may be NULL */
};
int v1_resources_apply(const struct v1_tree *tree, const struct oci_resources *resources, unsigned which,
                       const struct v1_way *way, struct error *err);

/* v1_devices.c. Makes @rules hold, which it flattens, in place of those that are there. @fresh: the cgroup is
 * new and nobody is in it. */
int v1_devices_apply(const struct v1_tree *tree, struct device_rules *rules, bool fresh, struct error *err);

/* v1_tasks.c: as cgroup_freeze and so on. */
int v1_freeze(const struct v1_tree *tree, bool frozen, struct error *err);
int v1_is_frozen(const struct v1_tree *tree);
int v1_processes(const struct v1_tree *tree, int (*each)(void *data, pid_t pid), void *data,
                 struct error *err);
int v1_kill(const struct v1_tree *tree, int sig, struct error *err);
/* SIGKILL until nobody is left. */
int v1_kill_and_wait(const struct v1_tree *tree, struct error *err);

/* v1_stats.c: as cgroup_stats, cgroup_oom_open and cgroup_oom_count. */
int v1_stats(const struct v1_tree *tree, cJSON **data, struct error *err);
int v1_oom_open(const struct v1_tree *tree, struct error *err);
int v1_oom_count(const struct v1_tree *tree, int fd, uint64_t *count, struct error *err);
