/*
 * What can be said about a root file system before anything is made, and the way in without a mount
 * namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
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

static int refuse_without_namespace(const struct oci_config *config, struct error *err)
{
    const char *name = needs_mounts(config);

    if (!name)
        return 0;
    error_set(err, EINVAL, "%s: needs a mount namespace, without one it would change the host", name);
    error_hint(err, "add {\"type\": \"mount\"} to linux.namespaces");
    return -EINVAL;
}

static int check_root(const char *path, struct error *err)
{
    _cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        return 0;
    if (errno == ENOTDIR)
        return path_failure("root.path: not a directory:", path, ENOTDIR, err);
    return path_failure("root.path: open", path, errno, err);
}

static int check_mounts(const struct oci_config *config, struct error *err)
{
    for (size_t i = 0; i < config->mounts.count; i++) {
        const struct oci_mount *mount = &config->mounts.items[i];
        _cleanup_mount_plan_ struct mount_plan plan = {0};
        int r;
        if (str_empty(mount->destination))
            return error_set(err, EINVAL, "mounts[%zu].destination: missing", i);
        if ((r = mount_plan_parse(mount, i, &plan, err)) < 0)
            return r;
        bool own = mount->uid_mappings.count > 0 && mount->gid_mappings.count > 0;
        bool userns = config->linux_.uid_mappings.count > 0 && config->linux_.gid_mappings.count > 0;
        if (!plan.bind && plan.idmap)
            return error_set(err, EINVAL, "mounts[%zu]: id mappings need a bind mount", i);
        if ((plan.idmap || plan.ridmap) && !own && !userns)
            return error_set(
                err, EINVAL,
                "mounts[%zu]: an idmapped mount needs uidMappings and gidMappings, its own or those of the "
                "container's user namespace",
                i);
    }
    return 0;
}

static int check_linux(const struct oci_config *config, struct error *err)
{
    const struct oci_linux *l = &config->linux_;

    if (!str_empty(l->rootfs_propagation) && !propagation_from_name(l->rootfs_propagation))
        return error_set(err, EINVAL, "linux.rootfsPropagation: unknown propagation \"%s\"",
                         l->rootfs_propagation);
    for (size_t i = 0; i < l->sysctl.count; i++) {
        int r = sysctl_check(config, l->sysctl.items[i].key, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int rootfs_check(const struct oci_config *config, const char *path, struct error *err)
{
    int r;

    if (!config->root || str_empty(config->root->path))
        return error_set(err, EINVAL, "root.path: missing");
    if (!oci_config_namespace(config, OCI_NS_MOUNT) && (r = refuse_without_namespace(config, err)) < 0)
        return r;
    if ((r = check_root(path, err)) < 0 || (r = check_mounts(config, err)) < 0)
        return r;
    return check_linux(config, err);
}

int rootfs_enter_chroot(struct rootfs *r, struct error *err)
{
    int ret = refuse_without_namespace(r->config, err);

    if (ret < 0)
        return ret;
    r->root_fd = open(r->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (r->root_fd < 0)
        return path_failure("root.path: open", r->path, errno, err);
    r->proc_fd = path_open_proc(err);
    if (r->proc_fd < 0)
        return r->proc_fd;
    if (fchdir(r->root_fd) < 0)
        return path_failure("root.path: enter", r->path, errno, err);
    if (chroot(".") < 0 || chdir("/") < 0)
        return error_sys(err, errno, "root.path: chroot to \"%s\"", r->path);
    return 0;
}
