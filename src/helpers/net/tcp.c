#include "helpers/net/tcp.h"

#include <string.h>

/* RFC 9293, 3.7.1: what a side that says nothing can take. */
#define MSS_DEFAULT4 536
#define MSS_DEFAULT6 1220
/* Linux never makes a segment larger than half of the largest window it saw. */
#define ROOM_ENOUGH 32768

/* In frames that no container sees the Ethernet addresses say nothing. */
static const uint8_t nobody[6] = {0x52, 0x55, 0, 0, 0, 0};

static struct frame_ends ends_of(const struct flow *flow)
{
    return (struct frame_ends){.src_mac = nobody,
                               .dst_mac = nobody,
                               .src = flow->key.guest,
                               .dst = flow->key.remote,
                               .sport = flow->key.guest_port,
                               .dport = flow->key.remote_port};
}

/* Raises the MSS that the container asks for, so that libslirp sends large segments: where they are cut is
 * told to the kernel by vnet_describe. What was asked for is kept for that. */
static void note_syn(const struct stage *s, struct flow *flow, struct frame *f)
{
    bool v4 = f->type == ETHERTYPE_IPV4;
    uint16_t mtu = (uint16_t)(s->settings->mtu - (v4 ? 40 : 60));
    uint8_t *place = frame_tcp_mss(f);

    flow->mss = v4 ? MSS_DEFAULT4 : MSS_DEFAULT6;
    if (place) {
        flow->mss = (uint16_t)(place[0] << 8 | place[1]);
        place[0] = TCP_MSS_STACK >> 8;
        place[1] = TCP_MSS_STACK & 0xff;
        frame_complete_checksum(f);
    }
    if (flow->mss > mtu)
        flow->mss = mtu;
    if (flow->mss < 1)
        flow->mss = MSS_DEFAULT4;
    /* A port that is used again. */
    flow->fin_out = flow->fin_in = flow->fin_out_acked = flow->fin_in_acked = false;
    flow->sent_end = f->seq;
}

/* libslirp keeps its side of a connection for ten seconds when the other end closed first. The container is
 * done with it by then, and ten thousand such sides would make each look-up slow: a reset takes it away. */
static void close_behind(struct stage *s, const struct flow *flow)
{
    const struct frame_ends e = ends_of(flow);
    struct stage_reset *r = &s->resets[s->n_resets];

    if (s->n_resets == STAGE_RESETS)
        return;
    s->n_resets++;
    r->len =
        frame_build_tcp(&e, &(struct frame_tcp){.seq = flow->fin_out_end, .flags = TCP_FLAG_RST}, r->bytes);
}

void tcp_follow(struct stage *s, struct flow *flow, const struct frame *f, bool out)
{
    bool *fin = out ? &flow->fin_out : &flow->fin_in;
    bool acked = f->tcp_flags & TCP_FLAG_ACK;

    if (f->tcp_flags & TCP_FLAG_RST) {
        flow_remove(&s->flows, flow);
        return;
    }
    if (f->tcp_flags & TCP_FLAG_FIN && !*fin) {
        *fin = true;
        *(out ? &flow->fin_out_end : &flow->fin_in_end) = f->seq + (uint32_t)f->payload_len + 1;
        flow->closed_outside |= !out && !flow->fin_out;
    }
    if (acked && out && flow->fin_in && f->ack == flow->fin_in_end)
        flow->fin_in_acked = true;
    if (acked && !out && flow->fin_out && f->ack == flow->fin_out_end)
        flow->fin_out_acked = true;
    if (!flow->fin_in_acked || !flow->fin_out_acked)
        return;
    if (flow->closed_outside)
        close_behind(s, flow);
    flow_remove(&s->flows, flow);
}

void tcp_from_container(struct stage *s, struct flow *flow, struct frame *f)
{
    if (f->tcp_flags & TCP_FLAG_SYN)
        note_syn(s, flow, f);
    uint32_t end = f->seq + (uint32_t)f->payload_len + !!(f->tcp_flags & TCP_FLAG_SYN);
    if ((int32_t)(end - flow->sent_end) > 0)
        flow->sent_end = end;
    if (f->tcp_flags & TCP_FLAG_ACK) {
        flow->guest_ack = f->ack;
        flow->guest_window = f->window;
    }
    tcp_follow(s, flow, f, true);
}

bool tcp_to_container(struct stage *s, struct flow *flow, const struct frame *f)
{
    bool same = flow->stack_ack == f->ack && flow->stack_window == f->window;

    if (!(f->tcp_flags & TCP_FLAG_ACK))
        return true;
    flow->stack_ack = f->ack;
    flow->stack_window = f->window;
    flow_starve(&s->flows, flow, f->ack + f->window - flow->sent_end < ROOM_ENOUGH);
    /* To the container's kernel a second one without news would mean that something was lost. */
    return s->probed != flow || !same || f->payload_len || f->tcp_flags != TCP_FLAG_ACK;
}

/* libslirp before 4.8 tells of a window that opens only when it is asked, and later ones not of each: it
 * relies on the probes of the container, which come after 200 ms and more. */
void tcp_ask_window(struct stage *s, struct flow *flow)
{
    const struct frame_ends e = ends_of(flow);

    if (flow->fin_out || !flow->guest_ack)
        return;
    size_t len = frame_build_tcp(&e,
                                 &(struct frame_tcp){.seq = flow->sent_end - 1,
                                                     .ack = flow->guest_ack,
                                                     .flags = TCP_FLAG_ACK,
                                                     .window = flow->guest_window},
                                 s->buf);
    s->probed = flow;
    s->to_stack(s->data, s->buf, len);
    s->probed = NULL;
}
