/*
 * Gunfiles: what they may say, what becomes of it, and what each mistake is told.
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
#include "base/sha256.h"
#include "base/str.h"
#include "sandbox/gunfile.h"

#define BASE "Using \"b\"\n"

static void parse_ok(const char *text, char *const *args, struct gunfile *g)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    int r = gunfile_parse("G", text, strlen(text), args, g, &err);

    if (r < 0)
        fail_msg("%s\n%s", error_text(&err), err.hint ? err.hint : "");
}

/* The words of a step, with bars between. */
static void check_step(const struct gunfile_step *step, enum gunfile_kind kind, const char *words)
{
    _cleanup_strbuf_ struct strbuf all = {0};

    assert_int_equal(step->kind, kind);
    STRV_FOREACH (word, step->words)
        strbuf_addf(&all, "%s%s", all.len ? "|" : "", *word);
    assert_string_equal(all.data ? all.data : "", words);
}

static void test_guntainer(void **state)
{
    _cleanup_gunfile_ struct gunfile g = {0};

    (void)state;
    parse_ok("\nUsing\t\"somebaseimage\"\nExec\t\"apt update\"\nExec \"echo hi > somefile\"\n", NULL, &g);
    assert_int_equal(g.n_stages, 1);
    assert_string_equal(g.stages[0].base, "somebaseimage");
    assert_int_equal(g.stages[0].from, -1);
    assert_int_equal(g.stages[0].n_steps, 2);
    check_step(&g.stages[0].steps[1], GUNFILE_EXEC, "echo hi > somefile");
    assert_int_equal(g.stages[0].steps[1].place.line, 4);
    assert_int_equal(g.stages[0].steps[1].place.column, 1);
}

