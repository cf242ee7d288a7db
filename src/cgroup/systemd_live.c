/*
 * A container that runs in a unit of systemd's: more processes, other limits, and its end.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cgroup/systemd.h"
#include "cgroup/systemd_job.h"
#include "cgroup/v2_internal.h"

#define COLLECT_MS 500 /* how long systemd may take to notice that a scope is empty */

/* What was kept of a container: its unit, and the part of the path that is the unit's own cgroup. */
static char *unit_kept(const struct cgroup *cg, char **own, struct error *err)
{
    size_t len;
    char *unit = unit_of_cgroup(cg->path, &len);

    if (!unit) {
        error_set(err, EINVAL, "the cgroup \"%s\" is in no unit of systemd", cg->path);
        return NULL;
    }
    if (own && !(*own = strndup(cg->path, len))) {
        free(unit);
        error_oom(err);
        return NULL;
    }
    return unit;
}

/* To move a process by its file takes the right to do so above both places; systemd has it, we may not. */
int systemd_clone_fd(const struct cgroup *cg, const char *sub, pid_t init, struct error *err)
{
    _cleanup_free_ char *caller = NULL, *shown = NULL;
    struct v2_place place = {.path = cg->path, .base = cg->path};
    int r = v2_of_process(0, &caller, err);

    if (r < 0)
        return r;
    place.own = caller;
    if (v2_place_check(&place, NULL) < 0)
        return -EBADF;
    return v2_open_for_process(cg->path, sub, init, &shown, err);
}

int systemd_enter(const struct cgroup *cg, const char *sub, pid_t init, pid_t pid, struct error *err)
{
    _cleanup_free_ char *shown = NULL, *unit = NULL, *own = NULL;
    _cleanup_close_ int fd = v2_open_for_process(cg->path, sub, init, &shown, err);
    _cleanup_systemd_ struct systemd s = {0};
    struct systemd_owner owner;
    int r = fd < 0 ? fd : v2_add_process(fd, shown, pid, err);

    if (fd < 0 || (r != -EACCES && r != -EPERM))
        return r;
    error_clear(err);
    unit = unit_kept(cg, &own, err);
    if (!unit)
        return err ? -err->code : -EINVAL;
    systemd_owner_of_cgroup(cg->path, &owner);
    r = systemd_open(&s, &owner, err);
    return r < 0 ? r : systemd_attach(&s, unit, shown + strlen(CGROUP_ROOT) + strlen(own), pid, err);
}

/* A property that depends on what was set before is taken from the file: a quota without its period, a limit
 * of memory that moves that of swap. */
static int add_from_file(struct unit_properties *properties, int fd, const char *shown, const char *file,
                         struct error *err)
{
    _cleanup_free_ char *text = NULL;

    if (v2_read(fd, shown, file, &text, NULL) < 0)
        return 0;
    return unit_properties_of_file(properties, file, text, err);
}

static int changed_properties(struct unit_properties *properties, const struct oci_resources *resources,
                              int fd, const char *shown, struct error *err)
{
    int r = unit_properties_of_resources(properties, resources, CGROUP_ALL, err);

    if (r == 0 && resources->cpu && (resources->cpu->quota.set || resources->cpu->period.set))
        r = add_from_file(properties, fd, shown, "cpu.max", err);
    if (r == 0 && resources->memory && (resources->memory->limit.set || resources->memory->swap.set))
        r = add_from_file(properties, fd, shown, "memory.swap.max", err);
    return r;
}

int systemd_update(const struct cgroup *cg, const struct oci_resources *resources, struct error *err)
{
    _cleanup_unit_properties_ struct unit_properties properties = {0};
    _cleanup_free_ char *shown = NULL, *unit = NULL, *own = NULL;
    _cleanup_systemd_ struct systemd s = {0};
    _cleanup_close_ int fd = -EBADF;
    struct systemd_owner owner;
    int r = v2_resources_check(resources, "", err);

    if (r < 0)
        return r;
    unit = unit_kept(cg, &own, err);
    if (!unit)
        return err ? -err->code : -EINVAL;
    fd = v2_open(cg->path, &shown, err);
    if (fd < 0)
        return fd;
    /* A bus that is not there is found out before anything is changed. */
    systemd_owner_of_cgroup(cg->path, &owner);
    r = systemd_open(&s, &owner, err);
    if (r == 0 && strcmp(own, cg->path) != 0) {
        char nowhere[] = ""; /* the caller is not on the way */
        const struct v2_place place = {.own = nowhere, .path = cg->path, .base = own};
        r = v2_enable(&place, limits_controllers(resources, true) & ~CGROUP_BIT(CGROUP_CORE), err);
    }
    if (r == 0)
        r = v2_resources_apply(fd, shown, resources, CGROUP_ALL, err);
    if (r == 0)
        r = changed_properties(&properties, resources, fd, shown, err);
    return r < 0 || !properties.count ? r : systemd_set_properties(&s, unit, &properties, err);
}

