#include "helpers/image/xattrs.h"

#include <archive.h>
#include <archive_entry.h>
#include <endian.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/str.h"

#define XATTR_CAPABILITY "security.capability"

/* What overlayfs keeps in a tree. From an archive it would be an order to the kernel. */
#define XATTR_OVERLAY "user.overlay."

/* linux/posix_acl_xattr.h, which not every header package has: a version, then entries, all little-endian. */
#define ACL_VERSION      2
#define ACL_UNDEFINED_ID 0xffffffffu
enum acl_tag {
    ACL_TAG_USER_OBJ = 0x01,
    ACL_TAG_USER = 0x02,
    ACL_TAG_GROUP_OBJ = 0x04,
    ACL_TAG_GROUP = 0x08,
    ACL_TAG_MASK = 0x10,
    ACL_TAG_OTHER = 0x20,
};
struct acl_entry {
    uint16_t tag, perm;
    uint32_t id;
};
struct acl {
    uint32_t version;
    struct acl_entry entry[];
};

void xattrs_free(struct xattrs *x)
{
    for (size_t i = 0; i < x->n; i++) {
        free(x->list[i].name);
        free(x->list[i].value);
    }
    free(x->list);
    *x = (struct xattrs){0};
}

static int add(struct xattrs *x, const char *name, const void *value, size_t size, struct error *err)
{
    _cleanup_free_ char *name_copy = strdup(name);
    _cleanup_free_ void *value_copy = malloc(size ? size : 1);
    void *more = reallocarray(x->list, x->n + 1, sizeof x->list[0]);

    if (more)
        x->list = more;
    if (!more || !name_copy || !value_copy)
        return error_oom(err);
    if (size)
        memcpy(value_copy, value, size);
    x->list[x->n].name = TAKE_PTR(name_copy);
    x->list[x->n].value = TAKE_PTR(value_copy);
    x->list[x->n++].size = size;
    return 0;
}

/* File capabilities of revision 3 carry the root user of the namespace they were made in, a number of another
 * machine. Revision 2 means the root user of the namespace that sets them, which is what an image means. */
static int add_capability(struct xattrs *x, const void *value, size_t size, struct error *err)
{
    struct vfs_ns_cap_data caps;

    if (size != sizeof caps)
        return add(x, XATTR_CAPABILITY, value, size, err);
    memcpy(&caps, value, sizeof caps);
    uint32_t magic = le32toh(caps.magic_etc);
    if ((magic & VFS_CAP_REVISION_MASK) != VFS_CAP_REVISION_3)
        return add(x, XATTR_CAPABILITY, value, size, err);
    caps.magic_etc = htole32((magic & ~(uint32_t)VFS_CAP_REVISION_MASK) | VFS_CAP_REVISION_2);
    return add(x, XATTR_CAPABILITY, &caps, sizeof(struct vfs_cap_data), err);
}

static int gather_xattrs(struct xattrs *x, struct archive_entry *entry, const char *name, bool strip_caps,
                         struct warnings *warnings, struct error *err)
{
    const char *key;
    const void *value;
    size_t size;
    int r = 0;

    archive_entry_xattr_reset(entry);
    while (r == 0 && archive_entry_xattr_next(entry, &key, &value, &size) == ARCHIVE_OK) {
        if (!key)
            continue;
        if (str_starts(key, "user.") && !str_starts(key, XATTR_OVERLAY))
            r = add(x, key, value, size, err);
        else if (strcmp(key, XATTR_CAPABILITY) == 0 && !strip_caps)
            r = add_capability(x, value, size, err);
        else if (strcmp(key, XATTR_CAPABILITY) != 0) {
            _cleanup_free_ char *quoted = str_quote(key, 100);
            warnings_add(warnings, WARNING_XATTR_KIND, name, quoted);
        }
    }
    return r;
}

static const struct {
    int from; /* libarchive's */
    enum acl_tag to;
} tags[] = {
    {ARCHIVE_ENTRY_ACL_USER_OBJ, ACL_TAG_USER_OBJ},   {ARCHIVE_ENTRY_ACL_USER, ACL_TAG_USER},
    {ARCHIVE_ENTRY_ACL_GROUP_OBJ, ACL_TAG_GROUP_OBJ}, {ARCHIVE_ENTRY_ACL_GROUP, ACL_TAG_GROUP},
    {ARCHIVE_ENTRY_ACL_MASK, ACL_TAG_MASK},           {ARCHIVE_ENTRY_ACL_OTHER, ACL_TAG_OTHER},
};

