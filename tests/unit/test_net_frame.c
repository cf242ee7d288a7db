/*
 * Frames of bryo-net: what is let through and what is not, fragments, checksums, the answers it builds.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "helpers/net/checksum.h"
#include "helpers/net/frame.h"
#include "helpers/net/reasm.h"
#include "helpers/net/vnet.h"
#include "net_packets.h"

#define GUEST  0x0a000264
#define REMOTE 0xc0000201
/* Not terminated: bytes. */
static const char guest6[16] = "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x64";
static const char remote6[16] = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01";

static struct packet k;

static void checksums_agree_with_the_slow_way(void **state)
{
    uint8_t bytes[2048];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 3);
    for (size_t from = 0; from < 9; from++)
        for (size_t n = 0; n < 300; n++) {
            uint16_t fast = checksum_fold(checksum_add(0, bytes + from, n));
            uint8_t place[2];
            memcpy(place, &fast, 2);
            assert_int_equal(packet_get16(place), packet_sum(bytes + from, n, 0));
        }
    /* Carries out of the last word. */
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(checksum_fold(checksum_add(0xffff, bytes, sizeof bytes)), 0xffff);
}

static void good_packets(void **state)
{
    struct frame f;

    (void)state;
    packet_ipv4(&k, IPPROTO_TCP, GUEST, REMOTE, 20 + 5);
    packet_tcp(&k, 1000, 443, 7, 9, TCP_FLAG_ACK);
    k.len += 6; /* padding of a short frame */
    assert_int_equal(frame_parse(k.bytes, k.len, &f), 0);
    assert_int_equal(f.len, 14 + 20 + 25);
    assert_int_equal(f.sport, 1000);
    assert_int_equal(f.dport, 443);
    assert_int_equal(f.seq, 7);
    assert_int_equal(f.ack, 9);
    assert_int_equal(f.payload_len, 5);
    packet_ipv6(&k, IPPROTO_UDP, guest6, remote6, 8 + 3);
    packet_udp(&k, 1000, 53, "abc", 3);
    assert_int_equal(frame_parse(k.bytes, k.len, &f), 0);
    assert_memory_equal(f.dst.bytes, remote6, 16);
    assert_int_equal(f.payload_len, 3);
    assert_memory_equal(f.payload, "abc", 3);
}

