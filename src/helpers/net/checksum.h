/*
 * The checksum of the internet protocols (RFC 1071), kept as a sum of 16-bit words in memory order, so that
 * no byte is ever swapped.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/netaddr.h"

/* @sum plus the @n bytes at @data, which count as if they began at an even place. */
static inline uint32_t checksum_add(uint32_t sum, const void *data, size_t n)
{
    const uint8_t *p = data;
    uint64_t a = sum, b = 0;

    /* Two chains of add-with-carry, which the processor works on side by side. */
    for (; n >= 16; n -= 16, p += 16) {
        uint64_t v, w;
        memcpy(&v, p, sizeof v);
        memcpy(&w, p + 8, sizeof w);
        a += v;
        a += a < v;
        b += w;
        b += b < w;
    }
    a += b;
    a += a < b;
    a = (a >> 32) + (a & 0xffffffff);
    for (; n >= 2; n -= 2, p += 2) {
        uint16_t v;
        memcpy(&v, p, sizeof v);
        a += v;
    }
    if (n) {
        uint16_t v = 0;
        memcpy(&v, p, 1);
        a += v;
    }
    a = (a >> 32) + (a & 0xffffffff);
    a = (a >> 16) + (a & 0xffff);
    a = (a >> 16) + (a & 0xffff);
    return (uint32_t)((a >> 16) + (a & 0xffff));
}

/* The 16 bits that @sum folds to; what goes into a header is ~checksum_fold. */
static inline uint16_t checksum_fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)sum;
}

/* The pseudo header of TCP, UDP and ICMPv6: both addresses, the protocol, the length of what follows. */
static inline uint32_t checksum_pseudo(const struct netaddr *src, const struct netaddr *dst, uint8_t proto,
                                       size_t len)
{
    size_t skip = netaddr_is_ipv4(src) ? 12 : 0;
    uint32_t sum = checksum_add(0, src->bytes + skip, sizeof src->bytes - skip);

    sum = checksum_add(sum, dst->bytes + skip, sizeof dst->bytes - skip);
    return sum + htons(proto) + htons((uint16_t)len);
}
