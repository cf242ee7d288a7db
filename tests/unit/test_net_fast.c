/*
 * Ports of the fast kind: two real sockets joined, by the loop that the relay has, with the process that
 * makes sockets in a network namespace that here is our own.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "helpers/net/fast.h"

#define MUCH     (24u << 20)
#define PATIENCE 10000 /* rounds of a loop that has 10 ms each */

struct fixture {
    struct loop loop;
    struct stage stage;
    struct fast fast;
    struct fast_port *port;
    pid_t maker;
    int listener;        /* the program in the container */
    uint16_t open, into; /* the ports: of the host, and where it leads */
    int client, service;
};

static int bound(uint16_t *port, bool listens)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    if (listens)
        assert_int_equal(listen(fd, 10), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static void round_of(struct fixture *x)
{
    struct pollfd p = {.fd = x->loop.epoll_fd, .events = POLLIN};
    int wait = fast_proceed(&x->fast);

    (void)poll(&p, 1, wait < 0 || wait > 10 ? 10 : wait);
    x->stage.now_ms += 10;
    loop_run_ready(&x->loop);
}

/* What the client, or the program, gets to hear: a count of bytes, 0 at the end, or -errno. */
static ssize_t hear(struct fixture *x, int fd, void *buf, size_t n)
{
    for (int i = 0; i < PATIENCE; i++) {
        ssize_t got = recv(fd, buf, n, MSG_DONTWAIT);
        if (got >= 0 || errno != EAGAIN)
            return got < 0 ? -errno : got;
        round_of(x);
    }
    fail_msg("nothing comes");
    return -ETIMEDOUT;
}

static int connect_client(struct fixture *x)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(x->open)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void open_pair(struct fixture *x)
{
    x->client = connect_client(x);
    for (int i = 0; i < PATIENCE && x->service < 0; i++) {
        round_of(x);
        x->service = accept4(x->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
    assert_true(x->service >= 0);
}

static int setup_with(void **state, bool with_maker)
{
    struct fixture *x = calloc(1, sizeof *x);
    struct netaddr here;
    int pair[2];
    int free_port = bound(&x->open, false);

    x->client = x->service = -EBADF;
    x->listener = bound(&x->into, true);
    close(free_port);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    x->maker = fork();
    if (x->maker == 0) {
        if (!with_maker)
            _exit(0);
        close(pair[0]);
        sockets_serve(pair[1]);
    }
    close(pair[1]);
    assert_int_equal(loop_init(&x->loop), 0);
    fast_init(&x->fast, &x->loop, &x->stage);
    (void)netaddr_parse("127.0.0.1", &here);
    assert_int_equal(fast_add(&x->fast, &here, x->open, &here, x->into, &x->port), 0);
    assert_int_equal(fast_start(&x->fast, pair[0]), 0);
    *state = x;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, true);
}

static int setup_without_maker(void **state)
{
    return setup_with(state, false);
}

static int teardown(void **state)
{
    struct fixture *x = *state;

    fast_close(&x->fast);
    fast_close(&x->fast);
    loop_close(&x->loop);
    cleanup_close(&x->client);
    cleanup_close(&x->service);
    cleanup_close(&x->listener);
    /* It ends with the socket. */
    int status;
    pid_t ended = waitpid(x->maker, &status, 0);
    free(x);
    return ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static void a_little_both_ways(void **state)
{
    struct fixture *x = *state;
    char buf[100];

    open_pair(x);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send(x->client, "ask", 3, 0), 3);
        assert_int_equal(hear(x, x->service, buf, sizeof buf), 3);
        assert_memory_equal(buf, "ask", 3);
        assert_int_equal(send(x->service, "answer", 6, 0), 6);
        assert_int_equal(hear(x, x->client, buf, sizeof buf), 6);
        assert_memory_equal(buf, "answer", 6);
    }
    assert_int_equal(x->stage.counts.received_bytes, 9);
    assert_int_equal(x->stage.counts.sent_bytes, 18);
    assert_int_equal(x->fast.n_pairs, 1);
}

/* Each side in turn reads only when the other can write no more: what is on the way waits in pipes. */
static void much_and_nobody_reads_at_first(void **state)
{
    struct fixture *x = *state;
    uint8_t *out = malloc(MUCH), *back = malloc(MUCH);
    size_t sent = 0, got = 0;

    open_pair(x);
    for (size_t i = 0; i < MUCH; i++)
        out[i] = (uint8_t)(i * 2654435761u >> 13);
    for (int idle = 0; got < MUCH;) {
        ssize_t n = sent < MUCH ? send(x->client, out + sent, MUCH - sent, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
        sent += n > 0 ? (size_t)n : 0;
        idle = n > 0 ? 0 : idle + 1;
        round_of(x);
        if (idle < 5)
            continue;
        n = recv(x->service, back + got, MUCH - got, MSG_DONTWAIT);
        got += n > 0 ? (size_t)n : 0;
    }
    assert_memory_equal(out, back, MUCH);
    assert_int_equal(x->stage.counts.received_bytes, MUCH);
    free(out);
    free(back);
}

static void one_side_closes_first(void **state)
{
    struct fixture *x = *state;
    char buf[100];

    open_pair(x);
    /* The end comes together with the last bytes. */
    assert_int_equal(send(x->client, "last", 4, 0), 4);
    assert_int_equal(shutdown(x->client, SHUT_WR), 0);
    assert_int_equal(hear(x, x->service, buf, sizeof buf), 4);
    assert_int_equal(hear(x, x->service, buf, sizeof buf), 0);
    assert_int_equal(x->fast.n_pairs, 1);
    assert_int_equal(send(x->service, "still", 5, 0), 5);
    assert_int_equal(hear(x, x->client, buf, sizeof buf), 5);
    assert_int_equal(shutdown(x->service, SHUT_WR), 0);
    assert_int_equal(hear(x, x->client, buf, sizeof buf), 0);
    for (int i = 0; i < PATIENCE && x->fast.n_pairs; i++)
        round_of(x);
    assert_int_equal(x->fast.n_pairs, 0);
}

static void a_reset_is_a_reset(void **state)
{
    static const struct linger reset = {.l_onoff = 1};
    struct fixture *x = *state;
    char buf[100];

    open_pair(x);
    assert_int_equal(send(x->client, "x", 1, 0), 1);
    assert_int_equal(hear(x, x->service, buf, sizeof buf), 1);
    (void)setsockopt(x->client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    cleanup_close(&x->client);
    x->client = -EBADF;
    assert_int_equal(hear(x, x->service, buf, sizeof buf), -ECONNRESET);
    assert_int_equal(x->fast.n_pairs, 0);
}

static void nobody_listens(void **state)
{
    struct fixture *x = *state;
    char buf[100];

    cleanup_close(&x->listener);
    x->listener = -EBADF;
    x->client = connect_client(x);
    assert_int_equal(hear(x, x->client, buf, sizeof buf), -ECONNRESET);
    assert_int_equal(x->fast.n_pairs, 0);
}

/* More connections at once than the stock has sockets, and the port is taken away meanwhile. */
static void many_at_once(void **state)
{
    enum { MANY = 3 * SOCKETS_STOCK };
    struct fixture *x = *state;
    int clients[MANY], services[MANY], n = 0;
    char buf[10];

    for (int i = 0; i < MANY; i++)
        clients[i] = connect_client(x);
    assert_int_equal(listen(x->listener, MANY), 0);
    for (int i = 0; i < PATIENCE && n < MANY; i++) {
        round_of(x);
        int fd = accept4(x->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            services[n++] = fd;
    }
    assert_int_equal(n, MANY);
    assert_int_equal(x->fast.n_pairs, MANY);
    fast_remove(&x->fast, x->port);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(send(services[i], "y", 1, 0), 1);
        close(services[i]);
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(hear(x, clients[i], buf, sizeof buf), 1);
        assert_int_equal(hear(x, clients[i], buf, sizeof buf), 0);
        close(clients[i]);
    }
    for (int i = 0; i < PATIENCE && x->fast.n_pairs; i++)
        round_of(x);
    assert_int_equal(x->fast.n_pairs, 0);
}

/* Without the process in the container nobody is kept waiting. */
static void who_knocks_without_sockets_is_refused(void **state)
{
    struct fixture *x = *state;
    char buf[10];

    x->client = connect_client(x);
    assert_int_equal(hear(x, x->client, buf, sizeof buf), -ECONNRESET);
    assert_int_equal(x->fast.n_pairs, 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_little_both_ways),
        CASE(much_and_nobody_reads_at_first),
        CASE(one_side_closes_first),
        CASE(a_reset_is_a_reset),
        CASE(nobody_listens),
        CASE(many_at_once),
        cmocka_unit_test_setup_teardown(who_knocks_without_sockets_is_refused, setup_without_maker, teardown),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("net_fast", tests, NULL, NULL);
}
