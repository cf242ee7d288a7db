/*
 * The class of Intel RDT or AMD QoS that a container is in (resctrl/resctrl.h), through its life.
 */
#pragma once

#include "container/internal.h"

/* In the plan: finds it, without an effect. */
int rdt_plan(struct container *c, struct error *err);
/* Notes it in the state, before anything is made. */
void rdt_note(struct container *c);
/* With the state on disk: makes it, and puts init there before it has children. */
int rdt_make(struct container *c, struct error *err);
/* Removes what this call made: the class that closID names stays when a container goes, but not when it never
 * came to be. */
int rdt_unmake(struct container *c, struct error *err);
/* Puts a process there that is no child of init. */
int rdt_enter(const struct oci_state *state, pid_t pid, struct error *err);
/* resctrl_stats of the container's class; *out is NULL without one. The caller frees. */
int rdt_stats(const struct oci_state *state, cJSON **out, struct error *err);
/* Removes what was made for the container alone. */
int rdt_remove(const struct oci_state *state, struct error *err);
