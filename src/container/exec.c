/*
 * exec, seen from outside.
 *
 * Theory of operation. The container is held by a pidfd that was checked against its start time, so nothing
 * here can meet another process. A stage process enters all namespaces that differ from ours with one setns
 * on that pidfd and clones the process as our own child (CLONE_PARENT), since a joined pid namespace holds
 * only for children. What the process is, and its rights, come from the container's configuration as it was
 * at create (ROOT/ID/config.json), never from a bundle that may have changed.
 */
#include "container/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/process.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "container/cgroups.h"
#include "container/console.h"
#include "container/container.h"
#include "container/exec_internal.h"
#include "container/exec_process.h"
#include "container/inherited.h"
#include "container/internal.h"
#include "container/pid_file.h"
#include "container/rdt.h"
#include "container/seccomp_agent.h"
#include "container/supervise.h"
#include "oci/names.h"
#include "security/security.h"
#include "userns/within.h"

static void exec_free(struct exec *x)
{
    if (x->pid > 0) {
        int status;
        (void)kill(x->pid, SIGKILL); /* our child, not reaped: the pid is no other's */
        (void)process_wait(x->pid, &status);
    }
    fd_close(&x->agent_fd);
    fd_close(&x->init_pidfd);
    fd_close(&x->root_fd);
    fd_close(&x->proc_fd);
    fd_close(&x->channel.fd);
    fd_close(&x->child_end);
    fd_close(&x->pidfd);
    fd_close(&x->cgroup_fd);
    cgroup_close_door(&x->cgroup_door);
    cgroup_free(&x->cgroup);
    statedir_close(&x->dir);
    oci_state_freep(&x->state);
    oci_config_freep(&x->config);
    seccomp_filter_free(&x->filter);
    strv_free(x->env);
}

/* The container and its configuration. */
static int find_container(struct exec *x, struct error *err)
{
    const char *id = x->opts->id;
    enum container_status status;
    int r = container_check_id(id, err);

    if (r == 0)
        r = statedir_open(&x->dir, x->rt, id, false, err);
    if (r == 0)
        r = statedir_read(&x->dir, id, &x->state, err);
    if (r < 0)
        return r;
    x->init_pidfd = process_open(x->state->pid, x->state->start_time);
    if (x->init_pidfd == -ESRCH)
        return error_set(err, ESRCH,
                         "container not running: \"%s\" has stopped, nothing can be executed in it", id);
    if (x->init_pidfd < 0)
        return error_sys(err, -x->init_pidfd, "container \"%s\": open process %d", id, (int)x->state->pid);
    r = container_probe(&x->dir, x->state, &status, err);
    if (r < 0)
        return r;
    if (status == STATUS_PAUSED && !x->opts->ignore_paused) {
        error_set(err, EBUSY, "cannot exec in container \"%s\": it is paused", id);
        error_hint(err, "resume it first, or use --ignore-paused");
        return -EBUSY;
    }
    r = oci_config_read(x->dir.fd, STATEDIR_CONFIG, &x->config, err);
    if (r < 0)
        error_prefix(err, "container \"%s\": its configuration as kept at create", id);
    return r;
}

/* The namespaces of init that are not ours, by comparing the files of /proc. */
static int find_namespaces(struct exec *x, struct error *err)
{
    char path[48];

    for (int type = 0; type < OCI_NS_COUNT; type++) {
        struct stat theirs, ours;
        snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)x->state->pid, oci_namespace_proc_name(type));
        if (stat(path, &theirs) < 0) {
            if (errno == ENOENT && type == OCI_NS_TIME) /* a kernel without time namespaces */
                continue;
            return error_sys(err, errno, "look at the namespaces of container \"%s\"", x->opts->id);
        }
        snprintf(path, sizeof path, "/proc/self/ns/%s", oci_namespace_proc_name(type));
        if (stat(path, &ours) < 0)
            return error_sys(err, errno, "look at \"%s\"", path);
        if (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev)
            x->ns_flags |= (int)oci_namespace_flag(type);
    }
    /* Its root is that of its mount namespace, unless the namespace is one that it shares. */
    if (!oci_config_new_namespace(x->config, OCI_NS_MOUNT)) {
        snprintf(path, sizeof path, "/proc/%d/root", (int)x->state->pid);
        x->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (x->root_fd < 0)
            return error_sys(err, errno, "open the root of container \"%s\"", x->opts->id);
    }
    return 0;
}

