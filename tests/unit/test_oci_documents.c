/*
 * The documents that bryo writes: state (kept and public), `spec` and `features`.
 */
#include "oci_config_util.h"

#include <errno.h>

#include "base/str.h"
#include "oci/names.h"
#include "oci/spec.h"
#include "oci/state.h"
#include "oci_properties.h"

static const char kept[] =
    "{\"ociVersion\":\"1.3.0\",\"id\":\"c1\",\"pid\":4711,\"startTime\":18446744073709551615,\"bundle\":\"/"
    "b\","
    "\"rootfs\":\"/b/"
    "rootfs\",\"created\":\"2026-01-02T03:04:05.000000006Z\",\"ownerUid\":1000,\"owner\":\"me\","
    "\"detached\":true,\"terminal\":false,\"cleanupDir\":\"/c\",\"resctrlGroup\":\"/r/c1\","
    "\"resctrlMonitor\":\"/r/c1/mon_groups/c1\",\"resctrlOwn\":true,\"annotations\":{\"a\":\"1\"},"
    "\"poststart\":[{\"path\":\"/"
    "p\",\"args\":[\"p\"],\"env\":[\"A=b\"],\"timeout\":3}],\"poststop\":[{\"path\":\"/q\"}],"
    "\"uidMappings\":[" MAP("0", "1000", "1") "],\"gidMappings\":[" MAP("0", "1000", "1") "]}";

static void test_state_round_trip(void **state)
{
    _cleanup_cjson_ cJSON *json = parse_json(kept), *again = NULL;
    _cleanup_state_ struct oci_state *s = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *text = NULL;

    (void)state;
    if (oci_state_parse(json, &s, &err) < 0)
        fail_msg("%s", error_text(&err));
    assert_int_equal(s->pid, 4711);
    assert_true(s->start_time == UINT64_MAX);
    assert_int_equal(s->poststart.items[0].timeout.value, 3);
    again = oci_state_to_json(s);
    text = json_print(again, false);
    text[strlen(text) - 1] = '\0';
    assert_string_equal(text, kept);
}

static void test_state_smallest(void **state)
{
    struct oci_state s = {
        .oci_version = (char *)"1.3.0", .id = (char *)"x", .bundle = (char *)"/b", .created = (char *)"now"};
    _cleanup_cjson_ cJSON *json = oci_state_to_json(&s);
    _cleanup_state_ struct oci_state *read = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(oci_state_parse(json, &read, &err), 0);
    assert_string_equal(read->id, "x");
    assert_null(read->cleanup_dir);
    assert_int_equal(read->annotations.count, 0);
}

static void test_state_bad(void **state)
{
    static const char *const cases[][3] = {
        {"id", NULL, "id: expected a string that is not empty, found nothing"},
        {"pid", "-1", "pid: expected an integer from 0 to 2147483647, found -1"},
        {"pid", NULL, "pid: expected an integer from 0 to 2147483647, found nothing"},
        {"startTime", "\"1\"", "startTime: expected an unsigned integer, found \"1\""},
        {"bundle", "\"b\"", "bundle: expected an absolute path, found \"b\""},
        {"cleanupDir", "\"../x\"", "cleanupDir: expected an absolute path, found \"../x\""},
        {"poststop", "[{}]", "poststop[0].path: expected an absolute path, found nothing"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_cjson_ cJSON *json = parse_json(kept);
        _cleanup_error_ struct error err = ERROR_INIT;
        struct oci_state *s = NULL;
        set(json, cases[i][0], cases[i][1]);
        assert_int_equal(oci_state_parse(json, &s, &err), -EINVAL);
        assert_null(s);
        assert_string_equal(error_text(&err), cases[i][2]);
    }
}

static void test_state_public(void **state)
{
    _cleanup_cjson_ cJSON *json = parse_json(kept), *running = NULL, *stopped = NULL;
    _cleanup_state_ struct oci_state *s = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *text = NULL, *stopped_text = NULL;

    (void)state;
    assert_int_equal(oci_state_parse(json, &s, &err), 0);
    running = oci_state_public(s, "running");
    text = json_print(running, false);
    assert_string_equal(text, "{\"ociVersion\":\"1.3.0\",\"id\":\"c1\",\"status\":\"running\",\"pid\":4711,"
                              "\"bundle\":\"/b\",\"annotations\":{\"a\":\"1\"},"
                              "\"created\":\"2026-01-02T03:04:05.000000006Z\",\"owner\":\"me\","
                              "\"rootfs\":\"/b/rootfs\"}\n");
    stopped = oci_state_public(s, "stopped");
    stopped_text = json_print(stopped, false);
    assert_non_null(strstr(stopped_text, "\"status\":\"stopped\",\"pid\":0,"));
}

/* What `spec` writes is what bryo reads, without resources and in whole. */
static void test_specs(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct spec_options options = {.rootless = i & 1, .sandbox = i & 2};
        _cleanup_cjson_ cJSON *json = oci_spec_default(&options), *again = NULL;
        _cleanup_free_ char *text = json_print(json, true);
        _cleanup_config_ struct oci_config *config = NULL;

        again = parse_json(text);
        config = parse_good(again);
        assert_int_equal(oci_config_new_namespace(config, OCI_NS_USER), options.rootless);
        assert_int_equal(config->linux_.namespaces.count, options.rootless ? 7 : 6);
        assert_int_equal(config->linux_.uid_mappings.count, 0);
        assert_null(config->linux_.resources);
        assert_int_equal(config->mounts.count, 7);
        assert_int_equal(strv_has(config->mounts.items[2].options, "gid=5"), !options.rootless);
        assert_int_equal(config->process->terminal, !options.sandbox);
        assert_int_equal(config->process->no_new_privileges, !options.sandbox);
        assert_int_equal(config->root->readonly, !options.sandbox);
        assert_int_equal(config->process->rlimits.count, options.sandbox ? 0 : 1);
        assert_int_equal(__builtin_popcountll(config->process->capabilities->bounding.value),
                         options.sandbox ? 14 : 3);
        assert_true(config->process->capabilities->bounding.value ==
                    config->process->capabilities->permitted.value);
        assert_false(config->process->capabilities->inheritable.set);
        assert_false(config->process->capabilities->ambient.set);
        assert_null(config->process->capabilities->unknown);
        assert_string_equal(config->process->args[0], "sh");
        assert_int_equal(strv_len(config->process->args), 1);
        assert_string_equal(config->process->cwd, "/");
        assert_non_null(strv_getenv(config->process->env, "PATH"));
        assert_non_null(strv_getenv(config->process->env, "TERM"));
        assert_int_equal(strv_len(config->linux_.masked_paths), 12);
        assert_int_equal(strv_len(config->linux_.readonly_paths), 5);
    }
}

