/*
 * Messages to the kernel: what does not fit is not sent, and no length wraps around (CVE-2021-43784).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/netlink.h"

static const struct ifinfomsg fixed = {.ifi_index = 1};

static void begin(struct netlink_message *m)
{
    netlink_begin(m, RTM_GETLINK, 0, &fixed, sizeof fixed);
}

static void test_attributes(void **state)
{
    struct netlink_message m;
    const struct rtattr *a;
    size_t left;

    (void)state;
    begin(&m);
    netlink_add_u32(&m, IFLA_MTU, 1400);
    netlink_add_string(&m, IFLA_IFNAME, "eth0");
    assert_false(m.overflow);
    assert_int_equal(m.header.nlmsg_len,
                     NLMSG_LENGTH(sizeof fixed) + RTA_SPACE(sizeof(uint32_t)) + RTA_LENGTH(5));
    a = (const struct rtattr *)(const void *)(m.bytes + NLMSG_LENGTH(sizeof fixed));
    left = m.header.nlmsg_len - NLMSG_LENGTH(sizeof fixed);
    assert_true(RTA_OK(a, left));
    assert_int_equal(a->rta_type, IFLA_MTU);
    a = RTA_NEXT(a, left);
    assert_true(RTA_OK(a, left));
    assert_int_equal(a->rta_type, IFLA_IFNAME);
    assert_string_equal((const char *)RTA_DATA(a), "eth0");
}

static void test_too_long(void **state)
{
    /* The first is just too long; the lengths of the others would wrap around in 16 bits and in all. */
    static const size_t lengths[] = {1000, 1 << 16, (1 << 16) + 8, SIZE_MAX - 3, SIZE_MAX};
    _cleanup_free_ char *data = calloc(1, (1 << 16) + 8);

    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        struct netlink_message m;
        begin(&m);
        size_t before = m.header.nlmsg_len;
        netlink_add(&m, IFLA_IFALIAS, data, lengths[i]);
        assert_true(m.overflow);
        assert_int_equal(m.header.nlmsg_len, before);
        /* It stays unsent, whatever comes behind it. */
        netlink_add_u32(&m, IFLA_MTU, 1400);
        assert_true(m.overflow);
        assert_int_equal(netlink_request(-1, &m), -EMSGSIZE);
        assert_int_equal(netlink_dump(-1, &m, NULL, NULL), -EMSGSIZE);
    }
}

/* Many that fit by themselves. */
static void test_too_many(void **state)
{
    struct netlink_message m;
    int n = 0;

    (void)state;
    begin(&m);
    for (; !m.overflow && n < 1000; n++)
        netlink_add_u32(&m, IFLA_MTU, 1400);
    assert_true(m.overflow);
    assert_true(m.header.nlmsg_len <= sizeof m.bytes);
    assert_int_equal(n - 1, (sizeof m.bytes - NLMSG_LENGTH(sizeof fixed)) / RTA_SPACE(sizeof(uint32_t)));
}

static int count(void *data, const struct nlmsghdr *h)
{
    *(int *)data += h->nlmsg_type == RTM_NEWLINK;
    return 0;
}

static void test_the_kernel_answers(void **state)
{
    _cleanup_close_ int fd = netlink_open();
    struct netlink_message m;
    int links = 0;

    (void)state;
    assert_true(fd >= 0);
    begin(&m);
    assert_int_equal(netlink_dump(fd, &m, count, &links), 0);
    assert_true(links > 0);
    /* An interface that is not there. */
    const struct ifinfomsg none = {.ifi_index = 0x7ffffff0};
    netlink_begin(&m, RTM_SETLINK, 0, &none, sizeof none);
    netlink_add_u32(&m, IFLA_MTU, 1400);
    int r = netlink_request(fd, &m);
    assert_true(r == -ENODEV || r == -EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_the_kernel_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
