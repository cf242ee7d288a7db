/*
 * The inside of exec: from the clone into the container's namespaces to the execve.
 *
 * Who it is: a fork of the runtime in the namespaces of the container, with all capabilities of its user
 * namespace. The container's processes are neighbours, so it is not dumpable: nobody may trace it or read its
 * descriptors (CVE-2016-9962). It opens nothing by a path of the container but the terminal, which is checked
 * to be one of devpts, and what setup_home and the search for the program look at.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/syscalls.h"
#include "container/annotations.h"
#include "container/exec_internal.h"
#include "container/inherited.h"
#include "container/init_setup.h"
#include "container/seccomp_agent.h"
#include "security/security.h"

struct exec_init {
    struct exec *x;
    struct channel channel;
    char *program;
};

/* Before this, a message of ours could overtake the one by which the stage process tells our pid. */
static int wait_to_be_known(struct exec_init *in, struct error *err)
{
    return channel_expect(&in->channel, STEP_ID_MAP_WRITTEN, NULL, err);
}

/* After wait_to_be_known, when we are where the runtime put us. */
static int join_cgroup_namespace(struct exec_init *in, struct error *err)
{
    fd_close(&in->x->cgroup_fd);
    int r = cgroup_pass_door(&in->x->cgroup_door, err);
    if (r < 0)
        return r;
    if (in->x->joins_cgroup_ns && setns(in->x->init_pidfd, CLONE_NEWCGROUP) < 0)
        return error_sys(err, errno, "enter the cgroup namespace of container \"%s\"", in->x->opts->id);
    return 0;
}

/* The mount namespace's root is the container's; without one of its own, the root of its init. */
static int enter_root(struct exec_init *in, struct error *err)
{
    if (in->x->root_fd >= 0 && (fchdir(in->x->root_fd) < 0 || chroot(".") < 0))
        return error_sys(err, errno, "enter the root of the container");
    if (chdir("/") < 0)
        return error_sys(err, errno, "enter the root of the container");
    return 0;
}

static int become_root(struct exec_init *in, struct error *err)
{
    (void)in;
    if (getegid() != 0 && setresgid(0, 0, 0) < 0 && errno != EINVAL)
        return error_sys(err, errno, "become gid 0 of the container");
    if (geteuid() != 0 && setresuid(0, 0, 0) < 0 && errno != EINVAL)
        return error_sys(err, errno, "become uid 0 of the container");
    return 0;
}

/* A new pseudo terminal of the container's devpts. The container may have put anything at that path: no links
 * are followed, and what is opened must be the multiplexer of a devpts. */
static int open_pty(int *master, int *slave, struct error *err)
{
    _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), m = -EBADF;
    struct stat st;
    int zero = 0, s;

    if (root < 0)
        return error_sys(err, errno, "open \"/\" of the container");
    m = path_open_in_root_nolinks(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0);
    if (m < 0)
        return error_sys(err, -m, "open \"/dev/pts/ptmx\" of the container");
    if (fstat(m, &st) < 0)
        return error_sys(err, errno, "look at \"/dev/pts/ptmx\" of the container");
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2) || path_is_fs(m, DEVPTS_SUPER_MAGIC) != 1)
        return error_set(err, EPERM, "\"/dev/pts/ptmx\" of the container is not that of a devpts");
    if (ioctl(m, TIOCSPTLCK, &zero) < 0)
        return error_sys(err, errno, "unlock the new terminal");
    s = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (s < 0)
        return error_sys(err, errno, "open the other end of the new terminal");
    *master = TAKE_FD(m);
    *slave = s;
    return 0;
}

static int open_terminal(struct exec_init *in, struct error *err)
{
    const struct oci_process *p = in->x->config->process;
    _cleanup_close_ int master = -EBADF, slave = -EBADF;
    int r;

    if (!p->terminal) {
        setup_stdio_owner(p->user.uid);
        return 0;
    }
    r = open_pty(&master, &slave, err);
    if (r == 0)
        r = channel_send(&in->channel, STEP_CONSOLE, 0, "/dev/pts", master, err);
    if (r == 0)
        r = setup_terminal(slave, p->console_size, p->user.uid, err);
    return r;
}

static int prepare_process(struct exec_init *in, struct error *err)
{
    struct exec *x = in->x;
    const struct oci_process *p = x->config->process;
    int r = 0;

    if (x->config->linux_.personality)
        r = security_set_personality(x->config->linux_.personality, err);
    if (r == 0)
        r = security_set_rlimits(&p->rlimits, err);
    if (r == 0 && p->exec_cpu_affinity)
        r = security_set_cpu_affinity(p->exec_cpu_affinity->final, "process.execCPUAffinity.final", err);
    if (r == 0)
        r = security_set_placement(p, x->config->linux_.memory_policy, err);
    if (r == 0)
        r = security_set_labels(x->proc_fd, p, err);
    if (r == 0)
        r = setup_cwd(p->cwd, err);
    if (r == 0)
        r = setup_home(&x->env, p->user.uid, err);
    if (r == 0 && inherited_name_process(&x->env, x->keep_fds) < 0)
        r = error_oom(err);
    if (r == 0)
        r = security_find_program_for(p->args[0], x->env, p, &in->program, err);
    return r;
}

static int wait_for_start(struct exec_init *in, struct error *err)
{
    int r = channel_send(&in->channel, STEP_READY, 0, NULL, -1, err);

    if (r == 0)
        r = channel_expect(&in->channel, STEP_START, NULL, err);
    if (r == 0)
        prctl(PR_SET_PDEATHSIG, 0);
    return r;
}

static int exec_program(struct exec_init *in, struct error *err)
{
    struct exec *x = in->x;
    _cleanup_free_ char *message = NULL;
    struct drop_plan plan = {.process = x->config->process,
                             .filter = x->has_filter ? &x->filter : NULL,
                             .agent_fd = x->agent_fd,
                             .keep_groups = annotations_keep_groups(&x->config->annotations),
                             .setgroups_denied = x->setgroups_denied};
    int r;

    if (x->agent_fd >= 0) {
        message = seccomp_agent_message(x->config->linux_.seccomp, x->state, "running");
        if (!message)
            return error_oom(err);
        plan.agent_message = message;
    }
    if (sys_close_range(3 + x->keep_fds, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
        return error_sys(err, errno, "mark all descriptors for closing");
    r = security_drop(&plan, err);
    if (r < 0)
        return r;
    execve(in->program, x->config->process->args, x->env);
    int code = errno;
    if (x->has_filter)
        return error_sys(err, code, "exec \"%s\"", in->program);
    return security_explain_exec(in->program, code, err);
}

_Noreturn void exec_init_main(struct exec *x, int fd)
{
    static int (*const stages[])(struct exec_init *, struct error *) = {
        wait_to_be_known, join_cgroup_namespace, become_root,    enter_root,
        open_terminal,    prepare_process,       wait_for_start, exec_program,
    };
    struct exec_init in = {.x = x};
    _cleanup_error_ struct error err = ERROR_INIT;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fd_close(&x->channel.fd);
    in.channel = (struct channel){.fd = fd, .self = "the process inside", .peer = "the runtime"};
    setup_signals();
    setsid();
    for (size_t i = 0; i < ARRAY_SIZE(stages); i++)
        if (stages[i](&in, &err) < 0) {
            channel_send_error(&in.channel, &err);
            break;
        }
    _exit(1);
}
