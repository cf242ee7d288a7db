/*
 * Where bryo's helper programs are.
 */
#pragma once

#include "base/error.h"

/* The absolute path of the helper @name: below $BRYO_HELPER_DIR if that is set, else beside the running
 * program (a build tree), else where it is installed. The caller frees *path. -ENOENT or another errno if it
 * cannot be executed; @purpose is what the message says it is for. */
int helper_find(const char *name, const char *purpose, char **path, struct error *err);
