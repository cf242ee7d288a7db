/*
 * process.rlimits. setrlimit(2).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "oci/names.h"
#include "security/security.h"

#define LIMIT_TEXT_MAX 24

static const char *limit_text(char buf[LIMIT_TEXT_MAX], uint64_t value)
{
    if (value == RLIM_INFINITY)
        return "unlimited";
    snprintf(buf, LIMIT_TEXT_MAX, "%" PRIu64, value);
    return buf;
}

static int explain(int code, const struct oci_rlimit *limit, size_t index, const char *name,
                   struct error *err)
{
    char wanted[LIMIT_TEXT_MAX], there[LIMIT_TEXT_MAX];
    struct rlimit now;

    if (code != EPERM || getrlimit((__rlimit_resource_t)limit->resource, &now) < 0)
        return error_sys(err, code, "process.rlimits[%zu]: set %s", index, name);
    if (limit->hard > now.rlim_max) {
        error_sys(err, code,
                  "process.rlimits[%zu].hard: cannot raise %s to %s, the caller's hard limit is %s", index,
                  name, limit_text(wanted, limit->hard), limit_text(there, now.rlim_max));
        error_hint(err,
                   "only CAP_SYS_RESOURCE of the host raises it (limits.conf(5), LimitXXX= of a unit); "
                   "else ask for at most %s",
                   limit_text(there, now.rlim_max));
        return -code;
    }
    error_sys(err, code, "process.rlimits[%zu]: set %s to %s", index, name, limit_text(wanted, limit->hard));
    if (limit->resource == RLIMIT_NOFILE)
        error_hint(err, "the kernel allows no more than /proc/sys/fs/nr_open");
    return -code;
}

int security_set_rlimits(const struct oci_rlimit_list *rlimits, struct error *err)
{
    char soft[LIMIT_TEXT_MAX], hard[LIMIT_TEXT_MAX];

    for (size_t i = 0; i < rlimits->count; i++) {
        const struct oci_rlimit *limit = &rlimits->items[i];
        const struct rlimit value = {.rlim_cur = limit->soft, .rlim_max = limit->hard};
        const char *name = name_of(oci_rlimit_names, limit->resource);
        if (!name)
            name = "the limit";
        if (limit->soft > limit->hard)
            return error_set(err, EINVAL, "process.rlimits[%zu].soft: %s is above the hard limit %s of %s", i,
                             limit_text(soft, limit->soft), limit_text(hard, limit->hard), name);
        if (setrlimit((__rlimit_resource_t)limit->resource, &value) < 0)
            return explain(errno, limit, i, name, err);
    }
    return 0;
}
