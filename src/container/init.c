/*
 * The container's init, from its clone to the exec of the program.
 *
 * Who it is: a fork of the runtime, pid 1 of the container's pid namespace where it is new. Until
 * ID_MAP_WRITTEN it has the caller's ids and no mapping; then it is uid 0 of its user namespace with all
 * capabilities there, or real root. What it must not do: open anything inside the root file system by a plain
 * path before the root is entered; write anything on the host; keep a descriptor of the host open over exec.
 * What fails here travels through the channel and is told by the process that the user started.
 *
 * The order of the steps is that of `stages` below; giving up rights is one function, security_drop.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "container/filter.h"
#include "container/hooks.h"
#include "container/inherited.h"
#include "container/init_setup.h"
#include "container/internal.h"
#include "container/seccomp_agent.h"
#include "oci/names.h"
#include "security/security.h"
#include "userns/namespaces.h"

/* What init knows besides the plan. */
struct init {
    struct container *c;
    struct channel channel; /* to the runtime; later to `start` */
    struct rootfs rootfs;
    char *program;  /* found in PATH */
    bool entered;   /* "/" is the container's root */
    pid_t host_pid; /* ours, as the runtime sees it; only with a seccomp agent */
    bool in_cgroup; /* for good, and in a cgroup namespace that is rooted there */
};

static void warn_through_channel(void *data, const char *text)
{
    const struct init *in = data;

    (void)channel_send(&in->channel, STEP_WARNING, 0, text, -1, NULL);
}

/* Namespaces that need nothing from outside. Runs while the id map helpers do. */
static int make_namespaces(struct init *in, struct error *err)
{
    static const int early[] = {OCI_NS_MOUNT, OCI_NS_NETWORK, OCI_NS_UTS, OCI_NS_IPC};
    const struct container *c = in->c;
    int flags = 0;

    for (size_t i = 0; i < ARRAY_SIZE(early); i++)
        if (c->new_ns[early[i]] && !(early[i] == OCI_NS_NETWORK && c->net.kind == NET_SLIRP))
            flags |= (int)oci_namespace_flag(early[i]);
    if (flags && unshare(flags) < 0) {
        int code = errno;
        error_sys(err, code, "create the container's namespaces");
        if (code == EPERM && !c->new_ns[OCI_NS_USER])
            error_hint(
                err,
                "without a user namespace this needs root; add {\"type\": \"user\"} to linux.namespaces");
        else if (code == ENOSPC)
            error_hint(err, "a limit of /proc/sys/user/max_*_namespaces is reached");
        return -code;
    }
    return 0;
}

