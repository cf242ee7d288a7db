/*
 * RFC 3339 times against the C library's calendar.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "base/time.h"

static void assert_as_libc(time_t t)
{
    char ours[TIME_RFC3339_MAX], theirs[TIME_RFC3339_MAX], text[48];
    struct timespec when = {.tv_sec = t, .tv_nsec = 7};
    struct tm tm;

    assert_non_null(gmtime_r(&t, &tm));
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(theirs, sizeof theirs, "%s.000000007Z", text);
    assert_string_equal(time_rfc3339(ours, &when), theirs);
}

static void test_known(void **state)
{
    char buf[TIME_RFC3339_MAX];
    struct timespec when = {.tv_sec = 1795340899, .tv_nsec = 527189000};

    (void)state;
    assert_string_equal(time_rfc3339(buf, &when), "2026-11-22T09:48:19.527189000Z");
}

static void test_all_days(void **state)
{
    (void)state;
    /* 1900 to 2400: every century rule, every leap day, the first and last second of each day */
    for (time_t day = -25567; day < 157055; day++) {
        assert_as_libc(day * 86400);
        assert_as_libc(day * 86400 + 86399);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_all_days),
    };

    return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
