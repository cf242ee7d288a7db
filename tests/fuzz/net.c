/*
 * The network of a container whose inhabitants send whatever they like: the input is a list of events (an
 * octet that says which, one for its length in units of 4, its bytes), which happen to the stage with a real
 * libslirp behind it. Frames come from the container as they are, or with their checksums mended, or as the
 * next segment of the connection that was heard of last; the host's resolver answers, peers write, read and
 * close, clients come to a published port, time passes.
 *
 * All of it happens in a network namespace of its own, where every address is this machine's, so that a
 * connection to anywhere arrives. What must hold: whatever leaves for an address has passed the policy
 * (connect and sendto are looked at), frames have the lengths that the tap can take, and in the end no
 * descriptor is left.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/netlink.h"
#include "fuzz.h"
#include "helpers/net/checksum.h"
#include "helpers/net/forward.h"
#include "helpers/net/stack.h"

#define PORT_OPEN   7000 /* where somebody listens, at every address */
#define PORT_ALLOW  7001 /* the only other one that a rule allows */
#define PORT_PUBLIC 8080
#define EVENTS_MAX  64
#define PEERS_MAX   32
#define HLEN_V4     (14 + 20)

enum event {
    FRAME_AS_IS,
    FRAME_MENDED,
    TCP_OPEN,  /* the last octet of the address */
    TCP_REPLY, /* flags, payload */
    TIME_PASSES,
    RESOLVER_ANSWERS,
    PEER_ACTS,
    CLIENT_COMES,
    EVENTS
};

int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);
int LLVMFuzzerInitialize(int *argc, char ***argv);
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);

/* What waits in libslirp's queue when it is taken down is not freed; here that happens all the time. */
const char *__lsan_default_suppressions(void)
{
    return "leak:g_malloc\n";
}

const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}

static struct world {
    struct settings settings;
    struct loop loop;
    struct stage stage;
    struct stack stack;
    struct forwards forwards;
    bool rules, by_name;
    int64_t now_ms;          /* 0: the clock is the real one */
    struct frame_ends heard; /* of the last segment to the container; its next numbers */
    uint8_t heard_mac[6];
    uint32_t heard_seq, heard_ack;
    int peers[PEERS_MAX]; /* accepted, or clients of ours; -1: none */
    struct netaddr client;
    uint16_t client_port;
} * w;
static int listener = -1, datagrams = -1, resolver = -1;

int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
    if (!w || !w->now_ms)
        return __real_clock_gettime(id, t);
    *t = (struct timespec){w->now_ms / 1000, w->now_ms % 1000 * 1000000};
    return 0;
}

