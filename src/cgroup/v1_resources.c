/*
 * linux.resources as files of cgroup v1 (kernel: Documentation/admin-guide/cgroup-v1; config-linux.md
 * #control-groups), whose units the specification has.
 *
 * 0 leaves a limit as it is where it means nothing to the kernel; -1 takes it away.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cgroup/convert.h"
#include "cgroup/v1_settings.h"
#include "cgroup/v2_internal.h"

/* A number or a text that goes into a file as it is. */
struct knob {
    unsigned controller;
    const char *path, *file;
    size_t object, member;
    enum { I64, U64, U32, BOOL, TEXT } kind;
    enum { ZERO_IGNORED, ZERO_RESETS, ZERO_LIMITS } zero;
};

#define KNOB(controller, path, file, object, type, member, kind, zero)                                       \
    {                                                                                                        \
        controller, path, file, offsetof(struct oci_resources, object), offsetof(struct type, member), kind, \
            zero                                                                                             \
    }
#define CPU(name, file, member, kind, zero) \
    KNOB(CGROUP_CPU, "cpu." name, file, cpu, oci_cpu, member, kind, zero)
#define MEMORY(name, file, member, kind, zero) \
    KNOB(CGROUP_MEMORY, "memory." name, file, memory, oci_memory, member, kind, zero)

static const struct knob knobs[] = {
    KNOB(CGROUP_CPUSET, "cpu.cpus", "cpuset.cpus", cpu, oci_cpu, cpus, TEXT, ZERO_IGNORED),
    KNOB(CGROUP_CPUSET, "cpu.mems", "cpuset.mems", cpu, oci_cpu, mems, TEXT, ZERO_IGNORED),
    CPU("shares", "cpu.shares", shares, U64, ZERO_IGNORED),
    CPU("idle", "cpu.idle", idle, I64, ZERO_RESETS), /* behind shares, which one that is idle has not */
    CPU("period", "cpu.cfs_period_us", period, U64, ZERO_IGNORED),
    CPU("quota", "cpu.cfs_quota_us", quota, I64, ZERO_IGNORED),
    CPU("burst", "cpu.cfs_burst_us", burst, U64, ZERO_RESETS),
    CPU("realtimePeriod", "cpu.rt_period_us", realtime_period, U64, ZERO_IGNORED),
    CPU("realtimeRuntime", "cpu.rt_runtime_us", realtime_runtime, I64, ZERO_RESETS),
    MEMORY("limit", "memory.limit_in_bytes", limit, I64, ZERO_IGNORED),
    MEMORY("swap", "memory.memsw.limit_in_bytes", swap, I64, ZERO_IGNORED),
    MEMORY("reservation", "memory.soft_limit_in_bytes", reservation, I64, ZERO_IGNORED),
    MEMORY("kernel", "memory.kmem.limit_in_bytes", kernel, I64, ZERO_IGNORED),
    MEMORY("kernelTCP", "memory.kmem.tcp.limit_in_bytes", kernel_tcp, I64, ZERO_IGNORED),
    MEMORY("swappiness", "memory.swappiness", swappiness, U64, ZERO_LIMITS),
    MEMORY("disableOOMKiller", "memory.oom_control", disable_oom_killer, BOOL, ZERO_RESETS),
    MEMORY("useHierarchy", "memory.use_hierarchy", use_hierarchy, BOOL, ZERO_LIMITS),
    KNOB(CGROUP_NET_CLS, "network.classID", "net_cls.classid", network, oci_network_class, class_id, U32,
         ZERO_RESETS),
};

/* Reads the member as a number. Is it set? */
static bool number_of(const struct knob *k, const void *member, int64_t *value)
{
    const struct opt_i64 *i64 = member;
    const struct opt_u64 *u64 = member;
    const struct opt_u32 *u32 = member;
    const struct opt_bool *boolean = member;

    switch (k->kind) {
    case I64:
        *value = i64->value;
        return i64->set;
    case U64: /* 2^64 - 1 is -1 to those who write it, and to the kernel */
        *value = (int64_t)u64->value;
        return u64->set;
    case U32:
        *value = u32->value;
        return u32->set;
    case BOOL:
        *value = boolean->value;
        return boolean->set;
    case TEXT:
        break;
    }
    return false;
}

