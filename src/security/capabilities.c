/*
 * Capability sets by the raw system calls: libcap would allocate, and read the bounding set bit by bit where
 * only what goes has to be named.
 */
#include "security/capabilities.h"

#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "oci/names.h"
#include "security/security.h"

#define CAPS_MAX 64

static inline uint64_t cap_bit(int cap)
{
    return UINT64_C(1) << cap;
}

/* The lowest capability in @set, or -1. */
static int first_cap(uint64_t set)
{
    return set ? __builtin_ctzll(set) : -1;
}

const char *cap_name(int cap, char buf[CAP_NAME_MAX])
{
    const char *name = name_of(oci_capability_names, cap);

    if (name)
        return name;
    snprintf(buf, CAP_NAME_MAX, "capability %d", cap);
    return buf;
}

struct cap_sets caps_wanted(const struct oci_capabilities *caps)
{
    struct cap_sets sets = {0};

    if (!caps)
        return sets;
    sets.bounding = caps->bounding.set ? caps->bounding.value : 0;
    sets.permitted = caps->permitted.set ? caps->permitted.value : 0;
    sets.effective = caps->effective.set ? caps->effective.value : 0;
    sets.inheritable = caps->inheritable.set ? caps->inheritable.value : 0;
    sets.ambient = caps->ambient.set ? caps->ambient.value : 0;
    return sets;
}

int security_check_capabilities(const struct oci_capabilities *caps, struct error *err)
{
    const struct cap_sets sets = caps_wanted(caps);
    const struct {
        const char *name, *within;
        uint64_t set, outer;
    } rules[] = {
        {"effective", "permitted", sets.effective, sets.permitted},
        {"ambient", "permitted", sets.ambient, sets.permitted},
        {"ambient", "inheritable", sets.ambient, sets.inheritable},
        {"inheritable", "bounding", sets.inheritable, sets.bounding},
    };
    char buf[CAP_NAME_MAX];

    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        int cap = first_cap(rules[i].set & ~rules[i].outer);
        if (cap < 0)
            continue;
        error_set(err, EINVAL, "process.capabilities.%s: %s is not in process.capabilities.%s", rules[i].name,
                  cap_name(cap, buf), rules[i].within);
        error_hint(err, "the kernel grants it only to a process that has it in both sets");
        return -EINVAL;
    }
    return 0;
}

static int get_held(struct cap_sets *held, struct error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (syscall(SYS_capget, &header, data) < 0)
        return error_sys(err, errno, "read the own capabilities");
    held->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    held->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    return 0;
}

int caps_check_held(const struct cap_sets *wanted, struct error *err)
{
    const struct {
        const char *name;
        uint64_t set;
    } sets[] = {{"permitted", wanted->permitted},
                {"effective", wanted->effective},
                {"inheritable", wanted->inheritable},
                {"ambient", wanted->ambient}};
    struct cap_sets held = {0};
    const char *set = "bounding";
    char buf[CAP_NAME_MAX];
    int missing = -1;

    int r = get_held(&held, err);
    if (r < 0)
        return r;
    for (uint64_t left = wanted->bounding; left && missing < 0; left &= left - 1)
        if (prctl(PR_CAPBSET_READ, first_cap(left), 0, 0, 0) != 1)
            missing = first_cap(left);
    for (size_t i = 0; i < ARRAY_SIZE(sets) && missing < 0; i++) {
        missing = first_cap(sets[i].set & ~(held.permitted | (i == 2 ? held.inheritable : 0)));
        set = sets[i].name;
    }
    if (missing < 0)
        return 0;
    error_set(err, EPERM, "process.capabilities.%s: %s cannot be granted, bryo does not hold it itself", set,
              cap_name(missing, buf));
    error_hint(err, "take it out of the configuration; what the outer container or service may use is in the "
                    "line CapBnd of /proc/self/status");
    return -EPERM;
}

int caps_drop_bounding(uint64_t keep, struct error *err)
{
    char buf[CAP_NAME_MAX];

    for (int cap = 0; cap < CAPS_MAX; cap++) {
        if (keep & cap_bit(cap) || prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
            continue;
        int code = errno;
        if (code == EINVAL) /* above the last one this kernel has */
            return 0;
        /* Without CAP_SETPCAP not even one that is gone may be dropped: then it is enough that it is gone. */
        int there = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
        if (there < 0)
            return 0;
        if (there > 0)
            return error_sys(err, code, "drop %s from the bounding set", cap_name(cap, buf));
    }
    return 0;
}

int caps_apply(const struct cap_sets *sets, struct error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
        {(uint32_t)sets->effective, (uint32_t)sets->permitted, (uint32_t)sets->inheritable},
        {(uint32_t)(sets->effective >> 32), (uint32_t)(sets->permitted >> 32),
         (uint32_t)(sets->inheritable >> 32)}};

    if (syscall(SYS_capset, &header, data) < 0)
        return error_sys(err, errno, "set the capabilities of process.capabilities");
    return 0;
}

int caps_apply_ambient(const struct cap_sets *sets, struct error *err)
{
    char buf[CAP_NAME_MAX];

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return error_sys(err, errno, "clear the ambient capabilities");
    for (uint64_t left = sets->ambient; left; left &= left - 1)
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, first_cap(left), 0, 0) < 0)
            return error_sys(err, errno, "process.capabilities.ambient: raise %s",
                             cap_name(first_cap(left), buf));
    return 0;
}

void security_reconcile_capabilities(struct oci_capabilities *caps, capability_sink *dropped, void *data)
{
    const struct {
        const char *name, *within;
        struct opt_u64 *set;
        const struct opt_u64 *outer;
    } rules[] = {
        {"inheritable", "bounding", &caps->inheritable, &caps->bounding},
        {"effective", "permitted", &caps->effective, &caps->permitted},
        {"ambient", "permitted", &caps->ambient, &caps->permitted},
        {"ambient", "inheritable", &caps->ambient, &caps->inheritable}, /* behind that of inheritable */
    };

    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        uint64_t which = rules[i].set->value & ~rules[i].outer->value;
        rules[i].set->value &= ~which;
        if (which)
            dropped(data, rules[i].name, rules[i].within, which);
    }
}

uint64_t security_limit_capabilities(struct oci_capabilities *caps)
{
    struct opt_u64 *sets[] = {&caps->bounding, &caps->permitted, &caps->effective, &caps->inheritable,
                              &caps->ambient};
    uint64_t asked = 0, missing = 0;

    for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
        asked |= sets[i]->value;
    for (int cap = 0; cap < 64; cap++)
        if ((asked >> cap & 1) && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1)
            missing |= UINT64_C(1) << cap;
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
        sets[i]->value &= ~missing;
    return missing;
}
