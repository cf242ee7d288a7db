#include "helpers/net/frame.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "helpers/net/checksum.h"

#define ETH_HLEN  14
#define IPV4_HLEN 20
#define IPV6_HLEN 40
#define TCP_HLEN  20
#define UDP_HLEN  8
#define ICMP_HLEN 8

/* Places in the headers. */
enum {
    IPV4_LEN = 2,
    IPV4_ID = 4,
    IPV4_FRAG = 6,
    IPV4_TTL = 8,
    IPV4_PROTO = 9,
    IPV4_CHECK = 10,
    IPV4_SRC = 12,
    IPV4_DST = 16,
    IPV6_LEN = 4,
    IPV6_NEXT = 6,
    IPV6_HOPS = 7,
    IPV6_SRC = 8,
    IPV6_DST = 24,
    TCP_SEQ = 4,
    TCP_ACK = 8,
    TCP_WINDOW = 14,
    TCP_OFF = 12,
    TCP_FLAGS = 13,
    TCP_CHECK = 16,
    UDP_LEN = 4,
    UDP_CHECK = 6,
    ICMP_CHECK = 2,
    ICMP_TARGET = 8, /* of neighbours */
    ARP_OP = 6,
    ARP_SHA = 8,
    ARP_SPA = 14,
    ARP_TPA = 24,
};
#define ARP_LEN      28
#define ARP_REQUEST  1
#define ARP_REPLY    2
#define SOLICITATION 135
#define ADVERTISE    136
#define FRAG_MORE    0x2000
#define FRAG_OFFSET  0x1fff
#define REPLY_TTL    64

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

static int parse_ipv4(struct frame *f, size_t room)
{
    if (room < IPV4_HLEN || f->ip[0] >> 4 != 4)
        return -EBADMSG;
    f->ip_hlen = (size_t)(f->ip[0] & 15) * 4;
    size_t total = get16(f->ip + IPV4_LEN);
    if (f->ip_hlen < IPV4_HLEN || total < f->ip_hlen || total > room)
        return -EBADMSG;
    if (f->ip_hlen > IPV4_HLEN)
        return -EPROTONOSUPPORT;
    unsigned frag = get16(f->ip + IPV4_FRAG);
    f->more = frag & FRAG_MORE;
    f->offset = (uint16_t)((frag & FRAG_OFFSET) * 8);
    f->fragment = f->more || f->offset;
    f->id = get16(f->ip + IPV4_ID);
    f->proto = f->ip[IPV4_PROTO];
    f->src = netaddr_from4(f->ip + IPV4_SRC);
    f->dst = netaddr_from4(f->ip + IPV4_DST);
    f->l4 = f->ip + f->ip_hlen;
    f->l4_len = total - f->ip_hlen;
    return 0;
}

static int parse_ipv6(struct frame *f, size_t room)
{
    if (room < IPV6_HLEN || f->ip[0] >> 4 != 6)
        return -EBADMSG;
    f->ip_hlen = IPV6_HLEN;
    f->l4_len = get16(f->ip + IPV6_LEN);
    if (f->l4_len > room - IPV6_HLEN)
        return -EBADMSG;
    f->proto = f->ip[IPV6_NEXT];
    f->src = netaddr_from6(f->ip + IPV6_SRC);
    f->dst = netaddr_from6(f->ip + IPV6_DST);
    f->l4 = f->ip + IPV6_HLEN;
    /* Mapped addresses would be taken for IPv4 by everybody behind us. */
    if (netaddr_is_ipv4(&f->src) || netaddr_is_ipv4(&f->dst))
        return -EPROTONOSUPPORT;
    return 0;
}

