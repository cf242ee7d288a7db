/*
 * What every container finds in /dev: the default devices, those of linux.devices, and the usual links.
 * config-linux.md#default-devices.
 *
 * Real root makes the nodes. In a user namespace the kernel does not let anybody make device nodes, so the
 * host's nodes are bound: each is looked at through the very descriptor that is bound, to be of the type and
 * number asked for. Owner and mode of a bound node are the host's.
 *
 * /dev is opened once, without symbolic links, and everything is done with single names below that
 * descriptor: nothing an image ships there can lead elsewhere (CVE-2026-41579, CVE-2026-88265). A bind mount
 * at /dev is left as it is.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

/* A device to be made, in the kernel's terms. */
struct node {
    const char *path; /* on the host, and in the container */
    mode_t type;      /* S_IFCHR, S_IFBLK, S_IFIFO */
    mode_t mode;
    dev_t rdev;
    uint32_t uid, gid;
};

static const struct {
    const char *path;
    unsigned major, minor;
} default_devices[] = {
    {"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
    {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};

static const struct {
    const char *target, *name;
} default_links[] = {
    {"/proc/self/fd", "fd"},
    {"/proc/self/fd/0", "stdin"},
    {"/proc/self/fd/1", "stdout"},
    {"/proc/self/fd/2", "stderr"},
};

static int node_fail(const struct node *n, int code, const char *what, struct error *err)
{
    return error_sys(err, code, "device \"%s\": %s", n->path, what);
}

/* Opens the host's node, and checks that it is the one asked for. */
static int open_host_node(const struct node *n, struct error *err)
{
    _cleanup_close_ int fd = sys_open_tree(AT_FDCWD, n->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    struct stat st;

    if (fd < 0) {
        int code = errno;
        path_failure("device: bind the host's", n->path, code, err);
        if (code == ENOENT)
            error_hint(err, "in a user namespace devices are bound from the host, and it has no such node");
        return -code;
    }
    if (fstat(fd, &st) < 0)
        return node_fail(n, errno, "look at the host's", err);
    if ((st.st_mode & S_IFMT) != n->type || st.st_rdev != n->rdev)
        return error_set(err, ENODEV,
                         "device \"%s\": the host's node is %u:%u, not the %s device %u:%u asked for",
                         n->path, major(st.st_rdev), minor(st.st_rdev),
                         n->type == S_IFCHR ? "character" : "block", major(n->rdev), minor(n->rdev));
    return TAKE_FD(fd);
}

/* Something has the name already. 1: it is what we want; 0: it can be bound over. */
static int existing_node(const struct rootfs *r, int dir, const char *name, const struct node *n,
                         struct error *err)
{
    struct stat st, at;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || fstat(dir, &at) < 0)
        return node_fail(n, errno, "look at what is there", err);
    if (S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode)) {
        error_set(err, EEXIST, "device \"%s\": the root file system has %s there", n->path,
                  S_ISLNK(st.st_mode) ? "a symbolic link" : "a directory");
        return error_hint(err, "remove it from the image, or mount a tmpfs at /dev");
    }
    bool same = (st.st_mode & S_IFMT) == n->type && (n->type == S_IFIFO || st.st_rdev == n->rdev);
    /* A node of the image's own file system is of no use in a user namespace; one mounted there is. */
    if (same && (!r->in_userns || n->type == S_IFIFO || st.st_dev != at.st_dev))
        return 1;
    return n->type == S_IFIFO ? node_fail(n, EEXIST, "make", err) : 0;
}

static int bind_node(struct rootfs *r, int dir, const char *name, const struct node *n, bool exists,
                     struct error *err)
{
    _cleanup_close_ int fd = open_host_node(n, err);

    if (fd < 0)
        return fd;
    if (!exists && mknodat(dir, name, S_IFREG | 0644, 0) < 0) {
        if (errno != EEXIST)
            return node_fail(n, errno, "make a file to bind it on", err);
        int there = existing_node(r, dir, name, n, err);
        if (there != 0)
            return there < 0 ? there : 0;
    }
    if (sys_move_mount(fd, "", dir, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return node_fail(n, errno, "bind the host's", err);
    /* Attached now, and checked: masks are cloned from it. */
    if (r->null_fd < 0 && n->type == S_IFCHR && n->rdev == makedev(1, 3))
        r->null_fd = TAKE_FD(fd);
    return 0;
}

static int make_node(struct rootfs *r, int dir, const char *name, const struct node *n, struct error *err)
{
    if (r->in_userns && n->type != S_IFIFO)
        return bind_node(r, dir, name, n, false, err);
    if (mknodat(dir, name, n->type | n->mode, n->rdev) < 0) {
        /* Root of a container that was given no CAP_MKNOD, or whose device cgroup refuses. */
        if (errno == EPERM && n->type != S_IFIFO)
            return bind_node(r, dir, name, n, false, err);
        if (errno != EEXIST)
            return node_fail(n, errno, "make", err);
        int there = existing_node(r, dir, name, n, err);
        if (there != 0)
            return there < 0 ? there : 0;
        return bind_node(r, dir, name, n, true, err);
    }
    if ((n->uid || n->gid) && fchownat(dir, name, n->uid, n->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return node_fail(n, errno, "set the owner", err);
    return 0;
}

/* A device of linux.devices: anywhere, with parents as needed. @dev: /dev, open. */
static int make_config_device(struct rootfs *r, int dev, size_t index, struct error *err)
{
    const struct oci_device *d = &r->config->linux_.devices.items[index];
    _cleanup_free_ char *path = path_clean(d->path);
    struct node n = {
        .path = path,
        .type = d->type == 'b'   ? S_IFBLK
                : d->type == 'p' ? S_IFIFO
                                 : S_IFCHR,
        .mode = d->file_mode.set ? d->file_mode.value & 07777 : 0666,
        .uid = d->uid.set ? d->uid.value : 0,
        .gid = d->gid.set ? d->gid.value : 0,
    };

    if (!path)
        return error_oom(err);
    if (n.type != S_IFIFO)
        n.rdev = makedev((unsigned)d->major.value, (unsigned)d->minor.value);
    char *name = strrchr(path, '/') + 1;
    if (!*name)
        return error_set(err, EINVAL, "linux.devices[%zu].path: \"%s\" is no place for a device", index,
                         d->path);
    bool below_dev = str_starts(path, "/dev/");
    if (below_dev && name == path + strlen("/dev/"))
        return make_node(r, dev, name, &n, err);
    _cleanup_free_ char *parent = strndup(path, (size_t)(name - path));
    if (!parent)
        return error_oom(err);
    _cleanup_close_ int dir = path_mkdir_in_root(r->root_fd, parent, 0755, below_dev);
    if (dir < 0)
        return error_sys(err, -dir, "linux.devices[%zu]: make the directory \"%s\" in the root file system",
                         index, parent);
    return make_node(r, dir, name, &n, err);
}

/* Does linux.devices say something else about the default device @path? */
static bool is_overridden(const struct rootfs *r, const char *path)
{
    for (size_t i = 0; i < r->config->linux_.devices.count; i++)
        if (strcmp(r->config->linux_.devices.items[i].path, path) == 0)
            return true;
    return false;
}

/* Links the image has already are its own business; only /dev/ptmx must lead to the container's own devpts.
 */
static int make_links(int dev, struct error *err)
{
    char target[16];

    for (size_t i = 0; i < ARRAY_SIZE(default_links); i++)
        if (symlinkat(default_links[i].target, dev, default_links[i].name) < 0 && errno != EEXIST)
            return error_sys(err, errno, "make the link \"/dev/%s\"", default_links[i].name);
    if (symlinkat("pts/ptmx", dev, "ptmx") == 0)
        return 0;
    if (errno != EEXIST)
        return error_sys(err, errno, "make the link \"/dev/ptmx\"");
    if (readlinkat(dev, "ptmx", target, sizeof target) == 8 && memcmp(target, "pts/ptmx", 8) == 0)
        return 0;
    /* EBUSY: config.json has mounted something there, and means it. */
    if (unlinkat(dev, "ptmx", 0) < 0)
        return errno == EBUSY ? 0 : error_sys(err, errno, "replace \"/dev/ptmx\"");
    return symlinkat("pts/ptmx", dev, "ptmx") < 0 ? error_sys(err, errno, "make the link \"/dev/ptmx\"") : 0;
}

int devices_make(struct rootfs *r, struct error *err)
{
    if (r->dev_bound)
        return 0;
    _cleanup_close_ int dev = path_mkdir_in_root(r->root_fd, "/dev", 0755, true);
    if (dev == -ELOOP) {
        error_set(err, ELOOP, "\"/dev\" of the root file system is a symbolic link");
        return error_hint(err, "links at /proc, /sys and /dev are refused: put a directory there");
    }
    if (dev < 0)
        return error_sys(err, -dev, "open \"/dev\" in the root file system");
    for (size_t i = 0; i < ARRAY_SIZE(default_devices); i++) {
        const struct node n = {
            .path = default_devices[i].path,
            .type = S_IFCHR,
            .mode = 0666,
            .rdev = makedev(default_devices[i].major, default_devices[i].minor),
        };
        if (is_overridden(r, n.path))
            continue;
        int ret = make_node(r, dev, n.path + strlen("/dev/"), &n, err);
        if (ret < 0)
            return ret;
    }
    for (size_t i = 0; i < r->config->linux_.devices.count; i++) {
        int ret = make_config_device(r, dev, i, err);
        if (ret < 0)
            return ret;
    }
    return make_links(dev, err);
}
