/*
 * Making a container, seen from outside: from a plan to an init that waits for start.
 *
 * Theory of operation. Each step is undone by container_unmake whatever was reached: init dies with us
 * (PR_SET_PDEATHSIG until it is told to go on alone), the state directory is removed, a pid file that was
 * written is removed. A runtime killed between two steps leaves a state directory that `delete --force`
 * removes whole. newuidmap and newgidmap run while we write the state and init makes its namespaces.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "base/time.h"
#include "container/cgroup_setup.h"
#include "container/cgroups.h"
#include "container/console.h"
#include "container/create.h"
#include "container/filter.h"
#include "container/hooks.h"
#include "container/internal.h"
#include "container/network.h"
#include "container/notify.h"
#include "container/pid_file.h"
#include "container/rdt.h"
#include "container/state_mount.h"
#include "net/devices.h"

/* What state.json keeps; the pid comes with the clone. The hooks and annotations are moved over from the
 * config, which needs them no more. */
static int make_state(struct container *c, struct error *err)
{
    struct oci_state *s = calloc(1, sizeof *s);
    char now[TIME_RFC3339_MAX];

    if (!s)
        return error_oom(err);
    c->state = s;
    s->oci_version = strdup(c->config->oci_version);
    s->id = strdup(c->opts->id);
    s->bundle = strdup(c->bundle);
    s->rootfs = strdup(c->rootfs_path);
    s->created = strdup(time_rfc3339_now(now));
    s->owner_uid = geteuid();
    s->owner = str_printf("%u", s->owner_uid);
    s->detached = c->detached;
    s->terminal = c->config->process && c->config->process->terminal;
    s->cleanup_dir = c->opts->cleanup_dir ? strdup(c->opts->cleanup_dir) : NULL;
    if (!s->oci_version || !s->id || !s->bundle || !s->rootfs || !s->created || !s->owner ||
        (c->opts->cleanup_dir && !s->cleanup_dir))
        return error_oom(err);
    s->annotations = c->config->annotations;
    c->config->annotations = (struct oci_map){0};
    s->poststart = c->config->hooks.poststart;
    c->config->hooks.poststart = (struct oci_hook_list){0};
    s->poststop = c->config->hooks.poststop;
    c->config->hooks.poststop = (struct oci_hook_list){0};
    s->uid_mappings = c->map.uids;
    s->gid_mappings = c->map.gids;
    rdt_note(c);
    return 0;
}

/* The state borrows the id map of the plan; called before the state is freed. */
static void unborrow_state(struct container *c)
{
    if (c->state) {
        c->state->uid_mappings = (struct oci_id_map_list){0};
        c->state->gid_mappings = (struct oci_id_map_list){0};
    }
}

/* What init inherits. */
static int prepare_inheritance(struct container *c, struct error *err)
{
    int r = hook_output_open(&c->hook_output, c->state, err);

    if (r < 0)
        return r;

    c->waiting_fd = statedir_hold_waiting(&c->dir, err);
    if (c->waiting_fd < 0)
        return c->waiting_fd;
    if (c->waits_on_socket) {
        c->listen_fd = unix_listen_at(c->dir.fd, STATEDIR_SOCKET_EARLY, SOCK_SEQPACKET);
        if (c->listen_fd < 0)
            return error_sys(err, -c->listen_fd, "create the start socket in the state directory");
    }
    if (c->new_ns[OCI_NS_MOUNT] && c->config->mounts.count) {
        c->source_fds = malloc(c->config->mounts.count * sizeof *c->source_fds);
        if (!c->source_fds)
            return error_oom(err);
        for (size_t i = 0; i < c->config->mounts.count; i++)
            c->source_fds[i] = -EBADF;
        r = rootfs_open_sources(c->config, c->source_fds, err);
        if (r == 0)
            state_mounts_open(c);
    }
    return r;
}

/* From here on only init holds them: above all the lock that says it waits. */
static void drop_inheritance(struct container *c)
{
    fd_close(&c->waiting_fd);
    fd_close(&c->listen_fd);
    fd_close(&c->agent_fd);
    cgroup_close_door(&c->cgroup_door);
    if (c->opts->archive)
        fd_close(c->opts->archive->opened);
    for (size_t i = 0; c->source_fds && i < c->config->mounts.count; i++)
        fd_close(&c->source_fds[i]);
}

/* The map and the state at once: the helpers take as long as all the rest. */
static int map_and_record(struct container *c, struct error *err)
{
    struct idmap_job job;
    int r, started, written;

    if (c->new_ns[OCI_NS_USER]) {
        r = idmap_start(&c->map, c->init_pid, &job, err);
        if (r < 0)
            return r;
    }
    started = network_start(c, err);
    c->state->pid = c->init_pid;
    written = started < 0 ? started : process_stat(c->init_pid, &c->state->start_time, NULL, NULL);
    if (started == 0 && written < 0)
        error_sys(err, -written, "read the start time of the container's init");
    if (written == 0)
        written = cgroup_setup_attach(c, err);
    if (written == 0)
        written = statedir_write(&c->dir, c->state, err);
    if (written == 0)
        written = file_replace_at(c->dir.fd, STATEDIR_CONFIG, c->config_text, c->config_len, 0600, err);
    if (written == 0)
        written = rdt_make(c, err);
    if (c->new_ns[OCI_NS_USER]) {
        /* If both failed, what the helpers say is the more useful. */
        r = idmap_finish(&c->map, &job, err);
        if (r < 0)
            return r;
    }
    return written < 0 ? written : cgroup_setup_delegate(c, err);
}

