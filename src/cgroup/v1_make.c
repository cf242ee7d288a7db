/*
 * Making and removing the directories of a container in all hierarchies.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cgroup/v1.h"
#include "cgroup/v2_internal.h"
#include "cgroup/v2_walk.h"

/* The text of a list of CPUs or nodes; "" for none. NULL with @err filled. */
static char *read_list(const char *dir, const char *file, struct error *err)
{
    char *text = NULL;

    if (v1_read(dir, file, &text, err) < 0)
        return NULL;
    text[strcspn(text, "\n")] = '\0';
    return text;
}

/* A file of @dir, and of those above it that nobody has used yet, gets what the one above has. */
static int inherit_file(const char *dir, size_t top, const char *file, struct error *err)
{
    _cleanup_free_ char *parent = strdup(dir), *text = read_list(dir, file, err);
    int r = 0;

    if (!text || !parent)
        return text ? error_oom(err) : err ? -err->code : -EIO;
    if (*text)
        return 0;
    *strrchr(parent, '/') = '\0';
    if (strlen(parent) > top)
        r = inherit_file(parent, top, file, err);
    if (r < 0)
        return r;
    free(text);
    text = read_list(parent, file, err);
    return text ? v1_write(dir, file, text, err) : err ? -err->code : -EIO;
}

int v1_inherit_cpuset(const char *dir, size_t top, struct error *err)
{
    int r = inherit_file(dir, top, "cpuset.cpus", err);

    return r < 0 ? r : inherit_file(dir, top, "cpuset.mems", err);
}

/* A cgroup of the name that is there and empty is one that a container was killed in, or was made for this
 * one; another is another's. */
static int make_last(const char *dir, bool chosen, struct error *err)
{
    if (mkdir(dir, 0755) == 0)
        return 0;
    if (errno == ENOENT)
        return -ENOENT;
    if (errno != EEXIST)
        return error_sys(err, errno, "create the cgroup \"%s\"", dir);
    if (!chosen || (rmdir(dir) < 0 && errno != ENOENT)) {
        error_sys(err, EEXIST, "create the cgroup \"%s\"", dir);
        error_hint(err, "there is one already, with processes or cgroups in it");
        return -EEXIST;
    }
    return mkdir(dir, 0755) < 0 ? error_sys(err, errno, "create the cgroup \"%s\"", dir) : 0;
}

