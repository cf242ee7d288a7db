#include "helpers/mount/saved.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"

#define VERSION    1u
#define ENDS       (16u * 1024) /* of the archive are in the digest, on each side */
#define SAVED_MAX  (4ull << 30)
#define MAGIC      "bryoidx\n"
#define TARGET_MAX 4096u

enum part { INODES, NAMES, XATTRS, EXTENTS, POINTS, WINDOWS, TEXT, PARTS };

static const uint32_t sizes[PARTS] = {
    [INODES] = sizeof(struct tree_inode),
    [NAMES] = sizeof(struct tree_name),
    [XATTRS] = sizeof(struct tree_xattr),
    [EXTENTS] = sizeof(struct tree_extent),
    [POINTS] = sizeof(struct restart_point),
    [WINDOWS] = RESTART_WINDOW,
    [TEXT] = 1,
};

/* Parts follow each other; all but the last are multiples of eight bytes. */
struct head {
    char magic[8];
    uint32_t version, order; /* 0x01020304 as this machine writes it */
    uint32_t size[PARTS], count[PARTS];
    struct saved_key key;
    uint64_t sum; /* over all behind the head */
    uint64_t decoded, entries, bytes, end;
    struct {
        uint64_t count;
        uint32_t text, len; /* of the first one, in the text */
    } warning[WARNING_COUNT];
};
_Static_assert(sizeof(struct head) % 8 == 0 && sizeof(struct tree_inode) % 8 == 0 &&
                   sizeof(struct tree_name) % 8 == 0 && sizeof(struct tree_xattr) % 8 == 0,
               "parts are aligned");

/* Four lanes, so that the multiplications do not wait for each other. Finds damage, not malice. */
static uint64_t sum_of(const void *data, size_t len, uint64_t seed)
{
    const unsigned char *p = data;
    uint64_t lane[4] = {seed, seed ^ 0x9e3779b97f4a7c15ull, ~seed, seed + len}, word;

    for (; len >= 32; p += 32, len -= 32)
        for (size_t i = 0; i < 4; i++) {
            memcpy(&word, p + 8 * i, 8);
            lane[i] = (lane[i] ^ word) * 0xff51afd7ed558ccdull;
            lane[i] ^= lane[i] >> 29;
        }
    for (; len > 0; p++, len--)
        lane[0] = (lane[0] ^ *p) * 0x100000001b3ull;
    uint64_t h = lane[0];
    for (size_t i = 1; i < 4; i++)
        h = (h ^ lane[i]) * 0xff51afd7ed558ccdull, h ^= h >> 31;
    return h;
}

static int digest(int fd, uint64_t size, uint64_t *out, struct error *err)
{
    _cleanup_free_ char *buf = malloc(2 * ENDS);
    uint64_t tail = size > ENDS ? size - ENDS : 0;

    if (!buf)
        return error_oom(err);
    ssize_t a = pread(fd, buf, ENDS, 0), b = a < 0 ? -1 : pread(fd, buf + a, ENDS, (off_t)tail);
    if (a < 0 || b < 0)
        return error_sys(err, errno, "read the archive");
    *out = sum_of(buf, (size_t)(a + b), size);
    return 0;
}

int saved_key_of(int fd, struct saved_key *key, struct error *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return error_sys(err, errno, "read the archive");
    *key = (struct saved_key){
        .device = st.st_dev,
        .inode = st.st_ino,
        .size = (uint64_t)st.st_size,
        .mtime = st.st_mtim.tv_sec,
        .mtime_ns = st.st_mtim.tv_nsec,
        .ctime = st.st_ctim.tv_sec,
        .ctime_ns = st.st_ctim.tv_nsec,
    };
    return digest(fd, key->size, &key->digest, err);
}

/* Every offset and index of the tree. */
struct check {
    const struct tree *t;
    uint64_t data; /* bytes that the archive has, decompressed */
};

static bool in_text(const struct check *c, uint32_t at, uint32_t len)
{
    return at <= c->t->text.n && len <= c->t->text.n - at;
}

static bool is_run(const struct tree_array *a, uint32_t at, uint32_t n)
{
    return n == 0 || (at < a->n && n <= a->n - at);
}

