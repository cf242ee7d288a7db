/*
 * The table of flows: who in the container talks to whom outside, by what, since when and how much.
 *
 * Every packet of TCP, UDP and echo belongs to a flow: the container's address and port, the other's, and the
 * protocol. A flow is made when the first packet was let through (or came from outside), and goes when TCP
 * has closed it or nothing was heard of it for as long as libslirp keeps its side. The number of flows is
 * bounded, since each is a socket and buffers in libslirp.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/netaddr.h"

enum flow_kind { FLOW_TCP, FLOW_UDP, FLOW_ECHO, FLOW_KINDS };

struct flow_key {
    struct netaddr guest, remote;
    uint16_t guest_port, remote_port; /* of an echo: its id, and 0 */
    uint16_t kind;                    /* enum flow_kind */
};

struct flow {
    struct flow *next;          /* in the bucket */
    struct flow *newer, *older; /* by the last packet */
    struct flow_key key;
    int64_t last_ms; /* when the last packet was seen */
    bool inbound;    /* opened from outside: a published port */
    bool translated; /* the container knows the other as @shown */
    bool answered;   /* packets came back */
    struct netaddr shown;
    /* TCP: what the container's side asked for (0: not known), and how far both sides have closed. */
    uint16_t mss;
    bool fin_out, fin_in;             /* a FIN went out, came in */
    bool fin_out_acked, fin_in_acked; /* and was acknowledged */
    bool closed_outside;              /* the other side was first */
    uint32_t fin_out_end, fin_in_end; /* the sequence numbers behind them */
    /* TCP: how far the container has sent, and what either side said last of the other's data. */
    uint32_t sent_end, guest_ack, stack_ack;
    uint16_t guest_window, stack_window;
    struct flow *next_starved, **at_starved; /* in the list; at_starved NULL: not in it */
};

struct flow_table {
    struct flow **buckets;
    struct flow *oldest[FLOW_KINDS], *newest[FLOW_KINDS];
    struct flow *starved,
        **end_starved; /* those whose container has little room left to send into, and how many */
    unsigned n_starved;
    unsigned open[FLOW_KINDS];
    unsigned max[FLOW_KINDS];
    int64_t expired_ms; /* when flow_expire went through it last */
    uint64_t seed;      /* so that nobody outside can aim at one bucket */
};

/* Makes an empty table for at most @max flows of each kind. Returns 0 or -ENOMEM. */
int flow_table_init(struct flow_table *t, const unsigned max[FLOW_KINDS]);
void flow_table_free(struct flow_table *t);

struct flow *flow_find(const struct flow_table *t, const struct flow_key *key);

/* A new flow, which is not in the table yet. NULL if there are as many as may be, or memory ran out. */
struct flow *flow_add(struct flow_table *t, const struct flow_key *key, int64_t now_ms);

/* A packet of @f was seen. */
void flow_touch(struct flow_table *t, struct flow *f, int64_t now_ms);

/* Puts @f at the end of the list of those starved, or takes it off. */
void flow_starve(struct flow_table *t, struct flow *f, bool starved);

void flow_remove(struct flow_table *t, struct flow *f);

/* Removes the flows that have been silent too long. Goes through the table once a second at most. */
void flow_expire(struct flow_table *t, int64_t now_ms);
