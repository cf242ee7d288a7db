/*
 * Values of linux.resources, whose units are those of cgroup v1, in the units of cgroup2. Pure functions.
 */
#pragma once

#include <stdint.h>

/* Microseconds; the kernel's own. */
#define CONVERT_DEFAULT_PERIOD 100000

/* cpu.shares (2 … 262144, 1024 is usual) as cpu.weight (1 … 10000, 100 is usual). Not a straight line, on
 * which 1024 would be 39: runc and crun agree on a curve, W = 10^((l² + 125 l) / 612 - 7 / 34) with
 * l = log2(shares), rounded up, that goes through 1, 100 and 10000. */
uint64_t convert_shares(uint64_t shares);

/* blkio.weight (10 … 1000) as io.weight (1 … 10000), a straight line. */
uint64_t convert_io_weight(uint64_t weight);

/* memory.swap, which counts memory as well, as memory.swap.max, which does not: *swap, -1 for no limit.
 * @memory_limit: the limit of memory that holds, -1: none. Returns 0; -ENODATA when there is a limit for both
 * and none for memory; -ERANGE when that of both is lower. To be asked when memory.swap is set and not 0. */
int convert_swap(int64_t swap_and_memory, int64_t memory_limit, int64_t *swap);

/* The text of cpu.max: "50000 100000", "max 100000"; with no period "50000", which leaves it as it is.
 * @quota: below 1 for none; @period: 0 for none. */
#define CONVERT_CPU_MAX 48
const char *convert_cpu_max(char buf[CONVERT_CPU_MAX], int64_t quota, uint64_t period);

/* A number, or "max" for -1. */
#define CONVERT_NUMBER 24
const char *convert_limit(char buf[CONVERT_NUMBER], int64_t limit);