/* Where a socket of the network may lead. */
static void check_destination(const struct sockaddr *to)
{
    struct sockaddr_storage copy = {0};
    struct netaddr a;
    uint16_t port;
    char text[NETADDR_TEXT_MAX];

    if (!w || !w->now_ms || (to->sa_family != AF_INET && to->sa_family != AF_INET6))
        return;
    memcpy(&copy, to, to->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    must(netaddr_from_sockaddr(&copy, &a, &port) == 0, "an address of another kind");
    netaddr_format(text, &a);
    bool v4 = netaddr_is_ipv4(&a);
    bool local = v4 ? a.bytes[12] == 127 || a.bytes[12] == 0
                    : memcmp(a.bytes, (const uint8_t[15]){0}, 15) == 0 && a.bytes[15] <= 1;
    if (netaddr_equal(&a, &w->settings.upstream[0]) && port == 53)
        return;
    if (netaddr_equal(&a, &w->client) && port == w->client_port)
        return;
    must(!local || w->settings.host_loopback, "%s port %u is reached", text, port);
    must(!v4 || a.bytes[12] < 224, "%s port %u is reached", text, port);
    must(v4 || a.bytes[0] < 0xfe, "%s port %u is reached", text, port);
    if (w->rules && !w->by_name)
        must((v4 && memcmp(a.bytes + 12, "\xc6\x33\x64", 3) == 0 && port == PORT_OPEN) ||
                 (v4 && memcmp(a.bytes + 12, "\xc0\0\2\7", 4) == 0 && port == PORT_ALLOW) || local,
             "no rule allows %s port %u", text, port);
}

/* libslirp's calls arrive here first. */
int connect(int fd, const struct sockaddr *to, socklen_t len)
{
    check_destination(to);
    return (int)syscall(SYS_connect, fd, to, len);
}

ssize_t sendto(int fd, const void *data, size_t n, int flags, const struct sockaddr *to, socklen_t len)
{
    if (to)
        check_destination(to);
    return syscall(SYS_sendto, fd, data, n, flags, to, len);
}

static void make_network(void)
{
    const struct ifinfomsg up = {.ifi_index = 1, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct netlink_message m;
    int nl;

    must(unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0, "a network namespace: %s", strerror(errno));
    nl = netlink_open();
    netlink_begin(&m, RTM_NEWLINK, 0, &up, sizeof up);
    must(netlink_request(nl, &m) == 0, "bring lo up");
    for (int family = AF_INET; family; family = family == AF_INET ? AF_INET6 : 0) {
        const struct rtmsg all = {.rtm_family = (uint8_t)family,
                                  .rtm_table = RT_TABLE_LOCAL,
                                  .rtm_protocol = RTPROT_BOOT,
                                  .rtm_scope = RT_SCOPE_HOST,
                                  .rtm_type = RTN_LOCAL};
        netlink_begin(&m, RTM_NEWROUTE, NLM_F_CREATE, &all, sizeof all);
        netlink_add_u32(&m, RTA_OIF, 1);
        must(netlink_request(nl, &m) == 0 || family == AF_INET6, "route everything to lo");
    }
    close(nl);
}

static int bound(int type, const char *address, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

    a.sin_addr.s_addr = inet_addr(address);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0, "port %u: %s", port, strerror(errno));
    if (type == SOCK_STREAM)
        must(listen(fd, 100) == 0, "listen");
    return fd;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    signal(SIGPIPE, SIG_IGN); /* as bryo-net does: a peer may be gone */
    (void)argc;
    (void)argv;
    make_network();
    listener = bound(SOCK_STREAM, "0.0.0.0", PORT_OPEN);
    datagrams = bound(SOCK_DGRAM, "0.0.0.0", PORT_OPEN);
    resolver = bound(SOCK_DGRAM, "127.0.0.53", 53);
    return 0;
}

/* A reset at the end: no socket waits for anything. */
static void close_peer(int *fd)
{
    const struct linger now = {1, 0};

    if (*fd >= 0) {
        setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(*fd);
    }
    *fd = -1;
}

static void to_stack(void *data, const uint8_t *frame, size_t len)
{
    static uint8_t copy[FRAME_MAX];
    struct frame f;

    (void)data;
    must(len <= FRAME_MAX, "a frame of %zu bytes for libslirp", len);
    memcpy(copy, frame, len);
    must(frame_parse(copy, len, &f) == 0 && !f.fragment, "what cannot be parsed reaches libslirp");
    stack_input(&w->stack, frame, len);
}

static int to_tap(void *data, const struct virtio_net_hdr *h, const uint8_t *head, size_t head_len,
                  const uint8_t *rest, size_t rest_len)
{
    static uint8_t copy[FRAME_MAX];
    struct frame f;

    (void)data;
    must(head_len + rest_len <= FRAME_MAX, "a frame of %zu bytes for the tap", head_len + rest_len);
    memcpy(copy, head, head_len);
    if (rest_len)
        memcpy(copy + head_len, rest, rest_len);
    must(!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) ||
             h->csum_start + h->csum_offset + 2u <= head_len + rest_len,
         "a checksum outside of the frame");
    must(h->gso_type == VIRTIO_NET_HDR_GSO_NONE || h->gso_size, "segments of no size");
    if (frame_parse(copy, head_len + rest_len, &f) < 0 || f.type == ETHERTYPE_ARP || f.fragment ||
        f.proto != IPPROTO_TCP)
        return 0;
    w->heard = (struct frame_ends){.src = f.dst, .dst = f.src, .sport = f.dport, .dport = f.sport};
    w->heard_seq = f.ack;
    w->heard_ack = f.seq + (uint32_t)f.payload_len + (f.tcp_flags & TCP_FLAG_SYN ? 1 : 0) +
                   (f.tcp_flags & TCP_FLAG_FIN ? 1 : 0);
    return 0;
}

