/*
 * Running a program as uid 0 of a new user namespace: the archive helper, which writes files of ids we do not
 * have.
 *
 * Theory of operation: the child is cloned into its namespaces and waits on a pipe; the parent writes the
 * maps and lets it go. The child becomes uid 0, sets its descriptors and executes. A second pipe, closed by
 * execve, carries what failed: end of file is success. If the parent dies, the child reads end of file from
 * the first pipe or gets SIGKILL.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "userns/current.h"
#include "userns/idmap.h"
#include "userns/internal.h"

#define FDS_MAX (3 + USERNS_KEEP_MAX)

struct request {
    char *const *argv;
    char *const *env;
    int fds[FDS_MAX];
    size_t n_fds;
    bool in_userns;
    bool mount_ns;
    bool set_groups;
    pid_t parent;
    int go_fd;
    int report_fd;
};

/* What the child says when it cannot go on. */
struct report {
    int code;
    char doing[48];
};

static _Noreturn void give_up(int fd, int code, const char *doing)
{
    struct report report = {.code = code};

    strncpy(report.doing, doing, sizeof report.doing - 1);
    (void)fd_write_all(fd, &report, sizeof report);
    _exit(127);
}

/* Dies with the parent: set twice, because changing ids takes it away. */
static void die_with_parent(const struct request *q)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        give_up(q->report_fd, errno, "set the parent death signal");
    if (getppid() != q->parent)
        _exit(127);
}

/* Only what an executed program would inherit matters. */
static void reset_signals(void)
{
    sigset_t none;

    for (int sig = 1; sig < _NSIG; sig++)
        (void)sys_signal_default(sig);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * The child. Runs as the caller's user, in a new user namespace (unless a map of all ids to themselves makes
 * it needless) where it holds all capabilities once the maps are there, and in a new mount namespace if asked
 * for. Should: wait for the maps, become uid 0, place descriptors, execute. Must not: return, or open files
 * by path.
 */
static _Noreturn void child(struct request *q)
{
    char go;

    die_with_parent(q);
    if (fd_read_full(q->go_fd, &go, 1) != 1)
        _exit(127); /* the parent told already why */
    if (q->in_userns) {
        /* An outer namespace may forbid setgroups for all below it: then the groups stay as they are. */
        if (q->set_groups && setgroups(0, NULL) < 0 && !(errno == EPERM && userns_denies_setgroups()))
            give_up(q->report_fd, EPERM, "drop the supplementary groups");
        if (setresgid(0, 0, 0) < 0)
            give_up(q->report_fd, errno, "become gid 0");
        if (setresuid(0, 0, 0) < 0)
            give_up(q->report_fd, errno, "become uid 0");
        die_with_parent(q);
    }
    /* Mounts made here stay here; those of the host still go away when the host unmounts them. */
    if (q->mount_ns && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        give_up(q->report_fd, errno, "make mounts private");
    reset_signals();
    int r = process_place_fds(q->fds, q->n_fds, &q->report_fd);
    if (r < 0)
        give_up(q->report_fd, -r, "set up its descriptors");
    execve(q->argv[0], q->argv, q->env ? q->env : environ);
    give_up(q->report_fd, errno, "execute it");
}

/* Does every id keep its number? */
static bool is_identity(const struct oci_id_map_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].container_id != list->items[i].host_id)
            return false;
    return list->count > 0;
}

/* Writes the maps, lets the child go, and hears whether it could execute the program. */
static int supervise(const struct idmap *map, const struct request *q, pid_t pid, int go_fd, int report_fd,
                     struct error *err)
{
    struct report report;
    struct idmap_job job;
    int r = 0;

    if (q->in_userns) {
        r = idmap_start(map, pid, &job, err);
        if (r == 0)
            r = idmap_finish(map, &job, err);
    }
    if (r < 0)
        return r;
    /* A child that died leaves nobody to read: then the report tells, not SIGPIPE. */
    r = fd_send(go_fd, "g", 1, NULL, 0);
    if (r < 0 && r != -EPIPE && r != -ECONNRESET)
        return error_sys(err, -r, "run \"%s\" in a user namespace", q->argv[0]);
    ssize_t n = fd_read_full(report_fd, &report, sizeof report);
    if (n < 0)
        return error_sys(err, (int)-n, "run \"%s\" in a user namespace", q->argv[0]);
    if (n == 0 && r == 0)
        return 0;
    if (n != sizeof report)
        return error_set(err, EPIPE,
                         "run \"%s\" in a user namespace: the process died before it was executed",
                         q->argv[0]);
    report.doing[sizeof report.doing - 1] = '\0';
    error_sys(err, report.code, "run \"%s\" in a user namespace: %s", q->argv[0], report.doing);
    userns_hint_powerless(err);
    return -report.code;
}

int userns_spawn(const struct idmap *map, char *const *argv, char *const *env, const int stdio[3],
                 const int *keep_fds, size_t n_keep, bool mount_ns, pid_t *pid, struct error *err)
{
    struct request q = {
        .argv = argv, .env = env, .mount_ns = mount_ns, .parent = getpid(), .n_fds = 3 + n_keep};
    int pair[2], pipe_fds[2];

    if (n_keep > USERNS_KEEP_MAX)
        return error_set(err, EINVAL, "run \"%s\": at most %d descriptors can be kept", argv[0],
                         USERNS_KEEP_MAX);
    for (size_t i = 0; i < 3; i++)
        q.fds[i] = stdio[i] >= 0 ? stdio[i] : (int)i;
    for (size_t i = 0; i < n_keep; i++)
        q.fds[3 + i] = keep_fds[i];
    q.in_userns = geteuid() != 0 || !is_identity(&map->uids) || !is_identity(&map->gids);
    q.set_groups = !map->deny_setgroups;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return error_sys(err, errno, "run \"%s\": make a socket pair", argv[0]);
    _cleanup_close_ int go_ours = pair[0], go_theirs = pair[1];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return error_sys(err, errno, "run \"%s\": make a pipe", argv[0]);
    _cleanup_close_ int report_ours = pipe_fds[0], report_theirs = pipe_fds[1];
    q.go_fd = go_theirs;
    q.report_fd = report_theirs;

    struct clone_args args = {.exit_signal = SIGCHLD};
    args.flags = (q.in_userns ? CLONE_NEWUSER : 0) | (mount_ns ? CLONE_NEWNS : 0);
    _cleanup_pid_ pid_t child_pid = sys_clone3(&args);
    if (child_pid < 0) {
        int code = errno;
        if (q.in_userns)
            return userns_explain(code, err);
        return error_sys(err, code, "run \"%s\": clone", argv[0]);
    }
    if (child_pid == 0) {
        /* Our ends, or the child would wait for itself. */
        fd_close(&go_ours);
        fd_close(&report_ours);
        child(&q);
    }
    fd_close(&go_theirs);
    fd_close(&report_theirs);
    int r = supervise(map, &q, child_pid, go_ours, report_ours, err);
    if (r < 0)
        return r;
    *pid = child_pid;
    child_pid = -1;
    return 0;
}
