#include "helpers/net/dns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/* With a server and, where there is no other left to ask, with the last one. */
#define PATIENCE_MS      2000
#define LAST_PATIENCE_MS 10000

int dns_init(struct dns *d, struct loop *loop, const struct netaddr *servers, unsigned n, dns_sink *sink,
             void *data)
{
    *d = (struct dns){
        .loop = loop, .servers = servers, .n_servers = n, .port = DNS_PORT, .sink = sink, .data = data};
    for (size_t i = 0; i < ARRAY_SIZE(d->pending); i++)
        d->pending[i] = (struct dns_pending){.dns = d, .watch.fd = -EBADF};
    d->buf = malloc(DNS_MESSAGE_MAX);
    return d->buf ? 0 : -ENOMEM;
}

static void finish(struct dns_pending *p)
{
    loop_close_watch(p->dns->loop, &p->watch);
    free(p->query);
    p->query = NULL;
    p->dns->in_flight--;
}

void dns_close(struct dns *d)
{
    for (size_t i = 0; i < ARRAY_SIZE(d->pending); i++)
        if (d->pending[i].query)
            finish(&d->pending[i]);
    free(d->buf);
    d->buf = NULL;
}

void dns_set_servers(struct dns *d, const struct netaddr *servers, unsigned n)
{
    d->servers = servers;
    d->n_servers = n;
    d->preferred = 0;
    for (size_t i = 0; i < ARRAY_SIZE(d->pending); i++)
        d->pending[i].server %= n;
}

/* Sends the query to the server whose turn it is. Returns 0 or -errno. */
static int send_query(struct dns_pending *p, int64_t now_ms)
{
    struct sockaddr_storage to;
    socklen_t len = netaddr_to_sockaddr(&p->dns->servers[p->server], p->dns->port, &to);

    p->watch.fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p->watch.fd < 0)
        return -errno;
    p->asked_ms = now_ms;
    p->due_ms = now_ms + (p->tried + 1 < p->dns->n_servers ? PATIENCE_MS : LAST_PATIENCE_MS);
    if (connect(p->watch.fd, (struct sockaddr *)&to, len) < 0 ||
        send(p->watch.fd, p->query, p->len, MSG_NOSIGNAL) < 0)
        return -errno;
    return loop_add(p->dns->loop, &p->watch, EPOLLIN);
}

/* Asks servers in their turn until one takes the query; with none left the query is lost, and the client will
 * ask again or give up as it would with a dead network. */
static void ask_next(struct dns_pending *p, int64_t now_ms)
{
    struct dns *d = p->dns;

    for (; p->tried < d->n_servers; p->tried++, p->server = (p->server + 1) % d->n_servers) {
        loop_close_watch(d->loop, &p->watch);
        if (send_query(p, now_ms) < 0)
            continue;
        p->tried++;
        return;
    }
    d->lost++;
    finish(p);
}

static void next_server(struct dns_pending *p, int64_t now_ms)
{
    p->server = (p->server + 1) % p->dns->n_servers;
    ask_next(p, now_ms);
}

static void take_answer(struct watch *w, uint32_t events)
{
    struct dns_pending *p = (struct dns_pending *)((char *)w - offsetof(struct dns_pending, watch));
    struct dns *d = p->dns;
    ssize_t n = recv(w->fd, d->buf, DNS_MESSAGE_MAX, 0);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) { /* what ICMP said of an unreachable server */
        next_server(p, p->asked_ms);
        return;
    }
    if (n < DNS_HLEN || dns_get16(d->buf) != p->own_id || !dns_is_answer(d->buf, (size_t)n, &p->question))
        return; /* a late or a forged one: the right one may still come */
    dns_put16(d->buf, p->id);
    d->preferred = p->server;
    d->sink(d->data, &p->client, &p->question, d->buf, (size_t)n);
    finish(p);
}

static struct dns_pending *free_slot(struct dns *d)
{
    for (size_t i = 0; i < ARRAY_SIZE(d->pending); i++)
        if (!d->pending[i].query)
            return &d->pending[i];
    return NULL;
}

void dns_ask(struct dns *d, const struct dns_client *client, const struct dns_question *q, const uint8_t *msg,
             size_t len, int64_t now_ms)
{
    struct dns_pending *p = free_slot(d);
    uint8_t *copy = p && d->n_servers ? malloc(len) : NULL;

    if (!copy) {
        d->lost++;
        return;
    }
    *p = (struct dns_pending){.watch = {.ready = take_answer, .fd = -EBADF},
                              .dns = d,
                              .client = *client,
                              .question = *q,
                              .id = dns_get16(msg),
                              .server = d->preferred,
                              .query = copy,
                              .len = len};
    memcpy(copy, msg, len);
    if (getrandom(&p->own_id, sizeof p->own_id, GRND_NONBLOCK) != sizeof p->own_id)
        p->own_id = p->id;
    dns_put16(copy, p->own_id);
    d->in_flight++;
    ask_next(p, now_ms);
}

int64_t dns_check(struct dns *d, int64_t now_ms)
{
    int64_t due = -1;

    for (size_t i = 0; d->in_flight && i < ARRAY_SIZE(d->pending); i++) {
        struct dns_pending *p = &d->pending[i];
        if (p->query && p->due_ms <= now_ms)
            next_server(p, now_ms);
        if (p->query && (due < 0 || p->due_ms < due))
            due = p->due_ms;
    }
    return due;
}
