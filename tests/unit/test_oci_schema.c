/*
 * The tables of src/oci against the specification: complete, no row of their own, nothing lost from JSON to
 * structs and back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/tables.h"
#include "oci_full_config.h"
#include "oci_properties.h"

/* Lists all rows below @type: names as in oci_properties.h. */
static void list_rows(const struct schema_type *type, const char *path, char ***out,
                      const struct schema_field **rows)
{
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct schema_field *field = &type->fields[i];
        _cleanup_free_ char *name = str_printf("%s%s%s", path, *path ? "." : "", field->name);
        const char *mark = field->kind == SCHEMA_LIST ? "[]" : field->kind == SCHEMA_KEYED ? "{}" : "";

        rows[strv_len(*out)] = field;
        assert_int_equal(strv_add(out, name), 0);
        if (field->type) {
            _cleanup_free_ char *below = str_printf("%s%s", name, mark);
            list_rows(field->type, below, out, rows);
        }
    }
}

#define ROWS_MAX 512

static const struct schema_field *find_row(char *const *names, const struct schema_field **rows,
                                           const char *name)
{
    for (size_t i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return rows[i];
    fail_msg("no row for %s", name);
    return NULL;
}

static void test_complete(void **state)
{
    const struct schema_field *rows[ROWS_MAX];
    _cleanup_strv_ char **names = NULL;

    (void)state;
    list_rows(&schema_oci_config, "", &names, rows);
    for (size_t i = 0; i < ARRAY_SIZE(oci_properties); i++)
        find_row(names, rows, oci_properties[i]);
    for (size_t i = 0; names[i]; i++) {
        bool known = false;
        for (size_t k = 0; k < ARRAY_SIZE(oci_properties); k++)
            known |= strcmp(oci_properties[k], names[i]) == 0;
        if (!known)
            fail_msg("the specification has no %s", names[i]);
    }
    assert_int_equal(strv_len(names), ARRAY_SIZE(oci_properties));
    for (size_t i = 0; i < ARRAY_SIZE(oci_required); i++)
        if (!(find_row(names, rows, oci_required[i])->flags & SCHEMA_REQUIRED))
            fail_msg("%s is required by the specification", oci_required[i]);
    for (size_t i = 0; i < ARRAY_SIZE(oci_enum_values); i++) {
        const struct schema_field *row = find_row(names, rows, oci_enum_values[i].property);
        if (!row->names || !name_find(row->names, oci_enum_values[i].value))
            fail_msg("%s does not take %s", oci_enum_values[i].property, oci_enum_values[i].value);
    }
}

/* Each row says what its kind needs, and the encoder knows every kind. */
static void check_rows(const struct schema_type *type)
{
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct schema_field *f = &type->fields[i];
        bool nested = f->kind == SCHEMA_STRUCT || f->kind == SCHEMA_POINTER || f->kind == SCHEMA_LIST ||
                      f->kind == SCHEMA_KEYED;
        bool named = f->kind == SCHEMA_ENUM || f->kind == SCHEMA_ENUM_ULONG || f->kind == SCHEMA_FLAGS32 ||
                     f->kind == SCHEMA_FLAGS64 || f->kind == SCHEMA_CAPS || f->kind == SCHEMA_ENUM_LIST;
        if (nested != !!f->type || (named && !f->names) || (f->kind == SCHEMA_LETTER) != !!f->letters)
            fail_msg("%s: the row does not fit its kind", f->name);
        if ((f->kind == SCHEMA_CAPS) != !!f->extra || (f->flags & SCHEMA_REQUIRED && f->flags & SCHEMA_BLANK))
            fail_msg("%s: the row contradicts itself", f->name);
        for (size_t k = 0; k < i; k++)
            if (f->offset == type->fields[k].offset || strcmp(f->name, type->fields[k].name) == 0)
                fail_msg("%s: the same member or name as %s", f->name, type->fields[k].name);
        if (f->type)
            check_rows(f->type);
    }
}

static void test_rows(void **state)
{
    (void)state;
    check_rows(&schema_oci_config);
}

/* Lists the properties of @json as the tables of @type see them. */
static void list_json(const struct schema_type *type, const cJSON *json, const char *path, char ***out)
{
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct schema_field *field = &type->fields[i];
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, field->name), *e;
        _cleanup_free_ char *name = str_printf("%s%s%s", path, *path ? "." : "", field->name);
        const char *mark = field->kind == SCHEMA_LIST ? "[]" : field->kind == SCHEMA_KEYED ? "{}" : "";
        _cleanup_free_ char *below = str_printf("%s%s", name, mark);

        if (!item)
            continue;
        if (!strv_has(*out, name))
            assert_int_equal(strv_add(out, name), 0);
        if (field->type && *mark)
            cJSON_ArrayForEach (e, item)
                list_json(field->type, e, below, out);
        else if (field->type)
            list_json(field->type, item, below, out);
    }
}

