/*
 * bryo kill: a signal to a container.
 */
#include "base/cleanup.h"
#include "base/process.h"
#include "base/str.h"
#include "cli/match.h"
#include "cli/verbs.h"
#include "container/container.h"

struct kill_options {
    bool all;
    bool regex;
};

#define AT(member) offsetof(struct kill_options, member)

static const struct option_def options[] = {
    {"all", 'a', OPT_FLAG, AT(all), NULL,
     "to every process of the container; a stopped container is no error"},
    {"regex", 0, OPT_FLAG, AT(regex), NULL,
     "ID is an extended regular expression: every container that matches"},
    {NULL},
};

struct signal_to_all {
    int signal;
    bool all;
};

static int kill_one(const struct runtime *rt, const char *id, void *data, struct error *err)
{
    const struct signal_to_all *s = data;

    return container_kill(rt, id, s->signal, s->all, err);
}

static int run(const struct invocation *inv, struct error *err)
{
    const struct kill_options *o = inv->options;
    const char *name = inv->n_args > 1 ? inv->args[1] : "TERM";
    struct signal_to_all s = {.signal = signal_from_name(name), .all = o->all};

    if (s.signal < 0) {
        _cleanup_free_ char *shown = str_quote(name, 80);
        if (!shown)
            return error_oom(err);
        error_set(err, EINVAL, "kill: unknown signal \"%s\"", shown);
        return error_hint(err, "a signal is a number or a name: 9, KILL, SIGKILL, RTMIN+3");
    }
    if (o->regex)
        return match_each(inv->rt, inv->args[0], false, kill_one, &s, err);
    return kill_one(inv->rt, inv->args[0], &s, err);
}

const struct verb cli_kill = {
    .name = "kill",
    .group = "OCI runtime",
    .summary = "Send a signal to the first process of a container",
    .usage = "[OPTIONS] ID [SIGNAL]",
    .details = "SIGNAL is a number or a name, with or without SIG (default: TERM). Options go before ID.",
    .options = options,
    .options_size = sizeof(struct kill_options),
    .min_args = 1,
    .max_args = 2,
    .stop_at_first = true,
    .run = run,
};
