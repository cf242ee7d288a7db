#include "helpers/mount/tar_header.h"

#include <errno.h>
#include <string.h>

static int base256(const unsigned char *field, size_t len, int64_t *out)
{
    bool negative = field[0] & 0x40;
    uint64_t value = negative ? ~(uint64_t)0 : 0;

    /* Bits that fall out on the left must be copies of the sign. */
    for (size_t i = 0; i < len; i++) {
        unsigned byte = i == 0 ? (negative ? field[0] | 0x80u : field[0] & 0x3fu) : field[i];
        uint64_t lost = value >> 55;
        if (lost != (negative ? 0x1ffu : 0))
            return -ERANGE;
        value = value << 8 | byte;
    }
    *out = (int64_t)value;
    return 0;
}

int tar_number(const char *field, size_t len, int64_t *out)
{
    const char *p = field, *end = field + len;
    uint64_t value = 0;

    if ((unsigned char)field[0] & 0x80)
        return base256((const unsigned char *)field, len, out);
    while (p < end && *p == ' ')
        p++;
    for (; p < end && *p >= '0' && *p <= '7'; p++) {
        if (value >> 60)
            return -ERANGE;
        value = value * 8 + (uint64_t)(*p - '0');
    }
    if (p < end && *p != ' ' && *p != '\0')
        return -EINVAL;
    *out = (int64_t)value;
    return 0;
}

bool tar_is_zero(const void *block)
{
    static const char zero[TAR_BLOCK];

    return memcmp(block, zero, TAR_BLOCK) == 0;
}

bool tar_checksum_fits(const struct tar_header *h)
{
    const unsigned char *p = (const unsigned char *)h;
    size_t from = offsetof(struct tar_header, checksum);
    int64_t told, plain = 0, high = 0;

    for (size_t i = 0; i < TAR_BLOCK; i++) {
        plain += p[i];
        high += p[i] >> 7;
    }
    /* The field itself counts as blanks. */
    for (size_t i = from; i < from + sizeof h->checksum; i++) {
        plain += ' ' - p[i];
        high -= p[i] >> 7;
    }
    if (tar_number(h->checksum, sizeof h->checksum, &told) < 0)
        return false;
    return told == plain || told == plain - high * 256;
}

enum tar_magic tar_magic_of(const struct tar_header *h)
{
    if (memcmp(h->magic, "ustar\0", 6) == 0)
        return TAR_USTAR;
    if (memcmp(h->magic, "ustar ", 6) == 0)
        return TAR_GNU;
    return TAR_V7;
}
