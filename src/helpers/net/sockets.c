#include "helpers/net/sockets.h"

#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/landlock.h"
#include "base/syscalls.h"
#include "base/sysfilter.h"
#include "config.h"

static const int families[SOCKETS_FAMILIES] = {[SOCKETS_IPV4] = AF_INET, [SOCKETS_IPV6] = AF_INET6};

/* The relay's request, and the answer to it: FD_PASS_MAX sockets to a message, or why there are none. */
struct request {
    uint32_t family, messages;
};
struct reply {
    uint32_t family;
    int32_t code;
};

/* A wish so small is not worth a message. */
#define REFILL (SOCKETS_STOCK / 2)

/* In the container. */

static int make_socket(int family)
{
    const int one = 1;
    _cleanup_close_ int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof one) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one) < 0)
        return -errno;
    return TAKE_FD(fd);
}

static int send_sockets(int sock, uint32_t family)
{
    struct reply reply = {.family = family};
    int fds[FD_PASS_MAX];
    size_t n = 0;

    for (int fd = 0; n < FD_PASS_MAX && fd >= 0;) {
        fd = make_socket(families[family]);
        if (fd >= 0)
            fds[n++] = fd;
        else
            reply.code = fd;
    }
    int r = fd_send(sock, &reply, sizeof reply, fds, n);
    while (n)
        close(fds[--n]);
    return r;
}

static int give_up_everything(int sock)
{
    static const unsigned allowed[] = {
        SYS_recvmsg,    SYS_sendmsg, SYS_setsockopt, SYS_close, SYS_exit_group, SYS_restart_syscall,
#ifdef SYS_socketcall
        SYS_socketcall,
#endif
    };
    static const struct sysfilter_check checked[] = {{SYS_socket, 0, 0, ~0U, AF_INET},
                                                     {SYS_socket, 0, 0, ~0U, AF_INET6}};
    const struct sysfilter filter = {.allowed = allowed,
                                     .n_allowed = ARRAY_SIZE(allowed),
                                     .checked = checked,
                                     .n_checked = ARRAY_SIZE(checked)};
    const struct landlock_rules nothing = {.dir = -1};
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[2] = {{0}};

    /* Joining a user namespace has taken the signal at the parent's end back, and made us dumpable again. */
    if ((sock > 0 && sys_close_range(0, (unsigned)sock - 1, 0) < 0) ||
        sys_close_range((unsigned)sock + 1, UINT32_MAX, 0) < 0 || chdir("/") < 0 ||
        prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_NAME, "bryo-net-socks") < 0 ||
        syscall(SYS_capset, &header, none) < 0 ||
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return -errno;
    int r = landlock_restrict(&nothing, NULL);
#ifdef BRYO_SANITIZED
    /* Sanitizers make system calls of their own. */
    (void)filter;
    return r < 0 ? r : 0;
#else
    return r < 0 ? r : sysfilter_install(&filter, NULL);
#endif
}

_Noreturn void sockets_serve(int sock)
{
    struct request q;
    size_t no_fds = 0;

    if (give_up_everything(sock) < 0)
        _exit(1);
    while (fd_recv(sock, &q, sizeof q, NULL, &no_fds) == sizeof q && q.family < SOCKETS_FAMILIES &&
           q.messages <= SOCKETS_STOCK)
        for (; q.messages; q.messages--)
            if (send_sockets(sock, q.family) < 0)
                _exit(0); /* the relay is gone */
    _exit(0);
}

/* In the relay. */

static void no_more(struct sockets *s, int code)
{
    loop_close_watch(s->loop, &s->watch);
    for (size_t i = 0; i < SOCKETS_FAMILIES; i++)
        s->stock[i].code = code;
}

static void take_reply(struct watch *w, uint32_t events)
{
    struct sockets *s = (struct sockets *)((char *)w - offsetof(struct sockets, watch));
    int fds[FD_PASS_MAX];
    struct reply reply;
    size_t n = FD_PASS_MAX;
    ssize_t len = fd_recv_now(w->fd, &reply, sizeof reply, fds, &n);

    (void)events;
    if (len == -EAGAIN)
        return;
    if (len != sizeof reply || reply.family >= SOCKETS_FAMILIES) {
        no_more(s, len < 0 ? (int)len : -EPIPE);
    } else {
        struct sockets_stock *stock = &s->stock[reply.family];
        stock->asked -= stock->asked < FD_PASS_MAX ? stock->asked : FD_PASS_MAX;
        stock->code = n || reply.code ? reply.code : -EMFILE; /* no room for them here */
        for (size_t i = 0; i < n; i++)
            if (stock->n < SOCKETS_STOCK)
                stock->fds[stock->n++] = fds[i];
            else
                close(fds[i]);
    }
    s->arrived(s->data);
}

int sockets_init(struct sockets *s, struct loop *loop, int sock, void (*arrived)(void *data), void *data)
{
    *s = (struct sockets){.watch = {take_reply, sock}, .loop = loop, .arrived = arrived, .data = data};
    if (sock < 0) {
        no_more(s, -EOPNOTSUPP);
        return 0;
    }
    int r = fd_set_nonblock(sock, true);
    return r < 0 ? r : loop_add(loop, &s->watch, EPOLLIN);
}

void sockets_close(struct sockets *s)
{
    if (!s->loop)
        return;
    no_more(s, -EPIPE);
    for (size_t i = 0; i < SOCKETS_FAMILIES; i++)
        while (s->stock[i].n)
            close(s->stock[i].fds[--s->stock[i].n]);
}

void sockets_want(struct sockets *s, enum sockets_family family)
{
    struct sockets_stock *stock = &s->stock[family];
    unsigned missing = SOCKETS_STOCK - stock->n - stock->asked;
    const struct request q = {.family = family, .messages = missing / FD_PASS_MAX};

    if (s->watch.fd < 0 || missing < REFILL)
        return;
    /* What does not fit now is asked for with the next socket that is taken. */
    if (send(s->watch.fd, &q, sizeof q, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof q)
        stock->asked += q.messages * FD_PASS_MAX;
}

int sockets_take(struct sockets *s, enum sockets_family family)
{
    struct sockets_stock *stock = &s->stock[family];
    int fd = stock->n ? stock->fds[--stock->n] : -EAGAIN;

    /* Once it could not make any, it is asked again, but whoever came meanwhile is not kept waiting. */
    if (fd < 0 && stock->code < 0)
        fd = stock->code;
    sockets_want(s, family);
    return fd;
}

void sockets_give(struct sockets *s, enum sockets_family family, int fd)
{
    struct sockets_stock *stock = &s->stock[family];

    if (stock->n < SOCKETS_STOCK)
        stock->fds[stock->n++] = fd;
    else
        close(fd);
}
