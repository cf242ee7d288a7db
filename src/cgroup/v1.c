/*
 * The manager "cgroupfs" for cgroup v1, also beside cgroup2 (hybrid machines): v1.h tells how it works.
 *
 * Where a container goes is v1_tree.c, the directories v1_make.c, limits v1_resources.c and v1_devices.c,
 * what cgroup2 has to offer beside v1 v1_hybrid.c, processes v1_tasks.c, numbers v1_stats.c and v1_oom.c.
 */
#include "cgroup/v1.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cgroup/v2_internal.h"

#define UNIFIED_HINT "boot with systemd.unified_cgroup_hierarchy=1 for cgroup v2"

/* May the caller make cgroups there? Asked in the first hierarchy only: they are all the same machine's. */
static int check_rights(const struct v1_tree *tree, struct error *err)
{
    const struct v1_hierarchy *h = &tree->items[0];
    _cleanup_free_ char *top = strndup(h->dir, h->top);

    if (!top)
        return error_oom(err);
    if (faccessat(AT_FDCWD, top, W_OK, AT_EACCESS) == 0)
        return 0;
    int code = errno;
    error_sys(err, code, "the cgroup \"%s\" is not the caller's to divide", top);
    error_hint(err, code == EROFS ? "cgroups are mounted read-only here, as in a container"
                                  : "cgroup v1 is managed by root of the machine; " UNIFIED_HINT);
    return -code;
}

static int check_request(const struct cgroup_request *req, struct error *err)
{
    const struct oci_map *unified = req->resources ? &req->resources->unified : NULL;

    if (req->path && cgroup_path_is_unit(req->path)) {
        _cleanup_free_ char *shown = str_quote(req->path, 200);
        error_set(err, EINVAL, "linux.cgroupsPath: \"%s\" names a unit of systemd", shown ? shown : "?");
        error_hint(err, "use --cgroup-manager systemd, or a path such as \"/a/b\"");
        return -EINVAL;
    }
    if (!unified || !unified->count || req->limits == LIMITS_OFF)
        return 0;
    if (req->limits == LIMITS_TRY) {
        log_warn(req->log,
                 "without the limits linux.resources.unified: they are files of cgroup v2, and this "
                 "machine has cgroup v1");
        return 0;
    }
    error_set(err, ENOTSUP,
              "linux.resources.unified: these are files of cgroup v2, and this machine has cgroup v1");
    error_hint(err, "%s; --limits=try runs the container without", UNIFIED_HINT);
    return -ENOTSUP;
}

/* What of @wanted is there; *why tells of the first that is not. */
static unsigned find_controllers(const struct v1_tree *tree, unsigned wanted, struct error *why)
{
    unsigned have = v1_have(tree);

    if (wanted & ~have)
        have |= v1_hybrid_have(tree);
    unsigned missing = wanted & ~have & ~CGROUP_BIT(CGROUP_CORE);
    for (unsigned i = 0; i < CGROUP_CONTROLLERS; i++)
        if (missing & CGROUP_BIT(i)) {
            const char *name = v1_controller_name(i);
            error_set(why, ENOTSUP, "this machine has no controller \"%s\" in cgroup v1", name);
            error_hint(
                why,
                "if /proc/cgroups lists it, and it is in no other use: mkdir /sys/fs/cgroup/%s && mount -t "
                "cgroup -o %s %s /sys/fs/cgroup/%s",
                name, name, name, name);
            break;
        }
    return have;
}

static int plan(struct cgroup *cg, const struct cgroup_request *req, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_v1_ struct v1_tree tree = {.count = 0};

    if (geteuid() != 0) {
        error_set(err, EPERM, "this machine has cgroup v1, which only root can manage");
        error_hint(err, UNIFIED_HINT);
        return -EPERM;
    }
    int r = check_request(req, err);
    if (r == 0)
        r = v1_find(&tree, "/proc/self/mountinfo", "/proc/self/cgroup", err);
    if (r == 0)
        r = check_rights(&tree, err);
    if (r == 0)
        r = v1_place(&tree, req->path, req->id, err);
    if (r < 0)
        return r;
    unsigned wanted = req->limits == LIMITS_OFF ? 0 : limits_controllers(req->resources, false);
    r = limits_settle(req, find_controllers(&tree, wanted, &why), false, &why, &cg->which, err);
    if (r == 0 && wanted)
        r = v1_resources_check(req->resources, err);
    return r < 0 ? r : v1_encode(&tree, &cg->path, err);
}

static int set_limits(const struct cgroup *cg, const struct v1_tree *tree, const struct cgroup_request *req,
                      struct error *err)
{
    const struct v1_way way = {.fresh = true, .drops = req->limits == LIMITS_TRY, .log = req->log};
    int r = v1_resources_apply(tree, req->resources, cg->which, &way, err);

    return r < 0 ? r : v1_hybrid_apply(tree, req->resources, cg->which, err);
}

/* In that of cgroup2 a process can be born. */
static int open_cgroup2(const struct v1_tree *tree, int *fd, struct error *err)
{
    const struct v1_hierarchy *h = v1_cgroup2(tree);

    if (!h)
        return 0;
    *fd = v1_open(h, err);
    return *fd < 0 ? *fd : 0;
}

static int make(struct cgroup *cg, const struct cgroup_request *req, int *clone_fd, struct error *err)
{
    _cleanup_v1_ struct v1_tree tree = {.count = 0};
    int r = v1_decode(&tree, cg->path, err);

    if (r == 0)
        r = v1_make(&tree, req->path, err);
    if (r < 0)
        return r;
    if (cg->which)
        r = set_limits(cg, &tree, req, err);
    if (r == 0)
        r = open_cgroup2(&tree, clone_fd, err);
    if (r < 0) {
        v1_unmake(&tree);
        fd_close(clone_fd);
    }
    return r;
}

