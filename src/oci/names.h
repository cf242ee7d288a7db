/*
 * The names of the specification and the kernel's numbers behind them: one table each, used by the parser,
 * the writers, `bryo features` and the documentation alike.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A table ends with a row whose name is NULL. */
struct name_value {
    const char *name;
    int64_t value;
};

extern const struct name_value oci_capability_names[]; /* "CAP_CHOWN" … */
extern const struct name_value oci_rlimit_names[];     /* "RLIMIT_AS" … */
extern const struct name_value oci_namespace_names[];  /* "mount" … : enum oci_namespace_type */
extern const struct name_value
    oci_seccomp_actions[]; /* "SCMP_ACT_ALLOW" … : SECCOMP_RET_* of linux/seccomp.h, in
                              config.h kept as (int)SECCOMP_RET_… */
extern const struct name_value oci_seccomp_operators[]; /* "SCMP_CMP_EQ" … : enum scmp_compare */
extern const struct name_value oci_seccomp_archs[];     /* "SCMP_ARCH_X86_64" … : AUDIT_ARCH tokens */
extern const struct name_value oci_seccomp_flags[];     /* "SECCOMP_FILTER_FLAG_LOG" … : bits */
extern const struct name_value oci_scheduler_policies[];
extern const struct name_value oci_scheduler_flags[];
extern const struct name_value oci_io_priority_classes[];
extern const struct name_value oci_memory_policy_modes[];
extern const struct name_value oci_memory_policy_flags[];
extern const struct name_value oci_personality_domains[];
extern const struct name_value
    oci_propagation_names[]; /* "private", "rprivate" … : MS_PRIVATE, MS_REC | MS_PRIVATE … */
extern const char *const oci_hook_names[]; /* "prestart" … NULL */

/* Finds a name (exact case) or a value. NULL if there is none. */
const struct name_value *name_find(const struct name_value *table, const char *name);
const char *name_of(const struct name_value *table, int64_t value);

/* The kernel's CLONE_NEW* flag and its /proc/PID/ns name ("mnt", "net" …) of an enum oci_namespace_type. */
uint64_t oci_namespace_flag(int type);
const char *oci_namespace_proc_name(int type);

/* Highest capability number this kernel knows (asked by prctl(2), so that no /proc is needed). */
int oci_last_capability(void);

/* Does this kernel know the flag (one of oci_seccomp_flags)? */
bool oci_seccomp_flag_supported(uint32_t flag);
