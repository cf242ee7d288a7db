/*
 * The cgroup of a container while it is being made: planned with the rest, made before init is cloned, which
 * is then born in it.
 */
#pragma once

#include "container/internal.h"

/* In the plan: finds the manager and the place, and refuses limits that can't be had. */
int cgroup_setup_plan(struct container *c, struct error *err);
/* With the state directory claimed: notes there what is about to be made, then makes it. Fills c->cgroup_fd.
 */
int cgroup_setup_make(struct container *c, struct error *err);
/* Behind the clone: moves init into it if it was not born there; with a manager that takes its time this is
 * only begun, and init goes on. */
int cgroup_setup_attach(struct container *c, struct error *err);
/* Behind the id map: gives the files to the container's root, if it has a cgroup namespace and a writable
 * mount of them (config-linux.md#cgroup-ownership). */
int cgroup_setup_delegate(struct container *c, struct error *err);
/* Waits until it is done, and tells init. Fills the state. */
int cgroup_setup_await(struct container *c, struct error *err);
/* With init in its cgroup namespace: the annotation run.oci.delegate-cgroup. */
int cgroup_setup_divide(struct container *c, struct error *err);
/* When a container is unmade: undoes what was begun and not waited for. Init has ended. */
void cgroup_setup_abandon(struct container *c);
