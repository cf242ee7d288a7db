/*
 * What was refused: told once for each destination, and counted.
 */
#pragma once

#include <stdint.h>

#include "base/log.h"
#include "base/netaddr.h"

#define REFUSALS_MAX  256
#define REFUSALS_WHAT 320

struct refusal {
    uint64_t count;
    char *what; /* "tcp 192.0.2.1:443", "name example.com"; owned */
};

struct refusals {
    const struct log *log;
    struct refusal list[REFUSALS_MAX];
    unsigned n;
    uint64_t more; /* of destinations for which there was no room */
};

/* One more, of @what, because of @why. The first one of each is told. */
void refusals_add(struct refusals *r, const char *what, const char *why);

/* Tells how often those came that came more than once, and frees. */
void refusals_close(struct refusals *r);
