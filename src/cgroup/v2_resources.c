/*
 * linux.resources as files of cgroup2 (kernel: cgroup-v2.rst; config-linux.md#control-groups).
 *
 * Where the specification's knob is one of cgroup v1 only, there is nothing to write: v2_resources_check
 * refuses it by name. 0 leaves a limit as it is, but where the specification has a meaning for it (pids,
 * cpu.idle); -1 takes it away.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cgroup/convert.h"
#include "cgroup/v2_internal.h"
#include "cgroup/v2_writer.h"

/* The limit of memory that holds, -1 for none: the new one, or what the file has. */
static int memory_limit(struct writer *w, const struct oci_memory *m, int64_t *limit)
{
    _cleanup_free_ char *text = NULL;

    *limit = m->limit.value;
    if (m->limit.set && m->limit.value)
        return 0;
    int r = writer_read(w, "memory.max", &text);
    if (r < 0)
        return r;
    text[strcspn(text, "\n")] = '\0';
    if (parse_i64(text, limit) < 0) /* "max" */
        *limit = -1;
    return 0;
}

/* config-linux.md: with checkBeforeUpdate a limit below what is in use is an error; the kernel would reclaim
 * and kill. */
static int check_usage(struct writer *w, const struct oci_memory *m)
{
    _cleanup_free_ char *text = NULL;
    int64_t used;

    if (!m->check_before_update.set || !m->check_before_update.value || !m->limit.set || m->limit.value <= 0)
        return 0;
    int r = writer_read(w, "memory.current", &text);
    if (r < 0)
        return r;
    text[strcspn(text, "\n")] = '\0';
    if (parse_i64(text, &used) < 0 || used <= m->limit.value)
        return 0;
    return error_set(w->err, EBUSY,
                     "memory.limit: expected at least what \"%s\" uses, %" PRId64
                     " bytes, since memory.checkBeforeUpdate is set, found %" PRId64,
                     w->shown, used, m->limit.value);
}

static int set_swap(struct writer *w, const struct oci_memory *m)
{
    char number[CONVERT_NUMBER];
    int64_t memory = -1, swap;
    bool set = m->swap.set && m->swap.value;
    int r = 0;

    /* Whoever takes the limit of memory away means both: v1 counts them together. */
    if (!set && !(m->limit.set && m->limit.value == -1))
        return 0;
    if (set && m->swap.value > 0)
        r = memory_limit(w, m, &memory);
    if (r < 0)
        return r;
    r = convert_swap(set ? m->swap.value : -1, memory, &swap);
    if (r < 0)
        return v2_swap_error(r, "", m->swap.value, memory, w->err);
    /* A kernel without swap accounting has none to give or to forbid. */
    if (swap <= 0 && !writer_has(w, "memory.swap.max"))
        return 0;
    return writer_put(w, "memory.swap.max", convert_limit(number, swap));
}

static int set_limit(struct writer *w, const char *file, const struct opt_i64 *limit)
{
    char number[CONVERT_NUMBER];

    return limit->set && limit->value ? writer_put_limit(w, file, convert_limit(number, limit->value)) : 0;
}

static int set_memory(struct writer *w, const struct oci_resources *r)
{
    const struct oci_memory *m = r->memory;
    int e;

    if (!m)
        return 0;
    e = check_usage(w, m);
    /* A new limit of both is counted with the new limit of memory: that one first. */
    if (e == 0)
        e = set_limit(w, "memory.max", &m->limit);
    if (e == 0)
        e = set_swap(w, m);
    return e < 0 ? e : set_limit(w, "memory.low", &m->reservation);
}

static int set_quota(struct writer *w, const struct oci_cpu *c)
{
    bool quota = c->quota.set && c->quota.value, period = c->period.set && c->period.value;
    char buf[CONVERT_CPU_MAX];
    _cleanup_free_ char *old = NULL;
    int64_t current = -1;

    if (!quota && !period)
        return 0;
    if (!quota) { /* stays, beside the new period */
        int r = writer_read(w, "cpu.max", &old);
        if (r < 0)
            return r;
        old[strcspn(old, " \n")] = '\0';
        if (parse_i64(old, &current) < 0)
            current = -1;
    }
    return writer_put_limit(
        w, "cpu.max", convert_cpu_max(buf, quota ? c->quota.value : current, period ? c->period.value : 0));
}

