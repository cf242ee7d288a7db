/*
 * bryo check: the doctor.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/verbs.h"
#include "sandbox/check.h"

struct check_options {
    const char *format;
};

static const struct option_def options[] = {
    {"format", 'f', OPT_STRING, offsetof(struct check_options, format), "table|json",
     "a table for people (the default), or JSON", .check = option_table_or_json},
    {NULL},
};

static int run(const struct invocation *inv, struct error *err)
{
    const struct check_options *o = inv->options;
    _cleanup_check_ struct check_report report = {0};

    int r = check_run(&report, err);
    if (r < 0)
        return r;
    if (o->format && strcmp(o->format, "json") == 0) {
        r = cli_write_json(check_json(&report), true, err);
    } else {
        bool color = isatty(STDOUT_FILENO) && str_empty(getenv("NO_COLOR"));
        _cleanup_free_ char *text = check_table(&report, color);
        r = text ? cli_write(text, err) : error_oom(err);
    }
    if (r < 0)
        return r;
    return check_core_works(&report) ? 0 : 1;
}

const struct verb cli_check = {
    .name = "check",
    .group = "Help",
    .summary = "Tell what this machine offers, and how to mend what is missing",
    .usage = "[OPTIONS]",
    .details = "Tries, as the calling user, what rootless containers need: user namespaces, id ranges, "
               "mounts, and more.\n"
               "Exits with 0 if containers can be run, else with 1. Nothing is changed.",
    .options = options,
    .options_size = sizeof(struct check_options),
    .no_state = true,
    .run = run,
};
