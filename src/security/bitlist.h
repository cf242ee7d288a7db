/*
 * Lists of CPUs and memory nodes ("0-3,7") as the kernel's bitmaps. cpuset(7), the list format.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* As many as any kernel is built for (CONFIG_NR_CPUS, CONFIG_NODES_SHIFT). */
#define BITLIST_BITS 8192

struct bitlist {
    unsigned long words[BITLIST_BITS / (8 * sizeof(unsigned long))];
};

/* Reads @text, which the tables of config.json have checked (rule_cpu_list): numbers and ranges separated by
 * commas and blanks. NULL and blanks are the empty list. Returns how many bits are set, -EINVAL, or -ERANGE
 * for a number that no kernel has. */
int bitlist_parse(const char *text, struct bitlist *out);
