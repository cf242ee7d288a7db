/*
 * The built-in profile as tables; seccomp_default.c makes rules of them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Names end with NULL in all tables. */

/* Allowed to everyone. */
extern const char *const seccomp_always[];

/* Allowed to who has one of the capabilities (bit set), @errno_ret for others. */
struct seccomp_cap_group {
    uint64_t any_of;
    uint32_t errno_ret;
    const char *const *names;
};
extern const struct seccomp_cap_group seccomp_by_cap[]; /* ends with names NULL */

/* Not allowed to anyone, and a program should hear EPERM and not ENOSYS. */
extern const char *const seccomp_never[];

/* Rules on arguments: @errno_ret 0 allows, any other fails with it. For all but those who have one of
 * @unless_caps. */
struct seccomp_arg_rule {
    const char *name;
    uint64_t unless_caps;
    uint32_t errno_ret;
    uint32_t index;
    int op; /* enum scmp_compare */
    uint64_t value;
    uint64_t value_two;
};
extern const struct seccomp_arg_rule seccomp_on_args[]; /* ends with name NULL */
