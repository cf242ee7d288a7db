/*
 * `bryo features`: what this runtime knows and carries out, from the tables that the parser uses (features.md
 * and features-linux.md of the specification). Engines decide by it: containerd and CRI-O give a pod a user
 * namespace only where mountExtensions.idmap is enabled.
 */
#include <config.h> /* in angles: "config.h" would be this folder's */
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "oci/config.h"
#include "oci/names.h"
#include "oci/spec.h"

static int add_names_up_to(cJSON *object, const char *key, const struct name_value *names, int64_t last)
{
    _cleanup_cjson_ cJSON *list = cJSON_CreateArray();

    for (; list && names->name; names++) {
        if (names->value > last)
            continue;
        cJSON *item = cJSON_CreateString(names->name);
        if (!item)
            return -ENOMEM;
        cJSON_AddItemToArray(list, item);
    }
    return json_add_item(object, key, TAKE_PTR(list));
}

static int add_names(cJSON *object, const char *key, const struct name_value *names)
{
    return add_names_up_to(object, key, names, INT64_MAX);
}

static int add_list(cJSON *object, const char *key, const char *const *values)
{
    return json_add_strv(object, key, (char *const *)(uintptr_t)values);
}

static int add_supported_flags(cJSON *seccomp)
{
    _cleanup_cjson_ cJSON *list = cJSON_CreateArray();

    for (const struct name_value *flag = oci_seccomp_flags; list && flag->name; flag++) {
        if (!oci_seccomp_flag_supported((uint32_t)flag->value))
            continue;
        cJSON *item = cJSON_CreateString(flag->name);
        if (!item)
            return -ENOMEM;
        cJSON_AddItemToArray(list, item);
    }
    return json_add_item(seccomp, "supportedFlags", TAKE_PTR(list));
}

static int add_seccomp(cJSON *json)
{
    _cleanup_cjson_ cJSON *seccomp = cJSON_CreateObject();

    if (!seccomp || json_add_bool(seccomp, "enabled", oci_config_carries_out("linux.seccomp")) < 0 ||
        add_names(seccomp, "actions", oci_seccomp_actions) < 0 ||
        add_names(seccomp, "operators", oci_seccomp_operators) < 0 ||
        add_names(seccomp, "archs", oci_seccomp_archs) < 0 ||
        add_names(seccomp, "knownFlags", oci_seccomp_flags) < 0 || add_supported_flags(seccomp) < 0)
        return -ENOMEM;
    return json_add_item(json, "seccomp", TAKE_PTR(seccomp));
}

static int add_cgroup(cJSON *json, const struct features_options *options)
{
    _cleanup_cjson_ cJSON *cgroup = cJSON_CreateObject();

    if (!cgroup || json_add_bool(cgroup, "v1", options->cgroup_v1) < 0 ||
        json_add_bool(cgroup, "v2", options->cgroup_v2) < 0 ||
        json_add_bool(cgroup, "systemd", options->cgroup_systemd) < 0 ||
        json_add_bool(cgroup, "systemdUser", options->cgroup_systemd_user) < 0 ||
        json_add_bool(cgroup, "rdma", oci_config_carries_out("linux.resources.rdma")) < 0)
        return -ENOMEM;
    return json_add_item(json, "cgroup", TAKE_PTR(cgroup));
}

static int add_enabled(cJSON *json, const char *name, bool enabled)
{
    _cleanup_cjson_ cJSON *object = cJSON_CreateObject();

    if (!object || json_add_bool(object, "enabled", enabled) < 0)
        return -ENOMEM;
    return json_add_item(json, name, TAKE_PTR(object));
}

static int add_memory_policy(cJSON *json)
{
    _cleanup_cjson_ cJSON *policy = cJSON_CreateObject();

    if (!policy || add_names(policy, "modes", oci_memory_policy_modes) < 0 ||
        add_names(policy, "flags", oci_memory_policy_flags) < 0)
        return -ENOMEM;
    return json_add_item(json, "memoryPolicy", TAKE_PTR(policy));
}

static int add_intel_rdt(cJSON *json)
{
    _cleanup_cjson_ cJSON *object = cJSON_CreateObject();

    if (!object || json_add_bool(object, "enabled", oci_config_carries_out("linux.intelRdt")) < 0 ||
        json_add_bool(object, "schemata", oci_config_carries_out("linux.intelRdt.schemata")) < 0 ||
        json_add_bool(object, "monitoring", oci_config_carries_out("linux.intelRdt.enableMonitoring")) < 0)
        return -ENOMEM;
    return json_add_item(json, "intelRdt", TAKE_PTR(object));
}

/* What the tables refuse as "not supported by this version" is said here to be off; whether this machine has
 * it is another question. */
static int add_linux(cJSON *features, const struct features_options *options)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject(), *extensions = cJSON_CreateObject();

    if (!json || !extensions || add_names(json, "namespaces", oci_namespace_names) < 0 ||
        add_names_up_to(json, "capabilities", oci_capability_names, oci_last_capability()) < 0 ||
        add_cgroup(json, options) < 0 || add_seccomp(json) < 0 || add_memory_policy(json) < 0)
        return -ENOMEM;
    if (add_enabled(json, "apparmor", oci_config_carries_out("process.apparmorProfile")) < 0 ||
        add_enabled(json, "selinux", oci_config_carries_out("process.selinuxLabel")) < 0 ||
        add_intel_rdt(json) < 0 ||
        add_enabled(extensions, "idmap", oci_config_carries_out("mounts[].uidMappings")) < 0 ||
        json_add_item(json, "mountExtensions", TAKE_PTR(extensions)) < 0 ||
        add_enabled(json, "netDevices", oci_config_carries_out("linux.netDevices")) < 0)
        return -ENOMEM;
    return json_add_item(features, "linux", TAKE_PTR(json));
}

static int add_annotations(cJSON *features)
{
    _cleanup_cjson_ cJSON *annotations = cJSON_CreateObject();

    /* The second is the key by which engines ask any runtime for checkpoints. */
    if (!annotations || json_add_string(annotations, "run.bryo.version", PACKAGE_VERSION) < 0 ||
        json_add_string(annotations, "org.opencontainers.runc.checkpoint.enabled", "false") < 0)
        return -ENOMEM;
    return json_add_item(features, "annotations", TAKE_PTR(annotations));
}

cJSON *oci_features(const struct features_options *options)
{
    /* A prefix: an engine that runs configurations of strangers may want to take these out. */
    static const char *const unsafe_annotations[] = {"run.oci.", "org.systemd.property.", NULL};
    _cleanup_cjson_ cJSON *features = cJSON_CreateObject();

    if (!features || json_add_string(features, "ociVersionMin", OCI_VERSION_MIN) < 0 ||
        json_add_string(features, "ociVersionMax", OCI_VERSION_MAX) < 0 ||
        add_list(features, "hooks", oci_hook_names) < 0 ||
        add_list(features, "mountOptions", options->mount_options) < 0 || add_linux(features, options) < 0 ||
        add_annotations(features) < 0 ||
        add_list(features, "potentiallyUnsafeConfigAnnotations", unsafe_annotations) < 0)
        return NULL;
    return TAKE_PTR(features);
}
