/*
 * config.json of the OCI runtime specification 1.3 as C types.
 * https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config.md and config-linux.md
 *
 * Every property of the specification that a Linux runtime can meet has its member here, filled and checked
 * by the tables of oci/schema_*.c. Properties of other platforms (solaris, windows, vm, zos, freebsd) and
 * unknown ones are ignored, as the specification asks.
 *
 * Strings are owned by the struct; an absent string is NULL, an absent list NULL with count 0. What the
 * specification lets be absent with a meaning of its own is an `opt_*` or a pointer.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct opt_bool {
    bool set;
    bool value;
};
struct opt_u32 {
    bool set;
    uint32_t value;
};
struct opt_u64 {
    bool set;
    uint64_t value;
};
struct opt_i64 {
    bool set;
    int64_t value;
};

struct oci_pair {
    char *key;
    char *value;
};
struct oci_map {
    struct oci_pair *items;
    size_t count;
};
struct oci_u32_list {
    uint32_t *items;
    size_t count;
};

struct oci_id_map {
    uint32_t container_id;
    uint32_t host_id;
    uint32_t size;
};
struct oci_id_map_list {
    struct oci_id_map *items;
    size_t count;
};

/* process */
struct oci_user {
    uint32_t uid;
    uint32_t gid;
    struct opt_u32 umask;
    struct oci_u32_list additional_gids;
    char *username; /* of no meaning on Linux */
};

struct oci_rlimit {
    int resource;
    uint64_t soft;
    uint64_t hard;
}; /* resource: RLIMIT_* number */
struct oci_rlimit_list {
    struct oci_rlimit *items;
    size_t count;
};

/* Bit N is capability number N. `set` tells an absent list from an empty one. */
struct oci_capabilities {
    struct opt_u64 bounding;
    struct opt_u64 permitted;
    struct opt_u64 effective;
    struct opt_u64 inheritable;
    struct opt_u64 ambient;
    char *
        *unknown; /* names this kernel or bryo does not know, e.g. "CAP_FUTURE": warned about, not granted */
};

struct oci_scheduler {
    int policy; /* SCHED_* number */
    int32_t nice;
    int32_t priority;
    uint64_t flags; /* SCHED_FLAG_* bits */
    uint64_t runtime;
    uint64_t deadline;
    uint64_t period;
};

struct oci_io_priority {
    int class;
    int32_t priority;
}; /* class: IOPRIO_CLASS_* number */
struct oci_console_size {
    uint64_t height;
    uint64_t width;
};
struct oci_cpu_affinity {
    char *initial;
    char *final;
};

struct oci_process {
    bool terminal;
    struct oci_console_size *console_size;
    char *cwd;
    char **args;
    char **env;
    struct oci_user user;
    struct oci_capabilities *capabilities; /* NULL: absent */
    struct oci_rlimit_list rlimits;
    bool no_new_privileges;
    struct opt_i64 oom_score_adj;
    char *apparmor_profile;
    char *selinux_label;
    struct oci_scheduler *scheduler;
    struct oci_io_priority *io_priority;
    struct oci_cpu_affinity *exec_cpu_affinity;
};

/* root, mounts, hooks */
struct oci_root {
    char *path;
    bool readonly;
};

struct oci_mount {
    char *destination;
    char *type;
    char *source;
    char **options; /* as written; rootfs/mount_options.h gives them a meaning */
    struct oci_id_map_list uid_mappings;
    struct oci_id_map_list gid_mappings;
};
struct oci_mount_list {
    struct oci_mount *items;
    size_t count;
};

struct oci_hook {
    char *path;
    char **args;
    char **env;
    struct opt_i64 timeout; /* seconds, at least 1 */
};
struct oci_hook_list {
    struct oci_hook *items;
    size_t count;
};

struct oci_hooks {
    struct oci_hook_list prestart;
    struct oci_hook_list create_runtime;
    struct oci_hook_list create_container;
    struct oci_hook_list start_container;
    struct oci_hook_list poststart;
    struct oci_hook_list poststop;
};

/* linux */
enum oci_namespace_type {
    OCI_NS_MOUNT,
    OCI_NS_PID,
    OCI_NS_NETWORK,
    OCI_NS_UTS,
    OCI_NS_IPC,
    OCI_NS_USER,
    OCI_NS_CGROUP,
    OCI_NS_TIME,
    OCI_NS_COUNT,
};
struct oci_namespace {
    int type;
    char *path;
}; /* type: enum oci_namespace_type; path NULL: a new one */
struct oci_namespace_list {
    struct oci_namespace *items;
    size_t count;
};