/* The kernel wants the burst to be at most the quota: which one goes first depends on where they go. */
static int set_bandwidth(struct writer *w, const struct oci_cpu *c)
{
    char number[CONVERT_NUMBER];
    bool burst = c->burst.set;
    int r;

    snprintf(number, sizeof number, "%" PRIu64, c->burst.value);
    if (burst && !c->burst.value && !writer_has(w, "cpu.max.burst"))
        burst = false;
    if (burst && writer_try(w, "cpu.max.burst", number) == 0)
        burst = false;
    r = set_quota(w, c);
    return r == 0 && burst ? writer_put(w, "cpu.max.burst", number) : r;
}

/* The weight of a cgroup that is idle can't be set. */
static int set_weight(struct writer *w, const struct oci_cpu *c)
{
    char weight[CONVERT_NUMBER], idle[CONVERT_NUMBER];
    bool stays_idle = c->idle.set && c->idle.value;
    int r = 0;

    snprintf(weight, sizeof weight, "%" PRIu64, convert_shares(c->shares.value));
    snprintf(idle, sizeof idle, "%" PRId64, c->idle.value);
    if (c->idle.set && !stays_idle && writer_has(w, "cpu.idle"))
        r = writer_put(w, "cpu.idle", idle);
    if (r == 0 && c->shares.set && c->shares.value)
        r = writer_put(w, "cpu.weight", weight);
    return r == 0 && stays_idle ? writer_put(w, "cpu.idle", idle) : r;
}

static int set_cpu(struct writer *w, const struct oci_resources *r)
{
    int e = r->cpu ? set_weight(w, r->cpu) : 0;

    return e == 0 && r->cpu ? set_bandwidth(w, r->cpu) : e;
}

static int set_cpuset(struct writer *w, const struct oci_resources *r)
{
    int e = 0;

    if (r->cpu && !str_empty(r->cpu->cpus))
        e = writer_put(w, "cpuset.cpus", r->cpu->cpus);
    if (e == 0 && r->cpu && !str_empty(r->cpu->mems))
        e = writer_put(w, "cpuset.mems", r->cpu->mems);
    return e;
}

static int set_pids(struct writer *w, const struct oci_resources *r)
{
    char number[CONVERT_NUMBER];

    if (!r->pids || !r->pids->limit.set)
        return 0;
    /* The specification's 0 forbids every process but the first. The first is born in the cgroup here, which
     * the kernel's 0 would forbid as well; 1 is the same for all that come after it. */
    int64_t limit = r->pids->limit.value ? r->pids->limit.value : 1;
    return writer_put_limit(w, "pids.max", convert_limit(number, limit));
}

/* Two schedulers, each with a file of its own: the weight is set for whichever is there. @device: "8:16 ", or
 * "" for all. */
static int set_io_weight(struct writer *w, const char *device, uint32_t weight)
{
    _cleanup_free_ char *bfq = str_printf("%s%" PRIu32, device, weight);
    _cleanup_free_ char *io = str_printf("%s%" PRIu64, device, convert_io_weight(weight));
    bool has_bfq = writer_has(w, "io.bfq.weight");
    int r = 0;

    if (!bfq || !io)
        return error_oom(w->err);
    if (has_bfq)
        r = writer_put(w, "io.bfq.weight", bfq);
    /* Without any of them this names io.weight. */
    return r == 0 && (!has_bfq || writer_has(w, "io.weight")) ? writer_put(w, "io.weight", io) : r;
}

static int set_throttles(struct writer *w, const struct oci_block_throttle_list *list, const char *key)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct oci_block_throttle *t = &list->items[i];
        char rate[CONVERT_NUMBER] = "max"; /* 0 takes it away in v1, and is none here */
        _cleanup_free_ char *line = NULL;
        if (!t->rate.set)
            continue;
        if (t->rate.value && t->rate.value != UINT64_MAX)
            snprintf(rate, sizeof rate, "%" PRIu64, t->rate.value);
        line = str_printf("%" PRId64 ":%" PRId64 " %s=%s", t->major, t->minor, key, rate);
        if (!line)
            return error_oom(w->err);
        int r = writer_put(w, "io.max", line);
        if (r < 0)
            return r;
    }
    return 0;
}

