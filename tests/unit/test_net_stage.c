/*
 * The stage of bryo-net with nothing behind it: which frames go on to libslirp, which are answered, and how
 * flows come and go.
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
#include "helpers/net/stage.h"
#include "net_packets.h"

#define GUEST      0x0a000264
#define GATEWAY    0x0a000202
#define NAMESERVER 0x0a000203
#define REMOTE     0xc0000201
#define LOOPBACK   0x7f000001
#define RESOLVER   0x7f000035 /* 127.0.0.53 */
static const char guest6[16] = "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x64";
static const char remote6[16] = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01";

/* What came out: the last frame on either side, and how many. */
struct seen {
    struct packet frame;
    struct virtio_net_hdr h;
    unsigned count;
};
static struct seen stack, tap;

static struct packet k;

static void to_stack(void *data, const uint8_t *frame, size_t len)
{
    (void)data;
    memcpy(stack.frame.bytes, frame, len);
    stack.frame.len = len;
    stack.count++;
}

static int to_tap(void *data, const struct virtio_net_hdr *h, const uint8_t *head, size_t head_len,
                  const uint8_t *rest, size_t rest_len)
{
    (void)data;
    tap.h = *h;
    memcpy(tap.frame.bytes, head, head_len);
    if (rest_len)
        memcpy(tap.frame.bytes + head_len, rest, rest_len);
    tap.frame.len = head_len + rest_len;
    tap.count++;
    return 0;
}

struct fixture {
    struct settings settings;
    struct loop loop;
    struct stage stage;
};

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);

    settings_init(&x->settings);
    x->settings.configure = true;
    x->settings.host_loopback = false;
    x->settings.ipv6 = true;
    x->settings.log.level = LOG_LEVEL_ERROR;
    assert_int_equal(netaddr_parse("127.0.0.53", &x->settings.upstream[0]), 0);
    x->settings.n_upstreams = 1;
    assert_int_equal(settings_complete(&x->settings, NULL), 0);
    assert_int_equal(loop_init(&x->loop), 0);
    x->stage.to_stack = to_stack;
    x->stage.to_tap = to_tap;
    assert_int_equal(stage_init(&x->stage, &x->settings, &x->loop, NULL), 0);
    x->stage.now_ms = 1000;
    stack.count = tap.count = 0;
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;

    stage_free(&x->stage);
    loop_close(&x->loop);
    free(x);
    return 0;
}

/* Sends @k from the container; how many went on to libslirp, were answered? */
static void send_on(struct stage *s, unsigned on, unsigned answered)
{
    static const struct virtio_net_hdr plain;
    static struct packet copy;

    copy = k;
    stack.count = tap.count = 0;
    stage_from_tap(s, &plain, copy.bytes, copy.len);
    assert_int_equal(stack.count, on);
    assert_int_equal(tap.count, answered);
}

static void syn(uint32_t dst, unsigned sport, unsigned dport)
{
    static const uint8_t mss[] = {2, 4, 0x05, 0x78}; /* 1400 */

    packet_ipv4(&k, IPPROTO_TCP, GUEST, dst, 24);
    memcpy(k.bytes + k.l4 + 20, mss, sizeof mss);
    packet_tcp(&k, sport, dport, 100, 0, TCP_FLAG_SYN);
    k.bytes[k.l4 + 12] = 6 << 4;
    packet_put16(k.bytes + k.l4 + 16, 0);
    packet_put16(k.bytes + k.l4 + 16, 0xffff & ~packet_verify(&k, IPPROTO_TCP));
}

static struct frame parsed(struct seen *seen)
{
    struct frame f;

    assert_int_equal(frame_parse(seen->frame.bytes, seen->frame.len, &f), 0);
    return f;
}

