/*
 * Addresses and networks of IPv4 and IPv6 as one kind of value.
 *
 * An address is 16 bytes; IPv4 is kept in its mapped form (::ffff:192.0.2.1), so that one comparison, one
 * hash and one prefix test serve both. A mapped address written as IPv6 is refused by netaddr_parse: nothing
 * sends to one.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"

struct netaddr {
    uint8_t bytes[16];
};

/* All addresses that have the first @bits (0 … 128, so 96 and up for IPv4) in common with @addr. */
struct netblock {
    struct netaddr addr;
    unsigned bits;
};

/* "2001:db8::1%scope" is not taken, so this is enough for any address; and with "/128". */
#define NETADDR_TEXT_MAX  INET6_ADDRSTRLEN
#define NETBLOCK_TEXT_MAX (INET6_ADDRSTRLEN + 4)

/* A numeric address, without brackets and scope. Returns 0 or -EINVAL. */
int netaddr_parse(const char *text, struct netaddr *out);
/* The text of @addr, written to @buf. */
const char *netaddr_format(char buf[NETADDR_TEXT_MAX], const struct netaddr *addr);

bool netaddr_is_ipv4(const struct netaddr *addr);
static inline int netaddr_family(const struct netaddr *addr)
{
    return netaddr_is_ipv4(addr) ? AF_INET : AF_INET6;
}
bool netaddr_equal(const struct netaddr *a, const struct netaddr *b);

/* From and to the forms of packets and sockets. */
struct netaddr netaddr_from4(const void *bytes);
struct netaddr netaddr_from6(const void *bytes);
struct in_addr netaddr_to4(const struct netaddr *addr);
struct in6_addr netaddr_to6(const struct netaddr *addr);
/* Fills @out and returns its length. */
socklen_t netaddr_to_sockaddr(const struct netaddr *addr, uint16_t port, struct sockaddr_storage *out);
/* Returns 0, or -EAFNOSUPPORT if it is neither IPv4 nor IPv6. @port may be NULL. A mapped address is IPv4. */
int netaddr_from_sockaddr(const struct sockaddr_storage *in, struct netaddr *addr, uint16_t *port);

/* "10.0.0.0/8", "fd00::/8" or one address. -EINVAL if it is none, or bits are set behind the prefix. */
int netblock_parse(const char *text, struct netblock *out);
const char *netblock_format(char buf[NETBLOCK_TEXT_MAX], const struct netblock *block);
bool netblock_has(const struct netblock *block, const struct netaddr *addr);
/* The address @n behind the first of @block; wraps within the last 32 bits. */
struct netaddr netblock_address(const struct netblock *block, uint32_t n);
