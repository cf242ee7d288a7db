#include "helpers/mount/tree.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

/* For directories that no entry of the archive made. */
#define IMPLICIT_MODE 0755

#define BUCKETS_MIN 1024u

int tree_append(struct tree_array *a, size_t size, const void *data, size_t n, uint32_t *at,
                struct error *err)
{
    if (n > INT32_MAX - (size_t)a->n)
        return error_set(err, EFBIG, "the archive has more names and attributes than can be indexed");
    if (a->n + n > a->room) {
        uint64_t room = a->room ? (uint64_t)a->room * 2 : 1024;
        while (room < a->n + n)
            room *= 2;
        void *more = reallocarray(a->at, room, size);
        if (!more)
            return error_oom(err);
        a->at = more;
        a->room = (uint32_t)room;
    }
    if (data && n)
        memcpy((char *)a->at + (size_t)a->n * size, data, n * size);
    else if (n)
        memset((char *)a->at + (size_t)a->n * size, 0, n * size);
    *at = a->n;
    a->n += (uint32_t)n;
    return 0;
}

int tree_add_text(struct tree *t, const void *data, size_t n, uint32_t *at, struct error *err)
{
    return tree_append(&t->text, 1, data, n, at, err);
}

static uint32_t hash_of(uint32_t dir, const char *name, size_t len)
{
    uint64_t h = 0x9e3779b97f4a7c15ull ^ dir, word;

    for (; len >= 8; name += 8, len -= 8) {
        memcpy(&word, name, 8);
        h = (h ^ word) * 0xff51afd7ed558ccdull;
        h ^= h >> 32;
    }
    word = len;
    memcpy(&word, name, len);
    h = (h ^ word ^ ((uint64_t)len << 56)) * 0xff51afd7ed558ccdull;
    return (uint32_t)(h ^ (h >> 32));
}

static void chain(struct tree *t, uint32_t name)
{
    struct tree_name *n = tree_name(t, name);
    uint32_t *bucket = &t->buckets[hash_of(n->parent, tree_text(t, n->text), n->len) & t->mask];

    n->chain = *bucket;
    *bucket = name;
}

int tree_hash(struct tree *t, struct error *err)
{
    uint64_t want = BUCKETS_MIN;

    while (want < (uint64_t)t->names.n * 2)
        want *= 2;
    uint32_t *buckets = calloc(want, sizeof *buckets);
    if (!buckets)
        return error_oom(err);
    free(t->buckets);
    t->buckets = buckets;
    t->mask = (uint32_t)(want - 1);
    for (uint32_t i = 1; i < t->names.n; i++)
        chain(t, i);
    return 0;
}

int tree_init(struct tree *t, struct limits *limits, struct error *err)
{
    uint32_t none, root;

    *t = (struct tree){.limits = limits};
    int r = tree_append(&t->inodes, sizeof(struct tree_inode), NULL, 1, &none, err);
    if (r == 0)
        r = tree_append(&t->names, sizeof(struct tree_name), NULL, 1, &none, err);
    if (r == 0)
        r = tree_new_inode(t, S_IFDIR | IMPLICIT_MODE, &root, err);
    if (r == 0)
        r = tree_hash(t, err);
    if (r < 0)
        return r;
    tree_inode(t, root)->nlink = 1;
    tree_inode(t, root)->parent = root;
    return 0;
}

void tree_free(struct tree *t)
{
    free(t->buckets);
    if (!t->borrowed) {
        free(t->inodes.at);
        free(t->names.at);
        free(t->xattrs.at);
        free(t->extents.at);
        free(t->text.at);
    }
    *t = (struct tree){0};
}

uint32_t tree_find(const struct tree *t, uint32_t dir, const char *name, size_t len)
{
    uint32_t i = t->buckets[hash_of(dir, name, len) & t->mask];

    while (i) {
        const struct tree_name *n = tree_name(t, i);
        if (n->parent == dir && n->len == len && memcmp(tree_text(t, n->text), name, len) == 0)
            break;
        i = n->chain;
    }
    return i;
}

int tree_new_inode(struct tree *t, uint32_t mode, uint32_t *inode, struct error *err)
{
    int r = tree_append(&t->inodes, sizeof(struct tree_inode), NULL, 1, inode, err);

    if (r == 0)
        tree_inode(t, *inode)->mode = mode;
    return r;
}

/* A directory knows the one above. */
static void adopt(struct tree *t, uint32_t inode, uint32_t dir)
{
    struct tree_inode *i = tree_inode(t, inode);

    i->nlink++;
    if (S_ISDIR(i->mode))
        i->parent = dir;
}

