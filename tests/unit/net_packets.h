/*
 * Packets for the tests of bryo-net, made byte by byte and apart from its own builders.
 */
#pragma once

#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#define PACKET_MAX 70000

struct packet {
    uint8_t bytes[PACKET_MAX];
    size_t len;
    size_t ip, l4; /* where these headers begin */
};

static inline void packet_put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void packet_put32(uint8_t *p, uint32_t v)
{
    packet_put16(p, v >> 16);
    packet_put16(p + 2, v & 0xffff);
}

static inline unsigned packet_get16(const uint8_t *p)
{
    return (unsigned)(p[0] << 8 | p[1]);
}

/* RFC 1071 the slow way: 16 bits at a time. */
static inline unsigned packet_sum(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i += 2)
        sum += (uint32_t)(p[i] << 8) + (i + 1 < n ? p[i + 1] : 0);
    while (sum >> 16)
        sum = (sum >> 16) + (sum & 0xffff);
    return sum;
}

/* The checksum of the packet behind its IP header as it should verify: 0xffff, or the field was left 0. */
static inline unsigned packet_verify(const struct packet *k, uint8_t proto)
{
    size_t n = k->len - k->l4;
    uint32_t sum = (uint32_t)n + proto;
    int v4 = k->bytes[k->ip] >> 4 == 4;

    sum = packet_sum(k->bytes + k->ip + (v4 ? 12 : 8), v4 ? 8 : 32, sum);
    return packet_sum(k->bytes + k->l4, n, sum);
}

/* An IPv4 packet of @proto from @src to @dst (as numbers) with room for @len bytes behind the header. */
static inline void packet_ipv4(struct packet *k, uint8_t proto, uint32_t src, uint32_t dst, size_t len)
{
    uint8_t *ip = k->bytes + 14;

    memset(k->bytes, 0, 14 + 20 + len);
    k->len = 14 + 20 + len;
    k->ip = 14;
    k->l4 = 34;
    memcpy(k->bytes, "\x52\x55\x0a\x00\x02\x02\x02\x00\x00\x00\x00\x01\x08\x00", 14);
    ip[0] = 0x45;
    packet_put16(ip + 2, 20 + len);
    packet_put16(ip + 4, 77);
    ip[8] = 64;
    ip[9] = proto;
    packet_put32(ip + 12, src);
    packet_put32(ip + 16, dst);
    packet_put16(ip + 10, 0xffff & ~packet_sum(ip, 20, 0));
}

static inline void packet_ipv6(struct packet *k, uint8_t proto, const char src[16], const char dst[16],
                               size_t len)
{
    uint8_t *ip = k->bytes + 14;

    memset(k->bytes, 0, 14 + 40 + len);
    k->len = 14 + 40 + len;
    k->ip = 14;
    k->l4 = 54;
    memcpy(k->bytes, "\x52\x55\x0a\x00\x02\x02\x02\x00\x00\x00\x00\x01\x86\xdd", 14);
    ip[0] = 0x60;
    packet_put16(ip + 4, len);
    ip[6] = proto;
    ip[7] = 64;
    memcpy(ip + 8, src, 16);
    memcpy(ip + 24, dst, 16);
}

/* A TCP header without options, for a packet that has the room, and its checksum. */
static inline void packet_tcp(struct packet *k, unsigned sport, unsigned dport, uint32_t seq, uint32_t ack,
                              unsigned flags)
{
    uint8_t *tcp = k->bytes + k->l4;

    packet_put16(tcp, sport);
    packet_put16(tcp + 2, dport);
    packet_put32(tcp + 4, seq);
    packet_put32(tcp + 8, ack);
    tcp[12] = 5 << 4;
    tcp[13] = (uint8_t)flags;
    packet_put16(tcp + 14, 0xffff);
    packet_put16(tcp + 16, 0);
    packet_put16(tcp + 16, 0xffff & ~packet_verify(k, 6));
}

static inline void packet_udp(struct packet *k, unsigned sport, unsigned dport, const void *data, size_t n)
{
    uint8_t *udp = k->bytes + k->l4;

    packet_put16(udp, sport);
    packet_put16(udp + 2, dport);
    packet_put16(udp + 4, 8 + n);
    memcpy(udp + 8, data, n);
    packet_put16(udp + 6, 0);
    packet_put16(udp + 6, 0xffff & ~packet_verify(k, 17));
}
