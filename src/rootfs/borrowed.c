/*
 * The root of a container without a mount namespace of its own: it has that of the caller, or one that it
 * joins.
 *
 * Theory of operation. What config.json wants mounted must not appear in a namespace that others live in, nor
 * stay there when the container is gone. So the root is made as always, but in a new mount namespace that
 * init enters for a while; then the whole tree is cloned as a detached one, init returns and makes the clone
 * its root by chroot. The clone belongs to no namespace, so nobody else sees it, and it goes away with the
 * last process whose root it is. (Inside, /proc/self/mountinfo is empty, and nobody can mount anything.)
 *
 * To return takes rights over the namespace that was left, which a user namespace of the container's own
 * takes away.
 *
 * Where nothing is to be mounted, a plain chroot does.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

/* Everything that would change mounts, by the name it has in config.json. */
static const char *needs_mounts(const struct oci_config *c)
{
    const struct {
        bool present;
        const char *name;
    } all[] = {
        {c->mounts.count > 0, "mounts"},
        {c->root && c->root->readonly, "root.readonly"},
        {c->linux_.devices.count > 0, "linux.devices"},
        {c->linux_.masked_paths && *c->linux_.masked_paths, "linux.maskedPaths"},
        {c->linux_.readonly_paths && *c->linux_.readonly_paths, "linux.readonlyPaths"},
        {!str_empty(c->linux_.rootfs_propagation), "linux.rootfsPropagation"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        if (all[i].present)
            return all[i].name;
    return NULL;
}

/* A mount that can't be cloned would be missing in the end. */
static int refuse_unbindable(const struct oci_config *config, struct error *err)
{
    for (size_t i = 0; i < config->mounts.count; i++)
        STRV_FOREACH (word, config->mounts.items[i].options)
            if ((propagation_from_name(*word) & ~(unsigned long)MS_REC) == MS_UNBINDABLE) {
                error_set(err, EINVAL, "mounts[%zu].options: \"%s\" needs a mount namespace", i, *word);
                error_hint(err, "add {\"type\": \"mount\"} to linux.namespaces");
                return -EINVAL;
            }
    return 0;
}

int rootfs_check_borrowed(const struct oci_config *config, bool new_userns, struct error *err)
{
    const char *name = needs_mounts(config);

    if (!name)
        return 0;
    if (!new_userns)
        return refuse_unbindable(config, err);
    error_set(err, EINVAL, "%s: needs a mount namespace, as the container has a user namespace of its own",
              name);
    error_hint(err, "add {\"type\": \"mount\"} to linux.namespaces");
    return -EINVAL;
}

int rootfs_prepare_borrowed(struct rootfs *r, struct error *err)
{
    if (!needs_mounts(r->config))
        return 0;
    r->home_ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (r->home_ns < 0)
        return error_sys(err, errno, "open the container's mount namespace");
    if (unshare(CLONE_NEWNS) < 0)
        return error_sys(err, errno, "make a mount namespace to build the root file system in");
    return rootfs_prepare(r, err);
}

/* The tree as it will stay, and then out of the namespace in which it was made. */
static int take_tree(struct rootfs *r, struct error *err)
{
    const char *name = r->config->linux_.rootfs_propagation;
    unsigned long propagation = str_empty(name) ? 0 : propagation_from_name(name);
    int ret = rootfs_finish(r, err);

    if (ret < 0)
        return ret;
    int tree =
        sys_open_tree(r->root_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
    if (tree < 0)
        return error_sys(err, errno, "clone the root file system \"%s\"", r->path);
    fd_close(&r->root_fd);
    r->root_fd = tree;
    if (propagation && (ret = mount_set_propagation(tree, propagation)) < 0)
        return error_sys(err, -ret, "linux.rootfsPropagation: set \"%s\"", name);
    if (setns(r->home_ns, CLONE_NEWNS) < 0)
        return error_sys(err, errno, "return to the container's mount namespace");
    fd_close(&r->home_ns);
    return 0;
}

static int open_plain(struct rootfs *r, struct error *err)
{
    r->root_fd = open(r->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (r->root_fd < 0)
        return path_failure("root.path: open", r->path, errno, err);
    r->proc_fd = path_open_proc(err);
    return r->proc_fd < 0 ? r->proc_fd : rootfs_finish(r, err);
}

int rootfs_enter_borrowed(struct rootfs *r, struct error *err)
{
    int ret = r->home_ns >= 0 ? take_tree(r, err) : open_plain(r, err);

    if (ret < 0)
        return ret;
    if (fchdir(r->root_fd) < 0)
        return path_failure("root.path: enter", r->path, errno, err);
    if (chroot(".") < 0 || chdir("/") < 0)
        return error_sys(err, errno, "root.path: chroot to \"%s\"", r->path);
    return 0;
}