/* Frames from the container. */

static void input(const uint8_t *header, uint8_t *frame, size_t len)
{
    struct virtio_net_hdr h = {0};

    if (header)
        memcpy(&h, header, sizeof h);
    stage_from_tap(&w->stage, &h, frame, len);
}

static void mend(uint8_t *frame, size_t len)
{
    struct frame f;
    uint16_t sum;

    if (len >= HLEN_V4 && frame[12] == 8 && frame[13] == 0 && frame[14] == 0x45) {
        memset(frame + 24, 0, 2);
        sum = (uint16_t)~checksum_fold(checksum_add(0, frame + 14, 20));
        memcpy(frame + 24, &sum, sizeof sum);
    }
    if (frame_parse(frame, len, &f) < 0 || f.type == ETHERTYPE_ARP || f.fragment)
        return;
    if (f.proto != IPPROTO_ICMP) {
        frame_complete_checksum(&f);
        return;
    }
    memset(f.l4 + 2, 0, 2);
    sum = (uint16_t)~checksum_fold(checksum_add(0, f.l4, f.l4_len));
    memcpy(f.l4 + 2, &sum, sizeof sum);
}

/* A segment of IPv4 or IPv6 between the ends that are known. */
static void segment(const struct frame_ends *e, uint32_t seq, uint32_t ack, uint8_t flags,
                    const uint8_t *data, size_t n)
{
    static const uint8_t macs[12] = {0x52, 0x55, 10, 0, 2, 2, 2, 0, 0, 0, 0, 1};
    bool v4 = netaddr_is_ipv4(&e->src);
    size_t ip_len = v4 ? 20 : 40, len = 14 + ip_len + 20 + n;
    uint8_t *frame = calloc(1, len), *ip = frame + 14, *tcp = ip + ip_len;
    const uint32_t numbers[] = {htonl(seq), htonl(ack)};
    const uint16_t ports[] = {htons(e->sport), htons(e->dport)};
    uint16_t total = htons((uint16_t)(20 + n + (v4 ? ip_len : 0)));

    must(frame, "out of memory");
    memcpy(frame, macs, sizeof macs);
    memcpy(frame + 12, v4 ? "\x08\x00" : "\x86\xdd", 2);
    ip[0] = v4 ? 0x45 : 0x60;
    memcpy(ip + (v4 ? 2 : 4), &total, 2);
    ip[v4 ? 8 : 7] = 64;
    ip[v4 ? 9 : 6] = IPPROTO_TCP;
    memcpy(ip + (v4 ? 12 : 8), e->src.bytes + (v4 ? 12 : 0), v4 ? 4 : 16);
    memcpy(ip + (v4 ? 16 : 24), e->dst.bytes + (v4 ? 12 : 0), v4 ? 4 : 16);
    memcpy(tcp, ports, sizeof ports);
    memcpy(tcp + 4, numbers, sizeof numbers);
    tcp[12] = 5 << 4;
    tcp[13] = flags;
    memset(tcp + 14, 0x3f, 2);
    if (n)
        memcpy(tcp + 20, data, n);
    mend(frame, len);
    input(NULL, frame, len);
    free(frame);
}