static int parse_tcp(struct frame *f)
{
    if (f->l4_len < TCP_HLEN)
        return -EBADMSG;
    size_t hlen = (size_t)(f->l4[TCP_OFF] >> 4) * 4;
    if (hlen < TCP_HLEN || hlen > f->l4_len)
        return -EBADMSG;
    f->sport = get16(f->l4);
    f->dport = get16(f->l4 + 2);
    f->seq = get32(f->l4 + TCP_SEQ);
    f->ack = get32(f->l4 + TCP_ACK);
    f->window = get16(f->l4 + TCP_WINDOW);
    f->tcp_flags = f->l4[TCP_FLAGS];
    f->payload = f->l4 + hlen;
    f->payload_len = f->l4_len - hlen;
    return 0;
}

static int parse_udp(struct frame *f)
{
    if (f->l4_len < UDP_HLEN)
        return -EBADMSG;
    size_t len = get16(f->l4 + UDP_LEN);
    if (len < UDP_HLEN || len > f->l4_len)
        return -EBADMSG;
    f->sport = get16(f->l4);
    f->dport = get16(f->l4 + 2);
    f->payload = f->l4 + UDP_HLEN;
    f->payload_len = len - UDP_HLEN;
    return 0;
}

static int parse_icmp(struct frame *f)
{
    if (f->l4_len < ICMP_HLEN)
        return -EBADMSG;
    f->icmp_type = f->l4[0];
    f->icmp_code = f->l4[1];
    f->icmp_id = get16(f->l4 + 4);
    return 0;
}

int frame_parse(uint8_t *data, size_t len, struct frame *f)
{
    int r;

    *f = (struct frame){.data = data, .len = len};
    if (len < ETH_HLEN)
        return -EBADMSG;
    f->type = get16(data + 12);
    f->ip = data + ETH_HLEN;
    switch (f->type) {
    case ETHERTYPE_ARP:
        return 0;
    case ETHERTYPE_IPV4:
        r = parse_ipv4(f, len - ETH_HLEN);
        break;
    case ETHERTYPE_IPV6:
        r = parse_ipv6(f, len - ETH_HLEN);
        break;
    default:
        return -EPROTONOSUPPORT;
    }
    if (r < 0)
        return r;
    f->len = (size_t)(f->l4 - data) + f->l4_len;
    if (f->fragment)
        return 0;
    switch (f->proto) {
    case IPPROTO_TCP:
        return parse_tcp(f);
    case IPPROTO_UDP:
        return parse_udp(f);
    case IPPROTO_ICMP:
        return f->type == ETHERTYPE_IPV4 ? parse_icmp(f) : -EPROTONOSUPPORT;
    case IPPROTO_ICMPV6:
        return f->type == ETHERTYPE_IPV6 ? parse_icmp(f) : -EPROTONOSUPPORT;
    default:
        return -EPROTONOSUPPORT;
    }
}

static uint8_t *checksum_place(const struct frame *f)
{
    return f->l4 + (f->proto == IPPROTO_TCP ? TCP_CHECK : f->proto == IPPROTO_UDP ? UDP_CHECK : ICMP_CHECK);
}

/* RFC 1624: a checksum after @n bytes under it changed from @old to @new. */
static void mend_checksum(uint8_t *place, const void *old, const void *new, size_t n)
{
    uint16_t check;

    memcpy(&check, place, sizeof check);
    uint32_t sum = (uint16_t)~check;
    sum += (uint16_t)~checksum_fold(checksum_add(0, old, n));
    sum += checksum_fold(checksum_add(0, new, n));
    check = (uint16_t)~checksum_fold(sum);
    memcpy(place, &check, sizeof check);
}

static void set_address(struct frame *f, uint8_t *place, struct netaddr *known, const struct netaddr *addr)
{
    bool v4 = f->type == ETHERTYPE_IPV4;
    size_t n = v4 ? 4 : 16;
    const uint8_t *new = addr->bytes + (v4 ? 12 : 0);
    uint8_t *check = checksum_place(f);

    if (v4)
        mend_checksum(f->ip + IPV4_CHECK, place, new, n);
    /* UDP over IPv4 may have none. */
    if (f->proto != IPPROTO_UDP || check[0] || check[1])
        mend_checksum(check, place, new, n);
    memcpy(place, new, n);
    *known = *addr;
}

