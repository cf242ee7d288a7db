#include "security/bitlist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BITS (8 * sizeof(unsigned long))

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* One number; too large ones stop at BITLIST_BITS. */
static unsigned read_number(const char **s)
{
    unsigned n = 0;

    for (; is_digit(**s); (*s)++)
        n = n < BITLIST_BITS ? n * 10 + (unsigned)(**s - '0') : n;
    return n;
}

int bitlist_parse(const char *text, struct bitlist *out)
{
    int count = 0;

    memset(out, 0, sizeof *out);
    for (const char *s = text ? text : ""; *s;) {
        if (*s == ',' || *s == ' ') {
            s++;
            continue;
        }
        if (!is_digit(*s))
            return -EINVAL;
        unsigned first = read_number(&s), last = first;
        if (*s == '-') {
            s++;
            if (!is_digit(*s))
                return -EINVAL;
            last = read_number(&s);
        }
        if (first >= BITLIST_BITS || last >= BITLIST_BITS)
            return -ERANGE;
        if (last < first)
            return -EINVAL;
        for (unsigned i = first; i <= last; i++) {
            unsigned long bit = 1UL << (i % WORD_BITS);
            count += !(out->words[i / WORD_BITS] & bit);
            out->words[i / WORD_BITS] |= bit;
        }
    }
    return count;
}
