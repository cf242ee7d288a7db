/*
 * The manager "systemd" of a bryo that was built without the headers of libsystemd: it is known, and says so.
 */
#include <errno.h>

#include "cgroup/cgroup.h"

static int plan(struct cgroup *cg, const struct cgroup_request *req, struct error *err)
{
    (void)cg;
    (void)req;
    error_set(err, ENOTSUP, "this bryo was built without the cgroup manager \"systemd\"");
    error_hint(err, "build it with the headers of libsystemd there (./configure --with-systemd), or use "
                    "--cgroup-manager cgroupfs or disabled");
    return -ENOTSUP;
}

const struct cgroup_manager cgroup_systemd = {.name = "systemd", .subgroups = true, .plan = plan};
