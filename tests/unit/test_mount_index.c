/*
 * The tree of an archive that is not unpacked, and its saved form: what a damaged or forged file may not do.
 * The archives of tests/image/hostile.py go through all of it in tests/cli/lazy.bats.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "helpers/mount/acl_text.h"
#include "helpers/mount/owners.h"
#include "helpers/mount/saved.h"
#include "helpers/mount/tar_header.h"
#include "helpers/mount/tar_index.h"
#include "helpers/mount/tar_pax.h"

/* An archive in memory. */
struct memory {
    char data[64 * TAR_BLOCK];
    size_t len;
};

static ssize_t read_memory(void *data, void *buf, size_t n, uint64_t offset, struct error *err)
{
    const struct memory *m = data;

    (void)err;
    if (offset >= m->len)
        return 0;
    if (n > m->len - offset)
        n = m->len - (size_t)offset;
    memcpy(buf, m->data + offset, n);
    return (ssize_t)n;
}

static void add_block(struct memory *m, const void *data, size_t n)
{
    assert_true(m->len + TAR_BLOCK <= sizeof m->data && n <= TAR_BLOCK);
    memset(m->data + m->len, 0, TAR_BLOCK);
    memcpy(m->data + m->len, data, n);
    m->len += TAR_BLOCK;
}

static void add(struct memory *m, char type, const char *name, const char *link, const char *data)
{
    struct tar_header h = {.type = type};
    unsigned sum = 0;

    snprintf(h.name, sizeof h.name, "%s", name);
    snprintf(h.link, sizeof h.link, "%s", link);
    snprintf(h.mode, sizeof h.mode, "%07o", 0755);
    snprintf(h.uid, sizeof h.uid, "%07o", 7);
    snprintf(h.gid, sizeof h.gid, "%07o", 0);
    snprintf(h.size, sizeof h.size, "%011o", (unsigned)strlen(data));
    snprintf(h.mtime, sizeof h.mtime, "%011o", 1000);
    memcpy(h.magic, "ustar", 6);
    memset(h.checksum, ' ', sizeof h.checksum);
    for (size_t i = 0; i < sizeof h; i++)
        sum += ((const unsigned char *)&h)[i];
    snprintf(h.checksum, sizeof h.checksum, "%06o", sum);
    add_block(m, &h, sizeof h);
    if (*data)
        add_block(m, data, strlen(data));
}

static void make_archive(struct memory *m)
{
    *m = (struct memory){.len = 0};
    add(m, '5', "etc/", "", "");
    add(m, 'x', "pax", "", "27 SCHILY.xattr.user.a=b\n\n28 SCHILY.xattr.user.bb=cc\n");
    m->len -= 2 * TAR_BLOCK; /* the lengths have to be right */
    add(m, 'x', "pax", "", "26 SCHILY.xattr.user.a=bc\n27 SCHILY.xattr.user.bb=cc\n");
    add(m, '0', "etc/passwd", "", "root:x:0:0::/root:/bin/sh\n");
    add(m, '1', "etc/again", "etc/passwd", "");
    add(m, '2', "link", "etc/../etc/passwd", "");
    add(m, '2', "loop", "loop", "");
    add(m, '0', "a/b/c/deep", "", "deep");
    add(m, '0', "etc/passwd", "", "replaced");
    add_block(m, "", 0);
    add_block(m, "", 0);
}

static void index_of(struct memory *m, struct tar_index *x)
{
    const struct tar_source source = {.read = read_memory, .data = m};
    _cleanup_error_ struct error err = ERROR_INIT;

    *x = (struct tar_index){.limits = {.max_bytes = 1 << 20, .max_entries = 1000}};
    int r = tar_index_read(x, &source, NULL, NULL, &err);
    if (r < 0)
        fail_msg("%s", error_text(&err));
}

/* All that serving does with a tree, so that a sanitizer sees it. */
static void look_everywhere(struct tree *t)
{
    static const struct ids one = {.keep = false};
    struct warnings warnings = {0};
    volatile unsigned sum = 0;

    for (uint32_t i = TREE_ROOT; i < t->inodes.n; i++) {
        const struct tree_inode *d = tree_inode(t, i);
        size_t steps = 0;
        for (uint32_t n = S_ISDIR(d->mode) ? d->first : 0; n; n = tree_name(t, n)->next, steps++) {
            const struct tree_name *name = tree_name(t, n);
            assert_true(tree_find(t, i, tree_text(t, name->text), name->len) > 0);
            assert_true(steps <= t->names.n);
        }
        for (uint32_t k = 0; S_ISLNK(d->mode) && k < d->target_len; k++)
            sum += (unsigned char)tree_text(t, d->target)[k];
        for (uint32_t k = 0; k < d->n_xattrs; k++) {
            const struct tree_xattr *x = tree_xattr(t, d->xattr + k);
            for (uint32_t b = 0; b < x->value_len; b++)
                sum += (unsigned char)tree_text(t, x->value)[b];
        }
        for (uint32_t k = 0; k < d->n_extents; k++)
            sum += (unsigned)tree_extent(t, d->extent + k)->len;
    }
    (void)tree_resolve(t, "/etc/passwd");
    (void)tree_resolve(t, "/link/../../loop/x");
    owners_apply(t, &one, &warnings);
    (void)owners_have_acls(t);
    warnings_free(&warnings);
    assert_true(sum < UINT32_MAX);
}

