/*
 * bryo create: the environment of a container, ready for start.
 */
#include <stdlib.h>

#include "cli/create_options.h"
#include "cli/verbs.h"

static const struct option_def options[] = {
    CREATE_OPTION_ROWS,
    {NULL},
};

static int run(const struct invocation *inv, struct error *err)
{
    struct create_options create = *(const struct create_options *)inv->options;

    create.id = inv->args[0];
    create.notify_socket = getenv("NOTIFY_SOCKET");
    return container_create(inv->rt, &create, err);
}

const struct verb cli_create = {
    .name = "create",
    .group = "OCI runtime",
    .summary = "Create a container from a bundle; its process waits for start",
    .usage = "[OPTIONS] ID",
    .details = "The container's process gets the standard input, output and error of this call. With "
               "process.terminal in "
               "config.json it gets a terminal, and --console-socket must be given.",
    .seals = true,
    .options = options,
    .options_size = sizeof(struct create_options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