static int take_console(struct container *c, int *master, struct error *err)
{
    struct channel_message msg;
    int r = channel_expect(&c->channel, STEP_CONSOLE, &msg, err);

    if (r < 0)
        return r;
    if (c->console_socket) {
        _cleanup_close_ int fd = msg.fd;
        return console_send(c->console_socket, fd, msg.text, err);
    }
    *master = msg.fd;
    return 0;
}

static int run_runtime_hooks(struct container *c, struct error *err)
{
    const struct oci_net_device_list *devices = &c->config->linux_.net_devices;
    const struct oci_hooks *h = &c->config->hooks;
    int r;

    if (!h->prestart.count && !h->create_runtime.count && !devices->count)
        return 0;
    r = channel_expect(&c->channel, STEP_ENVIRONMENT_READY, NULL, err);
    if (r == 0)
        r = network_wait(c, err);
    if (r == 0)
        r = net_devices_move(devices, c->init_pid, err);
    if (r == 0)
        r = hooks_run(&h->prestart, "prestart", c->state, "created", &c->hook_output, err);
    if (r == 0)
        r = hooks_run(&h->create_runtime, "createRuntime", c->state, "created", &c->hook_output, err);
    return r < 0 ? r : channel_send(&c->channel, STEP_HOOKS_DONE, 0, NULL, -1, err);
}

static void log_warning_of_init(void *data, const char *text)
{
    log_warn((const struct log *)data, "%s", text);
}

int container_make(struct container *c, int *master, struct error *err)
{
    int r = statedir_create(&c->dir, c->rt, c->opts->id, err);

    if (r < 0)
        return r;
    r = make_state(c, err);
    if (r == 0)
        r = network_add_files(c, err);
    if (r == 0)
        r = notify_make(c, err);
    if (r == 0)
        r = prepare_inheritance(c, err);
    if (r < 0)
        return r;
    c->channel = (struct channel){.fd = -EBADF,
                                  .self = "the runtime",
                                  .peer = "container init",
                                  .warn = log_warning_of_init,
                                  .data = c->rt->log};
    r = filter_share(c, err);
    if (r == 0)
        r = cgroup_setup_make(c, err);
    if (r == 0)
        r = container_launch(c, err);
    if (r < 0)
        return r;
    drop_inheritance(c);
    r = map_and_record(c, err);
    if (r < 0) /* nothing can be written for a process that has ended: what ended it is the cause */
        return channel_prefer_peer(&c->channel, r, err);
    r = channel_send(&c->channel, STEP_ID_MAP_WRITTEN, 0, NULL, -1, err);
    if (r == 0) /* while init makes the mounts */
        r = filter_compile(c, err);
    if (r == 0)
        r = cgroup_setup_await(c, err);
    if (r == 0 && c->state->terminal)
        r = take_console(c, master, err);
    if (r < 0)
        return r;
    c->hooks_reached = true;
    r = run_runtime_hooks(c, err);
    if (r == 0)
        r = channel_expect(&c->channel, STEP_READY, NULL, err);
    if (r == 0)
        r = cgroup_setup_divide(c, err);
    if (r == 0)
        r = network_wait(c, err);
    if (r == 0 && c->pidfd_socket)
        r = pidfd_send(c->pidfd_socket, c->init_pidfd, err);
    if (r == 0 && c->pid_file)
        r = pid_file_write(c->pid_file, c->init_pid, err);
    c->pid_file_written = r == 0 && c->pid_file;
    return r;
}

void container_unmake(struct container *c)
{
    _cleanup_error_ struct error ignored = ERROR_INIT;
    int status;

    if (c->init_pid > 0) {
        /* Our own child, not reaped yet: the pid cannot be another's. */
        (void)kill(c->init_pid, SIGKILL);
        (void)process_wait(c->init_pid, &status);
        c->init_pid = 0;
    }
    net_helper_stop(&c->net_helper);
    cgroup_setup_abandon(c);
    if (c->state && container_destroy_cgroup(c->state, &ignored) < 0)
        log_warn_error(c->rt->log, &ignored);
    if (c->state && rdt_unmake(c, &ignored) < 0)
        log_warn_error(c->rt->log, &ignored);
    if (c->hooks_reached)
        hooks_run_all(&c->state->poststop, "poststop", c->state, "stopped", c->rt->log);
    if (c->pid_file_written)
        (void)unlink(c->pid_file);
    if (c->dir.fd >= 0 && statedir_remove(&c->dir, c->opts->id, &ignored) < 0)
        log_warn_error(c->rt->log, &ignored);
}

void container_free(struct container *c)
{
    unborrow_state(c);
    container_plan_free(c);
}

int container_create(const struct runtime *rt, const struct create_options *opts, struct error *err)
{
    __attribute__((cleanup(container_free))) struct container c = {0};
    int master = -EBADF;
    int r = container_plan(&c, rt, opts, true, err);

    if (r < 0)
        return r;
    r = container_make(&c, &master, err);
    /* The name by which `start` finds the socket is what makes the container created. */
    if (r == 0 && renameat(c.dir.fd, STATEDIR_SOCKET_EARLY, c.dir.fd, STATEDIR_SOCKET) < 0)
        r = error_sys(err, errno, "name the start socket in the state directory");
    if (r == 0)
        r = channel_send(&c.channel, STEP_DETACH, 0, NULL, -1, err);
    /* It dies with us until it has closed the channel: leave only then. */
    if (r == 0)
        r = channel_expect_end(&c.channel, err);
    if (r < 0)
        container_unmake(&c);
    return r;
}