void frame_set_dst(struct frame *f, const struct netaddr *addr)
{
    set_address(f, f->ip + (f->type == ETHERTYPE_IPV4 ? IPV4_DST : IPV6_DST), &f->dst, addr);
}

void frame_set_src(struct frame *f, const struct netaddr *addr)
{
    set_address(f, f->ip + (f->type == ETHERTYPE_IPV4 ? IPV4_SRC : IPV6_SRC), &f->src, addr);
}

uint8_t *frame_tcp_mss(const struct frame *f)
{
    enum { END = 0, NOP = 1, MSS = 2 };

    for (uint8_t *o = f->l4 + TCP_HLEN; o < f->payload && *o != END;) {
        if (*o == NOP) {
            o++;
            continue;
        }
        if (f->payload - o < 2 || o[1] < 2 || o[1] > f->payload - o)
            return NULL;
        if (*o == MSS)
            return o[1] == 4 ? o + 2 : NULL;
        o += o[1];
    }
    return NULL;
}

void frame_complete_checksum(const struct frame *f)
{
    size_t len = f->proto == IPPROTO_UDP ? UDP_HLEN + f->payload_len : f->l4_len;
    uint8_t *place = checksum_place(f);

    memset(place, 0, 2);
    uint32_t sum = checksum_pseudo(&f->src, &f->dst, f->proto, len);
    uint16_t check = (uint16_t)~checksum_fold(checksum_add(sum, f->l4, len));
    if (f->proto == IPPROTO_UDP && check == 0)
        check = 0xffff;
    memcpy(place, &check, sizeof check);
}

