/*
 * bryo start: lets the waiting process of a created container go.
 */
#include <stdlib.h>

#include "cli/verbs.h"
#include "container/container.h"

static int run(const struct invocation *inv, struct error *err)
{
    return container_start(inv->rt, inv->args[0], getenv("NOTIFY_SOCKET"), err);
}

const struct verb cli_start = {
    .name = "start",
    .group = "OCI runtime",
    .summary = "Run the process of a created container",
    .usage = "ID",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
