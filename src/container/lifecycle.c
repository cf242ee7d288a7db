/*
 * start, kill and delete: what later calls do with a container that create made.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "container/cgroups.h"
#include "container/hooks.h"
#include "container/internal.h"
#include "container/notify.h"
#include "container/processes.h"
#include "container/rdt.h"
#include "userns/remove.h"

#define KILL_WAIT_MS 10000

__attribute__((format(printf, 2, 3))) static int not_possible(struct error *err, const char *fmt, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        text = NULL;
    va_end(ap);
    return text ? error_set(err, EINVAL, "%s", text) : error_oom(err);
}

int container_kill_wait(int pidfd, const struct oci_state *state, struct error *err)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    int r;

    if (sys_pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
        return error_sys(err, errno, "kill the container's init");
    r = container_let_die(state, err);
    if (r < 0)
        return r;
    do
        r = poll(&p, 1, KILL_WAIT_MS);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return error_sys(err, errno, "wait for the container's init to end");
    if (r == 0) {
        error_set(err, ETIMEDOUT, "the container's init did not end within 10 s of SIGKILL");
        error_hint(err, "it hangs in the kernel, for example on a dead network file system");
        return -ETIMEDOUT;
    }
    return 0;
}

int container_destroy(const struct runtime *rt, struct statedir *dir, const struct oci_state *state,
                      struct error *err)
{
    container_keep_oom(dir, state);
    int r = container_destroy_cgroup(state, err);

    if (r == 0)
        r = rdt_remove(state, err);
    if (r < 0)
        return r;
    hooks_run_all(&state->poststop, "poststop", state, "stopped", rt->log);
    if (state->cleanup_dir) {
        _cleanup_idmap_ struct idmap map = {0};
        _cleanup_error_ struct error why = ERROR_INIT;
        r = idmap_default(&map, &why, err);
        if (r == 0)
            r = tree_remove_mapped(&map, state->cleanup_dir, err);
    }
    /* The state goes last and only when nothing else is left: otherwise delete could not be tried again. */
    if (r == 0)
        r = statedir_remove(dir, state->id, err);
    return r;
}

static void destroy_failed_start(const struct runtime *rt, struct statedir *dir,
                                 const struct oci_state *state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_close_ int pidfd = process_open(state->pid, state->start_time);
    int r = pidfd >= 0 ? container_kill_wait(pidfd, state, &err) : 0;

    if (r == 0)
        r = container_destroy(rt, dir, state, &err);
    if (r < 0)
        log_warn_error(rt->log, &err);
}

/* Until the program says that it is ready. Other calls may use the container meanwhile. */
static int wait_until_ready(struct notify *notify, struct statedir *dir, const struct oci_state *state,
                            struct error *err)
{
    if (notify->sock < 0)
        return 0;
    _cleanup_close_ int pidfd = process_open(state->pid, state->start_time);
    fd_close(&dir->lock_fd);
    notify->main_pid = state->pid;
    if (pidfd >= 0)
        return notify_wait(notify, pidfd, err);
    (void)notify_forward(notify); /* it has ended */
    return 0;
}

