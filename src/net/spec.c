#include "net/spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/netport.h"
#include "base/netrule.h"
#include "base/str.h"

#define PLACE_NAMESERVER 3 /* in the network, as slirp4netns has it */
#define MTU_MIN          576
#define MTU_MIN6         1280
#define MTU_MAX          65520
#define RESOLVERS_MAX    4
#define RULES_MAX        64
#define PORTS_MAX        64

static const struct {
    const char *name;
    enum net_kind kind;
} kinds[] = {{"none", NET_NONE}, {"host", NET_HOST}, {"slirp", NET_SLIRP}};

/* What a network of somebody else's begins with; the rest is whose. */
static const struct {
    const char *prefix, *missing;
    enum net_kind kind;
} shared[] = {
    {"container:", "container: the id of a container is missing", NET_CONTAINER},
    {"ns:", "ns: the path of a network namespace is missing", NET_NS},
};

static int expected(const char *what, const char *value, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(value ? value : "", 80);

    return error_set(err, EINVAL, "expected %s, found \"%s\"", what, shown ? shown : "?");
}

static int take_mtu(struct net_spec *s, const char *value, struct error *err)
{
    uint32_t n;

    if (parse_u32(value, &n) < 0 || n < MTU_MIN || n > MTU_MAX)
        return expected("a number from 576 to 65520", value, err);
    s->mtu = n;
    return 0;
}

static int take_cidr(struct net_spec *s, const char *value, struct error *err)
{
    if (netblock_parse(value, &s->net4) < 0 || !netaddr_is_ipv4(&s->net4.addr) || s->net4.bits < 96 + 1 ||
        s->net4.bits > 96 + 25)
        return expected("an IPv4 network of /1 to /25", value, err);
    return 0;
}

static int take_cidr6(struct net_spec *s, const char *value, struct error *err)
{
    if (netblock_parse(value, &s->net6) < 0 || netaddr_is_ipv4(&s->net6.addr) || s->net6.bits != 64)
        return expected("an IPv6 network of /64", value, err);
    return 0;
}

static int take_yes_no(bool *out, const char *value, struct error *err)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return expected("yes or no", value, err);
    *out = strcmp(value, "yes") == 0;
    return 0;
}

static int take_ipv6(struct net_spec *s, const char *value, struct error *err)
{
    return take_yes_no(&s->ipv6, value, err);
}

static int take_host_loopback(struct net_spec *s, const char *value, struct error *err)
{
    return take_yes_no(&s->host_loopback, value, err);
}

static int take_dns(struct net_spec *s, const char *value, struct error *err)
{
    struct netaddr address;

    if (strcmp(value, "none") == 0) {
        s->dns = false;
        return 0;
    }
    if (netaddr_parse(value, &address) < 0)
        return expected("the address of a resolver, or none", value, err);
    if (strv_len(s->resolvers) == RESOLVERS_MAX)
        return error_set(err, EINVAL, "at most %d resolvers can be named", RESOLVERS_MAX);
    return strv_add(&s->resolvers, value) < 0 ? error_oom(err) : 0;
}

static int take_allow(struct net_spec *s, const char *value, struct error *err)
{
    struct netrule rule;
    int r = netrule_parse(value, &rule, err);

    if (r < 0)
        return r;
    if (strv_len(s->allow) == RULES_MAX)
        return error_set(err, EINVAL, "at most %d rules can be given", RULES_MAX);
    return strv_add(&s->allow, value) < 0 ? error_oom(err) : 0;
}

static int take_publish(struct net_spec *s, const char *value, struct error *err)
{
    struct netport port;
    int r = netport_parse(value, &port, err);

    if (r < 0)
        return r;
    if (strv_len(s->publish) == PORTS_MAX)
        return error_set(err, EINVAL, "at most %d ports or ranges can be given", PORTS_MAX);
    return strv_add(&s->publish, value) < 0 ? error_oom(err) : 0;
}

static int take_publish_all(struct net_spec *s, const char *value, struct error *err)
{
    return take_yes_no(&s->publish_all, value, err);
}

static int take_outbound(struct net_spec *s, const char *value, struct error *err)
{
    struct netaddr address;

    if (netaddr_parse(value, &address) < 0)
        return expected("an address of this machine", value, err);
    char **place = netaddr_is_ipv4(&address) ? &s->outbound4 : &s->outbound6;
    free(*place);
    *place = strdup(value);
    return *place ? 0 : error_oom(err);
}

