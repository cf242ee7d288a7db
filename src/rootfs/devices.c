/*
 * What every container finds in /dev: the default devices, those of linux.devices, and the usual links.
 * config-linux.md#default-devices.
 *
 * Real root makes the nodes. In a user namespace the kernel does not let anybody make device nodes, so the
 * host's nodes are bound: the one of the same path, else the one that sysfs names for the number. Each is
 * looked at through the very descriptor that is bound, to be of the type and number asked for. Owner and mode
 * of a bound node are the host's.
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
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

#define UEVENT_MAX 4096

/* A device to be made, in the kernel's terms. */
struct node {
    const char *path; /* on the host, and in the container */
    mode_t type;      /* S_IFCHR, S_IFBLK, S_IFIFO */
    mode_t mode;
    dev_t rdev;
    uint32_t uid, gid;
    bool asked; /* by linux.devices; not one of the default devices */
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

static bool is_node(int fd, const struct node *n)
{
    struct stat st;

    return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == n->type && st.st_rdev == n->rdev;
}

/* The path of the node as the kernel names it ("/dev/net/tun"), whatever config.json calls it inside. The
 * caller frees; NULL if the host has no such device. */
static char *find_by_number(const struct node *n)
{
    static const char key[] = "DEVNAME=";
    _cleanup_free_ char *text = NULL;
    char path[64];

    snprintf(path, sizeof path, "/sys/dev/%s/%u:%u/uevent", n->type == S_IFBLK ? "block" : "char",
             major(n->rdev), minor(n->rdev));
    if (file_read_at(AT_FDCWD, path, UEVENT_MAX, &text, NULL, NULL) < 0)
        return NULL;
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (str_starts(line, key))
            return str_printf("/dev/%s", line + strlen(key));
    return NULL;
}

/* Opens the host's node, and checks that it is the one asked for. */
static int open_host_node(const struct node *n, struct error *err)
{
    _cleanup_free_ char *other = NULL;
    _cleanup_close_ int fd = sys_open_tree(AT_FDCWD, n->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    int code = errno;

    if (fd >= 0 && is_node(fd, n))
        return TAKE_FD(fd);
    if (fd < 0 && code != ENOENT && code != ENOTDIR)
        return path_failure("device: bind the host's", n->path, code, err);
    other = find_by_number(n);
    if (other) {
        fd_close(&fd);
        fd = sys_open_tree(AT_FDCWD, other, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (fd >= 0 && is_node(fd, n))
            return TAKE_FD(fd);
    }
    error_set(err, ENODEV, "device \"%s\": the host has no %s device %u:%u", n->path,
              n->type == S_IFCHR ? "character" : "block", major(n->rdev), minor(n->rdev));
    error_hint(err,
               "in a user namespace devices are bound from the host: neither \"%s\" nor what "
               "/sys/dev names is that device",
               n->path);
    return -ENODEV;
}

/* Something has the name already. 1: it is what we want; 0: it can be bound over. Images ship the default
 * devices as all kinds of files; in the place of a device of linux.devices the specification wants no other,
 * but for the empty file that an earlier container had to be bound on. */
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
    if (n->type == S_IFIFO || (n->asked && !same && !(S_ISREG(st.st_mode) && st.st_size == 0))) {
        error_set(err, EEXIST, "device \"%s\": the root file system has %s there", n->path,
                  S_ISREG(st.st_mode) ? "a file" : "something else");
        return error_hint(err, "remove it from the image, or name another path in linux.devices");
    }
    return 0;
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
        .asked = true,
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

/* Links the image has already are its own business; only /dev/ptmx must lead to the container's own devpts,
 * unless config.json has a device there: the kernel finds the devpts beside it. */
static int make_links(const struct rootfs *r, int dev, struct error *err)
{
    char target[16];

    for (size_t i = 0; i < ARRAY_SIZE(default_links); i++)
        if (symlinkat(default_links[i].target, dev, default_links[i].name) < 0 && errno != EEXIST)
            return error_sys(err, errno, "make the link \"/dev/%s\"", default_links[i].name);
    if (is_overridden(r, "/dev/ptmx") || symlinkat("pts/ptmx", dev, "ptmx") == 0)
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
    return make_links(r, dev, err);
}
