#include "container/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "container/cgroups.h"
#include "container/internal.h"

int owns_pid_namespace(pid_t pid)
{
    _cleanup_free_ char *text = NULL;
    char path[32];
    int r;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    r = file_read_at(AT_FDCWD, path, 64 << 10, &text, NULL, NULL);
    if (r < 0)
        return r;
    char *line = strstr(text, "\nNSpid:");
    if (!line)
        return -ENOTSUP;
    line[1 + strcspn(line + 1, "\n")] = '\0';
    /* One number for each namespace from ours down; a process of our own namespace has just one, and pid 1
     * there is not the first of a namespace of its own. */
    const char *first = strchr(line, '\t'), *last = strrchr(line, '\t');
    return first && last != first && strcmp(last, "\t1") == 0;
}

/* Is process @pid in the pid namespace @ours? Holds it by *pidfd. 1, 0 (also when it is gone, or another
 * user's) or -errno: a process must not be left out because a descriptor is lacking. */
static int is_member(uint32_t pid, const struct stat *ours, int *pidfd)
{
    struct stat theirs;
    char path[48];

    *pidfd = sys_pidfd_open((pid_t)pid, 0);
    if (*pidfd < 0)
        return errno == ESRCH || errno == EINVAL ? 0 : -errno;
    snprintf(path, sizeof path, "/proc/%u/ns/pid", pid);
    if (stat(path, &theirs) < 0)
        return errno == ENOENT || errno == ESRCH || errno == EACCES || errno == EPERM ? 0 : -errno;
    return theirs.st_ino == ours->st_ino && theirs.st_dev == ours->st_dev;
}

int namespace_processes(pid_t init, int (*each)(pid_t pid, int pidfd, void *data), void *data,
                        struct error *err)
{
    struct stat ours;
    char path[48];

    snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)init);
    if (stat(path, &ours) < 0)
        return errno == ENOENT ? 0 : error_sys(err, errno, "find the pid namespace of the container");
    _cleanup_closedir_ DIR *proc = opendir("/proc");
    if (!proc)
        return error_sys(err, errno, "open \"/proc\"");
    for (;;) {
        _cleanup_close_ int pidfd = -EBADF;
        uint32_t pid;
        errno = 0;
        const struct dirent *e = readdir(proc);
        if (!e)
            return errno ? error_sys(err, errno, "read \"/proc\"") : 0;
        if (parse_u32(e->d_name, &pid) < 0)
            continue;
        int r = is_member(pid, &ours, &pidfd);
        if (r < 0)
            return error_sys(err, -r, "look at process %u", pid);
        if (r > 0)
            r = each((pid_t)pid, pidfd, data);
        if (r < 0)
            return r;
    }
}

struct pid_list {
    pid_t *items;
    size_t count, room;
};

static int append(pid_t pid, int pidfd, void *data)
{
    struct pid_list *list = data;

    (void)pidfd;
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        pid_t *grown = realloc(list->items, room * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        list->items = grown;
        list->room = room;
    }
    list->items[list->count++] = pid;
    return 0;
}

static int compare(const void *a, const void *b)
{
    pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

    return (x > y) - (x < y);
}

static int append_pid(void *data, pid_t pid)
{
    return append(pid, -EBADF, data);
}

/* Hands the list over, if @r says that it is whole. */
static int sorted(int r, const char *id, struct pid_list *list, pid_t **pids, size_t *n, struct error *err)
{
    if (r < 0) {
        free(list->items);
        if (!err || !err->text)
            return error_sys(err, -r, "container \"%s\": list its processes", id);
        error_prefix(err, "container \"%s\"", id);
        return r;
    }
    if (list->count)
        qsort(list->items, list->count, sizeof *list->items, compare);
    *pids = list->items;
    *n = list->count;
    return 0;
}

int container_processes(const struct runtime *rt, const char *id, pid_t **pids, size_t *n, struct error *err)
{
    _cleanup_state_ struct oci_state *state = NULL;
    struct pid_list list = {0};
    enum container_status status;
    int r = container_state(rt, id, &state, &status, err);

    if (r < 0)
        return r;
    if (status == STATUS_STOPPED)
        return error_set(err, ESRCH, "container not running: \"%s\" has stopped", id);
    _cleanup_cgroup_ struct cgroup cg = {0};
    r = container_cgroup(state, &cg, err);
    if (r < 0) {
        error_prefix(err, "container \"%s\"", id);
        return r;
    }
    if (cgroup_exists(&cg))
        return sorted(cgroup_processes(&cg, append_pid, &list, err), id, &list, pids, n, err);
    r = owns_pid_namespace(state->pid);
    if (r == 0) {
        error_set(err, EOPNOTSUPP, "container \"%s\" has no pid namespace of its own and no cgroup", id);
        error_hint(err, "without one of them nothing tells its processes from others");
        return -EOPNOTSUPP;
    }
    if (r == -ENOENT || r == -ESRCH)
        return error_set(err, ESRCH, "container not running: \"%s\" has stopped", id);
    if (r > 0)
        r = namespace_processes(state->pid, append, &list, err);
    return sorted(r, id, &list, pids, n, err);
}
