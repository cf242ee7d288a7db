/*
 * The container's root file system: everything between "a new mount namespace" and "the process sees only its
 * own root". Blind to id maps, credentials and seccomp.
 *
 * Theory of operation. rootfs_open_sources runs outside, before the clone, for what needs the runtime's own
 * rights (idmapped mounts). The rest runs in the container's init, in the new mount namespace, as uid 0 of
 * the user namespace (or as real root): rootfs_prepare makes propagation private, clones the root as a
 * detached tree, attaches it over its own path, and makes each mount by descriptor (fsopen/open_tree,
 * mount_setattr, move_mount) on a destination resolved inside the root. After the createContainer hooks
 * rootfs_enter pivots.
 *
 * Sources of bind mounts that are relative paths start at the working directory, so the caller is in the
 * bundle.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "oci/config.h"

/* A sink for warnings, because init has no log of its own: the text is one line. */
struct rootfs_warn {
    void (*call)(void *data, const char *text);
    void *data;
};

/* Puts the caller into the cgroup (and cgroup namespace) that the container will have, if it is not there
 * yet: called before anything that depends on it. */
struct rootfs_cgroup {
    int (*enter)(void *data, struct error *err); /* NULL: it is there already */
    void *data;
};

/* A root that is made of directories of the host which lie over each other. */
struct rootfs_overlay {
    char *const *lowers;     /* absolute paths, the topmost first; read only */
    size_t image_top;        /* index of the one whose root directory gives owner and mode */
    const char *scratch;     /* absolute path of a directory with upper/ and work/, where changes go */
    bool memory;             /* scratch is empty: a file system in memory is mounted over it */
    const char *memory_size; /* of that one, as tmpfs takes it; NULL: the kernel's default */
    bool kept;               /* changes must be on the disk when the container syncs */
};

/* How the text of an error begins if that could not be had: the caller may do without. */
#define ROOTFS_OVERLAY_FAILED "root file system: overlayfs"
/* An archive that is mounted, served by bryo-image-mount (image/protocol.h), before the overlay that has it
 * as one of its lowers. */
struct rootfs_archive {
    char *lower;  /* absolute path of the directory where */
    int control;  /* the server's socket */
    int *opened;  /* /dev/fuse, where init could not open it: without a user namespace its cgroup may forbid
                     it. -EBADF:  init opens it. Closed outside once init has it, or nobody would see the
                     server  die */
    pid_t server; /* watched while the container runs */
};

/* How the text of an error begins if that could not be had: the caller may unpack the archive instead. */
#define ROOTFS_ARCHIVE_FAILED "root file system from an archive:"

struct rootfs {
    /* in, set by the caller */
    const struct oci_config *config;
    const char *path;                     /* absolute path of the root on the host */
    const struct rootfs_overlay *overlay; /* what the root is instead, mounted over path; NULL: path itself */
    const struct rootfs_archive *archive; /* what is mounted for the overlay; NULL: nothing */
    bool in_userns;                       /* init is in a user namespace that is not the initial one: devices
                                             are bound */
    bool new_pid, new_net, new_ipc, new_cgroup; /* namespaces that are this container's own */
    const char *label_option; /* what linux.mountLabel becomes: "context" (NULL), "rootcontext" … */
    bool no_pivot;            /* --no-pivot: MS_MOVE and chroot instead (root on an initramfs) */
    bool cgroup_unified;      /* /sys/fs/cgroup of the host is cgroup2 alone */
    const int *source_fds;    /* from rootfs_open_sources; one for each of config->mounts, -EBADF: none */
    struct rootfs_warn warn;
    struct rootfs_cgroup cgroup;
    /* kept between the calls */
    int root_fd;    /* the container's root, O_PATH */
    int proc_fd;    /* procfs checked to be one, O_PATH; set by rootfs_prepare: the container's own, else a
                       private    one, else the host's */
    int null_fd;    /* the container's null device (char 1:3, checked), O_PATH: the source of masks */
    int home_ns;    /* the mount namespace to return to where the container has none of its own */
    bool dev_bound; /* /dev is a bind mount: no devices and links are made in it */
};
#define ROOTFS_INIT \
    ((struct rootfs){.root_fd = -EBADF, .proc_fd = -EBADF, .null_fd = -EBADF, .home_ns = -EBADF})

/* Outside: opens (and idmaps) the sources that need the runtime's rights. @fds has room for one descriptor
 * for each of config->mounts; entries without need are set to -EBADF. The caller closes them, also after a
 * failure. Errors: texts name `mounts[i]` and the kernel feature that is missing. */
int rootfs_open_sources(const struct oci_config *config, int *fds, struct error *err);

/* Inside: checks root.path, makes all mounts, devices, default symlinks (/dev/fd, /dev/stdin, …, /dev/ptmx).
 * The host is still visible afterwards. The umask is 0 meanwhile (and restored): not for programs with
 * threads. */
int rootfs_prepare(struct rootfs *r, struct error *err);

/* Opens a new pseudo terminal from the container's own devpts (/dev/pts/ptmx inside the root, else the
 * host's) and binds its slave to /dev/console by descriptor (CVE-2025-52565, CVE-2026-88264). *master and
 * *slave become the caller's, O_CLOEXEC. Called after rootfs_prepare and before rootfs_enter. */
int rootfs_open_console(struct rootfs *r, int *master, int *slave, struct error *err);

/* Inside: pivot_root (or --no-pivot's way), drops the host from sight, sets rootfsPropagation. Afterwards "/"
 * is the container's root and the working directory is "/". */
int rootfs_enter(struct rootfs *r, struct error *err);

/* Inside, behind rootfs_enter: sysctls, masked paths, read-only paths, root.readonly. Each through a procfs
 * handle that was checked (CVE-2025-31133, CVE-2025-52881). */
int rootfs_finish(struct rootfs *r, struct error *err);

void rootfs_close(struct rootfs *r);

/* The same for a container without a new mount namespace (borrowed.c): _check refuses, outside and early,
 * what can't be had so (-EINVAL; @new_userns: init will be in a new user namespace); _prepare stands for
 * rootfs_prepare, _enter for rootfs_enter and rootfs_finish. Nothing appears in the namespace that init is
 * in. */
int rootfs_check_borrowed(const struct oci_config *config, bool new_userns, struct error *err);
int rootfs_prepare_borrowed(struct rootfs *r, struct error *err);
int rootfs_enter_borrowed(struct rootfs *r, struct error *err);

/* Checks that can be made outside and early: root.path exists and is a directory (hint: which component lacks
 * search permission), mount options parse, sysctls and paths make sense. No side effects. */
int rootfs_check(const struct oci_config *config, const char *path, struct error *err);

/* Is `key` a sysctl that belongs to a namespace the container has of its own? Otherwise an error that names
 * the sysctl and the namespace it needs. Used by rootfs_check. */
int sysctl_check(const struct oci_config *config, const char *key, struct error *err);
