/*
 * The directory of a container: claims, locks, and the lock that tells a waiting init.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "container/container.h"
#include "container/statedir.h"

static char base[] = "/tmp/bryo-statedir-XXXXXX";
static struct runtime rt;

static int setup(void **state)
{
    (void)state;
    strcpy(base + sizeof base - 7, "XXXXXX");
    assert_non_null(mkdtemp(base));
    assert_int_equal(asprintf(&rt.root, "%s/state/bryo", base) > 0, 1);
    return 0;
}

static int teardown(void **state)
{
    _cleanup_close_ int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    free(rt.root);
    return remove_tree_at(tmp, base + strlen("/tmp/"), NULL);
}

#define _cleanup_dir_ __attribute__((cleanup(statedir_close)))

static void test_claim(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_dir_ struct statedir a = STATEDIR_INIT, b = STATEDIR_INIT;
    struct stat st;

    (void)state;
    assert_int_equal(statedir_create(&a, &rt, "one", &err), 0);
    assert_int_equal(stat(rt.root, &st), 0);
    assert_int_equal(st.st_mode & 07777, 01700);
    assert_int_equal(statedir_create(&b, &rt, "one", &err), -EEXIST);
    assert_string_equal(err.text, "container with id \"one\" already exists");
    assert_non_null(strstr(err.hint, "bryo delete --force one"));
}

static void test_missing(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_dir_ struct statedir d = STATEDIR_INIT;

    (void)state;
    assert_int_equal(statedir_open(&d, &rt, "none", true, &err), -ENOENT); /* not even a root */
    assert_string_equal(err.text, "container \"none\" does not exist");
}

static void test_link_is_no_container(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_dir_ struct statedir a = STATEDIR_INIT, d = STATEDIR_INIT;
    char path[128];

    (void)state;
    assert_int_equal(statedir_create(&a, &rt, "one", &err), 0);
    snprintf(path, sizeof path, "%s/two", rt.root);
    assert_int_equal(symlink("one", path), 0);
    assert_int_equal(statedir_open(&d, &rt, "two", false, &err), -ENOENT);
}

