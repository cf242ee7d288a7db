/*
 * Small archives with random damage, unpacked in this process and without its confinement, so that only the
 * code itself keeps what they write inside: it must not crash, a failure must leave nothing, and the
 * directory beside must stay as it was. The random numbers are the same in every run; a failure names the
 * round.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
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
#include "base/fd.h"
#include "base/file.h"
#include "base/str.h"
#include "helpers/image/unpack.h"

#define ARCHIVE_MAX (64 * 1024)
#define ROUNDS      600
#define TAR_BLOCK   512

struct world {
    char *path;
    int top, dest, status; /* the world, the destination in it, where answers go */
    struct ids ids;
    uint64_t random;
};

/* xorshift64* */
static uint32_t random_below(struct world *w, uint32_t n)
{
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return (uint32_t)((w->random * 2685821657736338717ULL) >> 32) % n;
}

struct seed {
    int format;
    int (*filter)(struct archive *);
    unsigned char data[ARCHIVE_MAX];
    size_t len;
};

static void add_entry(struct archive *a, const char *name, mode_t type, const char *link, bool hard)
{
    struct archive_entry *e = archive_entry_new();

    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, type);
    archive_entry_set_perm(e, 0755);
    archive_entry_set_uid(e, 1);
    archive_entry_set_mtime(e, 1000000000, 123);
    if (type == AE_IFREG && !hard)
        archive_entry_set_size(e, 700);
    if (link && hard)
        archive_entry_set_hardlink(e, link);
    else if (link)
        archive_entry_set_symlink(e, link);
    if (type == AE_IFREG && archive_format(a) == ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE) {
        archive_entry_xattr_add_entry(e, "user.x", "value", 5);
        archive_entry_acl_add_entry(e, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, ARCHIVE_ENTRY_ACL_READ,
                                    ARCHIVE_ENTRY_ACL_USER, 3, "u");
        archive_entry_sparse_add_entry(e, 0, 100);
        archive_entry_sparse_add_entry(e, 600, 100);
    }
    assert_true(archive_write_header(a, e) >= ARCHIVE_WARN);
    if (type == AE_IFREG && !hard) {
        char data[700];
        memset(data, 'd', sizeof data);
        assert_int_equal(archive_write_data(a, data, sizeof data), sizeof data);
    }
    archive_entry_free(e);
}

/* One of each type, and links that lead out. */
static void make_seed(struct seed *s)
{
    struct archive *a = archive_write_new();

    assert_int_equal(archive_write_set_format(a, s->format), ARCHIVE_OK);
    if (s->filter)
        assert_int_equal(s->filter(a), ARCHIVE_OK);
    archive_write_set_bytes_per_block(a, TAR_BLOCK);
    assert_int_equal(archive_write_open_memory(a, s->data, sizeof s->data, &s->len), ARCHIVE_OK);
    add_entry(a, "dir/", AE_IFDIR, NULL, false);
    add_entry(a, "dir/file", AE_IFREG, NULL, false);
    add_entry(a, "up", AE_IFLNK, "../outside", false);
    add_entry(a, "up/x", AE_IFREG, NULL, false);
    add_entry(a, "dir/hard", AE_IFREG, "dir/file", true);
    add_entry(a, "dir/fifo", AE_IFIFO, NULL, false);
    add_entry(a, "abs", AE_IFLNK, "/dir", false);
    add_entry(a, "abs/y", AE_IFREG, NULL, false);
    add_entry(a,
              "a/very/deep/directory/"
              "with-a-name-that-does-not-fit-into-the-hundred-bytes-of-the-first-headers/of/tar",
              AE_IFREG, NULL, false);
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
}

/* A header's check sum again, so that damage in it is not all found there. */
static void mend_checksum(unsigned char *block)
{
    unsigned sum = 0;

    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += block[i];
    snprintf((char *)block + 148, 8, "%06o", sum);
}

static void mutate(struct world *w, unsigned char *data, size_t *len, bool plain)
{
    static const char *const pieces[] = {
        "../", "/", "..", "\xff\xff\xff\xff\xff\xff\xff\xff", "77777777777", "-1", "00000000000"};
    static const char types[] = "01234567LKSxgVMDNA";
    unsigned count = 1 + random_below(w, 4);

    for (unsigned i = 0; i < count; i++) {
        size_t at = random_below(w, (uint32_t)*len);
        const char *piece = pieces[random_below(w, ARRAY_SIZE(pieces))];
        /* Most damage goes where it means something. */
        size_t block = at / TAR_BLOCK * TAR_BLOCK;
        if (plain && random_below(w, 3))
            at = block + random_below(w, 200);
        switch (random_below(w, 6)) {
        case 0:
            data[at] ^= (unsigned char)(1u << random_below(w, 8));
            break;
        case 1:
            data[at] = (unsigned char)random_below(w, 256);
            break;
        case 2:
            if (at + strlen(piece) < *len)
                memcpy(data + at, piece, strlen(piece));
            break;
        case 3:
            if (plain && block + 156 < *len)
                data[block + 156] = (unsigned char)types[random_below(w, sizeof types - 1)];
            break;
        case 4:
            *len = at > 0 ? at : 1;
            return;
        default:
            /* A block twice, or in another place. */
            if (plain && *len >= 2 * TAR_BLOCK)
                memmove(data + block, data + random_below(w, (uint32_t)(*len / TAR_BLOCK)) * TAR_BLOCK,
                        block + TAR_BLOCK <= *len ? TAR_BLOCK : 0);
        }
        if (plain && block + TAR_BLOCK <= *len && random_below(w, 4))
            mend_checksum(data + block);
    }
}

