/*
 * Giving up what serving does not need, before the first hostile byte is read.
 */
#pragma once

#include "base/error.h"

/* Drops all capabilities, sets limits and no_new_privs, closes the file system and the network by landlock
 * where the kernel has it, and leaves only the system calls of filter.c: none of them takes a path. Threads
 * made later are confined alike; call it while there is one. A failure leaves the process half confined: it
 * is to exit. */
int mount_confine(struct error *err);
int mount_filter_install(struct error *err);
