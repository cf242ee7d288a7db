/*
 * The manager "cgroupfs" for cgroup2: it makes directories in /sys/fs/cgroup and writes their files, without
 * a daemon to ask. The path that it keeps counts from the root of the mount.
 *
 * Where the cgroup goes is v2_place.c, controllers on the way there v2_enable.c, limits v2_resources.c,
 * processes v2_tasks.c, numbers v2_stats.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cgroup/device_bpf.h"
#include "cgroup/v2_internal.h"

#define REAL (~CGROUP_BIT(CGROUP_CORE)) /* those that have to be enabled */

static int plan(struct cgroup *cg, const struct cgroup_request *req, struct error *err)
{
    _cleanup_v2_place_ struct v2_place place = {0};
    _cleanup_error_ struct error why = ERROR_INIT;
    unsigned wanted = 0, have = 0;
    int r = v2_place_find(&place, req, err);

    if (r == 0)
        r = v2_place_check(&place, err);
    if (r == 0 && req->limits != LIMITS_OFF) {
        wanted = limits_controllers(req->resources, true) & REAL;
        r = v2_resources_check(req->resources, "linux.resources.", err);
    }
    if (r < 0)
        return r;
    if (wanted)
        have = v2_can_enable(&place, wanted, &why);
    r = limits_settle(req, have, true, &why, &cg->which, err);
    cg->below_own = strcmp(place.base, place.own) == 0 && strcmp(place.own, "/") != 0;
    if (r == 0)
        cg->path = TAKE_PTR(place.path);
    return r;
}

/* A cgroup of the name that is there and empty is one that a container was killed in, or was made for this
 * one; another is another's. */
static int make_one(const char *full, bool chosen, struct error *err)
{
    if (mkdir(full, 0755) == 0)
        return 0;
    if (errno != EEXIST)
        return -errno;
    if (!chosen || (rmdir(full) < 0 && errno != ENOENT)) {
        error_sys(err, EEXIST, "create the cgroup \"%s\"", full);
        error_hint(err, "there is one already, with processes or cgroups in it");
        return -EEXIST;
    }
    return mkdir(full, 0755) < 0 ? -errno : 0;
}

/* The cgroups between base and the new one, which become base one after the other. *made: how many. */
static int make_way(struct v2_place *place, unsigned wanted, size_t *made, struct error *err)
{
    int r = v2_enable(place, wanted, err);

    for (*made = 0; r == 0;) {
        size_t len = strcmp(place->base, "/") == 0 ? 0 : strlen(place->base);
        len += 1 + strcspn(place->path + len + 1, "/");
        if (!place->path[len])
            return 0;
        _cleanup_free_ char *next = strndup(place->path, len), *full = next ? v2_show(next) : NULL;
        if (!full)
            return error_oom(err);
        if (mkdir(full, 0755) == 0)
            ++*made;
        else if (errno != EEXIST)
            return error_sys(err, errno, "create the cgroup \"%s\"", full);
        free(place->base);
        place->base = TAKE_PTR(next);
        r = v2_enable(place, wanted, err);
    }
    return r;
}

/* Takes away what make_way made. */
static void unmake_way(struct v2_place *place, size_t made)
{
    for (; made; made--) {
        _cleanup_free_ char *full = v2_show(place->base);
        if (!full || rmdir(full) < 0)
            return;
        *strrchr(place->base, '/') = '\0';
    }
}

static int set_up(const struct cgroup *cg, const struct cgroup_request *req, const char *full, int *clone_fd,
                  struct error *err)
{
    _cleanup_close_ int fd = v2_open(cg->path, NULL, err);
    int r = fd < 0 ? fd : 0;

    if (r == 0 && cg->which)
        r = v2_resources_apply(fd, full, req->resources, cg->which, err);
    if (r == 0)
        *clone_fd = TAKE_FD(fd);
    return r;
}

static int make(struct cgroup *cg, const struct cgroup_request *req, int *clone_fd, struct error *err)
{
    _cleanup_free_ char *full = v2_show(cg->path);
    _cleanup_v2_place_ struct v2_place place = {0};
    size_t made = 0;
    int r;

    if (!full)
        return error_oom(err);
    /* Without limits nothing is to be made on the way to it: in the caller's own cgroup no controller can be
     * enabled as long as the caller is there. */
    r = cg->which & REAL || !cg->below_own ? -ENOENT : make_one(full, req->path, err);
    if (r == -ENOENT) {
        r = v2_place_of(&place, cg->path, err);
        if (r == 0)
            r = make_way(&place, cg->which & REAL, &made, err);
        if (r == 0)
            r = make_one(full, req->path, err);
    }
    if (r < 0 && err && !err->text)
        error_sys(err, -r, "create the cgroup \"%s\"", full);
    if (r == 0) {
        r = set_up(cg, req, full, clone_fd, err);
        if (r < 0)
            (void)rmdir(full);
    }
    if (r < 0)
        unmake_way(&place, made);
    return r;
}