static void a_tree_is_what_the_archive_says(void **state)
{
    struct memory m;
    struct tar_index x;

    (void)state;
    make_archive(&m);
    index_of(&m, &x);
    uint32_t passwd = tree_resolve(&x.tree, "/link"), again = tree_resolve(&x.tree, "etc/again");
    assert_true(passwd > 0 && again > 0 && passwd != again);
    assert_int_equal(tree_inode(&x.tree, passwd)->size, strlen("replaced"));
    assert_int_equal(tree_inode(&x.tree, passwd)->nlink, 1);
    assert_int_equal(tree_inode(&x.tree, again)->nlink, 1);
    assert_int_equal(tree_inode(&x.tree, again)->n_xattrs, 2);
    assert_int_equal(tree_resolve(&x.tree, "/../../a/b/./c/../c/deep"), tree_resolve(&x.tree, "a/b/c/deep"));
    assert_int_equal(tree_resolve(&x.tree, "loop"), 0);
    assert_int_equal(tree_resolve(&x.tree, "etc/passwd/x"), 0);
    look_everywhere(&x.tree);
    tar_index_free(&x);
}

/* The saved form as bytes. The caller frees. */
static void *save(const struct tar_index *x, const struct saved_key *key, size_t *len)
{
    static const struct restart none;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_close_ int fd = memfd_create("index", MFD_CLOEXEC);
    int64_t n = saved_store(fd, 0, key, x, &none, &err);

    assert_true(n > 0);
    *len = (size_t)n;
    void *data = malloc(*len);
    assert_true(data && pread(fd, data, *len, 0) == n);
    return data;
}

static int parse(void *data, size_t len, const struct saved_key *key, struct tar_index *x)
{
    struct restart restart = {0};
    const char *why = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    *x = (struct tar_index){.limits = {.max_bytes = 1 << 20, .max_entries = 1000}};
    int r = saved_parse(data, len, key, x, &restart, &why, &err);
    assert_true(r == 1 || (r == 0 && why));
    return r;
}

static void a_saved_index_is_the_same_tree(void **state)
{
    struct memory m;
    struct tar_index x, y;
    size_t len;

    (void)state;
    make_archive(&m);
    index_of(&m, &x);
    struct saved_key key = {.size = m.len, .inode = 5}, other = {.size = m.len, .inode = 6};
    _cleanup_free_ void *data = save(&x, &key, &len);
    assert_int_equal(parse(data, len, &other, &y), 0);
    tar_index_free(&y);
    assert_int_equal(parse(data, len - 1, &key, &y), 0);
    tar_index_free(&y);
    assert_int_equal(parse(data, len, &key, &y), 1);
    assert_int_equal(y.tree.names.n, x.tree.names.n);
    assert_int_equal(tree_resolve(&y.tree, "/link"), tree_resolve(&x.tree, "/link"));
    assert_int_equal(y.limits.entries, x.limits.entries);
    look_everywhere(&y.tree);
    tar_index_free(&y);
    tar_index_free(&x);
}

/* Every word of the file, made several other numbers, with a check sum that fits: refused, or harmless. */
static void a_forged_index_does_no_harm(void **state)
{
    static const uint32_t values[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0x41ed, 0xa1ff, 40};
    struct memory m;
    struct tar_index x, y;
    size_t len, refused = 0, taken = 0;

    (void)state;
    make_archive(&m);
    index_of(&m, &x);
    const struct saved_key key = {.size = m.len};
    _cleanup_free_ void *good = save(&x, &key, &len);
    for (size_t at = 0; at + 4 <= len; at += 4)
        for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
            _cleanup_free_ char *data = malloc(len);
            assert_non_null(data);
            memcpy(data, good, len);
            memcpy(data + at, &values[v], 4);
            saved_sum(data, len);
            int r = parse(data, len, &key, &y);
            if (r > 0)
                look_everywhere(&y.tree);
            taken += r > 0;
            refused += r == 0;
            tar_index_free(&y);
        }
    assert_true(refused > 500 && taken > 100);
    tar_index_free(&x);
}

