#include "container/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/process.h"
#include "base/syscalls.h"
#include "container/channel.h"
#include "container/internal.h"
#include "rootfs/live.h"

#define ADDED_MAX ((size_t)1 << 20)

/* One call of add or remove. The child that enters the container is a fork: it sees all of it. */
struct job {
    const char *id;
    struct statedir dir;
    struct oci_state *state;
    int pidfd;
    bool own_userns; /* the container's user namespace is not ours */
    uint64_t *added; /* ids of the mounts that were added before */
    size_t n_added;
    struct live_mount *lm;   /* add */
    const char *destination; /* remove */
    bool force;
};
#define JOB_INIT(name) ((struct job){.id = (name), .dir = STATEDIR_INIT, .pidfd = -EBADF})

static void job_free(struct job *j)
{
    statedir_close(&j->dir);
    oci_state_freep(&j->state);
    fd_close(&j->pidfd);
    free(j->added);
    live_mount_free(&j->lm);
}
#define _cleanup_job_ __attribute__((cleanup(job_free)))

static int has_stopped(const char *id, struct error *err)
{
    return error_set(err, ESRCH, "container not running: \"%s\" has stopped", id);
}

/* Is the namespace of init another one than ours? 1, 0 or a negative errno. */
static int differs(const struct job *j, const char *type, struct error *err)
{
    struct stat theirs, ours;
    char path[48];

    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)j->state->pid, type);
    if (stat(path, &theirs) < 0)
        return errno == ENOENT ? has_stopped(j->id, err)
                               : error_sys(err, errno, "look at the namespaces of container \"%s\"", j->id);
    snprintf(path, sizeof path, "/proc/self/ns/%s", type);
    if (stat(path, &ours) < 0)
        return error_sys(err, errno, "look at \"%s\"", path);
    return theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev;
}

/* Reads the ids of the mounts that were added; leaves room for one more. */
static int read_added(struct job *j, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_cjson_ cJSON *json = NULL;
    const cJSON *e;
    size_t len;
    int r = file_read_at(j->dir.fd, STATEDIR_MOUNTS, ADDED_MAX, &text, &len, err);

    free(j->added);
    j->added = NULL;
    j->n_added = 0;
    if (r == -ENOENT) {
        error_clear(err);
        j->added = calloc(1, sizeof *j->added);
        return j->added ? 0 : error_oom(err);
    }
    if (r == 0)
        r = json_parse(STATEDIR_MOUNTS, text, len, &json, err);
    if (r < 0)
        return r;
    j->added = calloc((size_t)cJSON_GetArraySize(json) + 1, sizeof *j->added);
    if (!j->added)
        return error_oom(err);
    cJSON_ArrayForEach (e, json)
        if (json_get_u64(e, &j->added[j->n_added]) == 0)
            j->n_added++;
    return 0;
}

/* Finds the container, which must be past its own making: before that its init still sees the host. */
static int find(struct job *j, const struct runtime *rt, struct error *err)
{
    int r = container_check_id(j->id, err);

    if (r == 0)
        r = statedir_open(&j->dir, rt, j->id, false, err);
    if (r == 0)
        r = statedir_read(&j->dir, j->id, &j->state, err);
    if (r < 0)
        return r;
    j->pidfd = process_open(j->state->pid, j->state->start_time);
    if (j->pidfd == -ESRCH)
        return has_stopped(j->id, err);
    if (j->pidfd < 0)
        return error_sys(err, -j->pidfd, "container \"%s\": open process %d", j->id, (int)j->state->pid);
    enum container_status status;
    r = container_probe(&j->dir, j->state, &status, err);
    if (r < 0)
        return r;
    if (status == STATUS_STOPPED)
        return has_stopped(j->id, err);
    if (status == STATUS_CREATING)
        return error_set(err, EINVAL, "container \"%s\" is still being created", j->id);
    r = differs(j, "mnt", err);
    if (r == 0) {
        error_set(err, EINVAL, "container \"%s\" has no mount namespace of its own", j->id);
        return error_hint(err, "its mounts are those of the caller: use mount(8)");
    }
    return r < 0 ? r : read_added(j, err);
}