static void test_strings(void **state)
{
    static const struct {
        const char *text, *value;
    } rows[] = {
        {"\"\"", ""},
        {"\"a\\\\b\\\"c\"", "a\\b\"c"},
        {"\"\\a\\b\\f\\n\\r\\t\\v\"", "\a\b\f\n\r\t\v"},
        {"\"\\101\\x41\\u0041\\U00000041\"", "AAAA"},
        {"\"\\u00e4\\u20ac\\U0001f33f\"", "ä€🌿"},
        {"\"ä'#//\"", "ä'#//"},
        {"`raw \\n \"q\"\r\nnext`", "raw \\n \"q\"\nnext"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_gunfile_ struct gunfile g = {0};
        _cleanup_free_ char *text = str_printf(BASE "Cmd %s \"end\"", rows[i].text);
        parse_ok(text, NULL, &g);
        assert_string_equal(g.stages[0].steps[0].words[0], rows[i].value);
    }
}

static void test_comments_and_marks(void **state)
{
    _cleanup_gunfile_ struct gunfile g = {0};

    (void)state;
    parse_ok("\xef\xbb\xbf# one\r\nUsing // two\r\n\"b\" /* three\r\nfour */ Exec \"x\"#five", NULL, &g);
    assert_int_equal(g.stages[0].n_steps, 1);
    assert_int_equal(g.stages[0].steps[0].place.line, 4);
    assert_int_equal(g.stages[0].steps[0].place.column, 9);
}

static void test_instructions(void **state)
{
    _cleanup_gunfile_ struct gunfile g = {0};
    static const struct {
        const char *text;
        enum gunfile_kind kind;
        const char *words;
    } rows[] = {
        {"Cache \"/c\"", GUNFILE_CACHE, "/c"},
        {"Cmd \"a\" \"b\"", GUNFILE_CMD, "a|b"},
        {"Copy \"a\" \"b\" \"c/\"", GUNFILE_COPY, "a|b|c/"},
        {"Copy From one \"/a\" \"b\"", GUNFILE_COPY, "/a|b"},
        {"Entry \"a\"", GUNFILE_ENTRY, "a"},
        {"Env A \"x=y\"", GUNFILE_ENV, "A|x=y"},
        {"Env \"B=x=y\"", GUNFILE_ENV, "B|x=y"},
        {"Env \"C\" \"\"", GUNFILE_ENV, "C|"},
        {"Exec \"a ${b} $$\"", GUNFILE_EXEC, "a ${b} $$"},
        {"Exec \"a\" \"b\"", GUNFILE_EXEC, "a|b"},
        {"Expose 80 443/udp", GUNFILE_EXPOSE, "80|443/udp"},
        {"Expose \"8080/tcp\"", GUNFILE_EXPOSE, "8080/tcp"},
        {"Label org.x/y \"v\"", GUNFILE_LABEL, "org.x/y|v"},
        {"Net none", GUNFILE_NET, "none"},
        {"Net \"slirp\"", GUNFILE_NET, "slirp"},
        {"Secret a.b-c", GUNFILE_SECRET, "a.b-c"},
        {"User \"a:b\"", GUNFILE_USER, "a:b"},
        {"Workdir \"/w\"", GUNFILE_WORKDIR, "/w"},
        {"Exec \"for the secret\"", GUNFILE_EXEC, "for the secret"},
    };
    _cleanup_strbuf_ struct strbuf text = {0};

    (void)state;
    strbuf_add(&text, "Using \"x\" As one\nUsing \"one\" As \"two\"\n");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        strbuf_addf(&text, "%s%s", rows[i].text, i % 2 ? "\n" : " ");
    parse_ok(text.data, NULL, &g);
    assert_int_equal(g.n_stages, 2);
    assert_string_equal(g.stages[1].name, "two");
    assert_int_equal(g.stages[1].from, 0);
    assert_int_equal(g.stages[1].n_steps, ARRAY_SIZE(rows));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        check_step(&g.stages[1].steps[i], rows[i].kind, rows[i].words);
    assert_int_equal(g.stages[1].steps[3].from, 0);
    assert_int_equal(g.stages[1].steps[2].from, -1);
}

static void test_arguments(void **state)
{
    _cleanup_gunfile_ struct gunfile g = {0};
    static char *const args[] = {(char *)"B=given=x", (char *)"D=d", NULL};

    (void)state;
    parse_ok("Arg A \"a\" Arg B \"b\" Using \"${A}${B}\" Arg A Arg C \"${A}c\" Env E \"${C}$$$ ${PATH}\"\n"
             "Workdir \"/${E}\" Using \"$A\" Arg D Label l \"${A}${D}\"",
             args, &g);
    assert_string_equal(g.stages[0].base, "agiven=x");
    check_step(&g.stages[0].steps[0], GUNFILE_ARG, "A|a");
    check_step(&g.stages[0].steps[1], GUNFILE_ARG, "C|ac");
    check_step(&g.stages[0].steps[2], GUNFILE_ENV,
               "E|ac$$ /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    assert_string_equal(g.stages[1].base, "$A");
    check_step(&g.stages[1].steps[1], GUNFILE_LABEL, "l|ad");
}

static const struct {
    const char *text, *error, *hint; /* what the hint begins with; NULL: whatever */
} mistakes[] = {
    {"", "G:1:1: there is no Using: what is to be built on?", "begin with: Using"},
    {"Exec \"x\"", "G:1:1: Exec before the first Using: there is no image yet", NULL},
    {"using \"x\"", "G:1:1: unknown instruction \"using\"", "did you mean Using?"},
    {BASE "Exce \"x\"", "G:2:1: unknown instruction \"Exce\"", "did you mean Exec?"},
    {BASE "RUN x", "G:2:1: unknown instruction \"RUN\"", "did you mean Exec?"},
    {BASE "Frobnicate", "G:2:1: unknown instruction \"Frobnicate\"", "man 5 gunfile"},
    {"Using", "G:1:6: Using: expected an image or a stage in quotes, found the end of the file", NULL},
    {"Using b", "G:1:7: Using: expected an image or a stage in quotes, found the word b", NULL},
    {"Using \"\"", "G:1:7: an empty string has no meaning here", NULL},
    {"Using \"b\" \"c\"", "G:1:11: Using: expected the next instruction, found the string \"c\"", NULL},
    {BASE "\"x\"", "G:2:1: Using: expected the next instruction, found the string \"x\"", NULL},
    {BASE "Exec apt", "G:2:6: Exec: expected a command in quotes, found the word apt", "as in: Exec"},
    {BASE "Exec \"x", "G:2:6: a string without an end", "close it with \""},
    {BASE "Exec \"x\ny\"", "G:2:6: a string without an end", NULL},
    {BASE "Exec `x\ny", "G:2:6: a string without an end", "close it with `"},
    {BASE "Exec \"ä\\q\"", "G:2:8: unknown escape in a string", "escapes are"},
    {BASE "Exec \"\\x4\"", "G:2:7: the escape \\x needs 2 hexadecimal digits", NULL},
    {BASE "Exec \"\\19\"", "G:2:7: the escape \\0 needs 3 octal digits", NULL},
    {BASE "Exec \"\\400\"", "G:2:7: the escape is more than a byte", NULL},
    {BASE "Exec \"\\000\"", "G:2:7: a string cannot hold a NUL", NULL},
    {BASE "Exec \"\\ud800\"", "G:2:7: the escape names no character of Unicode", NULL},
    {BASE "Exec 'x'", "G:2:6: expected an instruction or a string, found the character '",
     "strings stand in \"double quotes\""},
    {BASE "  €", "G:2:3: expected an instruction or a string, found the character €", NULL},
    {BASE "/* x", "G:2:1: a comment without an end", "it ends with */"},
    {BASE "Copy \"a\"", "G:2:9: Copy: expected one more string in quotes, found the end of the file", NULL},
    {BASE "Copy Form x \"a\" \"b\"", "G:2:6: Copy: expected From, or a source in quotes, found the word Form",
     NULL},
    {BASE "Copy From x \"a\" \"b\"", "G:2:11: there is no stage \"x\" before this line", "a stage is named"},
    {"Using \"b\" As x Copy From x \"a\" \"b\"", "G:1:26: a stage cannot copy from itself", NULL},
    {"Using \"b\" As", "G:1:13: Using: expected a name for the stage, found the end of the file", NULL},
    {"Using \"b\" As x Using \"c\" As x", "G:1:29: the name \"x\" is taken", NULL},
    {"Using \"b\" As scratch", "G:1:14: the name \"scratch\" is taken", NULL},
    {BASE "Env A", "G:2:6: Env: expected a value in quotes, found the end of the file", NULL},
    {BASE "Env \"1A=x\"", "G:2:5: a name is made of letters, digits and _, and begins with no digit", NULL},
    {BASE "Env A \"${B}\"", "G:2:7: \"B\" is neither an Arg nor an Env of this stage", "declare it before"},
    {BASE "Env A \"${B\"", "G:2:7: expected a name and } behind ${", NULL},
    {BASE "Arg \"A\"", "G:2:5: Arg: expected a name, found the string \"A\"", NULL},
    {BASE "Arg A", "G:2:5: Arg: \"A\" has no value", "give it by --arg A=VALUE"},
    {BASE "Cache \"c\"", "G:2:7: expected an absolute path below / and without ..", NULL},
    {BASE "Cache \"/\"", "G:2:7: expected an absolute path below / and without ..", NULL},
    {BASE "Cache \"/a/../b\"", "G:2:7: expected an absolute path below / and without ..", NULL},
    {BASE "Expose 0", "G:2:8: expected a port, 1 to 65535, with or without /tcp or /udp behind it", NULL},
    {BASE "Expose 80/x", "G:2:8: expected a port, 1 to 65535, with or without /tcp or /udp behind it", NULL},
    {BASE "Net host", "G:2:5: expected none or slirp", "a build does not share"},
    {BASE "Secret \"../x\"", "G:2:8: the name of a secret is made of letters, digits, _, - and dots", NULL},
    {BASE "Secret x", "G:2:1: Secret: no Exec follows in this stage that could use it", NULL},
    {"# syntax=x\nFROM alpine\nRUN x", "G:2: this is a Dockerfile, and bryo builds Gunfiles (man 5 gunfile)",
     "buildah builds it"},
    {BASE "\xff", "G: the byte at offset 10 is not UTF-8", NULL},
};

static void test_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct gunfile g;
        int r = gunfile_parse("G", mistakes[i].text, strlen(mistakes[i].text), NULL, &g, &err);
        if (r != -EINVAL)
            fail_msg("%s: returned %d", mistakes[i].text, r);
        assert_string_equal(error_text(&err), mistakes[i].error);
        if (mistakes[i].hint && (!err.hint || !str_starts(err.hint, mistakes[i].hint)))
            fail_msg("%s: the hint is %s", mistakes[i].text, err.hint ? err.hint : "missing");
        assert_null(g.stages);
    }
}

