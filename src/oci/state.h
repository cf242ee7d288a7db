/*
 * What bryo keeps of a container on disk (ROOT/ID/state.json) and what it tells about it (the state of the
 * OCI specification, runtime.md#state).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "oci/config.h"

struct oci_state {
    char *oci_version;
    char *id;
    pid_t pid;           /* of the container's init in the runtime's pid namespace; 0 before it exists */
    uint64_t start_time; /* clock ticks since boot, tells the pid from a later one */
    char *bundle;        /* absolute */
    char *rootfs;        /* absolute */
    char *created;       /* RFC 3339, UTC, nanoseconds */
    uint32_t owner_uid;  /* who called create */
    char *owner;         /* that user's name, or the number */
    bool detached;       /* init outlives the call that made it */
    bool terminal;
    char *cleanup_dir;     /* a directory that delete removes (sandbox without --keep); NULL: none */
    char *cgroup_manager;  /* by its name; NULL: "disabled" */
    char *cgroup_path;     /* as the manager names it; NULL: the container has no cgroup of its own */
    char *resctrl_group;   /* the class of Intel RDT, a directory; NULL: none */
    char *resctrl_monitor; /* its monitoring group below; NULL: none */
    bool resctrl_own;      /* delete removes the class, too */
    struct oci_map annotations;
    struct oci_hook_list
        poststart; /* hooks that start and delete run: kept, so that a bundle gone does no harm */
    struct oci_hook_list poststop;
    struct oci_id_map_list uid_mappings; /* of the container's user namespace, as written; empty: none */
    struct oci_id_map_list gid_mappings;
};

/* The kept form. The caller frees *out / the returned text. */
int oci_state_parse(const cJSON *json, struct oci_state **out, struct error *err);
cJSON *oci_state_to_json(const struct oci_state *state);

/* The public form (ociVersion id status pid bundle annotations, then created owner rootfs): given to hooks on
 * stdin and printed by `bryo state`. @status: "creating", "created", "running", "paused" or "stopped". pid is
 * left out (0 for `state`, as runc and crun print it) when the container is stopped. NULL when memory ran
 * out. */
cJSON *oci_state_public(const struct oci_state *state, const char *status);

void oci_state_free(struct oci_state *state);
void oci_state_freep(struct oci_state **state);
#define _cleanup_state_ __attribute__((cleanup(oci_state_freep)))
