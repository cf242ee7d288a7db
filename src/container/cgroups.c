#include "container/cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/process.h"
#include "base/str.h"
#include "cgroup/devices.h"
#include "container/internal.h"
#include "container/ports.h"
#include "container/rdt.h"
#include "userns/current.h"
#include "userns/within.h"

#define NS_PER_S UINT64_C(1000000000)

/* A container that has a process, and its cgroup. */
struct subject {
    struct statedir dir;
    struct oci_state *state;
    struct cgroup cg;
    int pidfd;
};
#define SUBJECT_INIT ((struct subject){.dir = STATEDIR_INIT, .pidfd = -EBADF})

static void subject_free(struct subject *s)
{
    statedir_close(&s->dir);
    oci_state_freep(&s->state);
    cgroup_free(&s->cg);
    fd_close(&s->pidfd);
}
#define _cleanup_subject_ __attribute__((cleanup(subject_free)))

int container_cgroup(const struct oci_state *state, struct cgroup *cg, struct error *err)
{
    return cgroup_open(cg, state->cgroup_manager, state->cgroup_path, err);
}

int container_let_die(const struct oci_state *state, struct error *err)
{
    _cleanup_cgroup_ struct cgroup cg = {0};
    int r = state->cgroup_path ? container_cgroup(state, &cg, err) : 0;

    if (r == 0)
        r = cgroup_let_die(&cg, err);
    if (r < 0)
        error_prefix(err, "container \"%s\" has got SIGKILL, but may be frozen", state->id);
    return r;
}

static int destroy(void *cg, struct error *err)
{
    return cgroup_destroy(cg, err);
}

/* Of a cgroup that was given to the container's root: what that made there is not the caller's to remove. */
static int destroy_mapped(const struct oci_state *state, struct cgroup *cg, struct error *err)
{
    _cleanup_idmap_ struct idmap map = {0};
    int r = idmap_from_config(&map, &state->uid_mappings, &state->gid_mappings, err);

    return r < 0 ? r : userns_within(&map, destroy, cg, err);
}

int container_destroy_cgroup(const struct oci_state *state, struct error *err)
{
    _cleanup_error_ struct error plain = ERROR_INIT;
    _cleanup_cgroup_ struct cgroup cg = {0};
    int r = container_cgroup(state, &cg, err);

    if (r == 0)
        r = cgroup_destroy(&cg, &plain);
    if (r == -EACCES && state->uid_mappings.count && geteuid() != 0)
        r = destroy_mapped(state, &cg, err);
    else if (r < 0 && plain.text)
        error_move(err, &plain);
    if (r < 0)
        error_prefix(err, "container \"%s\"", state->id);
    return r;
}

/* @lock: the call changes the container. */
static int find(struct subject *s, const struct runtime *rt, const char *id, bool lock, struct error *err)
{
    int r = container_check_id(id, err);

    if (r == 0)
        r = statedir_open(&s->dir, rt, id, lock, err);
    if (r == 0)
        r = statedir_read(&s->dir, id, &s->state, err);
    if (r < 0)
        return r;
    s->pidfd = process_open(s->state->pid, s->state->start_time);
    if (s->pidfd == -ESRCH)
        return error_set(err, ESRCH, "container not running: \"%s\" has stopped", id);
    if (s->pidfd < 0)
        return error_sys(err, -s->pidfd, "container \"%s\": open process %d", id, (int)s->state->pid);
    r = container_cgroup(s->state, &s->cg, err);
    if (r < 0)
        error_prefix(err, "container \"%s\"", id);
    return r;
}

/* Puts `cannot VERB container "ID"` before what went wrong. */
static int failed(int r, const char *verb, const char *id, struct error *err)
{
    if (r < 0)
        error_prefix(err, "cannot %s container \"%s\"", verb, id);
    return r;
}

