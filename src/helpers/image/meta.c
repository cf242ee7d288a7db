#include "helpers/image/meta.h"

#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

/* Returns whether the owner is another one than the archive means. */
static bool set_owner(struct meta *m, struct archive_entry *entry, const char *name, const struct ids *ids,
                      struct warnings *warnings)
{
    int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
    bool uid_here = id_ranges_have(&ids->uids, uid), gid_here = id_ranges_have(&ids->gids, gid);

    m->uid = ids->uid;
    m->gid = ids->gid;
    if (!ids->keep) {
        if (uid == 0 && gid == 0)
            return false;
        warnings_add(warnings, WARNING_OWNERS_NOT_KEPT, name, NULL);
        return true;
    }
    if (uid_here)
        m->uid = (uid_t)uid;
    if (gid_here)
        m->gid = (gid_t)gid;
    if (uid_here && gid_here)
        return false;
    _cleanup_free_ char *detail = str_printf("%lld:%lld", (long long)uid, (long long)gid);
    warnings_add(warnings, WARNING_OWNER_BEYOND, name, detail);
    return true;
}

int meta_from_entry(struct meta *m, struct archive_entry *entry, const char *name, const struct ids *ids,
                    struct warnings *warnings, struct error *err)
{
    *m = (struct meta){.mode = archive_entry_perm(entry) & 07777};
    bool changed = set_owner(m, entry, name, ids, warnings);

    if (changed)
        m->mode &= ~(mode_t)(S_ISUID | S_ISGID);
    m->time[0].tv_nsec = UTIME_OMIT;
    m->time[1].tv_nsec = UTIME_OMIT;
    if (archive_entry_mtime_is_set(entry)) {
        long ns = archive_entry_mtime_nsec(entry);
        m->time[1].tv_sec = archive_entry_mtime(entry);
        m->time[1].tv_nsec = ns >= 0 && ns < 1000000000 ? ns : 0;
    }
    return xattrs_gather(&m->xattrs, entry, name, ids, changed, warnings, err);
}

static bool other_owner(const struct meta *m, const struct ids *ids)
{
    return ids->keep && (m->uid != ids->uid || m->gid != ids->gid);
}

int meta_apply_file(const struct meta *m, int fd, mode_t made, const char *name, const struct ids *ids,
                    struct warnings *warnings, struct error *err)
{
    int r;

    if (other_owner(m, ids) && fchown(fd, m->uid, m->gid) < 0)
        return error_sys(err, errno, "give to owner %u:%u", m->uid, m->gid);
    /* After the owner, which takes setuid and capabilities away. */
    if (m->mode != made && fchmod(fd, m->mode) < 0)
        return error_sys(err, errno, "set mode %04o", (unsigned)m->mode);
    r = m->xattrs.n ? xattrs_apply(&m->xattrs, fd, name, warnings, err) : 0;
    if (r < 0)
        return r;
    if (m->time[1].tv_nsec != UTIME_OMIT && futimens(fd, m->time) < 0)
        return error_sys(err, errno, "set the time");
    return 0;
}

int meta_apply_at(const struct meta *m, int at, const char *name, const struct ids *ids, struct error *err)
{
    if (other_owner(m, ids) && fchownat(at, name, m->uid, m->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(err, errno, "give to owner %u:%u", m->uid, m->gid);
    if (m->time[1].tv_nsec != UTIME_OMIT && utimensat(at, name, m->time, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(err, errno, "set the time");
    return 0;
}