static void a_connection_opens(void **state)
{
    struct stage *s = &((struct fixture *)*state)->stage;

    syn(REMOTE, 4000, 443);
    send_on(s, 1, 0);
    struct frame f = parsed(&stack);
    uint8_t *mss = frame_tcp_mss(&f);
    assert_int_equal(packet_get16(mss), 16380);
    stack.frame.ip = 14;
    stack.frame.l4 = 34;
    assert_int_equal(packet_verify(&stack.frame, IPPROTO_TCP), 0xffff);
    assert_int_equal(s->flows.open[FLOW_TCP], 1);
    /* What comes back in one piece is cut to what the container asked for. */
    packet_ipv4(&k, IPPROTO_TCP, REMOTE, GUEST, 20 + 30000);
    packet_tcp(&k, 443, 4000, 500, 101, TCP_FLAG_ACK);
    stage_from_stack(s, k.bytes, k.len);
    assert_int_equal(tap.count, 1);
    assert_int_equal(tap.frame.len, k.len);
    assert_int_equal(tap.h.gso_size, 1400);
    assert_int_equal(s->counts.received_bytes, k.len);
    assert_int_equal(s->counts.sent_packets, 1);
}

static void what_nobody_can_mean_is_refused(void **state)
{
    static const uint32_t refused[] = {LOOPBACK, RESOLVER, 0, 0x00000001, GATEWAY, 0x0a00024d, 0x0a0002fe};
    static const uint32_t dropped[] = {0xe00000fb, 0xffffffff, 0xf0000001};
    static const char *const refused6[] = {
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02", "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x77",
        "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"};
    struct stage *s = &((struct fixture *)*state)->stage;

    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        syn(refused[i], 4000, 80);
        send_on(s, 0, 1);
        assert_int_equal(parsed(&tap).tcp_flags, TCP_FLAG_RST | TCP_FLAG_ACK);
    }
    for (size_t i = 0; i < ARRAY_SIZE(refused6); i++) {
        packet_ipv6(&k, IPPROTO_TCP, guest6, refused6[i], 20);
        packet_tcp(&k, 4000, 80, 1, 0, TCP_FLAG_SYN);
        send_on(s, 0, 1);
    }
    for (size_t i = 0; i < ARRAY_SIZE(dropped); i++) {
        packet_ipv4(&k, IPPROTO_UDP, GUEST, dropped[i], 8);
        packet_udp(&k, 4000, 5353, "", 0);
        send_on(s, 0, 0);
    }
    packet_ipv4(&k, IPPROTO_UDP, GUEST, LOOPBACK, 8);
    packet_udp(&k, 4000, 53, "", 0);
    send_on(s, 0, 1);
    assert_int_equal(parsed(&tap).icmp_type, 3);
    assert_int_equal(s->counts.refused, 7 + 5 + 3 + 1);
    assert_int_equal(s->flows.open[FLOW_TCP] + s->flows.open[FLOW_UDP], 0);
}

static void the_loopback_of_the_host_on_request(void **state)
{
    struct fixture *x = *state;

    x->settings.host_loopback = true;
    syn(GATEWAY, 4000, 80);
    send_on(&x->stage, 1, 0);
    /* By that one address only. */
    syn(LOOPBACK, 4000, 80);
    send_on(&x->stage, 0, 1);
    syn(0x0a00024d, 4000, 80);
    send_on(&x->stage, 0, 1);
}

static void what_libslirp_answers_itself(void **state)
{
    struct stage *s = &((struct fixture *)*state)->stage;

    /* ARP */
    memset(&k, 0, sizeof k);
    k.bytes[12] = 8;
    k.bytes[13] = 6;
    k.len = 42;
    send_on(s, 1, 0);
    /* DHCP, by broadcast and to the gateway; TFTP and what else is there not. */
    packet_ipv4(&k, IPPROTO_UDP, 0, 0xffffffff, 8 + 300);
    packet_udp(&k, 68, 67, guest6, 16);
    send_on(s, 1, 0);
    packet_ipv4(&k, IPPROTO_UDP, GUEST, GATEWAY, 8);
    packet_udp(&k, 68, 67, "", 0);
    send_on(s, 1, 0);
    packet_ipv4(&k, IPPROTO_UDP, GUEST, GATEWAY, 8);
    packet_udp(&k, 68, 69, "", 0);
    send_on(s, 0, 1);
    /* Echo requests to the gateway need nothing of the host. */
    packet_ipv4(&k, IPPROTO_ICMP, GUEST, GATEWAY, 8);
    k.bytes[34] = 8;
    send_on(s, 1, 0);
    /* Neighbours, but no routers: the addresses are configured. */
    packet_ipv6(&k, IPPROTO_ICMPV6, guest6, "\xff\x02\0\0\0\0\0\0\0\0\0\x01\xff\0\0\x02", 24);
    k.bytes[54] = 135;
    send_on(s, 1, 0);
    k.bytes[54] = 133;
    send_on(s, 0, 0);
    tap.count = 0;
    packet_ipv6(&k, IPPROTO_ICMPV6, remote6, guest6, 24);
    k.bytes[54] = 134;
    stage_from_stack(s, k.bytes, k.len);
    assert_int_equal(tap.count, 0);
}