static int acl_tag_from(int tag)
{
    for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
        if (tags[i].from == tag)
            return (int)tags[i].to;
    return -EINVAL;
}

/* The kernel wants the entries sorted by tag, then by id. */
static int compare_acl(const void *a, const void *b)
{
    const struct acl_entry *x = a, *y = b;
    uint16_t tx = le16toh(x->tag), ty = le16toh(y->tag);
    uint32_t ix = le32toh(x->id), iy = le32toh(y->id);

    return tx != ty ? (tx < ty ? -1 : 1) : (ix > iy) - (ix < iy);
}

/* One list, ARCHIVE_ENTRY_ACL_TYPE_ACCESS or _DEFAULT, in the form of the kernel's attribute. An entry for an
 * id that cannot be named here would be a grant to nobody: it is left out and counted. */
static int gather_acl(struct xattrs *x, struct archive_entry *entry, int type, const char *key,
                      const char *name, const struct ids *ids, struct warnings *warnings, struct error *err)
{
    int count = archive_entry_acl_reset(entry, type), got, permset, tag, id;
    _cleanup_free_ struct acl *acl = NULL;
    const char *who;
    size_t n = 0;

    if (count <= 0)
        return 0;
    /* libarchive counts the three entries that come from the mode only for some lists: leave room for them.
     */
    size_t room = (size_t)count + 3;
    acl = calloc(1, sizeof *acl + room * sizeof acl->entry[0]);
    if (!acl)
        return error_oom(err);
    acl->version = htole32(ACL_VERSION);
    while (n < room && archive_entry_acl_next(entry, type, &got, &permset, &tag, &id, &who) == ARCHIVE_OK) {
        int to = acl_tag_from(tag);
        bool named = to == ACL_TAG_USER || to == ACL_TAG_GROUP;
        if (to < 0 || (named && !id_ranges_have(to == ACL_TAG_USER ? &ids->uids : &ids->gids, id))) {
            warnings_add(warnings, WARNING_ACL, name, "it names a user or group outside the id map");
            continue;
        }
        acl->entry[n++] = (struct acl_entry){
            .tag = htole16((uint16_t)to),
            .perm = htole16((uint16_t)(permset & 7)),
            .id = htole32(named ? (uint32_t)id : ACL_UNDEFINED_ID),
        };
    }
    qsort(acl->entry, n, sizeof acl->entry[0], compare_acl);
    return add(x, key, acl, sizeof *acl + n * sizeof acl->entry[0], err);
}

int xattrs_gather(struct xattrs *x, struct archive_entry *entry, const char *name, const struct ids *ids,
                  bool strip_caps, struct warnings *warnings, struct error *err)
{
    int types = archive_entry_acl_types(entry), r = 0;

    if (archive_entry_xattr_count(entry) > 0)
        r = gather_xattrs(x, entry, name, strip_caps, warnings, err);
    if (r == 0 && (types & ARCHIVE_ENTRY_ACL_TYPE_NFS4))
        warnings_add(warnings, WARNING_ACL, name,
                     "it has the NFSv4 form, which Linux file systems do not take");
    if (r == 0 && (types & ARCHIVE_ENTRY_ACL_TYPE_ACCESS))
        r = gather_acl(x, entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, "system.posix_acl_access", name, ids,
                       warnings, err);
    if (r == 0 && (types & ARCHIVE_ENTRY_ACL_TYPE_DEFAULT) && archive_entry_filetype(entry) == AE_IFDIR)
        r = gather_acl(x, entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, "system.posix_acl_default", name, ids,
                       warnings, err);
    return r;
}

int xattrs_apply(const struct xattrs *x, int fd, const char *name, struct warnings *warnings,
                 struct error *err)
{
    for (size_t i = 0; i < x->n; i++) {
        const char *key = x->list[i].name;
        if (fsetxattr(fd, key, x->list[i].value, x->list[i].size, 0) == 0)
            continue;
        /* ENOSPC is no full disk here: ext4 says so when an attribute is too large for it. */
        if (errno == ENOMEM || errno == EIO)
            return error_sys(err, errno, "set extended attribute \"%s\"", key);
        _cleanup_free_ char *quoted = str_quote(key, 100);
        _cleanup_free_ char *detail = str_printf("%s: %s", quoted ? quoted : "", errno_name(errno));
        warnings_add(warnings, str_starts(key, "system.") ? WARNING_ACL : WARNING_XATTR_REFUSED, name,
                     detail);
    }
    return 0;
}
