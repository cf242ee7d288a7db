/*
 * What the container may reach.
 *
 * First what nobody can mean: the host's own loopback (libslirp would connect to it), no address at all, many
 * at once. Then the gateway's address, which libslirp turns into the host's loopback, and the other addresses
 * of the container's own network, behind which nobody is.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "helpers/net/settings.h"

enum policy_verdict {
    POLICY_PASS,
    POLICY_REFUSE, /* the container is told that it is prohibited */
    POLICY_DROP,   /* not sent to a single host: nothing is said */
};

#define POLICY_NEVER 7

struct policy {
    const struct settings *settings;
    struct netblock never[POLICY_NEVER];
};

void policy_init(struct policy *p, const struct settings *settings);

/* May the container open a flow to @dst? *why gets a few words for the log unless it passes. */
enum policy_verdict policy_judge(const struct policy *p, const struct netaddr *dst, const char **why);
