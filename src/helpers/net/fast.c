#include "helpers/net/fast.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BACKLOG        4096
#define ACCEPT_A_ROUND 16
#define PIPE_SIZE      (256 * 1024)
#define PIPES_FREE     16
/* How often a direction is taken up before the others get their turn. */
#define MOVES_A_ROUND 8
/* What is moved through a buffer; any pipe, also one of a user who has many, takes as much at once. */
#define LITTLE   8192
#define RETRY_MS 100

/* Rings of pairs. */

static void ring_take_out(struct fast_pair *p)
{
    p->prev->next = p->next;
    p->next->prev = p->prev;
}

static void ring_put(struct fast_pair *head, struct fast_pair *p)
{
    p->prev = head->prev;
    p->next = head;
    head->prev->next = p;
    head->prev = p;
}

static void set_busy(struct fast_pair *p, bool busy)
{
    if (p->busy == busy)
        return;
    p->busy = busy;
    ring_take_out(p);
    ring_put(busy ? &p->fast->busy : &p->fast->idle, p);
}

/* Pipes: only what waits has one. */

static struct fast_pipe *pipe_get(struct fast *f)
{
    struct fast_pipe *p = f->pipes;
    int fds[2];

    if (p) {
        f->pipes = p->next;
        f->n_pipes--;
        return p;
    }
    p = malloc(sizeof *p);
    if (!p || pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        free(p);
        return NULL;
    }
    /* A user who has many of them gets no more than a small one. */
    (void)fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE);
    *p = (struct fast_pipe){.out = fds[0], .in = fds[1]};
    return p;
}

static void pipe_close(struct fast_pipe *p)
{
    close(p->in);
    close(p->out);
    free(p);
}

static void stream_free_pipe(struct fast *f, struct fast_stream *s)
{
    struct fast_pipe *p = TAKE_PTR(s->pipe);

    if (!p)
        return;
    if (s->held || f->n_pipes == PIPES_FREE) {
        pipe_close(p);
        return;
    }
    p->next = f->pipes;
    f->pipes = p;
    f->n_pipes++;
}

/* Pairs. */

static void resume_ports(struct fast *f)
{
    if (!f->retry_ms)
        return;
    f->retry_ms = 0;
    for (struct fast_port *port = f->ports; port; port = port->next)
        if (port->paused && loop_change(f->loop, &port->watch, EPOLLIN) == 0)
            port->paused = false;
}

static void pair_close(struct fast_pair *p, bool abort)
{
    static const struct linger reset = {.l_onoff = 1};
    struct fast *f = p->fast;
    struct fast_end *ends[] = {&p->client, &p->service};

    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        if (abort && ends[i]->watch.fd >= 0)
            (void)setsockopt(ends[i]->watch.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        loop_close_watch(f->loop, &ends[i]->watch);
    }
    stream_free_pipe(f, &p->in);
    stream_free_pipe(f, &p->out);
    ring_take_out(p);
    free(p);
    f->n_pairs--;
    resume_ports(f);
}

/* What a call that moves bytes has said: -errno if the connection is broken. If it would have to wait, *ready
 * is over. */
static int said(ssize_t n, bool *ready)
{
    if (n >= 0 || errno == EINTR)
        return 0;
    if (errno != EAGAIN)
        return -errno;
    *ready = false;
    return 0;
}

static void count(struct fast_stream *s, ssize_t n)
{
    *s->bytes += (uint64_t)n;
    *s->pieces += 1;
}

/* A little from one socket to the other; what that does not take waits in a pipe. Returns 0 or -errno. */
static int move_little(struct fast *f, struct fast_stream *s, struct fast_end *from, struct fast_end *to)
{
    char buf[LITTLE];
    ssize_t n = recv(from->watch.fd, buf, sizeof buf, 0), sent = 0;

    if (n < 0)
        return said(n, &from->can_read);
    s->eof = n == 0;
    /* Less than there was room for is all there is, except before urgent data and the end. */
    from->can_read = n == sizeof buf || (n && (from->urgent || from->closing));
    s->bulk = n == sizeof buf && !from->urgent;
    if (n == 0)
        return 0;
    count(s, n);
    if (to->can_write)
        sent = send(to->watch.fd, buf, (size_t)n, MSG_NOSIGNAL);
    int r = said(sent, &to->can_write);
    if (r < 0)
        return r;
    s->held = (size_t)(n - (sent > 0 ? sent : 0));
    if (s->held == 0)
        return 0;
    s->pipe = pipe_get(f);
    if (!s->pipe)
        return -EMFILE;
    return write(s->pipe->in, buf + ((size_t)n - s->held), s->held) == (ssize_t)s->held ? 0 : -EIO;
}

