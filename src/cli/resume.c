/*
 * bryo resume: let the processes of a paused container go on.
 */
#include "cli/verbs.h"
#include "container/cgroups.h"

static int run(const struct invocation *inv, struct error *err)
{
    return container_resume(inv->rt, inv->args[0], err);
}

const struct verb cli_resume = {
    .name = "resume",
    .group = "OCI runtime",
    .summary = "Resume the processes of a paused container",
    .usage = "ID",
    .details = "This needs a cgroup of the container's own: man bryo tells where there is one.",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
