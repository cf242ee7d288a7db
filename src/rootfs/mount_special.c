/*
 * File systems that belong to a namespace, and all others.
 *
 * procfs, sysfs and mqueue show a namespace and can be made only by who owns it. A container that shares the
 * host's namespace gets the host's mount instead, which shows the very same; for sysfs read-only, because the
 * host's may be writable. devpts with a group that the user namespace does not map gets along without.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/mapped.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

struct special {
    const char *type;
    size_t own;         /* offset of the member of struct rootfs: the namespace is the container's own */
    const char *host;   /* where the host has it */
    bool readonly;      /* the host's is bound read-only */
    bool may_fall_back; /* also with a namespace of its own, with a warning */
    const char *hint;   /* the kernel said no although the namespace is our own */
};

static const struct special specials[] = {
    {"proc", offsetof(struct rootfs, new_pid), "/proc", false, false,
     "the kernel allows a new procfs in a user namespace only where the one in sight is whole: parts of "
     "/proc are "
     "covered here, as in a container with masked paths (podman: --security-opt unmask=ALL; Kubernetes: "
     "procMount: "
     "Unmasked)"},
    {"sysfs", offsetof(struct rootfs, new_net), "/sys", true, true, NULL},
    {"mqueue", offsetof(struct rootfs, new_ipc), "/dev/mqueue", false, false,
     "the ipc namespace does not belong to the container's user namespace"},
};

static const struct special *find_special(const char *type)
{
    for (size_t i = 0; i < ARRAY_SIZE(specials); i++)
        if (strcmp(type, specials[i].type) == 0)
            return &specials[i];
    return NULL;
}

const char *label_of(const struct rootfs *r)
{
    return str_empty(r->config->linux_.mount_label) ? NULL : r->config->linux_.mount_label;
}

/* An mqueue takes no context=, but its root a label. */
static int label_mqueue(const struct mounting *m, struct error *err)
{
    const char *label = label_of(m->r);
    char path[FD_PATH_MAX];

    if (!label || strcmp(m->plan->mount->type, "mqueue") != 0 ||
        setxattr(fd_path(path, m->fd), "security.selinux", label, strlen(label) + 1, 0) == 0)
        return 0;
    return mounting_fail(m, errno, "set linux.mountLabel", err);
}

uint64_t mount_plan_attrs(const struct mount_plan *plan)
{
    uint64_t set = plan->attr_set & ~(plan->rattr_clr);

    return set | plan->rattr_set;
}

/* The kernel refused: the host's mount, if that is the same or the best there is. */
static int fall_back(struct mounting *m, const struct special *s, int code, const struct detail *detail,
                     struct error *err)
{
    bool own = *(const bool *)((const char *)m->r + s->own);

    if (own && !s->may_fall_back) {
        mounting_fail(m, code, detail->text, err);
        error_hint(err, "%s", s->hint);
        return -code;
    }
    if (own)
        rootfs_warning(m->r,
                       "%s at \"%s\": the kernel refuses a new one here; the outer one is bound read-only",
                       s->type, m->destination);
    m->fd = mount_clone_host(s->host, s->readonly ? MOUNT_ATTRS_LOCKED_DOWN : 0);
    if (m->fd < 0) {
        char what[64];
        int r = m->fd;
        snprintf(what, sizeof what, "mounts[%zu] (%s): bind the host's", m->index, s->type);
        return path_failure(what, s->host, -r, err);
    }
    int r = mount_set_attrs(m->fd, false,
                            mount_plan_attrs(m->plan) & ~(s->readonly ? MOUNT_ATTRS_LOCKED_DOWN : 0ULL), 0);
    return r < 0 ? mounting_fail(m, -r, "set attributes", err) : 0;
}

/* The gid= of devpts, if it is a number that this user namespace does not map. */
static bool asks_for_unmapped_gid(const struct mount_plan *plan)
{
    STRV_FOREACH (option, plan->data) {
        uint32_t gid, last;
        if (str_starts(*option, "gid=") && parse_id(*option + 4, &gid) == 0)
            return !id_is_mapped(ID_GROUP, gid, &last);
    }
    return false;
}

/* Is every gid= a number? Then the only thing devpts can find invalid is that it is not mapped. */
static bool gid_is_number(const struct mount_plan *plan)
{
    uint32_t gid;

    STRV_FOREACH (option, plan->data)
        if (str_starts(*option, "gid=") && parse_id(*option + 4, &gid) < 0)
            return false;
    return true;
}

static bool has_mode(const struct mount_plan *plan)
{
    STRV_FOREACH (option, plan->data)
        if (str_starts(*option, "mode="))
            return true;
    return false;
}

/* A tmpfs over a directory of the image looks like that directory, unless mode= says otherwise: /tmp stays
 * 1777. */
const char *mount_inherited_mode(const struct mounting *m, char buf[8])
{
    struct stat st;

    if (strcmp(m->plan->mount->type, "tmpfs") != 0 || m->dest_made || has_mode(m->plan) ||
        fstat(m->dest, &st) < 0)
        return NULL;
    snprintf(buf, 8, "%o", (unsigned)(st.st_mode & 07777));
    return buf;
}

int mount_filesystem(struct mounting *m, struct error *err)
{
    const struct mount_plan *plan = m->plan;
    const struct special *special = find_special(plan->mount->type);
    bool devpts = strcmp(plan->mount->type, "devpts") == 0;
    struct detail detail;
    char mode[8];
    struct newfs fs = {
        .type = plan->mount->type,
        .source = plan->mount->source,
        .data = plan->data,
        /* procfs and sysfs label their files themselves. */
        .context = special ? NULL : label_of(m->r),
        .context_key = m->r->label_option,
        .mode = mount_inherited_mode(m, mode),
        .sb_set = plan->sb_set,
        /* The superblock of these is shared with others, or used by this mount alone: the mount's flag is
           enough. */
        .sb_readonly = plan->sb_readonly && !special && !devpts && strcmp(plan->mount->type, "tmpfs") != 0,
        .attrs = mount_plan_attrs(plan),
    };

    if (plan->tmpcopyup)
        fs.attrs &= ~(uint64_t)MOUNT_ATTR_RDONLY; /* set again when the files are there */
    if (newfs_needs_mount2(&fs)) {
        int r = newfs_mount2(&fs, m->dest, &detail);
        return r < 0 ? mounting_fail(m, -r, detail.text, err) : 0;
    }
    if (devpts && m->r->in_userns && gid_is_number(plan))
        fs.optional_key = "gid";
    m->fd = newfs_mount(&fs, &detail);
    /* Older kernels look at the options of devpts only at the end. */
    if (m->fd == -EINVAL && devpts && m->r->in_userns && asks_for_unmapped_gid(plan)) {
        fs.skip_key = "gid";
        m->fd = newfs_mount(&fs, &detail);
    }
    m->fresh = m->fd >= 0;
    if (m->fresh)
        return label_mqueue(m, err);
    if (m->fd == -EPERM && special)
        return fall_back(m, special, EPERM, &detail, err);
    return mounting_fail(m, -m->fd, detail.text, err);
}
