/*
 * The resolver of bryo-net: messages as they are on the wire, and the way of a query to a server and back.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "helpers/net/dns.h"

/* "wWw.Example.com", type A, recursion desired. */
static const uint8_t query[] = {0x12, 0x34, 1,   0,   0,   1,   0,   0, 0,   0,   0,   0, 3, 'w', 'W', 'w', 7,
                                'E',  'x',  'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0, 0, 1,   0,   1};

static void queries(void **state)
{
    struct dns_question q;
    uint8_t bytes[sizeof query];

    (void)state;
    assert_int_equal(dns_parse_query(query, sizeof query, &q), 0);
    assert_string_equal(q.name, "www.example.com");
    assert_int_equal(q.type, DNS_TYPE_A);
    assert_int_equal(q.end, sizeof query);
    for (size_t n = 0; n < sizeof query; n++)
        assert_int_equal(dns_parse_query(query, n, &q), -EBADMSG);
    static const struct {
        size_t place;
        uint8_t value;
        int result;
    } rows[] = {
        {2, 0x81, -EBADMSG},    /* an answer */
        {2, 0x29, -EOPNOTSUPP}, /* an update */
        {5, 2, -EBADMSG},       /* two questions */
        {7, 1, -EBADMSG},       /* an answer beside it */
        {12, 64, -EBADMSG},     /* no length of a label */
        {12, 0xc0, -EBADMSG},   /* a name that points to where it has no letters */
        {14, '.', -EBADMSG},    /* a dot within a label */
        {14, 0, -EBADMSG},      /* a NUL */
        {14, 0xe4, -EBADMSG},   /* no ASCII */
        {28, 9, -EBADMSG},      /* goes on beyond the end */
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        memcpy(bytes, query, sizeof bytes);
        bytes[rows[i].place] = rows[i].value;
        if (dns_parse_query(bytes, sizeof bytes, &q) != rows[i].result)
            fail_msg("row %zu", i);
    }
}

static void names_that_go_in_circles(void **state)
{
    uint8_t bytes[64] = {0, 0, 1, 0, 0, 1};
    struct dns_question q;

    (void)state;
    memcpy(bytes + 12, "\xc0\x0c\0\1\0\1", 6); /* points to itself */
    assert_int_equal(dns_parse_query(bytes, 18, &q), -EBADMSG);
    memcpy(bytes + 12, "\1a\xc0\x0c\0\1\0\1", 8); /* one letter longer each time */
    assert_int_equal(dns_parse_query(bytes, 20, &q), -EBADMSG);
    memcpy(bytes + 12, "\xc0\xff\0\1\0\1", 6); /* behind the end */
    assert_int_equal(dns_parse_query(bytes, 18, &q), -EBADMSG);
}

/* The answer of a server: www is a CNAME of cdn.example.com, which has two addresses. */
static const uint8_t answer[] = {0x12, 0x34, 0x81, 0x80, 0,   1,    0,   3,    0,   0,    0,  0,    3,   'w',
                                 'w',  'w',  7,    'e',  'x', 'a',  'm', 'p',  'l', 'e',  3,  'c',  'o', 'm',
                                 0,    0,    1,    0,    1,   0xc0, 12,  0,    5,   0,    1,  0,    0,   0,
                                 60,   0,    6,    3,    'c', 'd',  'n', 0xc0, 16,  0xc0, 45, 0,    1,   0,
                                 1,    0,    0,    1,    0,   0,    4,   192,  0,   2,    7,  0xc0, 45,  0,
                                 1,    0,    1,    0,    0,   1,    0,   0,    4,   192,  0,  2,    8};

static void answers(void **state)
{
    struct dns_question q;
    struct dns_record r;
    size_t at = 0;
    unsigned left;

    (void)state;
    assert_int_equal(dns_parse_query(query, sizeof query, &q), 0);
    assert_true(dns_is_answer(answer, sizeof answer, &q));
    assert_false(dns_is_answer(query, sizeof query, &q));
    q.type = DNS_TYPE_AAAA;
    assert_false(dns_is_answer(answer, sizeof answer, &q));
    assert_int_equal(dns_next_record(answer, sizeof answer, &at, &left, &r), 1);
    assert_int_equal(r.type, DNS_TYPE_CNAME);
    assert_string_equal(r.name, "www.example.com");
    assert_string_equal(r.target, "cdn.example.com");
    assert_int_equal(r.ttl, 60);
    for (uint8_t last = 7; last <= 8; last++) {
        assert_int_equal(dns_next_record(answer, sizeof answer, &at, &left, &r), 1);
        assert_int_equal(r.type, DNS_TYPE_A);
        assert_string_equal(r.name, "cdn.example.com");
        assert_int_equal(r.data_len, 4);
        assert_int_equal(r.data[3], last);
        assert_int_equal(r.ttl, 256);
    }
    assert_int_equal(dns_next_record(answer, sizeof answer, &at, &left, &r), 0);
    /* Cut anywhere, it ends with an error and never beyond its end. */
    for (size_t n = sizeof query; n < sizeof answer; n++) {
        uint8_t *cut = malloc(n);
        memcpy(cut, answer, n);
        int got = 1;
        for (at = 0; got == 1;)
            got = dns_next_record(cut, n, &at, &left, &r);
        assert_int_equal(got, -EBADMSG);
        free(cut);
    }
}

static void errors(void **state)
{
    uint8_t out[sizeof query];
    struct dns_question q;

    (void)state;
    assert_int_equal(dns_parse_query(query, sizeof query, &q), 0);
    assert_int_equal(dns_build_error(query, &q, DNS_RCODE_NXDOMAIN, out), sizeof query);
    assert_memory_equal(out, "\x12\x34\x81\x83\0\1\0\0\0\0\0\0", 12);
    assert_memory_equal(out + 12, query + 12, sizeof query - 12);
}

/* Two servers of this machine, and a client that counts. */
struct fixture {
    struct loop loop;
    struct dns dns;
    struct netaddr servers[2];
    int fd[2];
    unsigned answered;
    uint8_t last[512];
    size_t last_len;
};

static void sink(void *data, const struct dns_client *client, const struct dns_question *q,
                 const uint8_t *msg, size_t len)
{
    struct fixture *x = data;

    assert_int_equal(client->port, 4000);
    assert_string_equal(q->name, "www.example.com");
    assert_true(len <= sizeof x->last);
    memcpy(x->last, msg, len);
    x->last_len = len;
    x->answered++;
}

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    struct sockaddr_storage ss;
    uint16_t port = 0;

    assert_int_equal(netaddr_parse("127.0.0.1", &x->servers[0]), 0);
    assert_int_equal(netaddr_parse("127.0.0.2", &x->servers[1]), 0);
    for (int i = 0; i < 2; i++) {
        socklen_t len = netaddr_to_sockaddr(&x->servers[i], port, &ss);
        x->fd[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(x->fd[i], (struct sockaddr *)&ss, len), 0);
        assert_int_equal(getsockname(x->fd[i], (struct sockaddr *)&ss, &len), 0);
        (void)netaddr_from_sockaddr(&ss, &x->servers[i], &port);
    }
    assert_int_equal(loop_init(&x->loop), 0);
    assert_int_equal(dns_init(&x->dns, &x->loop, x->servers, 2, sink, x), 0);
    x->dns.port = port;
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;

    dns_close(&x->dns);
    loop_close(&x->loop);
    fd_close(&x->fd[0]);
    fd_close(&x->fd[1]);
    free(x);
    return 0;
}