/* One byte of a good TCP or UDP packet is changed. */
static void bad_packets(void **state)
{
    static const struct {
        int v6, udp;
        size_t place;
        uint8_t value;
        int result;
    } rows[] = {
        {0, 0, 14, 0x44, -EBADMSG},         /* header of 16 bytes */
        {0, 0, 14, 0x55, -EBADMSG},         /* version 5 */
        {0, 0, 14, 0x46, -EPROTONOSUPPORT}, /* options */
        {0, 0, 16, 0xff, -EBADMSG},         /* longer than the frame */
        {0, 0, 17, 19, -EBADMSG},           /* shorter than its header */
        {0, 0, 17, 30, -EBADMSG},           /* shorter than TCP's */
        {0, 0, 23, IPPROTO_IGMP, -EPROTONOSUPPORT},
        {0, 0, 23, IPPROTO_ICMPV6, -EPROTONOSUPPORT},
        {0, 0, 34 + 12, 4 << 4, -EBADMSG},  /* TCP header of 16 bytes */
        {0, 0, 34 + 12, 15 << 4, -EBADMSG}, /* longer than the packet */
        {0, 1, 34 + 5, 7, -EBADMSG},        /* UDP length below its header */
        {0, 1, 34 + 4, 0xff, -EBADMSG},     /* above the packet */
        {1, 0, 14, 0x40, -EBADMSG},         /* version 4 */
        {1, 0, 18, 0xff, -EBADMSG},         /* longer than the frame */
        {1, 0, 20, 0, -EPROTONOSUPPORT},    /* hop-by-hop options */
        {1, 0, 20, 44, -EPROTONOSUPPORT},   /* fragment */
        {1, 0, 20, IPPROTO_ICMP, -EPROTONOSUPPORT},
        {0, 0, 12, 0x88, -EPROTONOSUPPORT}, /* neither ARP nor IP */
    };
    struct frame f;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint8_t proto = rows[i].udp ? IPPROTO_UDP : IPPROTO_TCP;
        if (rows[i].v6)
            packet_ipv6(&k, proto, guest6, remote6, 40);
        else
            packet_ipv4(&k, proto, GUEST, REMOTE, 40);
        if (rows[i].udp)
            packet_udp(&k, 1, 2, remote6, 16);
        else
            packet_tcp(&k, 1, 2, 3, 4, TCP_FLAG_ACK);
        assert_int_equal(frame_parse(k.bytes, k.len, &f), 0);
        k.bytes[rows[i].place] = rows[i].value;
        int r = frame_parse(k.bytes, k.len, &f);
        if (r != rows[i].result)
            fail_msg("row %zu: expected %d, found %d", i, rows[i].result, r);
    }
    for (size_t n = 0; n < 14 + 20 + 20; n++) {
        packet_ipv4(&k, IPPROTO_TCP, GUEST, REMOTE, 20);
        packet_tcp(&k, 1, 2, 3, 4, TCP_FLAG_ACK);
        assert_int_equal(frame_parse(k.bytes, n, &f), -EBADMSG);
    }
    /* IPv4 in the clothes of IPv6. */
    packet_ipv6(&k, IPPROTO_TCP, guest6, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\x01", 20);
    packet_tcp(&k, 1, 2, 3, 4, TCP_FLAG_SYN);
    assert_int_equal(frame_parse(k.bytes, k.len, &f), -EPROTONOSUPPORT);
}

static void addresses_are_replaced(void **state)
{
    const struct netaddr other4 = netaddr_from4("\x7f\0\0\x35"), other6 = netaddr_from6(guest6);
    struct frame f;

    (void)state;
    packet_ipv4(&k, IPPROTO_TCP, GUEST, REMOTE, 20);
    packet_tcp(&k, 1000, 53, 7, 0, TCP_FLAG_SYN);
    assert_int_equal(frame_parse(k.bytes, k.len, &f), 0);
    frame_set_dst(&f, &other4);
    assert_memory_equal(k.bytes + 30, "\x7f\0\0\x35", 4);
    assert_int_equal(packet_verify(&k, IPPROTO_TCP), 0xffff);
    assert_int_equal(packet_sum(k.bytes + 14, 20, 0), 0xffff);
    packet_ipv6(&k, IPPROTO_UDP, guest6, remote6, 8 + 3);
    packet_udp(&k, 1, 2, "abc", 3);
    assert_int_equal(frame_parse(k.bytes, k.len, &f), 0);
    frame_set_src(&f, &other6);
    assert_int_equal(packet_verify(&k, IPPROTO_UDP), 0xffff);
    /* UDP over IPv4 without a checksum stays without. */
    packet_ipv4(&k, IPPROTO_UDP, GUEST, REMOTE, 8);
    packet_udp(&k, 1, 2, "", 0);
    packet_put16(k.bytes + k.l4 + 6, 0);
    assert_int_equal(frame_parse(k.bytes, k.len, &f), 0);
    frame_set_dst(&f, &other4);
    assert_int_equal(packet_get16(k.bytes + k.l4 + 6), 0);
}

static void the_mss_is_found(void **state)
{
    static const uint8_t options[] = {1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 2, 4, 5, 0xb4};
    struct frame f;

    (void)state;
    packet_ipv4(&k, IPPROTO_TCP, GUEST, REMOTE, 20 + sizeof options);
    memcpy(k.bytes + k.l4 + 20, options, sizeof options);
    packet_tcp(&k, 1, 2, 3, 0, TCP_FLAG_SYN);
    k.bytes[k.l4 + 12] = (5 + sizeof options / 4) << 4;
    assert_int_equal(frame_parse(k.bytes, k.len, &f), 0);
    assert_ptr_equal(frame_tcp_mss(&f), k.bytes + k.l4 + 20 + 14);
    /* Options that do not end within the header, or have no length. */
    k.bytes[k.l4 + 20 + 3] = 100;
    assert_null(frame_tcp_mss(&f));
    k.bytes[k.l4 + 20 + 3] = 0;
    assert_null(frame_tcp_mss(&f));
    k.bytes[k.l4 + 20] = 0;
    assert_null(frame_tcp_mss(&f));
}