/* The mounts that were added, with @id among them or no longer. The file may have changed meanwhile. */
static int record(struct job *j, uint64_t id, bool add, struct error *err)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateArray();
    _cleanup_free_ char *text = NULL;
    int r = statedir_lock(&j->dir, j->id, err);

    if (r == 0)
        r = read_added(j, err);
    if (r < 0)
        return r;
    if (add)
        j->added[j->n_added++] = id;
    for (size_t i = 0; json && i < j->n_added; i++) {
        if (!add && j->added[i] == id)
            continue;
        cJSON *number = json_new_u64(j->added[i]);
        if (!number || !cJSON_AddItemToArray(json, number)) {
            cJSON_Delete(number);
            return error_oom(err);
        }
    }
    text = json ? json_print(json, false) : NULL;
    if (!text)
        return error_oom(err);
    r = file_replace_at(j->dir.fd, STATEDIR_MOUNTS, text, strlen(text), 0600, err);
    fd_close(&j->dir.lock_fd);
    return r;
}

static int enter(const struct job *j, int type, const char *what, struct error *err)
{
    if (setns(j->pidfd, type) == 0)
        return 0;
    int code = errno;
    error_sys(err, code, "enter the %s namespace of container \"%s\"", what, j->id);
    if (code == EPERM)
        error_hint(err, "only who created a container, or root, can change its mounts");
    return -code;
}

/* What is made in the container belongs to its root. */
static int become_root(struct error *err)
{
    if ((getegid() != 0 && setresgid(0, 0, 0) < 0 && errno != EINVAL) ||
        (geteuid() != 0 && setresuid(0, 0, 0) < 0 && errno != EINVAL))
        return error_sys(err, errno, "become root of the container");
    prctl(PR_SET_DUMPABLE, 0); /* a change of ids may undo it */
    return 0;
}

/* In the child: a fork of the runtime with its rights, which gets all capabilities of the container's user
 * namespace. It joins no pid namespace, so that only a container that shares the host's sees it, and it is
 * not dumpable. Opens paths of the host up to the second setns, and behind it none but inside the root. */
static int work(struct job *j, const struct channel *ch, uint64_t *id, struct error *err)
{
    _cleanup_close_ int proc = path_open_proc(err), fd_dir = -EBADF, root = -EBADF;
    int r = 0;

    if (proc < 0)
        return proc;
    fd_dir = openat(proc, "self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd_dir < 0)
        return error_sys(err, errno, "open \"self/fd\" in procfs");
    if (j->own_userns) {
        r = enter(j, CLONE_NEWUSER, "user", err);
        if (r == 0 && j->lm && unshare(CLONE_NEWNS) < 0)
            r = error_sys(err, errno, "make a mount namespace in the user namespace of the container");
    }
    if (r == 0 && j->lm)
        r = live_mount_open(j->lm, err);
    if (r == 0)
        r = enter(j, CLONE_NEWNS, "mount", err);
    if (r == 0)
        r = become_root(err);
    if (r < 0)
        return r;
    root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return error_sys(err, errno, "open the root of the container");
    if (!j->lm)
        return live_mount_remove(j->destination, root, fd_dir, j->added, j->n_added, j->force, id, err);
    r = live_mount_prepare(j->lm, root, id, err);
    if (r == 0)
        r = channel_send(ch, STEP_ENVIRONMENT_READY, (int64_t)*id, NULL, -1, err);
    if (r == 0)
        r = channel_expect(ch, STEP_START, NULL, err);
    return r < 0 ? r : live_mount_attach(j->lm, fd_dir, err);
}

static _Noreturn void child_main(struct job *j, int fd)
{
    const struct channel ch = {.fd = fd, .self = "the process inside", .peer = "the runtime"};
    _cleanup_error_ struct error err = ERROR_INIT;
    uint64_t id = 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE, 0);
    umask(022);
    int r = work(j, &ch, &id, &err);
    if (r == 0)
        r = channel_send(&ch, STEP_READY, (int64_t)id, NULL, -1, &err);
    else
        channel_send_error(&ch, &err);
    _exit(r < 0);
}

static int is_mount(void *id, const struct mountinfo *mount)
{
    return mount->id == *(uint64_t *)id;
}

