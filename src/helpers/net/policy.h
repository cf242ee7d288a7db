/*
 * What the container may reach.
 *
 * First what nobody can mean: the host's own loopback (libslirp would connect to it), no address at all, many
 * at once. Then the gateway's address, which libslirp turns into the host's loopback, and the other addresses
 * of the container's own network, behind which nobody is. Then addresses at which clouds tell secrets to
 * whoever asks. These are open to a rule that names just that address, and to no other.
 *
 * With rules (--allow) all else is closed but for what they name. A rule with a host name holds for the
 * addresses that the container's own queries for that name were answered with: queries for other names are
 * answered with "there is no such name", so that no name leads around the rules and none carries anything
 * out.
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

#define POLICY_NEVER    7
#define POLICY_METADATA 9
#define POLICY_PINS     4096

/* An address that a name was answered with. */
struct policy_pin {
    struct netaddr addr;
    uint64_t rules;     /* that the name is in, one bit each */
    int64_t expires_ms; /* 0: the place is free */
};

struct policy {
    const struct settings *settings;
    struct netblock never[POLICY_NEVER];
    struct netblock metadata[POLICY_METADATA];
    struct policy_pin *pins; /* NULL: no rule has a name */
};

/* Returns 0 or -ENOMEM. */
int policy_init(struct policy *p, const struct settings *settings);
void policy_free(struct policy *p);

/* May the container open a flow to @dst and @port (0: it has none)? *why gets a few words for the log unless
 * it passes. */
enum policy_verdict policy_judge(const struct policy *p, const struct netaddr *dst, uint16_t port,
                                 int64_t now_ms, const char **why);

/* May the container ask for @name? */
bool policy_allows_name(const struct policy *p, const char *name);

/* The container asked for @name and got the DNS message @msg: pins its addresses. */
void policy_learn(struct policy *p, const char *name, const uint8_t *msg, size_t len, int64_t now_ms);