int container_start(const struct runtime *rt, const char *id, const char *notify_socket, struct error *err)
{
    __attribute__((cleanup(statedir_close))) struct statedir dir = STATEDIR_INIT;
    _cleanup_state_ struct oci_state *state = NULL;
    struct channel ch = {.fd = -EBADF, .self = "the start command", .peer = "container init"};
    _cleanup_notify_ struct notify notify = NOTIFY_INIT;
    _cleanup_close_ int sock = -EBADF;
    enum container_status status;
    int r = container_check_id(id, err);

    if (r == 0)
        r = statedir_open(&dir, rt, id, true, err);
    if (r == 0)
        r = statedir_read(&dir, id, &state, err);
    if (r == 0)
        r = container_probe(&dir, state, &status, err);
    if (r < 0)
        return r;
    switch (status) {
    case STATUS_CREATED:
        break;
    case STATUS_RUNNING:
    case STATUS_PAUSED:
        return not_possible(err, "cannot start container \"%s\": it is already running", id);
    case STATUS_STOPPED:
        return not_possible(err, "cannot start container \"%s\": it has stopped", id);
    case STATUS_CREATING:
        return not_possible(err, "cannot start container \"%s\": it was never completely created", id);
    }
    r = notify_open(&notify, dir.fd, notify_socket, rt->log, err);
    if (r < 0)
        return r;
    sock = unix_connect_at(dir.fd, STATEDIR_SOCKET, SOCK_SEQPACKET);
    if (sock < 0)
        return error_sys(err, -sock, "reach the init of container \"%s\"", id);
    ch.fd = sock;
    r = channel_send(&ch, STEP_START, 0, NULL, -1, err);
    if (r == 0)
        r = channel_expect_end(&ch, err);
    if (r == -ECANCELED) /* a startContainer hook failed: runtime.md#lifecycle, step 7 */
        destroy_failed_start(rt, &dir, state);
    if (r < 0)
        return r;
    (void)unlinkat(dir.fd, STATEDIR_SOCKET, 0);
    r = hooks_run(&state->poststart, "poststart", state, "running", NULL, err);
    if (r < 0) {
        destroy_failed_start(rt, &dir, state);
        return r;
    }
    return wait_until_ready(&notify, &dir, state, err);
}

struct sending {
    int sig;
    pid_t denied; /* one that is not the caller's to signal */
};

static int send_to_one(pid_t pid, int pidfd, void *data)
{
    struct sending *s = data;

    /* One that ended meanwhile, or that only its own user may signal, does not keep the rest from it. */
    if (sys_pidfd_send_signal(pidfd, s->sig, NULL, 0) < 0 && errno == EPERM)
        s->denied = pid;
    return 0;
}

static int signal_namespace(pid_t init, int sig, struct error *err)
{
    struct sending s = {.sig = sig};
    int r = namespace_processes(init, send_to_one, &s, err);

    return r == 0 && s.denied ? error_sys(err, EPERM, "send a signal to process %d", (int)s.denied) : r;
}

/* A container without a pid namespace of its own: its cgroup tells which processes are its. One that is gone
 * has none left. */
static int kill_cgroup(const struct oci_state *state, int sig, struct error *err)
{
    _cleanup_cgroup_ struct cgroup cg = {0};
    int r = container_cgroup(state, &cg, err);

    if (r == 0 && !cgroup_exists(&cg)) {
        not_possible(err,
                     "kill --all: container \"%s\" has no pid namespace of its own and no cgroup, so its "
                     "processes cannot be told from others",
                     state->id);
        error_hint(err, "kill without --all reaches its first process");
        return -EINVAL;
    }
    if (r == 0)
        r = cgroup_kill(&cg, sig, err);
    if (r == -ENOENT) {
        error_clear(err);
        return 0;
    }
    if (r < 0)
        error_prefix(err, "container \"%s\"", state->id);
    return r;
}

