#include "helpers/mount/xattr_rules.h"

#include <endian.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "helpers/mount/acl_text.h"

static int add(struct tree *t, uint32_t inode, const char *key, size_t key_len, const void *value, size_t len,
               struct error *err)
{
    struct tree_inode *i = tree_inode(t, inode);
    struct tree_xattr x = {.key_len = (uint32_t)key_len, .value_len = (uint32_t)len};
    uint32_t at;

    /* The last one of a name counts. */
    for (uint32_t k = 0; k < i->n_xattrs; k++) {
        struct tree_xattr *old = tree_xattr(t, i->xattr + k);
        if (old->key_len == key_len && memcmp(tree_text(t, old->key), key, key_len) == 0) {
            old->value_len = (uint32_t)len;
            return tree_add_text(t, value, len, &old->value, err);
        }
    }
    int r = tree_add_text(t, key, key_len, &x.key, err);
    if (r == 0)
        r = tree_add_text(t, value, len, &x.value, err);
    if (r == 0)
        r = tree_append(&t->xattrs, sizeof x, &x, 1, &at, err);
    if (r < 0)
        return r;
    i = tree_inode(t, inode);
    if (i->n_xattrs++ == 0)
        i->xattr = at;
    return 0;
}

/* Revision 3 carries the root user of another machine's namespace; revision 2 means the one that mounts. */
static int add_capability(struct tree *t, uint32_t inode, const struct tar_attribute *a, struct error *err)
{
    struct vfs_ns_cap_data caps;
    size_t len = a->value_len;

    if (len != sizeof caps)
        return add(t, inode, a->key, a->key_len, a->value, len, err);
    memcpy(&caps, a->value, sizeof caps);
    uint32_t magic = le32toh(caps.magic_etc);
    if ((magic & VFS_CAP_REVISION_MASK) == VFS_CAP_REVISION_3) {
        caps.magic_etc = htole32((magic & ~(uint32_t)VFS_CAP_REVISION_MASK) | VFS_CAP_REVISION_2);
        len = sizeof(struct vfs_cap_data);
    }
    return add(t, inode, a->key, a->key_len, &caps, len, err);
}

static bool has_prefix(const struct tar_attribute *a, const char *prefix)
{
    size_t n = strlen(prefix);

    return a->key_len > n && memcmp(a->key, prefix, n) == 0;
}

/* Whether an id is mapped is known when the tree is served: here every one is. */
static bool any_id(void *data, bool group, uint32_t id)
{
    (void)data;
    (void)group;
    (void)id;
    return true;
}

static int add_acl(struct tree *t, uint32_t inode, const char *key, const char *text, const char *name,
                   struct warnings *warnings, struct error *err)
{
    char binary[ACL_BINARY_MAX];
    bool left_out = false;
    size_t len = acl_from_text(text, any_id, NULL, binary, &left_out);

    if (left_out)
        warnings_add(warnings, WARNING_ACL, name, "it names a user or group without its number");
    return len ? add(t, inode, key, strlen(key), binary, len, err) : 0;
}

int xattr_rules_add(struct tree *t, uint32_t inode, const struct tar_entry *e, const char *name,
                    struct warnings *warnings, struct error *err)
{
    int r = 0;

    tree_inode(t, inode)->n_xattrs = 0;
    for (size_t k = 0; r == 0 && k < e->n_attributes; k++) {
        const struct tar_attribute *a = &e->attribute[k];
        bool capability = a->key_len == strlen(XATTR_CAPABILITY) && has_prefix(a, "security.capabilit") &&
                          a->key[a->key_len - 1] == 'y';
        bool kept = (has_prefix(a, "user.") && !has_prefix(a, "user.overlay.")) || capability;
        if (!kept || memchr(a->key, 0, a->key_len)) {
            _cleanup_free_ char *key = strndup(a->key, a->key_len);
            _cleanup_free_ char *quoted = key ? str_quote(key, 100) : NULL;
            warnings_add(warnings, WARNING_XATTR_KIND, name, quoted);
        } else if (a->key_len > XATTR_NAME_MAX || a->value_len > XATTR_SIZE_MAX) {
            _cleanup_free_ char *key = strndup(a->key, a->key_len);
            _cleanup_free_ char *quoted = key ? str_quote(key, 100) : NULL;
            _cleanup_free_ char *detail = str_printf("%s: E2BIG", quoted ? quoted : "");
            warnings_add(warnings, WARNING_XATTR_REFUSED, name, detail);
        } else if (capability) {
            r = add_capability(t, inode, a, err);
        } else {
            r = add(t, inode, a->key, a->key_len, a->value, a->value_len, err);
        }
    }
    if (r == 0 && e->acl_access)
        r = add_acl(t, inode, XATTR_ACL_ACCESS, e->acl_access, name, warnings, err);
    if (r == 0 && e->acl_default && S_ISDIR(tree_inode(t, inode)->mode))
        r = add_acl(t, inode, XATTR_ACL_DEFAULT, e->acl_default, name, warnings, err);
    return r;
}