static void resets(void **state)
{
    static struct packet reply;
    struct frame f, r;

    (void)state;
    packet_ipv4(&k, IPPROTO_TCP, GUEST, REMOTE, 20 + 10);
    packet_tcp(&k, 1000, 443, 7, 0, TCP_FLAG_SYN);
    assert_int_equal(frame_parse(k.bytes, k.len, &f), 0);
    reply.len = frame_build_reset(&f, reply.bytes);
    reply.ip = 14;
    reply.l4 = 34;
    assert_int_equal(frame_parse(reply.bytes, reply.len, &r), 0);
    assert_int_equal(packet_verify(&reply, IPPROTO_TCP), 0xffff);
    assert_int_equal(packet_sum(reply.bytes + 14, 20, 0), 0xffff);
    assert_int_equal(r.tcp_flags, TCP_FLAG_RST | TCP_FLAG_ACK);
    assert_int_equal(r.ack, 7 + 10 + 1);
    assert_int_equal(r.sport, 443);
    assert_int_equal(r.dport, 1000);
    assert_memory_equal(reply.bytes, k.bytes + 6, 6);
    packet_tcp(&k, 1000, 443, 7, 99, TCP_FLAG_ACK);
    assert_int_equal(frame_parse(k.bytes, k.len, &f), 0);
    reply.len = frame_build_reset(&f, reply.bytes);
    assert_int_equal(frame_parse(reply.bytes, reply.len, &r), 0);
    assert_int_equal(r.tcp_flags, TCP_FLAG_RST);
    assert_int_equal(r.seq, 99);
}

static void prohibitions(void **state)
{
    static const uint8_t thousand[1000] = {1, 2, 3};
    static struct packet reply;
    struct frame f, r;

    (void)state;
    packet_ipv4(&k, IPPROTO_UDP, GUEST, REMOTE, 8 + 1000);
    packet_udp(&k, 1, 2, thousand, 1000);
    assert_int_equal(frame_parse(k.bytes, k.len, &f), 0);
    reply.len = frame_build_prohibited(&f, reply.bytes);
    assert_int_equal(reply.len, 14 + 576);
    assert_int_equal(frame_parse(reply.bytes, reply.len, &r), 0);
    assert_int_equal(r.icmp_type, 3);
    assert_int_equal(r.icmp_code, 13);
    assert_int_equal(packet_sum(reply.bytes + 34, reply.len - 34, 0), 0xffff);
    assert_memory_equal(reply.bytes + 42, k.bytes + 14, 28);
    packet_ipv6(&k, IPPROTO_UDP, guest6, remote6, 8 + 3);
    packet_udp(&k, 1, 2, "abc", 3);
    assert_int_equal(frame_parse(k.bytes, k.len, &f), 0);
    reply.len = frame_build_prohibited(&f, reply.bytes);
    reply.ip = 14;
    reply.l4 = 54;
    assert_int_equal(packet_verify(&reply, IPPROTO_ICMPV6), 0xffff);
    assert_int_equal(reply.bytes[54], 1);
    assert_int_equal(reply.bytes[55], 1);
    /* An error is not answered with an error (RFC 1122, 3.2.2), nor is what went to many. */
    packet_ipv4(&k, IPPROTO_ICMP, GUEST, REMOTE, 8);
    k.bytes[34] = 3;
    assert_int_equal(frame_parse(k.bytes, k.len, &f), 0);
    assert_int_equal(frame_build_prohibited(&f, reply.bytes), 0);
    packet_ipv4(&k, IPPROTO_UDP, GUEST, 0xe0000001, 8);
    packet_udp(&k, 1, 2, "", 0);
    assert_int_equal(frame_parse(k.bytes, k.len, &f), 0);
    assert_int_equal(frame_build_prohibited(&f, reply.bytes), 0);
}

