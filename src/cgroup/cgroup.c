/*
 * Which manager, and what happens where a manager can't do a thing.
 */
#include "cgroup/cgroup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

/* In the order in which `auto` tries them. */
static const struct cgroup_manager *const managers[] = {&cgroup_none};

static const struct cgroup_manager *manager_of(const struct cgroup *cg)
{
    return cg->manager ? cg->manager : &cgroup_none;
}

static int no_such_manager(const char *name, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(name, 80);

    if (!shown)
        return error_oom(err);
    return error_set(err, EINVAL, "unknown cgroup manager \"%s\"", shown);
}

static int by_name(const char *name, const struct cgroup_manager **out, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(managers); i++)
        if (strcmp(managers[i]->name, name) == 0) {
            *out = managers[i];
            return 0;
        }
    return no_such_manager(name, err);
}

int cgroup_manager_find(const char *name, const struct cgroup_manager **out, struct error *err)
{
    if (name && strcmp(name, "auto") != 0)
        return by_name(name, out, err);
    for (size_t i = 0; i < ARRAY_SIZE(managers); i++) {
        _cleanup_error_ struct error why = ERROR_INIT;
        if (managers[i]->probe(&why) == 0) {
            *out = managers[i];
            return 0;
        }
    }
    *out = &cgroup_none;
    return 0;
}

int cgroup_open(struct cgroup *cg, const char *manager, const char *path, struct error *err)
{
    *cg = (struct cgroup){.manager = &cgroup_none};
    if (manager) {
        int r = by_name(manager, &cg->manager, err);
        if (r < 0)
            return r;
    }
    cg->path = path ? strdup(path) : NULL;
    return path && !cg->path ? error_oom(err) : 0;
}

void cgroup_free(struct cgroup *cg)
{
    free(cg->path);
    *cg = (struct cgroup){0};
}

int cgroup_create(struct cgroup *cg, const struct cgroup_request *req, struct error *err)
{
    return manager_of(cg)->create ? manager_of(cg)->create(cg, req, err) : 0;
}

bool cgroup_exists(const struct cgroup *cg)
{
    return manager_of(cg)->create && cg->path;
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
    error_hint(err, "this version of bryo leaves containers in the cgroup of the caller");
    return -EOPNOTSUPP;
}

/* The function of the manager, or the one error. */
#define CALL(cg, member, ...) \
    (cgroup_exists(cg) && (cg)->manager->member ? (cg)->manager->member((cg), __VA_ARGS__) : missing(cg, err))

int cgroup_enter(const struct cgroup *cg, const char *sub, pid_t pid, struct error *err)
{
    return CALL(cg, enter, sub, pid, err);
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

int cgroup_kill(const struct cgroup *cg, int sig, struct error *err)
{
    return CALL(cg, kill, sig, err);
}
