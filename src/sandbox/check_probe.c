/*
 * The trials that need namespaces, in a child that dies with them.
 *
 * Theory of operation: the child is cloned (into a user namespace if asked for), waits until its id maps are
 * there, becomes uid 0 and unshares the other namespaces one by one, so that each has its own result. A
 * grandchild, pid 1 of the new pid namespace, makes the mounts with the same calls that containers use.
 * Results go to a shared page. Nothing can stay behind: all of it lives in namespaces that end with the
 * processes, and an alarm ends these.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/syscalls.h"
#include "sandbox/check_internal.h"

#define TRIAL_SECONDS 20

#ifndef MS_REC
#define MS_REC   0x4000
#define MS_SLAVE (1 << 19)
#endif

static int result(int r)
{
    return r < 0 ? errno : 0;
}

/* A new file system that is attached nowhere. Returns its descriptor, or -1 with errno. */
static int new_mount(const char *type, const char *const *options)
{
    _cleanup_close_ int fs = sys_fsopen(type, FSOPEN_CLOEXEC);

    if (fs < 0)
        return -1;
    for (size_t i = 0; options && options[i]; i += 2)
        if (sys_fsconfig(fs, options[i + 1] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, options[i],
                         options[i + 1], 0) < 0)
            return -1;
    if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    return sys_fsmount(fs, FSMOUNT_CLOEXEC, 0);
}

static int try_mount(const char *type)
{
    _cleanup_close_ int fd = new_mount(type, NULL);

    return result(fd);
}

static int try_loopback(void)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    _cleanup_close_ int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    return sock < 0 ? errno : result(ioctl(sock, SIOCSIFFLAGS, &lo));
}

/* An overlay whose layers lie on a tmpfs of our own, put over "/" of our mount namespace: the layers are
 * named relative to the working directory, so that no path of the host is needed. */
static int try_overlay(void)
{
    static const char *const options[] = {"lowerdir", "lower",     "upperdir", "upper", "workdir",
                                          "work",     "userxattr", NULL,       NULL};
    static const char *const names[] = {"lower", "upper", "work"};
    _cleanup_close_ int tmpfs = new_mount("tmpfs", NULL);

    if (tmpfs < 0 || sys_move_mount(tmpfs, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
        fchdir(tmpfs) < 0)
        return errno;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (mkdir(names[i], 0755) < 0)
            return errno;
    _cleanup_close_ int fd = new_mount("overlay", options);
    return result(fd);
}

/* pid 1 of the new pid namespace, with all rights over the new namespaces. */
static _Noreturn void mounter(int *steps)
{
    static const struct {
        enum probe_step step;
        const char *type;
    } mounts[] = {
        {PROBE_TMPFS, "tmpfs"},   {PROBE_PROC, "proc"},     {PROBE_SYSFS, "sysfs"},
        {PROBE_DEVPTS, "devpts"}, {PROBE_MQUEUE, "mqueue"},
    };

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(TRIAL_SECONDS);
    for (size_t i = 0; i < ARRAY_SIZE(mounts); i++)
        steps[mounts[i].step] = try_mount(mounts[i].type);
    steps[PROBE_OVERLAY] = try_overlay();
    _exit(0);
}

static const struct {
    enum probe_step step;
    int flag;
} unshares[] = {
    {PROBE_NS_MOUNT, CLONE_NEWNS}, {PROBE_NS_NETWORK, CLONE_NEWNET},   {PROBE_NS_UTS, CLONE_NEWUTS},
    {PROBE_NS_IPC, CLONE_NEWIPC},  {PROBE_NS_CGROUP, CLONE_NEWCGROUP}, {PROBE_NS_TIME, CLONE_NEWTIME},
    {PROBE_NS_PID, CLONE_NEWPID},
};

/* The child. Must not touch the host: what could is tried only where its namespace was made. */
static _Noreturn void trial(int go_fd, bool in_userns, int *steps)
{
    char go;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(TRIAL_SECONDS);
    if (fd_read_full(go_fd, &go, 1) != 1)
        _exit(1);
    if (in_userns && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
        _exit(1);
    for (size_t i = 0; i < ARRAY_SIZE(unshares); i++)
        steps[unshares[i].step] = result(unshare(unshares[i].flag));
    if (steps[PROBE_NS_UTS] == 0)
        steps[PROBE_HOSTNAME] = result(sethostname("bryo", 4));
    if (steps[PROBE_NS_NETWORK] == 0)
        steps[PROBE_LOOPBACK] = try_loopback();
    if (steps[PROBE_NS_MOUNT] == 0 && steps[PROBE_NS_PID] == 0) {
        /* As root without a user namespace the copies of the host's mounts are still tied to these. */
        struct mount_attr attr = {.propagation = MS_SLAVE};
        if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr) < 0) {
            steps[PROBE_NS_MOUNT] = errno;
            _exit(1);
        }
        pid_t pid = fork();
        if (pid == 0)
            mounter(steps);
        if (pid < 0)
            steps[PROBE_NS_PID] = errno;
        else
            (void)process_wait(pid, NULL);
    }
    _exit(0);
}

static int write_maps(const struct idmap *map, pid_t pid, struct error *err)
{
    struct idmap_job job;
    int r = idmap_start(map, pid, &job, err);

    return r < 0 ? r : idmap_finish(map, &job, err);
}

void check_probe(const struct idmap *map, struct probe *out)
{
    *out = (struct probe){.failed = ERROR_INIT};
    for (size_t i = 0; i < PROBE_STEPS; i++)
        out->steps[i] = PROBE_NOT_TRIED;

    int *shared = mmap(NULL, sizeof out->steps, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        error_sys(&out->failed, errno, "map a shared page");
        return;
    }
    memcpy(shared, out->steps, sizeof out->steps);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        error_sys(&out->failed, errno, "make a socket pair");
        munmap(shared, sizeof out->steps);
        return;
    }
    _cleanup_close_ int ours = pair[0], theirs = pair[1];
    struct clone_args args = {.flags = map ? CLONE_NEWUSER : 0, .exit_signal = SIGCHLD};
    _cleanup_pid_ pid_t pid = sys_clone3(&args);
    if (pid == 0) {
        fd_close(&ours);
        trial(theirs, map != NULL, shared);
    }
    fd_close(&theirs);
    if (pid < 0) {
        if (map)
            userns_explain(errno, &out->failed);
        else
            error_sys(&out->failed, errno, "clone");
    } else if (map && write_maps(map, pid, &out->failed) < 0) {
        out->mapping = true;
    } else if (fd_send(ours, "g", 1, NULL, 0) == 0 && process_wait(pid, NULL) == 0) {
        pid = -1;
    }
    memcpy(out->steps, shared, sizeof out->steps);
    munmap(shared, sizeof out->steps);
}
