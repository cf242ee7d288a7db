/*
 * bryo run: create and start in one, wait for the end, delete.
 */
#include <stdlib.h>

#include "cli/create_options.h"
#include "cli/verbs.h"

static const struct option_def options[] = {
    CREATE_OPTION_ROWS,
    {"detach", 'd', OPT_FLAG, CREATE_AT(detach), NULL, "return once the container's process runs"},
    {"keep", 0, OPT_FLAG, CREATE_AT(keep), NULL, "keep the state when the process has ended, until delete"},
    {NULL},
};

static int run(const struct invocation *inv, struct error *err)
{
    struct create_options create = *(const struct create_options *)inv->options;
    int exit_code = 0;

    create.id = inv->args[0];
    create.notify_socket = getenv("NOTIFY_SOCKET");
    int r = container_run(inv->rt, &create, &exit_code, err);
    return r < 0 ? r : exit_code;
}

const struct verb cli_run = {
    .name = "run",
    .group = "OCI runtime",
    .summary = "Create a container, start it, wait for its end and delete it",
    .usage = "[OPTIONS] ID",
    .details = "The exit code is that of the container's process, 128 + N if signal N ended it, and 1 if "
               "bryo failed. Signals "
               "go on to the process. With process.terminal in config.json the terminal of this call is "
               "connected to the "
               "container's.",
    .seals = true,
    .options = options,
    .options_size = sizeof(struct create_options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