/* As much as the pipe holds. Returns 0 or -errno. */
static int fill_pipe(struct fast *f, struct fast_stream *s, struct fast_end *from)
{
    s->pipe = pipe_get(f);
    if (!s->pipe)
        return -EMFILE;
    ssize_t n = splice(from->watch.fd, NULL, s->pipe->in, NULL, PIPE_SIZE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n > 0) {
        s->held = (size_t)n;
        count(s, n);
        return 0;
    }
    stream_free_pipe(f, s);
    s->eof = n == 0;
    s->bulk = false;
    return said(n, &from->can_read);
}

static int drain_pipe(struct fast *f, struct fast_stream *s, struct fast_end *to)
{
    ssize_t n = splice(s->pipe->out, NULL, to->watch.fd, NULL, s->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

    if (n <= 0)
        return n == 0 ? -EIO : said(n, &to->can_write);
    s->held -= (size_t)n;
    if (s->held == 0)
        stream_free_pipe(f, s);
    return 0;
}

/* One direction as far as it goes. Returns 1 if there is more to do, 0 if not, or -errno if the connection is
 * broken. */
static int move(struct fast *f, struct fast_stream *s, struct fast_end *from, struct fast_end *to)
{
    for (int i = 0; i < MOVES_A_ROUND; i++) {
        int r;
        if (s->held ? !to->can_write : s->eof || !from->can_read) {
            if (!s->eof || s->held || s->passed)
                return 0;
            s->passed = true;
            return shutdown(to->watch.fd, SHUT_WR) < 0 ? -errno : 0;
        }
        if (s->held)
            r = drain_pipe(f, s, to);
        else if (s->bulk)
            r = fill_pipe(f, s, from);
        else
            r = move_little(f, s, from, to);
        if (r < 0)
            return r;
    }
    return 1;
}

/* The pair may be gone behind it. */
static void pump(struct fast_pair *p)
{
    if (!p->connected)
        return;
    int in = move(p->fast, &p->in, &p->client, &p->service), out = 0;
    if (in >= 0)
        out = move(p->fast, &p->out, &p->service, &p->client);
    if (in < 0 || out < 0)
        pair_close(p, true);
    else if (p->in.passed && p->out.passed)
        pair_close(p, false);
    else
        set_busy(p, in || out);
}

static void end_ready(struct fast_pair *p, struct fast_end *end, uint32_t events)
{
    if (events & EPOLLERR) { /* a reset, or nobody listens */
        pair_close(p, true);
        return;
    }
    end->urgent |= (events & EPOLLPRI) != 0;
    end->closing |= (events & (EPOLLRDHUP | EPOLLHUP)) != 0;
    end->can_read |= (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP)) != 0;
    end->can_write |= (events & EPOLLOUT) != 0;
    p->connected |= end == &p->service && end->can_write;
    pump(p);
}

static void client_ready(struct watch *w, uint32_t events)
{
    struct fast_pair *p = (struct fast_pair *)((char *)w - offsetof(struct fast_pair, client.watch));

    end_ready(p, &p->client, events);
}

static void service_ready(struct watch *w, uint32_t events)
{
    struct fast_pair *p = (struct fast_pair *)((char *)w - offsetof(struct fast_pair, service.watch));

    end_ready(p, &p->service, events);
}

/* Ports. */

static enum sockets_family family_of(const struct netaddr *a)
{
    return netaddr_is_ipv4(a) ? SOCKETS_IPV4 : SOCKETS_IPV6;
}

static void pause_port(struct fast_port *port)
{
    struct fast *f = port->fast;

    if (loop_change(f->loop, &port->watch, 0) < 0)
        return;
    port->paused = true;
    f->retry_ms = f->stage->now_ms + RETRY_MS;
}

