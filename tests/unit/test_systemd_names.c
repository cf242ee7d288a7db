/*
 * What goes to systemd as text: names of units from linux.cgroupsPath, and the values of annotations.
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
#include "cgroup/systemd.h"

static void test_units(void **state)
{
    static const struct {
        const char *path;
        bool user;
        const char *name, *slice;
    } rows[] = {
        {NULL, true, "bryo-box.scope", "user.slice"},
        {"", false, "bryo-box.scope", "system.slice"},
        {"user.slice:libpod:0a1b", true, "libpod-0a1b.scope", "user.slice"},
        {":libpod:x", true, "libpod-x.scope", "user.slice"},
        {"::x", false, "x.scope", "system.slice"},
        {"-:p:x", false, "p-x.scope", "-.slice"},
        {"-.slice:p:x", false, "p-x.scope", "-.slice"},
        {"machine-a-b.slice:p:x", false, "p-x.scope", "machine-a-b.slice"},
        /* What systemd does not allow in names, and what would make it a template or a hidden file. */
        {":p:a+b", true, "p-a\\x2bb.scope", "user.slice"},
        {":p:a/b@c d", true, "p-a\\x2fb\\x40c\\x20d.scope", "user.slice"},
        {"::.x.y", true, "\\x2ex.y.scope", "user.slice"},
        {"::\n\x80", true, "\\x0a\\x80.scope", "user.slice"},
        {":p:a\\x2bb", true, "p-a\\x2bb.scope", "user.slice"},
        {":p:x.scope", true, "p-x.scope.scope", "user.slice"},
        {"a.slice:p:b.slice", true, "b.slice", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_unit_ struct unit u = {0};
        assert_int_equal(unit_from_path(rows[i].path, "box", rows[i].user, &u, &err), 0);
        assert_string_equal(u.name, rows[i].name);
        assert_int_equal(u.is_slice, rows[i].slice == NULL);
        if (rows[i].slice)
            assert_string_equal(u.slice, rows[i].slice);
        else
            assert_null(u.slice);
    }
}

static void test_bad_units(void **state)
{
    static const struct {
        const char *path, *why;
    } rows[] = {
        {"/user.slice/x",
         "linux.cgroupsPath: \"/user.slice/x\": expected three parts with a colon between them"},
        {"user.slice:x",
         "linux.cgroupsPath: \"user.slice:x\": expected three parts with a colon between them"},
        {"a:b:c:d", "linux.cgroupsPath: \"a:b:c:d\": expected three parts with a colon between them"},
        {":p:", "linux.cgroupsPath: \":p:\": the last part, the name, is empty"},
        {"user:p:x", "linux.cgroupsPath: \"user:p:x\": the slice must end in \".slice\""},
        {".slice:p:x", "linux.cgroupsPath: \".slice:p:x\": the slice must end in \".slice\""},
        {"a.slice/b.slice:p:x",
         "linux.cgroupsPath: \"a.slice/b.slice:p:x\": a slice within slices is written with dashes "
         "(\"a-b.slice\" lies in \"a.slice\"), not as a path"},
        {"../x.slice:p:x",
         "linux.cgroupsPath: \"../x.slice:p:x\": a slice within slices is written with dashes "
         "(\"a-b.slice\" lies in \"a.slice\"), not as a path"},
        {"a b.slice:p:x",
         "linux.cgroupsPath: \"a b.slice:p:x\": the slice has a character that systemd does not allow"},
        {"a--b.slice:p:x",
         "linux.cgroupsPath: \"a--b.slice:p:x\": the slice has an empty part before, between or "
         "behind its dashes"},
        {"-a.slice:p:x",
         "linux.cgroupsPath: \"-a.slice:p:x\": the slice has an empty part before, between or "
         "behind its dashes"},
        {"a-.slice:p:x",
         "linux.cgroupsPath: \"a-.slice:p:x\": the slice has an empty part before, between or "
         "behind its dashes"},
        {":p:a--b.slice",
         "linux.cgroupsPath: \":p:a--b.slice\": the slice has an empty part before, between or "
         "behind its dashes"},
        {":p:-.slice", "linux.cgroupsPath: \":p:-.slice\": a container cannot be the root slice"},
    };
    char longest[400];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_unit_ struct unit u = {0};
        assert_int_equal(unit_from_path(rows[i].path, "box", true, &u, &err), -EINVAL);
        assert_string_equal(error_text(&err), rows[i].why);
        assert_non_null(strstr(err.hint, "SLICE:PREFIX:NAME"));
        assert_null(u.name);
    }

    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_unit_ struct unit u = {0};
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "::", 2);
    longest[2 + 255 - 6] = '\0';
    assert_int_equal(unit_from_path(longest, "box", true, &u, &err), 0);
    unit_free(&u);
    longest[2 + 255 - 6] = 'x';
    longest[3 + 255 - 6] = '\0';
    assert_int_equal(unit_from_path(longest, "box", true, &u, &err), -EINVAL);
    assert_non_null(strstr(error_text(&err), "longer than 255 characters"));
}

