/*
 * Cloning the container's init.
 *
 * Theory of operation. The usual case is one clone3: a new user and pid namespace at the clone, so that the
 * parent can start newuidmap at once; init makes the remaining namespaces itself while those helpers run on
 * the other CPU.
 *
 * Existing namespaces must be joined before new ones are made (joining wants rights over the namespace's
 * owner, which a fresh user namespace takes away), and a joined pid namespace holds only for children. So a
 * stage process is forked, joins, and clones init with CLONE_PARENT: init is our own child, held by a pidfd
 * like any other. A joined user namespace comes first, since the others usually belong to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/syscalls.h"
#include "container/internal.h"
#include "oci/names.h"
#include "security/security.h"
#include "userns/current.h"
#include "userns/namespaces.h"

/* The namespaces that must exist from init's first instruction on; the rest init unshares. */
static uint64_t clone_flags(const struct container *c)
{
    uint64_t flags = 0;

    if (c->new_ns[OCI_NS_USER])
        flags |= CLONE_NEWUSER;
    if (c->new_ns[OCI_NS_PID])
        flags |= CLONE_NEWPID;
    if (c->net.kind == NET_SLIRP) /* its helper opens it as soon as init is there */
        flags |= CLONE_NEWNET;
    return flags;
}

/* What only the cgroup can be the reason for (clone(2), CLONE_INTO_CGROUP). */
static bool cgroup_refused(int code)
{
    return code == EBUSY || code == EACCES || code == ENOENT || code == ENODEV || code == EOPNOTSUPP;
}

static int clone_failed(const struct container *c, int code, struct error *err)
{
    if (c->cgroup_fd >= 0 && cgroup_refused(code))
        return error_sys(err, code, "clone the container's init into the cgroup \"%s\"", c->cgroup.path);
    if (c->new_ns[OCI_NS_USER])
        return userns_explain(code, err);
    error_sys(err, code, "clone the container's init%s",
              c->new_ns[OCI_NS_PID] ? " into a new pid namespace" : "");
    if (code == EPERM)
        error_hint(err,
                   "without a user namespace this needs root; add {\"type\": \"user\"} to linux.namespaces");
    else if (code == EAGAIN)
        error_hint(err, "the limit of processes is reached (ulimit -u, pids.max of the cgroup)");
    return -code;
}

static pid_t clone_init(struct container *c, uint64_t extra_flags, int *pidfd)
{
    struct clone_args args = {.flags = clone_flags(c) | extra_flags, .exit_signal = SIGCHLD};
    pid_t pid;

    /* With CLONE_PARENT the child gets the exit signal that the caller has itself, and none may be named. */
    if (extra_flags & CLONE_PARENT)
        args.exit_signal = 0;
    if (pidfd) {
        args.flags |= CLONE_PIDFD;
        args.pidfd = (uint64_t)(uintptr_t)pidfd;
    }
    if (c->cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)c->cgroup_fd;
    }
    pid = sys_clone3(&args);
    if (pid == 0)
        init_main(c, c->init_end);
    return pid;
}

/* /proc/self of a process that is not dumpable belongs to root of the host, which a joined user namespace
 * does not hold: what init could not write there itself is set here, and inherited. */
static int set_before_joining(const struct container *c, struct error *err)
{
    const struct oci_process *p = c->config->process;
    _cleanup_close_ int proc = -EBADF;

    if (!c->foreign || !p || !p->oom_score_adj.set)
        return 0;
    proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0)
        return error_sys(err, errno, "open \"/proc\"");
    return security_set_oom_score_adj(proc, p->oom_score_adj.value, err);
}

/* In the stage process: a fork of the runtime, in its namespaces and with its rights. It joins namespaces and
 * clones; of files it opens only those of its own in the host's procfs. */
static _Noreturn void stage_main(struct container *c)
{
    static const int order[] = {OCI_NS_USER, OCI_NS_PID,  OCI_NS_NETWORK, OCI_NS_IPC,
                                OCI_NS_UTS,  OCI_NS_TIME, OCI_NS_CGROUP,  OCI_NS_MOUNT};
    const struct channel ch = {.fd = c->init_end, .self = "the stage process", .peer = "the runtime"};
    _cleanup_error_ struct error err = ERROR_INIT;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fd_close(&c->channel.fd);
    fd_close(&c->dir.lock_fd);
    if (set_before_joining(c, &err) < 0) {
        channel_send_error(&ch, &err);
        _exit(1);
    }
    /* Processes of the namespaces we enter must not trace us and take what we still hold of the host. */
    prctl(PR_SET_DUMPABLE, 0);
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        int type = order[i];
        const struct oci_namespace *ns = oci_config_namespace(c->config, type);
        /* The mount namespace is init's to join: the sources of mounts are still to be found in ours. */
        if (c->join_ns[type] < 0 || type == OCI_NS_MOUNT)
            continue;
        if (namespace_join(c->join_ns[type], type, ns ? ns->path : "", &err) < 0) {
            channel_send_error(&ch, &err);
            _exit(1);
        }
    }
    if (c->join_ns[OCI_NS_USER] >= 0) {
        c->setgroups_denied = userns_denies_setgroups();
        if (container_check_user(c, &err) < 0) {
            channel_send_error(&ch, &err);
            _exit(1);
        }
    }
    pid_t pid = clone_init(c, CLONE_PARENT, NULL);
    if (pid < 0) {
        clone_failed(c, errno, &err);
        channel_send_error(&ch, &err);
        _exit(1);
    }
    if (channel_send(&ch, STEP_INIT_PID, pid, NULL, -1, &err) < 0)
        _exit(1);
    _exit(0);
}

static int launch_by_stage(struct container *c, struct error *err)
{
    struct channel_message msg;
    _cleanup_pid_ pid_t stage = fork();
    int r, status;

    if (stage < 0)
        return error_sys(err, errno, "fork the stage process");
    if (stage == 0)
        stage_main(c);
    fd_close(&c->init_end);
    /* First its end: init holds that end of the channel too, and would keep us waiting for a message that a
     * stage process never sent which was killed. */
    r = process_wait(stage, &status);
    stage = -1;
    if (r < 0)
        return error_sys(err, -r, "wait for the stage process");
    struct channel from_stage = c->channel;
    from_stage.peer = "the stage process";
    from_stage.spoken = true;
    r = channel_expect(&from_stage, STEP_INIT_PID, &msg, err);
    if (r < 0)
        return r;
    /* A child of ours keeps its pid until we reap it, so this cannot be another process. */
    c->init_pid = (pid_t)msg.value;
    c->init_pidfd = sys_pidfd_open(c->init_pid, 0);
    if (c->init_pidfd < 0)
        return error_sys(err, errno, "open a pidfd of the container's init");
    return 0;
}

int container_launch(struct container *c, struct error *err)
{
    int fds[2];
    int r = channel_pair(fds, err);

    if (r < 0)
        return r;
    c->channel.fd = fds[0];
    c->init_end = fds[1];
    /* From another cgroup namespace a cgroup outside of that can't be entered: init is moved from here. */
    if (c->join_ns[OCI_NS_CGROUP] >= 0)
        fd_close(&c->cgroup_fd);
    c->in_cgroup = c->cgroup_fd >= 0;
    if (c->joins)
        return launch_by_stage(c, err);
    pid_t pid = clone_init(c, 0, &c->init_pidfd);
    if (pid < 0)
        return clone_failed(c, errno, err);
    c->init_pid = pid;
    fd_close(&c->init_end);
    return 0;
}
