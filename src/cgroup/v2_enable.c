/*
 * Controllers on the way down to a new cgroup.
 *
 * Theory of operation (kernel: cgroup-v2.rst). A cgroup has the controllers that the one above it names in
 * cgroup.subtree_control, and can name there only what it has itself. A cgroup other than the root that has
 * processes can name none: no process may sit beside cgroups that limits tell apart.
 *
 * So the way down goes from the first cgroup that has all that is wanted to the deepest that is there. Where
 * it meets the caller's own cgroup and the caller is the only process in it, the caller moves to a cgroup
 * below, which is its right, since it has to be allowed to divide the cgroup anyway; where others are in it,
 * it is not: they may be counted, found or killed by their cgroup.
 */
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

/* Without a limit they cost little and give numbers. */
#define NICE_TO_HAVE \
    (CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_IO) | CGROUP_BIT(CGROUP_MEMORY) | CGROUP_BIT(CGROUP_PIDS))

/* One cgroup on the way. */
struct level {
    int fd;
    char *shown;
    bool is_own, is_root;
};

static void level_free(struct level *l)
{
    free(l->shown);
    fd_close(&l->fd);
}
#define _cleanup_level_ __attribute__((cleanup(level_free)))

/* The first @len bytes of base. */
static int open_level(const struct v2_place *place, size_t len, struct level *l, struct error *err)
{
    _cleanup_free_ char *path = len ? strndup(place->base, len) : strdup("/");

    if (!path)
        return error_oom(err);
    l->is_own = strcmp(path, place->own) == 0;
    l->fd = v2_open(path, &l->shown, err);
    if (l->fd < 0)
        return l->fd;
    l->is_root = faccessat(l->fd, "cgroup.type", F_OK, 0) < 0; /* it has no type */
    return 0;
}

static unsigned read_set(const struct level *l, const char *file)
{
    _cleanup_free_ char *text = NULL;

    return v2_read(l->fd, l->shown, file, &text, NULL) < 0 ? 0 : controllers_parse(text);
}

/* Length of the part of base that comes after the first @len bytes; 0: that was all. */
static size_t next_level(const char *base, size_t len)
{
    return base[len] == '/' && base[len + 1] ? len + 1 + strcspn(base + len + 1, "/") : 0;
}

static size_t level_above(const char *base, size_t len)
{
    while (len && base[len - 1] != '/')
        len--;
    return len ? len - 1 : 0;
}

/* From where on controllers have to be enabled: the deepest level that has all of @wanted, or the root. */
static size_t first_level(const struct v2_place *place, unsigned wanted)
{
    size_t len = strcmp(place->base, "/") == 0 ? 0 : strlen(place->base);

    for (; len; len = level_above(place->base, len)) {
        _cleanup_level_ struct level l = {.fd = -EBADF};
        if (open_level(place, len, &l, NULL) == 0 && !(wanted & ~read_set(&l, "cgroup.controllers")))
            break;
    }
    return len;
}

/* The processes of a level other than the root: 0 none, 1 only the caller, 2 others. */
static int occupied(const struct level *l)
{
    _cleanup_free_ char *text = NULL;
    char self[16];

    if (l->is_root)
        return 0;
    if (v2_read(l->fd, l->shown, "cgroup.procs", &text, NULL) < 0 || !text[strspn(text, "\n")])
        return 0;
    snprintf(self, sizeof self, "%d\n", (int)getpid());
    return l->is_own && strcmp(text, self) == 0 ? 1 : 2;
}

static const char *first_name(unsigned set)
{
    for (int i = 0; i < CGROUP_CONTROLLERS; i++)
        if (set & CGROUP_BIT(i))
            return controller_name((enum cgroup_controller)i);
    return "?";
}

/* Either @l lacks what is @missing, or it has it and does not hand it down. */
static void not_delegated(const struct v2_place *place, const struct level *l, unsigned missing,
                          struct error *why)
{
    unsigned nowhere = l->is_root ? missing & ~read_set(l, "cgroup.controllers") : 0;
    _cleanup_free_ char *base = v2_show(place->base);

