/*
 * Errors, messages, descriptors and files of base/.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"

static char dir[64];

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/bryo-base-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return 0;
}

static int teardown(void **state)
{
    _cleanup_close_ int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    return remove_tree_at(tmp, dir + strlen("/tmp/"), NULL);
}

static void test_error_shape(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct error moved = ERROR_INIT;

    (void)state;
    assert_int_equal(error_sys(&err, EPERM, "mount \"%s\"", "/sys"), -EPERM);
    assert_string_equal(err.text, "mount \"/sys\": operation not permitted (EPERM)");
    assert_int_equal(error_hint(&err, "use %s", "a bind"), -EPERM);
    error_prefix(&err, "mounts[%d]", 3);
    assert_string_equal(err.text, "mounts[3]: mount \"/sys\": operation not permitted (EPERM)");
    assert_string_equal(err.hint, "use a bind");
    assert_int_equal(error_set(&err, EINVAL, "new"), -EINVAL); /* the old one, hint included, is gone */
    assert_null(err.hint);
    error_move(&moved, &err);
    assert_null(err.text);
    assert_string_equal(moved.text, "new");
    error_clear(&moved);
    assert_string_equal(error_text(&moved), "unknown error");
    assert_int_equal(error_oom(&err), -ENOMEM);
    assert_string_equal(err.text, "out of memory (ENOMEM)");
    error_prefix(&err, "x"); /* the static text must not be freed */
    assert_int_equal(error_sys(NULL, ENOENT, "x"), -ENOENT);
    assert_int_equal(error_set(NULL, 0, "x"), -EINVAL);
}

static char *logged(struct log *log)
{
    _cleanup_free_ char *path = str_printf("%s/log", dir);
    char *text = NULL;

    log_close(log);
    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 20, &text, NULL, NULL), 0);
    unlink(path);
    return text;
}

