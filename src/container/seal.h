/*
 * Running from a copy that nobody can write.
 */
#pragma once

#include "base/error.h"

/* Theory of operation. A process in a container can make the runtime's program run inside (`#!/proc/self/exe`
 * as the first line of what is exec'ed) and then reach the file behind /proc/PID/exe (CVE-2019-5736). Where
 * the caller's ids, which a container may hold, can write that file, the program is copied into a sealed
 * memfd and executed from there, with the same arguments. An installed bryo that belongs to root and is
 * called by an ordinary user needs no copy: that is the common case and costs one open, one fstat and one
 * faccessat.
 *
 * Called first thing by the verbs that put a process of ours into a container. Returns 0 when no copy is
 * needed or we run from it already; does not return when it executes the copy; else a negative errno with
 * text. */
int seal_self(char *const *argv, struct error *err);
