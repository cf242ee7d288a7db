/*
 * bryo pause: stop all processes of a container where they are.
 */
#include "cli/verbs.h"
#include "container/cgroups.h"

static int run(const struct invocation *inv, struct error *err)
{
    return container_pause(inv->rt, inv->args[0], err);
}

const struct verb cli_pause = {
    .name = "pause",
    .group = "OCI runtime",
    .summary = "Suspend all processes of a container",
    .usage = "ID",
    .details = "This needs a cgroup of the container's own: man bryo tells where there is one.",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
