/*
 * The options of mounts[].options: one table for the parser, `bryo features` and the documentation.
 * config.md#linux-mount-options of the runtime specification.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "oci/config.h"

/* What one entry of mounts[] asks for, in the kernel's terms. */
struct mount_plan {
    const struct oci_mount *mount; /* borrowed */
    bool bind;                     /* a bind mount (type "bind"/"none" or an option bind/rbind) */
    bool recursive;                /* rbind: with all mounts below */
    uint64_t attr_set, attr_clr;   /* MOUNT_ATTR_* for the mount itself */
    uint64_t rattr_set, rattr_clr; /* MOUNT_ATTR_* for the whole tree (rro, rnosuid …), by mount_setattr */
    unsigned long propagation;     /* MS_PRIVATE … with MS_REC, 0: none asked for */
    bool sb_readonly;              /* "ro" on a new file system also makes the superblock read-only */
    unsigned long sb_set,
        sb_clr;   /* MS_* of the superblock: sync, dirsync, lazytime, mand, silent, iversion */
    bool remount; /* "remount" */
    bool idmap, ridmap;
    bool tmpcopyup;
    bool copy_symlink; /* a source that is a symbolic link is copied as one */
    bool src_nofollow, dest_nofollow;
    char **data; /* options for the file system: "size=64k" or "userxattr"; of a bind mount: those that have
                  * no effect; owned */
};

/* Gives @mount's options their meaning. @index: its place in mounts[], for messages
 * (`mounts[3].options[1]: …`). Unknown options go to the file system for non-bind mounts and are errors for
 * bind mounts, unless they have the form name=value; "x-…" and "comment=…" are notes for other programs
 * (mount(8)) and mean nothing. What has no
 * effect on a bind mount (sync, dirsync, lazytime, mand, iversion) is refused there. Returns 0, -EINVAL or
 * -ENOMEM. */
int mount_plan_parse(const struct oci_mount *mount, size_t index, struct mount_plan *plan, struct error *err);
void mount_plan_free(struct mount_plan *plan);
#define _cleanup_mount_plan_ __attribute__((cleanup(mount_plan_free)))

/* Names of all options the table knows, sorted, NULL-terminated, for `bryo features`. Static storage. */
const char *const *mount_option_names(void);

/* The propagation by its name in rootfsPropagation and mount options ("rslave" …) as MS_* flags, or 0. */
unsigned long propagation_from_name(const char *name);
