/*
 * The one place that every frame passes, in both directions, between the tap and libslirp.
 *
 * Theory of operation. A frame from the container is taken apart (frame.h), pieces are put together
 * (reasm.h), and what it belongs to is looked up (flow.h). A packet that opens a flow is judged by the
 * policy; then it goes to libslirp, or is answered here: refused ones with a reset or an ICMP error, queries
 * to the resolver's address by the resolver (dns.h). What is malformed, or of no use to libslirp, never
 * reaches it. A frame to the container is counted, given its virtual network header and written. So
 * statistics and policy are here and nowhere else, and another way of carrying flows than libslirp would take
 * them over here.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "helpers/net/dns.h"
#include "helpers/net/flow.h"
#include "helpers/net/frame.h"
#include "helpers/net/neighbours.h"
#include "helpers/net/policy.h"
#include "helpers/net/reasm.h"
#include "helpers/net/refusals.h"
#include "helpers/net/settings.h"
#include "helpers/net/vnet.h"

/* Counted from the container's point of view: sent is what it sent. */
struct stage_counts {
    uint64_t sent_packets, sent_bytes, received_packets, received_bytes;
    uint64_t malformed; /* contradicts itself, or nothing for which there is a way */
    uint64_t refused;   /* by the policy */
    uint64_t limited;   /* more flows, or addresses, than may be at once */
    uint64_t lost;      /* the tap did not take it */
};

/* Sockets of libslirp at once: more than flows, since one may linger. */
#define STAGE_STACK_MAX 6000
#define STAGE_RESETS    64
struct stage_reset {
    uint8_t bytes[14 + 40 + 20];
    size_t len;
};

struct stage {
    const struct settings *settings;
    struct flow_table flows;
    struct neighbours neighbours;
    struct reasm reasm;
    struct policy policy;
    struct refusals refusals;
    struct dns dns;
    struct stage_counts counts;
    int64_t now_ms;    /* set by the loop before each round */
    unsigned in_stack; /* sockets that libslirp has open now; counted by the caller */
    bool ping, ping6;  /* echo requests can be passed on */
    bool announced;    /* libslirp may announce itself as a router: nobody configured the addresses */

    /* Where frames go: to libslirp, and to the tap (virtual network header, frame in pieces). */
    void (*to_stack)(void *data, const uint8_t *frame, size_t len);
    int (*to_tap)(void *data, const struct virtio_net_hdr *h, const uint8_t *head, size_t head_len,
                  const uint8_t *rest, size_t rest_len);
    void *data;

    /* Resets for libslirp that must wait until it has returned from where it is now (stage_settle). */
    struct stage_reset resets[STAGE_RESETS];
    unsigned n_resets;
    const struct flow *probed; /* libslirp is being asked for its window of this one */
    uint8_t *buf;              /* FRAME_MAX bytes, for an answer as it is built */
};

/* The outputs and the switches are the caller's to fill in, before or after. Returns 0 or -errno. */
int stage_init(struct stage *s, const struct settings *settings, struct loop *loop, struct error *err);
void stage_free(struct stage *s);

/* A frame of @len bytes at @frame that the container sent, which came behind @h. It may be changed. */
void stage_from_tap(struct stage *s, const struct virtio_net_hdr *h, uint8_t *frame, size_t len);

/* A frame of libslirp's for the container. */
void stage_from_stack(struct stage *s, const uint8_t *frame, size_t len);

/* libslirp has written to its sockets: whoever in the container waits for room may go on. Called when it is
 * not at work. */
void stage_stack_wrote(struct stage *s);

/* What had to wait: called when libslirp is not at work. */
void stage_settle(struct stage *s);
