/*
 * What the stage of bryo-net does for connections of TCP between the container's kernel and libslirp: here
 * both are the test.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "helpers/net/stage.h"
#include "net_packets.h"

#define GUEST  0x0a000264
#define REMOTE 0xc0000201

/* The last frame that came out on either side, and how many. */
struct seen {
    struct packet frame;
    struct virtio_net_hdr h;
    unsigned count;
};

struct fixture {
    struct settings settings;
    struct loop loop;
    struct stage stage;
    struct seen stack, tap;
    /* What libslirp answers a probe with: its window; negative: nothing. */
    int window;
};

static struct packet k;

static void segment_in(struct stage *s, uint32_t seq, uint32_t ack, unsigned window, size_t len)
{
    packet_ipv4(&k, IPPROTO_TCP, REMOTE, GUEST, 20 + len);
    packet_tcp(&k, 443, 4000, seq, ack, TCP_FLAG_ACK);
    packet_put16(k.bytes + k.l4 + 14, window);
    stage_from_stack(s, k.bytes, k.len);
}

static void segment_out(struct stage *s, uint32_t seq, uint32_t ack, unsigned flags, size_t len)
{
    static const struct virtio_net_hdr plain;

    packet_ipv4(&k, IPPROTO_TCP, GUEST, REMOTE, 20 + len);
    packet_tcp(&k, 4000, 443, seq, ack, flags);
    stage_from_tap(s, &plain, k.bytes, k.len);
}

static void to_stack(void *data, const uint8_t *frame, size_t len)
{
    struct fixture *x = data;

    memcpy(x->stack.frame.bytes, frame, len);
    x->stack.frame.len = len;
    x->stack.count++;
    if (x->stage.probed && x->window >= 0)
        segment_in(&x->stage, 501, 1101, (unsigned)x->window, 0);
}

static int to_tap(void *data, const struct virtio_net_hdr *h, const uint8_t *head, size_t head_len,
                  const uint8_t *rest, size_t rest_len)
{
    struct seen *tap = &((struct fixture *)data)->tap;

    tap->h = *h;
    memcpy(tap->frame.bytes, head, head_len);
    if (rest_len)
        memcpy(tap->frame.bytes + head_len, rest, rest_len);
    tap->frame.len = head_len + rest_len;
    tap->count++;
    return 0;
}

/* A connection that is open: the container is at 101, the other side at 501. */
static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    struct stage *s = &x->stage;

    settings_init(&x->settings);
    x->settings.configure = true;
    x->settings.log.level = LOG_LEVEL_ERROR;
    x->settings.n_upstreams = 1;
    assert_int_equal(settings_complete(&x->settings, NULL), 0);
    assert_int_equal(loop_init(&x->loop), 0);
    s->to_stack = to_stack;
    s->to_tap = to_tap;
    s->data = x;
    assert_int_equal(stage_init(s, &x->settings, &x->loop, NULL), 0);
    s->now_ms = 1000;
    segment_out(s, 100, 0, TCP_FLAG_SYN, 0);
    segment_in(s, 501, 101, 65535, 0);
    segment_out(s, 101, 501, TCP_FLAG_ACK, 0);
    assert_int_equal(s->flows.open[FLOW_TCP], 1);
    x->stack.count = x->tap.count = 0;
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

static struct frame parsed(struct seen *seen)
{
    struct frame f;

    assert_int_equal(frame_parse(seen->frame.bytes, seen->frame.len, &f), 0);
    return f;
}

/* libslirp keeps to itself that there is room again: the container would find out 200 ms later. */
static void a_window_that_opens_is_told_at_once(void **state)
{
    struct fixture *x = *state;
    struct stage *s = &x->stage;

    segment_out(s, 101, 501, TCP_FLAG_ACK, 1000);
    segment_in(s, 501, 1101, 65535, 0);
    assert_int_equal(s->flows.n_starved, 0);
    stage_stack_wrote(s);
    assert_int_equal(x->stack.count, 1); /* the segment, and no question */

    segment_in(s, 501, 1101, 0, 0);
    assert_int_equal(s->flows.n_starved, 1);
    x->tap.count = 0;
    x->window = 40000;
    stage_stack_wrote(s);
    assert_int_equal(x->stack.count, 2);
    struct frame f = parsed(&x->stack);
    assert_int_equal(f.seq, 1100); /* one that was acknowledged before, so that it is answered */
    assert_int_equal(f.ack, 501);
    assert_int_equal(f.tcp_flags, TCP_FLAG_ACK);
    assert_int_equal(f.payload_len, 0);
    assert_int_equal(f.window, 0xffff);
    x->stack.frame.ip = 14;
    x->stack.frame.l4 = 34;
    assert_int_equal(packet_verify(&x->stack.frame, IPPROTO_TCP), 0xffff);
    assert_int_equal(x->tap.count, 1);
    assert_int_equal(parsed(&x->tap).window, 40000);
    assert_int_equal(s->flows.n_starved, 0);
}

/* An answer without news would look like a sign of loss to the container's kernel. */
static void no_news_are_kept_from_the_container(void **state)
{
    struct fixture *x = *state;
    struct stage *s = &x->stage;

    segment_out(s, 101, 501, TCP_FLAG_ACK, 1000);
    segment_in(s, 501, 1101, 100, 0);
    x->tap.count = x->stack.count = 0;
    x->window = 100;
    stage_stack_wrote(s);
    assert_int_equal(x->stack.count, 1);
    assert_int_equal(x->tap.count, 0);
    assert_int_equal(s->flows.n_starved, 1); /* and it is asked for again */
    /* The same without a question is the container's to see. */
    segment_in(s, 501, 1101, 100, 0);
    assert_int_equal(x->tap.count, 1);
}

/* Flows come, go and starve in any order. */
static void the_list_of_those_starved(void **state)
{
    struct fixture *x = *state;
    struct flow_table *t = &x->stage.flows;
    struct flow_key key = {.kind = FLOW_TCP};
    struct flow *f[4];

    for (size_t i = 0; i < 4; i++) {
        key.guest_port = (uint16_t)(i + 1);
        f[i] = flow_add(t, &key, 1000);
        assert_non_null(f[i]);
        flow_starve(t, f[i], true);
        flow_starve(t, f[i], true);
    }
    assert_int_equal(t->n_starved, 4);
    flow_starve(t, f[1], false);
    flow_remove(t, f[3]); /* the last */
    flow_starve(t, f[1], true);
    flow_remove(t, f[0]); /* the first */
    assert_int_equal(t->n_starved, 2);
    assert_ptr_equal(t->starved, f[2]);
    assert_ptr_equal(f[2]->next_starved, f[1]);
    assert_null(f[1]->next_starved);
    flow_remove(t, f[2]);
    flow_remove(t, f[1]);
    assert_int_equal(t->n_starved, 0);
    assert_null(t->starved);
    /* One whose connection libslirp does not know is asked for once. */
    x->window = -1;
    segment_in(&x->stage, 501, 101, 0, 0);
    stage_stack_wrote(&x->stage);
    assert_int_equal(x->stack.count, 1);
    assert_int_equal(t->n_starved, 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_window_that_opens_is_told_at_once),
        CASE(no_news_are_kept_from_the_container),
        CASE(the_list_of_those_starved),
    };

    return cmocka_run_group_tests_name("net_tcp", tests, NULL, NULL);
}
