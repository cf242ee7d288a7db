/*
 * Published ports: sockets of the host that lead into the container.
 *
 * libslirp listens, and opens a connection in the container for each that it accepts, from the address that
 * the client has; a client on the host's own loopback appears as the gateway. Or, where that was asked for,
 * connections are joined without it (fast.h).
 */
#pragma once

#include "base/error.h"
#include "base/netport.h"
#include "helpers/net/fast.h"
#include "helpers/net/stack.h"

#define FORWARDS_MAX 1024

struct forward {
    unsigned id; /* 1 and up; 0: the place is free */
    bool udp;
    struct fast_port *port; /* NULL: it is libslirp's */
    bool fast;              /* wanted by who adds it */
    struct netaddr host, guest;
    uint16_t host_port, guest_port;
};

struct forwards {
    struct stack *stack;
    struct fast *fast;
    struct forward list[FORWARDS_MAX];
    unsigned last_id;
};

/* Publishes one port; @f->id is filled in. Errors name the port and, where somebody can mend it, how. */
int forward_add(struct forwards *all, struct forward *f, struct error *err);

/* All ports of @p. If one fails, none stays. */
int forward_add_ports(struct forwards *all, const struct netport *p, struct error *err);

/* -ENOENT: there is none of that id. */
int forward_remove(struct forwards *all, unsigned id, struct error *err);
