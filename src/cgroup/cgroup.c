/*
 * Which manager, and what happens where a manager can't do a thing.
 */
#include "cgroup/cgroup.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cgroup/internal.h"
#include "cgroup/v2_internal.h"

/* One row for each that can make cgroups here, in the order in which `auto` tries them. Two that have one
 * name are told apart by what is mounted. */
static const struct {
    const struct cgroup_manager *manager;
    enum { ANY, UNIFIED, LEGACY } where;
    bool on_demand; /* `auto` asks it only for a container that asks for what only a cgroup gives */
} managers[] = {
    {&cgroup_v2, UNIFIED, false},
    {&cgroup_v1, LEGACY, false},
    {&cgroup_systemd, UNIFIED, true},
};

/* Names that stand for no row of theirs. */
static const char *const other_names[] = {"auto", "disabled", "cgroupfs", "systemd"};

bool cgroup_manager_known(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(other_names); i++)
        if (strcmp(name, other_names[i]) == 0)
            return true;
    return false;
}

static const struct cgroup_manager *manager_of(const struct cgroup *cg)
{
    return cg->manager ? cg->manager : &cgroup_none;
}

static bool fits(size_t i, bool unified)
{
    return managers[i].where == ANY || (managers[i].where == UNIFIED) == unified;
}

static const struct cgroup_manager *by_name(const char *name, bool unified)
{
    if (strcmp(name, cgroup_none.name) == 0)
        return &cgroup_none;
    for (size_t i = 0; i < ARRAY_SIZE(managers); i++)
        if (strcmp(managers[i].manager->name, name) == 0 && fits(i, unified))
            return managers[i].manager;
    return NULL;
}

static int no_such_manager(const char *name, bool unified, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(name, 80);

    if (!shown)
        return error_oom(err);
    if (!cgroup_manager_known(name))
        return error_set(err, EINVAL, "unknown cgroup manager \"%s\"", shown);
    error_set(err, ENOTSUP, "cgroup manager \"%s\": not in this version%s", shown,
              unified ? "" : ", which wants cgroup2 alone at " CGROUP_ROOT);
    error_hint(err, "leave the option out, or use --cgroup-manager disabled");
    return -ENOTSUP;
}

/* Does the container ask for what only a cgroup of its own gives? A property of systemd's units does. */
static bool needs_cgroup(const struct cgroup_request *req)
{
    if (req->path)
        return true;
    if (req->limits != LIMITS_OFF && limits_controllers(req->resources, false))
        return true;
    for (size_t i = 0; req->annotations && i < req->annotations->count; i++)
        if (str_starts(req->annotations->items[i].key, "org.systemd.property."))
            return true;
    return false;
}

/* Nobody makes one: fine, unless one is needed. @why: what those that were tried said. */
static int plan_none(struct cgroup *cg, const struct cgroup_request *req, bool by_choice, struct error *why,
                     struct error *err)
{
    if (!why->text) {
        error_set(why, ENOTSUP,
                  by_choice ? "the cgroup manager \"disabled\" sets no limits"
                            : "this machine has cgroup v1, which only root can manage");
        error_hint(why, by_choice ? "leave --cgroup-manager out"
                                  : "boot with systemd.unified_cgroup_hierarchy=1 for cgroup v2");
    }
    *cg = (struct cgroup){.manager = &cgroup_none};
    int code = why->code;
    if (str_starts(why->text, "linux.resources.") && req->limits == LIMITS_REQUIRE) {
        error_move(err, why); /* says all already */
        return -code;
    }
    if (by_choice || !req->path)
        return limits_settle(req, 0, false, why, &cg->which, err);
    error_move(err, why);
    error_prefix(err, "linux.cgroupsPath");
    return -code;
}

bool cgroup_path_is_unit(const char *path)
{
    const char *colon = path && !strchr(path, '/') ? strchr(path, ':') : NULL;

    return colon && strchr(colon + 1, ':');
}

/* One round of `auto`; *why gathers the reasons. Returns 1 when one has agreed. */
static int ask_all(struct cgroup *cg, const struct cgroup_request *req, struct error *why, struct error *err)
{
    bool needed = needs_cgroup(req);

    for (size_t i = 0; i < ARRAY_SIZE(managers); i++) {
        _cleanup_error_ struct error one = ERROR_INIT;
        if (!fits(i, req->unified) || (managers[i].on_demand ? !needed : cgroup_path_is_unit(req->path)))
            continue;
        *cg = (struct cgroup){.manager = managers[i].manager};
        int r = cg->manager->plan(cg, req, &one);
        if (r == 0)
            return 1;
        cgroup_free(cg);
        if (r == -ENOMEM || r == -EINVAL) { /* a mistake, which no other manager mends */
            error_move(err, &one);
            return r;
        }
        if (!why->text) {
            error_move(why, &one);
            continue;
        }
        error_set(why, why->code, "%s; %s: %s", why->text, managers[i].manager->name, error_text(&one));
        if (one.hint)
            error_hint(why, "%s", one.hint);
    }
    return 0;
}