struct oci_device {
    char type; /* 'c' 'b' 'u' 'p' */
    char *path;
    struct opt_i64 major;
    struct opt_i64 minor;
    struct opt_u32 file_mode;
    struct opt_u32 uid;
    struct opt_u32 gid;
};
struct oci_device_list {
    struct oci_device *items;
    size_t count;
};

struct oci_net_device {
    char *host_name;
    char *name;
};
struct oci_net_device_list {
    struct oci_net_device *items;
    size_t count;
};

struct oci_time_offset {
    int64_t secs;
    uint32_t nanosecs;
};
struct oci_time_offsets {
    struct oci_time_offset *boottime;
    struct oci_time_offset *monotonic;
};

struct oci_seccomp_arg {
    uint32_t index;
    uint64_t value;
    uint64_t value_two;
    int op;
}; /* enum scmp_compare */
struct oci_seccomp_arg_list {
    struct oci_seccomp_arg *items;
    size_t count;
};

/* Actions, operators, architectures and flags by the numbers of oci/names.h (no libseccomp here). */
struct oci_seccomp_rule {
    char **names;
    int action;
    struct opt_u32 errno_ret;
    struct oci_seccomp_arg_list args;
};
struct oci_seccomp_rule_list {
    struct oci_seccomp_rule *items;
    size_t count;
};

struct oci_seccomp {
    int default_action;
    struct opt_u32 default_errno_ret;
    uint32_t flags; /* SECCOMP_FILTER_FLAG_* bits of <linux/seccomp.h> */
    char *listener_path;
    char *listener_metadata;
    struct oci_u32_list architectures; /* SCMP_ARCH_* tokens of <seccomp.h> */
    struct oci_seccomp_rule_list rules;
};

struct oci_personality {
    unsigned long domain;
    char **flags;
}; /* domain: PER_LINUX or PER_LINUX32 */

struct oci_device_rule {
    bool allow;
    char *type; /* "a", "b", "c"; NULL: all */
    struct opt_i64 major;
    struct opt_i64 minor;
    char *access; /* of r, w, m */
};
struct oci_device_rule_list {
    struct oci_device_rule *items;
    size_t count;
};

struct oci_memory {
    struct opt_i64 limit, reservation, swap, kernel, kernel_tcp;
    struct opt_u64 swappiness;
    struct opt_bool disable_oom_killer, use_hierarchy, check_before_update;
};
struct oci_cpu {
    struct opt_u64 shares, period, burst, realtime_period;
    struct opt_i64 quota, realtime_runtime, idle;
    char *cpus, *mems;
};
struct oci_block_weight {
    int64_t major, minor;
    struct opt_u32 weight, leaf_weight;
};
struct oci_block_weight_list {
    struct oci_block_weight *items;
    size_t count;
};
struct oci_block_throttle {
    int64_t major, minor;
    struct opt_u64 rate;
};
struct oci_block_throttle_list {
    struct oci_block_throttle *items;
    size_t count;
};
struct oci_block_io {
    struct opt_u32 weight, leaf_weight;
    struct oci_block_weight_list weight_device;
    struct oci_block_throttle_list read_bps, write_bps, read_iops, write_iops;
};
struct oci_hugepage_limit {
    char *page_size;
    uint64_t limit;
};
struct oci_hugepage_limit_list {
    struct oci_hugepage_limit *items;
    size_t count;
};
struct oci_net_priority {
    char *name;
    uint32_t priority;
};
struct oci_net_priority_list {
    struct oci_net_priority *items;
    size_t count;
};
struct oci_network_class {
    struct opt_u32 class_id;
    struct oci_net_priority_list priorities;
};
struct oci_rdma {
    char *device;
    struct opt_u32 hca_handles, hca_objects;
};
struct oci_rdma_list {
    struct oci_rdma *items;
    size_t count;
};
struct oci_pids {
    struct opt_i64 limit;
};

struct oci_resources {
    struct oci_device_rule_list devices;
    struct oci_memory *memory;
    struct oci_cpu *cpu;
    struct oci_pids *pids;
    struct oci_block_io *block_io;
    struct oci_hugepage_limit_list hugepage_limits;
    struct oci_network_class *network;
    struct oci_rdma_list rdma;
    struct oci_map unified;
};

