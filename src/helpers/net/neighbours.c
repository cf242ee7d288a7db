#include "helpers/net/neighbours.h"

#include <stddef.h>
#include <string.h>

#define SILENT_MS (10 * 60 * 1000)

static struct neighbour *find(struct neighbours *all, const struct netaddr *addr)
{
    unsigned kind = netaddr_is_ipv4(addr);

    for (unsigned i = 0; i < all->n[kind]; i++)
        if (netaddr_equal(&all->list[kind][i].addr, addr))
            return &all->list[kind][i];
    return NULL;
}

/* A place for one more, NULL if there is none. */
static struct neighbour *place(struct neighbours *all, unsigned kind, int64_t now_ms)
{
    if (all->n[kind] < NEIGHBOURS_MAX)
        return &all->list[kind][all->n[kind]++];
    for (unsigned i = 0; i < NEIGHBOURS_MAX; i++)
        if (now_ms - all->list[kind][i].seen_ms > SILENT_MS)
            return &all->list[kind][i];
    return NULL;
}

bool neighbours_note(struct neighbours *all, const struct netaddr *addr, const uint8_t mac[6], int64_t now_ms)
{
    struct neighbour *one = find(all, addr);

    if (!one)
        one = place(all, netaddr_is_ipv4(addr), now_ms);
    if (!one)
        return false;
    one->addr = *addr;
    memcpy(one->mac, mac, sizeof one->mac);
    one->seen_ms = now_ms;
    return true;
}

void neighbours_ask(struct neighbours *all, const struct netaddr *addr)
{
    struct neighbour *one = find(all, addr);

    if (one)
        one->asked = all->any_asked = true;
}

const struct neighbour *neighbours_next_asked(struct neighbours *all)
{
    for (unsigned kind = 0; all->any_asked && kind < 2; kind++)
        for (unsigned i = 0; i < all->n[kind]; i++)
            if (all->list[kind][i].asked) {
                all->list[kind][i].asked = false;
                return &all->list[kind][i];
            }
    all->any_asked = false;
    return NULL;
}
