/*
 * The parser of command lines, and "did you mean".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/suggest.h"
#include "cli/cli.h"
#include "cli/global.h"

struct demo_options {
    const char *bundle;
    char **env;
    uint64_t size;
    unsigned number;
    bool detach, interactive, tty, no_pivot, secret;
};

#define AT(member) offsetof(struct demo_options, member)

static const struct option_def demo_table[] = {
    {"bundle", 'b', OPT_STRING, AT(bundle), "DIR", "", .check = option_not_empty},
    {"env", 'e', OPT_STRV, AT(env), "NAME=VALUE", ""},
    {"size", 0, OPT_SIZE, AT(size), "SIZE", ""},
    {"number", 'n', OPT_U32, AT(number), "N", ""},
    {"detach", 'd', OPT_FLAG, AT(detach), NULL, ""},
    {"interactive", 'i', OPT_FLAG, AT(interactive), NULL, ""},
    {"tty", 't', OPT_FLAG, AT(tty), NULL, ""},
    {"no-pivot", 0, OPT_FLAG, AT(no_pivot), NULL, ""},
    {"secrett", 0, OPT_FLAG, AT(secret), NULL, "", .hidden = true},
    {NULL},
};

static const struct demo_options demo_defaults = {.bundle = ".", .number = 7};

static const struct verb demo = {
    .name = "demo",
    .usage = "[OPTIONS] IMAGE BUNDLE [EXTRA]",
    .options = demo_table,
    .options_size = sizeof(struct demo_options),
    .defaults = &demo_defaults,
    .min_args = 2,
    .max_args = 3,
};

static const struct verb stopping = {
    .name = "stopping",
    .usage = "[OPTIONS] ID [SIGNAL]",
    .options = demo_table,
    .options_size = sizeof(struct demo_options),
    .min_args = 1,
    .max_args = 2,
    .stop_at_first = true,
};

static const struct verb bare = {.name = "bare", .usage = "ID", .min_args = 1, .max_args = 1};

#define WORDS(...)        \
    (char *[])            \
    {                     \
        __VA_ARGS__, NULL \
    }

struct parsed {
    struct invocation inv;
    struct error err;
    bool help;
    int r;
    const struct verb *verb;
};

static struct parsed parse(const struct verb *verb, char **words)
{
    struct parsed p = {.verb = verb};

    p.r = options_parse(verb, words, &p.inv, &p.help, &p.err);
    return p;
}

static void done(struct parsed *p)
{
    options_free(p->verb, &p->inv);
    error_clear(&p->err);
}

#define _cleanup_parsed_ __attribute__((cleanup(done)))

static const struct demo_options *good(const struct parsed *p)
{
    assert_string_equal(p->r < 0 ? error_text(&p->err) : "", "");
    assert_int_equal(p->r, 0);
    return p->inv.options;
}

static void test_defaults(void **state)
{
    (void)state;
    _cleanup_parsed_ struct parsed p = parse(&demo, WORDS("a", "b"));
    const struct demo_options *o = good(&p);

    assert_string_equal(o->bundle, ".");
    assert_int_equal(o->number, 7);
    assert_false(o->detach);
    assert_int_equal(p.inv.n_args, 2);
    assert_string_equal(p.inv.args[0], "a");
    assert_string_equal(p.inv.args[1], "b");
    assert_null(p.inv.args[2]);
}

static void test_ways_to_give_a_value(void **state)
{
    (void)state;
    char **const lines[] = {
        WORDS("--bundle", "x=y", "a", "b"),
        WORDS("--bundle=x=y", "a", "b"),
        WORDS("-bundle", "x=y", "a", "b"),
        WORDS("-bundle=x=y", "a", "b"),
        WORDS("-b", "x=y", "a", "b"),
        WORDS("-bx=y", "a", "b"),
        WORDS("-b=x=y", "a", "b"),
        WORDS("a", "b", "-b", "x=y"),
        WORDS("a", "--bundle", "x=y", "b"),
        WORDS("-dbx=y", "a", "b"),
        WORDS("-b", "z", "a", "b", "--bundle=x=y"),
    };

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        _cleanup_parsed_ struct parsed p = parse(&demo, lines[i]);
        assert_string_equal(good(&p)->bundle, "x=y");
        assert_int_equal(p.inv.n_args, 2);
    }
}

static void test_flags(void **state)
{
    (void)state;
    _cleanup_parsed_ struct parsed p = parse(&demo, WORDS("-it", "--no-pivot", "--detach=true", "a", "b"));
    const struct demo_options *o = good(&p);
    assert_true(o->interactive && o->tty && o->no_pivot && o->detach);

    _cleanup_parsed_ struct parsed q =
        parse(&demo, WORDS("-no-pivot", "-d", "--detach=false", "-t=0", "a", "b"));
    o = good(&q);
    assert_true(o->no_pivot);
    assert_false(o->detach || o->tty);
}

static void test_lists_and_numbers(void **state)
{
    (void)state;
    _cleanup_parsed_ struct parsed p =
        parse(&demo, WORDS("-e", "A=1", "--env=B=2", "-eC=", "--size", "3k", "-n", "4294967295", "a", "b"));
    const struct demo_options *o = good(&p);

    assert_int_equal(strv_len(o->env), 3);
    assert_string_equal(o->env[0], "A=1");
    assert_string_equal(o->env[1], "B=2");
    assert_string_equal(o->env[2], "C=");
    assert_int_equal(o->size, 3072);
    assert_int_equal(o->number, UINT32_MAX);
}

static void test_end_of_options(void **state)
{
    (void)state;
    _cleanup_parsed_ struct parsed p = parse(&demo, WORDS("-d", "--", "-x", "--help"));
    good(&p);
    assert_false(p.help);
    assert_string_equal(p.inv.args[0], "-x");
    assert_string_equal(p.inv.args[1], "--help");

    _cleanup_parsed_ struct parsed dash = parse(&demo, WORDS("-", ""));
    good(&dash);
    assert_string_equal(dash.inv.args[0], "-");
    assert_string_equal(dash.inv.args[1], "");

    _cleanup_parsed_ struct parsed stop = parse(&stopping, WORDS("-d", "id", "-9"));
    assert_true(good(&stop)->detach);
    assert_string_equal(stop.inv.args[1], "-9");
}

static void test_help(void **state)
{
    (void)state;
    char **const lines[] = {WORDS("--help"),  WORDS("-h"),  WORDS("-help"),
                            WORDS("a", "-h"), WORDS("-dh"), WORDS("--help", "--no-such-thing")};

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        _cleanup_parsed_ struct parsed p = parse(&demo, lines[i]);
        good(&p);
        assert_true(p.help);
    }
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const struct verb *verb;
        char *words[5];
        const char *text, *hint;
    } table[] = {
        {&demo, {"--bundel", "x"}, "demo: unknown option \"--bundel\"", "did you mean --bundle?"},
        {&demo, {"--bundel=x"}, "demo: unknown option \"--bundel=x\"", "did you mean --bundle?"},
        {&demo, {"--qqqq"}, "demo: unknown option \"--qqqq\"", "bryo demo --help lists the options"},
        {&demo, {"--bund", "x"}, "demo: unknown option \"--bund\"", "bryo demo --help lists the options"},
        {&demo, {"--secret"}, "demo: unknown option \"--secret\"", "bryo demo --help lists the options"},
        {&demo, {"-x"}, "demo: unknown option \"-x\"", "bryo demo --help lists the options"},
        {&demo, {"-ix"}, "demo: unknown option \"-ix\"", "bryo demo --help lists the options"},
        {&demo, {"--=x"}, "demo: unknown option \"--=x\"", "bryo demo --help lists the options"},
        {&demo, {"--a\x1b[2J"}, "demo: unknown option \"--a\\x1b[2J\"", "bryo demo --help lists the options"},
        {&demo,
         {"--root", "/x"},
         "demo: unknown option \"--root\"",
         "--root is a global option, it goes before the verb: bryo --root … demo"},
        {&demo, {"a", "b", "--bundle"}, "demo: flag needs an argument: --bundle DIR", NULL},
        {&demo, {"a", "b", "-b"}, "demo: flag needs an argument: --bundle DIR", NULL},
        {&demo, {"--bundle="}, "demo: --bundle: the argument is empty", NULL},
        {&demo, {"--detach=maybe"}, "demo: --detach: expected true or false, found \"maybe\"", NULL},
        {&demo, {"--detach="}, "demo: --detach: expected true or false, found \"\"", NULL},
        {&demo, {"-n", "many"}, "demo: --number: expected a decimal number, found \"many\"", NULL},
        {&demo, {"-n", "-1"}, "demo: --number: expected a decimal number, found \"-1\"", NULL},
        {&demo, {"-n", " 1"}, "demo: --number: expected a decimal number, found \" 1\"", NULL},
        {&demo, {"-n", "0x10"}, "demo: --number: expected a decimal number, found \"0x10\"", NULL},
        {&demo, {"-n", ""}, "demo: --number: expected a decimal number, found \"\"", NULL},
        {&demo,
         {"-n", "4294967296"},
         "demo: --number: expected a number up to 4294967295, found \"4294967296\"",
         NULL},
        {&demo,
         {"--size=12q"},
         "demo: --size: expected a size in bytes, with k, m, g or t for powers of 1024, found \"12q\"",
         NULL},
        {&demo, {NULL}, "demo: IMAGE is missing", "usage: bryo demo [OPTIONS] IMAGE BUNDLE [EXTRA]"},
        {&demo, {"a"}, "demo: BUNDLE is missing", "usage: bryo demo [OPTIONS] IMAGE BUNDLE [EXTRA]"},
        {&demo,
         {"a", "b", "c", "d"},
         "demo: unexpected argument \"d\"",
         "usage: bryo demo [OPTIONS] IMAGE BUNDLE [EXTRA]"},
        {&stopping,
         {"id", "KILL", "-d"},
         "stopping: unexpected argument \"-d\"",
         "options go before the arguments: bryo stopping [OPTIONS] ID [SIGNAL]"},
        {&bare, {"-x", "id"}, "bare: unknown option \"-x\"", "bryo bare --help lists the options"},
        {&bare, {NULL}, "bare: ID is missing", "usage: bryo bare ID"},
        {&cli_global, {"--lgo", "x"}, "unknown option \"--lgo\"", "did you mean --log?"},
        {&cli_global, {"--root="}, "--root: the argument is empty", NULL},
        {&cli_global, {"--log-format", "xml"}, "--log-format: expected text or json, found \"xml\"", NULL},
        {&cli_global,
         {"--log-level=loud"},
         "--log-level: expected error, warning, info or debug, found \"loud\"",
         NULL},
        {&cli_global, {"--rootless", "yes"}, "--rootless: expected true, false or auto, found \"yes\"", NULL},
        {&cli_global,
         {"--cgroup-manager=lxc"},
         "--cgroup-manager: expected systemd, cgroupfs, disabled or auto, found \"lxc\"",
         NULL},
        {&cli_global, {"--limits=some"}, "--limits: expected require, try or off, found \"some\"", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        _cleanup_parsed_ struct parsed p = parse(table[i].verb, (char **)table[i].words);
        assert_string_equal(error_text(&p.err), table[i].text);
        assert_string_equal(p.err.hint ? p.err.hint : "none", table[i].hint ? table[i].hint : "none");
        assert_int_equal(p.r, -EINVAL);
    }
}

static void test_cgroup_options(void **state)
{
    (void)state;
    static const struct {
        const char *words[3], *manager;
        enum cgroup_limits limits;
    } table[] = {
        {{"list"}, NULL, LIMITS_REQUIRE},
        {{"--systemd-cgroup", "list"}, "systemd", LIMITS_REQUIRE},
        {{"--systemd-cgroup=false", "list"}, NULL, LIMITS_REQUIRE},
        {{"--cgroup-manager=cgroupfs", "--limits=try", "list"}, "cgroupfs", LIMITS_TRY},
        {{"--cgroup-manager", "disabled", "list"}, "disabled", LIMITS_REQUIRE},
        {{"--cgroup-manager=auto", "--limits=require", "list"}, "auto", LIMITS_REQUIRE},
        {{"--limits", "off", "list"}, NULL, LIMITS_OFF},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        char *words[4] = {(char *)table[i].words[0], (char *)table[i].words[1], (char *)table[i].words[2]};
        _cleanup_parsed_ struct parsed p = parse(&cli_global, words);
        good(&p);
        const char *manager = global_cgroup_manager(p.inv.options);
        assert_string_equal(manager ? manager : "none", table[i].manager ? table[i].manager : "none");
        assert_int_equal(global_limits(p.inv.options), table[i].limits);
    }
}

static void test_global_stops_at_the_verb(void **state)
{
    (void)state;
    _cleanup_parsed_ struct parsed p =
        parse(&cli_global,
              WORDS("-root", "/r", "--rootless=true", "--log-format=json", "create", "--root", "-b", "x"));
    good(&p);
    const struct global_options *g = p.inv.options;

    assert_string_equal(g->root, "/r");
    assert_int_equal(global_rootless(g), 1);
    assert_int_equal(p.inv.n_args, 4);
    assert_string_equal(p.inv.args[0], "create");
    assert_string_equal(p.inv.args[1], "--root");

    struct log log = LOG_INIT;
    assert_int_equal(global_apply_log(g, &log, NULL), 0);
    assert_int_equal(log.format, LOG_FORMAT_JSON);
    assert_int_equal(log.level, LOG_LEVEL_WARNING);
}

/* What was read before an error is there: main reports the error the way the caller asked for. */
static void test_options_before_an_error(void **state)
{
    (void)state;
    _cleanup_parsed_ struct parsed p = parse(&cli_global, WORDS("--log-format=json", "--debug", "--bogus"));
    const struct global_options *g = p.inv.options;

    assert_int_equal(p.r, -EINVAL);
    assert_string_equal(g->log_format, "json");
    assert_true(g->debug);
    assert_int_equal(global_rootless(g), -1);
}