static void open_connection(const uint8_t *data, size_t n)
{
    struct frame_ends e = {.src = w->settings.guest4, .sport = 4000, .dport = PORT_OPEN};
    uint8_t to[4] = {198, 51, 100, 1};

    to[3] = n > 0 ? data[0] : 1;
    e.sport = (uint16_t)(e.sport + (n > 1 ? data[1] : 0));
    e.dst = netaddr_from4(to);
    segment(&e, 1000, 0, TCP_FLAG_SYN, NULL, 0);
}

/* The world outside. */

static void keep_peer(int fd)
{
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (w->peers[i] < 0) {
            w->peers[i] = fd;
            return;
        }
    close_peer(&fd);
}

static void answer_query(const uint8_t *data, size_t n)
{
    uint8_t msg[2048];
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    ssize_t got = recvfrom(resolver, msg, 1024, MSG_DONTWAIT, (struct sockaddr *)&from, &len);

    if (got < DNS_HLEN)
        return;
    msg[2] |= 0x80;
    if (n > 1)
        memcpy(msg + 6, data, 2); /* how many records */
    if (n > 2)
        memcpy(msg + got, data + 2, n - 2);
    (void)syscall(SYS_sendto, resolver, msg, (size_t)got + (n > 2 ? n - 2 : 0), 0, &from, len);
}

static void act(const uint8_t *data, size_t n)
{
    static char sink[65536];
    int *peer = &w->peers[n ? data[0] % PEERS_MAX : 0];

    if (*peer < 0 || n < 2)
        return;
    switch (data[1] % 4) {
    case 0:
        (void)!write(*peer, data + 2, n - 2);
        break;
    case 1:
        (void)!read(*peer, sink, sizeof sink);
        break;
    case 2:
        shutdown(*peer, SHUT_WR);
        break;
    default:
        close_peer(peer);
    }
}

static void come(const uint8_t *data, size_t n)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT_PUBLIC)};
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    bool udp = n && data[0] & 1;
    int fd = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = n > 1 && data[1] & 1 ? inet_addr("198.51.100.9") : inet_addr("127.0.0.1");
    (void)syscall(SYS_connect, fd, &to, sizeof to);
    if (getsockname(fd, (struct sockaddr *)&from, &len) == 0 && udp)
        (void)netaddr_from_sockaddr(&from, &w->client, &w->client_port);
    (void)!write(fd, data, n);
    keep_peer(fd);
}

/* One round of the loop, and what comes of it. */
static void turn(void)
{
    char text[2048];
    struct sockaddr_storage from;
    socklen_t len = sizeof from;

    w->stage.now_ms = w->now_ms;
    (void)stack_prepare(&w->stack, w->now_ms);
    (void)dns_check(&w->stage.dns, w->now_ms);
    for (size_t i = 0; i < STACK_OWN_POLLS; i++)
        w->stack.polls[i] = (struct pollfd){.fd = -1};
    int n = poll(w->stack.polls, w->stack.n_polls, 0);
    loop_run_ready(&w->loop);
    stack_proceed(&w->stack, n > 0, w->now_ms);
    stage_settle(&w->stage);
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;)
        keep_peer(fd);
    ssize_t got = recvfrom(datagrams, text, sizeof text, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
    if (got >= 0)
        (void)syscall(SYS_sendto, datagrams, text, got, 0, &from, len);
}

static void happen(enum event what, uint8_t *data, size_t n)
{
    switch (what) {
    case FRAME_AS_IS:
        if (n >= sizeof(struct virtio_net_hdr))
            input(data, data + sizeof(struct virtio_net_hdr), n - sizeof(struct virtio_net_hdr));
        break;
    case FRAME_MENDED:
        mend(data, n);
        input(NULL, data, n);
        break;
    case TCP_OPEN:
        open_connection(data, n);
        break;
    case TCP_REPLY:
        if (w->heard.sport)
            segment(&w->heard, w->heard_seq, w->heard_ack, n ? data[0] : TCP_FLAG_ACK, data + (n > 0),
                    n - (n > 0));
        break;
    case TIME_PASSES:
        w->now_ms += n ? data[0] * 100 : 1;
        w->now_ms += n > 1 ? data[1] * 60000 : 0;
        break;
    case RESOLVER_ANSWERS:
        answer_query(data, n);
        break;
    case PEER_ACTS:
        act(data, n);
        break;
    default:
        come(data, n);
    }
    turn();
    turn();
}

