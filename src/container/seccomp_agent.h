/*
 * The agent that answers seccomp notifications: linux.seccomp.listenerPath and listenerMetadata.
 * config-linux.md#containerprocessstate of the OCI runtime specification.
 */
#pragma once

#include "base/error.h"
#include "oci/config.h"
#include "oci/state.h"

/* Connects to the agent's socket. *fd becomes the caller's. */
int seccomp_agent_connect(const char *path, int *fd, struct error *err);

/* The text that goes with the listener: the container process state. The caller frees; NULL when memory ran
 * out. */
char *seccomp_agent_message(const struct oci_seccomp *seccomp, const struct oci_state *state,
                            const char *status);