static const cJSON *get(const cJSON *json, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

    if (!item)
        fail_msg("no member %s", name);
    return item;
}

static bool list_has(const cJSON *list, const char *value)
{
    const cJSON *e;

    assert_true(cJSON_IsArray(list));
    cJSON_ArrayForEach (e, list) {
        assert_true(cJSON_IsString(e));
        if (strcmp(e->valuestring, value) == 0)
            return true;
    }
    return false;
}

static void check_enabled(const cJSON *json, const char *name, bool enabled)
{
    const cJSON *item = get(get(json, name), "enabled");

    assert_true(cJSON_IsBool(item));
    assert_int_equal(cJSON_IsTrue(item), enabled);
}

static void test_features(void **state)
{
    static const char *const options_list[] = {"ro", "rro", NULL};
    struct features_options options = {.mount_options = options_list, .cgroup_v2 = true};
    _cleanup_cjson_ cJSON *json = oci_features(&options);
    const cJSON *linux_ = get(json, "linux"), *seccomp = get(linux_, "seccomp"), *e;

    (void)state;
    assert_string_equal(get(json, "ociVersionMin")->valuestring, "1.0.0");
    assert_string_equal(get(json, "ociVersionMax")->valuestring, "1.3.0");
    assert_int_equal(cJSON_GetArraySize(get(json, "hooks")), 6);
    assert_true(list_has(get(json, "mountOptions"), "rro"));
    const cJSON *unsafe = get(json, "potentiallyUnsafeConfigAnnotations");
    assert_int_equal(cJSON_GetArraySize(unsafe), 2);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetArrayItem(unsafe, 0)), "run.oci.");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetArrayItem(unsafe, 1)), "org.systemd.property.");
    cJSON_ArrayForEach (e, get(json, "annotations")) {
        assert_true(cJSON_IsString(e) && *e->valuestring);
        assert_null(strchr(e->valuestring, '\n'));
    }
    assert_int_equal(cJSON_GetArraySize(get(linux_, "namespaces")), OCI_NS_COUNT);
    assert_true(list_has(get(linux_, "capabilities"), "CAP_SYS_ADMIN"));
    assert_true(cJSON_GetArraySize(get(linux_, "capabilities")) <= oci_last_capability() + 1);
    assert_true(cJSON_IsTrue(get(get(linux_, "cgroup"), "v2")));
    assert_true(cJSON_IsFalse(get(get(linux_, "cgroup"), "v1")));
    assert_true(cJSON_IsTrue(get(get(linux_, "cgroup"), "rdma")));
    check_enabled(linux_, "seccomp", true);
    check_enabled(linux_, "apparmor", true);
    check_enabled(linux_, "selinux", true);
    check_enabled(linux_, "intelRdt", true);
    assert_true(cJSON_IsTrue(get(get(linux_, "intelRdt"), "schemata")));
    assert_true(cJSON_IsTrue(get(get(linux_, "intelRdt"), "monitoring")));
    check_enabled(linux_, "netDevices", true);
    check_enabled(get(linux_, "mountExtensions"), "idmap", true);
    assert_int_equal(cJSON_GetArraySize(get(get(linux_, "memoryPolicy"), "modes")), 7);
    assert_true(list_has(get(get(linux_, "memoryPolicy"), "modes"), "MPOL_PREFERRED_MANY"));
    assert_int_equal(cJSON_GetArraySize(get(get(linux_, "memoryPolicy"), "flags")), 3);
    /* All values the specification has for seccomp, and no flag that is supported but not known. */
    for (size_t i = 0; i < ARRAY_SIZE(oci_enum_values); i++) {
        const char *value = oci_enum_values[i].value;
        if (str_starts(value, "SCMP_ACT_"))
            assert_true(list_has(get(seccomp, "actions"), value));
        if (str_starts(value, "SCMP_CMP_"))
            assert_true(list_has(get(seccomp, "operators"), value));
        if (str_starts(value, "SCMP_ARCH_"))
            assert_true(list_has(get(seccomp, "archs"), value));
        if (str_starts(value, "SECCOMP_FILTER_FLAG_"))
            assert_true(list_has(get(seccomp, "knownFlags"), value));
    }
    cJSON_ArrayForEach (e, get(seccomp, "supportedFlags"))
        assert_true(list_has(get(seccomp, "knownFlags"), e->valuestring));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_round_trip),
        cmocka_unit_test(test_state_smallest),
        cmocka_unit_test(test_state_bad),
        cmocka_unit_test(test_state_public),
        cmocka_unit_test(test_specs),
        cmocka_unit_test(test_features),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