static void test_log_text(void **state)
{
    _cleanup_free_ char *path = str_printf("%s/log", dir), *text = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    struct log log = LOG_INIT;
    struct stat st;

    (void)state;
    assert_int_equal(log_open(&log, path, NULL), 0);
    assert_int_equal(fstat(log.fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    error_set(&err, EINVAL, "it failed");
    error_hint(&err, "mend it");
    log_error(&log, &err);
    log_warn(&log, "careful with %d", 7);
    log_info(&log, "not shown at this level");
    text = logged(&log);
    assert_string_equal(text, "bryo: it failed\nbryo: hint: mend it\nbryo: warning: careful with 7\n");
}

/* What strangers wrote into a config.json or a file name must not talk to the terminal. */
static void test_log_shows_control_characters(void **state)
{
    _cleanup_free_ char *path = str_printf("%s/log", dir), *text = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    struct log log = LOG_INIT;

    (void)state;
    assert_int_equal(log_open(&log, path, NULL), 0);
    error_set(&err, EINVAL, "open \"\033[2J\x7f\xc2\x9bx\r\n\xc3\xa4\tb\"");
    error_hint(&err, "two\nlines\033");
    log_error(&log, &err);
    text = logged(&log);
    assert_string_equal(text, "bryo: open \"\\x1b[2J\\x7f\\xc2\\x9bx\\x0d\\n\xc3\xa4\tb\"\n"
                              "bryo: hint: two\nlines\\x1b\n");
}

static void test_log_json(void **state)
{
    _cleanup_free_ char *path = str_printf("%s/log", dir), *text = NULL;
    _cleanup_cjson_ cJSON *json = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    struct log log = LOG_INIT;

    (void)state;
    log.format = LOG_FORMAT_JSON;
    assert_int_equal(log_open(&log, path, NULL), 0);
    error_set(&err, EINVAL, "quote \" backslash \\ newline \n tab \t bell \a bad \xff");
    error_hint(&err, "mend it");
    log_error(&log, &err);
    text = logged(&log);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
    assert_int_equal(json_parse("log", text, strlen(text), &json, &err), 0);
    assert_string_equal(cJSON_GetObjectItem(json, "level")->valuestring, "error");
    assert_string_equal(cJSON_GetObjectItem(json, "msg")->valuestring,
                        "quote \" backslash \\ newline \n tab \t bell \a bad \xef\xbf\xbd; hint: mend it");
    assert_non_null(strchr(cJSON_GetObjectItem(json, "time")->valuestring, 'T'));
}

static void test_log_names(void **state)
{
    (void)state;
    assert_int_equal(log_level_from_name("warn"), LOG_LEVEL_WARNING);
    assert_int_equal(log_level_from_name("warning"), LOG_LEVEL_WARNING);
    assert_int_equal(log_level_from_name("debug"), LOG_LEVEL_DEBUG);
    assert_int_equal(log_level_from_name("loud"), -EINVAL);
    assert_int_equal(log_format_from_name("json"), LOG_FORMAT_JSON);
    assert_int_equal(log_format_from_name("xml"), -EINVAL);
}

static void test_log_open_failure(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct log log = LOG_INIT;

    (void)state;
    assert_int_equal(log_open(&log, "/no/such/dir/log", &err), -ENOENT);
    assert_string_equal(err.text, "open log file \"/no/such/dir/log\": no such file or directory (ENOENT)");
    assert_int_equal(log.fd, 2);
}

static void test_fd_passing(void **state)
{
    int pair[2], got[2], sent[3] = {0, 1, 2};
    size_t n = 2;
    char buf[8];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fd_send(pair[0], "hello", 5, sent, 2), 0);
    assert_int_equal(fd_recv(pair[1], buf, sizeof buf, got, &n), 5);
    assert_int_equal(n, 2);
    assert_true(fcntl(got[0], F_GETFD) & FD_CLOEXEC);
    close(got[0]);
    close(got[1]);
    /* More than there is room for: all are closed, none leaks. */
    int before = dup(0);
    close(before);
    n = 2;
    assert_int_equal(fd_send(pair[0], "hello", 5, sent, 3), 0);
    assert_int_equal(fd_recv(pair[1], buf, sizeof buf, got, &n), -EMSGSIZE);
    int after = dup(0);
    close(after);
    assert_int_equal(before, after);
    /* A message longer than the buffer is never taken in part. */
    n = 2;
    assert_int_equal(fd_send(pair[0], "hello world", 11, NULL, 0), 0);
    assert_int_equal(fd_recv(pair[1], buf, sizeof buf, got, &n), -EMSGSIZE);
    close(pair[0]);
    n = 2;
    assert_int_equal(fd_recv(pair[1], buf, sizeof buf, got, &n), 0);
    assert_int_equal(fd_send(pair[1], "x", 1, NULL, 0), -EPIPE); /* and no SIGPIPE */
    close(pair[1]);
}

static void test_unix_sockets_of_any_length(void **state)
{
    _cleanup_strbuf_ struct strbuf path = {0};
    _cleanup_close_ int listener = -EBADF, a = -EBADF, b = -EBADF, dirfd_ = -EBADF;
    struct stat st;

    (void)state;
    strbuf_add(&path, dir);
    while (path.len < 200)
        strbuf_add(&path, "/0123456789012345678901234567890123456789");
    assert_int_equal(mkdir_parents(path.data, 0700, NULL), 0);
    dirfd_ = open(path.data, O_PATH | O_DIRECTORY | O_CLOEXEC);
    listener = unix_listen_at(dirfd_, "socket", SOCK_STREAM);
    assert_true(listener >= 0);
    assert_int_equal(fstatat(dirfd_, "socket", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    a = unix_connect_at(dirfd_, "socket", SOCK_STREAM);
    assert_true(a >= 0);
    strbuf_add(&path, "/socket");
    b = unix_connect(path.data, SOCK_STREAM);
    assert_true(b >= 0);
    assert_int_equal(unix_connect_at(dirfd_, "none", SOCK_STREAM), -ENOENT);
    assert_int_equal(unix_connect("/tmp/bryo-no-such-socket", SOCK_STREAM), -ENOENT);
}

static void test_read_limits(void **state)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_close_ int d = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    size_t len;

    (void)state;
    assert_int_equal(file_replace_at(d, "f", "12345", 5, 0640, &err), 0);
    assert_int_equal(file_read_at(d, "f", 5, &text, &len, &err), 0);
    assert_int_equal(len, 5);
    assert_string_equal(text, "12345");
    free(TAKE_PTR(text));
    assert_int_equal(file_read_at(d, "f", 4, &text, &len, &err), -EFBIG);
    assert_string_equal(err.text, "read \"f\": the file is larger than 4 bytes");
    /* A file without a size (procfs) is read whole. */
    assert_int_equal(file_read_at(AT_FDCWD, "/proc/self/status", 1 << 20, &text, &len, &err), 0);
    assert_true(len > 100);
}

static void test_replace_keeps_the_old_on_failure(void **state)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_close_ int d = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    (void)state;
    assert_int_equal(file_replace_at(d, "f", "old", 3, 0600, &err), 0);
    assert_int_equal(mkdirat(d, "g", 0700), 0);
    assert_int_equal(file_replace_at(d, "g", "new", 3, 0600, &err), -EISDIR);
    assert_int_equal(file_replace_at(d, "f", "new", 3, 0644, &err), 0);
    assert_int_equal(file_read_at(d, "f", 10, &text, NULL, &err), 0);
    assert_string_equal(text, "new");
    assert_int_equal(fstatat(d, "f", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    /* Nothing temporary is left. */
    _cleanup_closedir_ DIR *list = opendir(dir);
    for (struct dirent *e; (e = readdir(list));)
        assert_true(e->d_name[0] != '.' || e->d_name[1] == '\0' || e->d_name[1] == '.');
}

static void test_mkdir_parents(void **state)
{
    _cleanup_free_ char *deep = str_printf("%s/a/b//c/", dir), *file = str_printf("%s/f/x", dir);
    _cleanup_free_ char *plain = str_printf("%s/f", dir);
    _cleanup_error_ struct error err = ERROR_INIT;
    struct stat st;

    (void)state;
    assert_int_equal(mkdir_parents(deep, 0700, &err), 0);
    assert_int_equal(mkdir_parents(deep, 0700, &err), 0);
    assert_int_equal(stat(deep, &st), 0);
    close(open(plain, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_int_equal(mkdir_parents(file, 0700, &err), -ENOTDIR);
    assert_int_equal(mkdir_parents(plain, 0700, &err), -ENOTDIR);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_shape),
        T(test_log_text),
        T(test_log_json),
        T(test_log_shows_control_characters),
        cmocka_unit_test(test_log_names),
        cmocka_unit_test(test_log_open_failure),
        cmocka_unit_test(test_fd_passing),
        T(test_unix_sockets_of_any_length),
        T(test_read_limits),
        T(test_replace_keeps_the_old_on_failure),
        T(test_mkdir_parents),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
