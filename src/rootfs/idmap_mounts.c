/*
 * Idmapped mounts: the sources are cloned and mapped outside, where the runtime's own rights are.
 *
 * The kernel takes the mapping from a user namespace. One is made for each mapping by a child that does
 * nothing but wait; its maps are written from here. mount_setattr(2), "ID-mapped mounts".
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

/* The child: runs as the caller with all capabilities in its new user namespace, owns nothing else. Should
 * only wait for its death; mustn't touch anything. */
static void wait_for_death(void) __attribute__((noreturn));
static void wait_for_death(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        pause();
}

static int write_map(pid_t pid, const char *file, const struct oci_id_map_list *list, struct error *err)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    char path[64];

    for (size_t i = 0; i < list->count; i++)
        strbuf_addf(&text, "%u %u %u\n", list->items[i].container_id, list->items[i].host_id,
                    list->items[i].size);
    if (text.oom)
        return error_oom(err);
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    return file_write_at(AT_FDCWD, path, text.data ? text.data : "", text.len, err);
}

/* A user namespace with these maps. Returns its descriptor or -errno. */
static int make_userns(const struct oci_id_map_list *uids, const struct oci_id_map_list *gids,
                       struct error *err)
{
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    _cleanup_pid_ pid_t pid = sys_clone3(&args);
    char path[64];
    int r;

    if (pid < 0)
        return error_sys(err, errno, "make a user namespace for the mapping");
    if (pid == 0)
        wait_for_death();
    if ((r = write_map(pid, "uid_map", uids, err)) < 0 || (r = write_map(pid, "gid_map", gids, err)) < 0)
        return r;
    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? error_sys(err, errno, "open \"%s\"", path) : fd;
}

static int explain(const struct oci_mount *mount, int fd, int code, struct error *err)
{
    struct statfs fs = {0};

    fstatfs(fd, &fs);
    error_sys(err, code, "map the ids of \"%s\" (file system type 0x%lx)", mount->source,
              (unsigned long)fs.f_type);
    if (code == EINVAL)
        error_hint(err,
                   "this file system does not know idmapped mounts in this kernel, or is mapped already");
    else if (code == EPERM)
        error_hint(
            err, "idmapped mounts need root's rights over the file system: a rootless runtime has them only "
                 "for file systems mounted in its own user namespace");
    return -code;
}

static int open_idmapped(const struct oci_config *config, const struct mount_plan *plan, int *out,
                         struct error *err)
{
    const struct oci_mount *mount = plan->mount;
    bool own = mount->uid_mappings.count > 0 || mount->gid_mappings.count > 0;
    const struct oci_id_map_list *uids = own ? &mount->uid_mappings : &config->linux_.uid_mappings;
    const struct oci_id_map_list *gids = own ? &mount->gid_mappings : &config->linux_.gid_mappings;
    bool tree = plan->ridmap;

    if (uids->count == 0 || gids->count == 0) {
        error_set(err, EINVAL, "an idmapped mount needs uidMappings and gidMappings");
        return error_hint(err, "give them with the mount, or a user namespace to the container");
    }
    _cleanup_close_ int fd =
        sys_open_tree(AT_FDCWD, mount->source,
                      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (plan->recursive || tree ? AT_RECURSIVE : 0) |
                          (plan->src_nofollow ? AT_SYMLINK_NOFOLLOW : 0));
    if (fd < 0) {
        int code = errno;
        path_failure("idmap: clone", mount->source, code, err);
        if (code == EPERM)
            error_hint(err, "idmapped mounts need root's rights on the host");
        return -code;
    }
    _cleanup_close_ int userns = make_userns(uids, gids, err);
    if (userns < 0)
        return userns;
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns};
    if (sys_mount_setattr(fd, "", AT_EMPTY_PATH | (tree ? AT_RECURSIVE : 0), &attr) < 0)
        return explain(mount, fd, errno, err);
    *out = TAKE_FD(fd);
    return 0;
}

int rootfs_open_sources(const struct oci_config *config, int *fds, struct error *err)
{
    for (size_t i = 0; i < config->mounts.count; i++)
        fds[i] = -EBADF;
    for (size_t i = 0; i < config->mounts.count; i++) {
        _cleanup_mount_plan_ struct mount_plan plan = {0};
        int r = mount_plan_parse(&config->mounts.items[i], i, &plan, err);
        if (r < 0)
            return r;
        if (!plan.idmap && !plan.ridmap)
            continue;
        r = open_idmapped(config, &plan, &fds[i], err);
        if (r < 0) {
            error_prefix(err, "mounts[%zu]", i);
            return r;
        }
    }
    return 0;
}
