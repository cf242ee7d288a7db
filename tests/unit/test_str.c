/*
 * Strings: buffers, vectors, quoting, and numbers that are nothing but numbers.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/str.h"

static void test_strbuf(void **state)
{
    _cleanup_strbuf_ struct strbuf b = {0};
    _cleanup_free_ char *text = NULL, *empty = NULL;

    (void)state;
    for (int i = 0; i < 1000; i++)
        strbuf_addf(&b, "%d,", i);
    strbuf_add(&b, "end");
    strbuf_addn(&b, "xyz", 1);
    text = strbuf_take(&b);
    assert_int_equal(strlen(text), 10 * 2 + 90 * 3 + 900 * 4 + 4);
    assert_string_equal(text + strlen(text) - 8, "999,endx");
    assert_null(b.data);
    empty = strbuf_take(&b);
    assert_string_equal(empty, "");
}

static void test_strv(void **state)
{
    _cleanup_strv_ char **v = NULL, **copy = NULL;
    bool oom = false;

    (void)state;
    assert_int_equal(strv_len(NULL), 0);
    assert_null(strv_copy(NULL, &oom));
    assert_false(oom);
    assert_int_equal(strv_add(&v, "PATH=/bin"), 0);
    assert_int_equal(strv_setenv(&v, "HOME", "/root"), 0);
    assert_int_equal(strv_setenv(&v, "PATH", "/usr/bin"), 0);
    assert_int_equal(strv_len(v), 2);
    assert_string_equal(strv_getenv(v, "PATH"), "/usr/bin");
    assert_string_equal(strv_getenv(v, "HOME"), "/root");
    assert_null(strv_getenv(v, "HOM"));
    assert_null(strv_getenv(v, "HOMER"));
    assert_true(strv_has(v, "HOME=/root"));
    assert_false(strv_has(v, "HOME"));
    copy = strv_copy(v, &oom);
    assert_int_equal(strv_len(copy), 2);
    assert_ptr_not_equal(copy[0], v[0]);
    assert_int_equal(strv_take(&v, NULL), -ENOMEM);
}

static void test_quote(void **state)
{
    static const struct {
        const char *in;
        size_t max;
        const char *out;
    } rows[] = {
        {"plain", 0, "plain"},
        {"a\"b\\c", 0, "a\\\"b\\\\c"},
        {"line\nnext\ttab\x7f", 0, "line\\nnext\\x09tab\\x7f"},
        {"gr\xc3\xbc\xc3\x9f", 0, "gr\xc3\xbc\xc3\x9f"},
        {"bad\xff\xc3", 0, "bad\\xff\\xc3"},
        {"12345", 3, "123\xe2\x80\xa6"},
        {"12\xc3\xbc", 3, "12\xe2\x80\xa6"}, /* never cut through a character */
        {"", 3, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_free_ char *out = str_quote(rows[i].in, rows[i].max);
        assert_string_equal(out, rows[i].out);
    }
}

static void test_utf8(void **state)
{
    static const char *const good[] = {
        "", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\xaf",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "\xc3",
                                      "\xe2\x82",
                                      "a\xff"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_true(str_is_utf8(good[i], strlen(good[i])));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(str_is_utf8(bad[i], strlen(bad[i])));
}

/* CVE-2026-30892: "1" is 1, and what is not a number is never 0. */
static void test_numbers(void **state)
{
    static const char *const no_numbers[] = {"",  " ",  " 1",    "1 ",  "+1",  "0x10", "1e3", "1.0", "--1",
                                             "-", "1:", "1000u", "\n1", "1\n", "NaN",  "１",  NULL};
    uint64_t u64 = 7;
    int64_t i64 = 7;
    uint32_t u32 = 7;
    unsigned octal = 7;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(no_numbers); i++) {
        assert_int_equal(parse_u64(no_numbers[i], &u64), -EINVAL);
        assert_int_equal(parse_i64(no_numbers[i], &i64), -EINVAL);
        assert_int_equal(parse_u32(no_numbers[i], &u32), -EINVAL);
        assert_int_equal(parse_id(no_numbers[i], &u32), -EINVAL);
        assert_int_equal(parse_octal(no_numbers[i], 0777, &octal), -EINVAL);
    }
    assert_int_equal(u64 + (uint64_t)i64 + u32 + octal, 28); /* untouched by failures */
    assert_int_equal(parse_u64("-1", &u64), -EINVAL);
    assert_int_equal(parse_u64("18446744073709551615", &u64), 0);
    assert_true(u64 == UINT64_MAX);
    assert_int_equal(parse_u64("18446744073709551616", &u64), -ERANGE);
    assert_int_equal(parse_u64("99999999999999999999x", &u64), -EINVAL);
    assert_int_equal(parse_i64("-9223372036854775808", &i64), 0);
    assert_true(i64 == INT64_MIN);
    assert_int_equal(parse_i64("9223372036854775808", &i64), -ERANGE);
    assert_int_equal(parse_i64("-9223372036854775809", &i64), -ERANGE);
    assert_int_equal(parse_u32("4294967295", &u32), 0);
    assert_int_equal(parse_u32("4294967296", &u32), -ERANGE);
    assert_int_equal(parse_id("4294967294", &u32), 0);
    assert_int_equal(parse_id("4294967295", &u32), -ERANGE);
    assert_int_equal(parse_id("007", &u32), 0);
    assert_int_equal(u32, 7);
    assert_int_equal(parse_octal("0755", 07777, &octal), 0);
    assert_int_equal(octal, 0755);
    assert_int_equal(parse_octal("8", 07777, &octal), -EINVAL);
    assert_int_equal(parse_octal("10000", 07777, &octal), -ERANGE);
}

static void test_sizes(void **state)
{
    uint64_t n = 0;

    (void)state;
    assert_int_equal(parse_size("512m", &n), 0);
    assert_true(n == 512ULL << 20);
    assert_int_equal(parse_size("3T", &n), 0);
    assert_true(n == 3ULL << 40);
    assert_int_equal(parse_size("0", &n), 0);
    assert_true(n == 0);
    assert_int_equal(parse_size("16777215t", &n), 0);
    assert_int_equal(parse_size("16777216t", &n), -ERANGE);
    assert_int_equal(parse_size("1kb", &n), -EINVAL);
    assert_int_equal(parse_size("k", &n), -EINVAL);
    assert_int_equal(parse_size("1.5g", &n), -EINVAL);
    assert_int_equal(parse_size("-1k", &n), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strbuf), cmocka_unit_test(test_strv),    cmocka_unit_test(test_quote),
        cmocka_unit_test(test_utf8),   cmocka_unit_test(test_numbers), cmocka_unit_test(test_sizes),
    };

    return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