static void ask(struct fixture *x, int64_t now)
{
    const struct dns_client client = {.port = 4000};
    struct dns_question q;

    assert_int_equal(dns_parse_query(query, sizeof query, &q), 0);
    dns_ask(&x->dns, &client, &q, query, sizeof query, now);
}

/* Receives a query at server @i; answers with @first bytes of `answer` under the id of the query plus @skew.
 */
static void serve(struct fixture *x, int i, unsigned skew)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    struct pollfd p = {.fd = x->fd[i], .events = POLLIN};
    uint8_t bytes[sizeof answer];

    assert_int_equal(poll(&p, 1, 2000), 1);
    assert_int_equal(recvfrom(x->fd[i], bytes, sizeof bytes, 0, (struct sockaddr *)&from, &len),
                     sizeof query);
    assert_memory_equal(bytes + 2, query + 2, sizeof query - 2);
    unsigned id = dns_get16(bytes) + skew;
    memcpy(bytes, answer, sizeof answer);
    dns_put16(bytes, id);
    assert_int_equal(sendto(x->fd[i], bytes, sizeof bytes, 0, (struct sockaddr *)&from, len), sizeof bytes);
}

static void turn(struct fixture *x)
{
    struct pollfd p = {.fd = x->loop.epoll_fd, .events = POLLIN};

    assert_int_equal(poll(&p, 1, 2000), 1);
    loop_run_ready(&x->loop);
}

