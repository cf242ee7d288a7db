#include "helpers/mount/tar_index.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "helpers/image/contents.h"
#include "helpers/image/name.h"
#include "helpers/mount/xattr_rules.h"

/* One archive on its way. */
struct work {
    struct tar_index *x;
    struct tree *t;
    struct strbuf name, target; /* clean */
    struct contents contents;
    /* the directory of the entry before, which most entries share; "" is the root */
    struct strbuf last_dir;
    uint32_t last_inode;
};

static void work_free(struct work *w)
{
    strbuf_free(&w->name);
    strbuf_free(&w->target);
    strbuf_free(&w->last_dir);
}

/* The directory that holds the clean name @path. */
static int find_directory(struct work *w, const char *path, uint32_t *inode, struct error *err)
{
    size_t len = name_parent_len(path);

    if (len == 0) {
        *inode = TREE_ROOT;
        return 0;
    }
    if (w->last_inode && w->last_dir.len == len && memcmp(w->last_dir.data, path, len) == 0) {
        *inode = w->last_inode;
        return 0;
    }
    int r = tree_directory(w->t, path, len, inode, err);
    if (r < 0 && err->code)
        return r;
    if (r < 0) {
        _cleanup_free_ char *copy = strndup(path, len);
        _cleanup_free_ char *quoted = copy ? str_quote(copy, 200) : NULL;
        return error_sys(err, -r, "open directory \"%s\" of the new root", quoted ? quoted : "?");
    }
    w->last_dir.len = 0;
    strbuf_addn(&w->last_dir, path, len);
    w->last_inode = w->last_dir.oom ? 0 : *inode;
    return w->last_dir.oom ? error_oom(err) : 0;
}

/* Owner, times and attributes. */
static int describe(struct work *w, uint32_t inode, const struct tar_entry *e, struct error *err)
{
    struct tree_inode *i = tree_inode(w->t, inode);

    i->mode = (i->mode & S_IFMT) | e->mode;
    i->uid = e->uid >= 0 && e->uid < TREE_NO_ID ? (uint32_t)e->uid : TREE_NO_ID;
    i->gid = e->gid >= 0 && e->gid < TREE_NO_ID ? (uint32_t)e->gid : TREE_NO_ID;
    i->mtime = e->mtime;
    i->mtime_ns = e->mtime_ns;
    if (!S_ISREG(i->mode) && !S_ISDIR(i->mode))
        return 0;
    return xattr_rules_add(w->t, inode, e, w->name.data, &w->x->warnings, err);
}

static int add_content(struct work *w, uint32_t inode, const struct tar_entry *e, struct error *err)
{
    struct tree_inode *i = tree_inode(w->t, inode);
    struct limits *limits = &w->x->limits;
    uint32_t at;
    int r = limits_size(limits, e->size, err);

    if (r < 0)
        return r;
    i->size = e->size;
    i->data = e->data;
    if (!e->sparse)
        return limits_data(limits, 0, e->size, err);
    for (size_t k = 0; k < e->n_pieces; k++) {
        const struct tree_extent piece = {e->piece[k].offset, e->piece[k].len, e->piece[k].data};
        r = limits_data(limits, piece.offset, piece.len, err);
        if (r == 0)
            r = tree_append(&w->t->extents, sizeof piece, &piece, 1, &at, err);
        if (r < 0)
            return r;
        if (k == 0)
            i->extent = at;
    }
    i->n_extents = (uint32_t)e->n_pieces;
    /* Nothing but a hole: one extent of no length tells it from a file in one piece. */
    if (e->n_pieces == 0 && e->size > 0) {
        r = tree_append(&w->t->extents, sizeof(struct tree_extent), NULL, 1, &i->extent, err);
        i->n_extents = 1;
    }
    return r;
}

/* Lets the name lead to @inode: a new name, or an old one that may be replaced. */
static int put(struct work *w, uint32_t dir, uint32_t inode, struct error *err)
{
    const char *base = name_base(w->name.data);
    uint32_t name = tree_find(w->t, dir, base, strlen(base));

    if (!name)
        return tree_link(w->t, dir, base, strlen(base), inode, err);
    const struct tree_inode *old = tree_inode(w->t, tree_name(w->t, name)->inode);
    if (S_ISDIR(old->mode) && old->first)
        return error_set(err, ENOTEMPTY, "an earlier entry made a directory there that is not empty");
    tree_relink(w->t, name, inode);
    w->last_inode = 0;
    return 0;
}

static int add_directory(struct work *w, const struct tar_entry *e, struct error *err)
{
    uint32_t dir, inode = TREE_ROOT;
    int r = 0;

    if (w->name.len > 0) {
        r = find_directory(w, w->name.data, &dir, err);
        if (r < 0)
            return r;
        const char *base = name_base(w->name.data);
        uint32_t name = tree_find(w->t, dir, base, strlen(base));
        inode = name ? tree_name(w->t, name)->inode : 0;
        if (!inode || !S_ISDIR(tree_inode(w->t, inode)->mode)) {
            r = tree_new_inode(w->t, S_IFDIR, &inode, err);
            if (r == 0)
                r = put(w, dir, inode, err);
        }
    }
    return r < 0 ? r : describe(w, inode, e, err);
}

