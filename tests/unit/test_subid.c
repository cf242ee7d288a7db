/* Subordinate id ranges: the files, their bad lines, other sources. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "userns/subid_internal.h"

static char path[] = "/tmp/bryo-test-subid-XXXXXX";

static int make_file(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const char *text)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

    assert_return_code(fd, errno);
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static void ranges_of_name_and_number(void **state)
{
    struct subid_ranges r;

    (void)state;
    write_file("root:1:2\n"
               "# a comment: 1:2\n"
               "\n"
               "alice:100000:65536\n"
               "1000:300000:10\r\n"
               "alicex:5:5\n"
               "10000:6:6\n"
               "alice:4294967295:1"); /* no newline at the end */
    assert_int_equal(subid_read_file(path, "alice", 1000, &r, NULL), 0);
    assert_int_equal(r.count, 3);
    assert_int_equal(r.items[0].start, 100000);
    assert_int_equal(r.items[0].count, 65536);
    assert_int_equal(r.items[1].start, 300000);
    assert_int_equal(r.items[1].count, 10);
    assert_int_equal(r.items[2].start, 4294967295U);
    free(r.items);

    assert_int_equal(subid_read_file(path, NULL, 1000, &r, NULL), 0);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.items[0].start, 300000);
    free(r.items);

    assert_int_equal(subid_read_file(path, "bob", 1001, &r, NULL), 0);
    assert_int_equal(r.count, 0);
    assert_null(r.items);
}

static void missing_file_is_empty(void **state)
{
    struct subid_ranges r;

    (void)state;
    assert_int_equal(subid_read_file("/nonexistent/subuid", "alice", 1000, &r, NULL), 0);
    assert_int_equal(r.count, 0);
}

static void own_bad_lines_are_errors(void **state)
{
    static const struct {
        const char *text, *line, *wrong;
    } cases[] = {
        {"alice\n", "1", "expected OWNER:START:COUNT"},
        {"root:1:1\nalice 100000 65536\n", "2", "expected OWNER:START:COUNT"},
        {"\n\nalice:100000\n", "3", "expected OWNER:START:COUNT"},
        {"alice:x:5\n", "1", "the start is not a number"},
        {"alice::5\n", "1", "the start is not a number"},
        {"alice:-5:5\n", "1", "the start is not a number"},
        {"alice:5:5:5\n", "1", "the count is not a number"},
        {"alice:5:\n", "1", "the count is not a number"},
        {"alice:5:1k\n", "1", "the count is not a number"},
        {"alice:5:0\n", "1", "the count is 0"},
        {"alice:4294967295:2\n", "1", "the range ends beyond 4294967295"},
        {"alice:99999999999:2\n", "1", "the range ends beyond 4294967295"},
        {"alice:1:18446744073709551615\n", "1", "the range ends beyond 4294967295"},
        {"1000:1:x\n", "1", "the count is not a number"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct subid_ranges r;
        char want[200];
        write_file(cases[i].text);
        snprintf(want, sizeof want, "%s:%s: %s", path, cases[i].line, cases[i].wrong);
        assert_int_equal(subid_read_file(path, "alice", 1000, &r, &err), -EINVAL);
        assert_string_equal(error_text(&err), want);
        assert_non_null(strstr(err.hint, ":100000:65536"));
        assert_null(r.items);
    }
}

/* A typo in somebody else's line must not take our containers away. */
static void bad_lines_of_others_are_passed_over(void **state)
{
    struct subid_ranges r;

    (void)state;
    write_file("bob\nbob:\nbob:x:y\n:::\n:\n99:1\nalice:7:8\n");
    assert_int_equal(subid_read_file(path, "alice", 1000, &r, NULL), 0);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.items[0].start, 7);
    free(r.items);
}

static void unreadable_file_is_an_error(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct subid_ranges r;

    (void)state;
    assert_int_equal(subid_read_file("/", "alice", 1000, &r, &err), -EISDIR);
    assert_string_equal(error_text(&err), "read \"/\": is a directory (EISDIR)");
}

static void several_names_and_strangers(void **state)
{
    char *names[] = {"alice", "alice2", NULL};
    struct subid_ranges r = {0};
    bool others = false;

    (void)state;
    assert_int_equal(subid_parse("f", "alice:1:1\nalice2:3:1\n1001:5:1\n", names, 1000, &r, &others, NULL),
                     0);
    assert_int_equal(r.count, 2);
    assert_false(others);
    assert_int_equal(subid_parse("f", "carol:1:1\n", names, 1000, &r, &others, NULL), 0);
    assert_true(others);
    free(r.items);
}

static void nsswitch_names_the_source(void **state)
{
    static const struct {
        const char *text, *service;
    } cases[] = {
        {"", NULL},
        {"passwd: files sss\n", NULL},
        {"subid: files\n", NULL},
        {"subid:\tfiles sss\n", NULL},
        {"subid:\n", NULL},
        {"# subid: sss\n", NULL},
        {"passwd: files\nsubid: sss\n", "sss"},
        {"  SUBID:   sss [NOTFOUND=return] files\n", "sss"},
        {"subid:ldap", "ldap"},
        {"subid: filesx\n", "filesx"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *service = subid_service(cases[i].text);
        if (cases[i].service)
            assert_string_equal(service ? service : "(none)", cases[i].service);
        else
            assert_null(service);
    }
}

static void getsubids_output(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct subid_ranges r = {0};

    (void)state;
    assert_int_equal(subid_parse_getsubids("0: alice 100000 65536\n1: alice 300000 10\n", &r, &err), 0);
    assert_int_equal(r.count, 2);
    assert_int_equal(r.items[1].start, 300000);
    assert_int_equal(r.items[1].count, 10);
    assert_int_equal(subid_parse_getsubids("Error fetching ranges\n", &r, &err), -EINVAL);
    assert_string_equal(error_text(&err),
                        "getsubids said \"Error fetching ranges\": expected \"INDEX: NAME START COUNT\"");
    assert_int_equal(subid_parse_getsubids("0: alice 5000000000 1\n", &r, &err), -EINVAL);
    assert_int_equal(subid_parse_getsubids("", &r, &err), 0);
    assert_int_equal(r.count, 2);
    free(r.items);
}

static void root_has_a_name(void **state)
{
    struct subid_lookup lookup = SUBID_LOOKUP_INIT(0);

    (void)state;
    const char *name = subid_user_name(&lookup);
    assert_non_null(name);
    assert_string_equal(name, "root");
    assert_false(lookup.nss_asked); /* /etc/passwd told */
    subid_lookup_free(&lookup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_of_name_and_number),
        cmocka_unit_test(missing_file_is_empty),
        cmocka_unit_test(own_bad_lines_are_errors),
        cmocka_unit_test(bad_lines_of_others_are_passed_over),
        cmocka_unit_test(unreadable_file_is_an_error),
        cmocka_unit_test(several_names_and_strangers),
        cmocka_unit_test(nsswitch_names_the_source),
        cmocka_unit_test(getsubids_output),
        cmocka_unit_test(root_has_a_name),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