static int set_io(struct writer *w, const struct oci_resources *r)
{
    const struct oci_block_io *b = r->block_io;
    int e = 0;

    if (!b)
        return 0;
    if (b->weight.set && b->weight.value)
        e = set_io_weight(w, "", b->weight.value);
    for (size_t i = 0; e == 0 && i < b->weight_device.count; i++) {
        const struct oci_block_weight *d = &b->weight_device.items[i];
        char device[48];
        snprintf(device, sizeof device, "%" PRId64 ":%" PRId64 " ", d->major, d->minor);
        if (d->weight.set && d->weight.value)
            e = set_io_weight(w, device, d->weight.value);
    }
    if (e == 0)
        e = set_throttles(w, &b->read_bps, "rbps");
    if (e == 0)
        e = set_throttles(w, &b->write_bps, "wbps");
    if (e == 0)
        e = set_throttles(w, &b->read_iops, "riops");
    return e == 0 ? set_throttles(w, &b->write_iops, "wiops") : e;
}

/* Pages in use, and pages set aside for a mapping (Linux 5.7): a limit is meant for both. */
static int set_hugetlb(struct writer *w, const struct oci_resources *r)
{
    for (size_t i = 0; i < r->hugepage_limits.count; i++) {
        const struct oci_hugepage_limit *h = &r->hugepage_limits.items[i];
        _cleanup_free_ char *file = str_printf("hugetlb.%s.max", h->page_size);
        _cleanup_free_ char *reserved = str_printf("hugetlb.%s.rsvd.max", h->page_size);
        char number[CONVERT_NUMBER] = "max";
        if (!file || !reserved)
            return error_oom(w->err);
        if (h->limit != UINT64_MAX)
            snprintf(number, sizeof number, "%" PRIu64, h->limit);
        int e = writer_put(w, file, number);
        if (e == 0 && writer_has(w, reserved))
            e = writer_put(w, reserved, number);
        if (e < 0)
            return e;
    }
    return 0;
}

static int set_rdma(struct writer *w, const struct oci_resources *r)
{
    for (size_t i = 0; i < r->rdma.count; i++) {
        const struct oci_rdma *d = &r->rdma.items[i];
        _cleanup_strbuf_ struct strbuf line = {0};
        strbuf_add(&line, d->device);
        if (d->hca_handles.set)
            strbuf_addf(&line, " hca_handle=%" PRIu32, d->hca_handles.value);
        if (d->hca_objects.set)
            strbuf_addf(&line, " hca_object=%" PRIu32, d->hca_objects.value);
        if (line.oom)
            return error_oom(w->err);
        int e = d->hca_handles.set || d->hca_objects.set ? writer_put(w, "rdma.max", line.data) : 0;
        if (e < 0)
            return e;
    }
    return 0;
}

/* Files that take a line for each device take one at a time. */
static int set_unified(struct writer *w, const struct oci_resources *r, unsigned which)
{
    for (size_t i = 0; i < r->unified.count; i++) {
        const char *file = r->unified.items[i].key;
        int controller = controller_of_file(file);
        if (controller >= 0 && !(which & CGROUP_BIT(controller)))
            continue;
        _cleanup_free_ char *value = strdup(r->unified.items[i].value);
        char *save = NULL;
        if (!value)
            return error_oom(w->err);
        for (char *line = strtok_r(value, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
            int e = writer_put(w, file, line);
            if (e < 0)
                return e;
        }
    }
    return 0;
}

static const struct {
    enum cgroup_controller controller;
    int (*set)(struct writer *w, const struct oci_resources *resources);
} setters[] = {
    {CGROUP_CPUSET, set_cpuset}, {CGROUP_CPU, set_cpu}, {CGROUP_MEMORY, set_memory},
    {CGROUP_PIDS, set_pids},     {CGROUP_IO, set_io},   {CGROUP_HUGETLB, set_hugetlb},
    {CGROUP_RDMA, set_rdma},
};

int v2_resources_apply(int dirfd, const char *shown, const struct oci_resources *resources, unsigned which,
                       struct error *err)
{
    struct writer w = {.dirfd = dirfd, .shown = shown, .err = err, .undoes = which == CGROUP_ALL};
    int r = 0;

    if (!resources)
        return 0;
    which |= CGROUP_BIT(CGROUP_CORE);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(setters); i++)
        if (which & CGROUP_BIT(setters[i].controller))
            r = setters[i].set(&w, resources);
    if (r == 0)
        r = set_unified(&w, resources, which);
    if (r < 0)
        writer_undo(&w);
    writer_free(&w);
    return r;
}