/* uid 0 of the user namespace; needs its mapping. */
static int become_root(struct init *in, struct error *err)
{
    uint32_t host;
    bool userns = in->c->new_ns[OCI_NS_USER] || in->c->join_ns[OCI_NS_USER] >= 0;

    if (!userns)
        return 0;
    /* The caller's supplementary groups stay until security_drop: sources of bind mounts may be readable only
     * by them. */
    if (getegid() != 0 && setresgid(0, 0, 0) < 0 && errno != EINVAL)
        return error_sys(err, errno, "become gid 0 of the user namespace");
    if (geteuid() != 0 && setresuid(0, 0, 0) < 0) {
        int code = errno;
        if (code == EINVAL && in->c->map.uids.count && idmap_to_host(&in->c->map.uids, 0, &host) < 0) {
            error_set(err, EINVAL, "linux.uidMappings: container id 0 is not mapped");
            error_hint(err, "the container is set up as its uid 0; map it, process.user can be another");
            return -EINVAL;
        }
        return error_sys(err, code, "become uid 0 of the user namespace");
    }
    /* Changing ids clears both: /proc/self must be ours again, and the runtime's death must stay ours. */
    if (!in->c->foreign)
        prctl(PR_SET_DUMPABLE, 1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return 0;
}

/* With the rights that the runtime opened the files with. */
static int pass_cgroup_door(struct init *in, struct error *err)
{
    return cgroup_pass_door(&in->c->cgroup_door, err);
}

static int wait_for_id_map(struct init *in, struct error *err)
{
    int r = channel_expect(&in->channel, STEP_ID_MAP_WRITTEN, NULL, err);

    return r < 0 ? r : become_root(in, err);
}

/* The cgroup namespace is rooted where the runtime has put us. A manager that takes its time is waited for at
 * the last moment, which is that of the first mount that shows cgroups. */
static int enter_cgroup(void *data, struct error *err)
{
    struct init *in = data;
    int r = 0;

    if (in->in_cgroup)
        return 0;
    in->in_cgroup = true;
    if (in->c->awaits_cgroup)
        r = channel_expect(&in->channel, STEP_IN_CGROUP, NULL, err);
    if (r == 0 && in->c->new_ns[OCI_NS_CGROUP] && unshare(CLONE_NEWCGROUP) < 0)
        r = error_sys(err, errno, "create the cgroup namespace");
    return r;
}

/* What must come behind the mapping: clocks and keyring belong to the new user. */
static int make_late_namespaces(struct init *in, struct error *err)
{
    struct container *c = in->c;
    bool skipped = false;
    int r = c->awaits_cgroup ? 0 : enter_cgroup(in, err);

    if (r < 0)
        return r;
    if (c->new_ns[OCI_NS_TIME]) {
        r = namespace_new_time(c->config->linux_.time_offsets, err);
        if (r < 0)
            return r;
    }
    if (c->opts->no_new_keyring)
        return 0;
    return security_new_session_keyring(c->opts->id, c->userns, &skipped, err);
}

static int set_names_and_network(struct init *in, struct error *err)
{
    const struct container *c = in->c;
    int r = setup_hostname(c->config, err);

    if (r == 0 && c->new_ns[OCI_NS_NETWORK])
        r = setup_loopback(err);
    return r;
}

static bool has_own_root(const struct container *c)
{
    return c->new_ns[OCI_NS_MOUNT];
}

static int prepare_root(struct init *in, struct error *err)
{
    const struct container *c = in->c;
    struct rootfs *r = &in->rootfs;
    const struct oci_namespace *mount_ns = oci_config_namespace(c->config, OCI_NS_MOUNT);

    r->config = c->config;
    r->path = c->rootfs_path;
    r->overlay = c->opts->overlay;
    r->archive = c->opts->archive;
    r->in_userns = c->userns;
    r->new_pid = c->new_ns[OCI_NS_PID];
    r->new_net = c->new_ns[OCI_NS_NETWORK];
    r->new_ipc = c->new_ns[OCI_NS_IPC];
    r->new_cgroup = c->new_ns[OCI_NS_CGROUP];
    r->label_option = c->mount_context;
    r->no_pivot = c->opts->no_pivot;
    r->cgroup_unified = c->cgroup_unified;
    r->source_fds = c->source_fds;
    r->warn = (struct rootfs_warn){warn_through_channel, in};
    r->cgroup = (struct rootfs_cgroup){enter_cgroup, in};
    if (has_own_root(c))
        return rootfs_prepare(r, err);
    if (c->join_ns[OCI_NS_MOUNT] >= 0) {
        int ret = namespace_join(c->join_ns[OCI_NS_MOUNT], OCI_NS_MOUNT, mount_ns ? mount_ns->path : "", err);
        if (ret < 0)
            return ret;
        /* Joining leads to its "/"; relative sources of mounts start at the bundle, there too. */
        if (c->config->mounts.count && chdir(c->bundle) < 0)
            return error_sys(err, errno, "enter the bundle \"%s\" in the mount namespace that is joined",
                             c->bundle);
    }
    return rootfs_prepare_borrowed(r, err);
}

static int wait_for_cgroup(struct init *in, struct error *err)
{
    return enter_cgroup(in, err);
}

static int open_terminal(struct init *in, struct error *err)
{
    const struct oci_process *p = in->c->config->process;
    _cleanup_close_ int master = -EBADF, slave = -EBADF;
    int r;

    if (!p)
        return 0;
    if (!p->terminal) {
        setup_stdio_owner(p->user.uid);
        return 0;
    }
    r = rootfs_open_console(&in->rootfs, &master, &slave, err);
    if (r == 0)
        r = channel_send(&in->channel, STEP_CONSOLE, 0, "/dev/console", master, err);
    if (r == 0)
        r = setup_terminal(slave, p->console_size, p->user.uid, err);
    return r;
}

/* Our pid as the runtime sees it, for the state that the seccomp agent gets: the host's procfs is still
 * there. */
static int learn_own_pid(struct init *in, struct error *err)
{
    char link[16];
    ssize_t n;

    if (in->c->agent_fd < 0)
        return 0;
    n = readlink("/proc/self", link, sizeof link - 1);
    if (n < 0)
        return error_sys(err, errno, "read the link /proc/self");
    link[n] = '\0';
    in->host_pid = (pid_t)strtol(link, NULL, 10);
    return 0;
}

/* Hooks in the container's namespaces get the pid as it is there (runtime.md#state). */
static int run_own_hooks(const struct init *in, const struct oci_hook_list *hooks, const char *name,
                         struct error *err)
{
    in->c->state->pid = getpid();
    return hooks_run(hooks, name, in->c->state, "created", &in->c->hook_output, err);
}

/* The runtime's hooks see the mounts made and the host still there, as its moving of interfaces does; ours
 * follow in the container's namespaces. */
static int run_create_hooks(struct init *in, struct error *err)
{
    const struct oci_hooks *h = &in->c->config->hooks;
    int r = 0;

    if (h->prestart.count || h->create_runtime.count || in->c->config->linux_.net_devices.count) {
        r = channel_send(&in->channel, STEP_ENVIRONMENT_READY, 0, NULL, -1, err);
        if (r == 0)
            r = channel_expect(&in->channel, STEP_HOOKS_DONE, NULL, err);
    }
    if (r == 0)
        r = run_own_hooks(in, &h->create_container, "createContainer", err);
    return r;
}

static int enter_root(struct init *in, struct error *err)
{
    int r;

    in->entered = true;
    if (!has_own_root(in->c))
        return rootfs_enter_borrowed(&in->rootfs, err);
    r = rootfs_enter(&in->rootfs, err);
    return r < 0 ? r : rootfs_finish(&in->rootfs, err);
}

/* Limits and places that need rights or the checked procfs. */
static int prepare_process(struct init *in, struct error *err)
{
    struct container *c = in->c;
    const struct oci_process *p = c->config->process;
    int r = 0;

    if (c->config->linux_.personality)
        r = security_set_personality(c->config->linux_.personality, err);
    if (r < 0 || !p)
        return r;
    if (p->oom_score_adj.set && !c->foreign) /* the stage process did it otherwise */
        r = security_set_oom_score_adj(in->rootfs.proc_fd, p->oom_score_adj.value, err);
    if (r == 0)
        r = security_set_rlimits(&p->rlimits, err);
    if (r == 0)
        r = security_set_placement(p, c->config->linux_.memory_policy, err);
    if (r == 0)
        r = security_set_labels(in->rootfs.proc_fd, p, err);
    if (r == 0)
        r = setup_cwd(p->cwd, err);
    if (r == 0)
        r = setup_home(&c->env, p->user.uid, err);
    if (r == 0 && inherited_name_process(&c->env, c->keep_fds) < 0)
        r = error_oom(err);
    if (r == 0)
        r = security_find_program_for(p->args[0], c->env, p, &in->program, err);
    return r;
}

struct segments {
    struct {
        void *at;
        size_t size;
    } list[8];
    size_t count;
};

/* Of the first object, which is the program itself: what is only read can be read again from its file. */
static int find_segments(struct dl_phdr_info *info, size_t size, void *data)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    struct segments *s = data;

    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum && s->count < ARRAY_SIZE(s->list); i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + p->p_vaddr, from = start & ~(page - 1);
        if (p->p_type != PT_LOAD || (p->p_flags & PF_W))
            continue;
        s->list[s->count].at = (void *)from;
        s->list[s->count++].size = p->p_memsz + (start - from);
    }
    return 1;
}