static void a_query_is_answered(void **state)
{
    struct fixture *x = *state;

    ask(x, 0);
    assert_int_equal(x->dns.in_flight, 1);
    serve(x, 0, 0);
    turn(x);
    assert_int_equal(x->answered, 1);
    assert_int_equal(x->last_len, sizeof answer);
    assert_memory_equal(x->last, answer, sizeof answer); /* under the client's id again */
    assert_int_equal(x->dns.in_flight, 0);
    assert_int_equal(dns_check(&x->dns, 0), -1);
}

static void a_forged_answer_is_passed_over(void **state)
{
    struct fixture *x = *state;

    ask(x, 0);
    serve(x, 0, 1);
    turn(x);
    assert_int_equal(x->answered, 0);
    assert_int_equal(x->dns.in_flight, 1);
}

static void a_silent_server_is_followed_by_the_next(void **state)
{
    struct fixture *x = *state;

    ask(x, 0);
    assert_int_equal(dns_check(&x->dns, 0), 2000);
    assert_true(dns_check(&x->dns, 2000) > 2000);
    serve(x, 1, 0);
    turn(x);
    assert_int_equal(x->answered, 1);
    /* Who answered is asked first from now on. */
    ask(x, 3000);
    serve(x, 1, 0);
    turn(x);
    assert_int_equal(x->answered, 2);
    /* Silent all of them: lost, and the slot is free. */
    ask(x, 4000);
    (void)dns_check(&x->dns, 6000);
    assert_int_equal(dns_check(&x->dns, 20000), -1);
    assert_int_equal(x->dns.in_flight, 0);
    assert_int_equal(x->dns.lost, 1);
}

static void a_server_that_is_not_there_is_followed_at_once(void **state)
{
    struct fixture *x = *state;

    fd_close(&x->fd[0]);
    ask(x, 0);
    turn(x); /* what ICMP says */
    serve(x, 1, 0);
    turn(x);
    assert_int_equal(x->answered, 1);
}

static void queries_are_bounded(void **state)
{
    struct fixture *x = *state;

    for (int i = 0; i < DNS_PENDING + 5; i++)
        ask(x, 0);
    assert_int_equal(x->dns.in_flight, DNS_PENDING);
    assert_int_equal(x->dns.lost, 5);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries),
        cmocka_unit_test(names_that_go_in_circles),
        cmocka_unit_test(answers),
        cmocka_unit_test(errors),
        CASE(a_query_is_answered),
        CASE(a_forged_answer_is_passed_over),
        CASE(a_silent_server_is_followed_by_the_next),
        CASE(a_server_that_is_not_there_is_followed_at_once),
        CASE(queries_are_bounded),
    };

    return cmocka_run_group_tests_name("net_dns", tests, NULL, NULL);
}