static void numbers_of_headers(void **state)
{
    static const struct {
        const char *field;
        int r;
        int64_t value;
    } cases[] = {
        {"0000644\0", 0, 0644},
        {"  644 \0\0", 0, 0644},
        {"\0\0\0\0\0\0\0\0", 0, 0},
        {"77777777", 0, 077777777},
        {"x000644\0", -EINVAL, 0},
        {"12 x\0\0\0\0", 0, 012},
        {"129\0\0\0\0\0", -EINVAL, 0},
        {"\x80\0\0\0\0\0\1\0", 0, 256},
        {"\xff\xff\xff\xff\xff\xff\xff\xfe", 0, -2},
        {"\xbf\xff\xff\xff\xff\xff\xff\xff", 0, 0x3fffffffffffffff},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t value = 0;
        assert_int_equal(tar_number(cases[i].field, 8, &value), cases[i].r);
        assert_int_equal(value, cases[i].value);
    }
    int64_t value;
    assert_int_equal(tar_number("\x80\0\0\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 12, &value), -ERANGE);
    assert_int_equal(tar_number("777777777777777777777777", 24, &value), -ERANGE);
}

static void pax_headers(void **state)
{
    static const char *const bad[] = {
        "", /* is none, and fine */
        "5 a=\n",
        "6 a=b",
        "7 a=b\n",
        "x a=b\n",
        "99999999999 a=b\n",
        "6  ab\n",
        "10 mtime=\n",
        "13 size=none\n",
        "22 GNU.sparse.map=1\n",
        "26 GNU.sparse.numbytes=5\n",
        "24 GNU.sparse.major=-1\n",
    };

    (void)state;
    for (size_t i = 1; i < ARRAY_SIZE(bad); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct tar_pax pax = {0};
        _cleanup_free_ char *copy = strdup(bad[i]);
        int r = tar_pax_parse(&pax, copy, strlen(bad[i]), &err);
        if (r != -EBADMSG && !(i == 1 && r == 0))
            fail_msg("\"%s\": %d", bad[i], r);
        tar_pax_free(&pax);
    }
    _cleanup_error_ struct error err = ERROR_INIT;
    struct tar_pax pax = {0};
    char good[] =
        "14 path=a/b/c\n21 mtime=-1000.25000\n12 uid=1000\n42 LIBARCHIVE.xattr.user.%41=AGJpbmFyeQ==\n";
    assert_int_equal(tar_pax_parse(&pax, good, strlen(good), &err), 0);
    assert_string_equal(pax.path, "a/b/c");
    assert_int_equal(pax.mtime, -1001);
    assert_int_equal(pax.mtime_ns, 750000000);
    assert_int_equal(pax.uid, 1000);
    assert_int_equal(pax.n_attributes, 1);
    assert_int_equal(pax.attribute[0].key_len, strlen("user.A"));
    assert_int_equal(pax.attribute[0].value_len, 7);
    assert_memory_equal(pax.attribute[0].value, "\0binary", 7);
    tar_pax_free(&pax);
}

static bool all_but_13(void *data, bool group, uint32_t id)
{
    (void)data;
    (void)group;
    return id != 13;
}

static void acls_from_text(void **state)
{
    char out[ACL_BINARY_MAX];
    bool left_out = false;

    (void)state;
    size_t len = acl_from_text("other::---,user::rw-\nuser:me:r-x:5 # mine\ngroup::4,u:7:w,mask::rwx",
                               all_but_13, NULL, out, &left_out);
    assert_int_equal(len, 4 + 6 * 8);
    assert_false(left_out);
    static const unsigned char want[] = {2, 0, 0, 0, 1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, 2, 0,
                                         5, 0, 5, 0, 0, 0, 2, 0, 2,    0,    7,    0,    0, 0};
    assert_memory_equal(out, want, sizeof want);
    len = acl_from_text("user::rwx,user:bad:r--:13,user:name:r--,nonsense,user:::::", all_but_13, NULL, out,
                        &left_out);
    assert_int_equal(len, 4 + 8);
    assert_true(left_out);
    assert_int_equal(acl_from_text(",,# nothing", all_but_13, NULL, out, &left_out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_headers),
        cmocka_unit_test(pax_headers),
        cmocka_unit_test(acls_from_text),
        cmocka_unit_test(a_tree_is_what_the_archive_says),
        cmocka_unit_test(a_saved_index_is_the_same_tree),
        cmocka_unit_test(a_forged_index_does_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
