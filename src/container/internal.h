/*
 * What the files of this folder share: one container while it is being made.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroup/cgroup.h"
#include "container/channel.h"
#include "container/container.h"
#include "container/hooks.h"
#include "container/statedir.h"
#include "net/helper.h"
#include "net/spec.h"
#include "oci/config.h"
#include "oci/state.h"
#include "resctrl/resctrl.h"
#include "rootfs/rootfs.h"
#include "security/seccomp.h"
#include "userns/idmap.h"

/* One container on its way from config.json to a process: filled from top to bottom by plan.c, launch.c and
 * create.c; the init is a fork, so it sees all of it as it was at the clone. */
struct container {
    const struct runtime *rt;
    const struct create_options *opts;

    /* plan.c: what is to be made */
    struct oci_config *config;
    char *config_text; /* as it was read */
    size_t config_len;
    char *bundle;         /* absolute */
    char *rootfs_path;    /* absolute */
    char *pid_file;       /* absolute, NULL: none */
    char *console_socket; /* absolute, NULL: none */
    char *pidfd_socket;   /* absolute, NULL: none */
    char **env;        /* of the program: the configuration's, and LISTEN_* where descriptors are handed on */
    unsigned keep_fds; /* descriptors 3 … 2+keep_fds go to the program */
    bool new_ns[OCI_NS_COUNT]; /* to be made */
    int join_ns[OCI_NS_COUNT]; /* to be joined, -EBADF: not */
    bool joins;                /* any of join_ns */
    bool foreign;              /* shares a user or pid namespace with processes that are not ours to trust */
    bool userns;               /* init will be in a user namespace that is not the initial one */
    bool keep_groups;          /* the caller's supplementary groups stay (annotations.h) */
    size_t state_mounts;       /* the last so many of config->mounts (state_mount.h) */
    bool notifies;             /* the program has a NOTIFY_SOCKET of ours (notify.h) */
    bool fail_unknown_syscall; /* in the seccomp profile (annotations.h) */
    const char *mount_context; /* the mount option of linux.mountLabel (annotations.h) */
    bool setgroups_denied;     /* there setgroups(2) is forbidden */
    bool cgroup_unified;       /* the host's /sys/fs/cgroup is cgroup2 alone */
    struct cgroup cgroup;      /* where it will be; its manager is "disabled" for none */
    struct net_spec net;       /* network.c: besides what the namespaces give */
    int net_peer;              /* pidfd of the container whose network is shared, -EBADF: none */
    struct idmap map;          /* of a new user namespace */
    struct shared_filter *filter; /* filter.c; NULL: none */
    int *source_fds;              /* rootfs_open_sources, one for each mount */
    int agent_fd;                 /* connected to the seccomp agent, -EBADF: none */
    bool waits_on_socket;         /* create: init waits for `start` on listen_fd */
    bool detached;                /* init outlives this call: create and run --detach */

    /* create.c, launch.c: what exists */
    struct statedir dir;
    struct oci_state *state;
    struct hook_output hook_output;
    struct resctrl resctrl; /* rdt.c; moves into the state */
    int waiting_fd;         /* lock that says "created" (statedir.h) */
    int listen_fd;          /* start.sock */
    int cgroup_fd;          /* of the cgroup that init is cloned into, -EBADF: none */
    bool in_cgroup;         /* it was */
    bool awaits_cgroup;     /* init goes on while it is put into its cgroup, and is told when that is done */
    struct cgroup_door cgroup_door; /* by which it enters others itself */
    pid_t init_pid;                 /* child of the runtime, 0: none yet */
    int init_pidfd;
    struct channel channel; /* the runtime's end */
    struct net_helper net_helper;
    int init_end;       /* the init's end, until it is cloned */
    bool hooks_reached; /* destroying it must run the poststop hooks */
    bool pid_file_written;
};

/* plan.c. Everything that can be checked or prepared before anything exists: reads config.json, resolves
 * paths, checks what the namespaces allow, plans the id map, checks the filter. Has no effect on the
 * system. */
int container_plan(struct container *c, const struct runtime *rt, const struct create_options *opts,
                   bool create, struct error *err);
void container_plan_free(struct container *c);

/* Can process.user be had in the new user namespace, or else in that of the calling process? For one that is
 * joined the stage process asks, when it is inside. */
int container_check_user(const struct container *c, struct error *err);

/* launch.c. Clones init into its new namespaces (through a stage process that joins existing ones first),
 * with the caller's end of the channel in c->channel, and c->init_pid and c->init_pidfd set. In init, calls
 * init_main. */
int container_launch(struct container *c, struct error *err);

/* init.c. The inside; never returns. @fd: init's end of the channel. */
_Noreturn void init_main(struct container *c, int fd);

/* What is the status of the container in @dir with @state now? An error, when that can't be told: what cannot
 * be looked at is never taken for stopped. */
int container_probe(const struct statedir *dir, const struct oci_state *state, enum container_status *status,
                    struct error *err);

/* Runs poststop hooks, removes the clean-up directory and the state. The container must be stopped; the lock
 * held. */
int container_destroy(const struct runtime *rt, struct statedir *dir, const struct oci_state *state,
                      struct error *err);

/* Kills the first process of a container and waits (10 s at most) until it is gone. Returns 0 or -errno with
 * text. */
int container_kill_wait(int pidfd, const struct oci_state *state, struct error *err);

/* Takes out of @caps what nobody can grant, and warns of it; @new_userns: the process gets all capabilities
 * of another user namespace than the caller's. */
void container_fit_capabilities(const struct log *log, struct oci_capabilities *caps, bool new_userns);
