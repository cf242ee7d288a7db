/*
 * Places in the tree of cgroup2: finding, delegating and removing them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "cgroup/internal.h"
#include "cgroup/v2_internal.h"
#include "cgroup/v2_walk.h"

#define PROC_CGROUP_MAX (1U << 20)

/* The files that whoever is given a cgroup must be able to write, one a line (Linux 4.15). */
#define DELEGATE_LIST "/sys/kernel/cgroup/delegate"
#define DELEGATE_MAX  (64U << 10)

int v2_of_process(pid_t pid, char **path, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    char file[32] = "/proc/self/cgroup";

    if (pid)
        snprintf(file, sizeof file, "/proc/%d/cgroup", (int)pid);
    int r = file_read_at(AT_FDCWD, file, PROC_CGROUP_MAX, &text, NULL, err);
    if (r < 0)
        return r;
    const char *line = str_starts(text, "0::") ? text : strstr(text, "\n0::");
    if (!line)
        return error_set(err, ENOTSUP, "%s: expected a line of cgroup2, 0::PATH, found none", file);
    line += *line == '\n' ? 4 : 3;
    size_t len = strcspn(line, "\n");
    /* The cgroup was removed; or lies outside of our cgroup namespace, whose root is what is mounted. */
    if (str_starts(line, "/..") || (len > 10 && strncmp(line + len - 10, " (deleted)", 10) == 0))
        return error_set(err, ENOENT, "%s: the cgroup \"%.*s\" cannot be reached", file, (int)len, line);
    *path = strndup(line, len);
    return *path ? 0 : error_oom(err);
}

char *v2_show(const char *path)
{
    return str_printf("%s%s", CGROUP_ROOT, strcmp(path, "/") == 0 ? "" : path);
}

int v2_open(const char *path, char **shown, struct error *err)
{
    _cleanup_free_ char *full = v2_show(path);
    int fd;

    if (!full)
        return error_oom(err);
    fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return error_sys(err, errno, "open the cgroup \"%s\"", full);
    if (shown)
        *shown = TAKE_PTR(full);
    return fd;
}

static bool takes_processes(int dirfd)
{
    _cleanup_free_ char *text = NULL;

    return file_read_at(dirfd, "cgroup.subtree_control", 4096, &text, NULL, NULL) < 0 ||
           text[strspn(text, " \n")] == '\0';
}

/* @path itself, or where @init went when it divided @path further. */
static int open_like_init(const char *path, pid_t init, char **shown, struct error *err)
{
    _cleanup_free_ char *of_init = NULL;
    _cleanup_close_ int fd = v2_open(path, shown, err);
    size_t len = strlen(path);

    if (fd < 0 || takes_processes(fd) || init <= 0 || v2_of_process(init, &of_init, NULL) < 0)
        return TAKE_FD(fd);
    if (strncmp(of_init, path, len) != 0 || of_init[len] != '/')
        return TAKE_FD(fd);
    if (shown)
        free(*shown);
    return v2_open(of_init, shown, err);
}

int v2_open_for_process(const char *path, const char *sub, pid_t init, char **shown, struct error *err)
{
    _cleanup_free_ char *below = NULL, *full = NULL;

    if (!sub || v2_is_same_place(sub))
        return open_like_init(path, init, shown, err);
    int r = v2_check_path(sub, "--cgroup", err);
    if (r < 0)
        return r;
    below = str_printf("%s/%s", path, sub + strspn(sub, "/"));
    full = below ? v2_show(below) : NULL;
    if (!full)
        return error_oom(err);
    if (mkdir(full, 0755) < 0 && errno != EEXIST)
        return error_sys(err, errno, "create the cgroup \"%s\"", full);
    return v2_open(below, shown, err);
}

int v2_delegate(int dirfd, const char *shown, uid_t uid, gid_t gid, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    char *save = NULL;
    int r = file_read_at(AT_FDCWD, DELEGATE_LIST, DELEGATE_MAX, &text, NULL, err);

    if (r < 0)
        return r;
    if (fchown(dirfd, uid, gid) < 0)
        return error_sys(err, errno, "give the cgroup \"%s\" to user %u", shown, uid);
    for (char *name = strtok_r(text, "\n", &save); name; name = strtok_r(NULL, "\n", &save))
        /* A file of a controller that is not there. */
        if (fchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
            return error_sys(err, errno, "give \"%s\" of the cgroup \"%s\" to user %u", name, shown, uid);
    return 0;
}

static int remove_one(void *data, int parent, const char *name)
{
    (void)data;
    /* What a process of the container holds on to or makes anew is met in the next round. */
    return unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != EBUSY ? -errno : 0;
}

int v2_remove_below(const char *path, struct error *err)
{
    static const struct v2_visitor below = {.leave = remove_one};
    _cleanup_free_ char *shown = NULL;
    _cleanup_close_ int fd = v2_open(path, &shown, err);
    int r = fd < 0 ? fd : v2_walk(fd, &below);

    return fd >= 0 && r < 0 ? error_sys(err, -r, "remove what is below the cgroup \"%s\"", shown) : r;
}

/* A few rounds: a process that was killed leaves its cgroup a moment after it can be waited for. */
static int remove_busy(int dirfd, const char *full, struct error *err)
{
    static const struct v2_visitor below = {.leave = remove_one};
    enum { ROUNDS = 5 };
    int r = 0;

    for (int i = 0; i < ROUNDS; i++) {
        r = v2_kill_and_wait(dirfd, full, err);
        if (r < 0)
            return r;
        r = v2_walk(dirfd, &below);
        if (r < 0 && r != -ENOENT && r != -ENODEV)
            return error_sys(err, -r, "remove what is below the cgroup \"%s\"", full);
        if (rmdir(full) == 0 || errno == ENOENT)
            return 0;
        if (errno != EBUSY)
            break;
    }
    return error_sys(err, errno, "remove the cgroup \"%s\"", full);
}

int v2_remove(const char *path, struct error *err)
{
    _cleanup_free_ char *full = v2_show(path);
    _cleanup_close_ int fd = -EBADF;

    if (!full)
        return error_oom(err);
    if (rmdir(full) == 0 || errno == ENOENT)
        return 0;
    if (errno != EBUSY)
        return error_sys(err, errno, "remove the cgroup \"%s\"", full);
    fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : error_sys(err, errno, "open the cgroup \"%s\"", full);
    return remove_busy(fd, full, err);
}