static int freeze(const struct runtime *rt, const char *id, bool frozen, struct error *err)
{
    _cleanup_subject_ struct subject s = SUBJECT_INIT;
    int r = find(&s, rt, id, true, err);

    if (r < 0)
        return r;
    if (!cgroup_exists(&s.cg) || cgroup_is_frozen(&s.cg) != frozen)
        r = cgroup_freeze(&s.cg, frozen, err);
    else
        r = error_set(err, EBUSY, frozen ? "it is paused already" : "it is not paused");
    return failed(r, frozen ? "pause" : "resume", id, err);
}

int container_pause(const struct runtime *rt, const char *id, struct error *err)
{
    return freeze(rt, id, true, err);
}

int container_resume(const struct runtime *rt, const char *id, struct error *err)
{
    return freeze(rt, id, false, err);
}

int container_set_devices(const struct cgroup *cg, const struct oci_device_list *devices,
                          const struct oci_resources *resources, bool fresh, const struct log *log,
                          struct error *err)
{
    _cleanup_device_rules_ struct device_rules rules = {0};
    _cleanup_error_ struct error why = ERROR_INIT;
    int r = device_rules_make(&rules, devices, resources ? &resources->devices : NULL, &why);

    if (r == 0)
        r = cgroup_set_devices(cg, &rules, fresh, &why);
    if (r == -EPERM && (geteuid() != 0 || !userns_is_initial())) {
        log_debug(log, "%s; the user namespace forbids all devices but those asked for", error_text(&why));
        return 0;
    }
    error_move(err, &why);
    return r;
}

/* A new list of rules takes the place of the old one; linux.devices is what it was. */
static int update_devices(const struct subject *s, const struct oci_resources *resources,
                          const struct log *log, struct error *err)
{
    _cleanup_config_ struct oci_config *config = NULL;
    int r = oci_config_read(s->dir.fd, STATEDIR_CONFIG, &config, err);

    if (r < 0) {
        error_prefix(err, "its configuration as kept at create");
        return r;
    }
    return container_set_devices(&s->cg, &config->linux_.devices, resources, false, log, err);
}

int container_update(const struct runtime *rt, const char *id, const struct oci_resources *resources,
                     struct error *err)
{
    _cleanup_subject_ struct subject s = SUBJECT_INIT;
    int r = find(&s, rt, id, true, err);

    if (r < 0)
        return r;
    r = cgroup_update(&s.cg, resources, err);
    if (r == 0 && resources->devices.count)
        r = update_devices(&s, resources, rt->log, err);
    return failed(r, "update", id, err);
}

static int emit_stats(const struct cgroup *cg, event_sink *emit, void *sink, struct error *err)
{
    cJSON *data = NULL;
    int r = cgroup_stats(cg, &data, err);

    return r < 0 ? r : emit(sink, "stats", data, err);
}

/* Numbers of the cgroup, of the network if that is bryo's, and of the class of Intel RDT; one is enough. */
static int read_stats(const struct subject *s, cJSON **out, struct error *err)
{
    _cleanup_cjson_ cJSON *interface = NULL, *rdt = NULL, *data = NULL;
    int r = network_interface_stats(&s->dir, &interface, err);

    if (r == 0)
        r = rdt_stats(s->state, &rdt, err);
    if (r == 0 && (interface || rdt) && !cgroup_exists(&s->cg)) {
        data = cJSON_CreateObject();
        r = data ? 0 : error_oom(err);
    } else if (r == 0) {
        r = cgroup_stats(&s->cg, &data, err);
    }
    if (r < 0)
        return r;
    cJSON *list = cJSON_GetObjectItemCaseSensitive(data, "network_interfaces");
    if (interface && !list)
        list = cJSON_AddArrayToObject(data, "network_interfaces");
    if (interface && (!list || !cJSON_AddItemToArray(list, interface)))
        return error_oom(err);
    (void)TAKE_PTR(interface);
    if (rdt && json_add_item(data, "intel_rdt", TAKE_PTR(rdt)) < 0)
        return error_oom(err);
    *out = TAKE_PTR(data);
    return 0;
}

int container_stats(const struct runtime *rt, const char *id, event_sink *emit, void *sink, struct error *err)
{
    _cleanup_subject_ struct subject s = SUBJECT_INIT;
    cJSON *data = NULL;
    int r = find(&s, rt, id, false, err);

    if (r < 0)
        return r;
    r = read_stats(&s, &data, err);
    return failed(r < 0 ? r : emit(sink, "stats", data, err), "read the statistics of", id, err);
}

