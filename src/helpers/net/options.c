#include "helpers/net/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "helpers/net/frame.h"

/* Below 576 no host may go (RFC 791), and with IPv6 not below 1280. */
#define MTU_MIN  576
#define MTU_MIN6 1280
#define FD_LAST  1048576

/* One option. @take gets its argument (NULL: it has none). */
struct option_row {
    const char *name;
    char letter;
    const char *arg, *help;
    int (*take)(struct settings *c, const char *value, struct error *err);
};

static int expected(const char *what, const char *value, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(value, 80);

    return error_set(err, EINVAL, "expected %s, found \"%s\"", what, shown ? shown : "?");
}

static int take_configure(struct settings *c, const char *value, struct error *err)
{
    (void)value;
    (void)err;
    c->configure = true;
    return 0;
}

/* A descriptor that is open. */
static int take_fd(int *fd, const char *value, struct error *err)
{
    uint32_t n;

    if (parse_u32(value, &n) < 0 || n > FD_LAST)
        return expected("the number of a descriptor", value, err);
    if (fcntl((int)n, F_GETFD) < 0)
        return error_sys(err, errno, "descriptor %u", n);
    *fd = (int)n;
    return 0;
}

static int take_exit_fd(struct settings *c, const char *value, struct error *err)
{
    return take_fd(&c->exit_fd, value, err);
}

static int take_ready_fd(struct settings *c, const char *value, struct error *err)
{
    return take_fd(&c->ready_fd, value, err);
}

static int take_netns_fd(struct settings *c, const char *value, struct error *err)
{
    return take_fd(&c->netns_fd, value, err);
}

static int take_userns_fd(struct settings *c, const char *value, struct error *err)
{
    return take_fd(&c->userns_fd, value, err);
}

static int take_pidfd(struct settings *c, const char *value, struct error *err)
{
    return take_fd(&c->pidfd, value, err);
}

static int take_status_fd(struct settings *c, const char *value, struct error *err)
{
    return take_fd(&c->status_fd, value, err);
}

static int take_log_fd(struct settings *c, const char *value, struct error *err)
{
    return take_fd(&c->log.fd, value, err);
}

static int take_log_format(struct settings *c, const char *value, struct error *err)
{
    int format = log_format_from_name(value);

    if (format < 0)
        return expected("text or json", value, err);
    c->log.format = (enum log_format)format;
    return 0;
}

static int take_log_level(struct settings *c, const char *value, struct error *err)
{
    int level = log_level_from_name(value);

    if (level < 0)
        return expected("error, warning, info or debug", value, err);
    c->log.level = (enum log_level)level;
    return 0;
}

static int take_mtu(struct settings *c, const char *value, struct error *err)
{
    uint32_t n;

    /* slirp4netns takes one more than its library's limit. */
    if (parse_u32(value, &n) < 0 || n < MTU_MIN || n > FRAME_MTU_MAX + 1) {
        char text[64];
        snprintf(text, sizeof text, "a number from %d to %d", MTU_MIN, FRAME_MTU_MAX);
        return expected(text, value, err);
    }
    c->mtu = n > FRAME_MTU_MAX ? FRAME_MTU_MAX : n;
    return 0;
}

static int take_block(struct netblock *block, const char *what, const char *value, struct error *err)
{
    return netblock_parse(value, block) < 0 ? expected(what, value, err) : 0;
}

static int take_cidr(struct settings *c, const char *value, struct error *err)
{
    return take_block(&c->net4, "an IPv4 network such as 10.0.2.0/24", value, err);
}

static int take_cidr6(struct settings *c, const char *value, struct error *err)
{
    return take_block(&c->net6, "an IPv6 network such as fd00::/64", value, err);
}

static int take_ipv6(struct settings *c, const char *value, struct error *err)
{
    (void)value;
    (void)err;
    c->ipv6 = true;
    return 0;
}

static int take_no_loopback(struct settings *c, const char *value, struct error *err)
{
    (void)value;
    (void)err;
    c->host_loopback = false;
    return 0;
}

