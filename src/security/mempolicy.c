/*
 * linux.memoryPolicy: from which NUMA nodes memory comes. set_mempolicy(2).
 */
#include <errno.h>
#include <linux/mempolicy.h>

#include "base/str.h"
#include "base/syscalls.h"
#include "oci/names.h"
#include "security/bitlist.h"
#include "security/placement.h"

static int parse_nodes(const struct oci_memory_policy *policy, struct bitlist *nodes, struct error *err)
{
    int n = bitlist_parse(policy->nodes, nodes);

    return n >= 0 ? n
                  : error_set(err, EINVAL, "linux.memoryPolicy.nodes: expected nodes up to %d, found \"%s\"",
                              BITLIST_BITS - 1, policy->nodes);
}

int memory_policy_check(const struct oci_memory_policy *policy, struct error *err)
{
    struct bitlist nodes;

    if (!policy)
        return 0;
    const char *mode = name_of(oci_memory_policy_modes, policy->mode);
    int n = parse_nodes(policy, &nodes, err);
    if (n < 0)
        return n;
    bool none = policy->mode == MPOL_DEFAULT || policy->mode == MPOL_LOCAL;
    if (none && n)
        return error_set(err, EINVAL, "linux.memoryPolicy.nodes: expected none with %s, found \"%s\"", mode,
                         policy->nodes);
    /* Of the others only MPOL_PREFERRED means something without: the node where the thread runs. */
    if (!none && policy->mode != MPOL_PREFERRED && !n)
        return error_set(err, EINVAL, "linux.memoryPolicy.nodes: expected at least one with %s, found none",
                         mode);
    return 0;
}

int memory_policy_set(const struct oci_memory_policy *policy, struct error *err)
{
    struct bitlist nodes;
    int n = parse_nodes(policy, &nodes, err);

    if (n < 0)
        return n;
    /* The kernel counts one bit more than it reads. */
    if (sys_set_mempolicy(policy->mode | (int)policy->flags, n ? nodes.words : NULL,
                          n ? BITLIST_BITS + 1 : 0) == 0)
        return 0;
    int code = errno;
    const char *mode = name_of(oci_memory_policy_modes, policy->mode);
    if (n)
        error_sys(err, code, "linux.memoryPolicy: set %s for the nodes \"%s\"", mode, policy->nodes);
    else
        error_sys(err, code, "linux.memoryPolicy: set %s", mode);
    if (code == EINVAL)
        error_hint(err, "set_mempolicy(2) tells which flags go with which mode; the nodes must be online and "
                        "allowed to the caller (Mems_allowed_list in /proc/self/status)");
    else if (code == ENOSYS)
        error_hint(err, "this kernel is built without CONFIG_NUMA");
    else if (code == EPERM)
        error_hint(err, "a seccomp filter of an outer container forbids it");
    return -code;
}
