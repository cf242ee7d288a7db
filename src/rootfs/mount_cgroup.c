/*
 * The types "cgroup" and "cgroup2": whatever the host has, shown as far as the container may see it.
 *
 * With a cgroup namespace of its own the container gets a mount of its own, whose root is its cgroup. Without
 * one the host's tree is bound, always read-only: it holds the cgroups of everybody (CVE-2023-25809).
 *
 * On hosts with cgroup v1 (also beside v2) the mount is a tmpfs with one directory for each hierarchy. In a
 * user namespace, where a tmpfs could be filled but the hierarchies not be managed anyway, the host's
 * /sys/fs/cgroup is bound read-only as a whole.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

#define CGROUP_DIR "/sys/fs/cgroup"
#define ATTRS      (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static int bind_host(struct mounting *m, const char *path, struct error *err)
{
    m->fd = mount_clone_host(path, MOUNT_ATTRS_LOCKED_DOWN);
    if (m->fd < 0) {
        char what[64];
        int r = m->fd;
        snprintf(what, sizeof what, "mounts[%zu] (cgroup): bind the host's", m->index);
        return path_failure(what, path, -r, err);
    }
    int r = mount_set_attrs(m->fd, false, mount_plan_attrs(m->plan) & ~(uint64_t)MOUNT_ATTRS_LOCKED_DOWN, 0);
    return r < 0 ? mounting_fail(m, -r, "set attributes", err) : 0;
}

static int find_cgroup2(void *data, const struct mountinfo *line)
{
    char **found = data;

    if (strcmp(line->type, "cgroup2") != 0)
        return 0;
    *found = strdup(line->target);
    return *found ? 1 : -ENOMEM;
}

/* cgroup2: a mount of our own where the namespace is new, else the host's. */
static int mount_v2(struct mounting *m, struct error *err)
{
    _cleanup_free_ char *host = NULL;
    struct detail detail;
    struct newfs fs = {
        .type = "cgroup2",
        .source = m->plan->mount->source,
        .data = m->plan->data,
        .attrs = mount_plan_attrs(m->plan),
    };

    if (m->r->new_cgroup) {
        m->fd = newfs_mount(&fs, &detail);
        if (m->fd >= 0)
            return 0;
        if (m->fd != -EPERM && m->fd != -EBUSY)
            return mounting_fail(m, -m->fd, detail.text, err);
        rootfs_warning(m->r,
                       "cgroup at \"%s\": the kernel refuses a new mount (%s); the host's is bound read-only",
                       m->destination, errno_name(-m->fd));
    }
    if (m->r->cgroup_unified)
        return bind_host(m, CGROUP_DIR, err);
    int r = mountinfo_each("/proc/self/mountinfo", find_cgroup2, &host, err);
    if (r < 0)
        return r;
    return host ? bind_host(m, host, err) : mounting_fail(m, ENODEV, "the host has no cgroup2 mounted", err);
}

/* What the walk over the host's v1 hierarchies carries along. */
struct v1 {
    struct mounting *m;
    const char *own; /* text of /proc/self/cgroup */
    bool warned;
    struct error *err;
};

/* Is @word one of the words in @list, separated by commas? */
static bool has_word(const char *list, const char *word, size_t n)
{
    for (const char *p = list; *p; p += *p == ',') {
        size_t len = strcspn(p, ",:\n");
        if (len == n && strncmp(p, word, n) == 0)
            return true;
        p += len;
        if (*p != ',')
            return false;
    }
    return false;
}

/* Our own path in the hierarchy whose superblock has the options @super, below the mounted @root:
 * "/user.slice", or
 * "" when it is not found or not below. The caller frees; NULL without memory. */
static char *own_path(const char *own, const char *super, bool v2, const char *root)
{
    for (const char *line = own; line && *line;) {
        const char *controllers = strchr(line, ':'), *path, *end;
        if (!controllers || !(path = strchr(++controllers, ':')))
            break;
        path++;
        end = path + strcspn(path, "\n");
        size_t n = strcspn(controllers, ",:");
        if (v2 ? n == 0 : n > 0 && has_word(super, controllers, n)) {
            size_t skip = strcmp(root, "/") == 0 ? 0 : strlen(root);
            if ((size_t)(end - path) < skip || strncmp(path, root, skip) != 0)
                break;
            return strndup(path + skip, (size_t)(end - path) - skip);
        }
        line = *end ? end + 1 : NULL;
    }
    return strdup("");
}

