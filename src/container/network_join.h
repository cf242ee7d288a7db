/*
 * A network that is somebody else's: of another container, or in a namespace that is named by its path.
 */
#pragma once

#include "base/error.h"
#include "container/internal.h"

/* NET_CONTAINER: *path gets the network namespace of the container c->net.target, which must run; the caller
 * frees it. c->net_peer holds that container. */
int network_find_peer(struct container *c, char **path, struct error *err);

/* The namespaces are planned: a network belongs to a user namespace, and only there are rights over it. If
 * that is not the caller's, it takes the place of the one that would be made. */
int network_join_owner(struct container *c, struct error *err);