int systemd_set_devices(const struct cgroup *cg, struct device_rules *rules, bool fresh, struct error *err)
{
    _cleanup_unit_properties_ struct unit_properties properties = {0};
    _cleanup_systemd_ struct systemd s = {0};
    _cleanup_free_ char *unit = NULL;
    struct systemd_owner owner;
    int r = 0;

    systemd_owner_of_cgroup(cg->path, &owner);
    /* A new unit was made with them. A bus that is not there is found out before anything is changed. */
    bool tell = !fresh && !owner.user;
    if (tell) {
        unit = unit_kept(cg, NULL, err);
        if (!unit)
            return err ? -err->code : -EINVAL;
        r = systemd_open(&s, &owner, err);
    }
    if (r == 0)
        r = v2_cgroup_set_devices(cg, rules, fresh, err);
    if (r < 0 || !tell)
        return r;
    r = unit_properties_of_devices(&properties, rules, false, err);
    return r < 0 ? r : systemd_set_properties(&s, unit, &properties, err);
}

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* systemd takes the directory of a scope away once the scope has ended, and forgets the unit before it takes
 * another call. */
static bool wait_until_gone(const char *full, int inotify)
{
    const uint64_t end = now_ms() + COLLECT_MS;
    char events[4096];

    while (access(full, F_OK) == 0) {
        uint64_t now = now_ms();
        struct pollfd p = {.fd = inotify, .events = POLLIN};
        if (now >= end || poll(&p, 1, (int)(end - now)) < 0)
            return false;
        if (p.revents && read(inotify, events, sizeof events) < 0)
            return false;
    }
    return errno == ENOENT;
}

/* Kills and removes what is ours below and in the unit's cgroup. */
static int clear_unit(const struct cgroup *cg, const char *own, struct error *err)
{
    _cleanup_free_ char *shown = NULL;
    _cleanup_close_ int fd = -EBADF;
    int r = strcmp(cg->path, own) == 0 ? 0 : v2_remove(cg->path, err);

    if (r < 0)
        return r;
    fd = v2_open(own, &shown, err);
    if (fd == -ENOENT) {
        error_clear(err);
        return 0;
    }
    return fd < 0 ? fd : v2_kill_and_wait(fd, shown, err);
}

static int stop_unit(const struct cgroup *cg, const char *unit, struct error *err)
{
    _cleanup_systemd_ struct systemd s = {0};
    struct systemd_owner owner;

    systemd_owner_of_cgroup(cg->path, &owner);
    int r = systemd_open(&s, &owner, err);
    return r < 0 ? r : systemd_stop_unit(&s, unit, err);
}

/* A scope whose processes have ended ends by itself, faster than a call could be made. The processes go
 * first: systemd would ask a pid 1 to end, which does not listen. */
int systemd_destroy(const struct cgroup *cg, struct error *err)
{
    _cleanup_free_ char *unit = NULL, *own = NULL, *full = NULL;
    _cleanup_close_ int inotify = -EBADF;
    _cleanup_error_ struct error why = ERROR_INIT;
    int r, stopped;

    unit = unit_kept(cg, &own, err);
    if (!unit)
        return err ? -err->code : -EINVAL;
    full = v2_show(own);
    if (!full)
        return error_oom(err);
    inotify = inotify_init1(IN_CLOEXEC);
    char *slash = strrchr(full, '/');
    *slash = '\0';
    bool watched = inotify >= 0 && inotify_add_watch(inotify, full, IN_DELETE | IN_ONLYDIR) >= 0;
    *slash = '/';
    r = clear_unit(cg, own, err);
    if (r < 0 || access(full, F_OK) < 0)
        return r;
    /* A slice does not end with what is in it. */
    if (watched && !str_ends(unit, ".slice") && wait_until_gone(full, inotify))
        return 0;
    stopped = stop_unit(cg, unit, &why);
    /* Where no systemd answers, its directory can go all the same. */
    r = v2_remove(own, err);
    if (r < 0 && stopped < 0)
        error_move(err, &why);
    return r;
}