static int take_no_metadata(struct settings *c, const char *value, struct error *err)
{
    (void)value;
    (void)err;
    c->deny_metadata = true;
    return 0;
}

static int take_allow(struct settings *c, const char *value, struct error *err)
{
    if (c->n_allow == NET_RULES_MAX)
        return error_set(err, EINVAL, "at most %d rules can be given", NET_RULES_MAX);
    int r = netrule_parse(value, &c->allow[c->n_allow], err);
    c->n_allow += r == 0;
    return r;
}

static int take_publish(struct settings *c, const char *value, struct error *err)
{
    if (c->n_publish == NET_PORTS_MAX)
        return error_set(err, EINVAL, "at most %d ports or ranges can be given", NET_PORTS_MAX);
    int r = netport_parse(value, &c->publish[c->n_publish], err);
    c->n_publish += r == 0;
    return r;
}

static int take_api_socket(struct settings *c, const char *value, struct error *err)
{
    if (!*value)
        return expected("a path", value, err);
    c->api_path = value;
    return 0;
}

static int take_api_fd(struct settings *c, const char *value, struct error *err)
{
    return take_fd(&c->api_fd, value, err);
}

static int take_no_dns(struct settings *c, const char *value, struct error *err)
{
    (void)value;
    (void)err;
    c->dns = false;
    return 0;
}

static int take_dns(struct settings *c, const char *value, struct error *err)
{
    if (c->n_upstreams == NET_UPSTREAMS_MAX)
        return error_set(err, EINVAL, "at most %d resolvers can be named", NET_UPSTREAMS_MAX);
    if (netaddr_parse(value, &c->upstream[c->n_upstreams]) < 0)
        return expected("the address of a resolver", value, err);
    c->n_upstreams++;
    return 0;
}

static int take_mac(struct settings *c, const char *value, struct error *err)
{
    unsigned b[6];
    int end = 0;

    if (sscanf(value, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) != 6 ||
        value[end] || strlen(value) != 17)
        return expected("an address such as 52:54:00:12:34:56", value, err);
    if (b[0] & 1)
        return expected("the address of one interface, not of a group", value, err);
    for (size_t i = 0; i < ARRAY_SIZE(b); i++)
        c->mac[i] = (uint8_t)b[i];
    c->has_mac = true;
    return 0;
}