int tree_link(struct tree *t, uint32_t dir, const char *name, size_t len, uint32_t inode, struct error *err)
{
    struct tree_name n = {.parent = dir, .inode = inode, .len = (uint32_t)len};
    uint32_t at;
    int r = tree_add_text(t, name, len, &n.text, err);

    if (r == 0)
        r = tree_append(&t->names, sizeof n, &n, 1, &at, err);
    if (r < 0)
        return r;
    struct tree_inode *d = tree_inode(t, dir);
    if (d->last)
        tree_name(t, d->last)->next = at;
    else
        d->first = at;
    d->last = at;
    adopt(t, inode, dir);
    if (t->names.n > t->mask)
        return tree_hash(t, err);
    chain(t, at);
    return 0;
}

void tree_relink(struct tree *t, uint32_t name, uint32_t inode)
{
    struct tree_name *n = tree_name(t, name);

    tree_inode(t, n->inode)->nlink--;
    n->inode = inode;
    adopt(t, inode, n->parent);
}

static int make_directory(struct tree *t, uint32_t dir, const char *name, size_t len, uint32_t *inode,
                          struct error *err)
{
    if (!t->limits)
        return -ENOENT;
    int r = limits_entry(t->limits, err);
    if (r == 0)
        r = tree_new_inode(t, S_IFDIR | IMPLICIT_MODE, inode, err);
    return r < 0 ? r : tree_link(t, dir, name, len, *inode, err);
}

/* A walk in progress. */
struct walk {
    const char *at, *end; /* what is still to be gone: the caller's path, or @rest */
    struct strbuf rest;   /* a link's target and what was to come behind it */
    unsigned links;
    uint32_t dir; /* where it is */
};

/* The walk goes on with the target of link @i, and then with what was left. A copy, since making directories
 * moves the text. */
static int follow(const struct tree *t, struct walk *w, const struct tree_inode *i, struct error *err)
{
    _cleanup_strbuf_ struct strbuf next = {0};
    const char *target = tree_text(t, i->target);

    if (++w->links > TREE_MAX_LINKS)
        return -ELOOP;
    strbuf_addn(&next, target, i->target_len);
    strbuf_add(&next, "/");
    strbuf_addn(&next, w->at, (size_t)(w->end - w->at));
    if (next.oom)
        return error_oom(err);
    if (target[0] == '/')
        w->dir = TREE_ROOT;
    strbuf_free(&w->rest);
    w->rest = next;
    next = (struct strbuf){0};
    w->at = w->rest.data;
    w->end = w->at + w->rest.len;
    return 0;
}

/* One component from @w->dir, to *inode. @make: a directory that is missing is made. */
static int step(struct tree *t, struct walk *w, const char *name, size_t len, bool make, uint32_t *inode,
                struct error *err)
{
    *inode = w->dir;
    if (len == 1 && name[0] == '.')
        return 0;
    if (len == 2 && name[0] == '.' && name[1] == '.') {
        *inode = w->dir = tree_inode(t, w->dir)->parent;
        return 0;
    }
    if (len > NAME_MAX)
        return -ENAMETOOLONG;
    uint32_t found = tree_find(t, w->dir, name, len);
    if (!found) {
        int r = make ? make_directory(t, w->dir, name, len, inode, err) : -ENOENT;
        w->dir = *inode;
        return r;
    }
    *inode = tree_name(t, found)->inode;
    const struct tree_inode *i = tree_inode(t, *inode);
    if (S_ISDIR(i->mode)) {
        w->dir = *inode;
        return 0;
    }
    if (!S_ISLNK(i->mode))
        return 0;
    *inode = w->dir;
    int r = follow(t, w, i, err);
    *inode = w->dir;
    return r;
}

static void walk_free(struct walk *w)
{
    strbuf_free(&w->rest);
}

static int walk(struct tree *t, const char *path, size_t len, bool make, uint32_t *inode, struct error *err)
{
    _cleanup_(walk_free) struct walk w = {.at = path, .end = path + len, .dir = TREE_ROOT};

    *inode = TREE_ROOT;
    for (;;) {
        while (w.at < w.end && *w.at == '/')
            w.at++;
        if (w.at == w.end)
            return 0;
        if (*inode != w.dir)
            return -ENOTDIR;
        const char *name = w.at, *slash = memchr(name, '/', (size_t)(w.end - name));
        w.at = slash ? slash : w.end;
        int r = step(t, &w, name, (size_t)(w.at - name), make, inode, err);
        if (r < 0)
            return r;
    }
}

int tree_directory(struct tree *t, const char *path, size_t len, uint32_t *inode, struct error *err)
{
    int r = walk(t, path, len, t->limits != NULL, inode, err);

    if (r == 0 && !S_ISDIR(tree_inode(t, *inode)->mode))
        return -ENOTDIR;
    return r;
}

uint32_t tree_resolve(struct tree *t, const char *path)
{
    uint32_t inode;

    return walk(t, path, strlen(path), false, &inode, NULL) < 0 ? 0 : inode;
}