/* A container may wait for long, and there may be many: gives the memory back that maps the program's file.
 * Beside the code that waits, so that only what lies around it comes back. */
static void forget_program(void)
{
    struct segments s = {.count = 0};

    (void)dl_iterate_phdr(find_segments, &s);
    for (size_t i = 0; i < s.count; i++)
        (void)madvise(s.list[i].at, s.list[i].size, MADV_DONTNEED);
}

/* The container is created. Either the runtime says START, or it leaves and `start` comes to the socket. */
static int wait_for_start(struct init *in, struct error *err)
{
    struct container *c = in->c;
    int r = channel_send(&in->channel, STEP_READY, 0, NULL, -1, err);

    if (r < 0)
        return r;
    if (!c->waits_on_socket) {
        r = channel_expect(&in->channel, STEP_START, NULL, err);
        if (r == 0 && !c->opts->die_with_runtime) /* security_drop renews it for that */
            prctl(PR_SET_PDEATHSIG, 0);
        return r;
    }
    r = channel_expect(&in->channel, STEP_DETACH, NULL, err);
    if (r < 0)
        return r;
    prctl(PR_SET_PDEATHSIG, 0);
    fd_close(&in->channel.fd);
    forget_program();
    for (;;) {
        _cleanup_error_ struct error ignored = ERROR_INIT;
        int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            /* The machine is short of something: no reason to end a container. */
            const struct timespec pause = {.tv_nsec = 10000000};
            nanosleep(&pause, NULL);
            continue;
        }
        if (fd < 0)
            return error_sys(err, errno, "wait for start");
        in->channel.fd = fd;
        in->channel.peer = "the start command";
        /* One that connects and leaves, or talks nonsense, was killed: wait for the next. */
        if (channel_expect(&in->channel, STEP_START, NULL, &ignored) == 0)
            return 0;
        fd_close(&in->channel.fd);
    }
}

