/*
 * The verbs there are.
 */
#pragma once

#include "cli/cli.h"

extern const struct verb cli_create, cli_start, cli_state, cli_kill, cli_exec, cli_delete, cli_run, cli_list,
    cli_ps, cli_pause, cli_resume, cli_update, cli_events, cli_mounts, cli_port;
extern const struct verb cli_spec, cli_features;
extern const struct verb cli_sandbox, cli_unpack, cli_images, cli_build, cli_diff, cli_discard;
extern const struct verb cli_check, cli_help;

/* Fills @err: `unknown command "creat"`, with the nearest name or another way out as hint. Returns -EINVAL.
 */
int cli_unknown_verb(const char *name, struct error *err);

/* All verbs and options as JSON, for tests of documentation and completions. NULL when memory ran out. */
cJSON *cli_dump_options(void);

/* The text of `bryo --version`. The caller frees; NULL when memory ran out. */
char *cli_version_text(void);
