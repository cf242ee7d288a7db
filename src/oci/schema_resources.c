/*
 * config-linux.md#control-groups. What of it can be had is for the cgroup manager to tell (cgroup/cgroup.h).
 */
#include "oci/tables.h"

/* A number in cgroup rules may be -1, "any". */
#define DEVICE_NUMBER .min = -1, .max = INT32_MAX

/* A rule's type is one letter, but in the specification's JSON "" is used for "all" as well. */
static const struct name_value device_rule_types[] = {{"a", 'a'}, {"b", 'b'}, {"c", 'c'}, {NULL, 0}};

static const struct schema_field oci_device_rule_fields[] = {
    SCHEMA_VALUE(oci_device_rule, "allow", allow, BOOL, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_device_rule, "type", type, STRING, .names = device_rule_types, .flags = SCHEMA_BLANK),
    SCHEMA_VALUE(oci_device_rule, "major", major, OPT_I64, DEVICE_NUMBER),
    SCHEMA_VALUE(oci_device_rule, "minor", minor, OPT_I64, DEVICE_NUMBER),
    SCHEMA_VALUE(oci_device_rule, "access", access, STRING, .rule = &rule_access, .flags = SCHEMA_BLANK),
};
static SCHEMA_TYPE(oci_device_rule);

#define MEMORY_LIMIT .min = -1, .max = INT64_MAX
static const struct schema_field oci_memory_fields[] = {
    SCHEMA_VALUE(oci_memory, "limit", limit, OPT_I64, MEMORY_LIMIT),
    SCHEMA_VALUE(oci_memory, "reservation", reservation, OPT_I64, MEMORY_LIMIT),
    SCHEMA_VALUE(oci_memory, "swap", swap, OPT_I64, MEMORY_LIMIT),
    SCHEMA_VALUE(oci_memory, "kernel", kernel, OPT_I64, MEMORY_LIMIT),
    SCHEMA_VALUE(oci_memory, "kernelTCP", kernel_tcp, OPT_I64, MEMORY_LIMIT),
    SCHEMA_VALUE(oci_memory, "swappiness", swappiness, OPT_U64, .max = 200),
    SCHEMA_VALUE(oci_memory, "disableOOMKiller", disable_oom_killer, OPT_BOOL),
    SCHEMA_VALUE(oci_memory, "useHierarchy", use_hierarchy, OPT_BOOL),
    SCHEMA_VALUE(oci_memory, "checkBeforeUpdate", check_before_update, OPT_BOOL),
};
static SCHEMA_TYPE(oci_memory);

static const struct schema_field oci_cpu_fields[] = {
    SCHEMA_VALUE(oci_cpu, "shares", shares, OPT_U64),
    SCHEMA_VALUE(oci_cpu, "quota", quota, OPT_I64),
    SCHEMA_VALUE(oci_cpu, "burst", burst, OPT_U64),
    SCHEMA_VALUE(oci_cpu, "period", period, OPT_U64),
    SCHEMA_VALUE(oci_cpu, "realtimeRuntime", realtime_runtime, OPT_I64),
    SCHEMA_VALUE(oci_cpu, "realtimePeriod", realtime_period, OPT_U64),
    SCHEMA_VALUE(oci_cpu, "cpus", cpus, STRING, .rule = &rule_cpu_list, .flags = SCHEMA_BLANK),
    SCHEMA_VALUE(oci_cpu, "mems", mems, STRING, .rule = &rule_cpu_list, .flags = SCHEMA_BLANK),
    SCHEMA_VALUE(oci_cpu, "idle", idle, OPT_I64),
};
static SCHEMA_TYPE(oci_cpu);

/* Required by the JSON schema of 1.3, optional by its text, which counts; Go leaves it out. */
static const struct schema_field oci_pids_fields[] = {
    SCHEMA_VALUE(oci_pids, "limit", limit, OPT_I64),
};
static SCHEMA_TYPE(oci_pids);

