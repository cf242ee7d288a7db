/*
 * See credentials.h. All fail with EINVAL for an id that the user namespace does not map, which is the
 * mistake people make: it gets a text of its own.
 */
#include "security/credentials.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <sys/types.h>
#include <unistd.h>

static int not_mapped(struct error *err, const char *path, uint32_t id, const char *mappings,
                      const char *file)
{
    error_set(err, EINVAL, "%s: %" PRIu32 " is not mapped in the user namespace", path, id);
    error_hint(err, "linux.%s must cover it; with the default mappings that takes a range in %s", mappings,
               file);
    return -EINVAL;
}

static int uid_not_mapped(struct error *err, uint32_t uid)
{
    return not_mapped(err, "process.user.uid", uid, "uidMappings", "/etc/subuid");
}

static int gid_not_mapped(struct error *err, uint32_t gid)
{
    return not_mapped(err, "process.user.gid", gid, "gidMappings", "/etc/subgid");
}

static int group_not_mapped(struct error *err, uint32_t gid)
{
    return not_mapped(err, "process.user.additionalGids", gid, "gidMappings", "/etc/subgid");
}

static int groups_denied(struct error *err)
{
    error_set(err, EPERM,
              "process.user.additionalGids: the user namespace may not set groups (setgroups is \"deny\")");
    error_hint(err, "a namespace with the one own gid cannot have them; a range in /etc/subgid and "
                    "newgidmap lift that");
    return -EPERM;
}

int security_check_user(const struct oci_user *user, const struct user_ids *ids, bool groups,
                        struct error *err)
{
    const struct oci_u32_list *listed = &user->additional_gids;

    if (!ids->has(ids->data, ID_USER, user->uid))
        return uid_not_mapped(err, user->uid);
    if (!ids->has(ids->data, ID_GROUP, user->gid))
        return gid_not_mapped(err, user->gid);
    if (groups && listed->count && ids->setgroups_denied)
        return groups_denied(err);
    for (size_t i = 0; groups && i < listed->count; i++)
        if (!ids->has(ids->data, ID_GROUP, listed->items[i]))
            return group_not_mapped(err, listed->items[i]);
    return 0;
}

/* Which of the groups is it that cannot be set? Tried one by one, since the kernel does not tell. */
static int explain_groups(int code, const uint32_t *groups, size_t n, struct error *err)
{
    for (size_t i = 0; i < n && code == EINVAL; i++)
        if (setgroups(1, (const gid_t *)&groups[i]) < 0 && errno == EINVAL)
            return group_not_mapped(err, groups[i]);
    error_sys(err, code, "process.user.additionalGids: set %zu supplementary groups", n);
    if (code == EINVAL)
        error_hint(err, "the kernel takes at most 65536");
    return -code;
}

int credentials_set_groups(const struct drop_plan *plan, struct error *err)
{
    const struct oci_u32_list *listed = &plan->process->user.additional_gids;
    const uint32_t *groups = listed->items;
    size_t n = listed->count;

    _Static_assert(sizeof(gid_t) == sizeof(uint32_t), "lists of gids are given to the kernel as they are");
    /* Not set anew: those that the user namespace does not map have no name that setgroups would take. */
    if (plan->keep_groups)
        return 0;
    /* The caller's groups stay: the kernel lets nobody drop them either, since a group may also forbid. */
    if (plan->setgroups_denied)
        return n ? groups_denied(err) : 0;
    if (setgroups(n, (const gid_t *)groups) == 0)
        return 0;
    int code = errno;
    if (n)
        return explain_groups(code, groups, n, err);
    return error_sys(err, code, "drop the supplementary groups");
}

int credentials_set_gid(uint32_t gid, struct error *err)
{
    if (setresgid(gid, gid, gid) == 0)
        return 0;
    if (errno == EINVAL)
        return gid_not_mapped(err, gid);
    return error_sys(err, errno, "process.user.gid: become gid %" PRIu32, gid);
}

int credentials_set_uid(uint32_t uid, struct error *err)
{
    if (setresuid(uid, uid, uid) == 0)
        return 0;
    if (errno == EINVAL)
        return uid_not_mapped(err, uid);
    return error_sys(err, errno, "process.user.uid: become uid %" PRIu32, uid);
}
