/*
 * Messages of the DNS as they are on the wire (RFC 1035): only what forwarding and policy need to know.
 *
 * Both sides may be hostile: a query comes from the container, an answer from the network. Nothing is read
 * outside of the message, and compressed names cannot go round in circles.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_HLEN     12
#define DNS_NAME_MAX 256 /* as text: lower case, dots between, none at the end; with its NUL */

#define DNS_TYPE_A     1
#define DNS_TYPE_CNAME 5
#define DNS_TYPE_AAAA  28

#define DNS_RCODE_NXDOMAIN 3
#define DNS_RCODE_NOTIMP   4

struct dns_question {
    char name[DNS_NAME_MAX]; /* "" is the root */
    uint16_t type, class;
    size_t end; /* the place behind it in the message */
};

uint16_t dns_get16(const uint8_t *p);
void dns_put16(uint8_t *p, unsigned v);

/* Is @msg a query (not an answer) of the ordinary kind (opcode 0) with one question? 0 and the question, or
 * -EBADMSG, or -EOPNOTSUPP for another opcode, with what there is of the question behind it. */
int dns_parse_query(const uint8_t *msg, size_t len, struct dns_question *q);

/* Is @msg an answer to just this question? */
bool dns_is_answer(const uint8_t *msg, size_t len, const struct dns_question *q);

/* Makes the answer @rcode, without records, of a query: its header and question, which are copied to @out (at
 * least @q->end bytes). Returns the length. */
size_t dns_build_error(const uint8_t *query, const struct dns_question *q, unsigned rcode, uint8_t *out);

/* One record of the answer section. */
struct dns_record {
    char name[DNS_NAME_MAX];
    uint16_t type;
    uint32_t ttl;
    const uint8_t *data; /* within the message */
    uint16_t data_len;
    char target[DNS_NAME_MAX]; /* of a CNAME */
};

/* Goes through the answer section: *at is 0 at first; returns 1 and a record, 0 at the end, -EBADMSG. */
int dns_next_record(const uint8_t *msg, size_t len, size_t *at, unsigned *left, struct dns_record *r);