/* The point where nothing of the host may be left open but what the caller asked for and the channel, which
 * exec closes. */
static int exec_program(struct init *in, struct error *err)
{
    struct container *c = in->c;
    const struct oci_process *p = c->config->process;
    _cleanup_free_ char *message = NULL;
    struct drop_plan plan = {.process = p,
                             .filter = filter_of_init(c),
                             .agent_fd = c->agent_fd,
                             .setgroups_denied = c->setgroups_denied,
                             .keep_groups = c->keep_groups,
                             .die_with_parent = c->opts->die_with_runtime};
    int r = 0;

    if (!p)
        return error_set(err, EINVAL,
                         "process: missing; a container without it can be created but not started");
    if (run_own_hooks(in, &c->config->hooks.start_container, "startContainer", err) < 0) {
        /* Tells `start` to destroy the container, as the specification demands for this hook. */
        err->code = ECANCELED;
        return -ECANCELED;
    }
    if (c->agent_fd >= 0) {
        c->state->pid = in->host_pid;
        message = seccomp_agent_message(c->config->linux_.seccomp, c->state, "created");
        if (!message)
            return error_oom(err);
        plan.agent_message = message;
    }
    if (sys_close_range(3 + c->keep_fds, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
        return error_sys(err, errno, "mark all descriptors for closing");
    for (unsigned i = 0; i < c->keep_fds; i++)
        (void)fd_set_cloexec(3 + (int)i, 0);
    /* exec closes descriptors one after the other: if the channel went first, `start` would return while the
     * state still says created. */
    fd_close(&c->waiting_fd);
    r = security_drop(&plan, err);
    if (r < 0)
        return r;
    execve(in->program, p->args, c->env);
    int code = errno;
    /* Behind a filter nothing may be opened to find out more. */
    if (plan.filter)
        return error_sys(err, code, "exec \"%s\"", in->program);
    return security_explain_exec(in->program, code, err);
}

_Noreturn void init_main(struct container *c, int fd)
{
    static int (*const stages[])(struct init *, struct error *) = {
        pass_cgroup_door, make_namespaces, set_names_and_network, wait_for_id_map, make_late_namespaces,
        prepare_root,     wait_for_cgroup, open_terminal,         learn_own_pid,   run_create_hooks,
        enter_root,       prepare_process, wait_for_start,        exec_program,
    };
    struct init in = {.c = c, .rootfs = ROOTFS_INIT};
    _cleanup_error_ struct error err = ERROR_INIT;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* The lock must die with the runtime, not live on with us; so must its end of the channel. */
    fd_close(&c->dir.lock_fd);
    fd_close(&c->channel.fd);
    fd_close(&c->cgroup_fd);
    in.channel = (struct channel){.fd = fd, .self = "container init", .peer = "the runtime"};
    setup_signals();
    setsid();
    for (size_t i = 0; i < ARRAY_SIZE(stages); i++)
        if (stages[i](&in, &err) < 0) {
            /* The host's /proc tells more only while it is in sight. */
            if (c->new_ns[OCI_NS_USER] && !in.entered)
                userns_hint_powerless(&err);
            channel_send_error(&in.channel, &err);
            break;
        }
    _exit(1);
}
