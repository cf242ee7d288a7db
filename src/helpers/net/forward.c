#include "helpers/net/forward.h"

#include <errno.h>
#include <fcntl.h>
#include <slirp/libslirp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/* libslirp asks for room for one connection that was not accepted yet. */
#define BACKLOG 4096

/* "tcp 0.0.0.0:8080" */
static const char *name_of(const struct forward *f, char buf[NETADDR_TEXT_MAX + 24])
{
    char text[NETADDR_TEXT_MAX];

    netaddr_format(text, &f->host);
    snprintf(buf, NETADDR_TEXT_MAX + 24, netaddr_is_ipv4(&f->host) ? "%s %s:%u" : "%s [%s]:%u",
             f->udp ? "udp" : "tcp", text, f->host_port);
    return buf;
}

static int failed(const struct forward *f, int code, struct error *err)
{
    char name[NETADDR_TEXT_MAX + 24];

    if (code == EADDRINUSE) {
        error_set(err, code, "publish %s: the port is taken (EADDRINUSE)", name_of(f, name));
        error_hint(err, "`ss -lnp %s` tells by whom", f->udp ? "-u" : "-t");
    } else {
        error_sys(err, code, "publish %s", name_of(f, name));
        if (code == EACCES)
            error_hint(err,
                       "ports below net.ipv4.ip_unprivileged_port_start are root's: sudo sysctl -w "
                       "net.ipv4.ip_unprivileged_port_start=%u",
                       f->host_port);
        else if (code == EADDRNOTAVAIL)
            error_hint(err, "the address is none of this machine's");
    }
    return -code;
}

static struct forward *free_place(struct forwards *all)
{
    for (size_t i = 0; i < FORWARDS_MAX; i++)
        if (all->list[i].id == 0)
            return &all->list[i];
    return NULL;
}

/* One that is published already is refused here: libslirp would let two sockets have one address. */
static bool is_there(const struct forwards *all, const struct forward *f)
{
    for (size_t i = 0; i < FORWARDS_MAX; i++) {
        const struct forward *one = &all->list[i];
        if (one->id && one->udp == f->udp && one->host_port == f->host_port &&
            netaddr_equal(&one->host, &f->host))
            return true;
    }
    return false;
}

/* Makes room for clients that come at once at every socket that listens on @port, and lets none that went
 * away again hold up the loop. No socket gets a place in the poll set by this: what poll(2) said last is not
 * of it. */
static int widen(int fd, int events, void *data)
{
    const struct forward *f = data;
    struct sockaddr_storage ss;
    socklen_t len = sizeof ss, n = sizeof(int);
    struct netaddr addr;
    uint16_t port;
    int listens = 0;

    (void)events;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) == 0 && listens &&
        getsockname(fd, (struct sockaddr *)&ss, &len) == 0 && netaddr_from_sockaddr(&ss, &addr, &port) == 0 &&
        port == f->host_port) {
        (void)listen(fd, BACKLOG);
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
    return -1;
}

static int add_to_stack(struct forwards *all, struct forward *f)
{
    struct sockaddr_storage host, guest;
    socklen_t host_len = netaddr_to_sockaddr(&f->host, f->host_port, &host);
    socklen_t guest_len = netaddr_to_sockaddr(&f->guest, f->guest_port, &guest);
    uint32_t ignored = UINT32_MAX;

    errno = 0;
    if (slirp_add_hostxfwd(all->stack->slirp, (struct sockaddr *)&host, host_len, (struct sockaddr *)&guest,
                           guest_len, (f->udp ? SLIRP_HOSTFWD_UDP : 0) | SLIRP_HOSTFWD_V6ONLY) < 0)
        return errno ? -errno : -EINVAL;
    if (!f->udp)
        slirp_pollfds_fill(all->stack->slirp, &ignored, widen, f);
    return 0;
}

/* What must hold before a socket is made. */
static int check(const struct forwards *all, const struct forward *f, struct error *err)
{
    if (netaddr_is_ipv4(&f->host) != netaddr_is_ipv4(&f->guest))
        return error_set(err, EINVAL, "a port leads from IPv4 to IPv4, or from IPv6 to IPv6");
    if (f->fast && f->udp)
        return error_set(err, EINVAL, "a fast port is one of TCP");
    if (f->fast && !all->stack->settings->has_sockets) {
        error_set(err, EOPNOTSUPP, "this network has no fast ports");
        error_hint(err, "only if it is started with one can more be added");
        return -EOPNOTSUPP;
    }
    return is_there(all, f) ? failed(f, EADDRINUSE, err) : 0;
}

int forward_add(struct forwards *all, struct forward *f, struct error *err)
{
    struct forward *place = free_place(all);
    int r = check(all, f, err);

    if (r < 0)
        return r;
    if (!place)
        return error_set(err, ENOSPC, "at most %d ports can be published", FORWARDS_MAX);
    r = f->fast ? fast_add(all->fast, &f->host, f->host_port, &f->guest, f->guest_port, &f->port)
                : add_to_stack(all, f);
    if (r < 0)
        return failed(f, -r, err);
    f->id = ++all->last_id;
    *place = *f;
    return 0;
}

int forward_remove(struct forwards *all, unsigned id, struct error *err)
{
    for (size_t i = 0; id && i < FORWARDS_MAX; i++) {
        struct forward *f = &all->list[i];
        struct sockaddr_storage host;
        if (f->id != id)
            continue;
        socklen_t len = netaddr_to_sockaddr(&f->host, f->host_port, &host);
        if (f->port)
            fast_remove(all->fast, f->port);
        else
            (void)slirp_remove_hostxfwd(all->stack->slirp, (struct sockaddr *)&host, len,
                                        f->udp ? SLIRP_HOSTFWD_UDP : 0);
        *f = (struct forward){0};
        return 0;
    }
    return error_set(err, ENOENT, "no port with the id %u is published", id);
}

int forward_add_ports(struct forwards *all, const struct netport *p, struct error *err)
{
    const struct settings *c = all->stack->settings;
    unsigned before = all->last_id;

    if (!netaddr_is_ipv4(&p->host) && !c->ipv6)
        return error_set(err, EINVAL, "publish: the container has no IPv6");
    for (uint16_t i = 0; i < p->count; i++) {
        struct forward f = {.udp = p->udp,
                            .fast = p->fast,
                            .host = p->host,
                            .guest = netaddr_is_ipv4(&p->host) ? c->guest4 : c->guest6,
                            .host_port = (uint16_t)(p->host_port + i),
                            .guest_port = (uint16_t)(p->container_port + i)};
        int r = forward_add(all, &f, err);
        if (r == 0)
            continue;
        for (unsigned id = before + 1; id <= all->last_id; id++)
            (void)forward_remove(all, id, NULL);
        return r;
    }
    return 0;
}