static int start_timer(uint64_t interval_ns, struct error *err)
{
    struct timespec every = {.tv_sec = (time_t)(interval_ns / NS_PER_S),
                             .tv_nsec = (long)(interval_ns % NS_PER_S)};
    struct itimerspec when = {.it_interval = every, .it_value = every};
    _cleanup_close_ int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

    if (timer < 0 || timerfd_settime(timer, 0, &when, NULL) < 0)
        return error_sys(err, errno, "start a timer");
    return TAKE_FD(timer);
}

/* Tells of the OOM killer if it struck since *@seen. */
static int emit_oom(const struct cgroup *cg, int fd, int kept, uint64_t *seen, event_sink *emit, void *sink,
                    struct error *err)
{
    uint64_t count = *seen, last;
    char text[24] = "";
    int r = cgroup_oom_count(cg, fd, &count, err);

    if (r < 0)
        return r;
    if (pread(kept, text, sizeof text - 1, 0) > 0 && parse_u64(text, &last) == 0 && last > count)
        count = last;
    if (count <= *seen)
        return 0;
    *seen = count;
    return emit(sink, "oom", NULL, err);
}

void container_keep_oom(const struct statedir *dir, const struct oci_state *state)
{
    _cleanup_close_ int fd = openat(dir->fd, STATEDIR_OOM, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_cgroup_ struct cgroup cg = {0};
    uint64_t count = 0;
    char text[24];

    if (fd < 0 || container_cgroup(state, &cg, NULL) < 0 || cgroup_oom_count(&cg, -1, &count, NULL) < 0)
        return;
    int len = snprintf(text, sizeof text, "%" PRIu64, count);
    (void)!pwrite(fd, text, (size_t)len, 0);
}

int cgroup_watch(const struct cgroup *cg, int pidfd, int kept, uint64_t interval_ns, event_sink *emit,
                 void *sink, struct error *err)
{
    enum { END, TIMER, OOM };
    _cleanup_close_ int oom = cgroup_oom_open(cg, err), timer = -EBADF;
    uint64_t seen = 0, ticks;

    if (oom < 0)
        return oom;
    int r = cgroup_oom_count(cg, -1, &seen, err);
    if (r == 0)
        r = timer = start_timer(interval_ns, err);
    if (r < 0)
        return r;
    struct pollfd fds[] = {[END] = {.fd = pidfd, .events = POLLIN},
                           [TIMER] = {.fd = timer, .events = POLLIN},
                           [OOM] = {.fd = oom, .events = POLLIN}};
    for (r = 0; r == 0;) {
        if (poll(fds, ARRAY_SIZE(fds), -1) < 0) {
            if (errno == EINTR)
                continue;
            return error_sys(err, errno, "wait for events");
        }
        /* After its last breath there is nothing to measure, but the OOM killer may have taken it, and the
         * kernel's notice of that comes late. */
        if (fds[OOM].revents || fds[END].revents)
            r = emit_oom(cg, oom, kept, &seen, emit, sink, err);
        if (r != 0 || fds[END].revents)
            return r;
        if (fds[TIMER].revents && read(timer, &ticks, sizeof ticks) == (ssize_t)sizeof ticks)
            r = emit_stats(cg, emit, sink, err);
    }
    return r;
}

int container_events(const struct runtime *rt, const char *id, uint64_t interval_ns, event_sink *emit,
                     void *sink, struct error *err)
{
    _cleanup_subject_ struct subject s = SUBJECT_INIT;
    int r = find(&s, rt, id, true, err);

    if (r < 0)
        return r;
    /* Without the right to make it the last event may be lost, and nothing else. */
    _cleanup_close_ int kept =
        openat(s.dir.fd, STATEDIR_OOM, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    fd_close(&s.dir.lock_fd);
    r = cgroup_watch(&s.cg, s.pidfd, kept, interval_ns, emit, sink, err);
    return failed(r, "watch", id, err);
}
