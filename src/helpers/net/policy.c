#include "helpers/net/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "helpers/net/dns_wire.h"

/* Programs keep addresses longer than the DNS says. */
#define PIN_LEAST_MS (30 * 60 * 1000)
#define PIN_MOST_MS  (24 * 3600 * 1000)
#define ALIASES_MAX  16

/* In text, because that is how people check such a table. */
static const struct {
    const char *block, *why;
    enum policy_verdict verdict;
} never[] = {
    {"0.0.0.0/8", "no address of a host", POLICY_REFUSE},
    {"127.0.0.0/8", "the loopback of the host", POLICY_REFUSE},
    {"224.0.0.0/4", "multicast stays inside", POLICY_DROP},
    {"240.0.0.0/4", "no address of a host", POLICY_DROP},
    {"::/127", "the loopback of the host", POLICY_REFUSE},
    {"fe80::/10", "link-local addresses stay inside", POLICY_REFUSE},
    {"ff00::/8", "multicast stays inside", POLICY_DROP},
};
_Static_assert(ARRAY_SIZE(never) == POLICY_NEVER, "one parsed block for each row");

/* Where machines of clouds are told their credentials; the first one is all of them that are link-local. */
static const char *const metadata[] = {
    "169.254.0.0/16",     /* AWS, Azure, Google, Oracle, OpenStack, … and tasks of AWS */
    "100.100.100.200",    /* Alibaba */
    "168.63.129.16",      /* Azure's wire server */
    "192.0.0.192",        /* Oracle */
    "fd00:ec2::254",      /* AWS */
    "fd00:ec2::23",       /* pods of AWS */
    "fd20:ce::254",       /* Google */
    "64:ff9b::a9fe:a9fe", /* the usual one through NAT64 */
    "fd00:42::42",        /* Scaleway */
};
_Static_assert(ARRAY_SIZE(metadata) == POLICY_METADATA, "one parsed block for each row");

int policy_init(struct policy *p, const struct settings *settings)
{
    *p = (struct policy){.settings = settings};
    for (size_t i = 0; i < POLICY_NEVER; i++)
        (void)netblock_parse(never[i].block, &p->never[i]);
    for (size_t i = 0; i < POLICY_METADATA; i++)
        (void)netblock_parse(metadata[i], &p->metadata[i]);
    for (unsigned i = 0; i < settings->n_allow; i++)
        if (settings->allow[i].name[0] && !p->pins) {
            p->pins = calloc(POLICY_PINS, sizeof *p->pins);
            if (!p->pins)
                return -ENOMEM;
        }
    return 0;
}

void policy_free(struct policy *p)
{
    free(p->pins);
    p->pins = NULL;
}

static bool port_fits(const struct netrule *rule, uint16_t port)
{
    return rule->port == 0 || rule->port == port;
}

/* A rule that names this one address. */
static bool is_named(const struct settings *c, const struct netaddr *dst, uint16_t port)
{
    for (unsigned i = 0; i < c->n_allow; i++)
        if (!c->allow[i].name[0] && c->allow[i].block.bits == 128 &&
            netaddr_equal(&c->allow[i].block.addr, dst) && port_fits(&c->allow[i], port))
            return true;
    return false;
}

static bool is_allowed(const struct policy *p, const struct netaddr *dst, uint16_t port, int64_t now_ms)
{
    const struct settings *c = p->settings;
    uint64_t rules = 0;

    for (unsigned i = 0; i < c->n_allow; i++)
        if (!c->allow[i].name[0] && netblock_has(&c->allow[i].block, dst) && port_fits(&c->allow[i], port))
            return true;
    for (size_t i = 0; p->pins && i < POLICY_PINS; i++)
        if (p->pins[i].expires_ms > now_ms && netaddr_equal(&p->pins[i].addr, dst))
            rules |= p->pins[i].rules;
    for (unsigned i = 0; i < c->n_allow; i++)
        if (rules >> i & 1 && port_fits(&c->allow[i], port))
            return true;
    return false;
}

