/*
 * The config.json of sandboxes: what bryo writes it must read again, and it must say what the options asked
 * for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/capability.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/config.h"
#include "sandbox/config.h"
#include "sandbox/limits.h"
#include "sandbox/mounts.h"
#include "sandbox/seccomp.h"

#define BIT(n) (UINT64_C(1) << (n))

static char *sh[] = {"/bin/sh", NULL};

/* Builds, writes and reads the configuration. The caller frees. */
static struct oci_config *round_trip(const struct sandbox_config *c, const struct sandbox_user *user)
{
    static char *env[] = {"PATH=/bin", NULL}, *tmpfs[] = {"/tmp", NULL};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_cjson_ cJSON *json = NULL, *again = NULL;
    uint64_t added;
    assert_int_equal(sandbox_config_begin(c, &json, &added, &err), 0);
    assert_int_equal(sandbox_mounts(sandbox_config_mounts(json), tmpfs, NULL, &err), 0);
    assert_int_equal(sandbox_config_command(json, sh, "/work", &err), 0);
    assert_int_equal(sandbox_config_finish(json, "/images/tree", user, env, added, &err), 0);
    _cleanup_free_ char *text = json_print(json, true);
    assert_int_equal(json_parse("config.json", text, strlen(text), &again, &err), 0);
    struct oci_config *config = NULL;
    if (oci_config_parse(again, &config, &err) < 0)
        fail_msg("%s", error_text(&err));
    return config;
}

static const struct oci_mount *find_mount(const struct oci_config *config, const char *destination)
{
    for (size_t i = 0; i < config->mounts.count; i++)
        if (!strcmp(config->mounts.items[i].destination, destination))
            return &config->mounts.items[i];
    return NULL;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    uint32_t groups[] = {29, 30};
    const struct sandbox_user user = {.uid = 1000, .gid = 1001, .groups = groups, .n_groups = 2};
    const struct sandbox_config c = {
        .rootless = true, .read_only = true, .terminal = true, .no_new_privs = true, .hostname = "box"};
    _cleanup_config_ struct oci_config *config = round_trip(&c, &user);
    assert_string_equal(config->root->path, "/images/tree");
    assert_true(config->root->readonly);
    assert_string_equal(config->hostname, "box");
    assert_string_equal(config->process->args[0], "/bin/sh");
    assert_null(config->process->args[1]);
    assert_string_equal(config->process->cwd, "/work");
    assert_string_equal(config->process->env[0], "PATH=/bin");
    assert_true(config->process->terminal);
    assert_true(config->process->no_new_privileges);
    assert_int_equal(config->process->user.uid, 1000);
    assert_int_equal(config->process->user.gid, 1001);
    assert_int_equal(config->process->user.additional_gids.count, 2);
    assert_int_equal(config->process->user.additional_gids.items[1], 30);
    assert_int_equal(config->process->rlimits.count, 0);
    assert_non_null(config->linux_.seccomp);
    assert_true(config->linux_.seccomp->rules.count > 0);
    assert_non_null(find_mount(config, "/tmp"));
    for (int type = 0; type < OCI_NS_COUNT; type++)
        assert_int_equal(oci_config_new_namespace(config, type), type != OCI_NS_TIME);
    assert_string_equal(find_mount(config, "/sys")->type, "sysfs");
}

static void the_hosts_network(void **state)
{
    (void)state;
    const struct sandbox_user user = {0};
    const struct sandbox_config c = {
        .rootless = true, .host_net = true, .hostname = "box", .seccomp = "unconfined"};
    _cleanup_config_ struct oci_config *config = round_trip(&c, &user);
    assert_null(oci_config_namespace(config, OCI_NS_NETWORK));
    assert_true(oci_config_new_namespace(config, OCI_NS_USER));
    assert_null(config->linux_.seccomp);
    const struct oci_mount *sys = find_mount(config, "/sys");
    assert_string_equal(sys->type, "bind");
    assert_string_equal(sys->source, "/sys");
    assert_true(strv_has(sys->options, "rro"));
}

static void capability_sets(void **state)
{
    (void)state;
    static char *add[] = {"NET_ADMIN", NULL}, *drop[] = {"CHOWN", NULL};
    const struct sandbox_user root = {0}, user = {.uid = 1000};
    struct sandbox_config c = {.rootless = true, .hostname = "box", .cap_add = add, .cap_drop = drop};
    _cleanup_config_ struct oci_config *as_root = round_trip(&c, &root), *as_user = round_trip(&c, &user);
    const struct oci_capabilities *caps = as_root->process->capabilities;
    assert_true(caps->bounding.value & BIT(CAP_NET_ADMIN));
    assert_true(caps->effective.value & BIT(CAP_MKNOD));
    assert_false(caps->bounding.value & BIT(CAP_CHOWN));
    assert_false(caps->bounding.value & BIT(CAP_SYS_ADMIN));
    assert_true(caps->permitted.value == caps->bounding.value);
    assert_true(caps->inheritable.value == 0 && caps->ambient.value == 0);
    /* Only what was asked for by name survives the exec of an ordinary user. */
    caps = as_user->process->capabilities;
    assert_true(caps->inheritable.value == BIT(CAP_NET_ADMIN) && caps->ambient.value == BIT(CAP_NET_ADMIN));

    /* Real root: no device cgroup stands between a node made inside and the host's disks. */
    c = (struct sandbox_config){.hostname = "box"};
    _cleanup_config_ struct oci_config *real = round_trip(&c, &root);
    assert_null(oci_config_namespace(real, OCI_NS_USER));
    assert_false(real->process->capabilities->bounding.value & BIT(CAP_MKNOD));
    assert_true(real->process->capabilities->bounding.value & BIT(CAP_CHOWN));
}

