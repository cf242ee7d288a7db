/*
 * The life of a container: what the verbs of the command line call. runtime.md#lifecycle of the OCI
 * specification, and the wording that podman, containerd and docker parse (`container does not exist` …).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "container/runtime.h"
#include "oci/config.h"
#include "oci/state.h"

enum container_status { STATUS_CREATING, STATUS_CREATED, STATUS_RUNNING, STATUS_PAUSED, STATUS_STOPPED };
const char *container_status_name(enum container_status status);

struct rootfs_overlay;
struct rootfs_archive;

struct create_options {
    const char *id;
    const char *bundle;         /* NULL: the current directory */
    const char *config_file;    /* NULL: config.json in the bundle */
    const char *console_socket; /* connects and sends the pty master */
    const char *pid_file;
    const char *pidfd_socket; /* connects and sends a pidfd of init */
    const char *net;          /* net/spec.h; NULL: by the annotation run.bryo.net, or what config.json says */
    bool has_resolv_conf;     /* the root's /etc/resolv.conf is right as it is */
    bool no_pivot;
    bool no_new_keyring;
    bool no_subreaper;
    const char *notify_socket; /* the caller's NOTIFY_SOCKET, for the program to be passed on; NULL: none */
    unsigned preserve_fds;     /* descriptors 3 … 2+N go to the process (LISTEN_FDS are counted besides) */
    bool detach;               /* run: return once it runs */
    bool keep;                 /* run: leave the state behind */
    bool die_with_runtime;     /* sandbox: a killed runtime takes the container along */
    bool default_signals; /* run: a signal that ends a command ends this one too, although it is pid 1 and has
                           * no handler for it */
    const struct rootfs_overlay *overlay; /* what is mounted over root.path; NULL: nothing */
    const struct rootfs_archive *archive; /* what is mounted for the overlay; NULL: nothing */
    const char *cleanup_dir;              /* removed by delete and at the end of run; kept in the state */
};

/* Is @id well-formed: [a-zA-Z0-9_+-][a-zA-Z0-9_+.-]*, at most 255 bytes (it names a directory)? 0, or -EINVAL
 * with a text that shows the first bad character. */
int container_check_id(const char *id, struct error *err);

/* create: environment ready, process waiting for start. On failure nothing is left. */
int container_create(const struct runtime *rt, const struct create_options *opts, struct error *err);

/* run: create, start, and unless detached wait, forward signals and terminal, delete. *exit_code: the
 * process's code or 128 + signal. A negative return means that bryo failed (the process did not run). */
int container_run(const struct runtime *rt, const struct create_options *opts, int *exit_code,
                  struct error *err);

/* @notify_socket: the caller's NOTIFY_SOCKET or NULL. If the container was created with one, start returns
 * when the program has said READY=1, or has ended. */
int container_start(const struct runtime *rt, const char *id, const char *notify_socket, struct error *err);

/* @all: to every process of the container. A stopped container is `container not running` unless @all. */
int container_kill(const struct runtime *rt, const char *id, int sig, bool all, struct error *err);

/* @force: kills first, and an unknown id is no error; also removes what an aborted create left. */
int container_delete(const struct runtime *rt, const char *id, bool force, struct error *err);

/* Reads a container's state and finds out its status now. */
int container_state(const struct runtime *rt, const char *id, struct oci_state **state,
                    enum container_status *status, struct error *err);

struct container_info {
    struct oci_state *state;
    enum container_status status;
};

/* All containers below rt->root, sorted by id; foreign entries are skipped, a missing root is an empty list.
 * The caller frees with container_list_free. */
int container_list(const struct runtime *rt, struct container_info **out, size_t *n, struct error *err);
void container_list_free(struct container_info *list, size_t n);
/* The ids only, without looking at them: for matching by regex. The caller frees with strv_free. */
int container_ids(const struct runtime *rt, char ***out, struct error *err);
