/*
 * seccomp filters: from linux.seccomp to a BPF program, and loading it. seccomp(2), libseccomp.
 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "oci/config.h"

/* A compiled filter; plain memory, so that it survives fork. */
struct seccomp_filter {
    struct sock_filter *code; /* owned */
    unsigned short len;
    unsigned flags; /* SECCOMP_FILTER_FLAG_* for seccomp(2) */
    bool notify;    /* some rule notifies: loading gives a listener */
};

void seccomp_filter_free(struct seccomp_filter *filter);
#define _cleanup_seccomp_ __attribute__((cleanup(seccomp_filter_free)))

/* Compiles linux.seccomp: all actions, operators, architectures and flags of the specification,
 * defaultErrnoRet, errnoRet. libseccomp gives the numbers of system calls; the code is our own, since
 * libseccomp's generator takes longer than the whole start of a container (tens of milliseconds for the
 * built-in profile, against half of one). Names of system calls that no architecture knows are skipped, as
 * peers do, and listed in *unknown (may be NULL; the caller frees with strv_free). Every other thing that
 * cannot be carried out is an error with its JSON path below linux.seccomp. Runs outside, before the
 * container exists.
 *
 * What the specification leaves open:
 * - Several rules for one call: of rules without conditions the first counts (as in runc and crun); it and
 * every rule whose conditions hold are compared, and the most restrictive action wins, as the kernel has it
 * between filters (kill process, kill thread, trap, errno, notify, trace, log, allow). So an ERRNO rule for
 * some arguments works next to a plain ALLOW, in any order. A rule without conditions that says what the
 * default says counts for nothing (runc and crun leave it out): it does not come before a later one, and does
 * not outweigh one whose conditions hold.
 * - Conditions of one rule hold all together; but when two of them name the same argument, each is a rule of
 * its own (as in runc).
 * - The native architecture is always in; a listed one that this machine cannot run is left out, its calls
 * cannot happen. A call of an architecture that is not in kills the process.
 * - socketcall(2) and ipc(2) of old architectures follow the rules for the calls that they stand for
 * (`socket`, `shmget` …), but not those with conditions: their arguments lie behind a pointer. A rule without
 * conditions is not followed either when one with conditions is stricter, since that would be a way around
 * it.
 * - On a 32-bit architecture arguments have 32 bits. Of values to be equal (EQ, NE, MASKED_EQ) the low 32 are
 * compared, so that a -1 written with 64 is one; the order (LT, LE, GE, GT) is that of the numbers, so that
 * every argument is below a value that needs more. */
int seccomp_compile(const struct oci_seccomp *seccomp, struct seccomp_filter *out, char ***unknown,
                    struct error *err);

/* (Named apart from libseccomp's own seccomp_load.) Loads the filter for the calling thread. *listener gets
 * the notification descriptor if filter->notify. */
int seccomp_filter_load(const struct seccomp_filter *filter, int *listener, struct error *err);

/* Loads a filter that notifies and sends the listener to the agent on @agent_fd with @message, although the
 * filter may catch every system call: a second thread, not filtered, does the sending while the caller only
 * spins (crun#1002). Returns when it was sent. */
int seccomp_filter_load_and_send(const struct seccomp_filter *filter, int agent_fd, const char *message,
                                 struct error *err);

/* The built-in profile of sandboxes as a struct (`--seccomp default`): an allow list, the rest ENOSYS or
 * EPERM. The caller frees with oci_seccomp_free. @caps: granted capabilities (bit set); system calls that
 * need one are allowed with it. */
int seccomp_default_profile(uint64_t caps, struct oci_seccomp **out, struct error *err);