static void ping_as_the_host_allows_it(void **state)
{
    struct stage *s = &((struct fixture *)*state)->stage;

    packet_ipv4(&k, IPPROTO_ICMP, GUEST, REMOTE, 8);
    k.bytes[34] = 8;
    packet_put16(k.bytes + 38, 77);
    send_on(s, 0, 1);
    assert_int_equal(parsed(&tap).icmp_code, 13);
    s->ping = true;
    send_on(s, 1, 0);
    assert_int_equal(s->flows.open[FLOW_ECHO], 1);
    /* The answer belongs to it. */
    packet_ipv4(&k, IPPROTO_ICMP, REMOTE, GUEST, 8);
    packet_put16(k.bytes + 38, 77);
    stage_from_stack(s, k.bytes, k.len);
    assert_int_equal(s->flows.open[FLOW_ECHO], 1);
    assert_true(s->flows.newest[FLOW_ECHO]->answered);
    packet_ipv6(&k, IPPROTO_ICMPV6, guest6, remote6, 8);
    k.bytes[54] = 128;
    send_on(s, 0, 1);
    s->ping6 = true;
    send_on(s, 1, 0);
}

/* Segments of one connection, by whoever sends them. */
static void segment(struct stage *s, bool out, uint32_t seq, uint32_t ack, unsigned flags)
{
    packet_ipv4(&k, IPPROTO_TCP, out ? GUEST : REMOTE, out ? REMOTE : GUEST, 20);
    packet_tcp(&k, out ? 4000 : 443, out ? 443 : 4000, seq, ack, flags);
    if (out)
        send_on(s, 1, 0);
    else
        stage_from_stack(s, k.bytes, k.len);
}

static void open_connection(struct stage *s)
{
    segment(s, true, 100, 0, TCP_FLAG_SYN);
    segment(s, false, 500, 101, TCP_FLAG_SYN | TCP_FLAG_ACK);
    segment(s, true, 101, 501, TCP_FLAG_ACK);
    assert_int_equal(s->flows.open[FLOW_TCP], 1);
}

static void a_connection_closed_outside_leaves_nothing(void **state)
{
    struct stage *s = &((struct fixture *)*state)->stage;

    open_connection(s);
    segment(s, false, 501, 101, TCP_FLAG_FIN | TCP_FLAG_ACK);
    segment(s, true, 101, 502, TCP_FLAG_FIN | TCP_FLAG_ACK);
    assert_int_equal(s->flows.open[FLOW_TCP], 1);
    segment(s, false, 502, 102, TCP_FLAG_ACK);
    assert_int_equal(s->flows.open[FLOW_TCP], 0);
    /* libslirp, which would wait for stragglers, hears that there are none. */
    stack.count = 0;
    stage_settle(s);
    assert_int_equal(stack.count, 1);
    struct frame f = parsed(&stack);
    assert_int_equal(f.tcp_flags, TCP_FLAG_RST);
    assert_int_equal(f.seq, 102);
    assert_int_equal(f.sport, 4000);
    assert_int_equal(f.dport, 443);
    stage_settle(s);
    assert_int_equal(stack.count, 1);
}

static void a_connection_closed_inside_needs_no_reset(void **state)
{
    struct stage *s = &((struct fixture *)*state)->stage;

    open_connection(s);
    segment(s, true, 101, 501, TCP_FLAG_FIN | TCP_FLAG_ACK);
    segment(s, false, 501, 102, TCP_FLAG_ACK);
    segment(s, false, 501, 102, TCP_FLAG_FIN | TCP_FLAG_ACK);
    segment(s, true, 102, 502, TCP_FLAG_ACK);
    assert_int_equal(s->flows.open[FLOW_TCP], 0);
    stack.count = 0;
    stage_settle(s);
    assert_int_equal(stack.count, 0);
}

