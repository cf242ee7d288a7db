/*
 * Where and when a process runs: process.scheduler, process.ioPriority, process.execCPUAffinity,
 * linux.memoryPolicy. Together, because they are set at the same place: behind the limits (RLIMIT_RTPRIO and
 * RLIMIT_NICE allow what no capability is there for), before rights are given up.
 */
#include "security/placement.h"

#include <errno.h>
#include <sched.h>

#include "base/str.h"
#include "security/bitlist.h"
#include "security/security.h"

int security_check_placement(const struct oci_process *process, const struct oci_memory_policy *policy,
                             struct error *err)
{
    int r = memory_policy_check(policy, err);

    return r < 0 || !process ? r : scheduler_check(process->scheduler, err);
}

int security_set_placement(const struct oci_process *process, const struct oci_memory_policy *policy,
                           struct error *err)
{
    int r = policy ? memory_policy_set(policy, err) : 0;

    if (r == 0 && process->io_priority)
        r = io_priority_set(process->io_priority, err);
    if (r == 0 && process->scheduler)
        r = scheduler_set(process->scheduler, err);
    return r;
}

int security_set_cpu_affinity(const char *list, const char *property, struct error *err)
{
    struct bitlist cpus;
    int n = bitlist_parse(list, &cpus);

    if (n == 0)
        return 0;
    if (n < 0)
        return error_set(err, EINVAL, "%s: expected CPUs up to %d, found \"%s\"", property, BITLIST_BITS - 1,
                         list);
    if (sched_setaffinity(0, sizeof cpus.words, (const cpu_set_t *)(const void *)cpus.words) == 0)
        return 0;
    int code = errno;
    error_sys(err, code, "%s: run on the CPUs \"%s\"", property, list);
    if (code == EINVAL)
        error_hint(err, "none of them is online and allowed to the caller (Cpus_allowed_list in "
                        "/proc/self/status)");
    return -code;
}