static int plan_any(struct cgroup *cg, const struct cgroup_request *req, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT, more = ERROR_INIT;
    struct cgroup_request all = *req;
    int r;

    /* What one manager must drop another may have. */
    if (all.limits == LIMITS_TRY)
        all.limits = LIMITS_REQUIRE;
    r = ask_all(cg, &all, &why, err);
    if (r == 0 && req->limits == LIMITS_TRY)
        r = ask_all(cg, req, &more, err);
    return r < 0 ? r : r > 0 ? 0 : plan_none(cg, req, false, more.text ? &more : &why, err);
}

/* The value without the newlines that engines leave at its end; NULL: it is empty or not there. */
static char *annotation(const struct cgroup_request *req, const char *key)
{
    for (size_t i = 0; req->annotations && i < req->annotations->count; i++) {
        const char *value = req->annotations->items[i].value;
        size_t len = strlen(value);
        while (len && value[len - 1] == '\n')
            len--;
        if (len && strcmp(req->annotations->items[i].key, key) == 0)
            return strndup(value, len);
    }
    return NULL;
}

static bool can_divide(const struct cgroup *cg)
{
    return cgroup_exists(cg) && cg->manager->delegate;
}

static int check_annotations(const struct cgroup *cg, const struct cgroup_request *req, struct error *err)
{
    _cleanup_free_ char *sub = annotation(req, CGROUP_SUBGROUP), *delegate = annotation(req, CGROUP_DELEGATE);

    if (sub && !manager_of(cg)->subgroups)
        log_warn(req->log,
                 "annotations[\"" CGROUP_SUBGROUP "\"] has no effect with the cgroup manager \"%s\"",
                 cgroup_manager_name(cg));
    if (delegate && can_divide(cg))
        return v2_check_path(delegate, "annotations[\"" CGROUP_DELEGATE "\"]", err);
    if (delegate)
        log_warn(req->log,
                 "annotations[\"" CGROUP_DELEGATE "\"] has no effect with the cgroup manager \"%s\"",
                 cgroup_manager_name(cg));
    return 0;
}

int cgroup_divide(const struct cgroup *cg, const struct cgroup_request *req, struct cgroup *below,
                  struct error *err)
{
    _cleanup_free_ char *sub = annotation(req, CGROUP_DELEGATE);

    *below = (struct cgroup){.manager = cg->manager};
    if (!sub || !can_divide(cg))
        return 0;
    below->path = str_printf("%s/%s", cg->path, sub + strspn(sub, "/"));
    return below->path ? cgroup_enter(cg, sub, 0, req->pid, err) : error_oom(err);
}

static int plan(struct cgroup *cg, const char *manager, const struct cgroup_request *req, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;

    if (!manager || strcmp(manager, "auto") == 0)
        return plan_any(cg, req, err);
    cg->manager = by_name(manager, req->unified);
    if (!cg->manager)
        return no_such_manager(manager, req->unified, err);
    if (cg->manager == &cgroup_none)
        return plan_none(cg, req, true, &why, err);
    int r = cg->manager->plan(cg, req, err);
    if (r < 0)
        cgroup_free(cg);
    return r;
}

int cgroup_plan(struct cgroup *cg, const char *manager, const struct cgroup_request *req, struct error *err)
{
    *cg = (struct cgroup){0};
    int r = plan(cg, manager, req, err);
    if (r == 0)
        r = check_annotations(cg, req, err);
    if (r < 0)
        cgroup_free(cg);
    return r;
}

int cgroup_make(struct cgroup *cg, const struct cgroup_request *req, int *clone_fd, struct error *err)
{
    return cgroup_exists(cg) && cg->manager->make ? cg->manager->make(cg, req, clone_fd, err) : 0;
}

int cgroup_attach(struct cgroup *cg, const struct cgroup_request *req, struct error *err)
{
    return cgroup_exists(cg) && cg->manager->attach ? cg->manager->attach(cg, req, err) : 0;
}

int cgroup_delegate(const struct cgroup *cg, uid_t uid, gid_t gid, struct error *err)
{
    return cgroup_exists(cg) && cg->manager->delegate ? cg->manager->delegate(cg, uid, gid, err) : 0;
}

bool cgroup_is_slow(const struct cgroup *cg)
{
    return cgroup_exists(cg) && cg->manager->await;
}

int cgroup_await(struct cgroup *cg, const struct cgroup_request *req, struct error *err)
{
    return cg->pending ? cg->manager->await(cg, req, err) : 0;
}

void cgroup_abandon(struct cgroup *cg)
{
    if (cg->pending)
        cg->manager->abandon(cg);
}