static const struct {
    const char *name;
    bool flag; /* alone it means yes */
    int (*take)(struct net_spec *s, const char *value, struct error *err);
} options[] = {
    {"mtu", false, take_mtu},
    {"cidr", false, take_cidr},
    {"cidr6", false, take_cidr6},
    {"ipv6", true, take_ipv6},
    {"host-loopback", true, take_host_loopback},
    {"dns", false, take_dns},
    {"allow", false, take_allow},
    {"publish", false, take_publish},
    {"publish-all", true, take_publish_all},
    {"outbound", false, take_outbound},
};

static int take_option(struct net_spec *s, char *word, struct error *err)
{
    char *value = strchr(word, '=');

    if (value)
        *value++ = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        if (strcmp(options[i].name, word) != 0)
            continue;
        if (!value && !options[i].flag)
            return error_set(err, EINVAL, "option %s: its value is missing", word);
        int r = options[i].take(s, value ? value : "yes", err);
        if (r < 0)
            error_prefix(err, "option %s", word);
        return r;
    }
    _cleanup_free_ char *shown = str_quote(word, 80);
    error_set(err, EINVAL, "unknown option \"%s\"", shown ? shown : "?");
    error_hint(
        err,
        "slirp has mtu, cidr, cidr6, ipv6, host-loopback, dns, allow, publish, publish-all and outbound: see "
        "bryo-network(7)");
    return -EINVAL;
}

/* Returns 1 if @text speaks of a network of somebody else's, 0 if it does not. A path may have commas. */
static int take_shared(const char *text, struct net_spec *spec, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(shared); i++) {
        if (!str_starts(text, shared[i].prefix))
            continue;
        const char *target = text + strlen(shared[i].prefix);
        if (!*target)
            return error_set(err, EINVAL, "%s", shared[i].missing);
        *spec = (struct net_spec){.kind = shared[i].kind, .target = strdup(target)};
        return spec->target ? 1 : error_oom(err);
    }
    return 0;
}

int net_spec_parse(const char *text, struct net_spec *spec, struct error *err)
{
    _cleanup_free_ char *copy = text ? strdup(text) : NULL;
    _cleanup_net_spec_ struct net_spec s = {.mtu = 1500, .ipv6 = true, .dns = true};
    char *rest = copy, *word = strsep(&rest, ",");

    if (text && !copy)
        return error_oom(err);
    int taken = text ? take_shared(text, spec, err) : 0;
    if (taken != 0)
        return taken < 0 ? taken : 0;
    (void)netblock_parse("10.0.2.0/24", &s.net4);
    (void)netblock_parse("fd62:7279:6f00::/64", &s.net6);
    for (size_t i = 0; word && i < ARRAY_SIZE(kinds); i++)
        if (strcmp(kinds[i].name, word) == 0)
            s.kind = kinds[i].kind;
    if (word && s.kind == NET_UNSET)
        return expected("none, host, slirp, container:ID or ns:PATH", word, err);
    if (rest && s.kind != NET_SLIRP)
        return error_set(err, EINVAL, "%s takes no options", word);
    while ((word = strsep(&rest, ","))) {
        int r = take_option(&s, word, err);
        if (r < 0)
            return r;
    }
    if (s.ipv6 && s.mtu < MTU_MIN6)
        return error_set(err, EINVAL, "option mtu: IPv6 needs at least %d, found %u (ipv6=no goes lower)",
                         MTU_MIN6, s.mtu);
    *spec = s;
    s = (struct net_spec){0};
    return 0;
}

int net_spec_publish_exposed(struct net_spec *spec, const char *exposed, struct error *err)
{
    _cleanup_free_ char *copy = strdup(exposed);

    if (!copy)
        return error_oom(err);
    for (char *rest = copy, *one; (one = strsep(&rest, ","));) {
        char *protocol = strchr(one, '/'), text[40];
        uint32_t port;
        if (protocol)
            *protocol++ = '\0';
        bool udp = protocol && strcmp(protocol, "udp") == 0;
        if (parse_u32(one, &port) < 0 || port == 0 || port > 65535 ||
            (protocol && !udp && strcmp(protocol, "tcp") != 0))
            return expected("ports such as 8080/tcp,53/udp", exposed, err);
        snprintf(text, sizeof text, "%u:%u%s", port, port, udp ? "/udp" : "");
        int r = take_publish(spec, text, err);
        if (r < 0)
            return r;
    }
    return 0;
}

void net_spec_free(struct net_spec *spec)
{
    free(spec->target);
    free(spec->outbound4);
    free(spec->outbound6);
    strv_free(spec->resolvers);
    strv_free(spec->allow);
    strv_free(spec->publish);
    *spec = (struct net_spec){0};
}

struct netaddr net_spec_nameserver(const struct net_spec *spec)
{
    return netblock_address(&spec->net4, PLACE_NAMESERVER);
}
