/*
 * What the two sides of exec share.
 */
#pragma once

#include "container/channel.h"
#include "container/exec.h"
#include "container/statedir.h"
#include "security/seccomp.h"

struct exec {
    const struct runtime *rt;
    const struct exec_options *opts;
    struct statedir dir;
    struct oci_state *state;
    struct oci_config *config; /* the container's, with `process` replaced by the one to start */
    char **env;
    unsigned keep_fds;
    struct seccomp_filter filter;
    bool has_filter;
    bool setgroups_denied;
    int agent_fd;
    int init_pidfd;       /* of the container's init */
    int root_fd;          /* its root, where it has no mount namespace of its own; -EBADF: not needed */
    int proc_fd;          /* a procfs for the labels, opened in the stage process; -EBADF: there are none */
    int ns_flags;         /* CLONE_NEW* of the namespaces that differ from ours */
    bool joins_cgroup_ns; /* the child does, when it is in its cgroup: from inside nothing outside is found */
    struct cgroup cgroup;
    int cgroup_fd; /* to clone into, -EBADF: none */
    struct cgroup_door cgroup_door;
    struct channel channel;
    int child_end;
    pid_t pid; /* the new process, our child */
    int pidfd;
};

/* The inside: in the container's namespaces, as a child of the runtime; never returns. */
_Noreturn void exec_init_main(struct exec *x, int fd);