/* Piece @from … @from + @n of a UDP datagram of @total bytes (header and all), whose bytes count up. */
static void make_piece(struct frame *f, size_t from, size_t n, size_t total, unsigned id)
{
    packet_ipv4(&k, IPPROTO_UDP, GUEST, REMOTE, n);
    packet_put16(k.bytes + 18, id);
    packet_put16(k.bytes + 20, from / 8 | (from + n < total ? 0x2000 : 0));
    for (size_t i = 0; i < n; i++)
        k.bytes[34 + i] = (uint8_t)(from + i);
    if (from == 0) {
        packet_put16(k.bytes + 34, 1111);
        packet_put16(k.bytes + 36, 2222);
        packet_put16(k.bytes + 38, total);
    }
    assert_int_equal(frame_parse(k.bytes, k.len, f), 0);
    assert_true(f->fragment);
}

static void pieces_are_put_together(void **state)
{
    static const size_t orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}};
    const size_t piece = 1480, total = 3 * 1480 + 101;
    _cleanup_(reasm_free) struct reasm r = {{0}};
    struct frame f;

    (void)state;
    for (size_t o = 0; o < ARRAY_SIZE(orders); o++) {
        _cleanup_free_ uint8_t *whole = NULL;
        size_t len = 0;
        for (size_t i = 0; i < 4; i++) {
            size_t from = orders[o][i] * piece;
            make_piece(&f, from, orders[o][i] == 3 ? 101 : piece, total, 5);
            assert_int_equal(reasm_add(&r, &f, 0, &whole, &len), i == 3);
        }
        assert_int_equal(frame_parse(whole, len, &f), 0);
        assert_false(f.fragment);
        assert_int_equal(f.sport, 1111);
        assert_int_equal(f.dport, 2222);
        assert_int_equal(f.payload_len, total - 8);
        assert_int_equal(packet_sum(whole + 14, 20, 0), 0xffff);
        for (size_t i = 0; i < f.payload_len; i++)
            assert_int_equal(f.payload[i], (uint8_t)(i + 8));
    }
}

static void pieces_that_do_not_fit(void **state)
{
    static const struct {
        size_t from[3], n[3], total[3];
    } rows[] = {
        {{0, 8, 0}, {16, 16, 0}, {100, 100, 0}},    /* overlap */
        {{0, 0, 0}, {16, 16, 0}, {100, 100, 0}},    /* twice the same */
        {{80, 0, 0}, {20, 200, 0}, {100, 400, 0}},  /* beyond the end, which came first */
        {{160, 80, 0}, {40, 20, 0}, {400, 100, 0}}, /* the end before what came */
        {{80, 96, 0}, {20, 4, 0}, {100, 100, 0}},   /* two ends */
    };
    struct frame f;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(reasm_free) struct reasm r = {{0}};
        uint8_t *whole = NULL;
        size_t len, j = 0;
        int got = 0;
        for (; j < 3 && rows[i].n[j] && got == 0; j++) {
            make_piece(&f, rows[i].from[j], rows[i].n[j], rows[i].total[j], 9);
            got = reasm_add(&r, &f, 0, &whole, &len);
        }
        if (got != -EBADMSG || j != 2)
            fail_msg("row %zu: %d after %zu pieces", i, got, j);
        assert_null(whole);
    }
}

static void pieces_beyond_the_length_of_a_packet(void **state)
{
    _cleanup_(reasm_free) struct reasm r = {{0}};
    uint8_t *whole = NULL;
    struct frame f;
    size_t len;

    (void)state;
    make_piece(&f, 65528, 100, 65628, 9);
    assert_int_equal(reasm_add(&r, &f, 0, &whole, &len), -EBADMSG);
    /* A piece that is not the last ends at a multiple of eight. */
    make_piece(&f, 0, 13, 100, 9);
    assert_int_equal(reasm_add(&r, &f, 0, &whole, &len), -EBADMSG);
    assert_null(whole);
}

