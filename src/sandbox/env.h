/*
 * The environment of a sandboxed command: a few variables that programs need, and what was asked for. Nothing
 * else of the caller's.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/* Reads --env (@settings: NAME=VALUE, or NAME for the value of @caller, skipped where it has none) and
 * --env-file
 * (@files) into a vector, files first, in order, the last one of a name wins. Errors name FILE:LINE. The
 * caller frees with strv_free. */
int sandbox_env_read(char *const *settings, char *const *files, char *const *caller, char ***env,
                     struct error *err);

/* The whole environment: PATH, HOME, HOSTNAME, container=bryo, TERM with a terminal, TZ when @tz is not NULL,
 * then @own over it. The caller frees with strv_free. */
int sandbox_env_make(char *const *own, char *const *caller, const char *home, const char *hostname,
                     const char *tz, bool terminal, char ***env, struct error *err);