/* Every action, operator, flag and architecture survives being written. */
static void seccomp_round_trip(void **state)
{
    (void)state;
    static const char text[] =
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,"
        "\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_AARCH64\"],"
        "\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"],"
        "\"syscalls\":["
        "{\"names\":[\"read\",\"write\"],\"action\":\"SCMP_ACT_ALLOW\"},"
        "{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":2114060288,"
        "\"op\":\"SCMP_CMP_MASKED_EQ\"}]},"
        "{\"names\":[\"ioctl\"],\"action\":\"SCMP_ACT_TRACE\",\"errnoRet\":1,\"args\":[{\"index\":1,"
        "\"value\":18446744073709551615,\"valueTwo\":5,\"op\":\"SCMP_CMP_NE\"}]},"
        "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_KILL_PROCESS\"},"
        "{\"names\":[\"b\"],\"action\":\"SCMP_ACT_TRAP\"},"
        "{\"names\":[\"c\"],\"action\":\"SCMP_ACT_LOG\"}]}";
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_cjson_ cJSON *json = NULL, *written = NULL;
    struct oci_seccomp *parsed = NULL;
    assert_int_equal(json_parse("seccomp", text, strlen(text), &json, &err), 0);
    assert_int_equal(oci_seccomp_parse(json, &parsed, &err), 0);
    written = sandbox_seccomp_to_json(parsed);
    oci_seccomp_free(parsed);
    assert_non_null(written);
    _cleanup_free_ char *out = json_print(written, false);
    if (str_ends(out, "\n"))
        out[strlen(out) - 1] = '\0';
    assert_string_equal(out, text);
}

static void limits(void **state)
{
    static const struct {
        struct sandbox_limits given;
        const char *resources;
    } table[] = {
        {{.memory = "512m"}, "{\"memory\":{\"limit\":536870912}}"},
        {{.memory = "1g", .memory_swap = "2G"}, "{\"memory\":{\"limit\":1073741824,\"swap\":2147483648}}"},
        {{.memory = "1k", .memory_swap = "-1"}, "{\"memory\":{\"limit\":1024,\"swap\":-1}}"},
        {{.cpus = "1.5", .cpuset = "0-1"}, "{\"cpu\":{\"quota\":150000,\"period\":100000,\"cpus\":\"0-1\"}}"},
        {{.cpus = "0.01"}, "{\"cpu\":{\"quota\":1000,\"period\":100000}}"},
        {{.cpus = "2.125"}, "{\"cpu\":{\"quota\":212500,\"period\":100000}}"},
        {{.cpus = "16"}, "{\"cpu\":{\"quota\":1600000,\"period\":100000}}"},
        {{.pids = "100", .io_weight = "500"}, "{\"pids\":{\"limit\":100},\"blockIO\":{\"weight\":500}}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_cjson_ cJSON *config = cJSON_CreateObject();
        cJSON *linux_ = cJSON_AddObjectToObject(config, "linux");
        const char *value;
        assert_int_equal(sandbox_limits_apply(&table[i].given, config, &err), 0);
        _cleanup_free_ char *text = json_print(cJSON_GetObjectItem(linux_, "resources"), false);
        text[strlen(text) - 1] = '\0';
        assert_string_equal(text, table[i].resources);
        assert_null(sandbox_limits_option(&table[i].given, "linux.resources.network.classID: no", &value));
    }
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_cjson_ cJSON *config = cJSON_CreateObject();
    const struct sandbox_limits none = {0}, some = {.memory = "1k", .cpus = "1"};
    const char *value = NULL;
    cJSON_AddObjectToObject(config, "linux");
    assert_int_equal(sandbox_limits_apply(&none, config, &err), 0);
    assert_null(cJSON_GetObjectItem(cJSON_GetObjectItem(config, "linux"), "resources"));
    assert_string_equal(sandbox_limits_option(&some, "linux.resources.cpu.quota: no", &value), "cpus");
    assert_string_equal(value, "1");
    assert_null(sandbox_limits_option(&some, "linux.resources.memory.swap: no", &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(the_hosts_network),
        cmocka_unit_test(capability_sets),
        cmocka_unit_test(seccomp_round_trip),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests_name("sandbox_config", tests, NULL, NULL);
}