    if (why->text)
        return;
    if (nowhere) {
        error_set(why, ENOTSUP, "this machine has no controller \"%s\" in cgroup v2", first_name(nowhere));
        return;
    }
    error_set(why, ENOTSUP, "the controller \"%s\" is not delegated to the cgroup \"%s\"",
              first_name(missing), base ? base : l->shown);
    error_hint(why, V2_DELEGATE_HINT);
}

/* What of @missing can be named in the level's subtree_control, by looking. */
static unsigned could_enable(const struct v2_place *place, const struct level *l, unsigned missing,
                             struct error *why)
{
    if (faccessat(l->fd, "cgroup.subtree_control", W_OK, AT_EACCESS) < 0) {
        not_delegated(place, l, missing, why);
        return 0;
    }
    if (occupied(l) < 2)
        return missing;
    if (!why->text) {
        error_set(why, EBUSY, "the cgroup \"%s\" has other processes than bryo, so it cannot be divided",
                  l->shown);
        error_hint(why, "start bryo in a cgroup of its own, such as: systemd-run --user --scope -p "
                        "Delegate=yes bryo …");
    }
    return 0;
}

unsigned v2_can_enable(const struct v2_place *place, unsigned wanted, struct error *why)
{
    unsigned have = 0;
    size_t len = first_level(place, wanted);
    bool first = true;

    for (;;) {
        _cleanup_level_ struct level l = {.fd = -EBADF};
        if (open_level(place, len, &l, why) < 0)
            return 0;
        if (first)
            have = wanted & read_set(&l, "cgroup.controllers");
        first = false;
        if (wanted & ~have)
            not_delegated(place, &l, wanted & ~have, why);
        unsigned on = read_set(&l, "cgroup.subtree_control"), missing = have & ~on;
        have = (have & on) | (missing ? could_enable(place, &l, missing, why) : 0);
        len = next_level(place->base, len);
        if (!len)
            return have;
    }
}

/* "+cpu +memory" */
static int name_controllers(const struct level *l, unsigned set, struct error *err)
{
    char text[160] = "";
    size_t len = 0;

    for (int i = 0; i < CGROUP_CONTROLLERS; i++)
        if (set & CGROUP_BIT(i))
            len += (size_t)snprintf(text + len, sizeof text - len, "%s+%s", len ? " " : "",
                                    controller_name((enum cgroup_controller)i));
    return v2_write(l->fd, l->shown, "cgroup.subtree_control", text, err);
}

static int move_caller(const struct level *l, struct error *err)
{
    _cleanup_free_ char *shown = str_printf("%s/" V2_CALLER, l->shown);
    _cleanup_close_ int fd = -EBADF;

    if (!shown)
        return error_oom(err);
    if (mkdirat(l->fd, V2_CALLER, 0755) < 0 && errno != EEXIST)
        return error_sys(err, errno, "create the cgroup \"%s\"", shown);
    fd = openat(l->fd, V2_CALLER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return error_sys(err, errno, "open the cgroup \"%s\"", shown);
    return v2_add_process(fd, shown, 0, err);
}

static int enable_level(const struct level *l, unsigned wanted, struct error *err)
{
    unsigned have = read_set(l, "cgroup.controllers"), on = read_set(l, "cgroup.subtree_control");
    unsigned need = wanted & ~on, nice = NICE_TO_HAVE & have & ~on;
    int r;

    if (need && occupied(l) == 1) {
        r = move_caller(l, err);
        if (r < 0)
            return r;
    }
    /* In the caller's own cgroup this fails: the caller is in it. */
    if (l->is_own && !l->is_root && !need)
        nice = 0;
    if (need | nice && name_controllers(l, need | nice, NULL) == 0)
        return 0;
    return need ? name_controllers(l, need, err) : 0;
}

int v2_enable(const struct v2_place *place, unsigned wanted, struct error *err)
{
    size_t len = first_level(place, wanted);

    for (;;) {
        _cleanup_level_ struct level l = {.fd = -EBADF};
        int r = open_level(place, len, &l, err);
        if (r == 0)
            r = enable_level(&l, wanted, err);
        if (r < 0)
            return r;
        len = next_level(place->base, len);
        if (!len)
            return 0;
    }
}