/* Joins the two sockets, which are its from here on. */
static void join(struct fast_port *port, int client, int service)
{
    struct fast *f = port->fast;
    struct stage_counts *n = &f->stage->counts;
    struct fast_pair *p = malloc(sizeof *p);
    struct sockaddr_storage to;
    const uint32_t all = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;

    if (!p) {
        close(client);
        close(service);
        return;
    }
    *p = (struct fast_pair){.fast = f,
                            .client.watch = {client_ready, client},
                            .service.watch = {service_ready, service},
                            .in = {.bytes = &n->received_bytes, .pieces = &n->received_packets},
                            .out = {.bytes = &n->sent_bytes, .pieces = &n->sent_packets}};
    ring_put(&f->idle, p);
    f->n_pairs++;
    socklen_t len = netaddr_to_sockaddr(&port->guest, port->guest_port, &to);
    if ((connect(service, (struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS) ||
        loop_add(f->loop, &p->client.watch, all) < 0 || loop_add(f->loop, &p->service.watch, all) < 0)
        pair_close(p, true);
}

static void refuse_client(int fd)
{
    static const struct linger reset = {.l_onoff = 1};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
}

static void knock(struct watch *w, uint32_t events)
{
    struct fast_port *port = (struct fast_port *)((char *)w - offsetof(struct fast_port, watch));
    struct fast *f = port->fast;
    enum sockets_family family = family_of(&port->guest);

    (void)events;
    for (int i = 0; i < ACCEPT_A_ROUND; i++) {
        int service = f->n_pairs < FAST_PAIRS_MAX ? sockets_take(&f->sockets, family) : -EAGAIN;
        if (service == -EAGAIN) {
            pause_port(port);
            return;
        }
        int client = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0) {
            if (service >= 0)
                sockets_give(&f->sockets, family, service);
            if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
                pause_port(port); /* no descriptor or memory just now */
            return;
        }
        if (service >= 0)
            join(port, client, service);
        else
            refuse_client(client);
    }
}

static int listen_at(const struct netaddr *host, uint16_t port)
{
    const int one = 1;
    struct sockaddr_storage at;
    socklen_t len = netaddr_to_sockaddr(host, port, &at);
    bool v6 = at.ss_family == AF_INET6;
    _cleanup_close_ int fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    /* What is set here is set for each connection that comes in. */
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof one) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
        (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0) ||
        bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, BACKLOG) < 0)
        return -errno;
    return TAKE_FD(fd);
}

int fast_add(struct fast *f, const struct netaddr *host, uint16_t host_port, const struct netaddr *guest,
             uint16_t guest_port, struct fast_port **port)
{
    struct fast_port *p = malloc(sizeof *p);

    if (!p)
        return -ENOMEM;
    *p = (struct fast_port){.watch = {knock, listen_at(host, host_port)},
                            .fast = f,
                            .guest = *guest,
                            .guest_port = guest_port,
                            .next = f->ports};
    int r = p->watch.fd < 0 ? p->watch.fd : loop_add(f->loop, &p->watch, EPOLLIN);
    if (r < 0) {
        cleanup_close(&p->watch.fd);
        free(p);
        return r;
    }
    f->ports = *port = p;
    if (f->sockets.loop)
        sockets_want(&f->sockets, family_of(guest));
    return 0;
}

void fast_remove(struct fast *f, struct fast_port *port)
{
    struct fast_port **at = &f->ports;

    while (*at != port)
        at = &(*at)->next;
    *at = port->next;
    loop_close_watch(f->loop, &port->watch);
    free(port);
}

static void sockets_arrived(void *data)
{
    resume_ports(data);
}

void fast_init(struct fast *f, struct loop *loop, struct stage *stage)
{
    *f = (struct fast){.loop = loop, .stage = stage};
    f->idle.next = f->idle.prev = &f->idle;
    f->busy.next = f->busy.prev = &f->busy;
}

int fast_start(struct fast *f, int sock)
{
    int r = sockets_init(&f->sockets, f->loop, sock, sockets_arrived, f);

    for (struct fast_port *port = f->ports; r == 0 && port; port = port->next)
        sockets_want(&f->sockets, family_of(&port->guest));
    return r;
}

void fast_close(struct fast *f)
{
    if (!f->loop)
        return;
    while (f->ports)
        fast_remove(f, f->ports);
    while (f->idle.next != &f->idle)
        pair_close(f->idle.next, true);
    while (f->busy.next != &f->busy)
        pair_close(f->busy.next, true);
    while (f->pipes) {
        struct fast_pipe *p = f->pipes;
        f->pipes = p->next;
        pipe_close(p);
    }
    sockets_close(&f->sockets);
    f->loop = NULL;
}

int fast_proceed(struct fast *f)
{
    int64_t now = f->stage->now_ms;

    if (f->retry_ms && now >= f->retry_ms)
        resume_ports(f);
    struct fast_pair *last = f->busy.prev;
    for (bool more = last != &f->busy; more;) {
        struct fast_pair *p = f->busy.next;
        more = p != last;
        set_busy(p, false);
        pump(p);
    }
    if (f->busy.next != &f->busy)
        return 0;
    return f->retry_ms ? (int)(f->retry_ms - now) : -1;
}
