/*
 * /etc/resolv.conf of a container.
 */
#pragma once

#include "base/error.h"
#include "net/spec.h"

/* The text of resolv.conf(5) for a container with the network @spec (NET_SLIRP): the resolver's address
 * there, and of the host's file what is not about servers: search, domain, options, sortlist. *out is NULL if
 * the network has no resolver; the caller frees. */
int net_resolv_conf(const struct net_spec *spec, char **out, struct error *err);

/* The same with the addresses @servers. */
int net_resolv_conf_of(char *const *servers, char **out, struct error *err);
