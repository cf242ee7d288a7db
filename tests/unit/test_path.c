/* base/path.h: names inside a hostile root stay inside, missing parts are made inside, odd input is refused.
 */
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/syscalls.h"

/* top/ holds the root "root" and beside it "outside", where nothing may ever change. */
struct fixture {
    char top[64];
    int top_fd, root, outside;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    strcpy(f->top, "/tmp/bryo-test-path-XXXXXX");
    assert_non_null(mkdtemp(f->top));
    f->top_fd = open(f->top, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->top_fd >= 0);
    assert_int_equal(mkdirat(f->top_fd, "root", 0755), 0);
    assert_int_equal(mkdirat(f->top_fd, "outside", 0755), 0);
    f->root = openat(f->top_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    f->outside = openat(f->top_fd, "outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->root >= 0 && f->outside >= 0);
    *state = f;
    return 0;
}

static int outside_entries(struct fixture *f)
{
    _cleanup_closedir_ DIR *d = fdopendir(openat(f->outside, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    return n - 2;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int leaked = outside_entries(f);

    close(f->root);
    close(f->outside);
    close(f->top_fd);
    _cleanup_close_ int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int removed = remove_tree_at(tmp, strrchr(f->top, '/') + 1, NULL);
    free(f);
    assert_int_equal(removed, 0);
    assert_int_equal(leaked, 0);
    return 0;
}

static bool exists(int dirfd, const char *path)
{
    return faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void make_file(int dirfd, const char *path)
{
    _cleanup_close_ int fd = openat(dirfd, path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
}

/* The inode @path leads to inside the root is that of @expected below @dirfd. */
static void assert_leads_to(int root, const char *path, int dirfd, const char *expected)
{
    _cleanup_close_ int fd = path_open_in_root(root, path, O_PATH, 0);
    struct stat a, b;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &a), 0);
    assert_int_equal(fstatat(dirfd, expected, &b, 0), 0);
    assert_true(a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

static void open_stays_inside(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(mkdirat(f->root, "etc", 0755), 0);
    make_file(f->root, "etc/passwd");
    assert_int_equal(symlinkat("/", f->root, "slash"), 0);
    assert_int_equal(symlinkat("../../../../..", f->root, "etc/up"), 0);
    assert_int_equal(symlinkat("/etc/passwd", f->root, "absolute"), 0);
    assert_leads_to(f->root, "absolute", f->root, "etc/passwd");
    assert_leads_to(f->root, "/absolute", f->root, "etc/passwd");
    assert_leads_to(f->root, "slash/slash/etc/passwd", f->root, "etc/passwd");
    assert_leads_to(f->root, "etc/up/etc/passwd", f->root, "etc/passwd");
    assert_leads_to(f->root, "../../../etc/passwd", f->root, "etc/passwd");
    assert_leads_to(f->root, "/..", f->root, ".");
    assert_int_equal(path_open_in_root(f->root, "../outside", O_PATH, 0), -ENOENT);
}

static void open_refuses_links_and_loops(void **state)
{
    struct fixture *f = *state;
    char self[64];

    assert_int_equal(symlinkat("b", f->root, "a"), 0);
    assert_int_equal(symlinkat("a", f->root, "b"), 0);
    assert_int_equal(path_open_in_root(f->root, "a", O_PATH, 0), -ELOOP);
    assert_int_equal(mkdirat(f->root, "real", 0755), 0);
    assert_int_equal(symlinkat("real", f->root, "proc"), 0);
    assert_int_equal(path_open_in_root_nolinks(f->root, "proc", O_PATH, 0), -ELOOP);
    assert_int_equal(path_open_in_root_nolinks(f->root, "proc/x", O_PATH, 0), -ELOOP);
    /* A magic link is refused also where the root is a procfs. */
    _cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(self, sizeof self, "self/fd/%d/x", f->outside);
    assert_int_equal(path_open_in_root(proc, self, O_PATH, 0), -ELOOP);
}

static void mkdir_makes_parents(void **state)
{
    struct fixture *f = *state;
    mode_t old = umask(0);
    _cleanup_close_ int fd = path_mkdir_in_root(f->root, "/a//b/./c/", 0751, false);
    struct stat st;

    umask(old);
    assert_true(fd >= 0);
    assert_int_equal(fstatat(f->root, "a/b/c", &st, 0), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0751);
    _cleanup_close_ int again = path_mkdir_in_root(f->root, "a/b/c", 0700, true);
    assert_true(again >= 0);
    _cleanup_close_ int root = path_mkdir_in_root(f->root, "/", 0755, false);
    assert_true(root >= 0);
    _cleanup_close_ int up = path_mkdir_in_root(f->root, "../new/../other", 0755, false);
    assert_true(up >= 0);
    assert_true(exists(f->root, "new") && exists(f->root, "other"));
    assert_false(exists(f->top_fd, "other"));
}

/* CVE-2024-45310: a recursive mkdir that follows a link made directories on the host. */
static void mkdir_through_links_stays_inside(void **state)
{
    struct fixture *f = *state;
    char target[128];

    snprintf(target, sizeof target, "%s/outside", f->top);
    assert_int_equal(symlinkat(target, f->root, "absolute"), 0);
    assert_int_equal(symlinkat("../outside", f->root, "relative"), 0);
    assert_int_equal(symlinkat("relative/deep", f->root, "chain"), 0);
    _cleanup_close_ int a = path_mkdir_in_root(f->root, "absolute/x/y", 0755, false);
    _cleanup_close_ int b = path_mkdir_in_root(f->root, "relative/x/y", 0755, false);
    _cleanup_close_ int c = path_mkdir_in_root(f->root, "chain/z", 0755, false);
    _cleanup_close_ int d = path_mkfile_in_root(f->root, "relative/file", 0644, false);
    assert_true(a >= 0 && b >= 0 && c >= 0 && d >= 0);
    assert_int_equal(outside_entries(f), 0);
    assert_true(exists(f->root, target + 1)); /* the same path, inside */
    assert_true(exists(f->root, "outside/x/y"));
    assert_true(exists(f->root, "outside/deep/z"));
    assert_true(exists(f->root, "outside/file"));
    assert_int_equal(path_mkdir_in_root(f->root, "absolute/n", 0755, true), -ELOOP);
    assert_int_equal(path_mkfile_in_root(f->root, "absolute/n", 0755, true), -ELOOP);
}

static void mkdir_refuses_what_cannot_be(void **state)
{
    struct fixture *f = *state;
    char longname[NAME_MAX + 8], longpath[PATH_MAX + 8];

    memset(longname, 'n', sizeof longname);
    longname[sizeof longname - 1] = '\0';
    memset(longpath, '/', sizeof longpath);
    longpath[sizeof longpath - 2] = 'x';
    longpath[sizeof longpath - 1] = '\0';
    make_file(f->root, "file");
    assert_int_equal(symlinkat("loop2", f->root, "loop1"), 0);
    assert_int_equal(symlinkat("loop1", f->root, "loop2"), 0);
    assert_int_equal(symlinkat("grow/grow", f->root, "grow"), 0);
    assert_int_equal(path_mkdir_in_root(f->root, "file/x", 0755, false), -ENOTDIR);
    assert_int_equal(path_mkdir_in_root(f->root, "file", 0755, false), -ENOTDIR);
    assert_int_equal(path_mkdir_in_root(f->root, "loop1/x", 0755, false), -ELOOP);
    assert_int_equal(path_mkdir_in_root(f->root, "grow/x", 0755, false), -ELOOP);
    assert_int_equal(path_mkdir_in_root(f->root, longname, 0755, false), -ENAMETOOLONG);
    assert_int_equal(path_mkdir_in_root(f->root, longpath, 0755, false), -ENAMETOOLONG);
    assert_int_equal(path_mkdir_in_root(f->root, "", 0755, false), -ENOENT);
    assert_int_equal(path_mkfile_in_root(f->root, "", 0644, false), -ENOENT);
    assert_int_equal(path_mkfile_in_root(f->root, "new/", 0644, false), -EISDIR);
    assert_int_equal(path_mkfile_in_root(f->root, "file/x", 0644, false), -ENOTDIR);
}

static void mkfile_makes_parents_that_can_be_searched(void **state)
{
    struct fixture *f = *state;
    mode_t old = umask(0);
    _cleanup_close_ int fd = path_mkfile_in_root(f->root, "etc/deep/hosts", 0640, false);
    struct stat st;

    umask(old);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0640);
    assert_int_equal(fstatat(f->root, "etc/deep", &st, 0), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0755);
    /* What is there is taken as it is, a directory too. */
    _cleanup_close_ int dir = path_mkfile_in_root(f->root, "etc/deep", 0644, false);
    assert_true(dir >= 0);
    /* The usual dangling /etc/resolv.conf. */
    assert_int_equal(symlinkat("../run/systemd/resolve/stub.conf", f->root, "etc/resolv.conf"), 0);
    _cleanup_close_ int stub = path_mkfile_in_root(f->root, "/etc/resolv.conf", 0644, false);
    assert_true(stub >= 0);
    assert_true(exists(f->root, "run/systemd/resolve/stub.conf"));
}

/* Swaps root/swap between a directory and a link to the outside until told to stop. */
struct swapper {
    struct fixture *f;
    atomic_bool stop;
};

static void *swap_loop(void *data)
{
    struct swapper *s = data;
    int root = s->f->root;

    while (!atomic_load(&s->stop))
        syscall(SYS_renameat2, root, "swap", root, "swap-link", RENAME_EXCHANGE);
    return NULL;
}

/* CVE-2021-30465: the exchange of a directory for a link while it is resolved. */
static void swapped_while_resolving(void **state)
{
    struct fixture *f = *state;
    struct swapper s = {.f = f};
    struct timespec start, now;
    pthread_t thread;
    int made = 0;

    assert_int_equal(mkdirat(f->root, "swap", 0755), 0);
    assert_int_equal(symlinkat("../outside", f->root, "swap-link"), 0);
    assert_int_equal(pthread_create(&thread, NULL, swap_loop, &s), 0);
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        char path[64];
        snprintf(path, sizeof path, "swap/../swap/d%d/e", made);
        int fd = path_mkdir_in_root(f->root, path, 0755, false);
        if (fd >= 0) {
            made++;
            close(fd);
        }
        snprintf(path, sizeof path, "swap/f%d", made);
        fd = path_mkfile_in_root(f->root, path, 0644, false);
        if (fd >= 0)
            close(fd);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < 200);
    atomic_store(&s.stop, true);
    pthread_join(thread, NULL);
    assert_true(made > 0);
    assert_int_equal(outside_entries(f), 0);
}

static void procfs_is_told_from_others(void **state)
{
    struct fixture *f = *state;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_close_ int proc = path_open_proc(&err);

    assert_true(proc >= 0);
    assert_int_equal(path_is_fs(proc, PROC_SUPER_MAGIC), 1);
    assert_int_equal(path_is_fs(f->root, PROC_SUPER_MAGIC), 0);
    assert_int_equal(path_is_fs(-1, PROC_SUPER_MAGIC), -EBADF);
    _cleanup_close_ int status = openat(proc, "self/status", O_RDONLY | O_CLOEXEC);
    assert_true(status >= 0);
}

static void path_of_fd_tells(void **state)
{
    struct fixture *f = *state;
    char expected[128];
    _cleanup_free_ char *path = path_of_fd(f->root);

    snprintf(expected, sizeof expected, "%s/root", f->top);
    assert_string_equal(path, expected);
    assert_null(path_of_fd(-1));
    assert_int_equal(errno, ENOENT);
}

static void clean_is_lexical(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", "/"},
        {"/", "/"},
        {"//", "/"},
        {"/a/b", "/a/b"},
        {"a/b/", "/a/b"},
        {"/a/./b//c", "/a/b/c"},
        {"/a/../b", "/b"},
        {"/../../a", "/a"},
        {"/a/b/../..", "/"},
        {"/a/..b/...", "/a/..b/..."},
        {"/..", "/"},
        {".", "/"},
        {"/.hidden", "/.hidden"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *got = path_clean(cases[i].in);
        assert_string_equal(got, cases[i].out);
    }
}

int main(void)
{
#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_ROOT(open_stays_inside),
        WITH_ROOT(open_refuses_links_and_loops),
        WITH_ROOT(mkdir_makes_parents),
        WITH_ROOT(mkdir_through_links_stays_inside),
        WITH_ROOT(mkdir_refuses_what_cannot_be),
        WITH_ROOT(mkfile_makes_parents_that_can_be_searched),
        WITH_ROOT(swapped_while_resolving),
        WITH_ROOT(procfs_is_told_from_others),
        WITH_ROOT(path_of_fd_tells),
        cmocka_unit_test(clean_is_lexical),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
