/*
 * What oci_config_parse takes and what it makes of it.
 */
#include "oci_config_util.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/str.h"

/* Nothing asked for is nothing refused. */
static void test_empty_is_absent(void **state)
{
    static const char *const cases[][2] = {
        {"process.execCPUAffinity", "{}"},
        {"process.execCPUAffinity", "{\"initial\":\"\",\"final\":\"\"}"},
        {"process.apparmorProfile", "\"\""},
        {"process.selinuxLabel", "\"\""},
        {"process.env", "null"},
        {"process.capabilities", "null"},
        {"mounts", "null"},
        {"mounts", "[{\"destination\":\"x\",\"type\":\"\",\"source\":\"\",\"options\":null}]"},
        {"hooks", "null"},
        {"hooks", "{\"prestart\":[],\"poststop\":null}"},
        {"annotations", "null"},
        {"linux.mountLabel", "\"\""},
        {"linux.intelRdt", "null"},
        {"linux.netDevices", "{}"},
        {"linux.cgroupsPath", "\"\""},
        {"linux.rootfsPropagation", "\"\""},
        {"linux.seccomp", "null"},
        {"linux.resources", "{}"},
        {"linux.resources",
         "{\"memory\":{},\"cpu\":{\"cpus\":\"\"},\"blockIO\":{},\"network\":{},\"rdma\":{},"
         "\"unified\":{},\"hugepageLimits\":[]}"},
        {"linux.resources.memory.disableOOMKiller", "false"},
        /* As engines write "no limit". */
        {"linux.resources",
         "{\"memory\":{\"limit\":0,\"reservation\":0,\"swap\":-1,\"kernel\":-1,\"kernelTCP\":0},"
         "\"cpu\":{\"shares\":0,\"quota\":-1,\"burst\":0,\"period\":0,\"realtimeRuntime\":0,"
         "\"realtimePeriod\":0,\"cpus\":\"\",\"mems\":\"\",\"idle\":0},\"pids\":{\"limit\":-1},"
         "\"blockIO\":{\"weight\":0,\"leafWeight\":0,\"weightDevice\":null},"
         "\"network\":{\"classID\":0,\"priorities\":[]},\"hugepageLimits\":null,\"unified\":null}"},
        {"linux.resources.pids", "{}"},
        {"linux.personality", "{\"domain\":\"LINUX\",\"flags\":[]}"},
        {"linux.timeOffsets", "{}"},
        {"linux.namespaces", "[{\"type\":\"pid\",\"path\":\"\"}]"},
        {"windows", "{\"servicing\":true}"},
        {"solaris", "7"},
        {"process.commandLine", "7"},
        {"unknown", "{\"a\":[]}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_cjson_ cJSON *json = changed(cases[i][0], cases[i][1]);
        oci_config_free(parse_good(json));
    }
}

static void test_versions(void **state)
{
    static const char *const good[] = {"1.0.0",     "1.3.0",     "1.99.7",   "1.0.0-rc5",
                                       "1.0.2-dev", "1.2.0+x.1", "1.2.0-a+b"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        _cleanup_free_ char *value = str_printf("\"%s\"", good[i]);
        _cleanup_cjson_ cJSON *json = changed("ociVersion", value);
        oci_config_free(parse_good(json));
    }
}

static void test_exact_numbers(void **state)
{
    _cleanup_cjson_ cJSON *json = changed(
        "linux.seccomp", SECCOMP("\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_LOG\",\"args\":["
                                 "{\"index\":5,\"value\":9007199254740993,\"valueTwo\":18446744073709551615,"
                                 "\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]"));
    _cleanup_config_ struct oci_config *config = NULL;

    (void)state;
    set(json, "process.rlimits",
        "[{\"hard\":18446744073709551615,\"soft\":18446744073709551614,\"type\":\"RLIMIT_AS\"}]");
    config = parse_good(json);
    const struct oci_seccomp_arg *arg = &config->linux_.seccomp->rules.items[0].args.items[0];
    assert_true(arg->value == 9007199254740993);
    assert_true(arg->value_two == UINT64_MAX);
    assert_int_equal(arg->index, 5);
    assert_int_equal(config->process->rlimits.items[0].resource, RLIMIT_AS);
    assert_true(config->process->rlimits.items[0].soft == UINT64_MAX - 1);
    assert_true(config->process->rlimits.items[0].hard == UINT64_MAX);
}

static void test_capabilities(void **state)
{
    _cleanup_cjson_ cJSON *json =
        changed("process.capabilities", "{\"bounding\":[\"CAP_KILL\",\"CAP_FUTURE\",\"CAP_CHOWN\"],"
                                        "\"effective\":[],\"ambient\":[\"CAP_FUTURE\",\"cap_kill\"]}");
    _cleanup_config_ struct oci_config *config = parse_good(json);
    const struct oci_capabilities *caps = config->process->capabilities;

    (void)state;
    assert_true(caps->bounding.set && caps->bounding.value == (1 << 5 | 1 << 0));
    assert_true(caps->effective.set && !caps->effective.value);
    assert_true(caps->ambient.set && !caps->ambient.value);
    assert_false(caps->permitted.set);
    assert_int_equal(strv_len(caps->unknown), 2);
    assert_true(strv_has(caps->unknown, "CAP_FUTURE") && strv_has(caps->unknown, "cap_kill"));
}

static void test_namespace_lookup(void **state)
{
    _cleanup_cjson_ cJSON *json = changed("annotations", "{\"a\":\"1\",\"b\":\"2\"}");
    _cleanup_config_ struct oci_config *config = parse_good(json);

    (void)state;
    assert_true(oci_config_new_namespace(config, OCI_NS_USER));
    assert_false(oci_config_new_namespace(config, OCI_NS_NETWORK));
    assert_string_equal(oci_config_namespace(config, OCI_NS_NETWORK)->path, "/run/netns/x");
    assert_null(oci_config_namespace(config, OCI_NS_TIME));
    assert_string_equal(oci_config_annotation(config, "b"), "2");
    assert_null(oci_config_annotation(config, "c"));
}

/* podman writes both for a container that joins another's user namespace. */
static void test_joined_userns_with_maps(void **state)
{
    _cleanup_cjson_ cJSON *json =
        changed("linux", "{\"namespaces\":[{\"type\":\"user\",\"path\":\"/proc/7/ns/user\"}],"
                         "\"uidMappings\":[" MAP("0", "0", "1") "],"
                                                                "\"gidMappings\":[" MAP("0", "0", "1") "]}");

    (void)state;
    oci_config_free(parse_good(json));
}

static void test_device_rules(void **state)
{
    _cleanup_cjson_ cJSON *json =
        changed("linux.resources.devices", "[{\"allow\":false,\"access\":\"rwm\"}]");
    _cleanup_config_ struct oci_config *config = parse_good(json);

    (void)state;
    assert_int_equal(config->linux_.resources->devices.count, 1);
    assert_false(config->linux_.resources->devices.items[0].allow);
    assert_null(config->linux_.resources->devices.items[0].type);
}

static void test_parts_alone(void **state)
{
    _cleanup_cjson_ cJSON *process = parse_json("{\"args\":[\"a\"],\"cwd\":\"/\",\"user\":{\"uid\":7}}");
    _cleanup_cjson_ cJSON *bad_process = parse_json("{\"args\":[\"a\"],\"cwd\":\"x\"}");
    _cleanup_cjson_ cJSON *label = parse_json("{\"args\":[\"a\"],\"cwd\":\"/\",\"selinuxLabel\":\"x\"}");
    _cleanup_cjson_ cJSON *seccomp = parse_json("{\"syscalls\":[{\"action\":\"SCMP_ACT_KILL\",\"names\":["
                                                "\"a\"]}],\"defaultAction\":\"SCMP_ACT_LOG\"}");
    _cleanup_cjson_ cJSON *config = changed(NULL, NULL);
    _cleanup_error_ struct error err = ERROR_INIT;
    struct oci_process *p = NULL;
    struct oci_seccomp *s = NULL;

    (void)state;
    assert_int_equal(oci_process_parse(process, &p, &err), 0);
    assert_int_equal(p->user.uid, 7);
    oci_process_free(p);
    assert_int_equal(oci_process_parse(bad_process, &p, &err), -EINVAL);
    assert_string_equal(error_text(&err), "cwd: expected an absolute path, found \"x\"");
    assert_int_equal(oci_process_parse(label, &p, &err), 0);
    assert_string_equal(p->selinux_label, "x");
    oci_process_free(p);

    assert_int_equal(oci_seccomp_parse(seccomp, &s, &err), 0);
    assert_int_equal(s->default_action, 0x7ffc0000);
    assert_int_equal(s->rules.items[0].action, 0);
    _cleanup_cjson_ cJSON *again = oci_seccomp_to_json(s);
    _cleanup_free_ char *text = json_print(again, false);
    assert_string_equal(text, "{\"defaultAction\":\"SCMP_ACT_LOG\",\"syscalls\":[{\"names\":[\"a\"],"
                              "\"action\":\"SCMP_ACT_KILL\"}]}\n");
    oci_seccomp_free(s);
    assert_int_equal(oci_seccomp_parse(config, &s, &err), -EINVAL);
    assert_string_equal(error_text(&err),
                        "the document: expected a seccomp profile, found a whole config.json");
    set(seccomp, "defaultErrnoRet", "5");
    assert_int_equal(oci_seccomp_parse(seccomp, &s, &err), -EINVAL);
    assert_string_equal(error_text(&err),
                        "defaultErrnoRet: expected nothing, since the action returns no errno, found 5");
}

static void write_file(int dir, const char *name, const char *text)
{
    _cleanup_close_ int fd = openat(dir, name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void test_read(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    char dir[] = "/tmp/test-oci-XXXXXX";
    struct oci_config *config = NULL;

    (void)state;
    assert_non_null(mkdtemp(dir));
    _cleanup_close_ int fd = open(dir, O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(oci_config_read(fd, "config.json", &config, &err), -ENOENT);
    assert_non_null(strstr(error_text(&err), "config.json"));
    write_file(fd, "config.json", base_config);
    assert_int_equal(oci_config_read(fd, "config.json", &config, &err), 0);
    oci_config_free(config);
    write_file(fd, "config.json", "{\"ociVersion\":\"1.0.0\"}");
    assert_int_equal(oci_config_read(fd, "config.json", &config, &err), -EINVAL);
    assert_string_equal(error_text(&err),
                        "config.json: root.path: expected a string that is not empty, found nothing");
    assert_int_equal(unlinkat(fd, "config.json", 0), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_is_absent),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_exact_numbers),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_namespace_lookup),
        cmocka_unit_test(test_joined_userns_with_maps),
        cmocka_unit_test(test_device_rules),
        cmocka_unit_test(test_parts_alone),
        cmocka_unit_test(test_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
