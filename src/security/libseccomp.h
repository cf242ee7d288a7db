/*
 * libseccomp, opened by the first profile that needs its numbers of system calls and never linked: most verbs
 * (state, start, kill, delete, list) have no use for it, and loading it is a tenth of their time.
 */
#pragma once

#include <seccomp.h>

#include "base/error.h"

/* The functions that are used, each with the type that <seccomp.h> gives it; all are there in 2.5. */
#define LIBSECCOMP_FUNCTIONS(X) \
    X(arch_native) X(syscall_resolve_name_arch) X(syscall_resolve_num_arch) X(version)

struct libseccomp {
#define LIBSECCOMP_MEMBER(name) __typeof__(seccomp_##name) *name;
    LIBSECCOMP_FUNCTIONS(LIBSECCOMP_MEMBER)
#undef LIBSECCOMP_MEMBER
};

/* Fills the table. The library stays loaded until the process ends. -ENOPKG with a text that names library
 * and package. */
int libseccomp_load(struct libseccomp *lib, struct error *err);