static void test_nothing_lost(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT, later = ERROR_INIT;
    _cleanup_cjson_ cJSON *json = NULL, *again = NULL;
    _cleanup_free_ char *text = NULL;
    _cleanup_strv_ char **seen = NULL;
    void *config = NULL;

    (void)state;
    if (json_parse("full", full_config, strlen(full_config), &json, &err) < 0 ||
        schema_decode(&schema_oci_config, json, NULL, &config, &later, &err) < 0)
        fail_msg("%s", error_text(&err));
    assert_string_equal(error_text(&later), "linux.personality.flags: not supported by this version of bryo");
    if (check_config(config, &err) < 0)
        fail_msg("%s", error_text(&err));

    again = schema_encode(&schema_oci_config, config);
    schema_free(&schema_oci_config, config);
    assert_non_null(again);
    text = json_print(again, false);
    assert_non_null(text);
    text[strlen(text) - 1] = '\0';
    assert_string_equal(text, full_config);

    /* And the config has really all there is. */
    list_json(&schema_oci_config, again, "", &seen);
    for (size_t i = 0; i < ARRAY_SIZE(oci_properties); i++)
        if (!strv_has(seen, oci_properties[i]))
            fail_msg("the full config lacks %s", oci_properties[i]);
}

/* Every allocation of a half-decoded config is freed: each prefix of the members, cut by a mistake. (The
 * address sanitizer's leak check is the judge.) */
static void test_freed_at_each_mistake(void **state)
{
    const struct schema_field *rows[ROWS_MAX];
    _cleanup_strv_ char **names = NULL;

    (void)state;
    list_rows(&schema_oci_config, "", &names, rows);
    for (size_t i = 0; names[i]; i++) {
        _cleanup_error_ struct error err = ERROR_INIT, later = ERROR_INIT;
        _cleanup_strbuf_ struct strbuf text = {0};
        _cleanup_cjson_ cJSON *json = NULL;
        _cleanup_free_ char *key = str_printf("\"%s\":", rows[i]->name);
        const char *at = strstr(full_config, key);
        void *config = NULL;

        assert_non_null(at);
        /* The first member of this name becomes an object nothing wants here, its old value one that is
         * ignored. */
        strbuf_addn(&text, full_config, (size_t)(at - full_config));
        strbuf_addf(&text, "%s{\"x\":[[]]},\"ignored%s", key, at + 1);
        if (json_parse("t", text.data, text.len, &json, &err) < 0)
            fail_msg("%s: %s", key, error_text(&err));
        if (schema_decode(&schema_oci_config, json, NULL, &config, &later, &err) == 0)
            schema_free(&schema_oci_config, config);
        else
            assert_true(strlen(error_text(&err)) > strlen(rows[i]->name));
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(name_find(oci_rlimit_names, "RLIMIT_NOFILE")->value, 7);
    assert_null(name_find(oci_rlimit_names, "RLIMIT_nofile"));
    assert_string_equal(name_of(oci_capability_names, 21), "CAP_SYS_ADMIN");
    assert_null(name_of(oci_capability_names, 63));
    assert_int_equal(oci_namespace_flag(OCI_NS_MOUNT), 0x00020000);
    assert_int_equal(oci_namespace_flag(OCI_NS_TIME), 0x00000080);
    assert_string_equal(oci_namespace_proc_name(OCI_NS_MOUNT), "mnt");
    assert_int_equal(oci_namespace_flag(OCI_NS_COUNT), 0);
    assert_null(oci_namespace_proc_name(-1));
    for (int i = 0; i < OCI_NS_COUNT; i++)
        assert_non_null(name_of(oci_namespace_names, i));
    /* Capabilities are numbered without gaps, which "up to the last" relies on. */
    for (int i = 0; oci_capability_names[i].name; i++)
        assert_int_equal(oci_capability_names[i].value, i);
}

static void test_dump(void **state)
{
    _cleanup_cjson_ cJSON *list = oci_config_dump_schema();
    size_t n = 0;
    const cJSON *row;

    (void)state;
    assert_non_null(list);
    cJSON_ArrayForEach (row, list) {
        const char *path = cJSON_GetObjectItem(row, "path")->valuestring;
        bool known = false;
        for (size_t i = 0; i < ARRAY_SIZE(oci_properties); i++)
            known |= strcmp(oci_properties[i], path) == 0;
        if (!known)
            fail_msg("the specification has no %s", path);
        n++;
    }
    assert_int_equal(n, ARRAY_SIZE(oci_properties));
}

static void test_carries_out(void **state)
{
    (void)state;
    assert_true(oci_config_carries_out("process"));
    assert_true(oci_config_carries_out("process.cwd"));
    assert_true(oci_config_carries_out("linux.devices[].path"));
    assert_true(oci_config_carries_out("linux.netDevices{}.name"));
    assert_false(oci_config_carries_out("linux.personality.flags"));
    assert_false(oci_config_carries_out("process.cw"));
    assert_false(oci_config_carries_out("process.cwd.x"));
    assert_false(oci_config_carries_out("windows"));
    assert_false(oci_config_carries_out(""));
}

static void test_last_capability(void **state)
{
    _cleanup_fclose_ FILE *f = fopen("/proc/sys/kernel/cap_last_cap", "re");
    int last = -1;

    (void)state;
    if (!f) {
        print_message("skipped: no /proc/sys/kernel/cap_last_cap here\n");
        skip();
    }
    assert_int_equal(fscanf(f, "%d", &last), 1);
    assert_int_equal(oci_last_capability(), last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complete),     cmocka_unit_test(test_rows),
        cmocka_unit_test(test_nothing_lost), cmocka_unit_test(test_freed_at_each_mistake),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_last_capability),
        cmocka_unit_test(test_dump),         cmocka_unit_test(test_carries_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