static int open_cgroup(struct exec *x, struct error *err)
{
    x->cgroup_fd = cgroup_clone_fd(&x->cgroup, x->opts->cgroup, x->state->pid, err);
    return x->cgroup_fd < 0 && x->cgroup_fd != -EBADF ? x->cgroup_fd : 0;
}

/* Runs in a child, with the capabilities of the container's user namespace: becomes the container's root. */
static int make_cgroup(void *data, struct error *err)
{
    struct exec *x = data;

    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return error_sys(err, errno, "become the container's root");
    int r = open_cgroup(x, err);
    fd_close(&x->cgroup_fd);
    return r;
}

/* Below a cgroup that was given to the container's root only that may make another. */
static int open_or_make_cgroup(struct exec *x, struct error *err)
{
    _cleanup_error_ struct error plain = ERROR_INIT;
    _cleanup_idmap_ struct idmap map = {0};
    int r = open_cgroup(x, &plain);

    if (r != -EACCES || !x->opts->cgroup || !x->state->uid_mappings.count || geteuid() == 0) {
        if (r < 0)
            error_move(err, &plain);
        return r;
    }
    r = idmap_from_config(&map, &x->state->uid_mappings, &x->state->gid_mappings, err);
    if (r == 0)
        r = userns_within(&map, make_cgroup, x, err);
    return r < 0 ? r : open_cgroup(x, err);
}

/* The cgroup namespace is for the child to join: the stage process has to see the cgroup that it clones
 * into. */
static int find_cgroup(struct exec *x, struct error *err)
{
    int r = container_cgroup(x->state, &x->cgroup, err);

    x->joins_cgroup_ns = x->ns_flags & CLONE_NEWCGROUP;
    x->ns_flags &= ~CLONE_NEWCGROUP;
    if (r == 0 && cgroup_exists(&x->cgroup)) {
        r = open_or_make_cgroup(x, err);
        if (r == 0)
            r = cgroup_open_door(&x->cgroup, x->opts->cgroup, &x->cgroup_door, err);
    } else if (r == 0 && x->opts->cgroup) {
        r = error_set(err, EOPNOTSUPP, "--cgroup: it has no cgroup (cgroup manager \"%s\")",
                      cgroup_manager_name(&x->cgroup));
    }
    if (r < 0)
        error_prefix(err, "container \"%s\"", x->opts->id);
    return r;
}

static bool setgroups_denied_for(pid_t pid)
{
    _cleanup_free_ char *text = NULL;
    char path[32];

    snprintf(path, sizeof path, "/proc/%d/setgroups", (int)pid);
    return file_read_at(AT_FDCWD, path, 64, &text, NULL, NULL) == 0 && str_starts(text, "deny");
}

static int check_terminal(const struct exec *x, struct error *err)
{
    bool terminal = x->config->process->terminal;

    if (terminal && x->opts->detach && !x->opts->console_socket)
        return error_set(err, EINVAL, "a terminal for a detached process needs --console-socket");
    if (!terminal && x->opts->console_socket)
        return error_set(err, EINVAL,
                         "--console-socket is given, but the process has no terminal: use --tty");
    return 0;
}