/* The rest is the door's; a process that was not cloned into that of cgroup2 is put there. */
static int attach(struct cgroup *cg, const struct cgroup_request *req, struct error *err)
{
    _cleanup_v1_ struct v1_tree tree = {.count = 0};
    char number[16];
    int r = v1_decode(&tree, cg->path, err);
    const struct v1_hierarchy *h = r == 0 ? v1_cgroup2(&tree) : NULL;

    snprintf(number, sizeof number, "%d", (int)req->pid);
    return h ? v1_write(h->dir, "cgroup.procs", number, err) : r;
}

/* The directories for one more process. */
static int find_place(const struct cgroup *cg, const char *sub, struct v1_tree *tree, struct error *err)
{
    int r = v1_decode(tree, cg->path, err);

    return r < 0 || !sub ? r : v1_make_sub(tree, sub, err);
}

static int clone_fd(const struct cgroup *cg, const char *sub, pid_t init, struct error *err)
{
    _cleanup_v1_ struct v1_tree tree = {.count = 0};
    int fd = -EBADF, r = find_place(cg, sub, &tree, err);

    (void)init;
    if (r == 0)
        r = open_cgroup2(&tree, &fd, err);
    return r < 0 ? r : fd;
}

static int open_door(const struct cgroup *cg, const char *sub, struct cgroup_door *door, struct error *err)
{
    _cleanup_v1_ struct v1_tree tree = {.count = 0};
    int r = find_place(cg, sub, &tree, err);

    for (size_t i = 0; r == 0 && i < tree.count; i++) {
        if (v1_is_cgroup2(&tree.items[i]))
            continue;
        char *path = str_printf("%s/tasks", tree.items[i].dir);
        if (!path)
            return error_oom(err);
        int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            r = error_sys(err, errno, "open \"%s\"", path);
        else
            door->items[door->count++] = (struct cgroup_door_item){fd, path};
        if (fd < 0)
            free(path);
    }
    return r;
}

/* What every member below begins with. */
#define ON_TREE(call)                                \
    _cleanup_v1_ struct v1_tree tree = {.count = 0}; \
    int r = v1_decode(&tree, cg->path, err);         \
    return r < 0 ? r : call

static int update(const struct cgroup *cg, const struct oci_resources *resources, struct error *err)
{
    const struct v1_way way = {.fresh = false};
    _cleanup_v1_ struct v1_tree tree = {.count = 0};
    _cleanup_error_ struct error why = ERROR_INIT;
    int r = v1_decode(&tree, cg->path, err);

    if (r == 0 && resources->unified.count)
        r = error_set(err, ENOTSUP, "unified: these are files of cgroup v2, and this machine has cgroup v1");
    unsigned wanted = limits_controllers(resources, false) & ~CGROUP_BIT(CGROUP_CORE);
    if (r == 0 && wanted & ~find_controllers(&tree, wanted, &why)) {
        error_move(err, &why);
        return -ENOTSUP;
    }
    if (r == 0)
        r = v1_resources_apply(&tree, resources, CGROUP_ALL, &way, err);
    return r < 0 ? r : v1_hybrid_apply(&tree, resources, CGROUP_ALL, err);
}

static int set_devices(const struct cgroup *cg, struct device_rules *rules, bool fresh, struct error *err)
{
    ON_TREE(v1_devices_apply(&tree, rules, fresh, err));
}

static int freeze(const struct cgroup *cg, bool frozen, struct error *err)
{
    ON_TREE(v1_freeze(&tree, frozen, err));
}

static int is_frozen(const struct cgroup *cg)
{
    struct error *err = NULL;
    ON_TREE(v1_is_frozen(&tree));
}

static int stats(const struct cgroup *cg, cJSON **data, struct error *err)
{
    ON_TREE(v1_stats(&tree, data, err));
}

static int oom_open(const struct cgroup *cg, struct error *err)
{
    ON_TREE(v1_oom_open(&tree, err));
}

static int oom_count(const struct cgroup *cg, int fd, uint64_t *count, struct error *err)
{
    ON_TREE(v1_oom_count(&tree, fd, count, err));
}

static int processes(const struct cgroup *cg, int (*each)(void *data, pid_t pid), void *data,
                     struct error *err)
{
    ON_TREE(v1_processes(&tree, each, data, err));
}

static int kill_all(const struct cgroup *cg, int sig, struct error *err)
{
    ON_TREE(v1_kill(&tree, sig, err));
}

/* Written whether it is frozen or not: to look first costs as much, and may fail as well. */
static int let_die(const struct cgroup *cg, struct error *err)
{
    _cleanup_v1_ struct v1_tree tree = {.count = 0};
    int r = v1_decode(&tree, cg->path, err);
    const struct v1_hierarchy *h = r == 0 ? v1_with(&tree, V1_FREEZER) : NULL;

    if (h)
        r = v1_write(h->dir, "freezer.state", "THAWED", err);
    if (r != -ENOENT && r != -ENODEV)
        return r;
    error_clear(err); /* it is gone */
    return 0;
}

static int destroy(const struct cgroup *cg, struct error *err)
{
    ON_TREE(v1_remove(&tree, err));
}

const struct cgroup_manager cgroup_v1 = {
    .name = "cgroupfs",
    .plan = plan,
    .make = make,
    .attach = attach,
    .clone_fd = clone_fd,
    .open_door = open_door,
    .update = update,
    .set_devices = set_devices,
    .freeze = freeze,
    .is_frozen = is_frozen,
    .stats = stats,
    .oom_open = oom_open,
    .oom_count = oom_count,
    .processes = processes,
    .kill = kill_all,
    .let_die = let_die,
    .destroy = destroy,
};
