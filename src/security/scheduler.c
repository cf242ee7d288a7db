/*
 * process.scheduler and process.ioPriority. sched(7), sched_setattr(2), ioprio_set(2).
 */
#include <errno.h>
#include <linux/ioprio.h>
#include <sched.h>

#include "base/syscalls.h"
#include "oci/names.h"
#include "security/placement.h"

/* sched_setattr(2); glibc's <sched.h> and <linux/sched/types.h> cannot both be included. */
#define POLICY_DEADLINE 6
#define FLAGS_CLAMP     (0x20 | 0x40)

static bool is_realtime(int policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

int scheduler_check(const struct oci_scheduler *s, struct error *err)
{
    if (!s)
        return 0;
    const char *policy = name_of(oci_scheduler_policies, s->policy);
    if (is_realtime(s->policy) && s->priority < 1)
        return error_set(err, EINVAL, "process.scheduler.priority: expected 1 to 99 with %s, found %d",
                         policy, s->priority);
    if (!is_realtime(s->policy) && s->priority)
        return error_set(err, EINVAL,
                         "process.scheduler.priority: expected none with %s (SCHED_FIFO and SCHED_RR have "
                         "one), found %d",
                         policy, s->priority);
    if (s->policy != POLICY_DEADLINE && (s->runtime || s->deadline || s->period))
        return error_set(err, EINVAL,
                         "process.scheduler.%s: expected none with %s, only SCHED_DEADLINE has it",
                         s->runtime    ? "runtime"
                         : s->deadline ? "deadline"
                                       : "period",
                         policy);
    if (s->policy == POLICY_DEADLINE && (!s->runtime || s->runtime > s->deadline))
        return error_set(err, EINVAL,
                         "process.scheduler.%s: expected at least %s nanoseconds with SCHED_DEADLINE",
                         s->runtime ? "deadline" : "runtime", s->runtime ? "the runtime's" : "1024");
    if (s->flags & FLAGS_CLAMP) {
        error_set(err, ENOTSUP, "process.scheduler.flags: not supported by this version of bryo: %s",
                  name_of(oci_scheduler_flags, (int64_t)(s->flags & 0x20 ? 0x20 : 0x40)));
        error_hint(err, "remove it: the specification has no property for the value that it announces");
        return -ENOTSUP;
    }
    return 0;
}

int scheduler_set(const struct oci_scheduler *s, struct error *err)
{
    struct sys_sched_attr attr = {
        .size = sizeof attr,
        .policy = (uint32_t)s->policy,
        .flags = s->flags,
        .nice = s->nice,
        .priority = (uint32_t)s->priority,
        .runtime = s->runtime,
        .deadline = s->deadline,
        .period = s->period,
    };

    if (sys_sched_setattr(0, &attr, 0) == 0)
        return 0;
    int code = errno;
    error_sys(err, code, "process.scheduler: run with %s", name_of(oci_scheduler_policies, s->policy));
    if (code == EPERM && s->policy == POLICY_DEADLINE)
        error_hint(err, "it needs CAP_SYS_NICE of the host, and an affinity to all CPUs");
    else if (code == EPERM && is_realtime(s->policy))
        error_hint(err,
                   "it needs CAP_SYS_NICE of the host, or RLIMIT_RTPRIO of at least %d (ulimit -r); in "
                   "cgroup v1 also linux.resources.cpu.realtimeRuntime",
                   s->priority);
    else if (code == EPERM)
        error_hint(err,
                   "a lower nice value needs CAP_SYS_NICE of the host, or RLIMIT_NICE of at least %d "
                   "(ulimit -e)",
                   20 - s->nice);
    else if (code == EBUSY)
        error_hint(err, "the CPUs have no time left for another deadline (sched(7), \"admission control\")");
    else if (code == EINVAL && s->policy == SCHED_ISO)
        error_hint(err, "the kernel reserves the name and has no such policy");
    return -code;
}

int io_priority_set(const struct oci_io_priority *p, struct error *err)
{
    int value = p->class << IOPRIO_CLASS_SHIFT | p->priority;

    if (sys_ioprio_set(IOPRIO_WHO_PROCESS, 0, value) == 0)
        return 0;
    int code = errno;
    error_sys(err, code, "process.ioPriority: set %s, priority %d",
              name_of(oci_io_priority_classes, p->class), p->priority);
    if (code == EPERM)
        error_hint(err, "IOPRIO_CLASS_RT needs CAP_SYS_NICE or CAP_SYS_ADMIN of the host");
    return -code;
}