static void set_up(unsigned kind)
{
    static const struct netport ports[] = {
        {.host_port = PORT_PUBLIC, .container_port = 80, .count = 1},
        {.host_port = PORT_PUBLIC, .container_port = 80, .count = 1, .udp = true}};
    struct settings *c = &w->settings;

    settings_init(c);
    c->configure = kind & 1;
    c->host_loopback = kind & 2;
    c->ipv6 = kind & 4;
    c->dns = !(kind & 8);
    c->deny_metadata = true;
    c->log.level = LOG_LEVEL_ERROR;
    w->rules = kind & 16;
    w->by_name = kind & 32;
    if (w->rules)
        must(netrule_parse("198.51.100.0/24:7000", &c->allow[c->n_allow++], NULL) == 0 &&
                 netrule_parse("192.0.2.7:7001", &c->allow[c->n_allow++], NULL) == 0,
             "rules");
    if (w->rules && w->by_name)
        must(netrule_parse("*.example", &c->allow[c->n_allow++], NULL) == 0, "a rule");
    must(netaddr_parse("127.0.0.53", &c->upstream[0]) == 0, "an address");
    c->n_upstreams = 1;
    must(settings_complete(c, NULL) == 0 && loop_init(&w->loop) == 0, "settings");
    w->stage.to_stack = to_stack;
    w->stage.to_tap = to_tap;
    w->stage.ping = true;
    must(stage_init(&w->stage, c, &w->loop, NULL) == 0, "a stage");
    must(stack_init(&w->stack, c, &w->stage, NULL) == 0, "a stack");
    w->forwards.stack = &w->stack;
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        struct netport p = ports[i];
        (void)netaddr_parse("0.0.0.0", &p.host);
        must(forward_add_ports(&w->forwards, &p, NULL) == 0, "publish a port");
    }
    for (size_t i = 0; i < PEERS_MAX; i++)
        w->peers[i] = -1;
    w->now_ms = 1000000;
}

static void tear_down(void)
{
    for (size_t i = 0; i < PEERS_MAX; i++)
        close_peer(&w->peers[i]);
    w->now_ms = 0;
    stack_free(&w->stack);
    must(w->stage.in_stack == 0, "%u sockets are left in libslirp", w->stage.in_stack);
    stage_free(&w->stage);
    loop_close(&w->loop);
    free(w);
    w = NULL;
    /* Nobody takes a connection of this input for one of the next. */
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;)
        close_peer(&fd);
    for (char c; recv(datagrams, &c, 1, MSG_DONTWAIT) >= 0 || recv(resolver, &c, 1, MSG_DONTWAIT) >= 0;)
        ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int first_free = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

    if (size < 1)
        return -1;
    close(first_free);
    w = calloc(1, sizeof *w);
    must(w, "out of memory");
    set_up(*data++);
    size--;
    for (unsigned i = 0; size >= 2 && i < EVENTS_MAX; i++) {
        enum event what = data[0] % EVENTS;
        size_t n = (size_t)data[1] * 4;
        data += 2;
        size -= 2;
        n = n > size ? size : n;
        /* What reads beyond its event is caught. */
        uint8_t *copy = malloc(n ? n : 1);
        must(copy, "out of memory");
        memcpy(copy, data, n);
        happen(what, copy, n);
        free(copy);
        data += n;
        size -= n;
    }
    tear_down();
    int now_free = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    close(now_free);
    must(now_free == first_free, "a descriptor is left: %d", first_free);
    return 0;
}
