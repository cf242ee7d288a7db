#include "base/netaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define MAPPED_BITS 96

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool netaddr_is_ipv4(const struct netaddr *addr)
{
    return memcmp(addr->bytes, mapped, sizeof mapped) == 0;
}

bool netaddr_equal(const struct netaddr *a, const struct netaddr *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

struct netaddr netaddr_from4(const void *bytes)
{
    struct netaddr a;

    memcpy(a.bytes, mapped, sizeof mapped);
    memcpy(a.bytes + sizeof mapped, bytes, 4);
    return a;
}

struct netaddr netaddr_from6(const void *bytes)
{
    struct netaddr a;

    memcpy(a.bytes, bytes, sizeof a.bytes);
    return a;
}

struct in_addr netaddr_to4(const struct netaddr *addr)
{
    struct in_addr in;

    memcpy(&in, addr->bytes + sizeof mapped, sizeof in);
    return in;
}

struct in6_addr netaddr_to6(const struct netaddr *addr)
{
    struct in6_addr in;

    memcpy(&in, addr->bytes, sizeof in);
    return in;
}

int netaddr_parse(const char *text, struct netaddr *out)
{
    uint8_t bytes[16];

    if (inet_pton(AF_INET, text, bytes) == 1) {
        *out = netaddr_from4(bytes);
        return 0;
    }
    if (inet_pton(AF_INET6, text, bytes) != 1 || memcmp(bytes, mapped, sizeof mapped) == 0)
        return -EINVAL;
    *out = netaddr_from6(bytes);
    return 0;
}

const char *netaddr_format(char buf[NETADDR_TEXT_MAX], const struct netaddr *addr)
{
    bool v4 = netaddr_is_ipv4(addr);

    if (!inet_ntop(v4 ? AF_INET : AF_INET6, addr->bytes + (v4 ? sizeof mapped : 0), buf, NETADDR_TEXT_MAX))
        buf[0] = '\0';
    return buf;
}

socklen_t netaddr_to_sockaddr(const struct netaddr *addr, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in *in = (struct sockaddr_in *)out;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof *out);
    if (netaddr_is_ipv4(addr)) {
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        in->sin_addr = netaddr_to4(addr);
        return sizeof *in;
    }
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    in6->sin6_addr = netaddr_to6(addr);
    return sizeof *in6;
}

int netaddr_from_sockaddr(const struct sockaddr_storage *in, struct netaddr *addr, uint16_t *port)
{
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)in;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)in;

    if (in->ss_family != AF_INET && in->ss_family != AF_INET6)
        return -EAFNOSUPPORT;
    *addr = in->ss_family == AF_INET ? netaddr_from4(&in4->sin_addr) : netaddr_from6(&in6->sin6_addr);
    if (port)
        *port = ntohs(in->ss_family == AF_INET ? in4->sin_port : in6->sin6_port);
    return 0;
}

bool netblock_has(const struct netblock *block, const struct netaddr *addr)
{
    unsigned whole = block->bits / 8, rest = block->bits % 8;

    /* ::/0 has no IPv4 in it, mapped or not. */
    if (netaddr_is_ipv4(addr) && !netaddr_is_ipv4(&block->addr))
        return false;
    if (memcmp(block->addr.bytes, addr->bytes, whole) != 0)
        return false;
    return rest == 0 || (block->addr.bytes[whole] ^ addr->bytes[whole]) >> (8 - rest) == 0;
}

/* Is no bit set behind the prefix? Somebody who writes 10.1.2.3/8 means either the one or the other. */
static bool is_canonical(const struct netblock *block)
{
    for (unsigned bit = block->bits; bit < 128; bit++)
        if (block->addr.bytes[bit / 8] & (0x80 >> bit % 8))
            return false;
    return true;
}

int netblock_parse(const char *text, struct netblock *out)
{
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    struct netblock block = {.bits = 128};
    char address[NETADDR_TEXT_MAX];
    uint32_t bits = 128;

    if (len >= sizeof address)
        return -EINVAL;
    memcpy(address, text, len);
    address[len] = '\0';
    if (netaddr_parse(address, &block.addr) < 0)
        return -EINVAL;
    if (slash) {
        bool v4 = netaddr_is_ipv4(&block.addr);
        if (parse_u32(slash + 1, &bits) < 0 || bits > (v4 ? 32 : 128))
            return -EINVAL;
        block.bits = bits + (v4 ? MAPPED_BITS : 0);
    }
    if (!is_canonical(&block))
        return -EINVAL;
    *out = block;
    return 0;
}

const char *netblock_format(char buf[NETBLOCK_TEXT_MAX], const struct netblock *block)
{
    unsigned bits = block->bits;

    netaddr_format(buf, &block->addr);
    if (bits < 128)
        snprintf(buf + strlen(buf), NETBLOCK_TEXT_MAX - strlen(buf), "/%u",
                 netaddr_is_ipv4(&block->addr) ? bits - MAPPED_BITS : bits);
    return buf;
}

struct netaddr netblock_address(const struct netblock *block, uint32_t n)
{
    struct netaddr a = block->addr;
    uint32_t last;

    memcpy(&last, a.bytes + 12, sizeof last);
    last = htonl(ntohl(last) + n);
    memcpy(a.bytes + 12, &last, sizeof last);
    return a;
}
