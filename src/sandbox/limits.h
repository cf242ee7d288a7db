/*
 * Limits of a sandbox: options in human units, as linux.resources of config.json has them.
 */
#pragma once

#include <cjson/cJSON.h>

#include "base/error.h"

/* As given on the command line; NULL: not. */
struct sandbox_limits {
    const char *memory;      /* bytes, with k, m, g or t */
    const char *memory_swap; /* memory and swap together; -1: no limit */
    const char *cpus;        /* CPU time per time: 1.5 */
    const char *pids;
    const char *io_weight; /* 10 … 1000 */
    const char *cpuset;    /* 0-2,7 */
};

/* Checks for the table of options: the text of an error speaks of the value only. */
int sandbox_check_memory(const char *value, struct error *err);
int sandbox_check_memory_swap(const char *value, struct error *err);
int sandbox_check_cpus(const char *value, struct error *err);
int sandbox_check_pids(const char *value, struct error *err);
int sandbox_check_io_weight(const char *value, struct error *err);

/* Adds linux.resources to @config if any limit is given. -EINVAL naming the option. */
int sandbox_limits_apply(const struct sandbox_limits *limits, cJSON *config, struct error *err);

/* The option behind an error that begins with "linux.resources.", for its message: *value gets what was
 * given. NULL when there is none. */
const char *sandbox_limits_option(const struct sandbox_limits *limits, const char *text, const char **value);
