/*
 * Who is at the container's end: addresses, and the Ethernet addresses they were seen with.
 *
 * libslirp asks for the Ethernet address of whoever it has a packet for, and keeps the packet until somebody
 * answers: five of up to 64 KiB for each socket. Whoever sends from addresses that answer to no question
 * would have it keep hundreds of megabytes. It knows sixteen of them at a time; so as many are let in, and
 * its questions are answered from here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/netaddr.h"

#define NEIGHBOURS_MAX 15 /* of IPv4, and of IPv6 */

struct neighbour {
    struct netaddr addr;
    uint8_t mac[6];
    int64_t seen_ms;
    bool asked; /* libslirp wants to know, and waits for the answer */
};

struct neighbours {
    struct neighbour list[2][NEIGHBOURS_MAX];
    unsigned n[2];
    bool any_asked;
};

/* A packet came from @addr. Returns false if that is one too many: the packet must not go on. One that was
 * silent for ten minutes makes room. */
bool neighbours_note(struct neighbours *all, const struct netaddr *addr, const uint8_t mac[6],
                     int64_t now_ms);

/* libslirp asks who has @addr. */
void neighbours_ask(struct neighbours *all, const struct netaddr *addr);
/* One that was asked for, which is no longer so then; NULL: there is none. */
const struct neighbour *neighbours_next_asked(struct neighbours *all);
