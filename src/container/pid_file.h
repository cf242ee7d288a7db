/*
 * The file of --pid-file.
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"

/* Writes @pid in decimal to @path, as a whole or not at all; mode 0644. @path is relative to the current
 * directory. */
int pid_file_write(const char *path, pid_t pid, struct error *err);
