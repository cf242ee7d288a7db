/*
 * Names and numbers, each table in the order in which `bryo features` prints it. Where a kernel header of the
 * oldest supported system lacks a constant, the number stands here: they are the kernel's ABI.
 */
#include "oci/names.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/syscalls.h"
#include "oci/config.h"

#ifndef SCMP_ARCH_LOONGARCH64
#ifndef AUDIT_ARCH_LOONGARCH64
#define AUDIT_ARCH_LOONGARCH64 (258 | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE)
#endif
#define SCMP_ARCH_LOONGARCH64 AUDIT_ARCH_LOONGARCH64
#endif
#ifndef SCMP_ARCH_M68K
#define SCMP_ARCH_M68K AUDIT_ARCH_M68K
#endif
#ifndef SCMP_ARCH_SH
#define SCMP_ARCH_SH AUDIT_ARCH_SHEL
#endif
#ifndef SCMP_ARCH_SHEB
#define SCMP_ARCH_SHEB AUDIT_ARCH_SH
#endif
#ifndef SCMP_ARCH_RISCV64
#define SCMP_ARCH_RISCV64 AUDIT_ARCH_RISCV64
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SCHED_ISO
#define SCHED_ISO 4
#endif

const struct name_value oci_capability_names[] = {
    {"CAP_CHOWN", CAP_CHOWN},
    {"CAP_DAC_OVERRIDE", CAP_DAC_OVERRIDE},
    {"CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH},
    {"CAP_FOWNER", CAP_FOWNER},
    {"CAP_FSETID", CAP_FSETID},
    {"CAP_KILL", CAP_KILL},
    {"CAP_SETGID", CAP_SETGID},
    {"CAP_SETUID", CAP_SETUID},
    {"CAP_SETPCAP", CAP_SETPCAP},
    {"CAP_LINUX_IMMUTABLE", CAP_LINUX_IMMUTABLE},
    {"CAP_NET_BIND_SERVICE", CAP_NET_BIND_SERVICE},
    {"CAP_NET_BROADCAST", CAP_NET_BROADCAST},
    {"CAP_NET_ADMIN", CAP_NET_ADMIN},
    {"CAP_NET_RAW", CAP_NET_RAW},
    {"CAP_IPC_LOCK", CAP_IPC_LOCK},
    {"CAP_IPC_OWNER", CAP_IPC_OWNER},
    {"CAP_SYS_MODULE", CAP_SYS_MODULE},
    {"CAP_SYS_RAWIO", CAP_SYS_RAWIO},
    {"CAP_SYS_CHROOT", CAP_SYS_CHROOT},
    {"CAP_SYS_PTRACE", CAP_SYS_PTRACE},
    {"CAP_SYS_PACCT", CAP_SYS_PACCT},
    {"CAP_SYS_ADMIN", CAP_SYS_ADMIN},
    {"CAP_SYS_BOOT", CAP_SYS_BOOT},
    {"CAP_SYS_NICE", CAP_SYS_NICE},
    {"CAP_SYS_RESOURCE", CAP_SYS_RESOURCE},
    {"CAP_SYS_TIME", CAP_SYS_TIME},
    {"CAP_SYS_TTY_CONFIG", CAP_SYS_TTY_CONFIG},
    {"CAP_MKNOD", CAP_MKNOD},
    {"CAP_LEASE", CAP_LEASE},
    {"CAP_AUDIT_WRITE", CAP_AUDIT_WRITE},
    {"CAP_AUDIT_CONTROL", CAP_AUDIT_CONTROL},
    {"CAP_SETFCAP", CAP_SETFCAP},
    {"CAP_MAC_OVERRIDE", CAP_MAC_OVERRIDE},
    {"CAP_MAC_ADMIN", CAP_MAC_ADMIN},
    {"CAP_SYSLOG", CAP_SYSLOG},
    {"CAP_WAKE_ALARM", CAP_WAKE_ALARM},
    {"CAP_BLOCK_SUSPEND", CAP_BLOCK_SUSPEND},
    {"CAP_AUDIT_READ", CAP_AUDIT_READ},
    {"CAP_PERFMON", CAP_PERFMON},
    {"CAP_BPF", CAP_BPF},
    {"CAP_CHECKPOINT_RESTORE", CAP_CHECKPOINT_RESTORE},
    {NULL, 0},
};

const struct name_value oci_rlimit_names[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
    {NULL, 0},
};

/* One row a namespace: the specification's name, the kernel's flag and its file below /proc/PID/ns. */
static const struct {
    uint64_t flag;
    const char *proc_name;
} namespaces[] = {
    [OCI_NS_MOUNT] = {CLONE_NEWNS, "mnt"},         [OCI_NS_PID] = {CLONE_NEWPID, "pid"},
    [OCI_NS_NETWORK] = {CLONE_NEWNET, "net"},      [OCI_NS_UTS] = {CLONE_NEWUTS, "uts"},
    [OCI_NS_IPC] = {CLONE_NEWIPC, "ipc"},          [OCI_NS_USER] = {CLONE_NEWUSER, "user"},
    [OCI_NS_CGROUP] = {CLONE_NEWCGROUP, "cgroup"}, [OCI_NS_TIME] = {CLONE_NEWTIME, "time"},
};
_Static_assert(ARRAY_SIZE(namespaces) == OCI_NS_COUNT, "a row for each namespace");

const struct name_value oci_namespace_names[] = {
    {"mount", OCI_NS_MOUNT},   {"pid", OCI_NS_PID},   {"network", OCI_NS_NETWORK},
    {"uts", OCI_NS_UTS},       {"ipc", OCI_NS_IPC},   {"user", OCI_NS_USER},
    {"cgroup", OCI_NS_CGROUP}, {"time", OCI_NS_TIME}, {NULL, 0},
};
_Static_assert(ARRAY_SIZE(oci_namespace_names) == OCI_NS_COUNT + 1, "a name for each namespace");

/* SCMP_ACT_KILL is the old name of SCMP_ACT_KILL_THREAD. */
const struct name_value oci_seccomp_actions[] = {
    {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},
    {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
    {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
    {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_LOG", SECCOMP_RET_LOG},
    {"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF},
    {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE},
    {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
    {NULL, 0},
};

const struct name_value oci_seccomp_operators[] = {
    {"SCMP_CMP_EQ", SCMP_CMP_EQ}, {"SCMP_CMP_GE", SCMP_CMP_GE},
    {"SCMP_CMP_GT", SCMP_CMP_GT}, {"SCMP_CMP_LE", SCMP_CMP_LE},
    {"SCMP_CMP_LT", SCMP_CMP_LT}, {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
    {"SCMP_CMP_NE", SCMP_CMP_NE}, {NULL, 0},
};

const struct name_value oci_seccomp_archs[] = {
    {"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64},
    {"SCMP_ARCH_ARM", SCMP_ARCH_ARM},
    {"SCMP_ARCH_LOONGARCH64", SCMP_ARCH_LOONGARCH64},
    {"SCMP_ARCH_M68K", SCMP_ARCH_M68K},
    {"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS},
    {"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64},
    {"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32},
    {"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL},
    {"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64},
    {"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32},
    {"SCMP_ARCH_PARISC", SCMP_ARCH_PARISC},
    {"SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64},
    {"SCMP_ARCH_PPC", SCMP_ARCH_PPC},
    {"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64},
    {"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE},
    {"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64},
    {"SCMP_ARCH_S390", SCMP_ARCH_S390},
    {"SCMP_ARCH_S390X", SCMP_ARCH_S390X},
    {"SCMP_ARCH_SH", SCMP_ARCH_SH},
    {"SCMP_ARCH_SHEB", SCMP_ARCH_SHEB},
    {"SCMP_ARCH_X32", SCMP_ARCH_X32},
    {"SCMP_ARCH_X86", SCMP_ARCH_X86},
    {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64},
    {NULL, 0},
};

const struct name_value oci_seccomp_flags[] = {
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
    {NULL, 0},
};

const struct name_value oci_scheduler_policies[] = {
    {"SCHED_OTHER", SCHED_OTHER}, {"SCHED_FIFO", SCHED_FIFO},
    {"SCHED_RR", SCHED_RR},       {"SCHED_BATCH", SCHED_BATCH},
    {"SCHED_ISO", SCHED_ISO},     {"SCHED_IDLE", SCHED_IDLE},
    {"SCHED_DEADLINE", 6},        {NULL, 0},
};

/* sched_setattr(2); glibc has no names for them. */
const struct name_value oci_scheduler_flags[] = {
    {"SCHED_FLAG_RESET_ON_FORK", 0x01},  {"SCHED_FLAG_RECLAIM", 0x02},
    {"SCHED_FLAG_DL_OVERRUN", 0x04},     {"SCHED_FLAG_KEEP_POLICY", 0x08},
    {"SCHED_FLAG_KEEP_PARAMS", 0x10},    {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40}, {NULL, 0},
};

/* ioprio_set(2). */
const struct name_value oci_io_priority_classes[] = {
    {"IOPRIO_CLASS_RT", 1},
    {"IOPRIO_CLASS_BE", 2},
    {"IOPRIO_CLASS_IDLE", 3},
    {NULL, 0},
};

/* set_mempolicy(2). */
const struct name_value oci_memory_policy_modes[] = {
    {"MPOL_DEFAULT", 0},    {"MPOL_BIND", 2},
    {"MPOL_INTERLEAVE", 3}, {"MPOL_WEIGHTED_INTERLEAVE", 6},
    {"MPOL_PREFERRED", 1},  {"MPOL_PREFERRED_MANY", 5},
    {"MPOL_LOCAL", 4},      {NULL, 0},
};

const struct name_value oci_memory_policy_flags[] = {
    {"MPOL_F_NUMA_BALANCING", 1 << 13},
    {"MPOL_F_RELATIVE_NODES", 1 << 14},
    {"MPOL_F_STATIC_NODES", 1 << 15},
    {NULL, 0},
};

const struct name_value oci_personality_domains[] = {
    {"LINUX", PER_LINUX},
    {"LINUX32", PER_LINUX32},
    {NULL, 0},
};

const struct name_value oci_propagation_names[] = {
    {"private", MS_PRIVATE},
    {"rprivate", MS_REC | MS_PRIVATE},
    {"shared", MS_SHARED},
    {"rshared", MS_REC | MS_SHARED},
    {"slave", MS_SLAVE},
    {"rslave", MS_REC | MS_SLAVE},
    {"unbindable", MS_UNBINDABLE},
    {"runbindable", MS_REC | MS_UNBINDABLE},
    {NULL, 0},
};

const char *const oci_hook_names[] = {
    "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop", NULL,
};

const struct name_value *name_find(const struct name_value *table, const char *name)
{
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

const char *name_of(const struct name_value *table, int64_t value)
{
    for (; table->name; table++)
        if (table->value == value)
            return table->name;
    return NULL;
}

uint64_t oci_namespace_flag(int type)
{
    return type >= 0 && type < OCI_NS_COUNT ? namespaces[type].flag : 0;
}

const char *oci_namespace_proc_name(int type)
{
    return type >= 0 && type < OCI_NS_COUNT ? namespaces[type].proc_name : NULL;
}

int oci_last_capability(void)
{
    int known = 0, unknown = 64; /* capability sets have 64 bits */

    while (unknown - known > 1) {
        int middle = (known + unknown) / 2;
        if (prctl(PR_CAPBSET_READ, middle, 0, 0, 0) >= 0)
            known = middle;
        else
            unknown = middle;
    }
    return known;
}

/* Asked by a call that must fail on its missing program (EFAULT), and not before (EINVAL: an unknown flag).
 */
bool oci_seccomp_flag_supported(uint32_t flag)
{
    /* The kernel wants a listener to be asked for together with this one. */
    uint32_t with = flag == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;

    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flag | with, NULL) < 0 && errno == EFAULT;
}
