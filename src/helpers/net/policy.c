#include "helpers/net/policy.h"

#include "base/cleanup.h"

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

void policy_init(struct policy *p, const struct settings *settings)
{
    p->settings = settings;
    for (size_t i = 0; i < POLICY_NEVER; i++)
        (void)netblock_parse(never[i].block, &p->never[i]);
}

enum policy_verdict policy_judge(const struct policy *p, const struct netaddr *dst, const char **why)
{
    const struct settings *c = p->settings;

    for (size_t i = 0; i < POLICY_NEVER; i++)
        if (netblock_has(&p->never[i], dst)) {
            *why = never[i].why;
            return never[i].verdict;
        }
    if (netaddr_equal(dst, &c->gateway4) || netaddr_equal(dst, &c->gateway6)) {
        *why = "the loopback of the host";
        return c->host_loopback ? POLICY_PASS : POLICY_REFUSE;
    }
    /* libslirp would send these to a network of the host's that happens to have the same addresses, or, of
     * IPv6, to the host's loopback. */
    if (netblock_has(&c->net4, dst) || netblock_has(&c->net6, dst)) {
        *why = "nobody in the container's network";
        return POLICY_REFUSE;
    }
    return POLICY_PASS;
}