struct oci_intel_rdt {
    char *clos_id;
    char **schemata;
    char *l3_cache_schema;
    char *mem_bw_schema;
    struct opt_bool enable_monitoring;
};

struct oci_memory_policy {
    int mode;
    char *nodes;
    uint32_t flags;
}; /* MPOL_* numbers and MPOL_F_* bits */

struct oci_linux {
    struct oci_namespace_list namespaces;
    struct oci_id_map_list uid_mappings;
    struct oci_id_map_list gid_mappings;
    struct oci_device_list devices;
    struct oci_net_device_list net_devices;
    char *cgroups_path;
    struct oci_resources *resources;
    char *rootfs_propagation; /* "private" "shared" "slave" "unbindable", each also with an r before it */
    struct oci_seccomp *seccomp;
    struct oci_map sysctl;
    char **masked_paths;
    char **readonly_paths;
    char *mount_label;
    struct oci_intel_rdt *intel_rdt;
    struct oci_memory_policy *memory_policy;
    struct oci_personality *personality;
    struct oci_time_offsets *time_offsets;
};

struct oci_config {
    char *oci_version;
    char *hostname;
    char *domainname;
    struct oci_root *root;       /* never NULL in what oci_config_parse returns */
    struct oci_process *process; /* NULL: absent (create works, start does not) */
    struct oci_mount_list mounts;
    struct oci_hooks hooks;
    struct oci_map annotations;
    struct oci_linux linux_; /* absent: all empty */
};

/* Parses and checks a whole config.json: types, ranges, required members, enumerations, and what holds
 * between members (a namespace type twice, mappings without a user namespace, hostname without a uts
 * namespace …).
 * @json stays the caller's. On success the caller frees *out with oci_config_free. Returns 0, -EINVAL,
 * -ENOMEM or -ENOTSUP (a property that is understood but not carried out by this version, by name). The
 * message carries the JSON path: `process.rlimits[2].soft: expected an unsigned integer, found "many"`. */
int oci_config_parse(const cJSON *json, struct oci_config **out, struct error *err);

/* Reads @name below the directory @dirfd and parses it; messages start with @name. */
int oci_config_read(int dirfd, const char *name, struct oci_config **out, struct error *err);

/* Parses a process object (the file of `exec --process`). The caller frees with oci_process_free. */
int oci_process_parse(const cJSON *json, struct oci_process **out, struct error *err);

/* Parses a resources object on its own (`update --resources`). What of it can be carried out is the cgroup
 * manager's to tell. The caller frees with oci_resources_free. */
int oci_resources_parse(const cJSON *json, struct oci_resources **out, struct error *err);

/* Parses a seccomp object on its own (`--seccomp FILE`); a file with a whole config.json's shape is refused.
 * The caller frees with oci_seccomp_free. */
int oci_seccomp_parse(const cJSON *json, struct oci_seccomp **out, struct error *err);

/* The JSON of a seccomp object, as linux.seccomp has it. NULL when memory ran out. */
cJSON *oci_seccomp_to_json(const struct oci_seccomp *seccomp);

void oci_config_free(struct oci_config *config);

/* All properties that this version knows, as JSON (schema_dump). NULL when memory ran out. */
cJSON *oci_config_dump_schema(void);

/* Does this version carry out the property, named as in the dump ("linux.intelRdt.closID"), and all that it
 * stands in? False for what the tables do not know. */
bool oci_config_carries_out(const char *property);
void oci_config_freep(struct oci_config **config);
void oci_process_free(struct oci_process *process);
void oci_seccomp_free(struct oci_seccomp *seccomp);
void oci_resources_free(struct oci_resources *resources);
void oci_resources_freep(struct oci_resources **resources);
#define _cleanup_resources_ __attribute__((cleanup(oci_resources_freep)))
#define _cleanup_config_    __attribute__((cleanup(oci_config_freep)))

/* The namespace entry of @type, or NULL. Points into @config. */
const struct oci_namespace *oci_config_namespace(const struct oci_config *config,
                                                 enum oci_namespace_type type);
/* Is a new namespace of @type asked for (present without a path)? */
bool oci_config_new_namespace(const struct oci_config *config, enum oci_namespace_type type);
/* The value of an annotation, or NULL. */
const char *oci_config_annotation(const struct oci_config *config, const char *key);