static int add_hard_link(struct work *w, const struct tar_entry *e, struct error *err)
{
    _cleanup_free_ char *quoted = str_quote(e->link, 200);
    uint32_t from, dir, name;
    int r = name_clean(e->link, &w->target, err);

    if (r < 0 || !quoted) {
        error_prefix(err, "hard link to \"%s\"", quoted ? quoted : "?");
        return r < 0 ? r : error_oom(err);
    }
    r = find_directory(w, w->target.data, &from, err);
    if (r == 0)
        r = find_directory(w, w->name.data, &dir, err);
    if (r < 0)
        return r;
    const char *base = name_base(w->target.data);
    name = *base ? tree_find(w->t, from, base, strlen(base)) : 0;
    if (*base && !name)
        return error_sys(err, ENOENT, "hard link to \"%s\", which no earlier entry made", quoted);
    uint32_t inode = name ? tree_name(w->t, name)->inode : TREE_ROOT;
    if (S_ISDIR(tree_inode(w->t, inode)->mode))
        return error_set(err, EISDIR, "hard link to \"%s\", which is a directory", quoted);
    /* A link to itself, or one that is there already. */
    base = name_base(w->name.data);
    name = tree_find(w->t, dir, base, strlen(base));
    if (name && tree_name(w->t, name)->inode == inode)
        return 0;
    return put(w, dir, inode, err);
}

static int add_link(struct work *w, uint32_t inode, const struct tar_entry *e, struct error *err)
{
    size_t len = strlen(e->link);
    uint32_t at;

    if (len == 0)
        return error_set(err, EBADMSG, "the archive is damaged: a symbolic link without a target");
    if (len >= PATH_MAX)
        return error_sys(err, ENAMETOOLONG, "create the symbolic link");
    int r = tree_add_text(w->t, e->link, len, &at, err);
    if (r < 0)
        return r;
    struct tree_inode *i = tree_inode(w->t, inode);
    i->target = at;
    i->target_len = (uint32_t)len;
    i->size = len;
    return 0;
}

static const uint32_t modes[] = {
    ['0'] = S_IFREG, ['2'] = S_IFLNK, ['3'] = S_IFCHR, ['4'] = S_IFBLK, ['6'] = S_IFIFO};

static int add_other(struct work *w, const struct tar_entry *e, struct error *err)
{
    uint32_t dir, inode;
    /* Before there is anything to take back. */
    int r = find_directory(w, w->name.data, &dir, err);

    if (r < 0)
        return r;
    /* To an overlay, a device of this number is the mark of a deleted file. */
    if (e->type == '3' && e->major == 0 && e->minor == 0) {
        warnings_add(&w->x->warnings, WARNING_DEVICE, w->name.data, NULL);
        return 0;
    }
    r = tree_new_inode(w->t, modes[(unsigned char)e->type], &inode, err);
    if (r == 0 && e->type == '0')
        r = add_content(w, inode, e, err);
    else if (r == 0 && e->type == '2')
        r = add_link(w, inode, e, err);
    if (r == 0)
        r = describe(w, inode, e, err);
    if (r < 0)
        return r;
    if (e->type == '3' || e->type == '4') {
        tree_inode(w->t, inode)->major = e->major & 0xfff;
        tree_inode(w->t, inode)->minor = e->minor & 0xfffff;
    }
    if (e->type == '2')
        tree_inode(w->t, inode)->mode = S_IFLNK | 0777;
    return put(w, dir, inode, err);
}

static int add_entry(struct work *w, const struct tar_entry *e, struct error *err)
{
    int r = limits_entry(&w->x->limits, err);

    if (r == 0)
        r = name_clean(e->name, &w->name, err);
    if (r < 0)
        return r;
    if (w->name.len == 0 && e->type != '5')
        return error_set(err, EINVAL, "the root itself is not a directory");
    if (e->type == '5')
        r = add_directory(w, e, err);
    else if (e->type == '1')
        r = add_hard_link(w, e, err);
    else
        r = add_other(w, e, err);
    if (r < 0)
        return r;
    contents_note(&w->contents, w->name.data);
    if (!contents_are_image(&w->contents))
        return 0;
    error_set(err, EINVAL, "an image archive (docker save or an OCI layout), not a root file system");
    error_hint(err, "with --lazy never it is unpacked, layer by layer, where bryo knows how");
    return -EINVAL;
}

static void name_entry(struct error *err, const char *raw, const char *how)
{
    _cleanup_free_ char *quoted = str_quote(raw, 200);

    error_prefix(err, "%sentry \"%s\"", how, quoted && *quoted ? quoted : *how ? "." : quoted ? quoted : "?");
}

static int read_all(struct work *w, struct tar_reader *reader, int (*step)(void *, struct error *),
                    void *data, struct error *err)
{
    struct tar_entry e;
    int r;

    while ((r = tar_next(reader, &e, err)) > 0) {
        r = add_entry(w, &e, err);
        if (r < 0) {
            name_entry(err, e.name, "");
            return r;
        }
        if (step && (r = step(data, err)) < 0)
            return r;
    }
    if (r == 0 && w->x->limits.entries == 0)
        r = error_set(err, EINVAL, "the archive is empty: it holds no files");
    if (r < 0 && r != -ENOEXEC && w->name.data)
        name_entry(err, w->name.data, "after ");
    return r;
}

int tar_index_read(struct tar_index *x, const struct tar_source *source, int (*step)(void *, struct error *),
                   void *data, struct error *err)
{
    _cleanup_(work_free) struct work w = {.x = x, .t = &x->tree};
    _cleanup_tar_ struct tar_reader *reader = NULL;
    int r = tree_init(&x->tree, &x->limits, err);

    if (r == 0)
        r = tar_open(source, &reader, err);
    if (r == 0)
        r = read_all(&w, reader, step, data, err);
    if (r < 0)
        return r;
    x->tree.limits = NULL;
    x->end = tar_end(reader);
    return 0;
}

void tar_index_free(struct tar_index *x)
{
    tree_free(&x->tree);
    warnings_free(&x->warnings);
}
