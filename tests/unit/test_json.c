/*
 * base/json: what the reader takes and refuses (with the place), exact integers, and the printer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"

static cJSON *parse(const char *text)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    cJSON *json = NULL;

    if (json_parse("t", text, strlen(text), &json, &err) < 0)
        fail_msg("%s: %s", text, error_text(&err));
    return json;
}

/* Compact text in, compact text out: nothing is lost or reordered. */
static void round_trip(const char *text, const char *expected)
{
    _cleanup_cjson_ cJSON *json = parse(text);
    _cleanup_free_ char *printed = json_print(json, false);

    assert_non_null(printed);
    printed[strlen(printed) - 1] = '\0';
    assert_string_equal(printed, expected);
}

static void test_values(void **state)
{
    (void)state;
    round_trip("{}", "{}");
    round_trip(" [ ] ", "[]");
    round_trip("\"x\"", "\"x\"");
    round_trip("null", "null");
    round_trip("{\"b\":1,\"a\":[true,false,null,{}],\"c\":\"\"}",
               "{\"b\":1,\"a\":[true,false,null,{}],\"c\":\"\"}");
    round_trip("\t{ \"a\" : -1 ,\r\n\"b\":[1,2 , 3]}\n", "{\"a\":-1,\"b\":[1,2,3]}");
    round_trip("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\u0008\\u000c\\n\\u000d\\t\"");
    round_trip("\"\\u00e9\\u20ac\\ud83c\\udf3f\"", "\"é€🌿\"");
    round_trip("\"é€🌿\"", "\"é€🌿\"");
    round_trip("\"\\u007f\\uD7FF\\uE000\"", "\"\x7f\xed\x9f\xbf\xee\x80\x80\"");
}