static bool in_data(const struct check *c, uint64_t at, uint64_t len)
{
    return at <= c->data && len <= c->data - at;
}

static bool inode_fits(const struct check *c, const struct tree_inode *i)
{
    const struct tree *t = c->t;
    uint64_t end = 0;

    if (!is_run(&t->xattrs, i->xattr, i->n_xattrs) || !is_run(&t->extents, i->extent, i->n_extents) ||
        i->mtime_ns >= 1000000000 || i->size > INT64_MAX || (i->mode & ~(uint32_t)(S_IFMT | 07777)))
        return false;
    switch (i->mode & S_IFMT) {
    case S_IFDIR:
        return i->first < t->names.n && i->last < t->names.n && i->parent > 0 && i->parent < t->inodes.n &&
               S_ISDIR(tree_inode(t, i->parent)->mode);
    case S_IFLNK:
        return i->target_len > 0 && i->target_len < TARGET_MAX && i->size == i->target_len &&
               in_text(c, i->target, i->target_len);
    case S_IFREG:
        break;
    case S_IFCHR:
        return (i->major | i->minor) != 0;
    case S_IFBLK:
    case S_IFIFO:
        return true;
    default:
        return false;
    }
    for (uint32_t k = 0; k < i->n_extents; k++) {
        const struct tree_extent *e = tree_extent(t, i->extent + k);
        if (e->offset < end || e->offset > i->size || e->len > i->size - e->offset ||
            !in_data(c, e->data, e->len))
            return false;
        end = e->offset + e->len;
    }
    return i->n_extents > 0 || i->size == 0 || in_data(c, i->data, i->size);
}

static bool name_fits(const struct check *c, uint32_t n, const struct tree_name *name)
{
    const struct tree *t = c->t;

    if (name->inode <= TREE_ROOT || name->inode >= t->inodes.n || name->parent == 0 ||
        name->parent >= t->inodes.n || name->len == 0 || name->len > 255 ||
        !in_text(c, name->text, name->len))
        return false;
    const char *text = tree_text(t, name->text);
    if (memchr(text, '/', name->len) || memchr(text, 0, name->len) || (text[0] == '.' && name->len == 1) ||
        (text[0] == '.' && text[1] == '.' && name->len == 2))
        return false;
    const struct tree_inode *dir = tree_inode(t, name->parent), *i = tree_inode(t, name->inode);
    /* A list goes forward and stays in its directory, so it ends. A directory is made after the one it is in,
     * so there is no circle of them. */
    if (!S_ISDIR(dir->mode) || (name->next && (name->next <= n || name->next >= t->names.n ||
                                               tree_name(t, name->next)->parent != name->parent)))
        return false;
    return !S_ISDIR(i->mode) || (i->parent == name->parent && name->inode > name->parent && i->nlink == 1);
}

static bool tree_fits(const struct check *c)
{
    const struct tree *t = c->t;

    if (t->inodes.n <= TREE_ROOT || t->names.n == 0 || !S_ISDIR(tree_inode(t, TREE_ROOT)->mode) ||
        tree_inode(t, TREE_ROOT)->parent != TREE_ROOT)
        return false;
    for (uint32_t i = TREE_ROOT; i < t->inodes.n; i++)
        if (!inode_fits(c, tree_inode(t, i)))
            return false;
    for (uint32_t n = 1; n < t->names.n; n++)
        if (!name_fits(c, n, tree_name(t, n)))
            return false;
    for (uint32_t i = TREE_ROOT; i < t->inodes.n; i++) {
        const struct tree_inode *d = tree_inode(t, i);
        if (S_ISDIR(d->mode) && d->first && tree_name(t, d->first)->parent != i)
            return false;
    }
    for (uint32_t k = 0; k < t->xattrs.n; k++) {
        const struct tree_xattr *x = tree_xattr(t, k);
        if (x->key_len == 0 || x->key_len > 255 || x->value_len > 65536 || !in_text(c, x->key, x->key_len) ||
            !in_text(c, x->value, x->value_len) || memchr(tree_text(t, x->key), 0, x->key_len))
            return false;
    }
    return true;
}

