/*
 * What the numbers of both versions of cgroups have in common: reading them from the files of a directory,
 * and the members of the JSON that `runc events` defined. Functions that add return 0 or -ENOMEM.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdint.h>

/* The text of a file below @dirfd; NULL where there is no such file. The caller frees. */
char *stats_text(int dirfd, const char *file);
/* One number; "max" is the largest there is, a missing file 0. */
uint64_t stats_number(int dirfd, const char *file);
/* The number behind @key and a blank in a text with a line for each (NULL: none); 0 without it. */
uint64_t stats_key(const char *text, const char *key);

/* Pressure (Linux 4.20, unless it is switched off), from a directory of cgroup2. */
int stats_add_psi(cJSON *object, int dirfd, const char *file);
/* "0-2,7" as a list of numbers. */
int stats_add_list(cJSON *object, const char *name, int dirfd, const char *file);
struct stats_usage {
    uint64_t limit, usage, max, failcnt;
};
int stats_add_usage(cJSON *object, const char *name, struct stats_usage u);
/* memory.stat as it is. */
int stats_add_raw(cJSON *object, const char *stat);
/* One entry of a list of blkio. */
int stats_add_io(cJSON *list, unsigned major, unsigned minor, const char *op, uint64_t value);
