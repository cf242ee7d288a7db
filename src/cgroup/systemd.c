/*
 * The manager "systemd": a container is a transient scope, in the manager of the user or, for root, in that
 * of the system.
 *
 * Theory of operation. systemd makes the scope around the container's init, with the limits as properties of
 * the unit, and hands what is below it to us (Delegate=yes). There the container gets a cgroup of its own,
 * "container": the scope's own files stay systemd's, the container can divide what it has, and what systemd
 * has no property for is set in the files. From then on the work is that of cgroup2 files (v2_*.c); systemd
 * is asked again to change limits, to move a process from where only it may, and to take the scope away.
 *
 * The path that is kept is that of the container's cgroup, as /proc/PID/cgroup tells it; the unit and whose
 * systemd it belongs to stand in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cgroup/devices.h"
#include "cgroup/systemd.h"
#include "cgroup/systemd_job.h"
#include "cgroup/v2_internal.h"

#define REAL (~CGROUP_BIT(CGROUP_CORE)) /* those that have to be enabled */

#define UNDO_TIMEOUT UINT64_C(10000000) /* µs that systemd may take to stop what failed */

/* What the annotations and linux.cgroupsPath say. */
struct place {
    struct systemd_owner owner;
    struct unit unit;
    char *sub;
};

static void place_free(struct place *p)
{
    unit_free(&p->unit);
    free(p->sub);
}
#define _cleanup_place_ __attribute__((cleanup(place_free)))

static int find_place(struct place *p, const struct cgroup_request *req, struct error *err)
{
    systemd_owner_of_caller(&p->owner);
    int r = unit_from_path(req->path, req->id, p->owner.user, &p->unit, err);

    /* A path of another form may be meant for another manager. */
    if (r == -EINVAL && err)
        err->code = ENOTSUP;
    return r == -EINVAL ? -ENOTSUP : r < 0 ? r : unit_subgroup(&p->unit, req->annotations, &p->sub, err);
}

/* The controllers that the manager can give to its units. */
static unsigned controllers_of(const char *root, const struct systemd_owner *owner, struct error *why)
{
    _cleanup_free_ char *shown = NULL, *text = NULL;
    _cleanup_close_ int fd = v2_open(*root ? root : "/", &shown, why);

    if (fd < 0 || v2_read(fd, shown, "cgroup.controllers", &text, why) < 0)
        return 0;
    error_set(why, ENOTSUP,
              owner->user ? "the controller is not delegated to the cgroup \"%s\" of the user's systemd"
                          : "this machine has no such controller in \"%s\"",
              shown);
    if (owner->user)
        error_hint(why, V2_DELEGATE_HINT);
    return controllers_parse(text);
}

static int plan_limits(struct cgroup *cg, const struct cgroup_request *req, const char *root,
                       const struct systemd_owner *owner, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    unsigned have = 0;

    if (req->limits == LIMITS_OFF)
        return limits_settle(req, 0, true, &why, &cg->which, err);
    int r = v2_resources_check(req->resources, "linux.resources.", err);
    if (r < 0)
        return r;
    if (limits_controllers(req->resources, true) & REAL)
        have = controllers_of(root, owner, &why);
    return limits_settle(req, have, true, &why, &cg->which, err);
}

static int check_annotations(const struct cgroup_request *req, struct error *err)
{
    _cleanup_unit_properties_ struct unit_properties properties = {0};

    return unit_properties_of_annotations(&properties, req->annotations, err);
}

static int plan(struct cgroup *cg, const struct cgroup_request *req, struct error *err)
{
    _cleanup_place_ struct place p = {0};
    _cleanup_free_ char *root = NULL;
    int r = find_place(&p, req, err);

    if (r == 0)
        r = check_annotations(req, err);
    if (r == 0)
        r = systemd_probe(&p.owner, err);
    if (r < 0)
        return r;
    root = systemd_owner_cgroup(&p.owner);
    if (!root)
        return error_oom(err);
    r = plan_limits(cg, req, root, &p.owner, err);
    if (r < 0)
        return r;
    cg->path = unit_cgroup(root, &p.unit, p.sub);
    return cg->path ? 0 : error_oom(err);
}

/* The cgroup of the unit, now that it runs: not where it was expected but where it is. */
static int find_cgroup(struct systemd *s, const struct place *p, pid_t pid, char **path, struct error *err)
{
    _cleanup_free_ char *found = NULL, *unit = NULL;
    size_t len;

    if (p->unit.is_slice)
        return systemd_slice_cgroup(s, p->unit.name, path, err);
    int r = v2_of_process(pid, &found, err);
    if (r < 0)
        return r;
    unit = unit_of_cgroup(found, &len);
    if (!unit || found[len] || strcmp(unit, p->unit.name) != 0) {
        error_set(err, EXDEV, "systemd started \"%s\", but process %d is in the cgroup \"%s\"", p->unit.name,
                  (int)pid, found);
        error_hint(err, "systemd counts processes in another pid namespace than bryo");
        return -EXDEV;
    }
    *path = TAKE_PTR(found);
    return 0;
}

