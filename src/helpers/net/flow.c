#include "helpers/net/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"

#define BUCKETS         4096
#define EXPIRE_EVERY_MS 1000

/* How long libslirp keeps its side of a silent flow: UDP for four minutes, ten seconds if it is an answered
 * query to port 53; TCP that never got an answer for
 * 75 s; open TCP until its probes, which begin after two hours, have failed for ten minutes; closed TCP for
 * twice its segment lifetime. A little longer here, so that what is not in this table is not there. */
#define SILENT_SHORT_MS   12000 /* the least of all */
#define SILENT_ECHO_MS    250000
#define SILENT_UDP_MS     250000
#define SILENT_OPENING_MS 160000
#define SILENT_OPEN_MS    (3 * 3600 * 1000)
#define DNS_PORT          53

int flow_table_init(struct flow_table *t, const unsigned max[FLOW_KINDS])
{
    *t = (struct flow_table){.buckets = calloc(BUCKETS, sizeof(struct flow *))};
    memcpy(t->max, max, sizeof t->max);
    t->end_starved = &t->starved;
    /* Without chance the table works all the same. */
    (void)!getrandom(&t->seed, sizeof t->seed, GRND_NONBLOCK);
    return t->buckets ? 0 : -ENOMEM;
}

void flow_table_free(struct flow_table *t)
{
    for (int kind = 0; kind < FLOW_KINDS; kind++)
        while (t->buckets && t->oldest[kind])
            flow_remove(t, t->oldest[kind]);
    free(t->buckets);
    *t = (struct flow_table){0};
}

static bool same_key(const struct flow_key *a, const struct flow_key *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static size_t bucket_of(const struct flow_table *t, const struct flow_key *key)
{
    _Static_assert(sizeof *key == 38, "the key is compared and hashed as bytes, so it has no holes");
    uint64_t word[5] = {0}, h = t->seed;

    memcpy(word, key, sizeof *key);
    for (size_t i = 0; i < ARRAY_SIZE(word); i++) {
        h ^= word[i];
        h *= 0x9e3779b97f4a7c15;
        h ^= h >> 32;
    }
    return h % BUCKETS;
}

struct flow *flow_find(const struct flow_table *t, const struct flow_key *key)
{
    struct flow *f = t->buckets[bucket_of(t, key)];

    while (f && !same_key(&f->key, key))
        f = f->next;
    return f;
}

static void link_newest(struct flow_table *t, struct flow *f)
{
    int kind = f->key.kind;

    f->newer = NULL;
    f->older = t->newest[kind];
    if (f->older)
        f->older->newer = f;
    else
        t->oldest[kind] = f;
    t->newest[kind] = f;
}

static void unlink_age(struct flow_table *t, struct flow *f)
{
    int kind = f->key.kind;

    if (f->newer)
        f->newer->older = f->older;
    else
        t->newest[kind] = f->older;
    if (f->older)
        f->older->newer = f->newer;
    else
        t->oldest[kind] = f->newer;
}

struct flow *flow_add(struct flow_table *t, const struct flow_key *key, int64_t now_ms)
{
    flow_expire(t, now_ms);
    if (t->open[key->kind] >= t->max[key->kind])
        return NULL;
    struct flow *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    struct flow **bucket = &t->buckets[bucket_of(t, key)];
    f->key = *key;
    f->last_ms = now_ms;
    f->next = *bucket;
    *bucket = f;
    link_newest(t, f);
    t->open[key->kind]++;
    return f;
}

void flow_touch(struct flow_table *t, struct flow *f, int64_t now_ms)
{
    f->last_ms = now_ms;
    if (t->newest[f->key.kind] == f)
        return;
    unlink_age(t, f);
    link_newest(t, f);
}

void flow_starve(struct flow_table *t, struct flow *f, bool starved)
{
    if (starved == (f->at_starved != NULL))
        return;
    if (starved) {
        f->next_starved = NULL;
        f->at_starved = t->end_starved;
        *t->end_starved = f;
        t->end_starved = &f->next_starved;
    } else {
        *f->at_starved = f->next_starved;
        *(f->next_starved ? &f->next_starved->at_starved : &t->end_starved) = f->at_starved;
        f->at_starved = NULL;
    }
    t->n_starved += starved ? 1 : -1U;
}

void flow_remove(struct flow_table *t, struct flow *f)
{
    struct flow **at = &t->buckets[bucket_of(t, &f->key)];

    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    unlink_age(t, f);
    flow_starve(t, f, false);
    t->open[f->key.kind]--;
    free(f);
}

static int64_t patience(const struct flow *f)
{
    switch (f->key.kind) {
    case FLOW_ECHO:
        return SILENT_ECHO_MS;
    case FLOW_UDP:
        return f->answered && f->key.remote_port == DNS_PORT ? SILENT_SHORT_MS : SILENT_UDP_MS;
    default:
        return f->fin_in && f->fin_out ? SILENT_SHORT_MS : f->answered ? SILENT_OPEN_MS : SILENT_OPENING_MS;
    }
}

void flow_expire(struct flow_table *t, int64_t now_ms)
{
    if (now_ms - t->expired_ms < EXPIRE_EVERY_MS)
        return;
    t->expired_ms = now_ms;
    for (int kind = 0; kind < FLOW_KINDS; kind++)
        /* By age: behind one that is younger than the least patience nobody can be due. */
        for (struct flow *f = t->oldest[kind], *newer; f && now_ms - f->last_ms > SILENT_SHORT_MS;
             f = newer) {
            newer = f->newer;
            if (now_ms - f->last_ms > patience(f))
                flow_remove(t, f);
        }
}