static int plan(struct exec *x, struct error *err)
{
    const struct oci_seccomp *seccomp;
    int r = find_container(x, err);

    if (r == 0)
        r = exec_process_plan(x->opts, x->config, err);
    if (r == 0)
        r = check_terminal(x, err);
    if (r == 0)
        r = inherited_fds(x->opts->preserve_fds, x->config->process->env, &x->env, &x->keep_fds, err);
    if (r == 0)
        r = security_check_placement(x->config->process, x->config->linux_.memory_policy, err);
    if (r == 0)
        r = security_check_labels(x->config->process, err);
    if (r == 0)
        r = find_namespaces(x, err);
    if (r == 0)
        r = find_cgroup(x, err);
    if (r == 0 && x->config->process->capabilities)
        container_fit_capabilities(x->rt->log, x->config->process->capabilities, x->ns_flags & CLONE_NEWUSER);
    seccomp = x->config ? x->config->linux_.seccomp : NULL;
    if (r == 0 && seccomp) {
        r = seccomp_compile(seccomp, &x->filter, NULL, err);
        x->has_filter = r == 0;
        if (r == 0 && x->filter.notify)
            r = seccomp_agent_connect(seccomp->listener_path, &x->agent_fd, err);
    }
    x->setgroups_denied = r == 0 && setgroups_denied_for(x->state->pid);
    return r;
}

/* In the stage process: enters the container and clones. Returns the pid (in our own pid namespace) or a
 * negative errno. */
static pid_t clone_inside(struct exec *x, struct error *err)
{
    struct clone_args args = {.flags = CLONE_PARENT};
    const struct oci_process *p = x->config->process;
    pid_t pid;

    if (p->exec_cpu_affinity) {
        int r =
            security_set_cpu_affinity(p->exec_cpu_affinity->initial, "process.execCPUAffinity.initial", err);
        if (r < 0)
            return r;
    }
    if (p->oom_score_adj.set) {
        /* While /proc/self is still ours to write; the clone inherits it. */
        _cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = proc < 0 ? error_sys(err, errno, "open \"/proc\"")
                         : security_set_oom_score_adj(proc, p->oom_score_adj.value, err);
        if (r < 0)
            return r;
    }
    if (security_has_labels(p)) {
        /* The container has no say in what this procfs shows. */
        x->proc_fd = path_open_proc(err);
        if (x->proc_fd < 0)
            return x->proc_fd;
    }
    prctl(PR_SET_DUMPABLE, 0);
    if (x->ns_flags && setns(x->init_pidfd, x->ns_flags) < 0) {
        int code = errno;
        error_sys(err, code, "enter the namespaces of container \"%s\"", x->opts->id);
        if (code == EPERM)
            error_hint(err, "only who created a container, or root, can execute in it");
        return -code;
    }
    if (x->cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)x->cgroup_fd;
    }
    pid = sys_clone3(&args);
    if (pid == 0)
        exec_init_main(x, x->child_end);
    if (pid < 0 && x->cgroup_fd >= 0 &&
        (errno == EBUSY || errno == EACCES || errno == ENOENT || errno == ENODEV))
        return error_sys(err, errno, "clone a process into the cgroup \"%s\" of container \"%s\"",
                         x->cgroup.path, x->opts->id);
    return pid < 0 ? error_sys(err, errno, "clone a process into container \"%s\"", x->opts->id) : pid;
}

/* The stage process: a fork of the runtime with its rights, not dumpable before it enters the container. */
static _Noreturn void stage_main(struct exec *x)
{
    const struct channel ch = {.fd = x->child_end, .self = "the stage process", .peer = "the runtime"};
    _cleanup_error_ struct error err = ERROR_INIT;
    pid_t pid;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fd_close(&x->channel.fd);
    pid = clone_inside(x, &err);
    if (pid < 0) {
        channel_send_error(&ch, &err);
        _exit(1);
    }
    _exit(channel_send(&ch, STEP_INIT_PID, pid, NULL, -1, &err) < 0);
}

static void log_warning_of_child(void *data, const char *text)
{
    log_warn((const struct log *)data, "%s", text);
}

