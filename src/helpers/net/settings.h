/*
 * What bryo-net was told by its command line (options.c), completed and checked: read-only from then on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "base/netaddr.h"
#include "base/netport.h"
#include "base/netrule.h"

#define NET_UPSTREAMS_MAX 4
#define NET_PORTS_MAX     64 /* or ranges of them, at the start */
#define NET_RULES_MAX     64 /* a set of them is 64 bits */

struct settings {
    /* Where the interface is to be: descriptors of namespaces, or names that are opened (enter.c). */
    int netns_fd, userns_fd; /* negative: none given */
    const char *target;      /* pid or path; NULL: by descriptor */
    const char *userns_path;
    bool target_is_path;

    /* The interface. */
    const char *tap;
    bool configure; /* set its addresses, routes and state, and bring lo up */
    unsigned mtu;
    uint8_t mac[6];
    bool has_mac;

    /* The network on it; gateway, nameserver and so on follow from the prefixes (settings_complete). */
    struct netblock net4, net6;
    bool ipv6;
    struct netaddr gateway4, nameserver4, dhcp4, guest4;
    struct netaddr gateway6, nameserver6, guest6;

    /* What the network may do. */
    bool host_loopback; /* the gateway's address leads to the host's 127.0.0.1 and ::1 */
    bool deny_metadata; /* link-local addresses and those where clouds tell secrets */
    struct netrule allow[NET_RULES_MAX];
    unsigned n_allow; /* 0: everything else is open */
    bool dns;         /* the nameserver's address answers */
    struct netaddr upstream[NET_UPSTREAMS_MAX];
    unsigned n_upstreams; /* 0: of /etc/resolv.conf */
    bool follow_host;     /* they are those of /etc/resolv.conf, also when that changes */

    struct netaddr outbound4, outbound6; /* where what the container sends leaves from, if has_… */
    bool has_outbound4, has_outbound6;

    struct netport publish[NET_PORTS_MAX];
    unsigned n_publish;
    /* A process in the container makes sockets for fast ports. Of bryo's own networks each has one, since
     * ports can be published while it runs; of others those that begin with such a port. */
    bool has_sockets;
    const char *api_path; /* where a socket is made; NULL: api_fd, if that is given */

    /* Descriptors of the starter; negative: none. */
    int ready_fd;  /* "1" is written when the network is up (slirp4netns) */
    int status_fd; /* the lines of base/status.h */
    int exit_fd;   /* the network ends when the other end closes */
    int pidfd;     /* the network ends with this process */
    int api_fd;    /* a listening unix socket for api.h */
    struct log log;
};

/* The defaults, which are those of slirp4netns: 10.0.2.0/24, no IPv6 (fd00::/64), MTU 1500, the loopback of
 * the host in reach. */
void settings_init(struct settings *c);

/* Derives the addresses from the prefixes and reads the resolvers of the host. Returns 0 or -errno. */
int settings_complete(struct settings *c, struct error *err);

/* The first servers of the host's resolv.conf(5), appended. One that cannot be read is a warning. Returns 0
 * or -ENOMEM. */
int settings_read_upstreams(struct settings *c, struct error *err);
