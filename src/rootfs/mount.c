/*
 * The mounts of config.json, one after the other as they are listed.
 *
 * Each is made detached (a clone of its source, or a new file system), gets its attributes there, and is
 * attached to a destination that was resolved inside the root to a descriptor: no path is looked up twice,
 * and nothing is visible before it is complete. /proc, /sys and /dev and all below them are resolved without
 * symbolic links, since an image that ships such a link wants later writes to go elsewhere (CVE-2023-27561,
 * CVE-2026-41579); other destinations may be links, as /var/run is in most images.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

int mounting_fail(const struct mounting *m, int code, const char *detail, struct error *err)
{
    const struct oci_mount *mount = m->plan->mount;
    const char *type = m->plan->bind ? "bind" : mount->type;

    return error_sys(err, code, "mounts[%zu]: mount \"%s\" (%s) at \"%s\"%s%s", m->index,
                     mount->source ? mount->source : "", type ? type : "none", mount->destination,
                     str_empty(detail) ? "" : ": ", detail ? detail : "");
}

bool mount_is_guarded(const char *path)
{
    static const char *const places[] = {"/proc", "/sys", "/dev"};

    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        size_t n = strlen(places[i]);
        if (strncmp(path, places[i], n) == 0 && (path[n] == '/' || path[n] == '\0'))
            return true;
    }
    return false;
}

static int destination_failed(const struct mounting *m, int code, bool nolinks, struct error *err)
{
    if (code == ELOOP && nolinks) {
        error_set(err, ELOOP,
                  "mounts[%zu].destination: \"%s\" leads over a symbolic link in the root file system",
                  m->index, m->destination);
        error_hint(err, "links at or below /proc, /sys and /dev are refused: put a directory there");
        return -ELOOP;
    }
    error_sys(err, code, "mounts[%zu].destination: make or open \"%s\" in the root file system", m->index,
              m->destination);
    if (code == EROFS)
        error_hint(err, "the root file system is read-only and lacks this path: add it to the image");
    return -code;
}

/* Opens what is at the destination. */
static int open_existing(const struct mounting *m, bool nolinks)
{
    if (nolinks)
        return path_open_in_root_nolinks(m->r->root_fd, m->destination, O_PATH, 0);
    return path_open_in_root(m->r->root_fd, m->destination,
                             O_PATH | (m->plan->dest_nofollow ? O_NOFOLLOW : 0), 0);
}

/* Opens what the mount goes to, and makes it if nothing is there: a directory or a file, as the source is. */
static int open_destination(struct mounting *m, bool directory, struct error *err)
{
    const char *type = m->plan->bind || !m->plan->mount->type ? "" : m->plan->mount->type;
    bool nolinks =
        mount_is_guarded(m->destination) || strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0;
    /* Whether it was there matters to these: a bind mount of the wrong kind, a tmpfs that looks like what it
     * covers, a link that is not followed. */
    bool look = m->plan->bind || m->plan->dest_nofollow || strcmp(type, "tmpfs") == 0;
    int fd = look ? open_existing(m, nolinks) : -ENOENT;

    if (fd == -ENOENT) {
        m->dest_made = look;
        fd = directory ? path_mkdir_in_root(m->r->root_fd, m->destination, 0755, nolinks)
                       : path_mkfile_in_root(m->r->root_fd, m->destination, 0644, nolinks);
    }
    if (fd < 0)
        return destination_failed(m, -fd, nolinks, err);
    m->dest = fd;
    return 0;
}

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode)   ? "a directory"
           : S_ISREG(mode) ? "a file"
           : S_ISLNK(mode) ? "a symbolic link"
                           : "a special file";
}

static int attach(const struct mounting *m, struct error *err)
{
    struct stat from, to;
    int r = mount_attach(m->fd, m->dest);

    if (r == 0)
        return 0;
    if (fstat(m->fd, &from) == 0 && fstat(m->dest, &to) == 0 && S_ISDIR(from.st_mode) != S_ISDIR(to.st_mode))
        return error_set(
            err, S_ISDIR(from.st_mode) ? ENOTDIR : EISDIR,
            "mounts[%zu]: source \"%s\" is %s, but destination \"%s\" is %s in the root file system",
            m->index, m->plan->mount->source ? m->plan->mount->source : "", kind_of(from.st_mode),
            m->destination, kind_of(to.st_mode));
    return mounting_fail(m, -r, "attach", err);
}

