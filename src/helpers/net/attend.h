/*
 * The attendant: a process beside the confined one, for the two things that one cannot do any more. It reads
 * the host's resolv.conf again when that changes, and removes the API socket at the end. It sees no packet
 * and takes no order; it ends when the other one does.
 */
#pragma once

#include "base/error.h"
#include "helpers/net/dns.h"
#include "helpers/net/loop.h"
#include "helpers/net/settings.h"

struct attend {
    struct watch watch; /* new resolvers arrive there; fd negative: no attendant */
    struct loop *loop;
    struct settings *settings;
    struct dns *dns;
};
#define ATTEND_INIT ((struct attend){.watch.fd = -EBADF})

/* Starts it if there is something to do. After the API socket was made, before the confinement. */
int attend_start(struct attend *a, const struct settings *c, struct error *err);

/* Lets its news of resolvers change @settings and @dns. */
int attend_watch(struct attend *a, struct loop *loop, struct settings *settings, struct dns *dns,
                 struct error *err);
