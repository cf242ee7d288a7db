/*
 * The rules, by type of file system.
 *
 * Overlay is for what keeps files and what overlayfs takes as a lower layer. What it does not take (names
 * that differ in case are one there, or there are no inodes to speak of) and what would carry writes to other
 * machines is read-only. What shows the kernel, or appears by being looked at, is not shown at all. A type
 * that is not in the table is read-only: that works for every one.
 */
#include "sandbox/host_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/mountinfo.h"
#include "base/str.h"

static const struct {
    const char *type;
    enum host_rule rule;
} rules[] = {
    {"ext4", HOST_OVERLAY},     {"xfs", HOST_OVERLAY},       {"btrfs", HOST_OVERLAY},
    {"tmpfs", HOST_OVERLAY},    {"overlay", HOST_OVERLAY},   {"zfs", HOST_OVERLAY},
    {"ext3", HOST_OVERLAY},     {"ext2", HOST_OVERLAY},      {"f2fs", HOST_OVERLAY},
    {"bcachefs", HOST_OVERLAY}, {"jfs", HOST_OVERLAY},       {"nilfs2", HOST_OVERLAY},
    {"reiserfs", HOST_OVERLAY}, {"ramfs", HOST_OVERLAY},     {"rootfs", HOST_OVERLAY},
    {"erofs", HOST_OVERLAY},    {"nfs", HOST_OVERLAY},       {"nfs4", HOST_OVERLAY},
    {"lustre", HOST_OVERLAY},   {"beegfs", HOST_OVERLAY},    {"gpfs", HOST_OVERLAY},
    {"9p", HOST_OVERLAY},       {"virtiofs", HOST_OVERLAY},  {"autofs", HOST_EMPTY},
    {"cgroup", HOST_EMPTY},     {"cgroup2", HOST_EMPTY},     {"proc", HOST_EMPTY},
    {"sysfs", HOST_EMPTY},      {"devtmpfs", HOST_EMPTY},    {"devpts", HOST_EMPTY},
    {"mqueue", HOST_EMPTY},     {"hugetlbfs", HOST_EMPTY},   {"debugfs", HOST_EMPTY},
    {"tracefs", HOST_EMPTY},    {"securityfs", HOST_EMPTY},  {"bpf", HOST_EMPTY},
    {"pstore", HOST_EMPTY},     {"efivarfs", HOST_EMPTY},    {"configfs", HOST_EMPTY},
    {"fusectl", HOST_EMPTY},    {"binfmt_misc", HOST_EMPTY}, {"rpc_pipefs", HOST_EMPTY},
    {"nfsd", HOST_EMPTY},       {"nsfs", HOST_EMPTY},        {"selinuxfs", HOST_EMPTY},
    {"resctrl", HOST_EMPTY},    {"fuse.portal", HOST_EMPTY}, {"fuse.gvfsd-fuse", HOST_EMPTY},
};

static const char *const own_places[] = {"/proc", "/sys", "/dev", "/run"};

static enum host_rule rule_of(const char *type)
{
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
        if (!strcmp(type, rules[i].type))
            return rules[i].rule;
    return HOST_READONLY;
}

bool host_path_within(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    if (n == 1)
        return true;
    return !strncmp(path, dir, n) && (path[n] == '/' || path[n] == '\0');
}

bool host_path_is_own(const char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(own_places); i++)
        if (host_path_within(path, own_places[i]))
            return true;
    return false;
}

/* Does the list of options of a mount hold @word? */
static bool has_option(const char *options, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = options; (at = strstr(at, word)); at += n)
        if ((at == options || at[-1] == ',') && (at[n] == ',' || at[n] == '\0'))
            return true;
    return false;
}

static int add(void *data, const struct mountinfo *line)
{
    struct host_mounts *mounts = data;
    struct statx st;
    if (line->target[0] != '/' || (line->target[1] && host_path_is_own(line->target)) ||
        !str_is_utf8(line->target, strlen(line->target)))
        return 0;
    bool seen = statx(AT_FDCWD, line->target, AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW,
                      STATX_TYPE | STATX_MNT_ID, &st) == 0;
    if (!seen && errno == ENOENT)
        return 0;
    /* Another one lies over it. */
    if (seen && st.stx_mnt_id != line->id)
        return 0;
    struct host_mount *more = realloc(mounts->items, (mounts->n + 1) * sizeof *more);
    if (!more)
        return -ENOMEM;
    mounts->items = more;
    more[mounts->n] = (struct host_mount){
        .path = strdup(line->target),
        .rule = seen ? rule_of(line->type) : HOST_EMPTY,
        .file = seen && !S_ISDIR(st.stx_mode),
        .nosuid = has_option(line->options, "nosuid"),
        .noexec = has_option(line->options, "noexec"),
    };
    return more[mounts->n++].path ? 0 : -ENOMEM;
}

int host_mounts_read(struct host_mounts *mounts, struct error *err)
{
    int r = mountinfo_each("/proc/self/mountinfo", add, mounts, err);
    return r == -ENOMEM ? error_oom(err) : r;
}

void host_mounts_free(struct host_mounts *mounts)
{
    for (size_t i = 0; i < mounts->n; i++)
        free(mounts->items[i].path);
    free(mounts->items);
    *mounts = (struct host_mounts){0};
}

const struct host_mount *host_mounts_at(const struct host_mounts *mounts, const char *path)
{
    for (size_t i = mounts->n; i-- > 0;)
        if (!strcmp(mounts->items[i].path, path))
            return &mounts->items[i];
    return NULL;
}

bool host_mounts_below(const struct host_mounts *mounts, const char *path)
{
    if (!strcmp(path, "/"))
        return true; /* /proc at least */
    for (size_t i = 0; i < mounts->n; i++)
        if (strcmp(mounts->items[i].path, path) != 0 && host_path_within(mounts->items[i].path, path))
            return true;
    return false;
}
