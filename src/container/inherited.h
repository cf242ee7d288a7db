/*
 * Descriptors that the caller hands on to the program: --preserve-fds and those of socket activation.
 */
#pragma once

#include "base/error.h"

/* *keep: how many descriptors from 3 on go to the program: LISTEN_FDS of our environment (if LISTEN_PID names
 * us or is not set, sd_listen_fds(3)) and @preserve more. Each must be open and inherited (without
 * O_CLOEXEC). *out: a copy of @env, with LISTEN_FDS, LISTEN_PID=1 and LISTEN_FDNAMES where there are any; the
 * caller frees. Returns 0, -EINVAL, -EBADF or -ENOMEM. */
int inherited_fds(unsigned preserve, char *const *env, char ***out, unsigned *keep, struct error *err);

/* In the process that will be the program: where it is not pid 1, LISTEN_PID of @env becomes its pid. Returns
 * 0 or -ENOMEM. */
int inherited_name_process(char ***env, unsigned keep);
