/*
 * The tree that an archive means, as arrays that refer to each other by index: what is served, and what the
 * saved index holds as it is.
 *
 * Theory of operation. Inodes and names are apart, because hard links give one inode several names and
 * because a later entry may give a name to another inode while the old one lives on under a third. Nothing is
 * ever removed from the arrays. Index 0 of both means "none"; inode 1 is the root. Children of a directory
 * are a list in the order of the archive, which is the order that reads it from front to back; look-ups go
 * through a hash table of (directory, name), which is not saved.
 *
 * The rules are those of `bryo-image unpack`: names are resolved inside the root, links and ".." included.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"
#include "helpers/image/limits.h"

#define TREE_ROOT      1u
#define TREE_MAX_LINKS 40 /* as the kernel follows */

/* A number of an owner that no map has: (uid_t)-1, and what does not fit. */
#define TREE_NO_ID UINT32_MAX

struct tree_inode {
    uint64_t size; /* as it looks, holes included */
    uint64_t data; /* where the archive has it, when there are no extents */
    int64_t mtime;
    uint32_t mtime_ns;
    uint32_t mode; /* with the type */
    uint32_t uid, gid;
    uint32_t nlink;
    uint32_t major, minor;
    uint32_t first, last;        /* directory: its names */
    uint32_t parent;             /* directory: the one above */
    uint32_t target, target_len; /* symbolic link: in the text */
    uint32_t xattr, n_xattrs;    /* a run of the attributes */
    uint32_t extent, n_extents;  /* a run of the extents; none: one piece, or empty */
};

struct tree_name {
    uint32_t parent; /* inode of the directory */
    uint32_t inode;
    uint32_t next;  /* in the directory */
    uint32_t chain; /* in the hash table; 0 in a saved index */
    uint32_t text, len;
};

struct tree_xattr {
    uint32_t key, key_len, value, value_len; /* in the text */
};

/* A piece of a sparse file; between them are holes. */
struct tree_extent {
    uint64_t offset, len, data;
};

struct tree_array {
    void *at;
    uint32_t n, room;
};

struct tree {
    struct tree_array inodes, names, xattrs, extents;
    struct tree_array text; /* bytes; never with a NUL behind a piece */
    uint32_t *buckets, mask;
    struct limits *limits; /* of new directories that no entry names; NULL: the tree is finished */
    bool borrowed;         /* the arrays are a mapping's */
};

static inline struct tree_inode *tree_inode(const struct tree *t, uint32_t i)
{
    return (struct tree_inode *)t->inodes.at + i;
}
static inline struct tree_name *tree_name(const struct tree *t, uint32_t i)
{
    return (struct tree_name *)t->names.at + i;
}
static inline struct tree_xattr *tree_xattr(const struct tree *t, uint32_t i)
{
    return (struct tree_xattr *)t->xattrs.at + i;
}
static inline struct tree_extent *tree_extent(const struct tree *t, uint32_t i)
{
    return (struct tree_extent *)t->extents.at + i;
}
static inline const char *tree_text(const struct tree *t, uint32_t offset)
{
    return (const char *)t->text.at + offset;
}

/* An empty tree: a root of mode 0755. @limits is borrowed. Returns 0 or -ENOMEM. */
int tree_init(struct tree *t, struct limits *limits, struct error *err);
void tree_free(struct tree *t);
/* Makes the hash table of arrays that came from elsewhere and were checked. */
int tree_hash(struct tree *t, struct error *err);

/* Appends @n elements (zeroed if @data is NULL). *at gets the index of the first. -EFBIG above four thousand
 * million, -ENOMEM. */
int tree_append(struct tree_array *a, size_t size, const void *data, size_t n, uint32_t *at,
                struct error *err);
int tree_add_text(struct tree *t, const void *data, size_t n, uint32_t *at, struct error *err);

/* The name in @dir, 0: there is none. */
uint32_t tree_find(const struct tree *t, uint32_t dir, const char *name, size_t len);

/* A new inode: 0 or a failure. */
int tree_new_inode(struct tree *t, uint32_t mode, uint32_t *inode, struct error *err);
/* Gives @inode a name in @dir that is not there yet, and counts it. */
int tree_link(struct tree *t, uint32_t dir, const char *name, size_t len, uint32_t inode, struct error *err);
/* Lets the name @name lead to @inode instead. */
void tree_relink(struct tree *t, uint32_t name, uint32_t inode);

/* The directory @path (clean: helpers/image/name.h), with links resolved inside the root; with limits, what
 * is missing is made. *inode gets it. -ENOENT, -ENOTDIR, -ELOOP without a text; -EFBIG and -ENOMEM with one.
 */
int tree_directory(struct tree *t, const char *path, size_t len, uint32_t *inode, struct error *err);

/* The inode @path (any form), links resolved inside the root, also the last one; 0: nothing there. */
uint32_t tree_resolve(struct tree *t, const char *path);
