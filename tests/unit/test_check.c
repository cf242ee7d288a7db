/* The doctor: its table, its JSON, and that a run leaves nothing behind. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "sandbox/check.h"

static struct check_row sample[] = {
    {"one", "first thing", CHECK_OK, "found", NULL, NULL},
    {"two", "second", CHECK_WARN, "missing", "no feature", "sudo mend"},
    {"three", "third", CHECK_INFO, "missing as well", "no other feature", "sudo mend"},
    {"four", "fourth", CHECK_WARN, "odd", "nothing", "tee file <<'END'\ntext\nEND"},
};

static struct check_report report = {.rows = sample, .count = ARRAY_SIZE(sample)};

static void table_is_aligned(void **state)
{
    (void)state;
    _cleanup_free_ char *text = check_table(&report, false);
    assert_string_equal(text, "ok    first thing  found\n"
                              "warn  second       missing\n"
                              "                   without it: no feature\n"
                              "                   to mend: sudo mend\n"
                              "info  third        missing as well\n"
                              "                   without it: no other feature\n"
                              "                   to mend: as above\n"
                              "warn  fourth       odd\n"
                              "                   without it: nothing\n"
                              "                   to mend:\n"
                              "tee file <<'END'\n"
                              "text\n"
                              "END\n"
                              "\nbryo works here; 2 things that it can make use of are missing.\n");
    assert_true(check_core_works(&report));
}

static void color_is_only_in_the_status(void **state)
{
    (void)state;
    _cleanup_free_ char *text = check_table(&report, true);
    assert_int_equal(strncmp(text, "\033[32mok  \033[0m  first thing  found\n", 32), 0);
}

static void one_failure_fails(void **state)
{
    (void)state;
    sample[0].status = CHECK_FAIL;
    _cleanup_free_ char *text = check_table(&report, false);
    sample[0].status = CHECK_OK;
    assert_non_null(strstr(text, "fail  first thing  found\n"));
    assert_non_null(strstr(text, "\nbryo does not work here: 1 of 4 checks failed.\n"));
}

static void json_has_every_row(void **state)
{
    (void)state;
    _cleanup_cjson_ cJSON *json = check_json(&report);
    _cleanup_free_ char *text = json_print(json, false);
    assert_string_equal(text,
                        "{\"ok\":true,\"checks\":["
                        "{\"id\":\"one\",\"what\":\"first thing\",\"status\":\"ok\",\"detail\":\"found\"},"
                        "{\"id\":\"two\",\"what\":\"second\",\"status\":\"warn\",\"detail\":\"missing\","
                        "\"breaks\":\"no feature\","
                        "\"fix\":\"sudo mend\"},"
                        "{\"id\":\"three\",\"what\":\"third\",\"status\":\"info\",\"detail\":\"missing as "
                        "well\",\"breaks\":\"no other "
                        "feature\",\"fix\":\"sudo mend\"},"
                        "{\"id\":\"four\",\"what\":\"fourth\",\"status\":\"warn\",\"detail\":\"odd\","
                        "\"breaks\":\"nothing\",\"fix\":\"tee "
                        "file <<'END'\\ntext\\nEND\"}]}\n");
}

/* On whatever machine this is: every row says something, ids are unique, what is wrong says what breaks, and
 * the caller's own host name and children are untouched. */
static void a_run_is_complete_and_clean(void **state)
{
    _cleanup_check_ struct check_report found = {0};
    char before[256] = "", after[256] = "";

    (void)state;
    gethostname(before, sizeof before - 1);
    assert_int_equal(check_run(&found, NULL), 0);
    gethostname(after, sizeof after - 1);
    assert_string_equal(before, after);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);

    assert_true(found.count > 15);
    assert_int_equal(found.root, geteuid() == 0);
    for (size_t i = 0; i < found.count; i++) {
        const struct check_row *row = &found.rows[i];
        assert_true(row->id && row->what && row->detail && *row->detail);
        if (row->status == CHECK_FAIL || (row->status == CHECK_WARN && strcmp(row->id, "kernel") != 0))
            if (!row->breaks)
                fail_msg("%s does not say what breaks: %s", row->id, row->detail);
        if (row->status == CHECK_OK)
            assert_true(!row->breaks && !row->fix);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(row->id, found.rows[j].id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_aligned),
        cmocka_unit_test(color_is_only_in_the_status),
        cmocka_unit_test(one_failure_fails),
        cmocka_unit_test(json_has_every_row),
        cmocka_unit_test(a_run_is_complete_and_clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
