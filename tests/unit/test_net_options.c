/*
 * The command line of bryo-net.
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
#include "base/str.h"
#include "helpers/net/options.h"

/* Parses the words of @line. */
static int parse(const char *line, struct settings *c, enum options_wish *wish, struct error *err)
{
    static char words[512];
    char *argv[32] = {(char *)"bryo-net"}, *save = NULL;
    int argc = 1;

    snprintf(words, sizeof words, "%s", line);
    for (char *w = strtok_r(words, " ", &save); w && argc < 31; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    settings_init(c);
    int r = options_parse_net(argc, argv, c, wish, err);
    return r == 0 && *wish == OPTIONS_RUN ? settings_complete(c, err) : r;
}

static void as_slirp4netns(void **state)
{
    enum options_wish wish;
    struct settings c;
    char text[NETADDR_TEXT_MAX];

    (void)state;
    assert_int_equal(
        parse("--disable-host-loopback --mtu=65521 --enable-sandbox --enable-seccomp --enable-ipv6 -c "
              "-e 0 -r 1 --netns-type=path /run/netns/x tap0",
              &c, &wish, NULL),
        0);
    assert_int_equal(c.mtu, 65520);
    assert_int_equal(c.exit_fd, 0);
    assert_int_equal(c.ready_fd, 1);
    assert_true(c.configure && c.ipv6 && c.target_is_path && !c.host_loopback && c.dns);
    assert_string_equal(c.target, "/run/netns/x");
    assert_string_equal(netaddr_format(text, &c.nameserver6), "fd00::3");
    assert_int_equal(parse("--cidr 10.7.0.0/16 --disable-dns -m 9000 4711 eth0", &c, &wish, NULL), 0);
    assert_string_equal(netaddr_format(text, &c.guest4), "10.7.0.100");
    assert_string_equal(c.tap, "eth0");
    assert_true(!c.configure && c.host_loopback && !c.dns && !c.ipv6);
    assert_int_equal(parse("--macaddress 52:54:00:12:34:56 1", &c, &wish, NULL), 0);
    assert_memory_equal(c.mac, "\x52\x54\0\x12\x34\x56", 6);
    assert_int_equal(parse("--help", &c, &wish, NULL), 0);
    assert_int_equal(wish, OPTIONS_HELP);
    assert_int_equal(parse("-v", &c, &wish, NULL), 0);
    assert_int_equal(wish, OPTIONS_VERSION);
}

/* podman and rootlesskit look for these words in the help before they use an option. */
static void the_help_names_every_option(void **state)
{
    static const char *const words[] = {"--disable-host-loopback",
                                        "--mtu",
                                        "--enable-sandbox",
                                        "--enable-seccomp",
                                        "--enable-ipv6",
                                        "--cidr",
                                        "--netns-type",
                                        "--userns-path",
                                        "--configure",
                                        "--api-socket"};
    _cleanup_free_ char *text = options_help_net();

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        assert_non_null(strstr(text, words[i]));
}

static void mistakes(void **state)
{
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"", "the argument PID or PATH is missing"},
        {"0", "expected a pid, found \"0\""},
        {"12x", "expected a pid, found \"12x\""},
        {"1 tap0 more", "too many arguments"},
        {"1 a-name-that-is-too-long", "expected the name of an interface"},
        {"1 a/b", "expected the name of an interface, found \"a/b\""},
        {"--bogus 1", "unknown option \"--bogus\""},
        {"1 --mtu", "\"--mtu\": its argument is missing"},
        {"--mtu 1x 1", "--mtu: expected a number from 576 to 65520, found \"1x\""},
        {"--mtu 600 -6 1", "--mtu: IPv6 needs at least 1280, found 600"},
        {"-e 999 1", "--exit-fd: descriptor 999: bad file descriptor (EBADF)"},
        {"-r x 1", "--ready-fd: expected the number of a descriptor, found \"x\""},
        {"--cidr 10.0.2.0 1", "--cidr: expected an IPv4 network of /1 to /25, found 10.0.2.0"},
        {"--cidr nonsense 1", "--cidr: expected an IPv4 network such as"},
        {"--cidr6 fd00::/48 1", "--cidr6: expected an IPv6 network of /64"},
        {"--netns-type fd 1", "--netns-type: expected path or pid, found \"fd\""},
        {"--macaddress 01:54:00:12:34:56 1", "--macaddress: expected the address of one interface"},
        {"--macaddress 52:54:00 1", "--macaddress: expected an address such as"},
        {"--dns example.com 1", "--dns: expected the address of a resolver"},
        {"--publish 80 1", "--publish: expected [ADDRESS:]HOST:CONTAINER[/udp|/fast], found \"80\""},
        {"--allow a..b 1", "--allow: expected HOST[:PORT]"},
        {"--log-format xml 1", "--log-format: expected text or json, found \"xml\""},
        {"--log-level loud 1", "--log-level: expected error, warning, info or debug"},
    };
    enum options_wish wish;
    struct settings c;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        assert_true(parse(rows[i].line, &c, &wish, &err) < 0);
        if (!strstr(error_text(&err), rows[i].says))
            fail_msg("\"%s\": \"%s\" is not in \"%s\"", rows[i].line, rows[i].says, error_text(&err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_slirp4netns),
        cmocka_unit_test(the_help_names_every_option),
        cmocka_unit_test(mistakes),
    };

    return cmocka_run_group_tests_name("net_options", tests, NULL, NULL);
}
