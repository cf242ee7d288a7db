/*
 * Annotations that change what the runtime does: those of crun's names that engines set (run.oci.*). An empty
 * value counts as absent, and newlines at the end of one do not count.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/log.h"
#include "oci/config.h"

/* Refuses what would change the container and cannot be carried out (-ENOTSUP) and values that mean nothing
 * (-EINVAL); warns of what has no effect. Annotations of other names are the caller's own. */
int annotations_check(const struct oci_map *annotations, const struct log *log, struct error *err);

/* run.oci.keep_original_groups is "1": the process keeps the caller's supplementary groups. */
bool annotations_keep_groups(const struct oci_map *annotations);

/* run.oci.seccomp_fail_unknown_syscall is "1": a name in the profile that nobody knows is an error. */
bool annotations_fail_unknown_syscall(const struct oci_map *annotations);

/* run.oci.mount_context_type: the mount option that linux.mountLabel becomes, "context" if nothing else is
 * said. Static storage. */
const char *annotations_mount_context(const struct oci_map *annotations);

/* run.oci.hooks.stdout and run.oci.hooks.stderr: the files that get what hooks print. Relative paths start at
 * @bundle. NULL: not there. The caller frees both, after an error too. */
int annotations_hook_output(const struct oci_map *annotations, const char *bundle, char **out, char **err_out,
                            struct error *err);

/* run.oci.pidfd_receiver: as --pidfd-socket. The same. */
int annotations_pidfd_socket(const struct oci_map *annotations, const char *bundle, char **out,
                             struct error *err);