/* Ethernet and IP headers of a packet with @len bytes behind them. Returns where these go. */
static uint8_t *put_headers(uint8_t *buf, const struct frame_ends *e, uint8_t proto, size_t len)
{
    bool v4 = netaddr_is_ipv4(&e->src);
    uint8_t *ip = buf + ETH_HLEN;

    memcpy(buf, e->dst_mac, 6);
    memcpy(buf + 6, e->src_mac, 6);
    put16(buf + 12, v4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
    memset(ip, 0, v4 ? IPV4_HLEN : IPV6_HLEN);
    if (!v4) {
        ip[0] = 6 << 4;
        put16(ip + IPV6_LEN, len);
        ip[IPV6_NEXT] = proto;
        ip[IPV6_HOPS] = REPLY_TTL;
        memcpy(ip + IPV6_SRC, e->src.bytes, 16);
        memcpy(ip + IPV6_DST, e->dst.bytes, 16);
        return ip + IPV6_HLEN;
    }
    ip[0] = 4 << 4 | IPV4_HLEN / 4;
    put16(ip + IPV4_LEN, IPV4_HLEN + len);
    ip[IPV4_TTL] = REPLY_TTL;
    ip[IPV4_PROTO] = proto;
    memcpy(ip + IPV4_SRC, e->src.bytes + 12, 4);
    memcpy(ip + IPV4_DST, e->dst.bytes + 12, 4);
    uint16_t check = (uint16_t)~checksum_fold(checksum_add(0, ip, IPV4_HLEN));
    memcpy(ip + IPV4_CHECK, &check, sizeof check);
    return ip + IPV4_HLEN;
}

/* The checksum of the @len bytes at @l4, to be stored at @place of them, where there are zeros now. */
static void put_checksum(uint8_t *l4, size_t len, size_t place, const struct frame_ends *e, uint8_t proto)
{
    uint32_t sum = proto == IPPROTO_ICMP ? 0 : checksum_pseudo(&e->src, &e->dst, proto, len);
    uint16_t check = (uint16_t)~checksum_fold(checksum_add(sum, l4, len));

    if (proto == IPPROTO_UDP && check == 0)
        check = 0xffff;
    memcpy(l4 + place, &check, sizeof check);
}

size_t frame_build_tcp(const struct frame_ends *e, const struct frame_tcp *t, uint8_t *buf)
{
    uint8_t *tcp = put_headers(buf, e, IPPROTO_TCP, TCP_HLEN);

    memset(tcp, 0, TCP_HLEN);
    put16(tcp, e->sport);
    put16(tcp + 2, e->dport);
    put32(tcp + TCP_SEQ, t->seq);
    put32(tcp + TCP_ACK, t->ack);
    tcp[TCP_OFF] = TCP_HLEN / 4 << 4;
    tcp[TCP_FLAGS] = t->flags;
    put16(tcp + TCP_WINDOW, t->window);
    put_checksum(tcp, TCP_HLEN, TCP_CHECK, e, IPPROTO_TCP);
    return (size_t)(tcp - buf) + TCP_HLEN;
}

/* From whom @f was sent to, to who sent it. */
static struct frame_ends back(const struct frame *f)
{
    return (struct frame_ends){.src_mac = f->data,
                               .dst_mac = f->data + 6,
                               .src = f->dst,
                               .dst = f->src,
                               .sport = f->dport,
                               .dport = f->sport};
}

size_t frame_build_reset(const struct frame *f, uint8_t *buf)
{
    const struct frame_ends e = back(f);
    uint32_t length = (uint32_t)f->payload_len + (f->tcp_flags & TCP_FLAG_SYN ? 1 : 0) +
                      (f->tcp_flags & TCP_FLAG_FIN ? 1 : 0);

    /* RFC 9293, 3.10.7.1: with the sequence number that the segment acknowledges, or acknowledging it. */
    struct frame_tcp t = {.ack = f->seq + length, .flags = TCP_FLAG_RST | TCP_FLAG_ACK};
    if (f->tcp_flags & TCP_FLAG_ACK)
        t = (struct frame_tcp){.seq = f->ack, .flags = TCP_FLAG_RST};
    return frame_build_tcp(&e, &t, buf);
}

static bool is_single_host(const struct netaddr *a)
{
    static const struct netaddr none = {{0}};

    if (netaddr_is_ipv4(a))
        return a->bytes[12] != 0 && a->bytes[12] < 224;
    return a->bytes[0] != 0xff && !netaddr_equal(a, &none);
}

size_t frame_build_prohibited(const struct frame *f, uint8_t *buf)
{
    enum { UNREACHABLE4 = 3, PROHIBITED4 = 13, UNREACHABLE6 = 1, PROHIBITED6 = 1, ECHO4 = 8, ECHO6 = 128 };
    bool v4 = f->type == ETHERTYPE_IPV4;
    uint8_t proto = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    const struct frame_ends e = back(f);
    size_t quoted = f->ip_hlen + f->l4_len;
    /* So much that the answer fits into the smallest MTU there may be. */
    size_t room = v4 ? 576 - IPV4_HLEN - ICMP_HLEN : 1280 - IPV6_HLEN - ICMP_HLEN;

    if (f->offset || !is_single_host(&f->src) || !is_single_host(&f->dst) ||
        (f->proto == proto && f->icmp_type != (v4 ? ECHO4 : ECHO6)))
        return 0;
    if (quoted > room)
        quoted = room;
    uint8_t *icmp = put_headers(buf, &e, proto, ICMP_HLEN + quoted);
    memset(icmp, 0, ICMP_HLEN);
    icmp[0] = v4 ? UNREACHABLE4 : UNREACHABLE6;
    icmp[1] = v4 ? PROHIBITED4 : PROHIBITED6;
    memcpy(icmp + ICMP_HLEN, f->ip, quoted);
    put_checksum(icmp, ICMP_HLEN + quoted, ICMP_CHECK, &e, proto);
    return (size_t)(icmp - buf) + ICMP_HLEN + quoted;
}

size_t frame_build_udp(const struct frame_ends *e, uint8_t *buf, size_t len)
{
    uint8_t *udp = put_headers(buf, e, IPPROTO_UDP, UDP_HLEN + len);

    put16(udp, e->sport);
    put16(udp + 2, e->dport);
    put16(udp + UDP_LEN, UDP_HLEN + len);
    put16(udp + UDP_CHECK, 0);
    put_checksum(udp, UDP_HLEN + len, UDP_CHECK, e, IPPROTO_UDP);
    return (size_t)(udp - buf) + UDP_HLEN + len;
}

/* ARP for IPv4 over Ethernet. */
static bool is_good_arp(const struct frame *f)
{
    static const uint8_t kind[ARP_OP] = {0, 1, ETHERTYPE_IPV4 >> 8, 0, 6, 4};

    return f->type == ETHERTYPE_ARP && f->len >= ETH_HLEN + ARP_LEN && memcmp(f->ip, kind, sizeof kind) == 0;
}

bool frame_arp_sender(const struct frame *f, struct netaddr *addr, uint8_t mac[6])
{
    if (!is_good_arp(f) || get32(f->ip + ARP_SPA) == 0)
        return false;
    memcpy(mac, f->ip + ARP_SHA, 6);
    *addr = netaddr_from4(f->ip + ARP_SPA);
    return true;
}

bool frame_asks_for(const struct frame *f, struct netaddr *addr)
{
    if (is_good_arp(f) && get16(f->ip + ARP_OP) == ARP_REQUEST) {
        *addr = netaddr_from4(f->ip + ARP_TPA);
        return true;
    }
    if (f->type != ETHERTYPE_IPV6 || f->proto != IPPROTO_ICMPV6 || f->icmp_type != SOLICITATION ||
        f->l4_len < ICMP_TARGET + 16)
        return false;
    *addr = netaddr_from6(f->l4 + ICMP_TARGET);
    return true;
}

size_t frame_build_neighbour(const struct netaddr *addr, const uint8_t mac[6], const struct netaddr *asker,
                             uint8_t *buf)
{
    enum { SOLICITED_OVERRIDE = 0x60, TARGET_LINK_ADDRESS = 2, LEN = ICMP_TARGET + 16 + 8 };
    static const uint8_t kind[ARP_OP + 2] = {0, 1, ETHERTYPE_IPV4 >> 8, 0, 6, 4, 0, ARP_REPLY};
    const struct frame_ends e = {.src_mac = mac, .dst_mac = mac, .src = *addr, .dst = *asker};

    if (netaddr_is_ipv4(addr)) {
        uint8_t *arp = buf + ETH_HLEN;
        memset(buf, 0, ETH_HLEN + ARP_LEN);
        memcpy(buf + 6, mac, 6);
        put16(buf + 12, ETHERTYPE_ARP);
        memcpy(arp, kind, sizeof kind);
        memcpy(arp + ARP_SHA, mac, 6);
        memcpy(arp + ARP_SPA, addr->bytes + 12, 4);
        memcpy(arp + ARP_TPA, asker->bytes + 12, 4);
        return ETH_HLEN + ARP_LEN;
    }
    uint8_t *icmp = put_headers(buf, &e, IPPROTO_ICMPV6, LEN);
    buf[ETH_HLEN + IPV6_HOPS] = 255; /* RFC 4861: not from beyond a router */
    memset(icmp, 0, LEN);
    icmp[0] = ADVERTISE;
    icmp[4] = SOLICITED_OVERRIDE;
    memcpy(icmp + ICMP_TARGET, addr->bytes, 16);
    icmp[ICMP_TARGET + 16] = TARGET_LINK_ADDRESS;
    icmp[ICMP_TARGET + 17] = 1; /* in units of 8 bytes */
    memcpy(icmp + ICMP_TARGET + 18, mac, 6);
    put_checksum(icmp, LEN, ICMP_CHECK, &e, IPPROTO_ICMPV6);
    return (size_t)(icmp - buf) + LEN;
}
