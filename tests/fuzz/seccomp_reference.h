/*
 * The verdict of a seccomp profile, read from the rules one by one (security/seccomp.h has the words of it):
 * slow, and without anything of the compiler's but the numbers of system calls. And the kernel's half:
 * running a program.
 */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#include "oci/config.h"

/* SECCOMP_RET_* with its data, for a profile that seccomp_check has passed. */
uint32_t seccomp_reference(const struct oci_seccomp *profile, const struct seccomp_data *call);

/* Runs @code; ends the program where the kernel would refuse it. */
uint32_t seccomp_run(const struct sock_filter *code, size_t len, const struct seccomp_data *call);