/* Weights go from 10 to 1000 in cgroup v1, from 1 to 10000 in v2; 16 bits in the specification. */
static const struct schema_field oci_block_weight_fields[] = {
    SCHEMA_VALUE(oci_block_weight, "major", major, I64, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_block_weight, "minor", minor, I64, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_block_weight, "weight", weight, OPT_U32, .max = UINT16_MAX),
    SCHEMA_VALUE(oci_block_weight, "leafWeight", leaf_weight, OPT_U32, .max = UINT16_MAX),
};
static SCHEMA_TYPE(oci_block_weight);

static const struct schema_field oci_block_throttle_fields[] = {
    SCHEMA_VALUE(oci_block_throttle, "major", major, I64, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_block_throttle, "minor", minor, I64, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_block_throttle, "rate", rate, OPT_U64),
};
static SCHEMA_TYPE(oci_block_throttle);

static const struct schema_field oci_block_io_fields[] = {
    SCHEMA_VALUE(oci_block_io, "weight", weight, OPT_U32, .max = UINT16_MAX),
    SCHEMA_VALUE(oci_block_io, "leafWeight", leaf_weight, OPT_U32, .max = UINT16_MAX),
    SCHEMA_NESTED_LIST(oci_block_io, "weightDevice", weight_device, oci_block_weight),
    SCHEMA_NESTED_LIST(oci_block_io, "throttleReadBpsDevice", read_bps, oci_block_throttle),
    SCHEMA_NESTED_LIST(oci_block_io, "throttleWriteBpsDevice", write_bps, oci_block_throttle),
    SCHEMA_NESTED_LIST(oci_block_io, "throttleReadIOPSDevice", read_iops, oci_block_throttle),
    SCHEMA_NESTED_LIST(oci_block_io, "throttleWriteIOPSDevice", write_iops, oci_block_throttle),
};
static SCHEMA_TYPE(oci_block_io);

static const struct schema_field oci_hugepage_limit_fields[] = {
    SCHEMA_VALUE(oci_hugepage_limit, "pageSize", page_size, STRING, .rule = &rule_page_size,
                 .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_hugepage_limit, "limit", limit, U64, .flags = SCHEMA_REQUIRED),
};
static SCHEMA_TYPE(oci_hugepage_limit);

static const struct schema_field oci_net_priority_fields[] = {
    SCHEMA_VALUE(oci_net_priority, "name", name, STRING, .rule = &rule_nonempty, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_net_priority, "priority", priority, U32, .flags = SCHEMA_REQUIRED),
};
static SCHEMA_TYPE(oci_net_priority);

static const struct schema_field oci_network_class_fields[] = {
    SCHEMA_VALUE(oci_network_class, "classID", class_id, OPT_U32),
    SCHEMA_NESTED_LIST(oci_network_class, "priorities", priorities, oci_net_priority),
};
static SCHEMA_TYPE(oci_network_class);

static const struct schema_field oci_rdma_fields[] = {
    SCHEMA_VALUE(oci_rdma, "hcaHandles", hca_handles, OPT_U32),
    SCHEMA_VALUE(oci_rdma, "hcaObjects", hca_objects, OPT_U32),
};
static SCHEMA_TYPE(oci_rdma);

static const struct schema_field oci_resources_fields[] = {
    SCHEMA_NESTED_LIST(oci_resources, "devices", devices, oci_device_rule),
    SCHEMA_NESTED_POINTER(oci_resources, "memory", memory, oci_memory),
    SCHEMA_NESTED_POINTER(oci_resources, "cpu", cpu, oci_cpu),
    SCHEMA_NESTED_POINTER(oci_resources, "pids", pids, oci_pids),
    SCHEMA_NESTED_POINTER(oci_resources, "blockIO", block_io, oci_block_io),
    SCHEMA_NESTED_LIST(oci_resources, "hugepageLimits", hugepage_limits, oci_hugepage_limit),
    SCHEMA_NESTED_POINTER(oci_resources, "network", network, oci_network_class),
    SCHEMA_NESTED_KEYED(oci_resources, "rdma", rdma, oci_rdma),
    SCHEMA_VALUE(oci_resources, "unified", unified, MAP),
};
SCHEMA_TYPE(oci_resources);
