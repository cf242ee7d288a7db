/*
 * Annotations that change what the runtime does: those of crun's names that engines set (run.oci.*).
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/log.h"
#include "oci/config.h"

/* Refuses what would change the container and cannot be carried out, and warns of what has no effect. Other
 * annotations are the caller's own. */
int annotations_check(const struct oci_config *config, const struct log *log, struct error *err);

/* run.oci.keep_original_groups is "1": the process keeps the caller's supplementary groups. */
bool annotations_keep_groups(const struct oci_config *config);
