/*
 * A second of mutations, the same ones in each run: whatever the text, the reader and the tables give a
 * config or an error with a text, and (under the sanitizers) neither touch what is not theirs nor lose
 * memory. Before that, the measure: reading a default config takes no time that a start would notice.
 */
#include "oci_config_util.h"

#include <time.h>

#include "base/str.h"
#include "oci/spec.h"
#include "oci_full_config.h"

#define FUZZ_MS 1000

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* xorshift64: no state outside, the same everywhere. */
static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Pieces that stand for the mistakes of people and the tricks of others. */
static const char *const pieces[] = {
    "null",
    "-1",
    "18446744073709551616",
    "1e309",
    "\"\"",
    "[]",
    "{}",
    "[[[[",
    "}",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\xff",
    "\xc3",
    "true",
    "0.5",
    "{\"\":{}}",
    "9223372036854775808",
    "\"/\"",
    "\n",
    "",
};

/* Replaces some bytes of @text by one of: a piece, another part of the text, a random byte. */
static void mutate(struct strbuf *out, const char *text, size_t len, uint64_t *seed)
{
    size_t at = next(seed) % len, gone = next(seed) % 12, from = next(seed) % len;
    size_t rest = at + gone < len ? at + gone : len;
    char byte = (char)next(seed);

    strbuf_addn(out, text, at);
    switch (next(seed) % 4) {
    case 0:
        strbuf_addn(out, &byte, 1);
        break;
    case 1:
        strbuf_addn(out, text + from, (len - from) % 64);
        break;
    default:
        strbuf_add(out, pieces[next(seed) % ARRAY_SIZE(pieces)]);
    }
    strbuf_addn(out, text + rest, len - rest);
}

/* A failure has a text, and whatever was found, the text is fit for a terminal. */
static void check_error(int r, const struct error *err)
{
    assert_int_equal(err->code, -r);
    if (r == 0)
        return;
    assert_true(err->text && strlen(err->text) > 10);
    assert_true(str_is_utf8(err->text, strlen(err->text)));
    for (const char *c = err->text; *c; c++)
        assert_true((unsigned char)*c >= 0x20);
}

/* Parses @json; whatever comes is whole. */
static void try_json(const cJSON *json)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_config_ struct oci_config *config = NULL;
    int r = oci_config_parse(json, &config, &err);

    assert_true((r == 0) == (config != NULL));
    check_error(r, &err);
}

/* Returns whether it was valid JSON. */
static bool try_text(const char *text, size_t len)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_cjson_ cJSON *json = NULL;
    int r = json_parse("fuzz", text, len, &json, &err);

    check_error(r, &err);
    if (r == 0)
        try_json(json);
    return json;
}

static void test_mutations(void **state)
{
    static const char *const bases[] = {full_config, base_config};
    double end = now_ms() + FUZZ_MS;
    uint64_t seed = 88172645463325252;
    size_t tried = 0, valid = 0;

    (void)state;
    while (now_ms() < end) {
        const char *text = bases[tried % ARRAY_SIZE(bases)];
        _cleanup_strbuf_ struct strbuf one = {0}, two = {0};
        mutate(&one, text, strlen(text), &seed);
        if (one.len && next(&seed) % 2)
            mutate(&two, one.data, one.len, &seed);
        valid += try_text(two.data ? two.data : one.data, two.data ? two.len : one.len);
        tried++;
    }
    print_message("%zu texts, %zu of them JSON\n", tried, valid);
    assert_true(valid > 0 && valid < tried);
}

/* Replaces each value of the document below @item by each of @values in turn. */
static size_t swap_values(const cJSON *root, cJSON *item, const cJSON *values)
{
    const cJSON *value;
    size_t n = 0;

    for (cJSON *child = item->child; child; child = child->next)
        n += swap_values(root, child, values);
    cJSON_ArrayForEach (value, values) {
        cJSON saved = *item;
        item->type = value->type;
        item->child = value->child;
        item->valuestring = value->valuestring;
        item->valuedouble = value->valuedouble;
        try_json(root);
        *item = saved;
        n++;
    }
    return n;
}

static void test_each_value_swapped(void **state)
{
    static const char values_text[] =
        "[null,true,-1,4294967296,18446744073709551615,0.5,\"\",\"x\",\"/\",[],[7],[\"A=b\"],"
        "{},{\"a\":{}},{\"\":\"x\"},[[]],[{}]]";
    _cleanup_cjson_ cJSON *values = parse_json(values_text);
    static const char *const bases[] = {full_config, base_config};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
        _cleanup_cjson_ cJSON *json = parse_json(bases[i]);
        print_message("%zu documents\n", swap_values(json, json, values));
    }
}

/* Every prefix of a config is refused, never half taken. */
static void test_cut_short(void **state)
{
    (void)state;
    for (size_t n = 0; n < strlen(base_config); n++)
        assert_false(try_text(base_config, n));
    assert_true(try_text(base_config, strlen(base_config)));
}

static void test_speed(void **state)
{
    struct spec_options options = {.rootless = true};
    _cleanup_cjson_ cJSON *spec = oci_spec_default(&options);
    _cleanup_free_ char *text = json_print(spec, true);
    double best = 1e9;

    (void)state;
    for (int i = 0; i < 200; i++) {
        double start = now_ms();
        assert_true(try_text(text, strlen(text)));
        double took = now_ms() - start;
        best = took < best ? took : best;
    }
    print_message("a default config is read in %.0f us\n", best * 1e3);
    /* 50 us where this was written; ten times that, for slow machines and sanitizers, is a mistake in the
     * code. */
    assert_true(best < 0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_each_value_swapped),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_speed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
