#include "container/cgroup_setup.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/process.h"
#include "base/str.h"
#include "cgroup/cgroup.h"
#include "cgroup/devices.h"
#include "container/cgroups.h"

/* Does the container get cgroup files that it can write: a mount of the type, with the last of ro and rw not
 * ro? */
static bool has_writable_mount(const struct oci_config *config)
{
    for (size_t i = 0; i < config->mounts.count; i++) {
        const struct oci_mount *m = &config->mounts.items[i];
        bool readonly = false;
        if (!m->type || (strcmp(m->type, "cgroup") != 0 && strcmp(m->type, "cgroup2") != 0))
            continue;
        STRV_FOREACH (option, m->options)
            if (strcmp(*option, "ro") == 0 || strcmp(*option, "rro") == 0)
                readonly = true;
            else if (strcmp(*option, "rw") == 0)
                readonly = false;
        if (!readonly)
            return true;
    }
    return false;
}

/* The annotations are in the config until the state takes them over. */
static struct cgroup_request request(const struct container *c)
{
    const struct oci_linux *l = &c->config->linux_;

    return (struct cgroup_request){
        .id = c->opts->id,
        .path = l->cgroups_path,
        .resources = l->resources,
        .devices = &l->devices,
        .annotations = c->state ? &c->state->annotations : &c->config->annotations,
        .in_userns = c->userns,
        .unified = c->cgroup_unified,
        .limits = c->rt->limits,
        .log = c->rt->log,
        .pid = c->init_pid,
    };
}

/* Rules need a cgroup, or a user namespace: there the kernel forbids all devices but those that are bound. */
static int check_rules(const struct container *c, struct error *err)
{
    const struct oci_resources *resources = c->config->linux_.resources;
    _cleanup_device_rules_ struct device_rules rules = {0};

    if (!resources || !resources->devices.count || cgroup_exists(&c->cgroup) || c->userns)
        return 0;
    int r = device_rules_make(&rules, &c->config->linux_.devices, &resources->devices, err);
    if (r < 0 || device_rules_allow_all(&rules))
        return r;
    error_set(err, ENOTSUP,
              "linux.resources.devices: rules for devices need a cgroup, and there is none "
              "(cgroup manager \"%s\")",
              cgroup_manager_name(&c->cgroup));
    error_hint(err,
               "leave --cgroup-manager out, or add a user namespace to linux.namespaces, where the kernel "
               "forbids all devices but those asked for");
    return -ENOTSUP;
}

int cgroup_setup_plan(struct container *c, struct error *err)
{
    const struct cgroup_request req = request(c);
    int r = cgroup_plan(&c->cgroup, c->rt->cgroup_manager, &req, err);

    return r < 0 ? r : check_rules(c, err);
}

static int make(struct container *c, struct error *err)
{
    const struct cgroup_request req = request(c);
    int r = cgroup_make(&c->cgroup, &req, &c->cgroup_fd, err);

    if (r < 0)
        return r;
    r = container_set_devices(&c->cgroup, req.devices, req.resources, true, req.log, err);
    if (r == 0)
        r = cgroup_open_door(&c->cgroup, NULL, &c->cgroup_door, err);
    if (r < 0) {
        fd_close(&c->cgroup_fd);
        (void)cgroup_destroy(&c->cgroup, NULL);
    }
    return r;
}

static int keep(struct container *c, struct error *err)
{
    struct oci_state *s = c->state;

    free(s->cgroup_manager);
    free(s->cgroup_path);
    s->cgroup_manager = strdup(cgroup_manager_name(&c->cgroup));
    s->cgroup_path = c->cgroup.path ? strdup(c->cgroup.path) : NULL;
    return s->cgroup_manager && (s->cgroup_path || !c->cgroup.path) ? 0 : error_oom(err);
}

/* Nothing of ours is there: what has the name is another's, and not to be removed. */
static void forget(struct container *c)
{
    free(c->state->cgroup_path);
    c->state->cgroup_path = NULL;
}