/* A mount of the hierarchy seen from our cgroup namespace. */
static int new_hierarchy(const struct mounting *m, const struct mountinfo *line)
{
    static const char *const no_options[] = {
        "rw", "ro", "xattr", "clone_children", "seclabel", "cpuset_v2_mode"};
    _cleanup_strv_ char **data = NULL;
    _cleanup_free_ char *super = strdup(line->super);
    struct detail detail;
    char *save = NULL;

    if (!super)
        return -ENOMEM;
    for (char *word = strtok_r(super, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
        bool skip = str_starts(word, "release_agent=");
        for (size_t i = 0; i < ARRAY_SIZE(no_options); i++)
            skip = skip || strcmp(word, no_options[i]) == 0;
        if (!skip && strv_add(&data, word) < 0)
            return -ENOMEM;
    }
    bool v2 = strcmp(line->type, "cgroup2") == 0;
    struct newfs fs = {.type = line->type, .source = "cgroup", .data = v2 ? NULL : data};

    fs.attrs = ATTRS | (m->plan->attr_set & MOUNT_ATTR_RDONLY);
    return newfs_mount(&fs, &detail);
}

/* The part of the host's hierarchy that holds us, read-only. */
static int bound_hierarchy(const struct v1 *v, const struct mountinfo *line)
{
    _cleanup_free_ char *own = own_path(v->own, line->super, strcmp(line->type, "cgroup2") == 0, line->root);
    _cleanup_free_ char *path = own ? str_printf("%s%s", line->target, own) : NULL;

    if (!path)
        return -ENOMEM;
    int fd = mount_clone_host(path, MOUNT_ATTRS_LOCKED_DOWN);
    /* A cgroup namespace hides the path: the whole hierarchy, then. */
    return fd == -ENOENT ? mount_clone_host(line->target, MOUNT_ATTRS_LOCKED_DOWN) : fd;
}

/* "cpu" and "cpuacct" for a hierarchy called "cpu,cpuacct". */
static int link_controllers(int dir, const char *name)
{
    for (const char *p = name; *p; p += *p == ',') {
        char word[NAME_MAX + 1];
        size_t n = strcspn(p, ",");
        memcpy(word, p, n);
        word[n] = '\0';
        if (n > 0 && symlinkat(name, dir, word) < 0 && errno != EEXIST)
            return -errno;
        p += n;
    }
    return 0;
}

static int add_hierarchy(void *data, const struct mountinfo *line)
{
    struct v1 *v = data;
    const struct mounting *m = v->m;
    const char *name = line->target + strlen(CGROUP_DIR) + 1;

    if (strncmp(line->type, "cgroup", 6) != 0 || !str_starts(line->target, CGROUP_DIR "/") || !*name ||
        strchr(name, '/') || strlen(name) > NAME_MAX)
        return 0;
    /* The tmpfs is new and ours: single names in it lead nowhere else. */
    if (mkdirat(m->fd, name, 0755) < 0)
        return errno == EEXIST ? 0 : mounting_fail(m, errno, name, v->err);
    _cleanup_close_ int fd = m->r->new_cgroup ? new_hierarchy(m, line) : -EPERM;
    if (fd == -EPERM || fd == -EBUSY || fd == -EINVAL) {
        if (m->r->new_cgroup && !v->warned)
            rootfs_warning(
                m->r, "cgroup at \"%s\": the kernel refuses a new mount (%s); the host's is bound read-only",
                m->destination, errno_name(-fd));
        v->warned = true;
        fd = bound_hierarchy(v, line);
    }
    if (fd < 0)
        return mounting_fail(m, -fd, name, v->err);
    if (sys_move_mount(fd, "", m->fd, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return mounting_fail(m, errno, name, v->err);
    int r = strchr(name, ',') ? link_controllers(m->fd, name) : 0;
    return r < 0 ? mounting_fail(m, -r, name, v->err) : 0;
}

static int mount_v1(struct mounting *m, bool *attached, struct error *err)
{
    static char *const data[] = {(char *)"mode=755", NULL};
    struct newfs fs = {.type = "tmpfs", .source = "cgroup", .data = data, .attrs = ATTRS};
    _cleanup_free_ char *own = NULL;
    struct detail detail;
    struct v1 v = {.m = m, .err = err};

    int r = file_read_at(AT_FDCWD, "/proc/self/cgroup", 1U << 20, &own, NULL, err);
    if (r < 0)
        return r;
    v.own = own;
    m->fd = newfs_mount(&fs, &detail);
    if (m->fd < 0)
        return mounting_fail(m, -m->fd, detail.text, err);
    r = mount_attach(m->fd, m->dest);
    if (r < 0)
        return mounting_fail(m, -r, "attach", err);
    *attached = true;
    r = mountinfo_each("/proc/self/mountinfo", add_hierarchy, &v, err);
    if (r < 0)
        return r;
    r = mount_set_attrs(m->fd, false, m->r->new_cgroup ? m->plan->attr_set : MOUNT_ATTR_RDONLY, 0);
    return r < 0 ? mounting_fail(m, -r, "set attributes", err) : 0;
}

int mount_cgroup(struct mounting *m, bool *attached, struct error *err)
{
    if (m->r->cgroup_unified || strcmp(m->plan->mount->type, "cgroup2") == 0)
        return mount_v2(m, err);
    return m->r->in_userns ? bind_host(m, CGROUP_DIR, err) : mount_v1(m, attached, err);
}