/* bind: a clone of the source with its attributes. */
static int open_bind_source(struct mounting *m, struct error *err)
{
    const struct mount_plan *plan = m->plan;
    const char *source = plan->mount->source;
    char what[64];

    if (m->r->source_fds && m->r->source_fds[m->index] >= 0)
        m->fd = fcntl(m->r->source_fds[m->index], F_DUPFD_CLOEXEC, 0);
    else
        m->fd = sys_open_tree(AT_FDCWD, source,
                              OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (plan->recursive ? AT_RECURSIVE : 0) |
                                  (plan->src_nofollow ? AT_SYMLINK_NOFOLLOW : 0));
    if (m->fd >= 0)
        return 0;
    int code = errno;
    if (code == EINVAL && !plan->recursive && m->r->in_userns) {
        mounting_fail(m, code, NULL, err);
        error_hint(err, "mounts below the source may not be left out in a user namespace: use \"rbind\"");
        return -code;
    }
    snprintf(what, sizeof what, "mounts[%zu].source: open", m->index);
    return path_failure(what, source, code, err);
}

static int attrs_failed(const struct mounting *m, int code, const char *what, struct error *err)
{
    mounting_fail(m, code, what, err);
    /* mount_namespaces(7), "Restrictions on mount namespaces". */
    if (code == EPERM && m->r->in_userns)
        error_hint(err, "in a user namespace the ro, nosuid, nodev and noexec of the host's mounts stay, and "
                        "so do their settings of access times (noatime, nodiratime, strictatime …)");
    return -code;
}

static int set_bind_attrs(const struct mounting *m, struct error *err)
{
    const struct mount_plan *plan = m->plan;
    int r = mount_set_attrs(m->fd, true, plan->rattr_set, plan->rattr_clr);

    if (r < 0)
        return attrs_failed(m, -r, "set the attributes of the whole tree", err);
    r = mount_set_attrs(m->fd, false, plan->attr_set, plan->attr_clr);
    return r < 0 ? attrs_failed(m, -r, "set attributes", err) : 0;
}

int mounting_open_source(struct mounting *m, struct error *err)
{
    int r = open_bind_source(m, err);

    return r < 0 ? r : set_bind_attrs(m, err);
}

int mounting_open_destination(struct mounting *m, struct error *err)
{
    struct stat st = {.st_mode = S_IFDIR};

    if (m->fd >= 0 && fstat(m->fd, &st) < 0)
        return mounting_fail(m, errno, "look at the source", err);
    return open_destination(m, S_ISDIR(st.st_mode), err);
}

int mounting_attach(struct mounting *m, struct error *err)
{
    int r = attach(m, err);

    if (r == 0 && m->plan->propagation && (r = mount_set_propagation(m->fd, m->plan->propagation)) < 0)
        return mounting_fail(m, -r, "set the propagation", err);
    return r;
}

static int mount_bind(struct mounting *m, struct error *err)
{
    int r = mounting_open_source(m, err);

    STRV_FOREACH (word, m->plan->data) {
        _cleanup_free_ char *shown = str_quote(*word, 64);
        rootfs_warning(m->r, "mounts[%zu].options: \"%s\" has no effect on a bind mount", m->index,
                       shown ? shown : "");
    }
    if (r == 0)
        r = mounting_open_destination(m, err);
    if (r < 0)
        return r;
    if (m->plan->mount->destination && strcmp(m->destination, "/dev") == 0)
        m->r->dev_bound = true;
    return attach(m, err);
}

/* copy-symlink: 1 if the source was a link and is there now as one, 0 if it is none. */
static int copy_symlink(struct mounting *m, struct error *err)
{
    char target[PATH_MAX], there[PATH_MAX];
    ssize_t n = readlink(m->plan->mount->source, target, sizeof target - 1);
    const char *name = strrchr(m->destination, '/') + 1;
    _cleanup_free_ char *parent = NULL;

    if (n < 0)
        return errno == EINVAL ? 0 : mounting_fail(m, errno, "read the link", err);
    target[n] = '\0';
    if (!*name)
        return mounting_fail(m, EINVAL, "a link can not replace the root", err);
    parent = str_printf("/%.*s", (int)(name - m->destination - 1), m->destination + 1);
    if (!parent)
        return error_oom(err);
    _cleanup_close_ int dir =
        path_mkdir_in_root(m->r->root_fd, parent, 0755, mount_is_guarded(m->destination));
    if (dir < 0)
        return destination_failed(m, -dir, mount_is_guarded(m->destination), err);
    if (symlinkat(target, dir, name) == 0)
        return 1;
    if (errno != EEXIST)
        return mounting_fail(m, errno, "make the link", err);
    n = readlinkat(dir, name, there, sizeof there);
    if (n != (ssize_t)strlen(target) || memcmp(there, target, (size_t)n) != 0)
        return mounting_fail(m, EEXIST, "make the link", err);
    return 1;
}

/* remount: new attributes for what is mounted at the destination, and unless "bind" stands with it, new
 * options for its file system. */
