/*
 * What cgroup2 has to offer beside cgroup v1: a controller that v1 does not have mounted may be free for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cgroup/v1.h"

const struct v1_hierarchy *v1_cgroup2(const struct v1_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        if (v1_is_cgroup2(&tree->items[i]))
            return &tree->items[i];
    return NULL;
}

static unsigned read_set(const char *dir, const char *file)
{
    _cleanup_free_ char *text = NULL;

    return v1_read(dir, file, &text, NULL) < 0 ? 0 : controllers_parse(text);
}

/* Where it is mounted, for a tree that v1_place has made or v1_decode has read. */
static char *top_of(const struct v1_hierarchy *h)
{
    return strndup(h->dir, h->top);
}

unsigned v1_hybrid_have(const struct v1_tree *tree)
{
    const struct v1_hierarchy *h = v1_cgroup2(tree);
    _cleanup_free_ char *top = h ? top_of(h) : NULL;

    return top ? read_set(top, "cgroup.controllers") : 0;
}

/* A controller is enabled from the top down to the cgroup above the container's. */
static int enable(const struct v1_hierarchy *h, unsigned wanted, struct error *err)
{
    _cleanup_free_ char *path = strdup(h->dir);
    _cleanup_strbuf_ struct strbuf names = {0};

    for (unsigned i = 0; i < CGROUP_CONTROLLERS; i++)
        if (wanted & CGROUP_BIT(i))
            strbuf_addf(&names, "%s+%s", names.len ? " " : "", controller_name((enum cgroup_controller)i));
    if (!path || names.oom)
        return error_oom(err);
    for (char *slash = path + h->top; slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int r = wanted & ~read_set(path, "cgroup.subtree_control")
                    ? v1_write(path, "cgroup.subtree_control", names.data, err)
                    : 0;
        if (r == -EBUSY)
            error_hint(err, "a cgroup that has processes cannot be divided: name another linux.cgroupsPath");
        if (r < 0)
            return r;
        *slash = '/';
    }
    return 0;
}

int v1_hybrid_apply(const struct v1_tree *tree, const struct oci_resources *resources, unsigned which,
                    struct error *err)
{
    const struct v1_hierarchy *h = v1_cgroup2(tree);
    unsigned wanted = resources ? limits_controllers(resources, true) & which : 0;

    wanted &= ~(CGROUP_BIT(CGROUP_CORE) | v1_have(tree));
    if (!wanted || !h)
        return 0;
    int r = wanted & ~read_set(h->dir, "cgroup.controllers") ? enable(h, wanted, err) : 0;
    _cleanup_close_ int fd = r < 0 ? r : v1_open(h, err);
    return fd < 0 ? fd : v2_resources_apply(fd, h->dir, resources, wanted, err);
}
