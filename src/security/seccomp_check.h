/*
 * What linux.seccomp may ask for, checked before anything is compiled; and what an action is as a verdict.
 */
#pragma once

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "oci/config.h"

/* Linux 5.19 */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* Checks actions, errno values, arguments, operators, flags and the listener, and asks the kernel for what it
 * may be too old for. The text carries the JSON path. */
int seccomp_check(const struct oci_seccomp *seccomp, struct error *err);

/* SECCOMP_RET_* with its data, of a checked profile. */
uint32_t seccomp_default_verdict(const struct oci_seccomp *seccomp);
uint32_t seccomp_rule_verdict(const struct oci_seccomp_rule *rule);

/* Does some rule, or the default, notify? */
bool seccomp_notifies(const struct oci_seccomp *seccomp);