static void test_caret(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct gunfile g;
    static const char text[] = BASE "\tCmd \"ä\" €\n";

    (void)state;
    assert_int_equal(gunfile_parse("G", text, strlen(text), NULL, &g, &err), -EINVAL);
    assert_string_equal(err.hint, "here:\n    2 | \tCmd \"ä\" €\n      | \t        ^");
}

static void test_unknown_argument(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct gunfile g;
    static char *const args[] = {(char *)"X=1", NULL};

    (void)state;
    assert_int_equal(gunfile_parse("G", BASE, strlen(BASE), args, &g, &err), -EINVAL);
    assert_string_equal(error_text(&err), "--arg X: G declares no such Arg");
}

/* Not more than the limits say, and exactly as much. */
static void test_limits(void **state)
{
    (void)state;
    for (int over = 0; over <= 1; over++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_strbuf_ struct strbuf text = {0};
        struct gunfile g = {0};
        for (int i = 0; i < GUNFILE_STAGES_MAX + over; i++)
            strbuf_add(&text, BASE);
        int r = gunfile_parse("G", text.data, text.len, NULL, &g, &err);
        assert_int_equal(r, over ? -EINVAL : 0);
        gunfile_free(&g);
        strbuf_free(&text);
        text = (struct strbuf){0};
        strbuf_add(&text, BASE "Exec \"");
        for (size_t i = 0; i < GUNFILE_STRING_MAX + (size_t)over; i++)
            strbuf_add(&text, "x");
        strbuf_add(&text, "\"");
        r = gunfile_parse("G", text.data, text.len, NULL, &g, &err);
        assert_int_equal(r, over ? -EINVAL : 0);
        gunfile_free(&g);
    }
    _cleanup_error_ struct error err = ERROR_INIT;
    struct gunfile g;
    _cleanup_free_ char *big = malloc(GUNFILE_MAX + 1);
    memset(big, ' ', GUNFILE_MAX + 1);
    assert_int_equal(gunfile_parse("G", big, GUNFILE_MAX + 1, NULL, &g, &err), -E2BIG);
    assert_int_equal(gunfile_parse("G", BASE "\0", strlen(BASE) + 1, NULL, &g, &err), -EINVAL);
    assert_string_equal(error_text(&err), "G: a NUL byte at offset 10: a Gunfile is a text");
}

