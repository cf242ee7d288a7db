/*
 * Which network a container is to have, as people write it: KIND, or KIND with options behind commas.
 *
 *     none
 *     host
 *     container:ID
 *     ns:PATH
 *     slirp
 *     slirp,mtu=9000,cidr=10.7.0.0/24,host-loopback
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/netaddr.h"

enum net_kind {
    NET_UNSET, /* nothing was said: what config.json asks for */
    NET_NONE,
    NET_HOST,
    NET_CONTAINER, /* that of the container @target */
    NET_NS,        /* the namespace at the path @target */
    NET_SLIRP,
};

struct net_spec {
    enum net_kind kind;
    char *target; /* owned */
    /* slirp */
    unsigned mtu;
    struct netblock net4, net6;
    bool ipv6;
    bool host_loopback;
    char **allow;                /* base/netrule.h; NULL: no rules */
    char **publish;              /* base/netport.h */
    bool publish_all;            /* and the ports that the image names */
    char *outbound4, *outbound6; /* the addresses that packets leave from; NULL: as routes say */
    bool dns;                    /* a resolver at the third address of the network */
    char **resolvers;            /* that it asks; NULL: those of the host */
};

/* Fills @spec with the defaults of @text's kind and then its options. An error says what is wrong with which
 * of them, without the name of the option or annotation that @text comes from. NULL is NET_UNSET. */
int net_spec_parse(const char *text, struct net_spec *spec, struct error *err);
void net_spec_free(struct net_spec *spec);
#define _cleanup_net_spec_ __attribute__((cleanup(net_spec_free)))

/* The address that containers have their resolver at. */
struct netaddr net_spec_nameserver(const struct net_spec *spec);

/* Adds the ports of @exposed ("8080/tcp,53/udp", conversion.md of the OCI image specification) to those that
 * are published, each at the same port of the host. */
int net_spec_publish_exposed(struct net_spec *spec, const char *exposed, struct error *err);
