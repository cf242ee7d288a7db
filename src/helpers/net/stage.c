#include "helpers/net/stage.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "helpers/net/tcp.h"

/* As many flows as may be open at once: each is a descriptor and up to 256 KiB of buffers in libslirp. */
#define FLOWS_TCP  2048
#define FLOWS_UDP  2048
#define FLOWS_ECHO 64

#define PORT_DHCP_CLIENT  68
#define PORT_DHCP_SERVER  67
#define PORT_DHCP6_SERVER 547

/* Kinds of ICMP and ICMPv6. */
enum {
    ECHO_REPLY4 = 0,
    ECHO_REQUEST4 = 8,
    ECHO_REQUEST6 = 128,
    ECHO_REPLY6 = 129,
    ROUTER_SOLICITATION = 133,
    ROUTER_ADVERTISEMENT = 134,
    NEIGHBOR_SOLICITATION = 135,
    NEIGHBOR_ADVERTISEMENT = 136,
};

static void dns_answer(void *data, const struct dns_client *client, const struct dns_question *q,
                       const uint8_t *msg, size_t len);

int stage_init(struct stage *s, const struct settings *settings, struct loop *loop, struct error *err)
{
    static const unsigned max[FLOW_KINDS] = {
        [FLOW_TCP] = FLOWS_TCP, [FLOW_UDP] = FLOWS_UDP, [FLOW_ECHO] = FLOWS_ECHO};

    s->settings = settings;
    s->announced = !settings->configure;
    s->refusals.log = &settings->log;
    s->buf = malloc(FRAME_MAX);
    if (!s->buf || policy_init(&s->policy, settings) < 0 || flow_table_init(&s->flows, max) < 0 ||
        dns_init(&s->dns, loop, settings->upstream, settings->n_upstreams, dns_answer, s) < 0)
        return error_oom(err);
    return 0;
}

void stage_free(struct stage *s)
{
    flow_table_free(&s->flows);
    reasm_free(&s->reasm);
    policy_free(&s->policy);
    refusals_close(&s->refusals);
    if (s->dns.buf)
        dns_close(&s->dns);
    free(s->buf);
    s->buf = NULL;
}

/* To the container, with the checksum complete. */
static void send_plain(struct stage *s, const uint8_t *frame, size_t len)
{
    static const struct virtio_net_hdr plain;

    s->counts.received_packets++;
    s->counts.received_bytes += len;
    if (s->to_tap(s->data, &plain, frame, len, NULL, 0) < 0)
        s->counts.lost++;
}

static void pass(struct stage *s, const struct frame *f)
{
    s->to_stack(s->data, f->data, f->len);
}

static void refuse(struct stage *s, const struct frame *f)
{
    bool tcp = f->proto == IPPROTO_TCP && !f->fragment;

    if (tcp && f->tcp_flags & TCP_FLAG_RST)
        return;
    size_t len = tcp ? frame_build_reset(f, s->buf) : frame_build_prohibited(f, s->buf);
    if (len)
        send_plain(s, s->buf, len);
}

static void note_refusal(struct stage *s, const struct frame *f, const char *why)
{
    bool ports = f->proto == IPPROTO_TCP || f->proto == IPPROTO_UDP;
    char what[REFUSALS_WHAT], text[NETADDR_TEXT_MAX], port[8] = "";

    if (ports)
        snprintf(port, sizeof port, ":%u", f->dport);
    netaddr_format(text, &f->dst);
    snprintf(what, sizeof what, ports && f->type == ETHERTYPE_IPV6 ? "%s [%s]%s" : "%s %s%s",
             f->proto == IPPROTO_TCP   ? "tcp"
             : f->proto == IPPROTO_UDP ? "udp"
                                       : "ping",
             text, port);
    refusals_add(&s->refusals, what, why);
}

static void refuse_by_policy(struct stage *s, const struct frame *f, enum policy_verdict verdict,
                             const char *why)
{
    s->counts.refused++;
    if (verdict != POLICY_REFUSE)
        return;
    note_refusal(s, f, why);
    refuse(s, f);
}

static bool is_broadcast(const struct netaddr *addr)
{
    static const uint8_t all[4] = {255, 255, 255, 255};

    return netaddr_is_ipv4(addr) && memcmp(addr->bytes + 12, all, sizeof all) == 0;
}

static bool is_nameserver(const struct stage *s, const struct netaddr *addr)
{
    const struct settings *c = s->settings;

    return c->dns && (netaddr_equal(addr, &c->nameserver4) || netaddr_equal(addr, &c->nameserver6));
}

/* The resolver. */