/* A directory has one name. */
static bool directories_fit(const struct tree *t)
{
    _cleanup_free_ unsigned char *seen = calloc(t->inodes.n, 1);

    for (uint32_t n = 1; seen && n < t->names.n; n++) {
        uint32_t i = tree_name(t, n)->inode;
        if (S_ISDIR(tree_inode(t, i)->mode) && seen[i]++)
            return false;
    }
    return seen != NULL;
}

static bool points_fit(const struct restart *r, uint64_t archive)
{
    for (uint32_t i = 0; i < r->n; i++) {
        const struct restart_point *p = &r->point[i];
        if (p->in > archive || p->out > r->size || p->bits > 7 || p->window > RESTART_WINDOW ||
            (i > 0 && (p->in < p[-1].in || p->out <= p[-1].out)) || (i == 0 && p->out != 0) ||
            (p->bits && p->in == 0))
            return false;
    }
    return true;
}

static bool head_fits(const struct head *h, size_t len, const struct saved_key *key, const char **why)
{
    uint64_t end = sizeof *h;

    *why = "it is of another version";
    if (len < sizeof *h || memcmp(h->magic, MAGIC, sizeof h->magic) != 0 || h->version != VERSION ||
        h->order != 0x01020304u || memcmp(h->size, sizes, sizeof sizes) != 0)
        return false;
    *why = "the archive has changed";
    if (memcmp(&h->key, key, sizeof *key) != 0)
        return false;
    *why = "it is damaged";
    for (size_t i = 0; i < PARTS; i++)
        end += (uint64_t)h->count[i] * sizes[i];
    return end == len && h->count[POINTS] == h->count[WINDOWS] && h->count[INODES] < INT32_MAX &&
           h->count[NAMES] < INT32_MAX && sum_of(h + 1, len - sizeof *h, 0) == h->sum;
}

static int take_warnings(struct tar_index *x, const struct head *h, struct error *err)
{
    for (size_t i = 0; i < WARNING_COUNT; i++) {
        if (h->warning[i].text > x->tree.text.n || h->warning[i].len > x->tree.text.n - h->warning[i].text)
            return 0;
        x->warnings.kind[i].count = h->warning[i].count;
        if (!h->warning[i].len)
            continue;
        x->warnings.kind[i].first = strndup(tree_text(&x->tree, h->warning[i].text), h->warning[i].len);
        if (!x->warnings.kind[i].first)
            return error_oom(err);
    }
    return 1;
}

/* What --max-size and its kin would have refused. */
static bool limits_fit(const struct head *h, const struct tar_index *x)
{
    if (h->entries > x->limits.max_entries || h->bytes > x->limits.max_bytes)
        return false;
    for (uint32_t i = TREE_ROOT; i < x->tree.inodes.n; i++)
        if (S_ISREG(tree_inode(&x->tree, i)->mode) && tree_inode(&x->tree, i)->size > x->limits.max_bytes)
            return false;
    return true;
}

int saved_parse(void *data, size_t len, const struct saved_key *key, struct tar_index *x,
                struct restart *restart, const char **why, struct error *err)
{
    struct head *h = data;
    char *at = (char *)(h + 1);
    struct tree_array *arrays[PARTS] = {
        [INODES] = &x->tree.inodes,   [NAMES] = &x->tree.names, [XATTRS] = &x->tree.xattrs,
        [EXTENTS] = &x->tree.extents, [TEXT] = &x->tree.text,
    };

    if (!head_fits(h, len, key, why))
        return 0;
    x->tree.borrowed = true;
    for (size_t i = 0; i < PARTS; i++) {
        if (arrays[i])
            *arrays[i] = (struct tree_array){at, h->count[i], h->count[i]};
        else if (i == POINTS)
            restart->point = (struct restart_point *)at;
        else
            restart->windows = (unsigned char *)at;
        at += (size_t)h->count[i] * sizes[i];
    }
    restart->n = h->count[POINTS];
    restart->size = h->decoded;
    const struct check c = {.t = &x->tree, .data = h->decoded ? h->decoded : key->size};
    if (c.data > INT64_MAX || h->end > c.data || !tree_fits(&c) || !directories_fit(&x->tree) ||
        !points_fit(restart, key->size))
        return 0;
    *why = "it holds more than is allowed now";
    if (!limits_fit(h, x))
        return 0;
    *why = "it is damaged";
    int r = take_warnings(x, h, err);
    if (r <= 0)
        return r;
    x->limits.entries = h->entries;
    x->limits.bytes = h->bytes;
    x->end = h->end;
    r = tree_hash(&x->tree, err);
    return r < 0 ? r : 1;
}

