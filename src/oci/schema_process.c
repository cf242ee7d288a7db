/*
 * config.md#process and config.md#posix-platform-hooks.
 */
#include "oci/tables.h"

static const struct schema_field oci_user_fields[] = {
    SCHEMA_VALUE(oci_user, "uid", uid, U32, .max = ID_MAX),
    SCHEMA_VALUE(oci_user, "gid", gid, U32, .max = ID_MAX),
    SCHEMA_VALUE(oci_user, "umask", umask, OPT_U32, .max = 0777),
    SCHEMA_VALUE(oci_user, "additionalGids", additional_gids, U32_LIST, .max = ID_MAX),
    SCHEMA_VALUE(oci_user, "username", username, STRING, .flags = SCHEMA_BLANK, .idle = "for Windows"),
};
static SCHEMA_TYPE(oci_user);

#define CAPS(json, m)                                                            \
    SCHEMA_VALUE(oci_capabilities, json, m, CAPS, .names = oci_capability_names, \
                 .extra = offsetof(struct oci_capabilities, unknown))
static const struct schema_field oci_capabilities_fields[] = {
    CAPS("bounding", bounding),       CAPS("permitted", permitted), CAPS("effective", effective),
    CAPS("inheritable", inheritable), CAPS("ambient", ambient),
};
static SCHEMA_TYPE(oci_capabilities);

static const struct schema_field oci_rlimit_fields[] = {
    SCHEMA_VALUE(oci_rlimit, "type", resource, ENUM, .names = oci_rlimit_names, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_rlimit, "soft", soft, U64, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_rlimit, "hard", hard, U64, .flags = SCHEMA_REQUIRED),
};
static SCHEMA_TYPE(oci_rlimit);

static const struct schema_field oci_scheduler_fields[] = {
    SCHEMA_VALUE(oci_scheduler, "policy", policy, ENUM, .names = oci_scheduler_policies,
                 .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_scheduler, "nice", nice, I32, .min = -20, .max = 19),
    SCHEMA_VALUE(oci_scheduler, "priority", priority, I32, .min = 0, .max = 99),
    SCHEMA_VALUE(oci_scheduler, "flags", flags, FLAGS64, .names = oci_scheduler_flags),
    SCHEMA_VALUE(oci_scheduler, "runtime", runtime, U64),
    SCHEMA_VALUE(oci_scheduler, "deadline", deadline, U64),
    SCHEMA_VALUE(oci_scheduler, "period", period, U64),
};
static SCHEMA_TYPE(oci_scheduler);

static const struct schema_field oci_io_priority_fields[] = {
    SCHEMA_VALUE(oci_io_priority, "class", class, ENUM, .names = oci_io_priority_classes,
                 .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_io_priority, "priority", priority, I32, .min = 0, .max = 7),
};
static SCHEMA_TYPE(oci_io_priority);

/* struct winsize has 16 bits for each. */
static const struct schema_field oci_console_size_fields[] = {
    SCHEMA_VALUE(oci_console_size, "height", height, U64, .max = UINT16_MAX, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_console_size, "width", width, U64, .max = UINT16_MAX, .flags = SCHEMA_REQUIRED),
};
static SCHEMA_TYPE(oci_console_size);

static const struct schema_field oci_cpu_affinity_fields[] = {
    SCHEMA_VALUE(oci_cpu_affinity, "initial", initial, STRING, .rule = &rule_cpu_list),
    SCHEMA_VALUE(oci_cpu_affinity, "final", final, STRING, .rule = &rule_cpu_list),
};
static SCHEMA_TYPE(oci_cpu_affinity);

static const struct schema_field oci_process_fields[] = {
    SCHEMA_VALUE(oci_process, "terminal", terminal, BOOL),
    SCHEMA_NESTED_POINTER(oci_process, "consoleSize", console_size, oci_console_size),
    SCHEMA_VALUE(oci_process, "cwd", cwd, STRING, .rule = &rule_absolute, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_process, "args", args, STRV, .flags = SCHEMA_REQUIRED | SCHEMA_SOME),
    SCHEMA_VALUE(oci_process, "env", env, STRV, .rule = &rule_env),
    SCHEMA_NESTED(oci_process, "user", user, oci_user),
    SCHEMA_NESTED_POINTER(oci_process, "capabilities", capabilities, oci_capabilities),
    SCHEMA_NESTED_LIST(oci_process, "rlimits", rlimits, oci_rlimit),
    SCHEMA_VALUE(oci_process, "noNewPrivileges", no_new_privileges, BOOL),
    SCHEMA_VALUE(oci_process, "oomScoreAdj", oom_score_adj, OPT_I64, .min = -1000, .max = 1000),
    SCHEMA_VALUE(oci_process, "apparmorProfile", apparmor_profile, STRING, .flags = SCHEMA_BLANK),
    SCHEMA_VALUE(oci_process, "selinuxLabel", selinux_label, STRING, .flags = SCHEMA_BLANK),
    SCHEMA_NESTED_POINTER(oci_process, "scheduler", scheduler, oci_scheduler),
    SCHEMA_NESTED_POINTER(oci_process, "ioPriority", io_priority, oci_io_priority),
    SCHEMA_NESTED_POINTER(oci_process, "execCPUAffinity", exec_cpu_affinity, oci_cpu_affinity),
};
SCHEMA_TYPE(oci_process);

static const struct schema_field oci_hook_fields[] = {
    SCHEMA_VALUE(oci_hook, "path", path, STRING, .rule = &rule_absolute, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_hook, "args", args, STRV),
    SCHEMA_VALUE(oci_hook, "env", env, STRV, .rule = &rule_env),
    SCHEMA_VALUE(oci_hook, "timeout", timeout, OPT_I64, .min = 1, .max = INT32_MAX),
};
SCHEMA_TYPE(oci_hook);

static const struct schema_field oci_hooks_fields[] = {
    SCHEMA_NESTED_LIST(oci_hooks, "prestart", prestart, oci_hook),
    SCHEMA_NESTED_LIST(oci_hooks, "createRuntime", create_runtime, oci_hook),
    SCHEMA_NESTED_LIST(oci_hooks, "createContainer", create_container, oci_hook),
    SCHEMA_NESTED_LIST(oci_hooks, "startContainer", start_container, oci_hook),
    SCHEMA_NESTED_LIST(oci_hooks, "poststart", poststart, oci_hook),
    SCHEMA_NESTED_LIST(oci_hooks, "poststop", poststop, oci_hook),
};
SCHEMA_TYPE(oci_hooks);