static void test_no_words_at_all(void **state)
{
    (void)state;
    _cleanup_parsed_ struct parsed p = parse(&cli_global, (char *[]){NULL});

    good(&p);
    assert_int_equal(p.inv.n_args, 0);
}

static void test_distance(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        unsigned distance;
    } table[] = {
        {"", "", 0},
        {"a", "", 1},
        {"", "abc", 3},
        {"create", "create", 0},
        {"creat", "create", 1},
        {"craete", "create", 1},
        {"crxate", "create", 1},
        {"kitten", "sitting", 3},
        {"ab", "ba", 1},
        {"list", "state", 4},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        assert_int_equal(suggest_distance(table[i].a, table[i].b), table[i].distance);
        assert_int_equal(suggest_distance(table[i].b, table[i].a), table[i].distance);
    }
    char longest[64], longer[66];
    memset(longest, 'x', 63);
    memset(longer, 'x', 65);
    longest[63] = longer[65] = '\0';
    assert_int_equal(suggest_distance(longest, longest), 0);
    assert_int_equal(suggest_distance(longer, "x"), SUGGEST_FAR);
    assert_int_equal(suggest_distance("x", longer), SUGGEST_FAR);
    assert_true(suggest_is_near(1, 2));
    assert_false(suggest_is_near(2, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_ways_to_give_a_value),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_lists_and_numbers),
        cmocka_unit_test(test_end_of_options),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_cgroup_options),
        cmocka_unit_test(test_global_stops_at_the_verb),
        cmocka_unit_test(test_options_before_an_error),
        cmocka_unit_test(test_no_words_at_all),
        cmocka_unit_test(test_distance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
