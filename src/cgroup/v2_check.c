/*
 * What of linux.resources cgroup2 can't take, told before anything is written.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cgroup/convert.h"
#include "cgroup/v2_internal.h"

/* A check that walks: where it stands and what it says. */
struct check {
    const char *prefix;
    struct error *err;
};

static int refuse_v1(void *data, const struct limit *limit)
{
    const struct check *c = data;

    if (!limit->v1_only)
        return 0;
    error_set(c->err, ENOTSUP, "%s%s: cgroup v2 has nothing like it", c->prefix, limit->path);
    error_hint(c->err, "remove it");
    return -ENOTSUP;
}

int v2_swap_error(int code, const char *prefix, int64_t swap, int64_t memory, struct error *err)
{
    if (code == -ENODATA) {
        error_set(err, EINVAL,
                  "%smemory.swap: expected memory.limit beside it, since it counts memory and swap together, "
                  "found no limit",
                  prefix);
        error_hint(err, "set memory.limit, or memory.swap to -1");
    } else {
        error_set(err, EINVAL,
                  "%smemory.swap: expected at least memory.limit, %" PRId64
                  ", since it counts memory and swap together, found %" PRId64,
                  prefix, memory, swap);
    }
    return -EINVAL;
}

/* Of a new cgroup: in an update the limit of memory may be one that is set already. */
static int check_swap(const struct check *c, const struct oci_memory *m)
{
    int64_t limit = m->limit.set && m->limit.value ? m->limit.value : -1, swap;
    int r = m->swap.set && m->swap.value ? convert_swap(m->swap.value, limit, &swap) : 0;

    return r < 0 ? v2_swap_error(r, c->prefix, m->swap.value, limit, c->err) : 0;
}

static int check_weight(const struct check *c, const char *path, const struct opt_u32 *weight)
{
    if (!weight->set || !weight->value || (weight->value >= 10 && weight->value <= 1000))
        return 0;
    return error_set(c->err, EINVAL, "%s%s: expected 10 to 1000, found %" PRIu32, c->prefix, path,
                     weight->value);
}

static int check_block_io(const struct check *c, const struct oci_block_io *b)
{
    int r = check_weight(c, "blockIO.weight", &b->weight);

    for (size_t i = 0; r == 0 && i < b->weight_device.count; i++) {
        const struct oci_block_weight *d = &b->weight_device.items[i];
        _cleanup_free_ char *path = str_printf("blockIO.weightDevice[%zu].weight", i);
        if (!path)
            return error_oom(c->err);
        r = check_weight(c, path, &d->weight);
        if (r == 0 && d->leaf_weight.set && d->leaf_weight.value)
            r = error_set(c->err, ENOTSUP,
                          "%sblockIO.weightDevice[%zu].leafWeight: cgroup v2 has nothing like it", c->prefix,
                          i);
    }
    return r;
}

/* Not limits, but levers: they would undo what the runtime does. */
static const char *const levers[] = {"cgroup.procs",  "cgroup.threads",         "cgroup.kill",
                                     "cgroup.freeze", "cgroup.subtree_control", "cgroup.type"};

static int check_unified(const struct check *c, const char *file)
{
    _cleanup_free_ char *shown = str_quote(file, 80);
    const char *expected = NULL;
    int controller = controller_of_file(file);

    if (!shown)
        return error_oom(c->err);
    if (!*file || strchr(file, '/') || !strcmp(file, ".") || !strcmp(file, ".."))
        expected = "the name of a file such as \"memory.high\"";
    else if (controller < 0 || controller > CGROUP_MISC) /* those behind it are of v1 only */
        expected = "a name that begins with a controller of cgroup v2 and a dot, such as \"memory.high\"";
    for (size_t i = 0; !expected && i < ARRAY_SIZE(levers); i++)
        if (strcmp(file, levers[i]) == 0)
            expected = "a file that holds a limit";
    return expected
               ? error_set(c->err, EINVAL, "%sunified: expected %s, found \"%s\"", c->prefix, expected, shown)
               : 0;
}

int v2_resources_check(const struct oci_resources *resources, const char *prefix, struct error *err)
{
    struct check c = {.prefix = prefix, .err = err};
    int r = 0;

    if (!resources)
        return 0;
    if (!*prefix)
        r = limits_each(resources, refuse_v1, &c);
    else if (resources->memory)
        r = check_swap(&c, resources->memory);
    if (r == 0 && resources->block_io)
        r = check_block_io(&c, resources->block_io);
    for (size_t i = 0; r == 0 && i < resources->unified.count; i++)
        r = check_unified(&c, resources->unified.items[i].key);
    return r == -ENOMEM ? error_oom(err) : r;
}