/* The container's cgroup below that of the unit, with the process in it and the limits set. */
static int make_subgroup(struct cgroup *cg, const struct cgroup_request *req, const struct place *p,
                         char *own, struct error *err)
{
    _cleanup_free_ char *shown = NULL, *full = NULL;
    _cleanup_close_ int fd = -EBADF;
    char nowhere[] = ""; /* the caller is not on the way */
    struct v2_place place = {.own = nowhere, .path = cg->path, .base = own};
    int r = 0;

    if (*p->sub) {
        full = v2_show(cg->path);
        if (!full)
            return error_oom(err);
        if (mkdir(full, 0755) < 0 && errno != EEXIST)
            return error_sys(err, errno, "create the cgroup \"%s\"", full);
    }
    fd = v2_open(cg->path, &shown, err);
    if (fd < 0)
        return fd;
    if (*p->sub || p->unit.is_slice)
        r = v2_add_process(fd, shown, req->pid, err);
    if (r == 0 && *p->sub)
        r = v2_enable(&place, cg->which & REAL, err);
    if (r == 0 && cg->which)
        r = v2_resources_apply(fd, shown, req->resources, cg->which, err);
    return r;
}

static int add_devices(struct unit_properties *properties, const struct cgroup_request *req,
                       const struct place *p, struct error *err)
{
    _cleanup_device_rules_ struct device_rules rules = {0};

    if (p->owner.user || unit_has_device_annotations(req->annotations))
        return 0;
    int r = device_rules_make(&rules, req->devices, req->resources ? &req->resources->devices : NULL, err);
    return r < 0 ? r : unit_properties_of_devices(properties, &rules, true, err);
}

static int build_properties(struct unit_properties *properties, const struct cgroup *cg,
                            const struct cgroup_request *req, const struct place *p, struct error *err)
{
    int r = unit_properties_of_unit(properties, &p->unit, req->id, req->pid, err);

    if (r == 0)
        r = unit_properties_of_resources(properties, req->resources, cg->which, err);
    if (r == 0)
        r = add_devices(properties, req, p, err);
    return r < 0 ? r : unit_properties_of_annotations(properties, req->annotations, err);
}

/* A unit that is being started. */
struct pending {
    struct place place;
    struct unit_properties properties;
    struct systemd s;
    bool foreign; /* the unit is somebody else's */
    bool lost;    /* the bus is gone */
};

static void pending_free(struct pending *p)
{
    systemd_close(&p->s);
    unit_properties_free(&p->properties);
    place_free(&p->place);
    free(p);
}

/* One that is in the way is somebody else's, and so are processes that are not where they should be. */
static int note_failure(struct pending *p, int r)
{
    p->foreign |= r == -EEXIST || r == -EXDEV;
    p->lost |= r == -ECONNRESET || !p->s.bus;
    return r;
}

static int attach(struct cgroup *cg, const struct cgroup_request *req, struct error *err)
{
    struct pending *p = calloc(1, sizeof *p);
    int r;

    if (!p)
        return error_oom(err);
    cg->pending = p;
    r = find_place(&p->place, req, err);
    if (r == 0)
        r = build_properties(&p->properties, cg, req, &p->place, err);
    if (r == 0)
        r = systemd_open(&p->s, &p->place.owner, err);
    if (r == 0)
        r = systemd_start_begin(&p->s, p->place.unit.name, &p->properties, err);
    return note_failure(p, r);
}

static int settle(struct pending *p, struct cgroup *cg, const struct cgroup_request *req, struct error *err)
{
    _cleanup_free_ char *own = NULL;
    const char *sub = p->place.sub;
    int r = find_cgroup(&p->s, &p->place, req->pid, &own, err);

    if (r < 0)
        return r;
    free(cg->path);
    cg->path = *sub ? str_printf("%s/%s", own, sub) : strdup(own);
    return cg->path ? make_subgroup(cg, req, &p->place, own, err) : error_oom(err);
}

static int await(struct cgroup *cg, const struct cgroup_request *req, struct error *err)
{
    struct pending *p = cg->pending;
    int r = systemd_start_finish(&p->s, p->place.unit.name, &p->properties, err);

    if (r == 0)
        r = settle(p, cg, req, err);
    if (r < 0)
        return note_failure(p, r);
    pending_free(p);
    cg->pending = NULL;
    return 0;
}

/* Where nobody takes the unit's cgroup away: only what is empty goes. */
static void remove_empty(const char *path)
{
    _cleanup_free_ char *full = v2_show(path), *unit = NULL;
    size_t len, root = strlen(CGROUP_ROOT);

    unit = unit_of_cgroup(path, &len);
    if (!full || !unit)
        return;
    (void)rmdir(full);
    full[root + len] = '\0';
    (void)rmdir(full);
}

/* The container's init has ended, so its scope ends by itself; StopUnit waits for that. */
static void abandon(struct cgroup *cg)
{
    struct pending *p = cg->pending;

    if (!p->foreign && !p->lost) {
        p->s.timeout = UNDO_TIMEOUT;
        (void)systemd_stop_unit(&p->s, p->place.unit.name, NULL);
    }
    if (!p->foreign)
        remove_empty(cg->path);
    pending_free(p);
    cg->pending = NULL;
    free(cg->path);
    cg->path = NULL;
}

const struct cgroup_manager cgroup_systemd = {
    .name = "systemd",
    .subgroups = true,
    .plan = plan,
    .attach = attach,
    .await = await,
    .abandon = abandon,
    .clone_fd = systemd_clone_fd,
    .enter = systemd_enter,
    .delegate = v2_cgroup_delegate,
    .update = systemd_update,
    .set_devices = systemd_set_devices,
    .freeze = v2_cgroup_freeze,
    .is_frozen = v2_cgroup_is_frozen,
    .stats = v2_cgroup_stats,
    .oom_open = v2_cgroup_oom_open,
    .oom_count = v2_cgroup_oom_count,
    .processes = v2_cgroup_processes,
    .kill = v2_cgroup_kill,
    .destroy = systemd_destroy,
};
