/*
 * config-linux.md, all but control groups (schema_resources.c) and seccomp (schema_seccomp.c).
 */
#include "oci/tables.h"

/* The kernel's limits: 12 bits for the major, 20 for the minor number. */
#define MAJOR_MAX ((1 << 12) - 1)
#define MINOR_MAX ((1 << 20) - 1)

static const struct schema_field oci_namespace_fields[] = {
    SCHEMA_VALUE(oci_namespace, "type", type, ENUM, .names = oci_namespace_names, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_namespace, "path", path, STRING, .rule = &rule_absolute, .flags = SCHEMA_BLANK),
};
static SCHEMA_TYPE(oci_namespace);

/* The schema takes fileMode up to 0777; callers that copy st_mode send the three bits above as well. */
static const struct schema_field oci_device_fields[] = {
    SCHEMA_VALUE(oci_device, "type", type, LETTER, .letters = "cbup", .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_device, "path", path, STRING, .rule = &rule_absolute, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_device, "major", major, OPT_I64, .min = 0, .max = MAJOR_MAX),
    SCHEMA_VALUE(oci_device, "minor", minor, OPT_I64, .min = 0, .max = MINOR_MAX),
    SCHEMA_VALUE(oci_device, "fileMode", file_mode, OPT_U32, .max = 07777),
    SCHEMA_VALUE(oci_device, "uid", uid, OPT_U32, .max = ID_MAX),
    SCHEMA_VALUE(oci_device, "gid", gid, OPT_U32, .max = ID_MAX),
};
static SCHEMA_TYPE(oci_device);

static const struct schema_field oci_net_device_fields[] = {
    SCHEMA_VALUE(oci_net_device, "name", name, STRING, .flags = SCHEMA_BLANK),
};
static SCHEMA_TYPE(oci_net_device);

static const struct schema_field oci_time_offset_fields[] = {
    SCHEMA_VALUE(oci_time_offset, "secs", secs, I64),
    SCHEMA_VALUE(oci_time_offset, "nanosecs", nanosecs, U32, .max = 999999999),
};
static SCHEMA_TYPE(oci_time_offset);

static const struct schema_field oci_time_offsets_fields[] = {
    SCHEMA_NESTED_POINTER(oci_time_offsets, "boottime", boottime, oci_time_offset),
    SCHEMA_NESTED_POINTER(oci_time_offsets, "monotonic", monotonic, oci_time_offset),
};
static SCHEMA_TYPE(oci_time_offsets);

/* The specification has the list of flags and no flag to put in it. */
static const struct schema_field oci_personality_fields[] = {
    SCHEMA_VALUE(oci_personality, "domain", domain, ENUM_ULONG, .names = oci_personality_domains,
                 .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_personality, "flags", flags, STRV,
                 .later = "remove it: the specification defines no flag"),
};
static SCHEMA_TYPE(oci_personality);

static const struct schema_field oci_intel_rdt_fields[] = {
    SCHEMA_VALUE(oci_intel_rdt, "closID", clos_id, STRING, .flags = SCHEMA_BLANK),
    SCHEMA_VALUE(oci_intel_rdt, "schemata", schemata, STRV, .rule = &rule_line),
    SCHEMA_VALUE(oci_intel_rdt, "l3CacheSchema", l3_cache_schema, STRING, .flags = SCHEMA_BLANK),
    SCHEMA_VALUE(oci_intel_rdt, "memBwSchema", mem_bw_schema, STRING, .rule = &rule_mem_bw,
                 .flags = SCHEMA_BLANK),
    SCHEMA_VALUE(oci_intel_rdt, "enableMonitoring", enable_monitoring, OPT_BOOL),
};
static SCHEMA_TYPE(oci_intel_rdt);

static const struct schema_field oci_memory_policy_fields[] = {
    SCHEMA_VALUE(oci_memory_policy, "mode", mode, ENUM, .names = oci_memory_policy_modes,
                 .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_memory_policy, "nodes", nodes, STRING, .rule = &rule_cpu_list, .flags = SCHEMA_BLANK),
    SCHEMA_VALUE(oci_memory_policy, "flags", flags, FLAGS32, .names = oci_memory_policy_flags),
};
static SCHEMA_TYPE(oci_memory_policy);

static const struct schema_field oci_linux_fields[] = {
    SCHEMA_NESTED_LIST(oci_linux, "namespaces", namespaces, oci_namespace),
    SCHEMA_NESTED_LIST(oci_linux, "uidMappings", uid_mappings, oci_id_map),
    SCHEMA_NESTED_LIST(oci_linux, "gidMappings", gid_mappings, oci_id_map),
    SCHEMA_NESTED_LIST(oci_linux, "devices", devices, oci_device),
    SCHEMA_NESTED_KEYED(oci_linux, "netDevices", net_devices, oci_net_device),
    SCHEMA_VALUE(oci_linux, "cgroupsPath", cgroups_path, STRING, .flags = SCHEMA_BLANK),
    SCHEMA_NESTED_POINTER(oci_linux, "resources", resources, oci_resources),
    SCHEMA_VALUE(oci_linux, "rootfsPropagation", rootfs_propagation, STRING, .names = oci_propagation_names,
                 .flags = SCHEMA_BLANK),
    SCHEMA_NESTED_POINTER(oci_linux, "seccomp", seccomp, oci_seccomp),
    SCHEMA_VALUE(oci_linux, "sysctl", sysctl, MAP),
    SCHEMA_VALUE(oci_linux, "maskedPaths", masked_paths, STRV, .rule = &rule_absolute),
    SCHEMA_VALUE(oci_linux, "readonlyPaths", readonly_paths, STRV, .rule = &rule_absolute),
    SCHEMA_VALUE(oci_linux, "mountLabel", mount_label, STRING, .flags = SCHEMA_BLANK),
    SCHEMA_NESTED_POINTER(oci_linux, "intelRdt", intel_rdt, oci_intel_rdt),
    SCHEMA_NESTED_POINTER(oci_linux, "memoryPolicy", memory_policy, oci_memory_policy),
    SCHEMA_NESTED_POINTER(oci_linux, "personality", personality, oci_personality),
    SCHEMA_NESTED_POINTER(oci_linux, "timeOffsets", time_offsets, oci_time_offsets),
};
SCHEMA_TYPE(oci_linux);
