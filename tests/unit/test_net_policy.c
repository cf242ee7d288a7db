/*
 * What bryo-net lets a container reach: rules by address and by name, pins, places that no name leads to.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "helpers/net/policy.h"

static struct settings settings;
static struct policy policy;

/* A policy with the rules @rules, which end with NULL. */
static void make(const char *const *rules)
{
    settings_init(&settings);
    settings.host_loopback = false;
    settings.deny_metadata = true;
    settings.n_upstreams = 1;
    assert_int_equal(settings_complete(&settings, NULL), 0);
    for (; *rules; rules++)
        assert_int_equal(netrule_parse(*rules, &settings.allow[settings.n_allow++], NULL), 0);
    assert_int_equal(policy_init(&policy, &settings), 0);
}

static enum policy_verdict judge(const char *dst, uint16_t port, int64_t now)
{
    const char *why = NULL;
    struct netaddr a;

    assert_int_equal(netaddr_parse(dst, &a), 0);
    enum policy_verdict v = policy_judge(&policy, &a, port, now, &why);
    assert_true(v == POLICY_PASS || why);
    return v;
}

/* Teaches that @name is an alias of @alias (NULL: is none), which has the address @address. */
static void learn(const char *name, const char *alias, const char *address, uint32_t ttl, int64_t now)
{
    uint8_t msg[512] = {0, 1, 0x81, 0x80, 0, 1, 0, (uint8_t)(alias ? 2 : 1)};
    size_t at = 12;
    const char *owner = name;
    struct netaddr a;

    assert_int_equal(netaddr_parse(address, &a), 0);
    bool v4 = netaddr_is_ipv4(&a);
    for (int part = 0; part < 3; part++) { /* the question, the alias, the address */
        if (part == 1 && !alias)
            continue;
        for (const char *p = owner; *p;) {
            size_t n = strcspn(p, ".");
            msg[at++] = (uint8_t)n;
            memcpy(msg + at, p, n);
            at += n;
            p += n + (p[n] == '.');
        }
        msg[at++] = 0;
        msg[at++] = 0;
        msg[at++] = part == 1 ? 5 : v4 ? 1 : 28;
        msg[at++] = 0;
        msg[at++] = 1;
        if (part == 0)
            continue;
        for (int i = 3; i >= 0; i--)
            msg[at++] = (uint8_t)(ttl >> 8 * i);
        size_t length = at;
        at += 2;
        if (part == 1) {
            for (const char *p = alias; *p;) {
                size_t n = strcspn(p, ".");
                msg[at++] = (uint8_t)n;
                memcpy(msg + at, p, n);
                at += n;
                p += n + (p[n] == '.');
            }
            msg[at++] = 0;
            owner = alias;
        } else {
            memcpy(msg + at, a.bytes + (v4 ? 12 : 0), v4 ? 4 : 16);
            at += v4 ? 4 : 16;
        }
        msg[length + 1] = (uint8_t)(at - length - 2);
    }
    policy_learn(&policy, name, msg, at, now);
}

static void without_rules(void **state)
{
    (void)state;
    make((const char *[]){NULL});
    assert_int_equal(judge("192.0.2.1", 443, 0), POLICY_PASS);
    assert_int_equal(judge("192.168.1.1", 443, 0), POLICY_PASS);
    assert_int_equal(judge("2001:db8::1", 443, 0), POLICY_PASS);
    assert_int_equal(judge("169.254.169.254", 80, 0), POLICY_REFUSE);
    assert_int_equal(judge("fd00:ec2::254", 80, 0), POLICY_REFUSE);
    assert_int_equal(judge("10.0.2.2", 80, 0), POLICY_REFUSE);
    assert_int_equal(judge("127.9.9.9", 80, 0), POLICY_REFUSE);
    assert_int_equal(judge("224.0.0.1", 80, 0), POLICY_DROP);
    assert_true(policy_allows_name(&policy, "any.example"));
    settings.deny_metadata = false;
    assert_int_equal(judge("169.254.169.254", 80, 0), POLICY_PASS);
    policy_free(&policy);
}

static void rules_by_address(void **state)
{
    (void)state;
    make((const char *[]){"192.0.2.0/24:443", "2001:db8::/32", "10.0.2.2:5432", "169.254.169.254:80", NULL});
    assert_int_equal(judge("192.0.2.9", 443, 0), POLICY_PASS);
    assert_int_equal(judge("192.0.2.9", 80, 0), POLICY_REFUSE);
    assert_int_equal(judge("192.0.3.9", 443, 0), POLICY_REFUSE);
    assert_int_equal(judge("2001:db8:7::1", 1, 0), POLICY_PASS);
    assert_int_equal(judge("10.0.2.2", 5432, 0), POLICY_PASS);
    assert_int_equal(judge("10.0.2.2", 22, 0), POLICY_REFUSE);
    assert_int_equal(judge("169.254.169.254", 80, 0), POLICY_PASS);
    assert_int_equal(judge("169.254.170.2", 80, 0), POLICY_REFUSE);
    assert_false(policy_allows_name(&policy, "any.example"));
    policy_free(&policy);
    make((const char *[]){"0.0.0.0/0", "::/0", NULL});
    assert_int_equal(judge("192.0.2.9", 1, 0), POLICY_PASS);
    assert_int_equal(judge("169.254.169.254", 80, 0), POLICY_REFUSE);
    assert_int_equal(judge("fd00:ec2::254", 80, 0), POLICY_REFUSE);
    assert_int_equal(judge("10.0.2.2", 80, 0), POLICY_REFUSE);
    assert_int_equal(judge("127.0.0.1", 80, 0), POLICY_REFUSE);
    policy_free(&policy);
}

