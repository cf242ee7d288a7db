#include "container/rdt.h"

#include <errno.h>

#include "base/cleanup.h"
#include "container/cgroups.h"

/* What the state keeps of it, borrowed. */
static struct resctrl kept(const struct oci_state *state)
{
    return (struct resctrl){
        .group = state->resctrl_group, .monitor = state->resctrl_monitor, .own = state->resctrl_own};
}

int rdt_plan(struct container *c, struct error *err)
{
    return resctrl_plan(&c->resctrl, "/proc/self/mountinfo", c->config->linux_.intel_rdt, c->opts->id, err);
}

void rdt_note(struct container *c)
{
    c->state->resctrl_group = TAKE_PTR(c->resctrl.group);
    c->state->resctrl_monitor = TAKE_PTR(c->resctrl.monitor);
    c->state->resctrl_own = c->resctrl.own;
}

int rdt_make(struct container *c, struct error *err)
{
    struct resctrl r = kept(c->state);

    if (!r.group)
        return 0;
    int ret = resctrl_make(&r, c->config->linux_.intel_rdt, err);
    if (ret == 0)
        ret = resctrl_enter(&r, c->init_pid, err);
    c->state->resctrl_monitor = r.monitor;
    c->state->resctrl_own = r.own;
    c->resctrl.fresh = r.fresh;
    return ret;
}

int rdt_unmake(struct container *c, struct error *err)
{
    struct resctrl r = kept(c->state);

    r.fresh = c->resctrl.fresh;
    return resctrl_remove(&r, err);
}

int rdt_enter(const struct oci_state *state, pid_t pid, struct error *err)
{
    const struct resctrl r = kept(state);

    return resctrl_enter(&r, pid, err);
}

int rdt_stats(const struct oci_state *state, cJSON **out, struct error *err)
{
    const struct resctrl r = kept(state);

    return resctrl_stats(&r, "/proc/self/mountinfo", out, err);
}

int rdt_remove(const struct oci_state *state, struct error *err)
{
    const struct resctrl r = kept(state);

    return resctrl_remove(&r, err);
}

int container_update_rdt(const struct runtime *rt, const char *id, const char *l3, const char *mem_bw,
                         struct error *err)
{
    __attribute__((cleanup(statedir_close))) struct statedir dir = STATEDIR_INIT;
    _cleanup_state_ struct oci_state *state = NULL;
    int r = container_check_id(id, err);

    if (r == 0)
        r = statedir_open(&dir, rt, id, true, err);
    if (r == 0)
        r = statedir_read(&dir, id, &state, err);
    if (r < 0)
        return r;
    const struct resctrl kept_there = kept(state);
    if (!kept_there.group) {
        error_set(err, EOPNOTSUPP, "cannot update container \"%s\": it is in no class of Intel RDT", id);
        error_hint(err, "linux.intelRdt of config.json puts a container into one, at create");
        return -EOPNOTSUPP;
    }
    return resctrl_update(&kept_there, l3, mem_bw, err);
}