static int kill_all(const struct oci_state *state, int pidfd, int sig, struct error *err)
{
    int own = owns_pid_namespace(state->pid);

    if (own == -ENOENT || own == -ESRCH)
        return 0;
    if (own < 0)
        return error_sys(err, -own, "container \"%s\": read the status of process %d", state->id,
                         (int)state->pid);
    if (!own)
        return kill_cgroup(state, sig, err);
    /* The end of its first process is the end of a pid namespace. */
    if (sig != SIGKILL)
        return signal_namespace(state->pid, sig, err);
    if (sys_pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
        return error_sys(err, errno, "container \"%s\": send SIGKILL", state->id);
    return container_let_die(state, err);
}

int container_kill(const struct runtime *rt, const char *id, int sig, bool all, struct error *err)
{
    __attribute__((cleanup(statedir_close))) struct statedir dir = STATEDIR_INIT;
    _cleanup_state_ struct oci_state *state = NULL;
    _cleanup_close_ int pidfd = -EBADF;
    int r = container_check_id(id, err);

    if (r == 0)
        r = statedir_open(&dir, rt, id, false, err);
    if (r == 0)
        r = statedir_read(&dir, id, &state, err);
    if (r < 0)
        return r;
    pidfd = process_open(state->pid, state->start_time);
    /* Without a pid namespace others may have outlived the first process. */
    if (pidfd == -ESRCH && all)
        return state->cgroup_path ? kill_cgroup(state, sig, err) : 0;
    if (pidfd == -ESRCH)
        return error_set(err, ESRCH, "container not running: \"%s\" has stopped", id);
    if (pidfd < 0)
        return error_sys(err, -pidfd, "container \"%s\": open process %d", id, (int)state->pid);
    if (all)
        return kill_all(state, pidfd, sig, err);
    if (sys_pidfd_send_signal(pidfd, sig, NULL, 0) < 0) {
        if (errno == ESRCH)
            return error_set(err, ESRCH, "container not running: \"%s\" has stopped", id);
        return error_sys(err, errno, "container \"%s\": send signal %d", id, sig);
    }
    return sig == SIGKILL ? container_let_die(state, err) : 0;
}

static int stop_at_first(void *data, pid_t pid)
{
    (void)data;
    (void)pid;
    return 1;
}

/* That of a create that was killed before it wrote a state. Killed before it made the cgroup, one that has
 * processes is another's, which was in the way of this one. */
static int remove_noted_cgroup(const struct statedir *dir, const char *id, struct error *err)
{
    _cleanup_cgroup_note_ struct cgroup_note note = {0};
    _cleanup_cgroup_ struct cgroup cg = {0};
    int r = statedir_find_cgroup(dir, &note, err);

    if (r < 0 || !note.manager)
        return r;
    r = cgroup_open(&cg, note.manager, note.path, err);
    if (r == 0 && (note.made || cgroup_processes(&cg, stop_at_first, NULL, NULL) == 0))
        r = cgroup_destroy(&cg, err);
    if (r < 0)
        error_prefix(err, "container \"%s\"", id);
    return r;
}

/* What an aborted create left, or a state that is damaged: there is no process to hold on to (init dies with
 * an aborted create), so removing the directory is all. A state that could only not be read now may tell of
 * one. */
static int delete_remains(struct statedir *dir, const char *id, struct error *why, bool force,
                          struct error *err)
{
    int code = why->code;

    if (code != ENOENT && !(force && code == EBADMSG)) {
        error_move(err, why);
        return -code;
    }
    int r = statedir_check_content(dir, id, err);
    if (r == 0)
        r = remove_noted_cgroup(dir, id, err);
    return r < 0 ? r : statedir_remove(dir, id, err);
}

int container_delete(const struct runtime *rt, const char *id, bool force, struct error *err)
{
    __attribute__((cleanup(statedir_close))) struct statedir dir = STATEDIR_INIT;
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_state_ struct oci_state *state = NULL;
    _cleanup_close_ int pidfd = -EBADF;
    int r = container_check_id(id, err);

    if (r == 0)
        r = statedir_open(&dir, rt, id, true, err);
    if (r == -ENOENT && force) {
        error_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    if (statedir_read(&dir, id, &state, &why) < 0)
        return delete_remains(&dir, id, &why, force, err);
    pidfd = process_open(state->pid, state->start_time);
    if (pidfd < 0 && pidfd != -ESRCH)
        return error_sys(err, -pidfd, "container \"%s\": open process %d", id, (int)state->pid);
    if (pidfd >= 0 && !force) {
        enum container_status status;
        r = container_probe(&dir, state, &status, err);
        if (r < 0)
            return r;
        not_possible(err, "cannot delete container \"%s\" that is not stopped: it is %s", id,
                     container_status_name(status));
        error_hint(err, "stop it first (bryo kill %s KILL), or use: bryo delete --force %s", id, id);
        return -EINVAL;
    }
    if (pidfd >= 0) {
        r = container_kill_wait(pidfd, state, err);
        if (r < 0)
            return r;
    }
    return container_destroy(rt, &dir, state, err);
}