static void dns_answer(void *data, const struct dns_client *client, const struct dns_question *q,
                       const uint8_t *msg, size_t len)
{
    struct stage *s = data;
    const struct frame_ends e = {.src_mac = client->server_mac,
                                 .dst_mac = client->client_mac,
                                 .src = client->server,
                                 .dst = client->client,
                                 .sport = DNS_PORT,
                                 .dport = client->port};
    size_t at = FRAME_UDP_PAYLOAD(&client->client);

    if (len > FRAME_MAX - at)
        return;
    policy_learn(&s->policy, q->name, msg, len, s->now_ms);
    memcpy(s->buf + at, msg, len);
    send_plain(s, s->buf, frame_build_udp(&e, s->buf, len));
}

/* As if there were no such name: every resolver takes that as final and none asks again. */
static void refuse_name(struct stage *s, const struct frame *f, const struct dns_client *client,
                        const struct dns_question *q)
{
    uint8_t error[DNS_HLEN + DNS_NAME_MAX + 8];
    char what[REFUSALS_WHAT];

    s->counts.refused++;
    snprintf(what, sizeof what, "name %s", q->name);
    refusals_add(&s->refusals, what, "not allowed");
    if (q->end <= sizeof error)
        dns_answer(s, client, q, error, dns_build_error(f->payload, q, DNS_RCODE_NXDOMAIN, error));
}

static void ask_resolver(struct stage *s, const struct frame *f)
{
    struct dns_client client = {.client = f->src, .server = f->dst, .port = f->sport};
    struct dns_question q;
    uint8_t error[DNS_HLEN + DNS_NAME_MAX + 8];

    memcpy(client.client_mac, f->data + 6, 6);
    memcpy(client.server_mac, f->data, 6);
    int r = dns_parse_query(f->payload, f->payload_len, &q);
    if (r == -EOPNOTSUPP && q.end <= sizeof error)
        dns_answer(s, &client, &q, error, dns_build_error(f->payload, &q, DNS_RCODE_NOTIMP, error));
    else if (r == 0 && !policy_allows_name(&s->policy, q.name))
        refuse_name(s, f, &client, &q);
    else if (r == 0)
        dns_ask(&s->dns, &client, &q, f->payload, f->payload_len, s->now_ms);
    else
        s->counts.malformed++;
}

/* The first resolver of the host that speaks the protocol version of @like. */
static const struct netaddr *upstream_like(const struct stage *s, const struct netaddr *like)
{
    for (unsigned i = 0; i < s->settings->n_upstreams; i++)
        if (netaddr_is_ipv4(&s->settings->upstream[i]) == netaddr_is_ipv4(like))
            return &s->settings->upstream[i];
    return NULL;
}

/* The key of the flow that @f belongs to. Returns false if it is nothing that flows. */
static bool key_of(const struct frame *f, bool out, struct flow_key *key)
{
    memset(key, 0, sizeof *key);
    key->guest = out ? f->src : f->dst;
    key->remote = out ? f->dst : f->src;
    if (f->proto == IPPROTO_TCP || f->proto == IPPROTO_UDP) {
        key->kind = f->proto == IPPROTO_TCP ? FLOW_TCP : FLOW_UDP;
        key->guest_port = out ? f->sport : f->dport;
        key->remote_port = out ? f->dport : f->sport;
        return true;
    }
    key->kind = FLOW_ECHO;
    key->guest_port = f->icmp_id;
    return f->icmp_type == (f->type == ETHERTYPE_IPV4 ? out ? ECHO_REQUEST4 : ECHO_REPLY4
                            : out                     ? ECHO_REQUEST6
                                                      : ECHO_REPLY6);
}

/* One more, if there is room. */
static struct flow *open_flow(struct stage *s, const struct frame *f, const struct flow_key *key)
{
    struct flow *flow = s->in_stack < STAGE_STACK_MAX ? flow_add(&s->flows, key, s->now_ms) : NULL;

    if (!flow) {
        s->counts.limited++;
        refuse(s, f);
    }
    return flow;
}

/* TCP to the resolver's address is led to a resolver of the host: *key gets that one. Returns false if there
 * is none; the container knows it by then. */
static bool translate(struct stage *s, const struct frame *f, struct flow_key *key)
{
    const struct netaddr *upstream;

    if (f->proto != IPPROTO_TCP || f->dport != DNS_PORT || !is_nameserver(s, &f->dst))
        return true;
    if (s->settings->n_allow) {
        refuse_by_policy(s, f, POLICY_REFUSE, "with rules, names are looked up by UDP only");
        return false;
    }
    upstream = upstream_like(s, &f->dst);
    if (!upstream) {
        refuse_by_policy(s, f, POLICY_REFUSE, "no resolver of this protocol version");
        return false;
    }
    key->remote = *upstream;
    return true;
}

