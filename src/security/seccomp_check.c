/*
 * The checks of seccomp_check.h. runtime-spec config-linux.md#seccomp.
 */
#include "security/seccomp_check.h"

#include <errno.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "oci/names.h"

#define MAX_ERRNO_RET  4095 /* MAX_ERRNO of the kernel; it would cut a larger one down silently */
#define MAX_TRACE_DATA 0xffff
#define MAX_ARGS       6

static uint32_t verdict(int action, const struct opt_u32 *errno_ret)
{
    uint32_t ret = (uint32_t)action;

    if (ret == SECCOMP_RET_ERRNO || ret == SECCOMP_RET_TRACE)
        ret |= (errno_ret->set ? errno_ret->value : EPERM) & SECCOMP_RET_DATA;
    return ret;
}

uint32_t seccomp_default_verdict(const struct oci_seccomp *seccomp)
{
    return verdict(seccomp->default_action, &seccomp->default_errno_ret);
}

uint32_t seccomp_rule_verdict(const struct oci_seccomp_rule *rule)
{
    return verdict(rule->action, &rule->errno_ret);
}

bool seccomp_notifies(const struct oci_seccomp *seccomp)
{
    bool notifies = (uint32_t)seccomp->default_action == SECCOMP_RET_USER_NOTIF;

    for (size_t i = 0; i < seccomp->rules.count && !notifies; i++)
        notifies = (uint32_t)seccomp->rules.items[i].action == SECCOMP_RET_USER_NOTIF;
    return notifies;
}

/* "syscalls[3].errnoRet" or "defaultErrnoRet": @index -1 is the default. */
static int errno_error(struct error *err, ptrdiff_t index, const char *text)
{
    if (index < 0)
        return error_set(err, EINVAL, "linux.seccomp.defaultErrnoRet: %s", text);
    return error_set(err, EINVAL, "linux.seccomp.syscalls[%td].errnoRet: %s", index, text);
}

static int check_action(int action, const struct opt_u32 *errno_ret, ptrdiff_t index, struct error *err)
{
    const char *name = name_of(oci_seccomp_actions, (uint32_t)action);
    char text[128];

    if (!name && index < 0)
        return error_set(err, EINVAL, "linux.seccomp.defaultAction: unknown action %#x", (unsigned)action);
    if (!name)
        return error_set(err, EINVAL, "linux.seccomp.syscalls[%td].action: unknown action %#x", index,
                         (unsigned)action);
    if (!errno_ret->set)
        return 0;
    bool takes_errno = (uint32_t)action == SECCOMP_RET_ERRNO,
         takes_data = (uint32_t)action == SECCOMP_RET_TRACE;
    if (!takes_errno && !takes_data) {
        snprintf(text, sizeof text, "%s takes no errno (only SCMP_ACT_ERRNO and SCMP_ACT_TRACE do)", name);
        return errno_error(err, index, text);
    }
    uint32_t max = takes_errno ? MAX_ERRNO_RET : MAX_TRACE_DATA;
    if (errno_ret->value > max) {
        snprintf(text, sizeof text, "expected at most %" PRIu32 ", found %" PRIu32, max, errno_ret->value);
        return errno_error(err, index, text);
    }
    return 0;
}

static int check_rule(const struct oci_seccomp_rule *rule, size_t index, struct error *err)
{
    int r = check_action(rule->action, &rule->errno_ret, (ptrdiff_t)index, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < rule->args.count; i++) {
        const struct oci_seccomp_arg *arg = &rule->args.items[i];
        if (arg->index >= MAX_ARGS)
            return error_set(err, EINVAL,
                             "linux.seccomp.syscalls[%zu].args[%zu].index: expected 0 to 5, found %" PRIu32,
                             index, i, arg->index);
        if (arg->op < SCMP_CMP_NE || arg->op > SCMP_CMP_MASKED_EQ)
            return error_set(err, EINVAL, "linux.seccomp.syscalls[%zu].args[%zu].op: unknown operator %d",
                             index, i, arg->op);
    }
    return 0;
}

static int check_listener(const struct oci_seccomp *seccomp, struct error *err)
{
    if (seccomp->listener_path)
        return 0;
    if (seccomp->listener_metadata)
        return error_set(err, EINVAL,
                         "linux.seccomp.listenerMetadata: nobody to give it to without listenerPath");
    if ((uint32_t)seccomp->default_action == SECCOMP_RET_USER_NOTIF)
        return error_set(err, EINVAL,
                         "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY needs linux.seccomp.listenerPath");
    for (size_t i = 0; i < seccomp->rules.count; i++)
        if ((uint32_t)seccomp->rules.items[i].action == SECCOMP_RET_USER_NOTIF)
            return error_set(err, EINVAL,
                             "linux.seccomp.syscalls[%zu].action: SCMP_ACT_NOTIFY needs "
                             "linux.seccomp.listenerPath",
                             i);
    return 0;
}

static int check_flags(const struct oci_seccomp *seccomp, struct error *err)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        unsigned flag = 1u << bit;
        if (!(seccomp->flags & flag))
            continue;
        const char *name = name_of(oci_seccomp_flags, flag);
        if (!name || flag == SECCOMP_FILTER_FLAG_NEW_LISTENER)
            return error_set(err, EINVAL, "linux.seccomp.flags: unknown flag %#x", flag);
        if (!oci_seccomp_flag_supported(flag))
            return error_set(err, ENOTSUP, "linux.seccomp.flags: this kernel does not know %s", name);
    }
    return 0;
}

/* All actions are older than the oldest kernel for bryo; a kernel without filters at all has none. */
static int check_kernel(struct error *err)
{
    uint32_t action = SECCOMP_RET_ERRNO;

    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
        return 0;
    int code = errno;
    error_sys(err, code, "linux.seccomp: seccomp filters are not to be had here");
    if (code == ENOSYS || code == EINVAL)
        error_hint(err, "the kernel must be built with CONFIG_SECCOMP_FILTER");
    return -code;
}

int seccomp_check(const struct oci_seccomp *seccomp, struct error *err)
{
    int r = check_action(seccomp->default_action, &seccomp->default_errno_ret, -1, err);

    for (size_t i = 0; i < seccomp->rules.count && r == 0; i++)
        r = check_rule(&seccomp->rules.items[i], i, err);
    if (r == 0)
        r = check_listener(seccomp, err);
    if (r == 0)
        r = check_kernel(err);
    if (r == 0)
        r = check_flags(seccomp, err);
    return r;
}
