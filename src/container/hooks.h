/*
 * Hooks: programs that run at points of a container's life, with its state on their standard input.
 * config.md#posix-platform-hooks of the OCI runtime specification.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/log.h"
#include "oci/config.h"
#include "oci/state.h"

/* The files that hooks print to (annotations run.oci.hooks.*), -1: none, the output is caught. */
struct hook_output {
    int out, err;
};
#define HOOK_OUTPUT_INIT ((struct hook_output){.out = -1, .err = -1})

/* Opens them, to append, in the caller's namespaces. The caller closes, after an error too. */
int hook_output_open(struct hook_output *output, const struct oci_state *state, struct error *err);
void hook_output_close(struct hook_output *output);

/* Runs the hooks in their order in the calling process's namespaces: args as given (argv[0] is args[0], else
 * the path), environment exactly as given, working directory the caller's, the state with @status on stdin,
 * nothing else inherited. A hook that exits non-zero, dies, cannot be started or outlives its timeout (it is
 * killed then) ends the list with an error: `createRuntime hook 0 ("/usr/bin/x") exited with status 3: LAST
 * OUTPUT`. @name: one of oci_hook_names. @output: NULL where its files are in sight, and opened if there are
 * hooks. */
int hooks_run(const struct oci_hook_list *hooks, const char *name, const struct oci_state *state,
              const char *status, const struct hook_output *output, struct error *err);

/* The same for poststop: a failure is logged as a warning and the rest still run. */
void hooks_run_all(const struct oci_hook_list *hooks, const char *name, const struct oci_state *state,
                   const char *status, const struct log *log);
