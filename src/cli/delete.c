/*
 * bryo delete: removes a stopped container, or with --force any.
 */
#include "cli/match.h"
#include "cli/verbs.h"
#include "container/container.h"
#include "sandbox/sandbox.h"

struct delete_options {
    bool force;
    bool regex;
};

#define AT(member) offsetof(struct delete_options, member)

static const struct option_def options[] = {
    {"force", 'f', OPT_FLAG, AT(force), NULL, "kill it first if it runs; one that is not there is no error"},
    {"regex", 0, OPT_FLAG, AT(regex), NULL,
     "ID is an extended regular expression: every container that matches"},
    {NULL},
};

static int delete_one(const struct runtime *rt, const char *id, void *data, struct error *err)
{
    const struct delete_options *o = data;

    return container_delete(rt, id, o->force, err);
}

static int run(const struct invocation *inv, struct error *err)
{
    struct delete_options o = *(const struct delete_options *)inv->options;

    int r = o.regex ? match_each(inv->rt, inv->args[0], o.force, delete_one, &o, err)
                    : delete_one(inv->rt, inv->args[0], &o, err);
    /* A sandbox that was killed while it unpacked its image has files but no state yet. */
    if (o.force)
        sandbox_sweep();
    return r;
}

const struct verb cli_delete = {
    .name = "delete",
    .group = "OCI runtime",
    .summary = "Remove what bryo holds of a stopped container",
    .usage = "[OPTIONS] ID",
    .options = options,
    .options_size = sizeof(struct delete_options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
