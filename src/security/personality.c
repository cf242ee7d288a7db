/*
 * linux.personality. personality(2).
 */
#include <sys/personality.h>

#include <errno.h>

#include "base/str.h"
#include "oci/names.h"
#include "security/security.h"

int security_set_personality(const struct oci_personality *wanted, struct error *err)
{
    const char *name = name_of(oci_personality_domains, (int64_t)wanted->domain);

    /* The specification has the list, and nothing that may stand in it. */
    if (wanted->flags && wanted->flags[0])
        return error_set(err, ENOTSUP, "linux.personality.flags: \"%s\" is not a flag of the specification",
                         wanted->flags[0]);
    if (!name)
        return error_set(err, EINVAL, "linux.personality.domain: unknown domain %#lx", wanted->domain);
    if (personality(wanted->domain) < 0)
        return error_sys(err, errno, "linux.personality.domain: become %s", name);
    return 0;
}
