/*
 * The resolver that the container sees: its queries by UDP are handed on to the resolvers of the host.
 *
 * libslirp can do that too, but it opens /etc/resolv.conf again and again, which a confined process cannot,
 * and asks the first server only. Here each query goes out through a socket of its own, so by a port that
 * nobody can guess, with an id of our choice; an answer counts if it comes from that server, with that id, to
 * that question. A server that refuses, or is silent for two seconds, is followed by the next. (Queries by
 * TCP are connections like others, led to the first server: stage.c.)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/netaddr.h"
#include "helpers/net/dns_wire.h"
#include "helpers/net/loop.h"
#include "helpers/net/settings.h"

#define DNS_PORT        53
#define DNS_PENDING     256
#define DNS_MESSAGE_MAX 65507

/* Who asked. */
struct dns_client {
    uint8_t client_mac[6], server_mac[6];
    struct netaddr client, server;
    uint16_t port;
};

/* Takes an answer of @len bytes to @q; also the error that a failure makes. */
typedef void dns_sink(void *data, const struct dns_client *client, const struct dns_question *q,
                      const uint8_t *msg, size_t len);

struct dns;

struct dns_pending {
    struct watch watch; /* fd: connected to the server; negative: the slot is free */
    struct dns *dns;
    struct dns_client client;
    struct dns_question question;
    uint16_t id, own_id; /* the client's and ours */
    unsigned server, tried;
    int64_t asked_ms, due_ms; /* when the server was asked; when the next one's turn is */
    uint8_t *query;           /* owned */
    size_t len;
};

struct dns {
    struct loop *loop;
    const struct netaddr *servers;
    unsigned n_servers;
    uint16_t port;      /* of the servers; 53 but for tests */
    unsigned preferred; /* the server that answered last */
    unsigned in_flight;
    uint64_t lost; /* queries that found no room, or no server that could be asked */
    dns_sink *sink;
    void *data;
    uint8_t *buf; /* DNS_MESSAGE_MAX bytes, for an answer as it is read */
    struct dns_pending pending[DNS_PENDING];
};

/* @servers is borrowed. Returns 0 or -ENOMEM. */
int dns_init(struct dns *d, struct loop *loop, const struct netaddr *servers, unsigned n, dns_sink *sink,
             void *data);
void dns_close(struct dns *d);

/* Other servers from now on; at least one. Queries that were asked already go on. */
void dns_set_servers(struct dns *d, const struct netaddr *servers, unsigned n);

/* Hands @msg on, the query @q. */
void dns_ask(struct dns *d, const struct dns_client *client, const struct dns_question *q, const uint8_t *msg,
             size_t len, int64_t now_ms);

/* Turns to the next server where one was silent. Returns when this is to be called again (a time of
 * CLOCK_MONOTONIC in ms), or -1: not. */
int64_t dns_check(struct dns *d, int64_t now_ms);