int cgroup_setup_make(struct container *c, struct error *err)
{
    _cleanup_close_ int note = -EBADF;
    int r = keep(c, err);

    if (r < 0 || !cgroup_exists(&c->cgroup))
        return r;
    /* Only when it is there it is known to be ours: until then the state does not name it. */
    c->awaits_cgroup = cgroup_is_slow(&c->cgroup);
    if (c->awaits_cgroup) {
        forget(c);
        return 0;
    }
    /* Killed from here on, the call leaves a note by which delete finds the cgroup. */
    note = statedir_note_cgroup(&c->dir, cgroup_manager_name(&c->cgroup), c->cgroup.path, err);
    r = note < 0 ? note : make(c, err);
    if (r < 0) {
        forget(c);
        return r;
    }
    return statedir_cgroup_made(note, err);
}

int cgroup_setup_attach(struct container *c, struct error *err)
{
    const struct cgroup_request req = request(c);
    int r = c->in_cgroup ? 0 : cgroup_attach(&c->cgroup, &req, err);

    fd_close(&c->cgroup_fd);
    return r;
}

static bool has_ended(int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

/* A fork of the runtime: it becomes root of the container's user namespace, and may then give away what
 * belongs to an id that is mapped there. */
static _Noreturn void delegate_inside(const struct container *c, const struct cgroup *cg)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    if (setns(c->init_pidfd, CLONE_NEWUSER) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        _exit(1);
    _exit(cgroup_delegate(cg, 0, 0, &err) < 0);
}

static int delegate(const struct container *c, const struct cgroup *cg, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    uint32_t uid, gid;
    int status = 0;

    if (!c->new_ns[OCI_NS_USER] || !c->new_ns[OCI_NS_CGROUP] || !cgroup_exists(cg) ||
        !has_writable_mount(c->config))
        return 0;
    if (idmap_to_host(&c->map.uids, 0, &uid) < 0 || idmap_to_host(&c->map.gids, 0, &gid) < 0 ||
        (uid == geteuid() && gid == getegid()))
        return 0;
    int r = cgroup_delegate(cg, uid, gid, &why);
    if (r != -EPERM) {
        error_move(err, &why);
        return r;
    }
    pid_t pid = fork();
    if (pid < 0)
        return error_sys(err, errno, "fork");
    if (pid == 0)
        delegate_inside(c, cg);
    r = process_wait(pid, &status);
    if (r < 0)
        return error_sys(err, -r, "wait for a child");
    /* The container runs as well without; only what it wanted the mount for it can't do. */
    if (status)
        log_warn(
            c->rt->log,
            "the cgroup is not given to the container's root: its user namespace does not map the caller, "
            "who owns the cgroup");
    return 0;
}

int cgroup_setup_delegate(struct container *c, struct error *err)
{
    return c->awaits_cgroup ? 0 : delegate(c, &c->cgroup, err);
}

int cgroup_setup_await(struct container *c, struct error *err)
{
    const struct cgroup_request req = request(c);
    _cleanup_error_ struct error why = ERROR_INIT;
    int r;

    if (!c->awaits_cgroup)
        return 0;
    r = cgroup_await(&c->cgroup, &req, err);
    /* Nobody can put a process into a cgroup that has ended; why it has is the better error. */
    if (r < 0 && has_ended(c->init_pidfd) && channel_expect(&c->channel, STEP_READY, NULL, &why) < 0)
        error_move(err, &why);
    if (r == 0)
        r = keep(c, err);
    if (r == 0)
        r = statedir_write(&c->dir, c->state, err);
    if (r == 0)
        r = container_set_devices(&c->cgroup, req.devices, req.resources, true, req.log, err);
    if (r == 0)
        r = delegate(c, &c->cgroup, err);
    return r < 0 ? r : channel_send(&c->channel, STEP_IN_CGROUP, 0, NULL, -1, err);
}

int cgroup_setup_divide(struct container *c, struct error *err)
{
    const struct cgroup_request req = request(c);
    _cleanup_cgroup_ struct cgroup below = {0};
    int r = cgroup_divide(&c->cgroup, &req, &below, err);

    return r < 0 ? r : delegate(c, &below, err);
}

void cgroup_setup_abandon(struct container *c)
{
    if (!c->cgroup.pending)
        return;
    cgroup_abandon(&c->cgroup);
    forget(c);
}