enum policy_verdict policy_judge(const struct policy *p, const struct netaddr *dst, uint16_t port,
                                 int64_t now_ms, const char **why)
{
    const struct settings *c = p->settings;

    for (size_t i = 0; i < POLICY_NEVER; i++)
        if (netblock_has(&p->never[i], dst)) {
            *why = never[i].why;
            return never[i].verdict;
        }
    if (netaddr_equal(dst, &c->gateway4) || netaddr_equal(dst, &c->gateway6)) {
        *why = "the loopback of the host";
        return c->host_loopback || is_named(c, dst, port) ? POLICY_PASS : POLICY_REFUSE;
    }
    /* libslirp would send these to a network of the host's that happens to have the same addresses, or, of
     * IPv6, to the host's loopback. */
    if (netblock_has(&c->net4, dst) || netblock_has(&c->net6, dst)) {
        *why = "nobody in the container's network";
        return POLICY_REFUSE;
    }
    for (size_t i = 0; c->deny_metadata && i < POLICY_METADATA; i++)
        if (netblock_has(&p->metadata[i], dst) && !is_named(c, dst, port)) {
            *why = "link-local, or the metadata of a cloud";
            return POLICY_REFUSE;
        }
    *why = "not allowed";
    return c->n_allow == 0 || is_allowed(p, dst, port, now_ms) ? POLICY_PASS : POLICY_REFUSE;
}

/* The rules that @name is in, one bit each. */
static uint64_t rules_of(const struct settings *c, const char *name)
{
    uint64_t rules = 0;

    for (unsigned i = 0; i < c->n_allow; i++)
        if (netrule_has_name(&c->allow[i], name))
            rules |= UINT64_C(1) << i;
    return rules;
}

bool policy_allows_name(const struct policy *p, const char *name)
{
    return p->settings->n_allow == 0 || rules_of(p->settings, name) != 0;
}

static void pin(struct policy *p, const struct netaddr *addr, uint64_t rules, uint32_t ttl, int64_t now_ms)
{
    struct policy_pin *place = &p->pins[0];
    int64_t keep = (int64_t)ttl * 1000;

    for (size_t i = 0; i < POLICY_PINS; i++) {
        struct policy_pin *one = &p->pins[i];
        if (one->expires_ms && one->rules == rules && netaddr_equal(&one->addr, addr)) {
            place = one;
            break;
        }
        if (one->expires_ms < place->expires_ms)
            place = one;
    }
    keep = keep < PIN_LEAST_MS ? PIN_LEAST_MS : keep > PIN_MOST_MS ? PIN_MOST_MS : keep;
    *place = (struct policy_pin){*addr, rules, now_ms + keep};
}

/* The name and what it is an alias of, as far as the answer tells. */
struct aliases {
    char names[ALIASES_MAX][DNS_NAME_MAX];
    unsigned count;
};

static bool is_alias(const struct aliases *a, const char *name)
{
    for (unsigned i = 0; i < a->count; i++)
        if (strcmp(a->names[i], name) == 0)
            return true;
    return false;
}

void policy_learn(struct policy *p, const char *name, const uint8_t *msg, size_t len, int64_t now_ms)
{
    uint64_t rules = p->pins ? rules_of(p->settings, name) : 0;
    struct aliases aliases = {.count = 1};
    struct dns_record r;
    unsigned left = 0;
    size_t at = 0;

    if (!rules)
        return;
    memcpy(aliases.names[0], name, strlen(name) + 1);
    while (dns_next_record(msg, len, &at, &left, &r) == 1) {
        if (!is_alias(&aliases, r.name))
            continue;
        if (r.type == DNS_TYPE_CNAME && aliases.count < ALIASES_MAX)
            memcpy(aliases.names[aliases.count++], r.target, sizeof r.target);
        struct netaddr addr;
        if (r.type == DNS_TYPE_A && r.data_len == 4)
            addr = netaddr_from4(r.data);
        else if (r.type == DNS_TYPE_AAAA && r.data_len == 16)
            addr = netaddr_from6(r.data);
        else
            continue;
        pin(p, &addr, rules, r.ttl, now_ms);
    }
}