/* What is missing pieces is thrown away: the oldest when there are too many, all of it after a while. */
static void pieces_are_bounded(void **state)
{
    _cleanup_(reasm_free) struct reasm r = {{0}};
    _cleanup_free_ uint8_t *whole = NULL;
    struct frame f;
    size_t len;

    (void)state;
    for (unsigned id = 0; id < 10000; id++) {
        make_piece(&f, 0, 800, 1000, id);
        assert_int_equal(reasm_add(&r, &f, id, &whole, &len), 0);
    }
    make_piece(&f, 800, 200, 1000, 1);
    assert_int_equal(reasm_add(&r, &f, 10000, &whole, &len), 0);
    make_piece(&f, 800, 200, 1000, 9999);
    assert_int_equal(reasm_add(&r, &f, 10000, &whole, &len), 1);
    make_piece(&f, 800, 200, 1000, 9998);
    uint8_t *late = NULL;
    assert_int_equal(reasm_add(&r, &f, 9998 + 60000, &late, &len), 0);
}

static void virtual_headers(void **state)
{
    struct virtio_net_hdr h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16};
    struct frame f;

    (void)state;
    packet_ipv4(&k, IPPROTO_TCP, GUEST, REMOTE, 20 + 3000);
    packet_tcp(&k, 1, 2, 3, 4, TCP_FLAG_ACK);
    packet_put16(k.bytes + 50, 0x1234);
    assert_int_equal(frame_parse(k.bytes, k.len, &f), 0);
    assert_int_equal(vnet_complete(&h, &f), 0);
    assert_int_equal(packet_verify(&k, IPPROTO_TCP), 0xffff);
    h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    assert_int_equal(vnet_complete(&h, &f), 0);
    h.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
    assert_int_equal(vnet_complete(&h, &f), -EBADMSG);
    h.gso_type = VIRTIO_NET_HDR_GSO_UDP;
    assert_int_equal(vnet_complete(&h, &f), -EBADMSG);
    h.gso_type = VIRTIO_NET_HDR_GSO_NONE;
    h.csum_start = 40;
    assert_int_equal(vnet_complete(&h, &f), -EBADMSG);
    h.csum_start = 34;
    h.csum_offset = 6;
    assert_int_equal(vnet_complete(&h, &f), -EBADMSG);
    h.flags = 0;
    assert_int_equal(vnet_complete(&h, &f), 0);

    vnet_describe(&h, &f, 1460);
    assert_int_equal(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    assert_int_equal(h.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
    assert_int_equal(h.gso_size, 1460);
    assert_int_equal(h.hdr_len, 54);
    /* What the kernel will make of it: the sum of all with the pseudo header in its place. */
    assert_int_equal(packet_get16(k.bytes + 50), packet_sum(k.bytes + 26, 8, IPPROTO_TCP + 20 + 3000));
    vnet_describe(&h, &f, 3000);
    assert_int_equal(h.gso_type, VIRTIO_NET_HDR_GSO_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums_agree_with_the_slow_way),
        cmocka_unit_test(good_packets),
        cmocka_unit_test(bad_packets),
        cmocka_unit_test(addresses_are_replaced),
        cmocka_unit_test(the_mss_is_found),
        cmocka_unit_test(resets),
        cmocka_unit_test(prohibitions),
        cmocka_unit_test(pieces_are_put_together),
        cmocka_unit_test(pieces_that_do_not_fit),
        cmocka_unit_test(pieces_beyond_the_length_of_a_packet),
        cmocka_unit_test(pieces_are_bounded),
        cmocka_unit_test(virtual_headers),
    };

    return cmocka_run_group_tests_name("net_frame", tests, NULL, NULL);
}
