#include "rootfs/live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x00001000U
#endif
#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x00002000
#endif

struct live_mount {
    struct rootfs r;
    struct mount_plan plan;
    struct mounting m;
    char *destination;
};

/* The functions for config.json say which of its mounts they speak of; here there is one, and no file. */
static int without_index(int r, struct error *err)
{
    static const char index[] = "mounts[0]";

    if (r < 0 && err && err->text && str_starts(err->text, index)) {
        char *text = err->text + sizeof index - 1;
        text += strspn(text, ".: ");
        memmove(err->text, text, strlen(text) + 1);
    }
    return r;
}

void live_mount_free(struct live_mount **lm)
{
    if (!*lm)
        return;
    cleanup_close(&(*lm)->m.fd);
    cleanup_close(&(*lm)->m.dest);
    mount_plan_free(&(*lm)->plan);
    free((*lm)->destination);
    free(*lm);
    *lm = NULL;
}

/* The destination, cleaned; "/" is no place for a mount. */
static int check_destination(const char *destination, char **out, struct error *err)
{
    _cleanup_free_ char *clean = *destination == '/' ? path_clean(destination) : NULL;
    _cleanup_free_ char *shown = str_quote(destination, 0);

    if (!shown || (*destination == '/' && !clean))
        return error_oom(err);
    if (!clean)
        return error_set(err, EINVAL, "destination: expected an absolute path, found \"%s\"", shown);
    if (strcmp(clean, "/") == 0)
        return error_set(err, EINVAL, "destination: \"%s\" is the root of the container", shown);
    *out = TAKE_PTR(clean);
    return 0;
}

/* What makes sense only while a container is being made, or only with mount(2), which takes paths. */
static int check_plan(const struct mount_plan *plan, struct error *err)
{
    const struct {
        bool asked;
        const char *name;
    } refused[] = {
        {plan->remount, "remount"},
        {plan->idmap || plan->ridmap, "idmap"},
        {plan->tmpcopyup, "tmpcopyup"},
        {plan->copy_symlink, "copy-symlink"},
    };
    const struct newfs fs = {.data = plan->data, .sb_set = plan->sb_set, .source = plan->mount->source};

    for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
        if (refused[i].asked)
            return error_set(err, ENOTSUP, "option \"%s\": not possible in a container that runs",
                             refused[i].name);
    if (plan->bind && plan->data) {
        _cleanup_free_ char *shown = str_quote(plan->data[0], 64);
        return shown ? error_set(err, EINVAL, "option \"%s\" has no effect on a bind mount", shown)
                     : error_oom(err);
    }
    if (!plan->bind && newfs_needs_mount2(&fs))
        return error_set(
            err, ENOTSUP,
            "options silent, iversion and values of 256 bytes: not possible in a container that runs");
    return 0;
}

int live_mount_new(const struct oci_mount *mount, bool in_userns, struct live_mount **out, struct error *err)
{
    _cleanup_live_mount_ struct live_mount *lm = calloc(1, sizeof *lm);
    int r;

    if (!lm)
        return error_oom(err);
    lm->r = ROOTFS_INIT;
    lm->r.in_userns = in_userns;
    lm->m = (struct mounting){.r = &lm->r, .plan = &lm->plan, .dest = -EBADF, .fd = -EBADF};
    r = check_destination(mount->destination, &lm->destination, err);
    if (r == 0)
        r = without_index(mount_plan_parse(mount, 0, &lm->plan, err), err);
    if (r == 0)
        r = check_plan(&lm->plan, err);
    if (r < 0)
        return r;
    lm->m.destination = lm->destination;
    *out = TAKE_PTR(lm);
    return 0;
}

int live_mount_open(struct live_mount *lm, struct error *err)
{
    return lm->plan.bind ? without_index(mounting_open_source(&lm->m, err), err) : 0;
}

/* The id of the mount that @fd is on; *is_root: and it is that mount's root. */
static int mount_id(int fd, uint64_t *id, bool *is_root)
{
    struct statx st;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
        return -errno;
    if (!(st.stx_mask & STATX_MNT_ID))
        return -ENOSYS;
    *id = st.stx_mnt_id;
    *is_root = st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
    return 0;
}