static void a_reset_ends_a_flow(void **state)
{
    struct stage *s = &((struct fixture *)*state)->stage;

    open_connection(s);
    segment(s, false, 501, 101, TCP_FLAG_RST | TCP_FLAG_ACK);
    assert_int_equal(s->flows.open[FLOW_TCP], 0);
    open_connection(s);
    segment(s, true, 101, 501, TCP_FLAG_RST);
    assert_int_equal(s->flows.open[FLOW_TCP], 0);
}

static void what_comes_from_outside_may_be_answered(void **state)
{
    struct stage *s = &((struct fixture *)*state)->stage;

    /* A client on the host's loopback: libslirp shows it as the gateway. */
    packet_ipv4(&k, IPPROTO_TCP, GATEWAY, GUEST, 20);
    packet_tcp(&k, 50000, 80, 1, 0, TCP_FLAG_SYN);
    stage_from_stack(s, k.bytes, k.len);
    assert_true(s->flows.newest[FLOW_TCP]->inbound);
    packet_ipv4(&k, IPPROTO_TCP, GUEST, GATEWAY, 20);
    packet_tcp(&k, 80, 50000, 1, 2, TCP_FLAG_SYN | TCP_FLAG_ACK);
    send_on(s, 1, 0);
    /* But it is no way out. */
    packet_tcp(&k, 80, 50000, 1, 0, TCP_FLAG_SYN);
    send_on(s, 0, 1);
    packet_ipv4(&k, IPPROTO_UDP, GATEWAY, GUEST, 8);
    packet_udp(&k, 50000, 53, "", 0);
    stage_from_stack(s, k.bytes, k.len);
    packet_ipv4(&k, IPPROTO_UDP, GUEST, GATEWAY, 8);
    packet_udp(&k, 53, 50000, "", 0);
    send_on(s, 1, 0);
    packet_udp(&k, 54, 50000, "", 0);
    send_on(s, 0, 1);
}