/* The address of an interface that packets can leave from; not one of link scope. */
static int address_of_interface(const char *name, int family, struct netaddr *out)
{
    struct sockaddr_storage ss = {0};
    struct ifaddrs *all, *one;
    struct netblock local;
    int r = -ENODEV;

    (void)netblock_parse("fe80::/10", &local);
    if (getifaddrs(&all) < 0)
        return -errno;
    for (one = all; one && r < 0; one = one->ifa_next) {
        if (!one->ifa_addr || one->ifa_addr->sa_family != family || strcmp(one->ifa_name, name) != 0)
            continue;
        memcpy(&ss, one->ifa_addr,
               family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        r = netaddr_from_sockaddr(&ss, out, NULL);
        if (r == 0 && netblock_has(&local, out))
            r = -ENODEV;
    }
    freeifaddrs(all);
    return r;
}

/* An address of this machine, or an interface that has one. */
static int take_outbound(struct netaddr *out, int family, const char *value, struct error *err)
{
    struct sockaddr_storage ss;

    if (netaddr_parse(value, out) == 0 ? netaddr_family(out) != family
                                       : address_of_interface(value, family, out) < 0)
        return expected(family == AF_INET ? "an IPv4 address, or an interface that has one"
                                          : "an IPv6 address, or an interface that has one",
                        value, err);
    _cleanup_close_ int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = netaddr_to_sockaddr(out, 0, &ss);
    if (fd < 0 || bind(fd, (struct sockaddr *)&ss, len) < 0)
        return error_sys(err, errno, "send from \"%s\"", value);
    return 0;
}

static int take_outbound4(struct settings *c, const char *value, struct error *err)
{
    int r = take_outbound(&c->outbound4, AF_INET, value, err);

    c->has_outbound4 = r == 0;
    return r;
}

static int take_outbound6(struct settings *c, const char *value, struct error *err)
{
    int r = take_outbound(&c->outbound6, AF_INET6, value, err);

    c->has_outbound6 = r == 0;
    return r;
}

static int take_netns_type(struct settings *c, const char *value, struct error *err)
{
    if (strcmp(value, "path") != 0 && strcmp(value, "pid") != 0)
        return expected("path or pid", value, err);
    c->target_is_path = strcmp(value, "path") == 0;
    return 0;
}

static int take_userns_path(struct settings *c, const char *value, struct error *err)
{
    (void)err;
    c->userns_path = value;
    return 0;
}

/* Asked for what is always done. */
static int take_nothing(struct settings *c, const char *value, struct error *err)
{
    (void)c;
    (void)value;
    (void)err;
    return 0;
}

static const struct option_row rows[] = {
    {"configure", 'c', NULL, "set addresses and routes of the interface, bring it and lo up", take_configure},
    {"exit-fd", 'e', "FD", "end when the other end of FD is closed", take_exit_fd},
    {"ready-fd", 'r', "FD", "write \"1\" to FD when the network is up", take_ready_fd},
    {"api-socket", 'a', "PATH", "serve the JSON commands of slirp4netns there", take_api_socket},
    {"mtu", 'm', "MTU", "of the interface; default 1500", take_mtu},
    {"cidr", 0, "NET", "the IPv4 network; default 10.0.2.0/24", take_cidr},
    {"enable-ipv6", '6', NULL, "IPv6 as well", take_ipv6},
    {"cidr6", 0, "NET", "the IPv6 network; default fd00::/64", take_cidr6},
    {"disable-host-loopback", 0, NULL, "the gateway's address does not lead to the loopback of the host",
     take_no_loopback},
    {"disable-metadata", 0, NULL, "no link-local addresses, nor those where clouds tell secrets",
     take_no_metadata},
    {"allow", 0, "RULE", "nothing else but HOST[:PORT], ADDRESS[:PORT], NETWORK[:PORT]; again for more",
     take_allow},
    {"disable-dns", 0, NULL, "no resolver at the third address of the network", take_no_dns},
    {"dns", 0, "ADDR", "ask this resolver instead of those of /etc/resolv.conf; again for more", take_dns},
    {"outbound-addr", 0, "ADDR", "send from this IPv4 address, or that of an interface", take_outbound4},
    {"outbound-addr6", 0, "ADDR", "the same of IPv6", take_outbound6},
    {"macaddress", 0, "MAC", "of the interface", take_mac},
    {"netns-type", 0, "TYPE", "what the argument is: pid (the default) or path", take_netns_type},
    {"userns-path", 0, "PATH", "the user namespace, if it is not that of the pid", take_userns_path},
    {"enable-sandbox", 0, NULL, "always on", take_nothing},
    {"enable-seccomp", 0, NULL, "always on", take_nothing},
    {"netns-fd", 0, "FD", "the network namespace, in place of an argument", take_netns_fd},
    {"userns-fd", 0, "FD", "the user namespace that it belongs to", take_userns_fd},
    {"publish", 0, "PORT", "[ADDRESS:]HOST:CONTAINER[/udp|/fast], also ranges; again for more", take_publish},
    {"api-fd", 0, "FD", "serve them on this listening socket", take_api_fd},
    {"pidfd", 0, "FD", "end with this process", take_pidfd},
    {"status-fd", 0, "FD", "say on FD that the network is up, or why not", take_status_fd},
    {"log-fd", 0, "FD", "messages go to FD; default standard error", take_log_fd},
    {"log-format", 0, "text|json", "their format", take_log_format},
    {"log-level", 0, "LEVEL", "the least important ones: error, warning, info or debug", take_log_level},
};

/* Values of getopt_long: rows without a letter are told by their place. */
#define ROW_BASE 256

static int take_row(size_t row, struct settings *c, const char *value, struct error *err)
{
    int r = rows[row].take(c, value, err);

    if (r < 0)
        error_prefix(err, "--%s", rows[row].name);
    return r;
}

static int take_arguments(char **args, struct settings *c, struct error *err)
{
    uint32_t pid;

    if (c->netns_fd < 0) {
        c->target = *args ? *args++ : NULL;
        if (!c->target)
            return error_set(err, EINVAL, "the argument PID or PATH is missing");
        if (!c->target_is_path && (parse_u32(c->target, &pid) < 0 || pid == 0))
            return expected("a pid", c->target, err);
    }
    if (*args)
        c->tap = *args++;
    if (*args)
        return error_set(err, EINVAL, "too many arguments");
    if (!*c->tap || strlen(c->tap) >= IFNAMSIZ || strpbrk(c->tap, "/ \t\n%"))
        return expected("the name of an interface", c->tap, err);
    if (c->ipv6 && c->mtu < MTU_MIN6) {
        error_set(err, EINVAL, "--mtu: IPv6 needs at least %d, found %u", MTU_MIN6, c->mtu);
        return -EINVAL;
    }
    return 0;
}

int options_parse_net(int argc, char **argv, struct settings *c, enum options_wish *wish, struct error *err)
{
    struct option table[ARRAY_SIZE(rows) + 3] = {{0}};
    char letters[2 * ARRAY_SIZE(rows) + 8] = ":hv", *l = letters + 3;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        table[i] = (struct option){rows[i].name, rows[i].arg ? required_argument : no_argument, NULL,
                                   ROW_BASE + (int)i};
        if (rows[i].letter)
            *l++ = rows[i].letter;
        if (rows[i].letter && rows[i].arg)
            *l++ = ':';
    }
    table[ARRAY_SIZE(rows)] = (struct option){"help", no_argument, NULL, 'h'};
    table[ARRAY_SIZE(rows) + 1] = (struct option){"version", no_argument, NULL, 'v'};
    *wish = OPTIONS_RUN;
    optind = 0; /* also forgets where an earlier call stopped */
    for (int o; (o = getopt_long(argc, argv, letters, table, NULL)) >= 0;) {
        size_t row = (size_t)(o - ROW_BASE);
        if (o == 'h' || o == 'v') {
            *wish = o == 'h' ? OPTIONS_HELP : OPTIONS_VERSION;
            return 0;
        }
        if (o == '?' || o == ':') {
            _cleanup_free_ char *shown = str_quote(argv[optind - 1], 80);
            return error_set(err, EINVAL,
                             o == '?' ? "unknown option \"%s\"" : "\"%s\": its argument is missing",
                             shown ? shown : "?");
        }
        for (row = 0; row < ARRAY_SIZE(rows) && o < ROW_BASE && rows[row].letter != o; row++)
            ;
        int r = take_row(o < ROW_BASE ? row : (size_t)(o - ROW_BASE), c, optarg, err);
        if (r < 0)
            return r;
    }
    return take_arguments(argv + optind, c, err);
}

char *options_help_net(void)
{
    _cleanup_strbuf_ struct strbuf out = {0};

    strbuf_add(&out,
               "Usage: bryo-net [OPTION]... PID|PATH [TAPNAME]\n"
               "       bryo-net [OPTION]... --netns-fd FD [TAPNAME]\n\n"
               "The network of a container, as slirp4netns: libslirp behind an interface that is made in\n"
               "the container's network namespace. bryo starts it; see bryo-net(8).\n\n");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct option_row *o = &rows[i];
        char left[40], letter[8] = "    ";
        if (o->letter)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->arg ? "=" : "", o->arg ? o->arg : "");
        strbuf_addf(&out, "  %-30s %s\n", left, o->help);
    }
    strbuf_add(&out, "  -h, --help                     show this help\n"
                     "  -v, --version                  show the version\n");
    return strbuf_take(&out);
}
