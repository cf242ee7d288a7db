/*
 * Published ports and the numbers of a container's network, for `bryo port` and `bryo events`: asked of its
 * helper.
 */
#pragma once

#include <cjson/cJSON.h>

#include "container/container.h"

/* Publishes @port (base/netport.h). */
int container_port_add(const struct runtime *rt, const char *id, const char *port, struct error *err);

/* Takes back what @port published, all of it or nothing. */
int container_port_remove(const struct runtime *rt, const char *id, const char *port, struct error *err);

/* *ports: an array of what is published (id, proto, host_addr, host_port, guest_addr, guest_port); *stats:
 * the counters. The caller frees both. */
int container_port_list(const struct runtime *rt, const char *id, cJSON **ports, cJSON **stats,
                        struct error *err);

/* The element of network_interfaces of the statistics that runc prints, of the container in @dir. *out is
 * NULL for a container whose network is not bryo's. */
struct statedir;
int network_interface_stats(const struct statedir *dir, cJSON **out, struct error *err);

/* The address of the resolver in the network of container @id. *out is NULL where there is none, or the
 * network is not bryo-net's; the caller frees. */
int network_nameserver(const struct runtime *rt, const char *id, char **out, struct error *err);