/* Is the mount with that id in the container? */
static bool is_there(const struct job *j, uint64_t id)
{
    char path[32];

    snprintf(path, sizeof path, "/proc/%d/mountinfo", (int)j->state->pid);
    return mountinfo_each(path, is_mount, &id, NULL) == 1;
}

/* A mount that is to be attached is recorded before: then a failure leaves none that nobody knows of. If it
 * does not come to be, its id is in the record for nothing, or taken out again. */
static int attach(struct job *j, const struct channel *ch, struct error *err)
{
    struct channel_message msg;
    int r = channel_expect(ch, STEP_ENVIRONMENT_READY, &msg, err);

    if (r < 0)
        return r;
    const uint64_t id = (uint64_t)msg.value;
    r = record(j, id, true, err);
    if (r < 0)
        return r;
    r = channel_send(ch, STEP_START, 0, NULL, -1, err);
    if (r == 0)
        r = channel_expect(ch, STEP_READY, NULL, err);
    if (r == -EPIPE && is_there(j, id)) { /* the child died right behind it */
        error_clear(err);
        return 0;
    }
    if (r < 0)
        (void)record(j, id, false, NULL);
    return r;
}

/* Does the work in a child. The lock is not held meanwhile: a path of the container's may lead to a file
 * system that answers late or never, and must not keep anybody from deleting the container. */
static int run_child(struct job *j, struct error *err)
{
    struct channel_message msg;
    int fds[2], r = differs(j, "user", err);

    if (r < 0)
        return r;
    j->own_userns = r;
    r = channel_pair(fds, err);
    if (r < 0)
        return r;
    _cleanup_close_ int ours = fds[0], theirs = fds[1];
    _cleanup_pid_ pid_t child = fork();
    if (child < 0)
        return error_sys(err, errno, "fork a process to enter the container");
    if (child == 0) {
        /* Our end: whoever waits for a runtime that was killed has to see the end of the channel. */
        fd_close(&ours);
        child_main(j, theirs);
    }
    fd_close(&theirs);
    const struct channel ch = {.fd = ours, .self = "the runtime", .peer = "the process inside"};
    if (j->lm)
        return attach(j, &ch, err);
    r = channel_expect(&ch, STEP_READY, &msg, err);
    return r < 0 ? r : record(j, (uint64_t)msg.value, false, err);
}

int container_mounts_add(const struct runtime *rt, const char *id, const struct oci_mount *mount,
                         struct error *err)
{
    _cleanup_job_ struct job j = JOB_INIT(id);
    int r = find(&j, rt, err);

    if (r == 0)
        r = differs(&j, "user", err);
    if (r >= 0)
        r = live_mount_new(mount, r, &j.lm, err);
    return r < 0 ? r : run_child(&j, err);
}

int container_mounts_remove(const struct runtime *rt, const char *id, const char *destination, bool force,
                            struct error *err)
{
    _cleanup_job_ struct job j = JOB_INIT(id);
    int r = find(&j, rt, err);

    j.destination = destination;
    j.force = force;
    return r < 0 ? r : run_child(&j, err);
}

struct visit {
    const struct job *j;
    int (*each)(void *data, const struct mountinfo *mount, bool added);
    void *data;
};

static int visit_one(void *data, const struct mountinfo *mount)
{
    const struct visit *v = data;
    bool added = false;

    for (size_t i = 0; i < v->j->n_added; i++)
        added |= v->j->added[i] == mount->id;
    return v->each(v->data, mount, added);
}

int container_mounts_each(const struct runtime *rt, const char *id,
                          int (*each)(void *data, const struct mountinfo *mount, bool added), void *data,
                          struct error *err)
{
    _cleanup_job_ struct job j = JOB_INIT(id);
    struct visit v = {.j = &j, .each = each, .data = data};
    char path[32];
    int r = find(&j, rt, err);

    if (r < 0)
        return r;
    snprintf(path, sizeof path, "/proc/%d/mountinfo", (int)j.state->pid);
    r = mountinfo_each(path, visit_one, &v, err);
    struct pollfd end = {.fd = j.pidfd, .events = POLLIN};
    if (poll(&end, 1, 0) == 1) /* what was read may be of another process */
        return has_stopped(id, err);
    return r;
}
