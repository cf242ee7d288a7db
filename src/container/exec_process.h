/*
 * Which process exec starts: from a file, or the container's own with the changes of the options.
 */
#pragma once

#include "container/exec.h"
#include "oci/config.h"

/* Replaces config->process (of the container, as it was at create) by what @opts ask for. Errors name the
 * option or the file and its JSON path. */
int exec_process_plan(const struct exec_options *opts, struct oci_config *config, struct error *err);