static int remount(struct mounting *m, struct error *err)
{
    const struct mount_plan *plan = m->plan;
    struct detail detail = {""};
    int r;

    m->dest = open_existing(m, mount_is_guarded(m->destination));
    if (m->dest < 0)
        return destination_failed(m, -m->dest, mount_is_guarded(m->destination), err);
    m->fd = fcntl(m->dest, F_DUPFD_CLOEXEC, 0);
    if (m->fd < 0)
        return mounting_fail(m, errno, NULL, err);
    if ((r = set_bind_attrs(m, err)) < 0)
        return r;
    bool superblock = plan->data || plan->sb_set || plan->sb_clr;
    if (!plan->bind && superblock && (r = newfs_reconfigure(m->fd, plan, &detail)) < 0)
        return mounting_fail(m, -r, detail.text[0] ? detail.text : "remount", err);
    return 0;
}

/* A mount of cgroups shows the own one, and what is copied into memory is counted there. */
static int enter_cgroup(const struct mounting *m, bool is_cgroup, struct error *err)
{
    const struct rootfs_cgroup *cgroup = &m->r->cgroup;

    return cgroup->enter && (is_cgroup || m->plan->tmpcopyup) ? cgroup->enter(cgroup->data, err) : 0;
}

static int mount_new(struct mounting *m, struct error *err)
{
    const char *type = m->plan->mount->type;
    const bool is_cgroup = strcmp(type, "cgroup") == 0 || strcmp(type, "cgroup2") == 0;
    bool attached = false;
    int r = open_destination(m, true, err);

    if (r == 0)
        r = enter_cgroup(m, is_cgroup, err);
    if (r < 0)
        return r;
    if (is_cgroup)
        r = mount_cgroup(m, &attached, err);
    else
        r = mount_filesystem(m, err);
    if (r < 0)
        return r;
    /* mount(2) has put it there already, and m->fd is none. */
    if (m->fd < 0 && !attached) {
        m->fd = mount_is_guarded(m->destination)
                    ? path_open_in_root_nolinks(m->r->root_fd, m->destination, O_PATH, 0)
                    : path_open_in_root(m->r->root_fd, m->destination, O_PATH, 0);
        if (m->fd < 0)
            return mounting_fail(m, -m->fd, "open it again", err);
        attached = true;
    }
    if (m->plan->tmpcopyup && !m->dest_made && (r = tmpcopyup(m->dest, m->fd, m->destination, err)) < 0) {
        error_prefix(err, "mounts[%zu]", m->index);
        return r;
    }
    if (m->plan->tmpcopyup && (m->plan->attr_set & MOUNT_ATTR_RDONLY) &&
        (r = mount_set_attrs(m->fd, false, MOUNT_ATTR_RDONLY, 0)) < 0)
        return mounting_fail(m, -r, "set attributes", err);
    if (strcmp(m->destination, "/dev") == 0)
        m->r->dev_bound = false;
    return attached ? 0 : attach(m, err);
}

/* A procfs of the container's own, whole and writable, is the handle for all later work in /proc. */
static void adopt_proc(struct mounting *m)
{
    const struct mount_plan *plan = m->plan;

    if (!m->fresh || strcmp(plan->mount->type, "proc") != 0 || strcmp(m->destination, "/proc") != 0 ||
        plan->data || (plan->attr_set & MOUNT_ATTR_RDONLY))
        return;
    fd_close(&m->r->proc_fd);
    m->r->proc_fd = TAKE_FD(m->fd);
}

static int mount_planned(struct mounting *m, struct error *err)
{
    const struct mount_plan *plan = m->plan;
    int r;

    if (plan->copy_symlink && (r = copy_symlink(m, err)) != 0)
        return r < 0 ? r : 0;
    r = plan->remount ? remount(m, err) : plan->bind ? mount_bind(m, err) : mount_new(m, err);
    if (r < 0)
        return r;
    if (plan->propagation && (r = mount_set_propagation(m->fd, plan->propagation)) < 0)
        return mounting_fail(m, -r, "set the propagation", err);
    adopt_proc(m);
    return 0;
}

static int mount_one(struct rootfs *r, size_t index, struct error *err)
{
    const struct oci_mount *mount = &r->config->mounts.items[index];
    _cleanup_mount_plan_ struct mount_plan plan = {0};
    _cleanup_free_ char *destination = path_clean(mount->destination);
    struct mounting m = {.r = r, .index = index, .plan = &plan, .dest = -EBADF, .fd = -EBADF};

    if (!destination)
        return error_oom(err);
    m.destination = destination;
    int ret = mount_plan_parse(mount, index, &plan, err);
    if (ret == 0)
        ret = mount_planned(&m, err);
    cleanup_close(&m.fd);
    cleanup_close(&m.dest);
    return ret;
}

int mount_config_mounts(struct rootfs *r, struct error *err)
{
    for (size_t i = 0; i < r->config->mounts.count; i++) {
        int ret = mount_one(r, i, err);
        if (ret < 0)
            return ret;
    }
    return 0;
}