/* The directories between the mount and the last one. *made: how many were not there. */
static int make_way(const struct v1_hierarchy *h, size_t *made, struct error *err)
{
    _cleanup_free_ char *path = strdup(h->dir);
    int r = 0;

    if (!path)
        return error_oom(err);
    for (char *slash = path + h->top; r == 0 && (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        if (mkdir(path, 0755) == 0)
            ++*made;
        else if (errno != EEXIST)
            r = error_sys(err, errno, "create the cgroup \"%s\"", path);
        *slash = '/';
    }
    return r;
}

/* Takes away the last @made directories above @dir, as long as nobody else uses them. */
static void unmake_way(const char *dir, size_t made)
{
    _cleanup_free_ char *path = strdup(dir);

    for (; path && made; made--) {
        *strrchr(path, '/') = '\0';
        if (rmdir(path) < 0)
            return;
    }
}

static int make_one(const struct v1_hierarchy *h, bool chosen, size_t *made, struct error *err)
{
    int r = make_last(h->dir, chosen, err);

    *made = 0;
    if (r == -ENOENT) { /* most have nothing on the way */
        r = make_way(h, made, err);
        if (r == 0)
            r = make_last(h->dir, chosen, err);
        if (r == -ENOENT)
            error_sys(err, ENOENT, "create the cgroup \"%s\"", h->dir);
    }
    if (r < 0) {
        unmake_way(h->dir, *made);
        return r;
    }
    if (h->set & CGROUP_BIT(CGROUP_CPUSET))
        r = v1_inherit_cpuset(h->dir, h->top, err);
    if (r < 0) {
        (void)rmdir(h->dir);
        unmake_way(h->dir, *made);
    }
    return r;
}

static void unmake(const struct v1_tree *tree, size_t count)
{
    while (count-- > 0) {
        (void)rmdir(tree->items[count].dir);
        unmake_way(tree->items[count].dir, tree->items[count].made);
    }
}

int v1_make(struct v1_tree *tree, bool chosen, struct error *err)
{
    for (size_t i = 0; i < tree->count; i++) {
        int r = make_one(&tree->items[i], chosen, &tree->items[i].made, err);
        if (r == 0)
            continue;
        unmake(tree, i);
        return r;
    }
    return 0;
}

void v1_unmake(const struct v1_tree *tree)
{
    unmake(tree, tree->count);
}

int v1_make_sub(struct v1_tree *tree, const char *sub, struct error *err)
{
    int r = v2_check_path(sub, "--cgroup", err);

    if (r < 0 || v2_is_same_place(sub))
        return r;
    for (size_t i = 0; r == 0 && i < tree->count; i++) {
        struct v1_hierarchy *h = &tree->items[i];
        char *dir = str_printf("%s/%s", h->dir, sub + strspn(sub, "/"));
        if (!dir)
            return error_oom(err);
        free(h->dir);
        h->dir = dir;
        if (mkdir(dir, 0755) < 0 && errno != EEXIST)
            return error_sys(err, errno, "create the cgroup \"%s\"", dir);
        if (h->set & CGROUP_BIT(CGROUP_CPUSET))
            r = v1_inherit_cpuset(dir, h->top, err);
    }
    return r;
}

static int remove_one(void *data, int parent, const char *name)
{
    (void)data;
    /* What a process of the container holds on to or makes anew is met in the next round. */
    return unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != EBUSY ? -errno : 0;
}

/* One round over one hierarchy. Returns 0 when it is gone, -EBUSY when somebody is in it. */
static int remove_hierarchy(const struct v1_hierarchy *h, struct error *err)
{
    static const struct v2_visitor below = {.leave = remove_one};

    if (rmdir(h->dir) == 0 || errno == ENOENT)
        return 0;
    if (errno != EBUSY)
        return error_sys(err, errno, "remove the cgroup \"%s\"", h->dir);
    _cleanup_close_ int fd = open(h->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int r = fd < 0 ? -errno : v2_walk(fd, &below);
    if (r < 0 && r != -ENOENT && r != -ENODEV && r != -EBUSY)
        return error_sys(err, -r, "remove what is below the cgroup \"%s\"", h->dir);
    if (rmdir(h->dir) == 0 || errno == ENOENT)
        return 0;
    return errno == EBUSY ? -EBUSY : error_sys(err, errno, "remove the cgroup \"%s\"", h->dir);
}

/* A process that was killed leaves its cgroups a moment after it can be waited for; what it had in memory may
 * keep one a little longer. */
int v1_remove(const struct v1_tree *tree, struct error *err)
{
    enum { ROUNDS = 12, FIRST_US = 200 };
    long pause = FIRST_US;
    int r = 0;

    for (int round = 0; round < ROUNDS; round++) {
        const struct v1_hierarchy *busy = NULL;
        for (size_t i = tree->count; i-- > 0;) {
            r = remove_hierarchy(&tree->items[i], err);
            if (r == -EBUSY)
                busy = &tree->items[i];
            else if (r < 0)
                return r;
        }
        if (!busy)
            return 0;
        /* Nobody is killed who only looks busy: first the cheap reason, then the processes. */
        r = v1_kill_and_wait(tree, err);
        if (r < 0)
            return r;
        if (round == ROUNDS - 1)
            return error_sys(err, EBUSY, "remove the cgroup \"%s\"", busy->dir);
        const struct timespec wait = {.tv_sec = pause / 1000000, .tv_nsec = pause % 1000000 * 1000};
        nanosleep(&wait, NULL);
        pause *= 2;
    }
    return 0;
}
