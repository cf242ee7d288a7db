/*
 * bryo unpack: a bundle from an image.
 */
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "sandbox/sandbox.h"

struct unpack_options {
    uint64_t max_size;
};

static const struct option_def options[] = {
    {"max-size", 0, OPT_SIZE, offsetof(struct unpack_options, max_size), "BYTES",
     "limit of what the image unpacks to; default 64g"},
    {NULL},
};

static int run(const struct invocation *inv, struct error *err)
{
    const struct unpack_options *opts = inv->options;
    struct progress progress;
    progress_init(&progress, inv->log, inv->args[0]);
    struct image_events events = progress_events(&progress);
    int r = sandbox_make_bundle(inv->rt, inv->args[0], inv->args[1], opts->max_size, &events, err);
    if (r < 0)
        return r;
    /* For a person only: scripts know what they do next. */
    if (isatty(STDERR_FILENO)) {
        _cleanup_free_ char *shown = str_quote(inv->args[1], 0);
        dprintf(STDERR_FILENO,
                "%s holds rootfs/ and config.json (process.args says what is run: /bin/sh).\n"
                "next: bryo run -b %s ID\n",
                shown ? shown : "", shown ? shown : "");
    }
    return 0;
}

const struct verb cli_unpack = {
    .name = "unpack",
    .group = "Sandbox",
    .summary = "Make an OCI bundle from a tarball of a root file system",
    .usage = "[OPTIONS] IMAGE BUNDLE",
    .details =
        "Makes the directory BUNDLE, which must not exist or be empty, with the root file system in rootfs/ "
        "and "
        "a config.json that runs /bin/sh, has no network but loopback, and is meant to be edited. "
        "bryo run -b BUNDLE ID runs it. The owners of the files are those that containers of the caller "
        "have, so the bundle works for the user who made it. A failure leaves nothing. The bundle is "
        "private (mode 0700), because set-user-ID files in it belong to the caller.",
    .options = options,
    .options_size = sizeof(struct unpack_options),
    .min_args = 2,
    .max_args = 2,
    .no_state = true,
    .run = run,
};
