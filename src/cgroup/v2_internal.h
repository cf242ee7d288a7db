/*
 * What the files of the cgroup2 manager share and nobody else needs.
 */
#pragma once

#include "cgroup/internal.h"

/* "/sys/fs/cgroup/a/b" for "/a/b". The caller frees; NULL without memory. */
char *v2_show(const char *path);

/* v2_place.c. Where a cgroup is to be made, and by whom. */
struct v2_place {
    char *own;  /* the caller's cgroup */
    char *path; /* of the cgroup to make */
    char *base; /* the deepest cgroup on the way to it that is there */
};
void v2_place_free(struct v2_place *place);
#define _cleanup_v2_place_ __attribute__((cleanup(v2_place_free)))

/* From linux.cgroupsPath, or where a container goes without. -EINVAL for a path that can't be meant. */
int v2_place_find(struct v2_place *place, const struct cgroup_request *req, struct error *err);
/* The same for one that was found before. */
int v2_place_of(struct v2_place *place, const char *path, struct error *err);
/* May the caller make a cgroup at @place, and put a process of its own there? -EACCES with what is missing.
 */
int v2_place_check(const struct v2_place *place, struct error *err);

/* Does @path name the place it starts from (".", "/", "./.")? */
bool v2_is_same_place(const char *path);
/* Refuses a path with "..", with @what ("linux.cgroupsPath") in the message; and what no cgroup can be
 * called. Returns 0, -EINVAL or -ENAMETOOLONG. */
int v2_check_path(const char *path, const char *what, struct error *err);

/* v2_check.c. Fills @err for what convert_swap returned; @prefix as in v2_resources_check. */
int v2_swap_error(int code, const char *prefix, int64_t swap, int64_t memory, struct error *err);

/* v2_tree.c. Removes what is below @path, and leaves it and its own processes alone. */
int v2_remove_below(const char *path, struct error *err);

/* v2_tasks.c. Kills what is in the cgroup and below it, and waits until nothing is. */
int v2_kill_and_wait(int dirfd, const char *shown, struct error *err);

/* v2_enable.c. Which of the controllers @wanted a cgroup made at @place can have, by looking only: from base
 * upward to where they are, and from there down through cgroup.subtree_control. Returns the set; @why tells,
 * with a hint, what is in the way of the rest. */
unsigned v2_can_enable(const struct v2_place *place, unsigned wanted, struct error *why);
/* Enables them down to base, and tries those that only make numbers (cpu, io, memory, pids). May move the
 * caller, if it is the only process in a cgroup on the way, to V2_CALLER below it. */
int v2_enable(const struct v2_place *place, unsigned wanted, struct error *err);
#define V2_CALLER "bryo-caller"
/* What gives a user the controllers. */
#define V2_DELEGATE_HINT                                                           \
    "put the lines \"[Service]\" and \"Delegate=cpu cpuset io memory pids\" into " \
    "/etc/systemd/system/user@.service.d/delegate.conf, then: systemctl daemon-reload, and log in anew"

/* v2.c. For the cgroup @path, open as @dirfd: has it the controllers, or can get them? -ENOTSUP or -EBUSY
 * with what is in the way. */
int v2_bring_controllers(const char *path, int dirfd, unsigned wanted, struct error *err);

/* v2_files.c. Reads a file of a cgroup, at most 1 MiB. The caller frees. */
int v2_read(int dirfd, const char *shown, const char *file, char **text, struct error *err);
int v2_write(int dirfd, const char *shown, const char *file, const char *value, struct error *err);
/* The number after @key and a blank in @text, which has a line for each. Returns 0 or -ENOENT. */
int v2_key(const char *text, const char *key, uint64_t *value);
