#include "helpers/mount/owners.h"

#include <endian.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "helpers/mount/acl_text.h"
#include "helpers/mount/xattr_rules.h"

static bool key_is(const struct tree *t, const struct tree_xattr *x, const char *key)
{
    return x->key_len == strlen(key) && memcmp(tree_text(t, x->key), key, x->key_len) == 0;
}

/* Drops entries in place: the list only gets shorter. */
static void fit_acl(struct tree *t, struct tree_xattr *x, const struct ids *ids, struct warnings *warnings)
{
    char *at = (char *)t->text.at + x->value;
    uint32_t kept = ACL_BINARY_HEAD;

    for (uint32_t from = ACL_BINARY_HEAD; from + sizeof(struct acl_binary_entry) <= x->value_len;
         from += sizeof(struct acl_binary_entry)) {
        struct acl_binary_entry e;
        memcpy(&e, at + from, sizeof e);
        uint32_t id = le32toh(e.id), tag = le16toh(e.tag);
        if ((tag == 0x02 && !id_ranges_have(&ids->uids, id)) ||
            (tag == 0x08 && !id_ranges_have(&ids->gids, id))) {
            warnings_add(warnings, WARNING_ACL, "", "it names a user or group outside the id map");
            continue;
        }
        memmove(at + kept, &e, sizeof e);
        kept += sizeof e;
    }
    if (x->value_len >= ACL_BINARY_HEAD)
        x->value_len = kept;
}

static void fit_xattrs(struct tree *t, const struct tree_inode *i, const struct ids *ids, bool changed,
                       struct warnings *warnings)
{
    for (uint32_t k = 0; k < i->n_xattrs; k++) {
        struct tree_xattr *x = tree_xattr(t, i->xattr + k);
        if (changed && key_is(t, x, XATTR_CAPABILITY))
            x->key_len = 0;
        else if (key_is(t, x, XATTR_ACL_ACCESS) || key_is(t, x, XATTR_ACL_DEFAULT))
            fit_acl(t, x, ids, warnings);
    }
}

/* The first name of an inode, for a warning: its path would need the way up, its last component does. */
static void name_of(const struct tree *t, uint32_t inode, char buf[256])
{
    buf[0] = '\0';
    for (uint32_t n = 1; n < t->names.n; n++)
        if (tree_name(t, n)->inode == inode) {
            memcpy(buf, tree_text(t, tree_name(t, n)->text), tree_name(t, n)->len);
            buf[tree_name(t, n)->len] = '\0';
            return;
        }
}

static bool fit_owner(struct tree *t, uint32_t inode, const struct ids *ids, struct warnings *warnings)
{
    struct tree_inode *i = tree_inode(t, inode);
    enum warning kind = ids->keep ? WARNING_OWNER_BEYOND : WARNING_OWNERS_NOT_KEPT;
    uint32_t uid = i->uid, gid = i->gid;
    bool uid_here = ids->keep ? id_ranges_have(&ids->uids, uid) : uid == 0;
    bool gid_here = ids->keep ? id_ranges_have(&ids->gids, gid) : gid == 0;
    bool changed = ids->keep ? !uid_here || !gid_here : uid != 0 || gid != 0;

    if (!changed)
        return false;
    if (!uid_here || !ids->keep)
        i->uid = 0;
    if (!gid_here || !ids->keep)
        i->gid = 0;
    i->mode &= ~(uint32_t)(S_ISUID | S_ISGID);
    char name[256] = "";
    _cleanup_free_ char *detail = NULL;
    if (warnings->kind[kind].count == 0) {
        name_of(t, inode, name);
        if (ids->keep)
            detail = str_printf("%u:%u", uid, gid);
    }
    warnings_add(warnings, kind, name, detail);
    return true;
}

void owners_apply(struct tree *t, const struct ids *ids, struct warnings *warnings)
{
    for (uint32_t n = TREE_ROOT; n < t->inodes.n; n++) {
        const struct tree_inode *i = tree_inode(t, n);
        if (i->nlink == 0)
            continue;
        bool changed = fit_owner(t, n, ids, warnings);
        if (i->n_xattrs)
            fit_xattrs(t, i, ids, changed, warnings);
    }
}

bool owners_have_acls(const struct tree *t)
{
    for (uint32_t k = 0; k < t->xattrs.n; k++)
        if (key_is(t, tree_xattr(t, k), XATTR_ACL_ACCESS) || key_is(t, tree_xattr(t, k), XATTR_ACL_DEFAULT))
            return true;
    return false;
}