static void set_knob(struct v1_settings *s, const struct knob *k, const struct oci_resources *r)
{
    const char *object = *(const char *const *)(const void *)((const char *)r + k->object);
    const void *member = object ? object + k->member : NULL;
    int64_t value;

    if (!member)
        return;
    if (k->kind == TEXT) {
        const char *text = *(char *const *)member;
        if (!str_empty(text))
            v1_set(s, k->controller, k->path, k->file, false, "%s", text);
    } else if (number_of(k, member, &value) && (value || k->zero != ZERO_IGNORED)) {
        v1_set(s, k->controller, k->path, k->file, value == -1 || (!value && k->zero == ZERO_RESETS),
               "%" PRId64, value);
    }
}

/* Whoever takes the limit of memory away means both. */
static void set_swap_with_memory(struct v1_settings *s, const struct oci_memory *m)
{
    if (m && m->limit.set && m->limit.value == -1 && !(m->swap.set && m->swap.value))
        v1_set(s, CGROUP_MEMORY, "memory.swap", "memory.memsw.limit_in_bytes", true, "-1");
}

static void set_pids(struct v1_settings *s, const struct oci_pids *p)
{
    if (!p || !p->limit.set)
        return;
    if (p->limit.value < 0)
        v1_set(s, CGROUP_PIDS, "pids.limit", "pids.max", true, "max");
    else
        v1_set(s, CGROUP_PIDS, "pids.limit", "pids.max", false, "%" PRId64, p->limit.value);
}

static bool has_file(const struct v1_settings *s, unsigned controller, const char *file)
{
    _cleanup_free_ char *path = str_printf("%s/%s", v1_with(s->tree, controller)->dir, file);

    return path && access(path, F_OK) == 0;
}

/* The scheduler bfq has files of its own, that of CFQ, which is gone, had others. */
static void set_weight(struct v1_settings *s, const char *path, const char *name, const char *device,
                       const struct opt_u32 *weight)
{
    char bfq[48], cfq[48];

    if (!weight->set || !weight->value)
        return;
    snprintf(bfq, sizeof bfq, "blkio.bfq.%s%s", name, *device ? "_device" : "");
    snprintf(cfq, sizeof cfq, "blkio.%s%s", name, *device ? "_device" : "");
    v1_set(s, CGROUP_IO, path, has_file(s, CGROUP_IO, bfq) ? bfq : cfq, false, "%s%" PRIu32, device,
           weight->value);
}

static void set_throttles(struct v1_settings *s, const char *path, const char *file,
                          const struct oci_block_throttle_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct oci_block_throttle *t = &list->items[i];
        char one[64];
        snprintf(one, sizeof one, "blockIO.%s[%zu].rate", path, i);
        if (t->rate.set) /* 0 takes it away */
            v1_set(s, CGROUP_IO, one, file, false, "%" PRId64 ":%" PRId64 " %" PRIu64, t->major, t->minor,
                   t->rate.value == UINT64_MAX ? 0 : t->rate.value);
    }
}

