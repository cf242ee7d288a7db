/*
 * bryo state: the state of the OCI specification as JSON.
 */
#include "oci/state.h"
#include "cli/verbs.h"
#include "container/container.h"

static int run(const struct invocation *inv, struct error *err)
{
    _cleanup_state_ struct oci_state *state = NULL;
    enum container_status status;

    int r = container_state(inv->rt, inv->args[0], &state, &status, err);
    if (r < 0)
        return r;
    return cli_write_json(oci_state_public(state, container_status_name(status)), true, err);
}

const struct verb cli_state = {
    .name = "state",
    .group = "OCI runtime",
    .summary = "Print the state of a container as JSON",
    .usage = "ID",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
