#include "helpers/net/reasm.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "helpers/net/checksum.h"

#define DATAGRAM_MAX 65535
#define UNIT         8 /* bytes: offsets count these */
#define PATIENCE_MS  15000
#define HEADERS      (14 + 20)

struct datagram {
    struct netaddr src, dst;
    uint16_t id;
    uint8_t proto;
    bool has_first, has_last;
    /* Bytes behind the IP header: that came, where the furthest piece ends, and, once the last piece is
     * there, all there are. Since no two overlap and none is beyond the last, got == total means that none is
     * missing. */
    size_t got, end, total;
    int64_t begun_ms;
    uint8_t seen[(DATAGRAM_MAX / UNIT + 8) / 8]; /* one bit a unit */
    uint8_t bytes[HEADERS + DATAGRAM_MAX];       /* the frame as it grows */
};

void reasm_free(struct reasm *r)
{
    for (size_t i = 0; i < ARRAY_SIZE(r->slot); i++) {
        free(r->slot[i]);
        r->slot[i] = NULL;
    }
}

static bool belongs(const struct datagram *d, const struct frame *f)
{
    return d->id == f->id && d->proto == f->proto && netaddr_equal(&d->src, &f->src) &&
           netaddr_equal(&d->dst, &f->dst);
}

/* The datagram that @f is a piece of; else a new one, in place of the oldest if all are in use. */
static struct datagram **find(struct reasm *r, const struct frame *f, int64_t now_ms)
{
    struct datagram **oldest = &r->slot[0];

    for (size_t i = 0; i < ARRAY_SIZE(r->slot); i++) {
        struct datagram **at = &r->slot[i];
        if (*at && now_ms - (*at)->begun_ms > PATIENCE_MS) {
            free(*at);
            *at = NULL;
        }
        if (*at && belongs(*at, f))
            return at;
        if (*oldest && (!*at || (*at)->begun_ms < (*oldest)->begun_ms))
            oldest = at;
    }
    free(*oldest);
    /* Not cleared as a whole: of its bytes only those that came are ever touched. */
    struct datagram *d = malloc(sizeof *d);
    *oldest = d;
    if (!d)
        return NULL;
    memset(d, 0, offsetof(struct datagram, bytes));
    d->src = f->src;
    d->dst = f->dst;
    d->id = f->id;
    d->proto = f->proto;
    d->begun_ms = now_ms;
    return oldest;
}

/* Does @f fit with what is there? Marks its units. */
static bool place(struct datagram *d, const struct frame *f)
{
    size_t end = f->offset + f->l4_len, first = f->offset / UNIT, last = (end + UNIT - 1) / UNIT;

    if (f->l4_len == 0 || end > DATAGRAM_MAX - 20 || (f->more && f->l4_len % UNIT))
        return false;
    if (d->has_last && (!f->more || end > d->total))
        return false;
    if (!f->more && d->end > f->offset)
        return false;
    for (size_t i = first; i < last; i++)
        if (d->seen[i / 8] & 1 << i % 8)
            return false;
    for (size_t i = first; i < last; i++)
        d->seen[i / 8] |= (uint8_t)(1 << i % 8);
    if (end > d->end)
        d->end = end;
    return true;
}

/* The headers of the first piece, as those of a datagram that never was in pieces. */
static void finish_headers(struct datagram *d)
{
    uint8_t *ip = d->bytes + 14;
    size_t total = 20 + d->total;

    ip[2] = (uint8_t)(total >> 8);
    ip[3] = (uint8_t)total;
    memset(ip + 6, 0, 2);  /* flags and offset */
    memset(ip + 10, 0, 2); /* checksum */
    uint16_t check = (uint16_t)~checksum_fold(checksum_add(0, ip, 20));
    memcpy(ip + 10, &check, sizeof check);
}

int reasm_add(struct reasm *r, const struct frame *f, int64_t now_ms, uint8_t **whole, size_t *len)
{
    struct datagram **at = find(r, f, now_ms);

    if (!at)
        return -ENOMEM;
    struct datagram *d = *at;
    if (!place(d, f)) {
        free(d);
        *at = NULL;
        return -EBADMSG;
    }
    if (f->offset == 0) {
        memcpy(d->bytes, f->data, HEADERS);
        d->has_first = true;
    }
    if (!f->more) {
        d->total = f->offset + f->l4_len;
        d->has_last = true;
    }
    memcpy(d->bytes + HEADERS + f->offset, f->l4, f->l4_len);
    d->got += f->l4_len;
    if (!d->has_last || !d->has_first || d->got != d->total)
        return 0;
    finish_headers(d);
    *len = HEADERS + d->total;
    *whole = malloc(*len);
    if (*whole)
        memcpy(*whole, d->bytes, *len);
    free(d);
    *at = NULL;
    return *whole ? 1 : -ENOMEM;
}
