#include "helpers/net/dns_wire.h"

#include <errno.h>
#include <string.h>

#define FLAG_ANSWER 0x8000
#define OPCODE      0x7800
#define FLAG_RD     0x0100
#define FLAG_RA     0x0080
#define CLASS_IN    1
#define JUMPS_MAX   32

enum { PLACE_FLAGS = 2, PLACE_QUESTIONS = 4, PLACE_ANSWERS = 6 };

uint16_t dns_get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

void dns_put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static char lower(uint8_t c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* Reads the name at *at as text and moves *at behind it. A label that is not made of printable characters, or
 * has a dot in it, could be taken for another name: -EBADMSG. */
static int read_name(const uint8_t *msg, size_t len, size_t *at, char out[DNS_NAME_MAX])
{
    size_t p = *at, n = 0;
    bool jumped = false;

    for (unsigned jumps = 0; jumps < JUMPS_MAX;) {
        if (p >= len)
            return -EBADMSG;
        unsigned label = msg[p];
        if (label >= 0xc0) {
            if (p + 1 >= len)
                return -EBADMSG;
            if (!jumped)
                *at = p + 2;
            jumped = true;
            p = (label & 0x3f) << 8 | msg[p + 1];
            jumps++;
            continue;
        }
        if (label > 63 || p + 1 + label > len || n + label + 1 >= DNS_NAME_MAX)
            return -EBADMSG;
        p++;
        if (label == 0) {
            out[n ? n - 1 : 0] = '\0';
            if (!jumped)
                *at = p;
            return 0;
        }
        for (unsigned i = 0; i < label; i++, p++) {
            if (msg[p] <= ' ' || msg[p] > '~' || msg[p] == '.')
                return -EBADMSG;
            out[n++] = lower(msg[p]);
        }
        out[n++] = '.';
    }
    return -EBADMSG;
}

static int read_question(const uint8_t *msg, size_t len, struct dns_question *q)
{
    size_t at = DNS_HLEN;
    int r = read_name(msg, len, &at, q->name);

    if (r < 0 || len - at < 4)
        return -EBADMSG;
    q->type = dns_get16(msg + at);
    q->class = dns_get16(msg + at + 2);
    q->end = at + 4;
    return 0;
}

int dns_parse_query(const uint8_t *msg, size_t len, struct dns_question *q)
{
    if (len < DNS_HLEN)
        return -EBADMSG;
    unsigned flags = dns_get16(msg + PLACE_FLAGS);
    if (flags & FLAG_ANSWER || dns_get16(msg + PLACE_QUESTIONS) != 1 || dns_get16(msg + PLACE_ANSWERS) != 0 ||
        read_question(msg, len, q) < 0)
        return -EBADMSG;
    return flags & OPCODE ? -EOPNOTSUPP : 0;
}

bool dns_is_answer(const uint8_t *msg, size_t len, const struct dns_question *q)
{
    struct dns_question theirs;

    if (len < DNS_HLEN || !(dns_get16(msg + PLACE_FLAGS) & FLAG_ANSWER) ||
        dns_get16(msg + PLACE_QUESTIONS) != 1 || read_question(msg, len, &theirs) < 0)
        return false;
    return theirs.type == q->type && theirs.class == q->class && strcmp(theirs.name, q->name) == 0;
}

size_t dns_build_error(const uint8_t *query, const struct dns_question *q, unsigned rcode, uint8_t *out)
{
    unsigned flags = dns_get16(query + PLACE_FLAGS);

    memcpy(out, query, q->end);
    dns_put16(out + PLACE_FLAGS, FLAG_ANSWER | (flags & (OPCODE | FLAG_RD)) | FLAG_RA | rcode);
    memset(out + PLACE_ANSWERS, 0, DNS_HLEN - PLACE_ANSWERS);
    return q->end;
}

int dns_next_record(const uint8_t *msg, size_t len, size_t *at, unsigned *left, struct dns_record *r)
{
    struct dns_question q;

    if (*at == 0) {
        if (len < DNS_HLEN || dns_get16(msg + PLACE_QUESTIONS) != 1 || read_question(msg, len, &q) < 0)
            return -EBADMSG;
        *at = q.end;
        *left = dns_get16(msg + PLACE_ANSWERS);
    }
    if (*left == 0)
        return 0;
    (*left)--;
    if (read_name(msg, len, at, r->name) < 0 || len - *at < 10)
        return -EBADMSG;
    const uint8_t *p = msg + *at;
    r->type = dns_get16(p);
    bool internet = dns_get16(p + 2) == CLASS_IN;
    r->ttl = (uint32_t)dns_get16(p + 4) << 16 | dns_get16(p + 6);
    r->data_len = dns_get16(p + 8);
    r->data = p + 10;
    *at += 10;
    if (r->data_len > len - *at)
        return -EBADMSG;
    r->target[0] = '\0';
    if (!internet)
        r->type = 0;
    if (r->type == DNS_TYPE_CNAME) {
        size_t target = *at;
        if (read_name(msg, len, &target, r->target) < 0 || target > *at + r->data_len)
            return -EBADMSG;
    }
    *at += r->data_len;
    return 1;
}