/* Judges what opens a flow. */
static bool may_open(struct stage *s, const struct frame *f)
{
    const char *why = "";
    enum policy_verdict verdict = policy_judge(&s->policy, &f->dst, f->dport, s->now_ms, &why);

    if (verdict == POLICY_PASS && f->proto == IPPROTO_ICMP && !s->ping) {
        why = "the host does not allow ping";
        verdict = POLICY_REFUSE;
    }
    if (verdict == POLICY_PASS && f->proto == IPPROTO_ICMPV6 && !s->ping6) {
        why = "this libslirp does not pass on ping of IPv6";
        verdict = POLICY_REFUSE;
    }
    if (verdict != POLICY_PASS)
        refuse_by_policy(s, f, verdict, why);
    return verdict == POLICY_PASS;
}

/* TCP, UDP and echo requests: known flows go on, new ones are judged. */
static void flow_from_container(struct stage *s, struct frame *f)
{
    const struct netaddr shown = f->dst;
    struct flow_key key;

    if (!key_of(f, true, &key) || !translate(s, f, &key))
        return;
    bool translated = !netaddr_equal(&key.remote, &shown);
    struct flow *flow = flow_find(&s->flows, &key);
    /* A connection to the resolver itself has the same ends as one that was led there: one must wait. */
    if (flow && flow->translated != translated) {
        refuse(s, f);
        return;
    }
    /* libslirp opens a connection for a first segment only; all others it has a connection for, or resets. */
    bool opens =
        f->proto == IPPROTO_TCP ? (f->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_SYN : !flow;
    if (opens && !translated && !may_open(s, f))
        return;
    if (opens && !flow) {
        flow = open_flow(s, f, &key);
        if (!flow)
            return;
        flow->translated = translated;
        flow->shown = shown;
    }
    if (translated)
        frame_set_dst(f, &key.remote);
    if (flow) {
        flow_touch(&s->flows, flow, s->now_ms);
        if (f->proto == IPPROTO_TCP)
            tcp_from_container(s, flow, f);
    }
    pass(s, f);
}

/* What libslirp answers itself, by address or kind: neighbours, DHCP, echo requests to the gateway. */
static bool is_for_stack(const struct stage *s, const struct frame *f)
{
    const struct settings *c = s->settings;
    bool to_gateway = netaddr_equal(&f->dst, &c->gateway4) || netaddr_equal(&f->dst, &c->gateway6);

    switch (f->proto) {
    case IPPROTO_UDP:
        if (f->type == ETHERTYPE_IPV6)
            return s->announced && f->dport == PORT_DHCP6_SERVER;
        return f->dport == PORT_DHCP_SERVER && (to_gateway || is_broadcast(&f->dst));
    case IPPROTO_ICMP:
        return f->icmp_type == ECHO_REQUEST4 && (to_gateway || netaddr_equal(&f->dst, &c->nameserver4));
    case IPPROTO_ICMPV6:
        return f->icmp_type == NEIGHBOR_SOLICITATION || f->icmp_type == NEIGHBOR_ADVERTISEMENT ||
               (f->icmp_type == ROUTER_SOLICITATION && s->announced) ||
               (f->icmp_type == ECHO_REQUEST6 && (to_gateway || netaddr_equal(&f->dst, &c->nameserver6)));
    default:
        return false;
    }
}

static void whole_from_container(struct stage *s, struct frame *f)
{
    if (f->type == ETHERTYPE_ARP || is_for_stack(s, f))
        pass(s, f);
    else if (f->proto == IPPROTO_UDP && f->dport == DNS_PORT && is_nameserver(s, &f->dst))
        ask_resolver(s, f);
    else
        flow_from_container(s, f);
}

static void piece_from_container(struct stage *s, const struct frame *f)
{
    _cleanup_free_ uint8_t *bytes = NULL;
    struct frame whole;
    size_t len;
    int r = reasm_add(&s->reasm, f, s->now_ms, &bytes, &len);

    if (r > 0 && frame_parse(bytes, len, &whole) == 0 && !whole.fragment)
        whole_from_container(s, &whole);
    else if (r != 0)
        s->counts.malformed++;
}

/* Whoever has no address yet asks for one, or whether it may be had: nobody answers to that. */
static bool is_known_sender(struct stage *s, const struct frame *f)
{
    static const struct netaddr none6 = {{0}};
    struct netaddr addr;
    uint8_t mac[6];

    if (f->type == ETHERTYPE_ARP)
        return !frame_arp_sender(f, &addr, mac) || neighbours_note(&s->neighbours, &addr, mac, s->now_ms);
    if (netaddr_is_ipv4(&f->src) ? f->src.bytes[12] == 0 : netaddr_equal(&f->src, &none6))
        return true;
    return neighbours_note(&s->neighbours, &f->src, f->data + 6, s->now_ms);
}

void stage_from_tap(struct stage *s, const struct virtio_net_hdr *h, uint8_t *frame, size_t len)
{
    struct frame f;
    int r = frame_parse(frame, len, &f);

    s->counts.sent_packets++;
    s->counts.sent_bytes += len;
    if (r == 0)
        r = vnet_complete(h, &f);
    if (r < 0)
        s->counts.malformed++;
    else if (!is_known_sender(s, &f))
        s->counts.limited++;
    else if (f.fragment)
        piece_from_container(s, &f);
    else
        whole_from_container(s, &f);
}

/* @f with its headers copied to @head, where they may be changed. */
static struct frame with_own_headers(const struct frame *f, uint8_t *head)
{
    struct frame h = *f;

    memcpy(head, f->data, (size_t)(f->payload - f->data));
    h.data = head;
    h.ip = head + (f->ip - f->data);
    h.l4 = head + (f->l4 - f->data);
    h.payload = head + (f->payload - f->data);
    return h;
}

/* The flow of a packet to the container; one from outside that is the first opens it. NULL: none is needed.
 */
static struct flow *flow_to_container(struct stage *s, const struct frame *f)
{
    struct flow_key key;

    if (f->fragment || !key_of(f, false, &key) || (f->proto == IPPROTO_UDP && f->dport == PORT_DHCP_CLIENT))
        return NULL;
    struct flow *flow = flow_find(&s->flows, &key);
    bool first = f->proto == IPPROTO_TCP ? (f->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_SYN
                                         : f->proto == IPPROTO_UDP && !flow;
    if (first && !flow)
        flow = flow_add(&s->flows, &key, s->now_ms);
    if (first && flow)
        flow->inbound = true;
    if (flow) {
        flow->answered = true;
        flow_touch(&s->flows, flow, s->now_ms);
    }
    return flow;
}

static uint16_t mss_of(const struct stage *s, const struct flow *flow, const struct frame *f)
{
    if (flow && flow->mss)
        return flow->mss;
    return (uint16_t)(s->settings->mtu - (f->type == ETHERTYPE_IPV4 ? 40 : 60));
}

void stage_from_stack(struct stage *s, const uint8_t *frame, size_t len)
{
    uint8_t head[14 + 60 + 60];
    struct virtio_net_hdr h;
    struct netaddr asked;
    struct frame f;

    /* Only read. */
    int r = frame_parse((uint8_t *)(uintptr_t)frame, len, &f);
    if (r == 0 && frame_asks_for(&f, &asked))
        neighbours_ask(&s->neighbours, &asked);
    if (r < 0 || f.type == ETHERTYPE_ARP || f.fragment) {
        send_plain(s, frame, len);
        return;
    }
    if (f.proto == IPPROTO_ICMPV6 && f.icmp_type == ROUTER_ADVERTISEMENT && !s->announced)
        return;
    struct flow *flow = flow_to_container(s, &f);
    if (f.proto != IPPROTO_TCP) {
        send_plain(s, frame, len);
        return;
    }
    if (flow && !tcp_to_container(s, flow, &f))
        return;
    struct frame own = with_own_headers(&f, head);
    if (flow && flow->translated)
        frame_set_src(&own, &flow->shown);
    vnet_describe(&h, &own, mss_of(s, flow, &f));
    s->counts.received_packets++;
    s->counts.received_bytes += f.len;
    if (s->to_tap(s->data, &h, head, (size_t)(own.payload - head), f.payload, f.payload_len) < 0)
        s->counts.lost++;
    if (flow)
        tcp_follow(s, flow, &f, false);
}

void stage_stack_wrote(struct stage *s)
{
    /* Whose answer is not enough is put at the end again; any of them may go meanwhile. */
    for (unsigned n = s->flows.n_starved; n && s->flows.starved; n--) {
        struct flow *f = s->flows.starved;
        flow_starve(&s->flows, f, false);
        tcp_ask_window(s, f);
    }
}

/* The container answers too; but libslirp must not have to wait for that. */
static void answer_for_neighbours(struct stage *s)
{
    const struct settings *c = s->settings;

    for (const struct neighbour *one; (one = neighbours_next_asked(&s->neighbours));) {
        uint8_t answer[FRAME_REPLY_MAX];
        const struct netaddr *asker = netaddr_is_ipv4(&one->addr) ? &c->gateway4 : &c->gateway6;
        s->to_stack(s->data, answer, frame_build_neighbour(&one->addr, one->mac, asker, answer));
    }
}

void stage_settle(struct stage *s)
{
    answer_for_neighbours(s);
    for (unsigned i = 0; i < s->n_resets; i++)
        s->to_stack(s->data, s->resets[i].bytes, s->resets[i].len);
    s->n_resets = 0;
}
