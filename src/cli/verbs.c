/*
 * The table of verbs: a new verb is a line here, a file beside this one, and its lines in man page and
 * completions.
 */
#include "cli/verbs.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/suggest.h"

const struct verb *const cli_verbs[] = {
    &cli_create, &cli_start,   &cli_state,    &cli_exec,    &cli_kill,   &cli_delete, &cli_run,
    &cli_list,   &cli_ps,      &cli_pause,    &cli_resume,  &cli_update, &cli_events, &cli_mounts,
    &cli_port,   &cli_spec,    &cli_features, &cli_sandbox, &cli_unpack, &cli_images, &cli_build,
    &cli_diff,   &cli_discard, &cli_check,    &cli_help,    NULL,
};

const struct verb *cli_find_verb(const char *name)
{
    for (size_t i = 0; cli_verbs[i]; i++)
        if (strcmp(cli_verbs[i]->name, name) == 0)
            return cli_verbs[i];
    return NULL;
}

int cli_unknown_verb(const char *name, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(name, 80);
    const char *nearest = NULL;
    unsigned best = SUGGEST_FAR;

    if (!shown)
        return error_oom(err);
    for (size_t i = 0; cli_verbs[i]; i++) {
        unsigned distance = suggest_distance(name, cli_verbs[i]->name);
        if (distance < best) {
            best = distance;
            nearest = cli_verbs[i]->name;
        }
    }
    /* Engines ask for these by `checkpoint --help`, and show what they are told. */
    if (strcmp(name, "checkpoint") == 0 || strcmp(name, "restore") == 0)
        return error_set(err, EINVAL,
                         "unknown command \"%s\": bryo neither checkpoints nor restores containers", name);
    error_set(err, EINVAL, "unknown command \"%s\"", shown);
    if (nearest && suggest_is_near(best, strlen(name)))
        error_hint(err, "did you mean %s?", nearest);
    else if (access(name, F_OK) == 0) /* `bryo rootfs.tar.gz`: the verb was left out */
        error_hint(err, "to run a command in it: bryo sandbox %s", shown);
    else
        error_hint(err, "`bryo help` lists the commands");
    return -EINVAL;
}
