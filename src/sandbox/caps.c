/*
 * Capabilities of a sandbox: a default set, changed by --cap-add and --cap-drop.
 */
#include "sandbox/caps.h"

#include <errno.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "oci/names.h"

static uint64_t all_capabilities(void)
{
    return (UINT64_C(2) << oci_last_capability()) - 1;
}

static int parse_list(const char *option, char *const *names, uint64_t *bits, struct error *err)
{
    *bits = 0;
    STRV_FOREACH (one, names) {
        const char *bare = strncasecmp(*one, "CAP_", 4) == 0 ? *one + 4 : *one;
        if (strcasecmp(bare, "ALL") == 0) {
            *bits = all_capabilities();
            continue;
        }
        const struct name_value *found = NULL;
        for (const struct name_value *row = oci_capability_names; row->name && !found; row++)
            if (strcasecmp(row->name + 4, bare) == 0)
                found = row;
        if (!found) {
            _cleanup_free_ char *shown = str_quote(*one, 64);
            error_set(err, EINVAL, "--%s \"%s\": there is no such capability", option, shown ? shown : "?");
            error_hint(err,
                       "names are as in capabilities(7), for example NET_ADMIN or CAP_NET_ADMIN; ALL for "
                       "all of them");
            return -EINVAL;
        }
        if (found->value > oci_last_capability())
            return error_set(err, ENOTSUP, "--%s \"%s\": this kernel does not have the capability", option,
                             *one);
        *bits |= UINT64_C(1) << found->value;
    }
    return 0;
}

int sandbox_caps(uint64_t base, char *const *add, char *const *drop, uint64_t *caps, uint64_t *added,
                 struct error *err)
{
    uint64_t plus, minus;
    int r = parse_list("cap-add", add, &plus, err);
    if (r == 0)
        r = parse_list("cap-drop", drop, &minus, err);
    if (r < 0)
        return r;
    uint64_t all = all_capabilities(), both = plus & minus;
    /* ALL in one list is what the other makes its exceptions from. */
    if (both && (plus == all) == (minus == all)) {
        const char *name = name_of(oci_capability_names, __builtin_ctzll(both));
        return error_set(err, EINVAL, "%s is in --cap-add and in --cap-drop", plus == all ? "ALL" : name);
    }
    *caps = plus == all ? all & ~minus : (base & ~minus) | plus;
    *added = plus & *caps;
    return 0;
}