/* Values that double each time end soon. */
static void test_expansion(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_strbuf_ struct strbuf text = {0};
    struct gunfile g;

    (void)state;
    strbuf_add(&text, BASE "Env A \"aaaaaaaaaaaaaaaa\"\n");
    for (int i = 0; i < 100; i++)
        strbuf_add(&text, "Env A \"${A}${A}\"\n");
    assert_int_equal(gunfile_parse("G", text.data, text.len, NULL, &g, &err), -EINVAL);
    assert_non_null(strstr(error_text(&err), "once everything is filled in"));
}

/* FIPS 180-4, and lengths around a block. */
static void test_sha256(void **state)
{
    char whole[SHA256_HEX + 1], pieces[SHA256_HEX + 1], text[200];
    struct sha256 s;

    (void)state;
    sha256_text("abc", 3, whole);
    assert_string_equal(whole, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256_text("", 0, whole);
    assert_string_equal(whole, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    memset(text, 'x', sizeof text);
    sha256_begin(&s);
    for (size_t n = 0; n < sizeof text; n++) {
        sha256_text(text, n, whole);
        for (size_t at = 0, step = 1; at < n; at += step, step = step % 7 + 1)
            sha256_add(&s, text + at, step < n - at ? step : n - at);
        sha256_end(&s, pieces);
        assert_string_equal(whole, pieces);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guntainer),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_comments_and_marks),
        cmocka_unit_test(test_instructions),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_caret),
        cmocka_unit_test(test_unknown_argument),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_expansion),
        cmocka_unit_test(test_sha256),
    };

    return cmocka_run_group_tests_name("gunfile", tests, NULL, NULL);
}