static void set_block_io(struct v1_settings *s, const struct oci_block_io *b)
{
    if (!b)
        return;
    set_weight(s, "blockIO.weight", "weight", "", &b->weight);
    set_weight(s, "blockIO.leafWeight", "leaf_weight", "", &b->leaf_weight);
    for (size_t i = 0; i < b->weight_device.count; i++) {
        const struct oci_block_weight *d = &b->weight_device.items[i];
        char device[48], path[64];
        snprintf(device, sizeof device, "%" PRId64 ":%" PRId64 " ", d->major, d->minor);
        snprintf(path, sizeof path, "blockIO.weightDevice[%zu].weight", i);
        set_weight(s, path, "weight", device, &d->weight);
        snprintf(path, sizeof path, "blockIO.weightDevice[%zu].leafWeight", i);
        set_weight(s, path, "leaf_weight", device, &d->leaf_weight);
    }
    set_throttles(s, "throttleReadBpsDevice", "blkio.throttle.read_bps_device", &b->read_bps);
    set_throttles(s, "throttleWriteBpsDevice", "blkio.throttle.write_bps_device", &b->write_bps);
    set_throttles(s, "throttleReadIOPSDevice", "blkio.throttle.read_iops_device", &b->read_iops);
    set_throttles(s, "throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", &b->write_iops);
}

/* Pages in use, and pages set aside for a mapping (Linux 5.7): a limit is meant for both. */
static void set_hugetlb(struct v1_settings *s, const struct oci_hugepage_limit_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct oci_hugepage_limit *h = &list->items[i];
        _cleanup_free_ char *file = str_printf("hugetlb.%s.limit_in_bytes", h->page_size);
        _cleanup_free_ char *reserved = str_printf("hugetlb.%s.rsvd.limit_in_bytes", h->page_size);
        char path[48];
        s->oom = s->oom || !file || !reserved;
        if (s->oom)
            return;
        snprintf(path, sizeof path, "hugepageLimits[%zu]", i);
        v1_set(s, CGROUP_HUGETLB, path, file, false, "%" PRId64, (int64_t)h->limit);
        v1_set(s, CGROUP_HUGETLB, path, reserved, true, "%" PRId64, (int64_t)h->limit);
    }
}

static void set_network(struct v1_settings *s, const struct oci_network_class *n)
{
    for (size_t i = 0; n && i < n->priorities.count; i++) {
        char path[48];
        snprintf(path, sizeof path, "network.priorities[%zu]", i);
        v1_set(s, CGROUP_NET_PRIO, path, "net_prio.ifpriomap", false, "%s %" PRIu32,
               n->priorities.items[i].name, n->priorities.items[i].priority);
    }
}

static void set_rdma(struct v1_settings *s, const struct oci_rdma_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct oci_rdma *d = &list->items[i];
        _cleanup_strbuf_ struct strbuf line = {0};
        strbuf_add(&line, d->device);
        if (d->hca_handles.set)
            strbuf_addf(&line, " hca_handle=%" PRIu32, d->hca_handles.value);
        if (d->hca_objects.set)
            strbuf_addf(&line, " hca_object=%" PRIu32, d->hca_objects.value);
        s->oom = s->oom || line.oom;
        if (!s->oom && (d->hca_handles.set || d->hca_objects.set))
            v1_set(s, CGROUP_RDMA, "rdma", "rdma.max", false, "%s", line.data);
    }
}

/* config-linux.md: with checkBeforeUpdate a limit below what is in use is an error. */
static int check_usage(const struct v1_settings *s, const struct oci_memory *m, struct error *err)
{
    const struct v1_hierarchy *h = v1_with(s->tree, CGROUP_MEMORY);
    uint64_t used;

    if (!m || !m->check_before_update.set || !m->check_before_update.value || !m->limit.set ||
        m->limit.value <= 0)
        return 0;
    int r = v1_read_u64(h->dir, "memory.usage_in_bytes", &used, err);
    if (r < 0 || used <= (uint64_t)m->limit.value)
        return r;
    return error_set(err, EBUSY,
                     "%smemory.limit: expected at least what \"%s\" uses, %" PRIu64
                     " bytes, since memory.checkBeforeUpdate is set, found %" PRId64,
                     s->prefix, h->dir, used, m->limit.value);
}

