/*
 * Removing trees: any depth with few descriptors, directories without permissions, links that lead out.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

struct world {
    char *path;
    int fd;
};

static void touch(int dir, const char *name)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    close(fd);
}

static bool is_there(int dir, const char *name)
{
    struct stat st;

    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void a_deep_tree_with_few_descriptors(void **state)
{
    struct world *w = *state;
    _cleanup_error_ struct error err = ERROR_INIT;
    int status, fd = fcntl(w->fd, F_DUPFD_CLOEXEC, 3);

    for (int i = 0; i < 2000; i++) {
        assert_int_equal(mkdirat(fd, "d", 0700), 0);
        if (i % 100 == 0) {
            touch(fd, "file");
            /* The names that moved directories get, taken already. */
            assert_int_equal(mkdirat(fd, ".bryo-remove.0", 0700), 0);
            touch(fd, ".bryo-remove.1");
        }
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = next;
        assert_true(fd >= 0);
    }
    close(fd);

    /* In a child, for its limit of descriptors. */
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit limit = {100, 100};
        _exit(setrlimit(RLIMIT_NOFILE, &limit) < 0 || remove_tree_at(w->fd, "d", &err) < 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_false(is_there(w->fd, "d"));
    assert_int_equal(remove_content_at(w->fd, &err), 0);
    assert_false(is_there(w->fd, "file"));
}

static void directories_without_permissions(void **state)
{
    struct world *w = *state;
    _cleanup_error_ struct error err = ERROR_INIT;

    assert_int_equal(mkdirat(w->fd, "tree", 0700), 0);
    assert_int_equal(mkdirat(w->fd, "tree/closed", 0700), 0);
    assert_int_equal(mkdirat(w->fd, "tree/closed/inside", 0700), 0);
    touch(w->fd, "tree/closed/inside/file");
    touch(w->fd, "tree/closed/file");
    assert_int_equal(mkdirat(w->fd, "tree/readonly", 0700), 0);
    touch(w->fd, "tree/readonly/file");
    assert_int_equal(fchmodat(w->fd, "tree/readonly", 0500, 0), 0);
    assert_int_equal(fchmodat(w->fd, "tree/closed/inside", 0, 0), 0);
    assert_int_equal(fchmodat(w->fd, "tree/closed", 0, 0), 0);
    assert_int_equal(fchmodat(w->fd, "tree", 0, 0), 0);
    assert_int_equal(remove_tree_at(w->fd, "tree", &err), 0);
    assert_false(is_there(w->fd, "tree"));
}

static void links_are_removed_not_followed(void **state)
{
    struct world *w = *state;
    _cleanup_error_ struct error err = ERROR_INIT;

    assert_int_equal(mkdirat(w->fd, "kept", 0700), 0);
    touch(w->fd, "kept/file");
    assert_int_equal(mkdirat(w->fd, "tree", 0700), 0);
    assert_int_equal(symlinkat("../kept", w->fd, "tree/link"), 0);
    assert_int_equal(symlinkat("kept", w->fd, "link"), 0);
    assert_int_equal(remove_tree_at(w->fd, "tree", &err), 0);
    assert_int_equal(remove_tree_at(w->fd, "link", &err), 0);
    assert_false(is_there(w->fd, "tree"));
    assert_false(is_there(w->fd, "link"));
    assert_true(is_there(w->fd, "kept/file"));
    assert_int_equal(remove_tree_at(w->fd, "never-there", &err), 0);
    assert_true(remove_tree_at(w->fd, "../x", &err) < 0);
    assert_int_equal(remove_tree_at(w->fd, "kept", &err), 0);
}

static void many_files(void **state)
{
    struct world *w = *state;
    _cleanup_error_ struct error err = ERROR_INIT;
    char name[32];

    assert_int_equal(mkdirat(w->fd, "many", 0700), 0);
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "many/%d", i);
        touch(w->fd, name);
    }
    assert_int_equal(remove_tree_at(w->fd, "many", &err), 0);
    assert_false(is_there(w->fd, "many"));
}

static int make_world(void **state)
{
    static struct world w;
    const char *tmp = getenv("TMPDIR");

    w.path = str_printf("%s/bryo-remove.XXXXXX", tmp ? tmp : "/tmp");
    if (!w.path || !mkdtemp(w.path))
        return -1;
    w.fd = open(w.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = &w;
    return w.fd < 0 ? -1 : 0;
}

static int remove_world(void **state)
{
    struct world *w = *state;
    int r = rmdir(w->path);

    close(w->fd);
    free(w->path);
    return r;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deep_tree_with_few_descriptors),
        cmocka_unit_test(directories_without_permissions),
        cmocka_unit_test(links_are_removed_not_followed),
        cmocka_unit_test(many_files),
    };

    return cmocka_run_group_tests(tests, make_world, remove_world);
}