static bool is_unified(void)
{
    struct statfs fs;

    return statfs(CGROUP_ROOT, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

int cgroup_open(struct cgroup *cg, const char *manager, const char *path, struct error *err)
{
    *cg = (struct cgroup){.manager = &cgroup_none};
    if (manager && strcmp(manager, cgroup_none.name) != 0) {
        bool unified = is_unified();
        cg->manager = by_name(manager, unified);
        if (!cg->manager)
            return no_such_manager(manager, unified, err);
    }
    cg->path = path ? strdup(path) : NULL;
    return path && !cg->path ? error_oom(err) : 0;
}

void cgroup_free(struct cgroup *cg)
{
    cgroup_abandon(cg);
    free(cg->path);
    *cg = (struct cgroup){0};
}

bool cgroup_exists(const struct cgroup *cg)
{
    return manager_of(cg) != &cgroup_none && cg->path;
}

const char *cgroup_manager_name(const struct cgroup *cg)
{
    return manager_of(cg)->name;
}

int cgroup_destroy(const struct cgroup *cg, struct error *err)
{
    return cgroup_exists(cg) && cg->manager->destroy ? cg->manager->destroy(cg, err) : 0;
}

static int missing(const struct cgroup *cg, struct error *err)
{
    const char *name = manager_of(cg)->name;

    if (cgroup_exists(cg))
        return error_set(err, EOPNOTSUPP, "the cgroup manager \"%s\" cannot do this", name);
    error_set(err, EOPNOTSUPP, "it has no cgroup (cgroup manager \"%s\")", name);
    error_hint(err,
               "it was created where no cgroup could be made, or with --cgroup-manager disabled; bryo(1) "
               "tells what makes them possible");
    return -EOPNOTSUPP;
}

/* The function of the manager, or the one error. */
#define CALL(cg, member, ...) \
    (cgroup_exists(cg) && (cg)->manager->member ? (cg)->manager->member((cg), __VA_ARGS__) : missing(cg, err))

int cgroup_clone_fd(const struct cgroup *cg, const char *sub, pid_t init, struct error *err)
{
    return cgroup_exists(cg) && cg->manager->clone_fd ? cg->manager->clone_fd(cg, sub, init, err) : -EBADF;
}

int cgroup_enter(const struct cgroup *cg, const char *sub, pid_t init, pid_t pid, struct error *err)
{
    return CALL(cg, enter, sub, init, pid, err);
}

int cgroup_open_door(const struct cgroup *cg, const char *sub, struct cgroup_door *door, struct error *err)
{
    *door = (struct cgroup_door){.count = 0};
    if (!cgroup_exists(cg) || !cg->manager->open_door)
        return 0;
    int r = cg->manager->open_door(cg, sub, door, err);
    if (r < 0)
        cgroup_close_door(door);
    return r;
}

int cgroup_pass_door(struct cgroup_door *door, struct error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < door->count; i++)
        if (write(door->items[i].fd, "0", 1) != 1)
            r = error_sys(err, errno, "move to the cgroup: write \"0\" to \"%s\"", door->items[i].path);
    cgroup_close_door(door);
    return r;
}

void cgroup_close_door(struct cgroup_door *door)
{
    for (; door->count; door->count--) {
        fd_close(&door->items[door->count - 1].fd);
        free(door->items[door->count - 1].path);
    }
}

int cgroup_set_devices(const struct cgroup *cg, struct device_rules *rules, bool fresh, struct error *err)
{
    return cgroup_exists(cg) && cg->manager->set_devices ? cg->manager->set_devices(cg, rules, fresh, err)
                                                         : 0;
}

int cgroup_update(const struct cgroup *cg, const struct oci_resources *resources, struct error *err)
{
    return CALL(cg, update, resources, err);
}

int cgroup_freeze(const struct cgroup *cg, bool frozen, struct error *err)
{
    return CALL(cg, freeze, frozen, err);
}

int cgroup_is_frozen(const struct cgroup *cg)
{
    return cgroup_exists(cg) && cg->manager->is_frozen && cg->manager->is_frozen(cg) > 0;
}

int cgroup_stats(const struct cgroup *cg, cJSON **data, struct error *err)
{
    return CALL(cg, stats, data, err);
}

int cgroup_oom_open(const struct cgroup *cg, struct error *err)
{
    return CALL(cg, oom_open, err);
}

int cgroup_oom_count(const struct cgroup *cg, int fd, uint64_t *count, struct error *err)
{
    return CALL(cg, oom_count, fd, count, err);
}

int cgroup_processes(const struct cgroup *cg, int (*each)(void *data, pid_t pid), void *data,
                     struct error *err)
{
    return CALL(cg, processes, each, data, err);
}

int cgroup_let_die(const struct cgroup *cg, struct error *err)
{
    return cgroup_exists(cg) && cg->manager->let_die ? cg->manager->let_die(cg, err) : 0;
}

int cgroup_kill(const struct cgroup *cg, int sig, struct error *err)
{
    return CALL(cg, kill, sig, err);
}
