/*
 * maskedPaths, readonlyPaths and root.readonly.
 *
 * A masked file is covered by the null device, a masked directory by an empty read-only tmpfs. The null
 * device is taken by descriptor and checked to be char 1:3 (CVE-2025-31133: a /dev/null that is a link to
 * something else). One tmpfs serves all directories: per-CPU directories of sysfs are masked by the hundred.
 * Clones are taken from what is attached already, because the kernel does not clone detached mounts (before
 * Linux 6.15).
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

/* The sources of masks. */
struct masks {
    struct rootfs *r;
    int empty; /* the shared tmpfs, attached at the first masked directory; owned */
};

static int open_null(struct rootfs *r, struct error *err)
{
    struct stat st;

    if (r->null_fd >= 0)
        return 0;
    _cleanup_close_ int fd = path_open_in_root_nolinks(r->root_fd, "/dev/null", O_PATH, 0);
    if (fd < 0)
        return error_sys(err, -fd, "open \"/dev/null\" of the container to mask files");
    if (fstat(fd, &st) < 0)
        return error_sys(err, errno, "look at \"/dev/null\"");
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        return error_set(err, ENODEV,
                         "\"/dev/null\" of the container is not the null device: files can not be masked");
    r->null_fd = TAKE_FD(fd);
    return 0;
}

static int mask_file(struct masks *m, int dest, const char *path, struct error *err)
{
    int r = open_null(m->r, err);

    if (r < 0)
        return r;
    _cleanup_close_ int fd =
        sys_open_tree(m->r->null_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (fd < 0)
        return error_sys(err, errno, "mask \"%s\": clone the null device", path);
    r = mount_attach(fd, dest);
    return r < 0 ? error_sys(err, -r, "mask \"%s\"", path) : 0;
}

static int mask_directory(struct masks *m, int dest, const char *path, struct error *err)
{
    static char *const data[] = {(char *)"nr_blocks=1", (char *)"nr_inodes=1", (char *)"mode=555", NULL};
    struct newfs fs = {
        .type = "tmpfs",
        .source = "tmpfs",
        .data = data,
        .context = label_of(m->r),
        .context_key = m->r->label_option,
        .attrs = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
    };
    struct detail detail = {""};

    _cleanup_close_ int fd =
        m->empty < 0 ? newfs_mount(&fs, &detail)
                     : sys_open_tree(m->empty, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (fd < 0)
        return error_sys(err, m->empty < 0 ? -fd : errno, "mask \"%s\": make an empty directory%s%s", path,
                         detail.text[0] ? ": " : "", detail.text);
    int r = mount_attach(fd, dest);
    if (r < 0)
        return error_sys(err, -r, "mask \"%s\"", path);
    if (m->empty < 0)
        m->empty = TAKE_FD(fd);
    return 0;
}

static int mask(struct masks *m, const char *path, struct error *err)
{
    _cleanup_close_ int dest = path_open_in_root(m->r->root_fd, path, O_PATH, 0);
    struct stat st;

    /* What this kernel or image does not have needs no mask. */
    if (dest == -ENOENT || dest == -ENOTDIR)
        return 0;
    if (dest < 0)
        return error_sys(err, -dest, "mask \"%s\"", path);
    if (fstat(dest, &st) < 0)
        return error_sys(err, errno, "mask \"%s\"", path);
    return S_ISDIR(st.st_mode) ? mask_directory(m, dest, path, err) : mask_file(m, dest, path, err);
}

/* A clone of what is at @path over itself, read-only before it is attached. */
static int make_readonly(const struct rootfs *r, const char *path, struct error *err)
{
    _cleanup_close_ int dest = path_open_in_root(r->root_fd, path, O_PATH, 0);

    if (dest == -ENOENT || dest == -ENOTDIR)
        return 0;
    if (dest < 0)
        return error_sys(err, -dest, "make \"%s\" read-only", path);
    /* With all below: in a user namespace it can not be left out. */
    _cleanup_close_ int fd =
        sys_open_tree(dest, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
    if (fd < 0)
        return error_sys(err, errno, "make \"%s\" read-only: clone", path);
    int ret = mount_set_attrs(fd, false, MOUNT_ATTR_RDONLY, 0);
    if (ret == 0)
        ret = mount_attach(fd, dest);
    return ret < 0 ? error_sys(err, -ret, "make \"%s\" read-only", path) : 0;
}

int masks_apply(struct rootfs *r, struct error *err)
{
    const struct oci_linux *l = &r->config->linux_;
    struct masks m = {.r = r, .empty = -EBADF};
    int ret = 0;

    for (char **path = l->readonly_paths; ret == 0 && path && *path; path++)
        ret = make_readonly(r, *path, err);
    for (char **path = l->masked_paths; ret == 0 && path && *path; path++)
        ret = mask(&m, *path, err);
    cleanup_close(&m.empty);
    if (ret < 0)
        return ret;
    if (r->config->root && r->config->root->readonly) {
        ret = mount_set_attrs(r->root_fd, false, MOUNT_ATTR_RDONLY, 0);
        if (ret < 0)
            return error_sys(err, -ret, "make the root file system read-only");
    }
    return 0;
}
