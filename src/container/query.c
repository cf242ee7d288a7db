/*
 * Looking at containers without touching them: ids, status, state, list.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/process.h"
#include "base/str.h"
#include "container/cgroups.h"
#include "container/internal.h"

static const char *const status_names[] = {
    [STATUS_CREATING] = "creating", [STATUS_CREATED] = "created", [STATUS_RUNNING] = "running",
    [STATUS_PAUSED] = "paused",     [STATUS_STOPPED] = "stopped",
};

const char *container_status_name(enum container_status status)
{
    return status_names[status];
}

/* 0, or the offset + 1 of the first byte that does not belong into an id. */
static size_t bad_byte(const char *id)
{
    for (size_t i = 0; id[i]; i++)
        if (!isalnum((unsigned char)id[i]) && !strchr(i ? "_+-." : "_+-", id[i]))
            return i + 1;
    return 0;
}

int container_check_id(const char *id, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(id ? id : "", 80);
    size_t bad, len = id ? strlen(id) : 0;

    if (!shown)
        return error_oom(err);
    if (!len)
        return error_set(err, EINVAL, "invalid container id: expected a name, found \"\"");
    if (len > NAME_MAX)
        return error_set(err, EINVAL,
                         "invalid container id \"%s\": it has %zu bytes, at most %d are possible", shown, len,
                         NAME_MAX);
    bad = bad_byte(id);
    if (bad) {
        char one[2] = {id[bad - 1], '\0'};
        _cleanup_free_ char *byte = str_quote(one, 0);
        error_set(err, EINVAL, "invalid container id \"%s\": character \"%s\" at position %zu", shown,
                  byte ? byte : "?", bad);
        error_hint(err, "an id is made of letters, digits and _ + - . and does not begin with a dot");
        return -EINVAL;
    }
    return 0;
}

static bool is_frozen(const struct oci_state *state)
{
    _cleanup_cgroup_ struct cgroup cg = {0};

    return container_cgroup(state, &cg, NULL) == 0 && cgroup_is_frozen(&cg);
}

int container_probe(const struct statedir *dir, const struct oci_state *state, enum container_status *status,
                    struct error *err)
{
    _cleanup_close_ int pidfd = state->pid > 0 ? process_open(state->pid, state->start_time) : -ESRCH;

    *status = STATUS_STOPPED;
    if (pidfd == -ESRCH)
        return 0;
    if (pidfd < 0)
        return error_sys(err, -pidfd, "container \"%s\": open process %d", state->id, (int)state->pid);
    *status = STATUS_PAUSED;
    if (is_frozen(state))
        return 0;
    int waiting = statedir_is_waiting(dir);
    if (waiting < 0)
        return error_sys(err, -waiting, "container \"%s\": look at \"%s\" in its state directory", state->id,
                         STATEDIR_WAITING);
    *status = STATUS_RUNNING;
    if (!waiting)
        return 0;
    *status = STATUS_CREATED;
    if (faccessat(dir->fd, STATEDIR_SOCKET, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    *status = STATUS_CREATING;
    return errno == ENOENT ? 0
                           : error_sys(err, errno, "container \"%s\": look at \"%s\" in its state directory",
                                       state->id, STATEDIR_SOCKET);
}

int container_state(const struct runtime *rt, const char *id, struct oci_state **state,
                    enum container_status *status, struct error *err)
{
    __attribute__((cleanup(statedir_close))) struct statedir dir = STATEDIR_INIT;
    int r = container_check_id(id, err);

    if (r == 0)
        r = statedir_open(&dir, rt, id, false, err);
    if (r == 0)
        r = statedir_read(&dir, id, state, err);
    if (r == 0)
        r = container_probe(&dir, *state, status, err);
    return r;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The root may hold what is not ours (Slurm names /run/user/UID itself): a container's directory has a lock.
 */
static int is_ours(int root_fd, const char *id)
{
    _cleanup_close_ int dir = openat(root_fd, id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (dir >= 0 && faccessat(dir, STATEDIR_LOCK, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 1;
    /* Gone meanwhile, or somebody else's. */
    return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES ? 0 : -errno;
}

int container_ids(const struct runtime *rt, char ***out, struct error *err)
{
    _cleanup_strv_ char **ids = NULL;
    _cleanup_closedir_ DIR *dir = NULL;
    size_t n = 0, cap = 0;
    int fd = statedir_open_root(rt, err);

    *out = NULL;
    if (fd == -ENOENT)
        return 0;
    if (fd < 0)
        return fd;
    dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return error_sys(err, errno, "read the state directory \"%s\"", rt->root);
    }
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(dir);
        if (!e && errno)
            return error_sys(err, errno, "read the state directory \"%s\"", rt->root);
        if (!e)
            break;
        if (bad_byte(e->d_name) || (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
            continue;
        int ours = is_ours(fd, e->d_name);
        if (ours < 0)
            return error_sys(err, -ours, "look at the state directory \"%s/%s\"", rt->root, e->d_name);
        if (!ours)
            continue;
        if (n + 2 > cap) {
            char **grown = realloc(ids, (cap ? cap * 2 : 16) * sizeof *ids);
            if (!grown)
                return error_oom(err);
            ids = grown;
            cap = cap ? cap * 2 : 16;
        }
        ids[n] = strdup(e->d_name);
        if (!ids[n])
            return error_oom(err);
        ids[++n] = NULL;
    }
    if (n)
        qsort(ids, n, sizeof *ids, compare);
    *out = TAKE_PTR(ids);
    return 0;
}

int container_list(const struct runtime *rt, struct container_info **out, size_t *n, struct error *err)
{
    _cleanup_strv_ char **ids = NULL;
    struct container_info *list;
    int r = container_ids(rt, &ids, err);

    *out = NULL;
    *n = 0;
    if (r < 0 || !ids)
        return r;
    list = calloc(strv_len(ids), sizeof *list);
    if (!list)
        return error_oom(err);
    STRV_FOREACH (id, ids) {
        _cleanup_error_ struct error why = ERROR_INIT;
        struct container_info *info = &list[*n];
        /* What has no state yet is being created, or its create was killed. */
        if (container_state(rt, *id, &info->state, &info->status, &why) == 0)
            (*n)++;
        else if (why.code != ENOENT)
            log_warn_error(rt->log, &why);
    }
    *out = list;
    return 0;
}

void container_list_free(struct container_info *list, size_t n)
{
    for (size_t i = 0; list && i < n; i++)
        oci_state_free(list[i].state);
    free(list);
}