static int make_tmpfs(struct mounting *m, struct error *err)
{
    struct detail detail;
    char mode[8];
    const struct newfs fs = {.type = "tmpfs",
                             .source = "tmpfs",
                             .data = m->plan->data,
                             .mode = mount_inherited_mode(m, mode),
                             .sb_set = m->plan->sb_set,
                             .attrs = mount_plan_attrs(m->plan)};

    m->fd = newfs_mount(&fs, &detail);
    return m->fd < 0 ? mounting_fail(m, -m->fd, detail.text, err) : 0;
}

int live_mount_prepare(struct live_mount *lm, int root_fd, uint64_t *id, struct error *err)
{
    struct mounting *m = &lm->m;
    bool is_root;
    int r;

    lm->r.root_fd = root_fd;
    r = mounting_open_destination(m, err);
    if (r == 0 && !lm->plan.bind)
        r = make_tmpfs(m, err);
    if (r == 0 && (r = mount_id(m->fd, id, &is_root)) < 0)
        r = mounting_fail(m, -r, "find its id", err);
    return without_index(r, err);
}

/* umount2 takes no descriptor. The container's /proc is the container's to choose, so the descriptor's name
 * is looked up in the host's, from the working directory. */
static int unmount_fd(int fd_dir, int fd)
{
    char name[16];

    snprintf(name, sizeof name, "%d", fd);
    return fchdir(fd_dir) < 0 || sys_umount2(name, MNT_DETACH) < 0 ? -errno : 0;
}

int live_mount_attach(struct live_mount *lm, int fd_dir, struct error *err)
{
    int r = mounting_attach(&lm->m, err);

    /* It may be the propagation that could not be set. */
    if (r < 0)
        (void)unmount_fd(fd_dir, lm->m.fd);
    return without_index(r, err);
}

static bool has_id(const uint64_t *ids, size_t n, uint64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* May the mount that @fd is on go? */
static int check_removal(const char *destination, int fd, int root_fd, const uint64_t *added, size_t n_added,
                         bool force, uint64_t *id, struct error *err)
{
    bool is_root, ignored;
    uint64_t root_id;
    int r = mount_id(fd, id, &is_root);

    if (r == 0)
        r = mount_id(root_fd, &root_id, &ignored);
    if (r < 0)
        return error_sys(err, -r, "look at the mount at \"%s\"", destination);
    if (*id == root_id || !is_root)
        return error_set(err, EINVAL, "nothing is mounted at \"%s\"", destination);
    if (!force && !has_id(added, n_added, *id)) {
        error_set(err, EPERM, "the mount at \"%s\" was not added by `bryo mounts add`", destination);
        error_hint(err, "it may protect the host, or be needed by the container; --force removes it all "
                        "the same");
        return -EPERM;
    }
    return 0;
}

int live_mount_remove(const char *destination, int root_fd, int fd_dir, const uint64_t *added, size_t n_added,
                      bool force, uint64_t *id, struct error *err)
{
    _cleanup_free_ char *clean = NULL;
    int r = check_destination(destination, &clean, err);

    if (r < 0)
        return r;
    bool nolinks = mount_is_guarded(clean);
    _cleanup_close_ int fd = nolinks ? path_open_in_root_nolinks(root_fd, clean, O_PATH, 0)
                                     : path_open_in_root(root_fd, clean, O_PATH, 0);
    if (fd < 0)
        return error_sys(err, -fd, "open \"%s\" in the container", clean);
    r = check_removal(clean, fd, root_fd, added, n_added, force, id, err);
    if (r < 0)
        return r;
    r = unmount_fd(fd_dir, fd);
    if (r == 0)
        return 0;
    error_sys(err, -r, "unmount \"%s\"", clean);
    if (r == -EINVAL)
        error_hint(err, "the kernel does not let a container part with this one: it came locked from "
                        "outside of its user namespace");
    return r;
}
