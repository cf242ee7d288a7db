/*
 * What people write behind --net, and the resolv.conf that comes of it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "net/resolv.h"
#include "net/spec.h"

static void kinds_and_defaults(void **state)
{
    _cleanup_net_spec_ struct net_spec s = {0};
    char text[NETADDR_TEXT_MAX];

    (void)state;
    assert_int_equal(net_spec_parse(NULL, &s, NULL), 0);
    assert_int_equal(s.kind, NET_UNSET);
    assert_int_equal(net_spec_parse("none", &s, NULL), 0);
    assert_int_equal(s.kind, NET_NONE);
    assert_int_equal(net_spec_parse("host", &s, NULL), 0);
    assert_int_equal(s.kind, NET_HOST);
    assert_int_equal(net_spec_parse("slirp", &s, NULL), 0);
    assert_int_equal(s.kind, NET_SLIRP);
    assert_int_equal(s.mtu, 1500);
    assert_true(s.ipv6 && s.dns && !s.host_loopback);
    struct netaddr nameserver = net_spec_nameserver(&s);
    assert_string_equal(netaddr_format(text, &nameserver), "10.0.2.3");
}

static void options(void **state)
{
    _cleanup_net_spec_ struct net_spec s = {0};
    char text[NETBLOCK_TEXT_MAX];

    (void)state;
    assert_int_equal(net_spec_parse("slirp,mtu=576,ipv6=no,cidr=192.168.64.0/20,host-loopback,dns=192.0.2.1,"
                                    "dns=2001:db8::1",
                                    &s, NULL),
                     0);
    assert_int_equal(s.mtu, 576);
    assert_false(s.ipv6);
    assert_true(s.host_loopback);
    assert_string_equal(netblock_format(text, &s.net4), "192.168.64.0/20");
    assert_int_equal(strv_len(s.resolvers), 2);
    net_spec_free(&s);
    assert_int_equal(net_spec_parse("slirp,dns=none,host-loopback=no,cidr6=fd01::/64", &s, NULL), 0);
    assert_false(s.dns || s.host_loopback);
}

static void mistakes(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "expected none, host, slirp, container:ID or ns:PATH, found \"\""},
        {"bridge", "expected none, host, slirp, container:ID or ns:PATH, found \"bridge\""},
        {"none,mtu=1500", "none takes no options"},
        {"slirp,", "unknown option \"\""},
        {"slirp,speed=fast", "unknown option \"speed\""},
        {"slirp,mtu", "option mtu: its value is missing"},
        {"slirp,mtu=100", "option mtu: expected a number from 576 to 65520, found \"100\""},
        {"slirp,mtu=1000", "option mtu: IPv6 needs at least 1280, found 1000"},
        {"slirp,mtu=1500x", "option mtu: expected a number"},
        {"slirp,cidr=10.0.2.0/26", "option cidr: expected an IPv4 network of /1 to /25"},
        {"slirp,cidr=10.0.2.1/24", "option cidr: expected an IPv4 network"},
        {"slirp,cidr=fd00::/64", "option cidr: expected an IPv4 network"},
        {"slirp,cidr6=fd00::/48", "option cidr6: expected an IPv6 network of /64"},
        {"slirp,ipv6=maybe", "option ipv6: expected yes or no, found \"maybe\""},
        {"slirp,dns=example.com", "option dns: expected the address of a resolver, or none"},
        {"slirp,dns=1.1.1.1,dns=1.1.1.2,dns=1.1.1.3,dns=1.1.1.4,dns=1.1.1.5", "at most 4 resolvers"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct net_spec s = {0};
        assert_int_equal(net_spec_parse(rows[i].text, &s, &err), -EINVAL);
        if (!strstr(error_text(&err), rows[i].says))
            fail_msg("\"%s\": \"%s\" is not in \"%s\"", rows[i].text, rows[i].says, error_text(&err));
    }
}

static void resolv_conf(void **state)
{
    _cleanup_net_spec_ struct net_spec s = {0};
    _cleanup_free_ char *text = NULL;

    (void)state;
    assert_int_equal(net_spec_parse("slirp,cidr=10.9.0.0/24", &s, NULL), 0);
    assert_int_equal(net_resolv_conf(&s, &text, NULL), 0);
    assert_non_null(strstr(text, "nameserver 10.9.0.3\n"));
    /* No server of the host is handed on. */
    assert_ptr_equal(strstr(text, "nameserver"), strstr(text, "nameserver 10.9.0.3\n"));
    free(TAKE_PTR(text));
    s.dns = false;
    assert_int_equal(net_resolv_conf(&s, &text, NULL), 0);
    assert_null(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_and_defaults),
        cmocka_unit_test(options),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(resolv_conf),
    };

    return cmocka_run_group_tests_name("net_spec", tests, NULL, NULL);
}
