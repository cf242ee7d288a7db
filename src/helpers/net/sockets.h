/*
 * TCP sockets of the container: made in its network namespace, used by the relay outside of it.
 *
 * A process that stays behind in the namespaces of the container (sockets_serve) has nothing but one unix
 * socket, and does one thing: it makes sockets and hands them over. The relay keeps a stock of them, so that
 * a connection that comes in need not wait.
 */
#pragma once

#include <stdbool.h>

#include "helpers/net/loop.h"

#define SOCKETS_STOCK 32

enum sockets_family { SOCKETS_IPV4, SOCKETS_IPV6, SOCKETS_FAMILIES };

struct sockets_stock {
    int fds[SOCKETS_STOCK];
    unsigned n, asked; /* that are here, and on their way */
    int code;          /* the kernel made none: why */
};

struct sockets {
    struct watch watch; /* the process that makes them; fd negative: there is none */
    struct loop *loop;
    struct sockets_stock stock[SOCKETS_FAMILIES];
    /* Called when there are more than there were, or none will come any more. */
    void (*arrived)(void *data);
    void *data;
};

/* The process's side: serves on @sock until the other end closes, without any other right or descriptor.
 * Called in the namespaces of the container. */
_Noreturn void sockets_serve(int sock);

/* The relay's side: takes @sock over (negative: no such process). Returns 0 or -errno. */
int sockets_init(struct sockets *s, struct loop *loop, int sock, void (*arrived)(void *data), void *data);
void sockets_close(struct sockets *s);

/* Fills the stock of one family up, so that it is there when it is needed. */
void sockets_want(struct sockets *s, enum sockets_family family);

/* A stream socket that is not connected, without blocking and without Nagle's delay. -EAGAIN: there is none
 * just now, @arrived will be called; another -errno: none can be had. */
int sockets_take(struct sockets *s, enum sockets_family family);
/* Gives one back that was not used. */
void sockets_give(struct sockets *s, enum sockets_family family, int fd);
