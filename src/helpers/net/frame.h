/*
 * Ethernet frames of the container: taken apart, and answers built.
 *
 * Whoever is in the container may send any bytes. frame_parse lets through only what is well-formed and of
 * use: every length is inside the frame, addresses and ports are what the headers say, IPv4 carries no
 * options and IPv6 no extension headers (libslirp handles neither, but would look at them).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/netaddr.h"

#define FRAME_MTU_MAX 65520
/* The longest frame: an IP packet of full length behind an Ethernet header. */
#define FRAME_MAX (14 + 65535)

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP  0x0806
#define ETHERTYPE_IPV6 0x86dd

#define TCP_FLAG_FIN 0x01
#define TCP_FLAG_SYN 0x02
#define TCP_FLAG_RST 0x04
#define TCP_FLAG_PSH 0x08
#define TCP_FLAG_ACK 0x10

struct frame {
    uint8_t *data; /* from the Ethernet header on */
    size_t len;    /* to the end of the IP packet: padding is cut off */
    uint16_t type; /* ETHERTYPE_*; of ARP nothing below is filled */

    uint8_t *ip;
    size_t ip_hlen;
    struct netaddr src, dst;
    uint8_t proto; /* IPPROTO_* */

    bool fragment;   /* a piece: of l4 only position and length are known */
    bool more;       /* not the last one */
    uint16_t offset; /* in bytes */
    uint16_t id;

    uint8_t *l4; /* TCP, UDP, ICMP header */
    size_t l4_len;
    uint16_t sport, dport; /* of TCP and UDP */
    uint8_t icmp_type, icmp_code;
    uint16_t icmp_id; /* of an echo */
    uint8_t tcp_flags;
    uint32_t seq, ack;
    uint16_t window;
    uint8_t *payload; /* of TCP and UDP */
    size_t payload_len;
};

/* Takes the @len bytes at @data apart. Returns 0; -EBADMSG if lengths contradict themselves or the frame;
 * -EPROTONOSUPPORT for what is well-formed and not let through. */
int frame_parse(uint8_t *data, size_t len, struct frame *f);

/* Replaces the destination (or the source) address of a TCP or UDP packet over IPv4 or IPv6 by one of the
 * same family and mends the checksums. */
void frame_set_dst(struct frame *f, const struct netaddr *addr);
void frame_set_src(struct frame *f, const struct netaddr *addr);

/* The place of the 16-bit MSS option in a SYN, or NULL. */
uint8_t *frame_tcp_mss(const struct frame *f);

/* Computes the checksum of a TCP, UDP or ICMPv6 packet anew. */
void frame_complete_checksum(const struct frame *f);

/* Answers, built into @buf (at least FRAME_REPLY_MAX bytes) and addressed to whoever sent @f. Each returns
 * the length of the frame. */
#define FRAME_REPLY_MAX 1514
/* A reset that ends the connection @f belongs to. */
size_t frame_build_reset(const struct frame *f, uint8_t *buf);
/* An error of ICMP or ICMPv6: "communication administratively prohibited". 0: @f is one that must not be
 * answered so (an error itself, a later fragment, to or from no single host). */
size_t frame_build_prohibited(const struct frame *f, uint8_t *buf);

/* Who sends to whom: 6 bytes of MAC each, addresses of one family. */
struct frame_ends {
    const uint8_t *src_mac, *dst_mac;
    struct netaddr src, dst;
    uint16_t sport, dport;
};

/* A segment of TCP without options and payload. */
struct frame_tcp {
    uint32_t seq, ack;
    uint16_t window;
    uint8_t flags;
};
size_t frame_build_tcp(const struct frame_ends *e, const struct frame_tcp *t, uint8_t *buf);

/* Of a frame of ARP, or a neighbour solicitation or advertisement: the address that is asked for. Returns
 * false if it is none, or nothing is asked. */
bool frame_asks_for(const struct frame *f, struct netaddr *addr);
/* Who a frame of ARP comes from. False: it is no good, or says nothing (a probe). */
bool frame_arp_sender(const struct frame *f, struct netaddr *addr, uint8_t mac[6]);
/* The answer to @asker: @addr has the Ethernet address @mac. By ARP or, of IPv6, by a neighbour
 * advertisement. */
size_t frame_build_neighbour(const struct netaddr *addr, const uint8_t mac[6], const struct netaddr *asker,
                             uint8_t *buf);

/* A UDP packet in @buf, which holds @len bytes of payload at FRAME_UDP_PAYLOAD already and has room for
 * FRAME_MAX bytes. Returns the length of the frame. */
#define FRAME_UDP_PAYLOAD(addr) (14 + (netaddr_is_ipv4(addr) ? 20u : 40u) + 8)
size_t frame_build_udp(const struct frame_ends *e, uint8_t *buf, size_t len);
