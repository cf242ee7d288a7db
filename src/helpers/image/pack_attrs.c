/*
 * Extended attributes and access control lists of a file, for its entry in an archive. What is kept is what
 * xattrs.h keeps; what overlayfs notes for itself is not.
 */
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "helpers/image/pack_internal.h"

#define OVERLAY_PREFIX "user.overlay."
#define OPAQUE         OVERLAY_PREFIX "opaque"
#define ACL_ACCESS     "system.posix_acl_access"
#define ACL_DEFAULT    "system.posix_acl_default"

/* linux/posix_acl_xattr.h: a version of 4 bytes, then entries of tag, permissions and id; little-endian. */
struct acl_item {
    uint16_t tag, perm;
    uint32_t id;
};
static const struct {
    uint16_t from;
    int to;
} tags[] = {
    {0x01, ARCHIVE_ENTRY_ACL_USER_OBJ}, {0x02, ARCHIVE_ENTRY_ACL_USER}, {0x04, ARCHIVE_ENTRY_ACL_GROUP_OBJ},
    {0x08, ARCHIVE_ENTRY_ACL_GROUP},    {0x10, ARCHIVE_ENTRY_ACL_MASK}, {0x20, ARCHIVE_ENTRY_ACL_OTHER},
};

static int add_acl(struct archive_entry *entry, int type, const char *value, size_t size, struct error *err)
{
    for (size_t at = 4; at + sizeof(struct acl_item) <= size; at += sizeof(struct acl_item)) {
        struct acl_item item;
        memcpy(&item, value + at, sizeof item);
        for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
            bool named = tags[i].to == ARCHIVE_ENTRY_ACL_USER || tags[i].to == ARCHIVE_ENTRY_ACL_GROUP;
            if (tags[i].from == le16toh(item.tag) &&
                archive_entry_acl_add_entry(entry, type, le16toh(item.perm) & 7, tags[i].to,
                                            named ? (int)le32toh(item.id) : -1, NULL) != ARCHIVE_OK)
                return error_oom(err);
        }
    }
    return 0;
}

/* The value of one attribute; NULL with errno. */
static char *read_value(int fd, const char *name, size_t *size)
{
    ssize_t n = fgetxattr(fd, name, NULL, 0);
    if (n < 0)
        return NULL;
    char *value = malloc((size_t)n + 1);
    n = value ? fgetxattr(fd, name, value, (size_t)n) : -1;
    if (n < 0) {
        free(value);
        return NULL;
    }
    *size = (size_t)n;
    return value;
}

static int add_one(int fd, const char *name, struct archive_entry *entry, bool *opaque, struct error *err)
{
    size_t size = 0;
    if (strcmp(name, OPAQUE) == 0)
        *opaque = true;
    bool acl = strcmp(name, ACL_ACCESS) == 0 || strcmp(name, ACL_DEFAULT) == 0;
    bool wanted = (str_starts(name, "user.") && !str_starts(name, OVERLAY_PREFIX)) ||
                  strcmp(name, "security.capability") == 0;
    if (!acl && !wanted)
        return 0;
    _cleanup_free_ char *value = read_value(fd, name, &size);
    if (!value)
        return errno == ENODATA || errno == EOPNOTSUPP
                   ? 0
                   : error_sys(err, errno, "read extended attribute \"%.100s\"", name);
    if (acl)
        return add_acl(entry,
                       strcmp(name, ACL_ACCESS) == 0 ? ARCHIVE_ENTRY_ACL_TYPE_ACCESS
                                                     : ARCHIVE_ENTRY_ACL_TYPE_DEFAULT,
                       value, size, err);
    archive_entry_xattr_add_entry(entry, name, value, size);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int pack_attributes(int fd, struct archive_entry *entry, bool directory, bool *opaque, struct error *err)
{
    ssize_t n = flistxattr(fd, NULL, 0);
    if (n <= 0)
        return n == 0 || errno == EOPNOTSUPP ? 0 : error_sys(err, errno, "list its extended attributes");
    _cleanup_free_ char *names = malloc((size_t)n + 1);
    if (!names)
        return error_oom(err);
    n = flistxattr(fd, names, (size_t)n);
    if (n < 0)
        return error_sys(err, errno, "list its extended attributes");
    _cleanup_strv_ char **sorted = NULL;
    for (char *name = names; name < names + n; name += strlen(name) + 1)
        if (strv_add(&sorted, name) < 0)
            return error_oom(err);
    if (sorted) /* overlayfs counts what it then hides */
        qsort(sorted, strv_len(sorted), sizeof *sorted, compare_names);
    int r = 0;
    STRV_FOREACH (name, sorted)
        if (r == 0 && (directory || strcmp(*name, ACL_DEFAULT) != 0))
            r = add_one(fd, *name, entry, opaque, err);
    return r;
}
