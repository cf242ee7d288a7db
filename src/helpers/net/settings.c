#include "helpers/net/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

/* The places in the network, as slirp4netns has them: callers know these addresses by heart. */
enum { PLACE_GATEWAY = 2, PLACE_NAMESERVER = 3, PLACE_DHCP = 15, PLACE_GUEST = 100 };

#define PREFIX4_MAX     25 /* the guest's address is the hundredth */
#define PREFIX6         64 /* libslirp announces and compares this much */
#define RESOLV_CONF     "/etc/resolv.conf"
#define RESOLV_CONF_MAX (1u << 20)
#define MTU_DEFAULT     1500

void settings_init(struct settings *c)
{
    *c = (struct settings){.netns_fd = -EBADF,
                           .userns_fd = -EBADF,
                           .tap = "tap0",
                           .mtu = MTU_DEFAULT,
                           .host_loopback = true,
                           .dns = true,
                           .ready_fd = -EBADF,
                           .status_fd = -EBADF,
                           .exit_fd = -EBADF,
                           .pidfd = -EBADF,
                           .api_fd = -EBADF,
                           .log = LOG_INIT};
    (void)netblock_parse("10.0.2.0/24", &c->net4);
    (void)netblock_parse("fd00::/64", &c->net6);
}

/* The first servers of resolv.conf(5), as many as there is room for. A scope behind an address is cut off:
 * no address of link scope is reached without it, but others are sometimes written so. */
int settings_read_upstreams(struct settings *c, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_free_ char *text = NULL;
    int r = file_read_at(AT_FDCWD, RESOLV_CONF, RESOLV_CONF_MAX, &text, NULL, &why);

    if (r == -ENOMEM)
        return error_oom(err);
    if (r < 0) {
        log_warn(&c->log, "%s; names will not resolve", error_text(&why));
        return 0;
    }
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        static const char word[] = "nameserver";
        if (!str_starts(line, word) || !strchr(" \t", line[sizeof word - 1]))
            continue;
        char *value = line + sizeof word - 1;
        value += strspn(value, " \t");
        value[strcspn(value, " \t%#;\r")] = '\0';
        if (c->n_upstreams < NET_UPSTREAMS_MAX && netaddr_parse(value, &c->upstream[c->n_upstreams]) == 0)
            c->n_upstreams++;
    }
    /* resolv.conf(5): without a server in the file it is the one of this machine. */
    if (c->n_upstreams == 0)
        (void)netaddr_parse("127.0.0.1", &c->upstream[c->n_upstreams++]);
    return 0;
}

int settings_complete(struct settings *c, struct error *err)
{
    char text[NETBLOCK_TEXT_MAX];

    if (!netaddr_is_ipv4(&c->net4.addr) || c->net4.bits < 96 + 1 || c->net4.bits > 96 + PREFIX4_MAX)
        return error_set(err, EINVAL, "--cidr: expected an IPv4 network of /1 to /%d, found %s", PREFIX4_MAX,
                         netblock_format(text, &c->net4));
    if (netaddr_is_ipv4(&c->net6.addr) || c->net6.bits != PREFIX6)
        return error_set(err, EINVAL, "--cidr6: expected an IPv6 network of /%d, found %s", PREFIX6,
                         netblock_format(text, &c->net6));
    c->has_sockets = c->status_fd >= 0;
    for (unsigned i = 0; i < c->n_publish; i++)
        c->has_sockets |= c->publish[i].fast;
    c->gateway4 = netblock_address(&c->net4, PLACE_GATEWAY);
    c->nameserver4 = netblock_address(&c->net4, PLACE_NAMESERVER);
    c->dhcp4 = netblock_address(&c->net4, PLACE_DHCP);
    c->guest4 = netblock_address(&c->net4, PLACE_GUEST);
    c->gateway6 = netblock_address(&c->net6, PLACE_GATEWAY);
    c->nameserver6 = netblock_address(&c->net6, PLACE_NAMESERVER);
    c->guest6 = netblock_address(&c->net6, PLACE_GUEST);
    c->follow_host = c->dns && c->n_upstreams == 0;
    return c->follow_host ? settings_read_upstreams(c, err) : 0;
}
