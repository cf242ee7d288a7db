/*
 * Architectures and the numbers of system calls on them: what libseccomp knows, and what it is too old for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define SECCOMP_MAX_FAMILY 3

/* Opens the library that knows the numbers, once; to be called before the functions below, which end the
 * program where they cannot answer. 0, or -ENOPKG with a text. */
int seccomp_syscalls_open(struct error *err);

/* Architectures (SCMP_ARCH_* tokens) that processes of this machine can have, the native one first. Returns
 * how many. */
size_t seccomp_arch_family(uint32_t archs[SECCOMP_MAX_FAMILY]);

/* The value of seccomp_data.arch for a token: the same number but for x32, which has that of x86_64. */
uint32_t seccomp_audit_arch(uint32_t arch);

/* Has @arch only 32 bits in an argument? */
bool seccomp_arch_narrow(uint32_t arch);

/* How one system call is made on one architecture: by a number of its own, through a multiplexer (socketcall,
 * ipc), by both ways, or not at all. */
struct seccomp_number {
    bool direct;
    bool multiplexed;
    uint32_t nr;
    uint32_t mux_nr;   /* the multiplexer's number */
    uint32_t mux_call; /* its first argument, under mux_mask */
    uint32_t mux_mask;
};

/* Looks up @name on @arch. Returns false if no architecture has such a call; true with neither way set: this
 * one has it not. */
bool seccomp_resolve(uint32_t arch, const char *name, struct seccomp_number *out);