static void one_round(struct world *w, const struct seed *s, unsigned round)
{
    static unsigned char data[ARCHIVE_MAX];
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_close_ int fd = memfd_create("archive", MFD_CLOEXEC);
    struct unpack u = {.name = "mutated",
                       .archive = fd,
                       .dir = w->dest,
                       .max_bytes = 1 << 20,
                       .max_entries = 100,
                       .ids = &w->ids};
    struct unpacked done = {0};
    struct status status;
    struct stat st;
    size_t len = s->len;

    memcpy(data, s->data, s->len);
    if (round > 0)
        mutate(w, data, &len, s->filter == NULL);
    assert_int_equal(fd_write_all(fd, data, len), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    status_init(&status, w->status);
    int r = unpack_archive(&u, &status, &done, &err);
    if (round == 0 && r < 0)
        fail_msg("the archive without damage: %s", error_text(&err));
    if (r < 0 && (!err.code || !strstr(error_text(&err), "mutated: ")))
        fail_msg("round %u: a failure without a text: %s", round, error_text(&err));
    if (r < 0 && unlinkat(w->top, "dest", AT_REMOVEDIR) < 0)
        fail_msg("round %u: something is left after \"%s\"", round, error_text(&err));
    if (r < 0) {
        close(w->dest);
        assert_int_equal(mkdirat(w->top, "dest", 0700), 0);
        w->dest = openat(w->top, "dest", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(w->dest >= 0);
    } else {
        assert_int_equal(remove_content_at(w->dest, &err), 0);
    }
    /* The directory that links lead to is empty; the world holds the two and nothing else. */
    if (fstatat(w->top, "outside", &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_nlink > 2 ||
        unlinkat(w->top, "outside", AT_REMOVEDIR) < 0)
        fail_msg("round %u: something was written outside", round);
    assert_int_equal(mkdirat(w->top, "outside", 0700), 0);
}

static void damaged_archives(void **state)
{
    static struct seed seeds[] = {
        {.format = ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE},
        {.format = ARCHIVE_FORMAT_TAR_GNUTAR},
        {.format = ARCHIVE_FORMAT_TAR_USTAR},
        {.format = ARCHIVE_FORMAT_TAR_GNUTAR, .filter = archive_write_add_filter_gzip},
        {.format = ARCHIVE_FORMAT_TAR_GNUTAR, .filter = archive_write_add_filter_xz},
        {.format = ARCHIVE_FORMAT_TAR_GNUTAR, .filter = archive_write_add_filter_zstd},
        {.format = ARCHIVE_FORMAT_TAR_GNUTAR, .filter = archive_write_add_filter_bzip2},
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_SIZE(seeds); i++) {
        make_seed(&seeds[i]);
        for (unsigned round = 0; round < (seeds[i].filter ? ROUNDS / 6 : ROUNDS); round++)
            one_round(w, &seeds[i], round);
    }
}

static int make_world(void **state)
{
    static struct world w = {.random = 88172645463325252ULL};
    const char *tmp = getenv("TMPDIR");

    w.path = str_printf("%s/bryo-mutation.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm"
                                                   : tmp                         ? tmp
                                                                                 : "/tmp");
    if (!w.path || !mkdtemp(w.path))
        return -1;
    w.top = open(w.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w.top < 0 || mkdirat(w.top, "dest", 0700) < 0 || mkdirat(w.top, "outside", 0700) < 0)
        return -1;
    w.dest = openat(w.top, "dest", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    w.status = open("/dev/null", O_WRONLY | O_CLOEXEC);
    umask(0);
    *state = &w;
    return w.dest < 0 || w.status < 0 ? -1 : ids_load(&w.ids, NULL);
}

static int remove_world(void **state)
{
    struct world *w = *state;
    /* Nothing but these two was made in the world itself. */
    int r = unlinkat(w->top, "dest", AT_REMOVEDIR) < 0 || unlinkat(w->top, "outside", AT_REMOVEDIR) < 0 ||
            rmdir(w->path) < 0;

    if (r)
        print_error("\"%s\" is not as it was\n", w->path);
    close(w->top);
    close(w->dest);
    close(w->status);
    ids_free(&w->ids);
    free(w->path);
    return r;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_archives),
    };

    return cmocka_run_group_tests(tests, make_world, remove_world);
}