static void test_waiting_lock_lives_and_dies_with_its_holder(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_dir_ struct statedir d = STATEDIR_INIT;
    int go[2], status;
    char byte;

    (void)state;
    assert_int_equal(statedir_create(&d, &rt, "one", &err), 0);
    assert_int_equal(statedir_is_waiting(&d), 0);
    assert_int_equal(pipe(go), 0);
    int held = statedir_hold_waiting(&d, &err);
    assert_true(held >= 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(go[1]);
        (void)!read(go[0], &byte, 1);
        _exit(0);
    }
    close(held); /* as the runtime does: only the child holds it now */
    close(go[0]);
    assert_int_equal(statedir_is_waiting(&d), 1);
    assert_int_equal(statedir_is_waiting(&d), 1); /* looking does not disturb */
    close(go[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(statedir_is_waiting(&d), 0);
}

static void test_lock_excludes(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_dir_ struct statedir d = STATEDIR_INIT, look = STATEDIR_INIT;
    int status;

    (void)state;
    assert_int_equal(statedir_create(&d, &rt, "one", &err), 0);
    assert_int_equal(statedir_open(&look, &rt, "one", false, &err), 0);
    assert_int_equal(statedir_is_locked(&look), 1);
    /* A second call waits; the first removes the container: the second must not take what is gone for its
     * own. */
    pid_t pid = fork();
    if (pid == 0) {
        struct statedir mine = STATEDIR_INIT;
        statedir_close(&d); /* the copy of the lock that fork made */
        _exit(statedir_open(&mine, &rt, "one", true, NULL) == -ENOENT ? 0 : 1);
    }
    usleep(20000);
    assert_int_equal(statedir_remove(&d, "one", &err), 0);
    statedir_close(&d);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_state_that_was_never_written(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_dir_ struct statedir d = STATEDIR_INIT;
    _cleanup_state_ struct oci_state *s = NULL;

    (void)state;
    assert_int_equal(statedir_create(&d, &rt, "one", &err), 0);
    assert_int_equal(statedir_read(&d, "one", &s, &err), -ENOENT);
    assert_string_equal(err.text, "container \"one\" was never completely created");
    assert_int_equal(file_replace_at(d.fd, STATEDIR_STATE, "{\"id\": ", 7, 0600, &err), 0);
    assert_true(statedir_read(&d, "one", &s, &err) < 0);
    assert_non_null(strstr(err.text, "container \"one\": state.json:1:"));
    assert_non_null(strstr(err.hint, "damaged"));
}

/* A state that is damaged goes with --force; one that cannot be read now may tell of a process, and stays. */
static void test_delete_force_of_an_unreadable_state(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_dir_ struct statedir d = STATEDIR_INIT;
    char path[160];

    (void)state;
    assert_int_equal(statedir_create(&d, &rt, "one", &err), 0);
    fd_close(&d.lock_fd);
    assert_int_equal(mkdirat(d.fd, STATEDIR_STATE, 0700), 0);
    assert_int_equal(container_delete(&rt, "one", true, &err), -EISDIR);
    assert_string_equal(err.text, "container \"one\": read \"state.json\": is a directory (EISDIR)");
    assert_int_equal(unlinkat(d.fd, STATEDIR_STATE, AT_REMOVEDIR), 0);
    assert_int_equal(file_replace_at(d.fd, STATEDIR_STATE, "{\"id\": 7}", 9, 0600, &err), 0);
    assert_int_equal(container_delete(&rt, "one", false, &err), -EBADMSG);
    assert_int_equal(container_delete(&rt, "one", true, &err), 0);
    snprintf(path, sizeof path, "%s/one", rt.root);
    assert_int_equal(access(path, F_OK), -1);
}

/* What a delete left that was killed right before its last call, or right before the one before that. */
static void test_delete_again(void **state)
{
    static const char *const left[] = {NULL, STATEDIR_LOCK, STATEDIR_WAITING};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_dir_ struct statedir d = STATEDIR_INIT;
        char path[160];
        assert_int_equal(statedir_create(&d, &rt, "one", &err), 0);
        fd_close(&d.lock_fd);
        if (i == 0)
            assert_int_equal(unlinkat(d.fd, STATEDIR_LOCK, 0), 0);
        else
            close(openat(d.fd, left[i], O_WRONLY | O_CREAT, 0600));
        assert_int_equal(container_delete(&rt, "one", true, &err), 0);
        snprintf(path, sizeof path, "%s/one", rt.root);
        assert_int_equal(access(path, F_OK), -1);
    }
}

/* `run` comes back to its container at the end: by then the id may belong to another one. */
static void test_lock_again_knows_another_with_the_same_id(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_dir_ struct statedir d = STATEDIR_INIT, other = STATEDIR_INIT, next = STATEDIR_INIT;

    (void)state;
    assert_int_equal(statedir_create(&d, &rt, "one", &err), 0);
    fd_close(&d.lock_fd);
    assert_int_equal(statedir_lock(&d, "one", &err), 0);
    fd_close(&d.lock_fd);
    assert_int_equal(statedir_open(&other, &rt, "one", true, &err), 0);
    assert_int_equal(statedir_remove(&other, "one", &err), 0);
    assert_int_equal(statedir_lock(&d, "one", &err), -ENOENT);
    fd_close(&d.lock_fd);
    assert_int_equal(statedir_create(&next, &rt, "one", &err), 0);
    assert_int_equal(statedir_lock(&d, "one", &err), -ENOENT);
}

/* The root may be a directory that others use as well. */
static void test_foreign_directories(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_dir_ struct statedir a = STATEDIR_INIT, d = STATEDIR_INIT, e = STATEDIR_INIT;
    char path[160];

    (void)state;
    assert_int_equal(statedir_create(&a, &rt, "one", &err), 0);
    snprintf(path, sizeof path, "%s/pulse/native", rt.root);
    assert_int_equal(mkdir_parents(path, 0700, &err), 0);
    assert_int_equal(statedir_open(&d, &rt, "pulse", true, &err), -ENOENT);
    assert_string_equal(err.text, "container \"pulse\" does not exist");
    assert_int_equal(access(path, F_OK), 0);
    snprintf(path, sizeof path, "%s/pulse/lock", rt.root);
    assert_int_equal(access(path, F_OK), -1); /* nothing is made there either */
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(container_delete(&rt, "pulse", true, &err) < 0, 1);
    assert_int_equal(rmdir(path), 0);
    close(creat(path, 0600));
    assert_int_equal(container_delete(&rt, "pulse", true, &err), -EEXIST);
    assert_string_equal(err.text, "\"pulse\" is not the state of a container: it holds \"native\"");
    assert_int_equal(access(path, F_OK), 0);
    /* What a create left that was killed right behind its first call. */
    snprintf(path, sizeof path, "%s/empty", rt.root);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(statedir_open(&e, &rt, "empty", true, &err), 0);
}

static void test_ids(void **state)
{
    static const char *const good[] = {"a", "0", "_x", "+", "-a", "a.b.c", "host.user.123.batch.4294967295"};
    static const struct {
        const char *id, *text;
    } bad[] = {
        {"", "invalid container id: expected a name, found \"\""},
        {".", "invalid container id \".\": character \".\" at position 1"},
        {"..", "invalid container id \"..\": character \".\" at position 1"},
        {"a/b", "invalid container id \"a/b\": character \"/\" at position 2"},
        {"a b", "invalid container id \"a b\": character \" \" at position 2"},
        {"a\nb", "invalid container id \"a\\nb\": character \"\\n\" at position 2"},
        {"\xc3\xa4", "invalid container id \"\xc3\xa4\": character \"\\xc3\" at position 1"},
    };
    char longest[300];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_int_equal(container_check_id(good[i], NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        assert_int_equal(container_check_id(bad[i].id, &err), -EINVAL);
        assert_string_equal(err.text, bad[i].text);
    }
    memset(longest, 'a', sizeof longest);
    longest[255] = '\0';
    assert_int_equal(container_check_id(longest, NULL), 0);
    longest[255] = 'a';
    longest[256] = '\0';
    assert_int_equal(container_check_id(longest, NULL), -EINVAL);
}

/* The note of a cgroup, cut off at any byte, is whole or none. */
static void test_cgroup_note(void **state)
{
    static const char whole[] = "cgroupfs\0/a b\n/c\0"
                                "1";
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_dir_ struct statedir d = STATEDIR_INIT;
    _cleanup_free_ char *text = NULL;
    size_t len;

    (void)state;
    assert_int_equal(statedir_create(&d, &rt, "one", &err), 0);
    _cleanup_cgroup_note_ struct cgroup_note none = {0};
    assert_int_equal(statedir_find_cgroup(&d, &none, &err), 0);
    assert_null(none.manager);
    _cleanup_close_ int note = statedir_note_cgroup(&d, "cgroupfs", "/a b\n/c", &err);
    assert_true(note >= 0);
    assert_int_equal(statedir_cgroup_made(note, &err), 0);
    assert_int_equal(file_read_at(d.fd, STATEDIR_CGROUP, 100, &text, &len, &err), 0);
    assert_int_equal(len, sizeof whole - 1);
    assert_memory_equal(text, whole, len);
    for (size_t n = 0; n <= len; n++) {
        _cleanup_cgroup_note_ struct cgroup_note found = {0};
        assert_int_equal(file_replace_at(d.fd, STATEDIR_CGROUP, whole, n, 0600, &err), 0);
        assert_int_equal(statedir_find_cgroup(&d, &found, &err), 0);
        assert_int_equal(found.manager != NULL, n >= len - 1);
        assert_int_equal(found.made, n == len);
        if (found.manager) {
            assert_string_equal(found.manager, "cgroupfs");
            assert_string_equal(found.path, "/a b\n/c");
        }
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_claim),
        T(test_missing),
        T(test_link_is_no_container),
        T(test_waiting_lock_lives_and_dies_with_its_holder),
        T(test_lock_excludes),
        T(test_lock_again_knows_another_with_the_same_id),
        T(test_foreign_directories),
        T(test_state_that_was_never_written),
        T(test_delete_force_of_an_unreadable_state),
        T(test_delete_again),
        T(test_cgroup_note),
        cmocka_unit_test(test_ids),
    };

    return cmocka_run_group_tests_name("statedir", tests, NULL, NULL);
}
