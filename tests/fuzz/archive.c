/*
 * An archive that is not unpacked: its headers, the tree they make, and the saved form of that. The first
 * byte says whether the rest is an archive, or damage to the saved index of one: places and values, five
 * bytes each.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "helpers/mount/owners.h"
#include "helpers/mount/saved.h"
#include "helpers/mount/tar_index.h"

struct bytes {
    const uint8_t *data;
    size_t len;
};

static ssize_t read_bytes(void *data, void *buf, size_t n, uint64_t offset, struct error *err)
{
    const struct bytes *b = data;

    (void)err;
    if (offset >= b->len)
        return 0;
    if (n > b->len - offset)
        n = b->len - (size_t)offset;
    memcpy(buf, b->data + offset, n);
    return (ssize_t)n;
}

/* What serving does with every part of a tree. */
static void look_everywhere(struct tree *t, uint64_t size)
{
    static const struct ids one = {.keep = false};
    struct warnings warnings = {0};

    for (uint32_t i = TREE_ROOT; i < t->inodes.n; i++) {
        const struct tree_inode *d = tree_inode(t, i);
        size_t steps = 0;
        for (uint32_t n = S_ISDIR(d->mode) ? d->first : 0; n; n = tree_name(t, n)->next) {
            const struct tree_name *name = tree_name(t, n);
            must(name->parent == i && name->inode < t->inodes.n && steps++ <= t->names.n,
                 "a list without an end");
            must(tree_find(t, i, tree_text(t, name->text), name->len), "a name that is not found");
        }
        must(!S_ISLNK(d->mode) || (d->target_len > 0 && (uint64_t)d->target + d->target_len <= t->text.n),
             "a target");
        if (S_ISREG(d->mode) && d->size && !d->n_extents && size)
            must(d->data <= size && d->size <= size - d->data, "data beyond the end");
    }
    (void)tree_resolve(t, "/etc/passwd");
    owners_apply(t, &one, &warnings);
    warnings_free(&warnings);
}

static void damage(const uint8_t *data, size_t size, char *saved, size_t len)
{
    for (; size >= 5; data += 5, size -= 5) {
        size_t at = ((size_t)data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16) % len;
        uint16_t value = (uint16_t)(data[3] | data[4] << 8);
        memcpy(saved + at, &value, at + 2 <= len ? 2 : 1);
    }
    saved_sum(saved, len);
}

static void load(char *saved, size_t len, const struct saved_key *key)
{
    struct tar_index x = {.limits = {.max_bytes = 1 << 30, .max_entries = 10000}};
    struct restart restart = {0};
    const char *why = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    int r = saved_parse(saved, len, key, &x, &restart, &why, &err);

    must(r == 1 || (r == 0 && why), "returned %d", r);
    if (r == 1)
        look_everywhere(&x.tree, restart.size ? restart.size : key->size);
    tar_index_free(&x);
}

/* One that is there before any input: what is damaged. */
static const char *whole(size_t *len, struct saved_key *key)
{
    static char *kept;
    static size_t kept_len;
    static const struct restart none;

    *key = (struct saved_key){.size = 1 << 20};
    if (!kept) {
        struct limits limits = {.max_bytes = 1 << 20, .max_entries = 1000};
        struct tar_index x = {.limits = limits};
        _cleanup_error_ struct error err = ERROR_INIT;
        uint32_t dir, inode, at;
        must(tree_init(&x.tree, &x.limits, &err) == 0, "out of memory");
        for (int i = 0; i < 4; i++) {
            char path[16];
            snprintf(path, sizeof path, "etc/d%d", i);
            must(tree_directory(&x.tree, path, strlen(path), &dir, &err) == 0, "a directory");
            must(tree_new_inode(&x.tree, i & 1 ? S_IFREG | 0644 : S_IFLNK | 0777, &inode, &err) == 0,
                 "an inode");
            must(tree_add_text(&x.tree, "../d1", 5, &at, &err) == 0, "a text");
            struct tree_inode *n = tree_inode(&x.tree, inode);
            n->size = 5;
            n->target = i & 1 ? 0 : at;
            n->target_len = i & 1 ? 0 : 5;
            must(tree_link(&x.tree, dir, "name", 4, inode, &err) == 0, "a name");
        }
        int fd = memfd_create("index", 0);
        int64_t n = saved_store(fd, 0, key, &x, &none, &err);
        must(n > 0 && (kept = malloc((size_t)n)) && pread(fd, kept, (size_t)n, 0) == n, "save");
        kept_len = (size_t)n;
        close(fd);
        tar_index_free(&x);
    }
    *len = kept_len;
    return kept;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct saved_key key;
    size_t len;

    if (size == 0)
        return 0;
    if (data[0] == 'd') {
        const char *good = whole(&len, &key);
        char *saved = malloc(len);
        must(saved, "out of memory");
        memcpy(saved, good, len);
        damage(data + 1, size - 1, saved, len);
        load(saved, len, &key);
        free(saved);
        return 0;
    }
    struct bytes b = {data + 1, size - 1};
    const struct tar_source source = {.read = read_bytes, .data = &b};
    struct tar_index x = {.limits = {.max_bytes = 1 << 30, .max_entries = 10000}};
    _cleanup_error_ struct error err = ERROR_INIT;
    int r = tar_index_read(&x, &source, NULL, NULL, &err);
    must(r == 0 || r == -ENOEXEC || (r < 0 && err.text && *err.text), "an error without a text");
    if (r == 0)
        look_everywhere(&x.tree, 0);
    tar_index_free(&x);
    return 0;
}