static void rules_by_name(void **state)
{
    (void)state;
    make((const char *[]){"good.example:443", "*.wide.example", NULL});
    assert_true(policy_allows_name(&policy, "good.example"));
    assert_true(policy_allows_name(&policy, "a.wide.example"));
    assert_false(policy_allows_name(&policy, "wide.example"));
    assert_int_equal(judge("192.0.2.1", 443, 0), POLICY_REFUSE);
    learn("good.example", "cdn.example", "192.0.2.1", 60, 0);
    assert_int_equal(judge("192.0.2.1", 443, 1000), POLICY_PASS);
    assert_int_equal(judge("192.0.2.1", 80, 1000), POLICY_REFUSE);
    /* The same address by another name adds that name's rule. */
    learn("a.wide.example", NULL, "192.0.2.1", 60, 1000);
    assert_int_equal(judge("192.0.2.1", 80, 2000), POLICY_PASS);
    learn("a.wide.example", NULL, "2001:db8::5", 60, 1000);
    assert_int_equal(judge("2001:db8::5", 80, 2000), POLICY_PASS);
    /* An answer to a name that no rule has, whatever it says. */
    learn("evil.example", "good.example", "192.0.2.66", 60, 1000);
    assert_int_equal(judge("192.0.2.66", 443, 2000), POLICY_REFUSE);
    /* Names that were led to where no name leads. */
    learn("a.wide.example", NULL, "169.254.169.254", 60, 1000);
    learn("a.wide.example", NULL, "127.0.0.1", 60, 1000);
    learn("a.wide.example", NULL, "10.0.2.2", 60, 1000);
    assert_int_equal(judge("169.254.169.254", 80, 2000), POLICY_REFUSE);
    assert_int_equal(judge("127.0.0.1", 80, 2000), POLICY_REFUSE);
    assert_int_equal(judge("10.0.2.2", 80, 2000), POLICY_REFUSE);
    policy_free(&policy);
}

/* A record of the answer that belongs to another name is none of the answer. */
static void foreign_records(void **state)
{
    static const uint8_t msg[] = {0,   1,   0x81, 0x80, 0,   1,   0,   1,   0,   0,   0,   0,   4,   'g', 'o',
                                  'o', 'd', 7,    'e',  'x', 'a', 'm', 'p', 'l', 'e', 0,   0,   1,   0,   1,
                                  4,   'e', 'v',  'i',  'l', 7,   'e', 'x', 'a', 'm', 'p', 'l', 'e', 0,   0,
                                  1,   0,   1,    0,    0,   0,   60,  0,   4,   192, 0,   2,   66};

    (void)state;
    make((const char *[]){"good.example", NULL});
    policy_learn(&policy, "good.example", msg, sizeof msg, 0);
    assert_int_equal(judge("192.0.2.66", 443, 1), POLICY_REFUSE);
    policy_free(&policy);
}

static void pins_end(void **state)
{
    char address[32];

    (void)state;
    make((const char *[]){"good.example", NULL});
    learn("good.example", NULL, "192.0.2.1", 1, 0);
    assert_int_equal(judge("192.0.2.1", 443, 29 * 60 * 1000), POLICY_PASS);
    assert_int_equal(judge("192.0.2.1", 443, 31 * 60 * 1000), POLICY_REFUSE);
    learn("good.example", NULL, "192.0.2.1", 7200, 0);
    assert_int_equal(judge("192.0.2.1", 443, 7100 * 1000), POLICY_PASS);
    /* More than there is room for: the oldest give way. */
    for (int i = 0; i < POLICY_PINS + 100; i++) {
        snprintf(address, sizeof address, "198.18.%d.%d", i / 256, i % 256);
        learn("good.example", NULL, address, 60, 1000 + i);
    }
    assert_int_equal(judge("198.18.16.0", 443, 10000), POLICY_PASS);
    assert_int_equal(judge("198.18.0.1", 443, 10000), POLICY_REFUSE);
    policy_free(&policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_rules), cmocka_unit_test(rules_by_address),
        cmocka_unit_test(rules_by_name), cmocka_unit_test(foreign_records),
        cmocka_unit_test(pins_end),
    };

    return cmocka_run_group_tests_name("net_policy", tests, NULL, NULL);
}