/* Nothing of a file that is not used stays. */
static void forget(struct tar_index *x, struct restart *restart)
{
    struct limits limits = x->limits;

    tar_index_free(x);
    x->limits = (struct limits){.max_bytes = limits.max_bytes, .max_entries = limits.max_entries};
    *restart = (struct restart){0};
}

int saved_load(int fd, const struct saved_key *key, struct tar_index *x, struct restart *restart,
               const char **why, struct error *err)
{
    struct stat st;

    *why = "there is none";
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
        return 0;
    *why = "it is damaged";
    if (st.st_uid != geteuid() || st.st_size < (off_t)sizeof(struct head) || (uint64_t)st.st_size > SAVED_MAX)
        return 0;
    /* Lives as long as the program. */
    size_t len = (size_t)st.st_size, got = 0;
    _cleanup_free_ char *data = malloc(len);
    if (!data)
        return error_oom(err);
    while (got < len) {
        ssize_t n = pread(fd, data + got, len - got, (off_t)got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        got += (size_t)n;
    }
    int r = saved_parse(data, len, key, x, restart, why, err);
    if (r > 0)
        data = NULL;
    else
        forget(x, restart);
    return r;
}

static int write_all(int fd, const void *data, size_t len, uint64_t offset, struct error *err)
{
    for (const char *p = data; len > 0;) {
        ssize_t n = pwrite(fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_sys(err, errno, "save the index");
        p += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

int64_t saved_store(int fd, uint64_t offset, const struct saved_key *key, const struct tar_index *x,
                    const struct restart *restart, struct error *err)
{
    const struct tree *t = &x->tree;
    struct head h = {.magic = MAGIC, .version = VERSION, .order = 0x01020304u, .key = *key};
    _cleanup_strbuf_ struct strbuf body = {0}, first = {0};
    const struct {
        const void *at;
        uint32_t n;
    } parts[PARTS] = {
        [INODES] = {t->inodes.at, t->inodes.n},  [NAMES] = {t->names.at, t->names.n},
        [XATTRS] = {t->xattrs.at, t->xattrs.n},  [EXTENTS] = {t->extents.at, t->extents.n},
        [POINTS] = {restart->point, restart->n}, [WINDOWS] = {restart->windows, restart->n},
        [TEXT] = {t->text.at, t->text.n},
    };

    memcpy(h.size, sizes, sizeof sizes);
    h.decoded = restart->size;
    h.entries = x->limits.entries;
    h.bytes = x->limits.bytes;
    h.end = x->end;
    for (size_t i = 0; i < WARNING_COUNT; i++) {
        const char *text = x->warnings.kind[i].first;
        h.warning[i].count = x->warnings.kind[i].count;
        h.warning[i].text = t->text.n + (uint32_t)first.len;
        h.warning[i].len = text ? (uint32_t)strlen(text) : 0;
        strbuf_add(&first, text ? text : "");
    }
    for (size_t i = 0; i < PARTS; i++) {
        h.count[i] = parts[i].n + (i == TEXT ? (uint32_t)first.len : 0);
        if (parts[i].n)
            strbuf_addn(&body, parts[i].at, (size_t)parts[i].n * sizes[i]);
    }
    strbuf_addn(&body, first.data ? first.data : "", first.len);
    if (body.oom || first.oom)
        return error_oom(err);
    h.sum = sum_of(body.data, body.len, 0);
    int r = write_all(fd, &h, sizeof h, offset, err);
    if (r == 0)
        r = write_all(fd, body.data, body.len, offset + sizeof h, err);
    return r < 0 ? r : (int64_t)(sizeof h + body.len);
}

void saved_sum(void *data, size_t len)
{
    struct head *h = data;

    if (len >= sizeof *h)
        h->sum = sum_of(h + 1, len - sizeof *h, 0);
}
