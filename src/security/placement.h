/*
 * What placement.c gathers: scheduling, I/O priority and NUMA policy of a process.
 */
#pragma once

#include "base/error.h"
#include "oci/config.h"

/* Each *_check tells, with nothing done, what the kernel would refuse whoever asks; NULL is fine. Each *_set
 * changes the calling thread; its children and the program inherit it. */
int scheduler_check(const struct oci_scheduler *s, struct error *err);
int scheduler_set(const struct oci_scheduler *s, struct error *err);
int io_priority_set(const struct oci_io_priority *p, struct error *err);
int memory_policy_check(const struct oci_memory_policy *policy, struct error *err);
int memory_policy_set(const struct oci_memory_policy *policy, struct error *err);
