/*
 * bryo diff: what a sandbox of the host's root changed.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/verbs.h"
#include "sandbox/host_diff.h"

struct diff_options {
    bool patch;
    const char *format;
};

#define AT(member) offsetof(struct diff_options, member)

static const struct option_def options[] = {
    {"patch", 'p', OPT_FLAG, AT(patch), NULL, "print the text files as a patch (needs diff)"},
    {"format", 'f', OPT_STRING, AT(format), "table|json", "lines for people (the default), or JSON",
     .check = option_table_or_json},
    {NULL},
};

static int run(const struct invocation *inv, struct error *err)
{
    const struct diff_options *o = inv->options;
    bool json = o->format && strcmp(o->format, "json") == 0;
    if (o->patch && o->format)
        return error_set(err, EINVAL, "diff: --patch and --format exclude each other");
    if (inv->n_args == 0) {
        _cleanup_free_ char *text = NULL;
        if (o->patch)
            return error_set(err, EINVAL, "diff: --patch needs the NAME of a sandbox");
        int r = host_list(json, &text, err);
        return r < 0 ? r : cli_write(text, err);
    }
    return host_diff(inv->args[0], o->patch ? HOST_DIFF_PATCH : json ? HOST_DIFF_JSON : HOST_DIFF_LINES, err);
}

const struct verb cli_diff = {
    .name = "diff",
    .group = "Sandbox",
    .summary = "Show what a sandbox of the host's root changed",
    .usage = "[OPTIONS] [NAME]",
    .details =
        "Compares what the command of `bryo sandbox -- CMD` wrote with the host as it is now: A for added, C "
        "for changed, D for deleted. A file that was written to and is the same again is no change. "
        "Without NAME the kept sandboxes are listed.",
    .options = options,
    .options_size = sizeof(struct diff_options),
    .max_args = 1,
    .no_state = true,
    .run = run,
};
