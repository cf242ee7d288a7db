/*
 * The built-in profile: the tables of seccomp_table.c as a struct oci_seccomp, for the capabilities that the
 * sandbox is granted.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "security/seccomp.h"
#include "security/seccomp_syscalls.h"
#include "security/seccomp_table.h"

static void free_profile(struct oci_seccomp **seccomp)
{
    oci_seccomp_free(*seccomp);
}

/* The next rule, in a list with room for it. @errno_ret 0: allow. */
static struct oci_seccomp_rule *add_rule(struct oci_seccomp *s, uint32_t errno_ret)
{
    struct oci_seccomp_rule *rule = &s->rules.items[s->rules.count++];

    rule->action = errno_ret ? (int)SECCOMP_RET_ERRNO : (int)SECCOMP_RET_ALLOW;
    rule->errno_ret = (struct opt_u32){errno_ret != 0, errno_ret};
    return rule;
}

static int add_list(struct oci_seccomp *s, const char *const *names, uint32_t errno_ret)
{
    bool oom = false;

    add_rule(s, errno_ret)->names = strv_copy((char *const *)names, &oom);
    return oom ? -ENOMEM : 0;
}

static int add_on_arg(struct oci_seccomp *s, const struct seccomp_arg_rule *row)
{
    const char *const names[] = {row->name, NULL};
    int r = add_list(s, names, row->errno_ret);
    struct oci_seccomp_rule *rule = &s->rules.items[s->rules.count - 1];

    if (r < 0)
        return r;
    rule->args.items = calloc(1, sizeof *rule->args.items);
    if (!rule->args.items)
        return -ENOMEM;
    rule->args.count = 1;
    rule->args.items[0] = (struct oci_seccomp_arg){
        .index = row->index, .value = row->value, .value_two = row->value_two, .op = row->op};
    return 0;
}

static int add_by_capability(struct oci_seccomp *s, uint64_t caps)
{
    int r = 0;

    for (const struct seccomp_cap_group *g = seccomp_by_cap; g->names && r == 0; g++)
        r = add_list(s, g->names, caps & g->any_of ? 0 : g->errno_ret);
    return r;
}

static int add_architectures(struct oci_seccomp *s)
{
    uint32_t family[SECCOMP_MAX_FAMILY];
    size_t n = seccomp_arch_family(family);

    s->architectures.items = calloc(n, sizeof *s->architectures.items);
    if (!s->architectures.items)
        return -ENOMEM;
    /* Nobody has x32 programs, and few kernels run them: one way less in. */
    for (size_t i = 0; i < n; i++)
        if (family[i] != SCMP_ARCH_X32)
            s->architectures.items[s->architectures.count++] = family[i];
    return 0;
}

int seccomp_default_profile(uint64_t caps, struct oci_seccomp **out, struct error *err)
{
    _cleanup_(free_profile) struct oci_seccomp *s = calloc(1, sizeof *s);
    size_t room = 2; /* always and never */

    if (!s)
        return error_oom(err);
    for (const struct seccomp_cap_group *g = seccomp_by_cap; g->names; g++)
        room++;
    for (const struct seccomp_arg_rule *row = seccomp_on_args; row->name; row++)
        room++;
    s->rules.items = calloc(room, sizeof *s->rules.items);
    if (!s->rules.items)
        return error_oom(err);
    s->default_action = (int)SECCOMP_RET_ERRNO;
    s->default_errno_ret = (struct opt_u32){true, ENOSYS};

    int r = seccomp_syscalls_open(err);
    if (r < 0)
        return r;
    r = add_architectures(s);
    if (r == 0)
        r = add_list(s, seccomp_always, 0);
    if (r == 0)
        r = add_by_capability(s, caps);
    if (r == 0)
        r = add_list(s, seccomp_never, EPERM);
    for (const struct seccomp_arg_rule *row = seccomp_on_args; row->name && r == 0; row++)
        if (!(caps & row->unless_caps))
            r = add_on_arg(s, row);
    if (r < 0)
        return error_oom(err);
    *out = TAKE_PTR(s);
    return 0;
}
