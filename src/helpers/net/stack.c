#include "helpers/net/stack.h"

#include <errno.h>
#include <slirp/libslirp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"

/* libslirp moves as much at once as this allows, whatever the MTU of the interface. */
#define STACK_MTU 65520
/* What libslirp asks for when it has nothing to wait for. */
#define IDLE_MS 1000

static ssize_t send_packet(const void *frame, size_t len, void *data)
{
    struct stack *k = data;

    stage_from_stack(k->stage, frame, len);
    return (ssize_t)len;
}

static void guest_error(const char *text, void *data)
{
    const struct stack *k = data;

    log_debug(&k->settings->log, "libslirp: %s", text);
}

static int64_t clock_get_ns(void *data)
{
    struct timespec t;

    (void)data;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *timer_new(SlirpTimerCb fire, void *timer_data, void *data)
{
    struct stack *k = data;

    for (size_t i = 0; i < STACK_TIMERS; i++)
        if (!k->timers[i].used) {
            k->timers[i] = (struct stack_timer){fire, timer_data, -1, true};
            return &k->timers[i];
        }
    return NULL;
}

static void timer_free(void *timer, void *data)
{
    struct stack_timer *t = timer;

    (void)data;
    if (t)
        t->used = false;
}

/* The one timer there is announces the router; nobody listens where the addresses were configured. */
static void timer_mod(void *timer, int64_t due_ms, void *data)
{
    struct stack *k = data;
    struct stack_timer *t = timer;

    if (t && k->stage->announced)
        t->due_ms = due_ms;
}

static void register_fd(int fd, void *data)
{
    struct stack *k = data;
    size_t word = (size_t)fd / 64;

    if (fd < 0)
        return;
    if (word >= k->open_words) {
        size_t words = word + 16;
        uint64_t *grown = realloc(k->open, words * sizeof *grown);
        if (!grown)
            return;
        memset(grown + k->open_words, 0, (words - k->open_words) * sizeof *grown);
        k->open = grown;
        k->open_words = words;
    }
    uint64_t bit = UINT64_C(1) << fd % 64;
    k->stage->in_stack += !(k->open[word] & bit);
    k->open[word] |= bit;
}

static bool is_registered(const struct stack *k, int fd)
{
    return fd >= 0 && (size_t)fd / 64 < k->open_words && k->open[fd / 64] >> fd % 64 & 1;
}

static void unregister_fd(int fd, void *data)
{
    struct stack *k = data;

    if (!is_registered(k, fd))
        return;
    k->open[fd / 64] &= ~(UINT64_C(1) << fd % 64);
    k->stage->in_stack--;
}

static void notify(void *data)
{
    (void)data;
}

static const SlirpCb callbacks = {
    .send_packet = send_packet,
    .guest_error = guest_error,
    .clock_get_ns = clock_get_ns,
    .timer_new = timer_new,
    .timer_free = timer_free,
    .timer_mod = timer_mod,
    .register_poll_fd = register_fd,
    .unregister_poll_fd = unregister_fd,
    .notify = notify,
};

int stack_init(struct stack *k, const struct settings *c, struct stage *stage, struct error *err)
{
    const SlirpConfig config = {
        .version = 2,
        .in_enabled = true,
        .vnetwork = netaddr_to4(&c->net4.addr),
        .vnetmask = {htonl(~UINT32_C(0) << (128 - c->net4.bits))},
        .vhost = netaddr_to4(&c->gateway4),
        .in6_enabled = c->ipv6,
        .vprefix_addr6 = netaddr_to6(&c->net6.addr),
        .vprefix_len = (uint8_t)c->net6.bits,
        .vhost6 = netaddr_to6(&c->gateway6),
        .vdhcp_start = netaddr_to4(&c->dhcp4),
        .vnameserver = netaddr_to4(&c->nameserver4),
        .vnameserver6 = netaddr_to6(&c->nameserver6),
        .if_mtu = STACK_MTU,
        .if_mru = STACK_MTU,
        .outbound_addr = c->has_outbound4 ? (struct sockaddr_in *)&k->outbound4 : NULL,
        .outbound_addr6 = c->has_outbound6 ? (struct sockaddr_in6 *)&k->outbound6 : NULL,
    };

    (void)netaddr_to_sockaddr(&c->outbound4, 0, &k->outbound4);
    (void)netaddr_to_sockaddr(&c->outbound6, 0, &k->outbound6);
    k->settings = c;
    k->stage = stage;
    k->max_polls = STACK_OWN_POLLS + 64;
    k->n_polls = STACK_OWN_POLLS;
    k->polls = calloc(k->max_polls, sizeof *k->polls);
    if (!k->polls)
        return error_oom(err);
    k->slirp = slirp_new(&config, &callbacks, k);
    return k->slirp ? 0 : error_set(err, EINVAL, "libslirp %s does not start", slirp_version_string());
}

void stack_free(struct stack *k)
{
    if (k->slirp)
        slirp_cleanup(k->slirp);
    free(k->polls);
    free(k->open);
    *k = (struct stack){0};
}

bool stack_can_ping6(void)
{
    unsigned major = 0, minor = 0;

    return sscanf(slirp_version_string(), "%u.%u", &major, &minor) == 2 &&
           (major > 4 || (major == 4 && minor >= 8));
}

static int add_poll(int fd, int events, void *data)
{
    static const struct {
        int stack;
        short poll;
    } kinds[] = {{SLIRP_POLL_IN, POLLIN}, {SLIRP_POLL_OUT, POLLOUT}, {SLIRP_POLL_PRI, POLLPRI}};
    struct stack *k = data;
    struct pollfd p = {.fd = fd};

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (events & kinds[i].stack)
            p.events |= kinds[i].poll;
    /* Sockets that listen for a published port are not registered. While there are too many connections, who
     * knocks has to wait. */
    if (k->stage->in_stack >= STAGE_STACK_MAX && !is_registered(k, fd))
        p.fd = -1;
    if (k->n_polls == k->max_polls) {
        struct pollfd *grown = realloc(k->polls, 2 * k->max_polls * sizeof *grown);
        if (!grown)
            return -1;
        k->polls = grown;
        k->max_polls *= 2;
    }
    k->polls[k->n_polls] = p;
    return (int)k->n_polls++;
}

static int get_events(int index, void *data)
{
    static const struct {
        short poll;
        int stack;
    } kinds[] = {{POLLIN, SLIRP_POLL_IN},
                 {POLLOUT, SLIRP_POLL_OUT},
                 {POLLPRI, SLIRP_POLL_PRI},
                 {POLLERR, SLIRP_POLL_ERR},
                 {POLLHUP, SLIRP_POLL_HUP}};
    const struct stack *k = data;
    int events = 0;

    if (index < STACK_OWN_POLLS || (size_t)index >= k->n_polls)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (k->polls[index].revents & kinds[i].poll)
            events |= kinds[i].stack;
    return events;
}

int stack_prepare(struct stack *k, int64_t now_ms)
{
    uint32_t timeout = UINT32_MAX;

    k->n_polls = STACK_OWN_POLLS;
    slirp_pollfds_fill(k->slirp, &timeout, add_poll, k);
    /* It wants to be called every second even if it has nothing to do. */
    int wait = timeout >= IDLE_MS && k->n_polls == STACK_OWN_POLLS ? -1 : (int)timeout;
    for (size_t i = 0; i < STACK_TIMERS; i++) {
        const struct stack_timer *t = &k->timers[i];
        int64_t left = t->due_ms > now_ms ? t->due_ms - now_ms : 0;
        if (t->used && t->due_ms >= 0 && (wait < 0 || left < wait))
            wait = (int)left;
    }
    return wait;
}

static bool may_write(const struct stack *k)
{
    for (size_t i = STACK_OWN_POLLS; i < k->n_polls; i++)
        if (k->polls[i].revents & POLLOUT)
            return true;
    return false;
}

void stack_proceed(struct stack *k, bool polled, int64_t now_ms)
{
    bool wrote = polled && may_write(k);

    slirp_pollfds_poll(k->slirp, !polled, get_events, k);
    if (wrote)
        stage_stack_wrote(k->stage);
    for (size_t i = 0; i < STACK_TIMERS; i++) {
        struct stack_timer *t = &k->timers[i];
        if (!t->used || t->due_ms < 0 || t->due_ms > now_ms)
            continue;
        t->due_ms = -1;
        t->fire(t->data);
    }
}

void stack_input(struct stack *k, const uint8_t *frame, size_t len)
{
    slirp_input(k->slirp, frame, (int)len);
}
