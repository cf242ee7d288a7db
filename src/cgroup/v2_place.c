/*
 * Where a container's cgroup goes in the tree of cgroup2, and whether the caller may make it there.
 *
 * linux.cgroupsPath from its first slash on counts from the root of the mount, otherwise from the caller's
 * own cgroup. Without one it is "bryo-ID": for root at the root of the mount, since the cgroup that root was
 * called in is a session's or a service's, and not root's to divide; for others below their own.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cgroup/v2_internal.h"

void v2_place_free(struct v2_place *place)
{
    free(place->own);
    free(place->path);
    free(place->base);
    *place = (struct v2_place){0};
}

bool v2_is_same_place(const char *path)
{
    for (const char *p = path; *p; p += strspn(p, "/")) {
        size_t len = strcspn(p, "/");
        if (len > 1 || (len == 1 && *p != '.'))
            return false;
        p += len;
    }
    return true;
}

int v2_check_path(const char *path, const char *what, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(path, 200);

    if (!shown)
        return error_oom(err);
    if (strchr(path, '\n'))
        return error_set(err, EINVAL, "%s: expected a path, found a line break in \"%s\"", what, shown);
    for (const char *p = path; *p; p += strspn(p, "/")) {
        size_t len = strcspn(p, "/");
        if (len == 2 && strncmp(p, "..", 2) == 0) {
            error_set(err, EINVAL, "%s: expected a path without \"..\", found \"%s\"", what, shown);
            error_hint(err, "a path that begins with / counts from " CGROUP_ROOT
                            ", another from the caller's own cgroup");
            return -EINVAL;
        }
        if (len > NAME_MAX)
            return error_set(err, ENAMETOOLONG, "%s: \"%s\" has a name of %zu bytes, at most %d are possible",
                             what, shown, len, NAME_MAX);
        p += len;
    }
    return 0;
}

/* Appends @path to @to, one slash before each name, without empty names and "." */
static void add_names(struct strbuf *to, const char *path)
{
    for (const char *p = path; *p; p += strspn(p, "/")) {
        size_t len = strcspn(p, "/");
        if (len && !(len == 1 && *p == '.')) {
            strbuf_add(to, "/");
            strbuf_addn(to, p, len);
        }
        p += len;
    }
}

/* The caller's cgroup; one that an earlier call moved it to counts as the one above. */
static int find_own(struct v2_place *place, struct error *err)
{
    int r = v2_of_process(0, &place->own, err);

    if (r < 0)
        return r;
    if (str_ends(place->own, "/" V2_CALLER))
        place->own[strlen(place->own) - strlen("/" V2_CALLER)] = '\0';
    if (!*place->own) /* it was "/NAME" of the leaf */
        memcpy(place->own, "/", 2);
    return 0;
}

/* "bryo-ID"; with a number behind it if a container of the same name, from another state directory, has that.
 */
static void add_free_name(struct strbuf *to, const char *id)
{
    size_t len = to->len;

    strbuf_addf(to, "/bryo-%s", id);
    for (int i = 1; i < 100 && !to->oom; i++) {
        _cleanup_free_ char *full = v2_show(to->data);
        if (!full || faccessat(AT_FDCWD, full, F_OK, 0) < 0)
            return;
        to->len = len;
        strbuf_addf(to, "/bryo-%s.%d", id, i);
    }
}

static int find_path(struct v2_place *place, const struct cgroup_request *req, struct error *err)
{
    _cleanup_strbuf_ struct strbuf path = {0};
    int r = req->path ? v2_check_path(req->path, "linux.cgroupsPath", err) : 0;

    if (r < 0)
        return r;
    if (req->path && cgroup_path_is_unit(req->path)) {
        _cleanup_free_ char *shown = str_quote(req->path, 200);
        error_set(err, EINVAL, "linux.cgroupsPath: \"%s\" names a unit of systemd", shown ? shown : "?");
        error_hint(err, "use --cgroup-manager systemd, or a path such as \"/a/b\"");
        return -EINVAL;
    }
    if (req->path ? *req->path != '/'
                  : geteuid() != 0 || faccessat(AT_FDCWD, CGROUP_ROOT, W_OK, AT_EACCESS) < 0)
        add_names(&path, place->own);
    if (req->path)
        add_names(&path, req->path);
    else if (strlen(req->id) + strlen("bryo-.99") > NAME_MAX)
        return error_set(err, ENAMETOOLONG, "a cgroup cannot have the name \"bryo-%s\": it is too long",
                         req->id);
    else
        add_free_name(&path, req->id);
    place->path = strbuf_take(&path);
    if (!place->path)
        return error_oom(err);
    if (!*place->path || strcmp(place->path, place->own) == 0) {
        error_set(err, EINVAL, "linux.cgroupsPath: expected a cgroup of the container's own, found \"%s\"",
                  req->path);
        return -EINVAL;
    }
    return 0;
}

static int find_base(struct v2_place *place, struct error *err)
{
    place->base = strdup(place->path);
    if (!place->base)
        return error_oom(err);
    for (;;) {
        char *slash = strrchr(place->base, '/');
        slash[slash == place->base] = '\0';
        _cleanup_free_ char *full = v2_show(place->base);
        if (!full)
            return error_oom(err);
        if (faccessat(AT_FDCWD, full, F_OK, 0) == 0 || strcmp(place->base, "/") == 0)
            return 0;
    }
}

int v2_place_find(struct v2_place *place, const struct cgroup_request *req, struct error *err)
{
    int r = find_own(place, err);

    if (r == 0)
        r = find_path(place, req, err);
    return r < 0 ? r : find_base(place, err);
}

/* The last cgroup that the ways to both have in common, as a length of @a. */
static size_t common(const char *a, const char *b)
{
    size_t same = 0;

    for (size_t i = 0;; i++) {
        if ((a[i] == '/' || !a[i]) && (b[i] == '/' || !b[i]))
            same = i;
        if (!a[i] || a[i] != b[i])
            return same;
    }
}

int v2_place_of(struct v2_place *place, const char *path, struct error *err)
{
    int r = find_own(place, err);

    if (r < 0)
        return r;
    place->path = strdup(path);
    return place->path ? find_base(place, err) : error_oom(err);
}

int v2_place_check(const struct v2_place *place, struct error *err)
{
    _cleanup_free_ char *base = v2_show(place->base);
    _cleanup_free_ char *shared =
        str_printf("%s%.*s", CGROUP_ROOT, (int)common(place->own, place->path), place->own);
    _cleanup_free_ char *procs = shared ? str_printf("%s/cgroup.procs", shared) : NULL;

    if (!base || !procs)
        return error_oom(err);
    if (faccessat(AT_FDCWD, base, W_OK | X_OK, AT_EACCESS) < 0) {
        error_sys(err, errno, "the cgroup \"%s\" is not the caller's to divide", base);
        error_hint(err, "call bryo in a cgroup that is: systemd-run --user --scope -p Delegate=yes bryo …");
        return err ? -err->code : -EACCES;
    }
    /* To move from one cgroup to another takes the right to write this file above both of them. */
    if (faccessat(AT_FDCWD, procs, W_OK, AT_EACCESS) < 0) {
        error_sys(err, errno, "processes cannot be moved to \"%s\", since \"%s\" is not the caller's", base,
                  procs);
        error_hint(err, "call bryo in a cgroup that belongs to the same delegated part of the tree");
        return err ? -err->code : -EACCES;
    }
    return 0;
}
