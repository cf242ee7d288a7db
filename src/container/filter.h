/*
 * The seccomp filter of a container, compiled while its init makes the mounts.
 *
 * Theory of operation. A profile is checked in the plan, so that its mistakes cost nothing; to compile it
 * takes longer than any other step of the plan, and nobody needs the result before the program is executed.
 * So the runtime does it behind the clone, while init is busy and it would only wait. The result reaches init
 * through memory that both share; what says that it is complete is the message that tells init to go on.
 */
#pragma once

#include "container/internal.h"

/* Plan: checks linux.seccomp and connects its agent. */
int filter_plan(struct container *c, struct error *err);

/* The runtime, before the clone: the memory to share. */
int filter_share(struct container *c, struct error *err);

/* The runtime, behind the clone and before STEP_DETACH or STEP_START: compiles. */
int filter_compile(struct container *c, struct error *err);

/* Init, behind one of those steps: the filter, which stays where it is, or NULL. */
const struct seccomp_filter *filter_of_init(struct container *c);

void filter_free(struct container *c);