static int launch(struct exec *x, struct error *err)
{
    struct channel_message msg;
    int fds[2], status;
    int r = channel_pair(fds, err);

    if (r < 0)
        return r;
    x->channel = (struct channel){.fd = fds[0],
                                  .self = "the runtime",
                                  .peer = "the process inside",
                                  .warn = log_warning_of_child,
                                  .data = x->rt->log};
    x->child_end = fds[1];
    _cleanup_pid_ pid_t stage = fork();
    if (stage < 0)
        return error_sys(err, errno, "fork the stage process");
    if (stage == 0)
        stage_main(x);
    fd_close(&x->child_end);
    fd_close(&x->agent_fd);
    /* First its end: the process inside holds that end of the channel too, see launch_by_stage. */
    r = process_wait(stage, &status);
    stage = -1;
    if (r < 0)
        return error_sys(err, -r, "wait for the stage process");
    struct channel from_stage = x->channel;
    from_stage.peer = "the stage process";
    from_stage.spoken = true;
    r = channel_expect(&from_stage, STEP_INIT_PID, &msg, err);
    if (r < 0)
        return r;
    x->pid = (pid_t)msg.value;
    x->pidfd = sys_pidfd_open(x->pid, 0);
    if (x->pidfd < 0)
        return error_sys(err, errno, "open a pidfd of the new process");
    if (cgroup_exists(&x->cgroup) && x->cgroup_fd < 0 && !x->cgroup_door.count)
        r = cgroup_enter(&x->cgroup, x->opts->cgroup, x->state->pid, x->pid, err);
    if (r == 0)
        r = rdt_enter(x->state, x->pid, err);
    if (r < 0) {
        error_prefix(err, "container \"%s\"", x->opts->id);
        return r;
    }
    return channel_send(&x->channel, STEP_ID_MAP_WRITTEN, 0, NULL, -1, err);
}

static int take_console(struct exec *x, struct console *con, struct error *err)
{
    struct channel_message msg;
    int r = channel_expect(&x->channel, STEP_CONSOLE, &msg, err);

    if (r < 0)
        return r;
    if (!x->opts->console_socket)
        return console_open(con, msg.fd, err);
    _cleanup_close_ int fd = msg.fd;
    return console_send(x->opts->console_socket, fd, msg.text, err);
}

/* Up to the running program. */
static int start(struct exec *x, struct console *con, struct supervisor *s, struct error *err)
{
    int r = launch(x, err);

    if (r == 0 && x->config->process->terminal)
        r = take_console(x, con, err);
    if (r == 0)
        r = channel_expect(&x->channel, STEP_READY, NULL, err);
    if (r == 0 && x->opts->pidfd_socket)
        r = pidfd_send(x->opts->pidfd_socket, x->pidfd, err);
    if (r == 0 && !x->opts->detach) {
        s->pid = x->pid;
        s->pidfd = x->pidfd;
        s->con = con->master >= 0 ? con : NULL;
        r = supervise_begin(s, err);
    }
    if (r == 0)
        r = channel_send(&x->channel, STEP_START, 0, NULL, -1, err);
    if (r == 0)
        r = channel_expect_end(&x->channel, err);
    /* Only now: conmon tells "the runtime failed" by the missing file. */
    if (r == 0 && x->opts->pid_file)
        r = pid_file_write(x->opts->pid_file, x->pid, err);
    return r;
}

int container_exec(const struct runtime *rt, const struct exec_options *opts, int *exit_code,
                   struct error *err)
{
    __attribute__((cleanup(exec_free))) struct exec x = {.rt = rt,
                                                         .opts = opts,
                                                         .dir = STATEDIR_INIT,
                                                         .agent_fd = -EBADF,
                                                         .init_pidfd = -EBADF,
                                                         .root_fd = -EBADF,
                                                         .proc_fd = -EBADF,
                                                         .cgroup_fd = -EBADF,
                                                         .channel = {.fd = -EBADF},
                                                         .child_end = -EBADF,
                                                         .pidfd = -EBADF};
    __attribute__((cleanup(console_close))) struct console con = {.master = -EBADF};
    __attribute__((cleanup(supervise_end))) struct supervisor s = {.signal_fd = -EBADF};
    int r = plan(&x, err);

    if (r == 0)
        r = start(&x, &con, &s, err);
    if (r < 0)
        return r;
    *exit_code = 0;
    if (!opts->detach)
        r = supervise(&s, exit_code, err);
    x.pid = 0; /* it lives on, or is reaped */
    return r;
}
