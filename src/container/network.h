/*
 * The network of a container that is more than what config.json says: by the option --net or the annotation
 * run.bryo.net.
 */
#pragma once

#include "base/error.h"
#include "container/internal.h"

/* Finds out what was asked for, checks it, and changes c->config so that its namespaces are those that it
 * needs. Before the namespaces are planned. */
int network_plan(struct container *c, struct error *err);

/* The namespaces are planned: is what was asked for possible with them? A
 * network of somebody else's may bring its user namespace along. */
int network_check(struct container *c, struct error *err);

/* Once the state directory is there: adds the mount of the container's resolv.conf to c->config. */
int network_add_files(struct container *c, struct error *err);

/* Init is there: starts the helper. Does nothing where there is none to start. */
int network_start(struct container *c, struct error *err);

/* The container must not go on before this. */
int network_wait(struct container *c, struct error *err);