static int attach(struct cgroup *cg, const struct cgroup_request *req, struct error *err)
{
    _cleanup_free_ char *shown = NULL;
    _cleanup_close_ int fd = v2_open(cg->path, &shown, err);

    return fd < 0 ? fd : v2_add_process(fd, shown, req->pid, err);
}

static int clone_fd(const struct cgroup *cg, const char *sub, pid_t init, struct error *err)
{
    return v2_open_for_process(cg->path, sub, init, NULL, err);
}

static int enter(const struct cgroup *cg, const char *sub, pid_t init, pid_t pid, struct error *err)
{
    _cleanup_free_ char *shown = NULL;
    _cleanup_close_ int fd = v2_open_for_process(cg->path, sub, init, &shown, err);

    return fd < 0 ? fd : v2_add_process(fd, shown, pid, err);
}

/* The rest is work on the directory. */
#define ON_DIRECTORY(call)                                   \
    _cleanup_free_ char *shown = NULL;                       \
    _cleanup_close_ int fd = v2_open(cg->path, &shown, err); \
    return fd < 0 ? fd : call

int v2_bring_controllers(const char *path, int dirfd, unsigned wanted, struct error *err)
{
    _cleanup_v2_place_ struct v2_place place = {0};
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_free_ char *text = NULL;

    if (!wanted ||
        (v2_read(dirfd, "", "cgroup.controllers", &text, NULL) == 0 && !(wanted & ~controllers_parse(text))))
        return 0;
    int r = v2_place_of(&place, path, err);
    if (r < 0)
        return r;
    if (wanted & ~v2_can_enable(&place, wanted, &why)) {
        error_move(err, &why);
        return err ? -err->code : -ENOTSUP;
    }
    return v2_enable(&place, wanted, err);
}

static int update(const struct cgroup *cg, const struct oci_resources *resources, struct error *err)
{
    _cleanup_free_ char *shown = NULL;
    _cleanup_close_ int fd = v2_open(cg->path, &shown, err);
    int r = fd < 0 ? fd : v2_resources_check(resources, "", err);

    /* It may have been made without limits, and so without controllers. */
    if (r == 0)
        r = v2_bring_controllers(cg->path, fd, limits_controllers(resources, true) & REAL, err);
    return r < 0 ? r : v2_resources_apply(fd, shown, resources, CGROUP_ALL, err);
}

int v2_cgroup_delegate(const struct cgroup *cg, uid_t uid, gid_t gid, struct error *err)
{
    ON_DIRECTORY(v2_delegate(fd, shown, uid, gid, err));
}

int v2_cgroup_set_devices(const struct cgroup *cg, struct device_rules *rules, bool fresh, struct error *err)
{
    (void)fresh;
    ON_DIRECTORY(device_bpf_apply(fd, shown, rules, err));
}

int v2_cgroup_freeze(const struct cgroup *cg, bool frozen, struct error *err)
{
    ON_DIRECTORY(v2_freeze(fd, shown, frozen, err));
}

int v2_cgroup_is_frozen(const struct cgroup *cg)
{
    _cleanup_close_ int fd = v2_open(cg->path, NULL, NULL);

    return fd < 0 ? 0 : v2_is_frozen(fd);
}

int v2_cgroup_stats(const struct cgroup *cg, cJSON **data, struct error *err)
{
    ON_DIRECTORY(v2_stats(fd, shown, data, err));
}

int v2_cgroup_oom_open(const struct cgroup *cg, struct error *err)
{
    ON_DIRECTORY(v2_oom_open(fd, shown, err));
}

int v2_cgroup_oom_count(const struct cgroup *cg, int events, uint64_t *count, struct error *err)
{
    (void)err;
    /* Of one that is gone nobody can tell any more. */
    _cleanup_close_ int fd = v2_open(cg->path, NULL, NULL);
    *count = v2_oom_count(fd, events);
    return 0;
}

int v2_cgroup_processes(const struct cgroup *cg, int (*each)(void *data, pid_t pid), void *data,
                        struct error *err)
{
    ON_DIRECTORY(v2_processes(fd, shown, each, data, err));
}

int v2_cgroup_kill(const struct cgroup *cg, int sig, struct error *err)
{
    ON_DIRECTORY(v2_kill(fd, shown, sig, err));
}

static int destroy(const struct cgroup *cg, struct error *err)
{
    return v2_remove(cg->path, err);
}

const struct cgroup_manager cgroup_v2 = {
    .name = "cgroupfs",
    .plan = plan,
    .make = make,
    .attach = attach,
    .delegate = v2_cgroup_delegate,
    .clone_fd = clone_fd,
    .enter = enter,
    .update = update,
    .set_devices = v2_cgroup_set_devices,
    .freeze = v2_cgroup_freeze,
    .is_frozen = v2_cgroup_is_frozen,
    .stats = v2_cgroup_stats,
    .oom_open = v2_cgroup_oom_open,
    .oom_count = v2_cgroup_oom_count,
    .processes = v2_cgroup_processes,
    .kill = v2_cgroup_kill,
    .destroy = destroy,
};
