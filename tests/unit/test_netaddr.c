/*
 * Addresses and networks: what is taken for one, what is in which.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/netaddr.h"
#include "base/netport.h"
#include "base/netrule.h"

static struct netaddr addr(const char *text)
{
    struct netaddr a;

    assert_int_equal(netaddr_parse(text, &a), 0);
    return a;
}

static void addresses_as_text(void **state)
{
    static const char *const good[] = {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::7"};
    static const char *const bad[] = {"",         "192.0.2", "192.0.2.256",      "192.0.2.1 ", "[::1]",
                                      "::1%eth0", "host",    "::ffff:192.0.2.1", "1.2.3.4/32"};
    char text[NETADDR_TEXT_MAX];
    struct netaddr a;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        a = addr(good[i]);
        assert_string_equal(netaddr_format(text, &a), good[i]);
        assert_int_equal(netaddr_is_ipv4(&a), strchr(good[i], '.') != NULL);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(netaddr_parse(bad[i], &a), -EINVAL);
}

static void addresses_and_sockets(void **state)
{
    static const char *const texts[] = {"192.0.2.1", "2001:db8::7"};
    struct sockaddr_storage ss;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct netaddr a = addr(texts[i]), back;
        uint16_t port = 0;
        socklen_t len = netaddr_to_sockaddr(&a, 4711, &ss);
        assert_int_equal(len, i ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
        assert_int_equal(netaddr_from_sockaddr(&ss, &back, &port), 0);
        assert_true(netaddr_equal(&a, &back));
        assert_int_equal(port, 4711);
        assert_int_equal(ss.ss_family, netaddr_family(&a));
    }
    ss.ss_family = AF_UNIX;
    struct netaddr unused;
    assert_int_equal(netaddr_from_sockaddr(&ss, &unused, NULL), -EAFNOSUPPORT);
}

static void networks_as_text(void **state)
{
    static const char *const good[] = {"10.0.0.0/8", "10.1.2.3", "0.0.0.0/0",
                                       "fd00::/8",   "::/0",     "192.0.2.4/31"};
    static const char *const bad[] = {"10.0.0.0/33", "10.0.0.1/8",  "fd00::1/64",
                                      "::/129",      "10.0.0.0/",   "/8",
                                      "10.0.0.0/8x", "10.0.0.0/-1", "example.com/8"};
    char text[NETBLOCK_TEXT_MAX];
    struct netblock b;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(netblock_parse(good[i], &b), 0);
        assert_string_equal(netblock_format(text, &b), good[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(netblock_parse(bad[i], &b), -EINVAL);
}

static void what_is_in_a_network(void **state)
{
    static const struct {
        const char *net, *addr;
        bool in;
    } rows[] = {
        {"10.0.2.0/24", "10.0.2.255", true},  {"10.0.2.0/24", "10.0.3.0", false},
        {"10.0.2.0/23", "10.0.3.9", true},    {"192.0.2.4/31", "192.0.2.5", true},
        {"192.0.2.4/31", "192.0.2.6", false}, {"0.0.0.0/0", "255.1.2.3", true},
        {"0.0.0.0/0", "2001:db8::1", false},  {"::/0", "2001:db8::1", true},
        {"::/0", "192.0.2.1", false},         {"fe80::/10", "febf::1", true},
        {"fe80::/10", "fec0::1", false},      {"2001:db8::1", "2001:db8::1", true},
    };
    struct netblock b;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct netaddr a = addr(rows[i].addr);
        assert_int_equal(netblock_parse(rows[i].net, &b), 0);
        assert_int_equal(netblock_has(&b, &a), rows[i].in);
    }
}

static void places_in_a_network(void **state)
{
    struct netblock b;
    char text[NETADDR_TEXT_MAX];

    (void)state;
    assert_int_equal(netblock_parse("10.0.2.0/24", &b), 0);
    struct netaddr a = netblock_address(&b, 100);
    assert_string_equal(netaddr_format(text, &a), "10.0.2.100");
    assert_int_equal(netblock_parse("fd00::/64", &b), 0);
    a = netblock_address(&b, 2);
    assert_string_equal(netaddr_format(text, &a), "fd00::2");
}

static void rules(void **state)
{
    static const struct {
        const char *text, *name, *block;
        unsigned port;
    } good[] = {
        {"example.com", "example.com", NULL, 0},     {"EXAMPLE.com:443", "example.com", NULL, 443},
        {"*.example.com", "example.com", NULL, 0},   {"localhost", "localhost", NULL, 0},
        {"192.0.2.1", "", "192.0.2.1", 0},           {"192.0.2.1:80", "", "192.0.2.1", 80},
        {"10.0.0.0/8:53", "", "10.0.0.0/8", 53},     {"2001:db8::1", "", "2001:db8::1", 0},
        {"[2001:db8::]:443", "", "2001:db8::", 443}, {"[2001:db8::/32]", "", "2001:db8::/32", 0},
    };
    static const char *const bad[] = {
        "",     ":443",        "example.com:", "example.com:0", "example.com:65536",
        "a b",  "exa..mple",   ".example.com", "example.com.",  "*example.com",
        "*",    "*.",          "10.0.0.1/8",   "10.0.0",        "1.2.3.4.5",
        "[::1", "[a.example]", "[::1]443",     "host:http",     "a.*.example"};
    char text[NETBLOCK_TEXT_MAX];
    struct netrule r;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(netrule_parse(good[i].text, &r, NULL), 0);
        assert_string_equal(r.name, good[i].name);
        assert_int_equal(r.port, good[i].port);
        assert_int_equal(r.below, good[i].text[0] == '*');
        if (good[i].block)
            assert_string_equal(netblock_format(text, &r.block), good[i].block);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (netrule_parse(bad[i], &r, NULL) != -EINVAL)
            fail_msg("\"%s\" is taken", bad[i]);
}

static void ports(void **state)
{
    static const struct {
        const char *text, *host;
        unsigned host_port, container_port, count, udp;
    } good[] = {
        {"8080:80", "0.0.0.0", 8080, 80, 1, 0},
        {"8080:80/tcp", "0.0.0.0", 8080, 80, 1, 0},
        {"127.0.0.1:53:5353/udp", "127.0.0.1", 53, 5353, 1, 1},
        {"[::1]:8080:80", "::1", 8080, 80, 1, 0},
        {"8000-8009:80-89", "0.0.0.0", 8000, 80, 10, 0},
        {"8080:80/fast", "0.0.0.0", 8080, 80, 1, 0},
        {"[::1]:8080-8081:80-81/tcp/fast", "::1", 8080, 80, 2, 0},
        {"8080:80/fast/tcp", "0.0.0.0", 8080, 80, 1, 0},
        {"8080:80/source", "0.0.0.0", 8080, 80, 1, 0},
        {"8080:80/udp/source", "0.0.0.0", 8080, 80, 1, 1},
    };
    static const char *const bad[] = {"",
                                      "80",
                                      ":80",
                                      "80:",
                                      "0:80",
                                      "80:0",
                                      "65536:80",
                                      "80:80/sctp",
                                      "80:80/tcp/udp",
                                      "80:80/fast/source",
                                      "80:80/udp/fast",
                                      "80:80/fast/",
                                      "80/fast:80",
                                      "a:80:80",
                                      "::1:80:80",
                                      "[::1:80:80",
                                      "8000-8009:80",
                                      "8009-8000:80-89",
                                      "80:80:80",
                                      "1.2.3.4:80",
                                      "80-:80-",
                                      "-1:80",
                                      "80:80/",
                                      "example.com:80:80"};
    char text[NETADDR_TEXT_MAX];
    struct netport p;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(netport_parse(good[i].text, &p, NULL), 0);
        assert_string_equal(netaddr_format(text, &p.host), good[i].host);
        assert_int_equal(p.host_port, good[i].host_port);
        assert_int_equal(p.container_port, good[i].container_port);
        assert_int_equal(p.count, good[i].count);
        assert_int_equal(p.udp, good[i].udp);
        assert_int_equal(p.fast, strstr(good[i].text, "fast") != NULL);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (netport_parse(bad[i], &p, NULL) != -EINVAL)
            fail_msg("\"%s\" is taken", bad[i]);
}

static void names_of_rules(void **state)
{
    struct netrule one, below, address;

    (void)state;
    assert_int_equal(netrule_parse("example.com", &one, NULL), 0);
    assert_int_equal(netrule_parse("*.example.com", &below, NULL), 0);
    assert_int_equal(netrule_parse("192.0.2.1", &address, NULL), 0);
    assert_true(netrule_has_name(&one, "example.com"));
    assert_false(netrule_has_name(&one, "www.example.com"));
    assert_false(netrule_has_name(&one, "badexample.com"));
    assert_true(netrule_has_name(&below, "a.b.example.com"));
    assert_false(netrule_has_name(&below, "example.com"));
    assert_false(netrule_has_name(&below, ".example.com"));
    assert_false(netrule_has_name(&below, "badexample.com"));
    assert_false(netrule_has_name(&address, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_as_text),   cmocka_unit_test(addresses_and_sockets),
        cmocka_unit_test(networks_as_text),    cmocka_unit_test(what_is_in_a_network),
        cmocka_unit_test(places_in_a_network), cmocka_unit_test(rules),
        cmocka_unit_test(names_of_rules),      cmocka_unit_test(ports),
    };

    return cmocka_run_group_tests_name("netaddr", tests, NULL, NULL);
}