static void test_numbers_keep_their_digits(void **state)
{
    static const char *const numbers[] = {
        "0",
        "-1",
        "999999999999999",
        "1000000000000000",
        "9007199254740991",
        "9007199254740993",
        "18446744073709551615",
        "-9223372036854775808",
        "18446744073709551616",
        "123456789012345678901234567890",
        "0.1",
        "1.0",
        "1e3",
        "-2.50E-7",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        round_trip(numbers[i], numbers[i]);
    round_trip("-0", "0");
}

struct integer_case {
    const char *text;
    int r_u64;
    uint64_t u64;
    int r_i64;
    int64_t i64;
};

static void test_integers(void **state)
{
    static const struct integer_case cases[] = {
        {"0", 0, 0, 0, 0},
        {"-0", 0, 0, 0, 0},
        {"42", 0, 42, 0, 42},
        {"-42", -ERANGE, 7, 0, -42},
        {"9007199254740993", 0, 9007199254740993, 0, 9007199254740993},
        {"-9007199254740993", -ERANGE, 7, 0, -9007199254740993},
        {"9223372036854775807", 0, 9223372036854775807, 0, 9223372036854775807},
        {"9223372036854775808", 0, 9223372036854775808U, -ERANGE, 7},
        {"-9223372036854775808", -ERANGE, 7, 0, INT64_MIN},
        {"-9223372036854775809", -ERANGE, 7, -ERANGE, 7},
        {"18446744073709551615", 0, UINT64_MAX, -ERANGE, 7},
        {"18446744073709551616", -ERANGE, 7, -ERANGE, 7},
        {"1.0", -EINVAL, 7, -EINVAL, 7},
        {"1e3", -EINVAL, 7, -EINVAL, 7},
        {"\"1\"", -EINVAL, 7, -EINVAL, 7},
        {"null", -EINVAL, 7, -EINVAL, 7},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_cjson_ cJSON *json = parse(cases[i].text);
        uint64_t u = 7;
        int64_t s = 7;
        assert_int_equal(json_get_u64(json, &u), cases[i].r_u64);
        assert_true(u == cases[i].u64);
        assert_int_equal(json_get_i64(json, &s), cases[i].r_i64);
        assert_true(s == cases[i].i64);
    }
}

struct bad {
    const char *text;
    const char *message;
};

#define NOT "not valid JSON: "

static void test_refused_with_place(void **state)
{
    static const struct bad cases[] = {
        {"", "t:1:1: " NOT "the text is empty"},
        {" \n ", "t:2:2: " NOT "the text is empty"},
        {"\xef\xbb\xbf{}", "t:1:1: " NOT "a byte order mark in front (save the file as UTF-8 without one)"},
        {"{", "t:1:2: " NOT "expected a member's name in quotes or '}', found the end of the text"},
        {"[", "t:1:2: " NOT "expected a value, found the end of the text"},
        {"[1", "t:1:3: " NOT "expected ',' or ']' after an element, found the end of the text"},
        {"[1 2]", "t:1:4: " NOT "expected ',' or ']' after an element, found '2'"},
        {"[1,]", "t:1:4: " NOT "expected a value, found ']'"},
        {"{\"a\":1,}", "t:1:8: " NOT "expected a member's name in quotes after the comma, found '}'"},
        {"{\n  \"a\": 1\n  \"b\": 2\n}", "t:3:3: " NOT "expected ',' or '}' after a member, found '\"'"},
        {"{\"a\" 1}", "t:1:6: " NOT "expected ':' after the name of a member, found '1'"},
        {"{\"a\":}", "t:1:6: " NOT "expected a value, found '}'"},
        {"{a:1}", "t:1:2: " NOT "expected a member's name in quotes or '}', found 'a'"},
        {"{'a':1}", "t:1:2: " NOT "expected a member's name in quotes or '}', found '''"},
        {"{} x", "t:1:4: " NOT "expected the end of the text, found 'x'"},
        {"{}{}", "t:1:3: " NOT "expected the end of the text, found '{'"},
        {"tru", "t:1:1: " NOT "expected a value, found 't'"},
        {"[True]", "t:1:2: " NOT "expected a value, found 'T'"},
        {"// hi\n{}", "t:1:1: " NOT "expected a value, found '/'"},
        {"01", "t:1:1: " NOT "a number with a zero in front"},
        {"-", "t:1:2: " NOT "expected a digit, found the end of the text"},
        {"+1", "t:1:1: " NOT "expected a value, found '+'"},
        {"1.", "t:1:3: " NOT "expected a digit, found the end of the text"},
        {".5", "t:1:1: " NOT "expected a value, found '.'"},
        {"1e+", "t:1:4: " NOT "expected a digit, found the end of the text"},
        {"1e999", "t:1:1: " NOT "a number too large for any use"},
        {"NaN", "t:1:1: " NOT "expected a value, found 'N'"},
        {"\"abc", "t:1:1: " NOT "a string without a closing quote"},
        {"\"abc\\\"", "t:1:1: " NOT "a string without a closing quote"},
        {"\"abc\\", "t:1:1: " NOT "a string without a closing quote"},
        {"\"a\nb\"", "t:1:3: " NOT "a control character (0x0a) in a string; it is written as an escape"},
        {"\"\\x\"", "t:1:2: " NOT "a backslash with nothing behind it that it could mean"},
        {"\"ab\\u12g4\"", "t:1:4: " NOT "expected four hexadecimal digits after \\u"},
        {"\"\\u123\"", "t:1:2: " NOT "expected four hexadecimal digits after \\u"},
        {"\"a\\u0000b\"", "t:1:3: " NOT "a string may not hold a NUL"},
        {"\"\\ud800\"", "t:1:2: " NOT "the first half of a surrogate pair without the second"},
        {"\"\\ud800\\u0041\"", "t:1:2: " NOT "the first half of a surrogate pair without the second"},
        {"\"\\udc00\"", "t:1:2: " NOT "the second half of a surrogate pair without the first"},
        {"\"é\xff\"", "t:1:3: " NOT "not UTF-8 (byte 0xff)"},
        {"\"\xc0\xaf\"", "t:1:2: " NOT "not UTF-8 (byte 0xc0)"},
        {"\"\xed\xa0\x80\"", "t:1:2: " NOT "not UTF-8 (byte 0xed)"},
        {"[\x01]", "t:1:2: " NOT "expected a value, found the byte 0x01"},
        {"[\xc3\xa9]", "t:1:2: " NOT "expected a value, found the byte 0xc3"},
        {"{\"a\":1,\n \"b\":2,\n \"a\":3}", "t:3:2: " NOT "the member \"a\" is there twice"},
        {"{\"a\":1,\"\\u0061\":3}", "t:1:8: " NOT "the member \"a\" is there twice"},
        {"{\"o\":{\"a\":1},\"p\":{\"a\":1,\"b\":{\"a\":2},\"a\":2}}",
         "t:1:37: " NOT "the member \"a\" is there twice"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        cJSON *json = NULL;
        assert_int_equal(json_parse("t", cases[i].text, strlen(cases[i].text), &json, &err), -EINVAL);
        assert_null(json);
        assert_string_equal(error_text(&err), cases[i].message);
    }
}

static void test_embedded_nul(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    cJSON *json = NULL;

    (void)state;
    assert_int_equal(json_parse("t", "{}\0{}", 5, &json, &err), -EINVAL);
    assert_string_equal(error_text(&err), "t:1:3: " NOT "expected the end of the text, found the byte 0x00");
    assert_int_equal(json_parse("t", "\"a\0b\"", 5, &json, &err), -EINVAL);
    assert_string_equal(error_text(&err),
                        "t:1:3: " NOT "a control character (0x00) in a string; it is written as an escape");
    assert_int_equal(json_parse("t", "\"a\\\0b\"", 6, &json, &err), -EINVAL);
    assert_null(json);
}

static void test_hints(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    cJSON *json = NULL;

    (void)state;
    assert_int_equal(json_parse("t", "{\n# x\n}", 7, &json, &err), -EINVAL);
    assert_string_equal(err.hint, "JSON knows no comments");
    assert_int_equal(json_parse("t", "['x']", 5, &json, &err), -EINVAL);
    assert_string_equal(err.hint, "strings and names are written in double quotes");
}

static void test_depth(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    char text[2 * (CJSON_NESTING_LIMIT + 1)];
    cJSON *json = NULL;

    (void)state;
    memset(text, '[', CJSON_NESTING_LIMIT);
    memset(text + CJSON_NESTING_LIMIT, ']', CJSON_NESTING_LIMIT);
    assert_int_equal(json_parse("t", text, 2 * CJSON_NESTING_LIMIT, &json, &err), 0);
    cJSON_Delete(json);
    json = NULL;
    memset(text, '[', sizeof text);
    assert_int_equal(json_parse("t", text, sizeof text, &json, &err), -EINVAL);
    assert_string_equal(error_text(&err), "t:1:1001: " NOT "nested deeper than 1000 levels");
    assert_null(json);
}

/* 100000 keys: duplicates are still found, and in reasonable time. */
static void test_many_keys(void **state)
{
    _cleanup_strbuf_ struct strbuf b = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    cJSON *json = NULL;

    (void)state;
    strbuf_add(&b, "{");
    for (int i = 0; i < 100000; i++)
        strbuf_addf(&b, "\"k%d\":%d,\n", i, i);
    size_t len = b.len;
    strbuf_add(&b, "\"last\":1}");
    assert_int_equal(json_parse("t", b.data, b.len, &json, &err), 0);
    assert_int_equal(cJSON_GetArraySize(json), 100001);
    cJSON_Delete(json);
    json = NULL;
    b.len = len;
    strbuf_add(&b, "\"k4711\":1}");
    assert_int_equal(json_parse("t", b.data, b.len, &json, &err), -EINVAL);
    assert_string_equal(error_text(&err), "t:100001:1: " NOT "the member \"k4711\" is there twice");
}

static void test_describe(void **state)
{
    static const struct bad cases[] = {
        {"\"many\"", "\"many\""},
        {"\"a\\nb\\\"\"", "\"a\\nb\\\"\""},
        {"12", "12"},
        {"18446744073709551616", "18446744073709551616"},
        {"1.5", "1.5"},
        {"true", "true"},
        {"false", "false"},
        {"null", "null"},
        {"{}", "an empty object"},
        {"{\"a\":1}", "an object"},
        {"[]", "an empty list"},
        {"[1]", "a list"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_cjson_ cJSON *json = parse(cases[i].text);
        _cleanup_free_ char *text = json_describe(json);
        assert_string_equal(text, cases[i].message);
    }
    _cleanup_free_ char *nothing = json_describe(NULL);
    assert_string_equal(nothing, "nothing");

    char longer[202];
    memset(longer, 'x', sizeof longer - 1);
    longer[0] = longer[sizeof longer - 2] = '"';
    longer[sizeof longer - 1] = '\0';
    _cleanup_cjson_ cJSON *json = parse(longer);
    _cleanup_free_ char *text = json_describe(json);
    assert_true(strlen(text) < 80);
    assert_non_null(strstr(text, "…\""));
}

static void test_build_and_print(void **state)
{
    char *const list[] = {(char *)"a", (char *)"b", NULL};
    _cleanup_cjson_ cJSON *o = cJSON_CreateObject();

    (void)state;
    assert_int_equal(json_add_string(o, "s", "x\x01\xff\xe2\x82y\xc3\xa9\"z"), 0);
    assert_int_equal(json_add_string(o, "absent", NULL), 0);
    assert_int_equal(json_add_u64(o, "u", UINT64_MAX), 0);
    assert_int_equal(json_add_i64(o, "i", INT64_MIN), 0);
    assert_int_equal(json_add_u64(o, "e", 9007199254740993), 0);
    assert_int_equal(json_add_bool(o, "b", true), 0);
    assert_int_equal(json_add_strv(o, "l", list), 0);
    assert_int_equal(json_add_item(o, "o", cJSON_CreateObject()), 0);
    assert_int_equal(json_add_item(o, "n", NULL), -ENOMEM);

    _cleanup_free_ char *text = json_print(o, true);
    assert_string_equal(text, "{\n"
                              "    \"s\": \"x\\u0001\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdyé\\\"z\",\n"
                              "    \"u\": 18446744073709551615,\n"
                              "    \"i\": -9223372036854775808,\n"
                              "    \"e\": 9007199254740993,\n"
                              "    \"b\": true,\n"
                              "    \"l\": [\n"
                              "        \"a\",\n"
                              "        \"b\"\n"
                              "    ],\n"
                              "    \"o\": {}\n"
                              "}\n");
    uint64_t u = 0;
    assert_int_equal(json_get_u64(cJSON_GetObjectItem(o, "u"), &u), 0);
    assert_true(u == UINT64_MAX);
    cJSON *again = parse(text);
    cJSON_Delete(again);
}

static void test_read_file(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    char dir[] = "/tmp/test-json-XXXXXX";
    cJSON *json = NULL;

    (void)state;
    assert_non_null(mkdtemp(dir));
    _cleanup_close_ int fd = open(dir, O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(json_read_file(fd, "config.json", &json, &err), -ENOENT);

    _cleanup_close_ int file = openat(fd, "config.json", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(file, "{\n\"a\" 1}", 8), 8);
    assert_int_equal(json_read_file(fd, "config.json", &json, &err), -EINVAL);
    assert_string_equal(error_text(&err),
                        "config.json:2:5: " NOT "expected ':' after the name of a member, found '1'");
    /* One byte too much, sparse. */
    assert_int_equal(ftruncate(file, (16 << 20) + 1), 0);
    assert_int_equal(json_read_file(fd, "config.json", &json, &err), -EFBIG);
    assert_null(json);
    assert_int_equal(unlinkat(fd, "config.json", 0), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),       cmocka_unit_test(test_numbers_keep_their_digits),
        cmocka_unit_test(test_integers),     cmocka_unit_test(test_refused_with_place),
        cmocka_unit_test(test_embedded_nul), cmocka_unit_test(test_hints),
        cmocka_unit_test(test_depth),        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_describe),     cmocka_unit_test(test_build_and_print),
        cmocka_unit_test(test_read_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
