/*
 * config-linux.md#seccomp.
 */
#include "oci/tables.h"

/* seccomp(2): the data of an action has 16 bits. */
#define RET_DATA_MAX UINT16_MAX

static const struct schema_field oci_seccomp_arg_fields[] = {
    SCHEMA_VALUE(oci_seccomp_arg, "index", index, U32, .min = 0, .max = 5, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_seccomp_arg, "value", value, U64, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_seccomp_arg, "valueTwo", value_two, U64),
    SCHEMA_VALUE(oci_seccomp_arg, "op", op, ENUM, .names = oci_seccomp_operators, .flags = SCHEMA_REQUIRED),
};
static SCHEMA_TYPE(oci_seccomp_arg);

static const struct schema_field oci_seccomp_rule_fields[] = {
    SCHEMA_VALUE(oci_seccomp_rule, "names", names, STRV, .rule = &rule_nonempty,
                 .flags = SCHEMA_REQUIRED | SCHEMA_SOME),
    SCHEMA_VALUE(oci_seccomp_rule, "action", action, ENUM, .names = oci_seccomp_actions,
                 .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_seccomp_rule, "errnoRet", errno_ret, OPT_U32, .max = RET_DATA_MAX),
    SCHEMA_NESTED_LIST(oci_seccomp_rule, "args", args, oci_seccomp_arg),
};
static SCHEMA_TYPE(oci_seccomp_rule);

static const struct schema_field oci_seccomp_fields[] = {
    SCHEMA_VALUE(oci_seccomp, "defaultAction", default_action, ENUM, .names = oci_seccomp_actions,
                 .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_seccomp, "defaultErrnoRet", default_errno_ret, OPT_U32, .max = RET_DATA_MAX),
    SCHEMA_VALUE(oci_seccomp, "flags", flags, FLAGS32, .names = oci_seccomp_flags),
    SCHEMA_VALUE(oci_seccomp, "listenerPath", listener_path, STRING, .rule = &rule_absolute,
                 .flags = SCHEMA_BLANK),
    SCHEMA_VALUE(oci_seccomp, "listenerMetadata", listener_metadata, STRING, .flags = SCHEMA_BLANK),
    SCHEMA_VALUE(oci_seccomp, "architectures", architectures, ENUM_LIST, .names = oci_seccomp_archs),
    SCHEMA_NESTED_LIST(oci_seccomp, "syscalls", rules, oci_seccomp_rule),
};
SCHEMA_TYPE(oci_seccomp);