static void test_unit_of_cgroup(void **state)
{
    static const struct {
        const char *path, *unit, *own;
    } rows[] = {
        {"/user.slice/user-7.slice/user@7.service/user.slice/bryo-x.scope/container", "bryo-x.scope",
         "/user.slice/user-7.slice/user@7.service/user.slice/bryo-x.scope"},
        {"/system.slice/a.scope", "a.scope", "/system.slice/a.scope"},
        {"/a.slice/b-c.slice", "b-c.slice", "/a.slice/b-c.slice"},
        /* systemd escapes names that could be files of the kernel's. */
        {"/system.slice/_cpu.x.scope/container/inner", "cpu.x.scope", "/system.slice/_cpu.x.scope"},
        {"/system.slice/__x.scope", "_x.scope", "/system.slice/__x.scope"},
        {"/a/b", NULL, NULL},
        {"/.scope", NULL, NULL},
        {"/", NULL, NULL},
        {"", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        size_t len = 0;
        _cleanup_free_ char *unit = unit_of_cgroup(rows[i].path, &len);
        if (!rows[i].unit) {
            assert_null(unit);
            continue;
        }
        assert_string_equal(unit, rows[i].unit);
        assert_int_equal(len, strlen(rows[i].own));
        assert_memory_equal(rows[i].path, rows[i].own, len);
    }
}

static char *text_of(const char *s)
{
    return (char *)(uintptr_t)s;
}

static void test_places(void **state)
{
    static const struct {
        const char *path, *subgroup, *cgroup;
    } rows[] = {
        {"user.slice:p:n", NULL, "/root/user.slice/p-n.scope/container"},
        {"a-b-c.slice:p:n", NULL, "/root/a.slice/a-b.slice/a-b-c.slice/p-n.scope/container"},
        {"-:p:n", NULL, "/root/p-n.scope/container"},
        {"a.slice:p:n", "", "/root/a.slice/p-n.scope"},
        {"a.slice:p:n", "\n", "/root/a.slice/p-n.scope"},
        {"a.slice:p:n", "box\n", "/root/a.slice/p-n.scope/box"},
        {"::a-b.slice", NULL, "/root/a.slice/a-b.slice"},
        {"::a-b.slice", "box", "/root/a.slice/a-b.slice/box"},
        /* What could be a file of the kernel's. */
        {"cpu.slice::memory.x", NULL, "/root/_cpu.slice/_memory.x.scope/container"},
        {"a.slice::_x", NULL, "/root/a.slice/__x.scope/container"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_unit_ struct unit u = {0};
        _cleanup_free_ char *sub = NULL;
        struct oci_pair pair = {text_of("run.oci.systemd.subgroup"), text_of(rows[i].subgroup)};
        const struct oci_map map = {&pair, rows[i].subgroup ? 1 : 0};
        assert_int_equal(unit_from_path(rows[i].path, "box", true, &u, &err), 0);
        assert_int_equal(unit_subgroup(&u, &map, &sub, &err), 0);
        _cleanup_free_ char *cgroup = unit_cgroup("/root", &u, sub);
        assert_string_equal(cgroup, rows[i].cgroup);
    }
}

static void test_bad_subgroups(void **state)
{
    static const char *const bad[] = {"a/b", "..", ".", "/a", "x.scope", "x.slice", "a\nb"};
    const struct unit u = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_free_ char *sub = NULL;
        struct oci_pair pair = {text_of("run.oci.systemd.subgroup"), text_of(bad[i])};
        const struct oci_map map = {&pair, 1};
        assert_int_equal(unit_subgroup(&u, &map, &sub, &err), -EINVAL);
        assert_non_null(strstr(error_text(&err),
                               "annotations[\"run.oci.systemd.subgroup\"]: expected the name of "
                               "a cgroup, found \""));
        assert_null(sub);
    }
}

/* The value as text with its type, to compare it with. */
static void show(const struct variant *v, struct strbuf *out)
{
    if (v->type == 's' || v->type == 'o' || v->type == 'g')
        strbuf_addf(out, "%c\"%s\"", v->type, v->text);
    else if (v->type == 'd')
        strbuf_addf(out, "d%g", v->number.d);
    else if (strchr("nix", v->type))
        strbuf_addf(out, "%c%lld", v->type, (long long)v->number.i);
    else if (!v->items && v->type != 'a')
        strbuf_addf(out, "%c%llu", v->type, (unsigned long long)v->number.u);
    else
        variant_signature(v, out);
    if (v->type == 'v' || v->type == 'a' || v->type == 'r' || v->type == 'e') {
        strbuf_add(out, "[");
        for (size_t i = 0; i < v->count; i++) {
            strbuf_add(out, i ? " " : "");
            show(&v->items[i], out);
        }
        strbuf_add(out, "]");
    }
}

static void test_values(void **state)
{
    static const struct {
        const char *text, *type, *value;
    } rows[] = {
        {"true", NULL, "b1"},
        {" false \n", NULL, "b0"},
        {"boolean true", NULL, "b1"},
        {"'it'", NULL, "s\"it\""},
        {"\"a'b\"", NULL, "s\"a'b\""},
        {"'a\\'b\\n\\u00e9\\U0001f600\\q'", NULL, "s\"a'b\n\u00e9\U0001f600q\""},
        {"''", NULL, "s\"\""},
        {"5", NULL, "i5"},
        {"-5", NULL, "i-5"},
        {"+5", NULL, "i5"},
        {"0x1f", NULL, "i31"},
        {"017", NULL, "i15"},
        {"5", "t", "t5"},
        {"uint64 18446744073709551615", NULL, "t18446744073709551615"},
        {"int64 -9223372036854775808", NULL, "x-9223372036854775808"},
        {"-2147483648", NULL, "i-2147483648"},
        {"byte 255", NULL, "y255"},
        {"int16 -32768", NULL, "n-32768"},
        {"uint16 0", NULL, "q0"},
        {"uint32 7", NULL, "u7"},
        {"1.5", NULL, "d1.5"},
        {"-1e3", NULL, "d-1000"},
        {"double 3", NULL, "d3"},
        {"objectpath '/a'", NULL, "o\"/a\""},
        {"signature 'as'", NULL, "g\"as\""},
        {"@t 5", NULL, "t5"},
        {"['a', 'b']", NULL, "as[s\"a\" s\"b\"]"},
        {"['a', 'b',]", NULL, "as[s\"a\" s\"b\"]"},
        {"[uint64 1, 2]", NULL, "at[t1 t2]"},
        {"@as []", NULL, "as[]"},
        {"[]", "as", "as[]"},
        {"b'ab'", NULL, "ay[y97 y98 y0]"},
        {"[[1], [2, 3]]", NULL, "aai[ai[i1] ai[i2 i3]]"},
        {"('a', uint64 5)", NULL, "(st)[s\"a\" t5]"},
        {"('a',)", NULL, "(s)[s\"a\"]"},
        {"@a(st) [('a', 5), ('b', 6)]", NULL, "a(st)[(st)[s\"a\" t5] (st)[s\"b\" t6]]"},
        {"{'a': 1, 'b': 2}", NULL, "a{si}[{si}[s\"a\" i1] {si}[s\"b\" i2]]"},
        {"@a{sv} {'a': <1>}", NULL, "a{sv}[{sv}[s\"a\" v[i1]]]"},
        {"@a{sv} {}", NULL, "a{sv}[]"},
        {"<'x'>", NULL, "v[s\"x\"]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_variant_ struct variant v = {0};
        _cleanup_strbuf_ struct strbuf text = {0};
        if (variant_parse(rows[i].text, rows[i].type, &v, &err) < 0)
            fail_msg("%s: %s", rows[i].text, error_text(&err));
        show(&v, &text);
        assert_string_equal(text.data, rows[i].value);
    }
}

static void test_bad_values(void **state)
{
    static const struct {
        const char *text, *type, *why;
    } rows[] = {
        {"", NULL,
         "expected a value as GVariant writes it: 'text', true, uint64 5, ['a', 'b'], found the end of "
         "the text"},
        {"yes", NULL,
         "at character 1: expected a value as GVariant writes it: 'text', true, uint64 5, "
         "['a', 'b'], found \"yes\""},
        {"5 6", NULL, "at character 3: expected the end of the text, found \"6\""},
        {"'a", NULL, "expected ', found the end of the text"},
        {"'a\\", NULL, "expected a character behind the backslash, found the end of the text"},
        {"'\\u12'", NULL, "at character 6: expected four hexadecimal digits, found \"'\""},
        {"'\\u0000'", NULL, "at character 1: expected a string of UTF-8 without NUL, found \"'\\\\u0000'\""},
        {"'\xff'", NULL, "at character 1: expected a string of UTF-8 without NUL, found \"'\\xff'\""},
        {"'\\ud800'", NULL, "at character 1: expected a string of UTF-8 without NUL, found \"'\\\\ud800'\""},
        {"2147483648", NULL, "at character 1: expected a number that fits into int32, found \"2147483648\""},
        {"uint64 18446744073709551616", NULL,
         "at character 8: expected a number that fits into uint64, found \"18446744073709551616\""},
        {"uint32 -1", NULL, "at character 8: expected a number that fits into uint32, found \"-1\""},
        {"byte 256", NULL, "at character 6: expected a number that fits into byte, found \"256\""},
        {"int16 -32769", NULL, "at character 7: expected a number that fits into int16, found \"-32769\""},
        {"5x", NULL, "at character 1: expected a whole number, found \"5x\""},
        {"uint64 1.5", NULL, "at character 8: expected a whole number, found \"1.5\""},
        {"uint64 'a'", NULL, "at character 8: expected a value of type t, found \"'a'\""},
        {"'a'", "t", "at character 1: expected a value of type t, found \"'a'\""},
        {"[1, 'a']", NULL, "at character 5: expected a value of type i, found \"'a']\""},
        {"[]", NULL,
         "at character 1: expected the type of an empty array before it, as in \"@as []\", found "
         "\"[]\""},
        {"[1 2]", NULL, "at character 4: expected \",\" or \"]\", found \"2]\""},
        {"()", NULL, "at character 1: expected a structure with at least one member, found \"()\""},
        {"@(st) ('a')", NULL, "at character 7: expected a value of type (st), found \"('a')\""},
        {"@(s) ('a', 1)", NULL, "at character 12: expected \")\", found \"1)\""},
        {"@z 1", NULL, "at character 1: expected a type of D-Bus behind \"@\", found \"@z 1\""},
        {"@mi 1", NULL, "at character 1: expected a type of D-Bus behind \"@\", found \"@mi 1\""},
        {"@a{vs} {}", NULL, "at character 1: expected a type of D-Bus behind \"@\", found \"@a{vs} {}\""},
        {"handle 1", NULL,
         "at character 1: expected a value as GVariant writes it: 'text', true, uint64 5, "
         "['a', 'b'], found \"handle 1\""},
        {"{'a' 1}", NULL, "at character 6: expected \":\", found \"1}\""},
        {"{<1>: 2}", NULL, "at character 5: expected a key of a basic type before this, found \": 2}\""},
        {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", NULL,
         "at character 17: expected fewer brackets within brackets, found \"[1]]]]]]]]]]]]]]]]]\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_variant_ struct variant v = {0};
        assert_int_equal(variant_parse(rows[i].text, rows[i].type, &v, &err), -EINVAL);
        assert_string_equal(error_text(&err), rows[i].why);
        assert_int_equal(v.type, 0);
    }
}

static void test_annotations(void **state)
{
    static const struct {
        const char *key, *text, *name, *value;
    } rows[] = {
        {"org.systemd.property.CollectMode", "'inactive'", "CollectMode", "s\"inactive\""},
        {"org.systemd.property.TimeoutStopUSec", "uint64 123456789", "TimeoutStopUSec", "t123456789"},
        {"org.systemd.property.TimeoutStopUSec", "5000000\n", "TimeoutStopUSec", "t5000000"},
        {"org.systemd.property.TimeoutStopSec", "3", "TimeoutStopUSec", "t3000000"},
        {"org.systemd.property.TimeoutStopSec", "1.5", "TimeoutStopUSec", "t1500000"},
        {"org.systemd.property.TimeoutStopSec", "int64 4", "TimeoutStopUSec", "t4000000"},
        {"org.systemd.property.After", "['a.service', 'b.service']", "After",
         "as[s\"a.service\" s\"b.service\"]"},
        {"org.systemd.property.KillSignal", "2", "KillSignal", "i2"},
        {"some.other", "whatever", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_unit_properties_ struct unit_properties properties = {0};
        _cleanup_strbuf_ struct strbuf text = {0};
        struct oci_pair pair = {text_of(rows[i].key), text_of(rows[i].text)};
        struct oci_map map = {&pair, 1};
        if (unit_properties_of_annotations(&properties, &map, &err) < 0)
            fail_msg("%s", error_text(&err));
        assert_int_equal(properties.count, rows[i].name ? 1 : 0);
        if (!rows[i].name)
            continue;
        assert_string_equal(properties.items[0].name, rows[i].name);
        show(&properties.items[0].value, &text);
        assert_string_equal(text.data, rows[i].value);
    }
}

static void test_bad_annotations(void **state)
{
    static const struct {
        const char *key, *text, *why;
    } rows[] = {
        {"org.systemd.property.", "1",
         "annotations[\"org.systemd.property.\"]: expected the name of a unit's property behind "
         "\"org.systemd.property.\""},
        {"org.systemd.property.a\nb", "1",
         "annotations[\"org.systemd.property.a\\nb\"]: expected the name of a unit's property behind "
         "\"org.systemd.property.\""},
        {"org.systemd.property.PIDs", "[uint32 1]",
         "annotations[\"org.systemd.property.PIDs\"]: this property is set by bryo itself"},
        {"org.systemd.property.TimeoutStopSec", "'soon'",
         "annotations[\"org.systemd.property.TimeoutStopSec\"]: expected a number of seconds"},
        {"org.systemd.property.TimeoutStopSec", "-1",
         "annotations[\"org.systemd.property.TimeoutStopSec\"]: expected a number of seconds"},
        {"org.systemd.property.TimeoutStopSec", "-1.5",
         "annotations[\"org.systemd.property.TimeoutStopSec\"]: expected a number of seconds"},
        {"org.systemd.property.TimeoutStopSec", "nan",
         "annotations[\"org.systemd.property.TimeoutStopSec\"]: expected a number of seconds"},
        {"org.systemd.property.TimeoutStopSec", "18446744073710",
         "annotations[\"org.systemd.property.TimeoutStopSec\"]: expected a number of seconds"},
        {"org.systemd.property.CollectMode", "inactive",
         "annotations[\"org.systemd.property.CollectMode\"]: at character 1: expected a value as GVariant "
         "writes "
         "it: 'text', true, uint64 5, ['a', 'b'], found \"inactive\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_unit_properties_ struct unit_properties properties = {0};
        struct oci_pair pair = {text_of(rows[i].key), text_of(rows[i].text)};
        struct oci_map map = {&pair, 1};
        assert_int_equal(unit_properties_of_annotations(&properties, &map, &err), -EINVAL);
        assert_string_equal(error_text(&err), rows[i].why);
        assert_int_equal(properties.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),           cmocka_unit_test(test_bad_units),
        cmocka_unit_test(test_unit_of_cgroup),  cmocka_unit_test(test_places),
        cmocka_unit_test(test_bad_subgroups),   cmocka_unit_test(test_values),
        cmocka_unit_test(test_bad_values),      cmocka_unit_test(test_annotations),
        cmocka_unit_test(test_bad_annotations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