static void the_resolver_by_tcp(void **state)
{
    struct stage *s = &((struct fixture *)*state)->stage;

    syn(NAMESERVER, 4000, 53);
    send_on(s, 1, 0);
    assert_memory_equal(stack.frame.bytes + 30, "\x7f\0\0\x35", 4);
    stack.frame.ip = 14;
    stack.frame.l4 = 34;
    assert_int_equal(packet_verify(&stack.frame, IPPROTO_TCP), 0xffff);
    packet_ipv4(&k, IPPROTO_TCP, RESOLVER, GUEST, 20);
    packet_tcp(&k, 53, 4000, 1, 101, TCP_FLAG_SYN | TCP_FLAG_ACK);
    stage_from_stack(s, k.bytes, k.len);
    assert_memory_equal(tap.frame.bytes + 26, "\x0a\0\x02\x03", 4);
    assert_int_equal(packet_sum(tap.frame.bytes + 14, 20, 0), 0xffff);
    /* Its own address is the host's loopback all the same, and other ports are nobody's. */
    syn(RESOLVER, 4001, 53);
    send_on(s, 0, 1);
    syn(NAMESERVER, 4000, 80);
    send_on(s, 0, 1);
    /* No resolver that IPv6 leads to. */
    packet_ipv6(&k, IPPROTO_TCP, guest6, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03", 20);
    packet_tcp(&k, 4000, 53, 1, 0, TCP_FLAG_SYN);
    send_on(s, 0, 1);
}

static void queries_that_are_none(void **state)
{
    static const uint8_t update[] = {0x12, 0x34, 0x29, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1};
    struct stage *s = &((struct fixture *)*state)->stage;

    packet_ipv4(&k, IPPROTO_UDP, GUEST, NAMESERVER, 8 + 5);
    packet_udp(&k, 4000, 53, "hello", 5);
    send_on(s, 0, 0);
    assert_int_equal(s->counts.malformed, 1);
    packet_ipv4(&k, IPPROTO_UDP, GUEST, NAMESERVER, 8 + sizeof update);
    packet_udp(&k, 4000, 53, update, sizeof update);
    send_on(s, 0, 1);
    struct frame f = parsed(&tap);
    assert_int_equal(f.dport, 4000);
    assert_int_equal(f.sport, 53);
    assert_memory_equal(f.payload, "\x12\x34\xa9\x84", 4); /* an answer: not implemented */
}

static void flows_are_bounded(void **state)
{
    struct stage *s = &((struct fixture *)*state)->stage;
    unsigned max = s->flows.max[FLOW_TCP];

    for (unsigned i = 0; i < max + 10; i++) {
        syn(REMOTE, 1000 + i, 443);
        send_on(s, i < max, i >= max);
    }
    assert_int_equal(s->flows.open[FLOW_TCP], max);
    assert_int_equal(s->counts.limited, 10);
    /* Known ones go on. */
    syn(REMOTE, 1000, 443);
    send_on(s, 1, 0);
    /* Attempts that were never answered are forgotten when libslirp has given up. */
    s->now_ms += 1000000;
    syn(REMOTE, 60000, 443);
    send_on(s, 1, 0);
    assert_int_equal(s->flows.open[FLOW_TCP], 1);
    /* Sockets that libslirp has open count, whatever the flows are. */
    s->in_stack = STAGE_STACK_MAX;
    syn(REMOTE, 60001, 443);
    send_on(s, 0, 1);
}

static void fragments_are_judged_whole(void **state)
{
    struct stage *s = &((struct fixture *)*state)->stage;

    /* The second piece first; both to the loopback of the host: nothing goes on, one answer. */
    for (int second = 1; second >= 0; second--) {
        packet_ipv4(&k, IPPROTO_UDP, GUEST, LOOPBACK, 16);
        packet_put16(k.bytes + 20, second ? 2 : 0x2000);
        if (!second)
            packet_udp(&k, 1, 2, guest6, 8);
        packet_put16(k.bytes + 38, second ? 0 : 32);
        send_on(s, 0, !second);
    }
    assert_int_equal(s->counts.refused, 1);
    for (int second = 0; second <= 1; second++) {
        packet_ipv4(&k, IPPROTO_UDP, GUEST, REMOTE, 16);
        packet_put16(k.bytes + 20, second ? 2 : 0x2000);
        packet_put16(k.bytes + 38, second ? 0 : 32);
        send_on(s, second, 0);
    }
    assert_int_equal(stack.frame.len, 14 + 20 + 32);
}

/* Sends a datagram from the address 10.0.2.@last; did it go on? */
static bool comes_from(struct stage *s, unsigned last)
{
    static const struct virtio_net_hdr plain;
    static struct packet copy;

    packet_ipv4(&k, IPPROTO_UDP, 0x0a000200 + last, REMOTE, 8);
    packet_udp(&k, 1000, 2000, "", 0);
    copy = k;
    stack.count = 0;
    stage_from_tap(s, &plain, copy.bytes, copy.len);
    return stack.count == 1;
}

/* libslirp asks for somebody; does it get an answer at once? */
static bool asks(struct stage *s, const void *frame, size_t len)
{
    stage_from_stack(s, frame, len);
    stack.count = 0;
    stage_settle(s);
    return stack.count == 1;
}

static void senders_are_bounded(void **state)
{
    struct stage *s = &((struct fixture *)*state)->stage;

    for (unsigned i = 0; i < NEIGHBOURS_MAX; i++)
        assert_true(comes_from(s, 100 + i));
    assert_true(comes_from(s, 100));
    assert_false(comes_from(s, 200));
    assert_int_equal(s->counts.limited, 1);
    /* By ARP neither, which would push others out of libslirp's table. */
    static const uint8_t arp[] = "\xff\xff\xff\xff\xff\xff\2\0\0\0\0\1\x08\6\0\1\x08\0\6\4\0\1"
                                 "\2\0\0\0\0\1\x0a\0\2\xc8\0\0\0\0\0\0\x0a\0\2";
    memcpy(k.bytes, arp, 42);
    k.bytes[41] = 2;
    k.len = 42;
    send_on(s, 0, 0);
    /* Who has been silent for long makes room. */
    s->now_ms += 11 * 60 * 1000;
    assert_true(comes_from(s, 200));
    /* IPv6 is counted for itself. */
    packet_ipv6(&k, IPPROTO_UDP, guest6, remote6, 8);
    packet_udp(&k, 1000, 2000, "", 0);
    send_on(s, 1, 0);
}

static void libslirp_hears_of_senders(void **state)
{
    struct stage *s = &((struct fixture *)*state)->stage;
    static const uint8_t arp[] = "\xff\xff\xff\xff\xff\xff\x52\x55\x0a\0\2\2\x08\6\0\1\x08\0\6\4\0\1"
                                 "\x52\x55\x0a\0\2\2\x0a\0\2\2\0\0\0\0\0\0\x0a\0\2";
    uint8_t ask[42];

    memcpy(ask, arp, sizeof ask);
    ask[41] = 0x64;
    assert_false(asks(s, ask, sizeof ask)); /* nobody was seen there */
    assert_true(comes_from(s, 100));
    assert_true(asks(s, ask, sizeof ask));
    assert_int_equal(stack.frame.len, 42);
    assert_memory_equal(stack.frame.bytes + 12, "\x08\6\0\1\x08\0\6\4\0\2\2\0\0\0\0\1\x0a\0\2\x64", 20);
    stack.count = 0;
    stage_settle(s);
    assert_int_equal(stack.count, 0); /* once */

    packet_ipv6(&k, IPPROTO_UDP, guest6, remote6, 8);
    packet_udp(&k, 1000, 2000, "", 0);
    send_on(s, 1, 0);
    packet_ipv6(&k, IPPROTO_ICMPV6, remote6, remote6, 24);
    k.bytes[k.l4] = 135;
    memcpy(k.bytes + k.l4 + 8, guest6, 16);
    assert_true(asks(s, k.bytes, k.len));
    struct frame f = parsed(&stack);
    assert_int_equal(f.icmp_type, 136);
    assert_memory_equal(f.src.bytes, guest6, 16);
    assert_int_equal(stack.frame.bytes[14 + 7], 255);
    assert_memory_equal(stack.frame.bytes + 54 + 24, "\2\1\2\0\0\0\0\1", 8);
    stack.frame.ip = 14;
    stack.frame.l4 = 54;
    assert_int_equal(packet_verify(&stack.frame, IPPROTO_ICMPV6), 0xffff);
}

static void noise(void **state)
{
    struct stage *s = &((struct fixture *)*state)->stage;
    unsigned seed = 1;

    /* Whatever it is, it must not crash; most of it goes nowhere. */
    for (int i = 0; i < 20000; i++) {
        syn(REMOTE, 4000, 443);
        for (int j = 0; j < 4; j++) {
            seed = seed * 1103515245 + 12345;
            k.bytes[seed / 65536 % k.len] = (uint8_t)(seed >> 8);
        }
        const struct virtio_net_hdr h = {.flags = (uint8_t)(seed >> 28),
                                         .gso_type = (uint8_t)(seed >> 24 & 7),
                                         .csum_start = (uint16_t)(seed >> 12 & 63),
                                         .csum_offset = 16};
        stage_from_tap(s, &h, k.bytes, k.len - seed % 3);
        stage_from_stack(s, k.bytes, k.len);
        stage_settle(s);
    }
    assert_int_equal(s->counts.sent_packets, 20000);
    assert_true(s->counts.malformed > 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_connection_opens),
        CASE(what_nobody_can_mean_is_refused),
        CASE(the_loopback_of_the_host_on_request),
        CASE(what_libslirp_answers_itself),
        CASE(ping_as_the_host_allows_it),
        CASE(a_connection_closed_outside_leaves_nothing),
        CASE(a_connection_closed_inside_needs_no_reset),
        CASE(a_reset_ends_a_flow),
        CASE(what_comes_from_outside_may_be_answered),
        CASE(the_resolver_by_tcp),
        CASE(queries_that_are_none),
        CASE(flows_are_bounded),
        CASE(fragments_are_judged_whole),
        CASE(senders_are_bounded),
        CASE(libslirp_hears_of_senders),
        CASE(noise),
    };

    return cmocka_run_group_tests_name("net_stage", tests, NULL, NULL);
}
