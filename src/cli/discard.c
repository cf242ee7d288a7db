/*
 * bryo discard: drops what a sandbox of the host's root changed.
 */
#include "cli/verbs.h"
#include "sandbox/host_diff.h"

static int run(const struct invocation *inv, struct error *err)
{
    for (size_t i = 0; i < inv->n_args; i++) {
        int r = host_discard(inv->args[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}

const struct verb cli_discard = {
    .name = "discard",
    .group = "Sandbox",
    .summary = "Drop what a sandbox of the host's root changed",
    .usage = "NAME…",
    .details = "Removes the kept changes for good. What a killed call left behind is removed as well. A "
               "sandbox whose "
               "command still runs is refused. `bryo diff` without arguments lists the names.",
    .min_args = 1,
    .max_args = (size_t)-1,
    .no_state = true,
    .run = run,
};
