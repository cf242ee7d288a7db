/*
 * What can be said about a root file system before anything is made.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "rootfs/internal.h"

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
    if ((r = check_root(path, err)) < 0 || (r = check_mounts(config, err)) < 0)
        return r;
    return check_linux(config, err);
}