static int write_realtime(const char *dir, const struct oci_cpu *c, struct error *err)
{
    char number[CONVERT_NUMBER];
    int r = 0;

    if (c->realtime_period.set && c->realtime_period.value) {
        snprintf(number, sizeof number, "%" PRIu64, c->realtime_period.value);
        r = v1_write(dir, "cpu.rt_period_us", number, err);
    }
    snprintf(number, sizeof number, "%" PRId64, c->realtime_runtime.value);
    return r < 0 ? r : v1_write(dir, "cpu.rt_runtime_us", number, err);
}

/* The time for real-time tasks of a cgroup comes out of that of the one above: those on the way that were
 * made for this one have none. */
static int provide_realtime(const struct v1_hierarchy *h, const struct oci_cpu *c, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    int r = 0;

    for (size_t level = h->made; level > 0 && r == 0; level--) {
        _cleanup_free_ char *dir = strdup(h->dir);
        if (!dir)
            return error_oom(err);
        for (size_t up = 0; up < level; up++)
            *strrchr(dir, '/') = '\0';
        r = write_realtime(dir, c, &why);
    }
    if (r == 0 || r == -ENOTSUP) /* a kernel without says so for the last one */
        return 0;
    error_move(err, &why);
    error_prefix(err, "linux.resources.cpu.realtimeRuntime");
    return r;
}

int v1_resources_check(const struct oci_resources *resources, struct error *err)
{
    const struct oci_memory *m = resources->memory;
    int64_t limit = m && m->limit.set && m->limit.value ? m->limit.value : -1, swap;
    int r = m && m->swap.set && m->swap.value ? convert_swap(m->swap.value, limit, &swap) : 0;

    return r < 0 ? v2_swap_error(r, "linux.resources.", m->swap.value, limit, err) : 0;
}

static int gather(struct v1_settings *s, const struct oci_resources *r, unsigned which, struct error *err)
{
    int e = 0;

    if (which & CGROUP_BIT(CGROUP_MEMORY))
        e = check_usage(s, r->memory, err);
    if (e == 0 && which & CGROUP_BIT(CGROUP_CPU) && r->cpu && r->cpu->realtime_runtime.set &&
        r->cpu->realtime_runtime.value > 0)
        e = provide_realtime(v1_with(s->tree, CGROUP_CPU), r->cpu, err);
    if (e < 0)
        return e;
    for (size_t i = 0; i < ARRAY_SIZE(knobs); i++)
        if (which & CGROUP_BIT(knobs[i].controller))
            set_knob(s, &knobs[i], r);
    if (which & CGROUP_BIT(CGROUP_MEMORY))
        set_swap_with_memory(s, r->memory);
    if (which & CGROUP_BIT(CGROUP_PIDS))
        set_pids(s, r->pids);
    if (which & CGROUP_BIT(CGROUP_IO))
        set_block_io(s, r->block_io);
    if (which & CGROUP_BIT(CGROUP_HUGETLB))
        set_hugetlb(s, &r->hugepage_limits);
    if (which & CGROUP_BIT(CGROUP_NET_PRIO))
        set_network(s, r->network);
    if (which & CGROUP_BIT(CGROUP_RDMA))
        set_rdma(s, &r->rdma);
    return 0;
}

int v1_resources_apply(const struct v1_tree *tree, const struct oci_resources *resources, unsigned which,
                       const struct v1_way *way, struct error *err)
{
    _cleanup_v1_settings_ struct v1_settings s = {.tree = tree,
                                                  .prefix = way->fresh ? "linux.resources." : "",
                                                  .drops = way->drops,
                                                  .undoes = !way->fresh,
                                                  .log = way->log};
    unsigned have = 0;

    if (!resources)
        return 0;
    /* Those of cgroup2 are another's to set. */
    for (unsigned i = 0; i < CGROUP_CONTROLLERS; i++)
        if (v1_with(tree, i))
            have |= CGROUP_BIT(i);
    int r = gather(&s, resources, which & have, err);
    return r < 0 ? r : v1_settings_apply(&s, err);
}
