/*
 * What the files of this floor share. Nothing here is for other floors.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mountinfo.h"
#include "rootfs/mount_options.h"
#include "rootfs/rootfs.h"

/* One entry of mounts[] on its way into the container. */
struct mounting {
    struct rootfs *r;
    size_t index;
    const struct mount_plan *plan;
    const char *destination; /* cleaned, absolute */
    int dest;                /* what it will be attached to, O_PATH; owned */
    bool dest_made;          /* the destination was not there */
    int fd;                  /* the new mount, detached until the end; owned */
    bool fresh;              /* it is a new file system of the kind asked for */
};

/* Fills @err with `mounts[3]: mount "tmpfs" (tmpfs) at "/dev": DETAIL: DESCRIPTION`. @detail may be NULL or
 * "". Returns -@code. */
int mounting_fail(const struct mounting *m, int code, const char *detail, struct error *err);

/* One line to r->warn, if there is a sink. */
void rootfs_warning(const struct rootfs *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* explain.c: fills @err with `WHAT "PATH": DESCRIPTION` and, where a parent is at fault, a hint that names
 * it: the first that is missing, is no directory, or may not be searched. Returns -@code. */
int path_failure(const char *what, const char *path, int code, struct error *err);

/* overlay.c: mounts @overlay detached. Returns the descriptor of its root. */
int overlay_mount(const struct rootfs_overlay *overlay, struct error *err);
/* archive.c: mounts @archive where the overlay looks for it. */
int archive_mount(const struct rootfs_archive *archive, struct error *err);

/* A new file system, made detached. */
struct newfs {
    const char *type;
    const char *source;       /* NULL: none */
    char *const *data;        /* "key=value" or "flag" */
    const char *skip_key;     /* leave this key of @data out */
    const char *optional_key; /* go on when the file system takes this one for invalid */
    const char *context;      /* SELinux label, unless @data has one; NULL: none */
    const char *context_key;  /* the option for it; NULL: "context", all files have it */
    const char *mode;         /* mode= of its root directory, NULL: not given */
    unsigned long sb_set;     /* MS_* of the superblock */
    bool sb_readonly;
    uint64_t attrs; /* MOUNT_ATTR_* */
};

/* linux.mountLabel, NULL where it is not given or empty. */
const char *label_of(const struct rootfs *r);

/* What went wrong inside the making of a file system, as the kernel tells it. */
#define DETAIL_MAX 256
struct detail {
    char text[DETAIL_MAX];
};

/* Returns the descriptor of the detached mount or -errno. */
int newfs_mount(const struct newfs *fs, struct detail *detail);
/* Only mount(2) can do it: a value of 256 bytes or more (overlay's lowerdir), "silent", "iversion". */
bool newfs_needs_mount2(const struct newfs *fs);
/* The same by mount(2) on what @dest is open on. */
int newfs_mount2(const struct newfs *fs, int dest, struct detail *detail);
/* Changes the superblock of what @fd is open on: "remount". */
int newfs_reconfigure(int fd, const struct mount_plan *plan, struct detail *detail);

/* attach.c: attributes and places of mounts that exist. */
/* Attaches the detached mount @fd at what @dest is open on. Returns 0 or -errno. */
int mount_attach(int fd, int dest);
/* Sets and clears attributes of the mount @fd (@tree: and of all below). Where the user namespace's parent
 * has locked a flag, it is kept, as mount(2) callers do it. Returns 0 or -errno. */
int mount_set_attrs(int fd, bool tree, uint64_t set, uint64_t clr);
/* Sets the propagation (MS_PRIVATE …, with MS_REC for the whole tree). Returns 0 or -errno. */
int mount_set_propagation(int fd, unsigned long propagation);
/* A detached clone, with all below, of the host's @path; every mount in it gets @tree_attrs (MOUNT_ATTR_*).
 * Returns the descriptor or -errno. */
int mount_clone_host(const char *path, uint64_t tree_attrs);
/* For trees that show the host's kernel. */
#define MOUNT_ATTRS_LOCKED_DOWN (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* mount.c */
int mount_config_mounts(struct rootfs *r, struct error *err);
/* Is @path (cleaned) one of the places where an image must not have symbolic links? */
bool mount_is_guarded(const char *path);
/* The steps of a bind mount, apart: m->fd becomes the source, with its attributes; m->dest the destination,
 * made if it is not there (a directory when there is no source); the one is attached to the other and gets
 * its propagation. */
int mounting_open_source(struct mounting *m, struct error *err);
int mounting_open_destination(struct mounting *m, struct error *err);
int mounting_attach(struct mounting *m, struct error *err);

/* mount_special.c: fills m->fd for what is no bind mount. */
int mount_filesystem(struct mounting *m, struct error *err);
/* The attributes the plan asks for a mount that stands alone. */
uint64_t mount_plan_attrs(const struct mount_plan *plan);

/* The mode of a tmpfs that covers the directory m->dest, in @buf; NULL if the plan has one. */
const char *mount_inherited_mode(const struct mounting *m, char buf[8]);

/* mount_cgroup.c: fills m->fd for the types cgroup and cgroup2; for cgroup v1 it is attached already
 * (*attached). */
int mount_cgroup(struct mounting *m, bool *attached, struct error *err);

/* tmpcopyup.c: copies what is in the directory @from into @to, never following a link. @path: for messages.
 */
int tmpcopyup(int from, int to, const char *path, struct error *err);

/* devices.c */
int devices_make(struct rootfs *r, struct error *err);

/* masks.c: maskedPaths, readonlyPaths, root.readonly */
int masks_apply(struct rootfs *r, struct error *err);

/* sysctl.c */
int sysctls_write(const struct rootfs *r, struct error *err);
