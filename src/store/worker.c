/*
 * Running the archive helper.
 *
 * The helper gets three descriptors (archive, directory, status pipe) and an empty environment. Signals that
 * would end bryo are blocked meanwhile: when one is pending the helper is told to stop, what it wrote is
 * removed, and only then the signal is let through.
 */
#include "store/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/process.h"
#include "base/str.h"
#include "image/protocol.h"

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* Those that would end us. One that the caller ignores (nohup, a shell's background job) is left alone: the
 * kernel keeps a blocked signal even if it is ignored, so blocking would bring it back. */
static void ending_signals(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        struct sigaction action;
        if (sigaction(signals[i], NULL, &action) < 0 || action.sa_handler != SIG_IGN)
            sigaddset(set, signals[i]);
    }
}

void worker_block_signals(sigset_t *old)
{
    sigset_t set;
    ending_signals(&set);
    sigprocmask(SIG_BLOCK, &set, old);
}

void worker_unblock_signals(const sigset_t *old)
{
    sigprocmask(SIG_SETMASK, old, NULL);
}

bool worker_signal_pending(void)
{
    sigset_t pending;
    if (sigpending(&pending) < 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        if (sigismember(&pending, signals[i]) == 1)
            return true;
    return false;
}

/* The caller's events with our own wait between. */
struct watch {
    const struct image_events *user;
    struct worker_facts *facts;
    int signal_fd; /* readable while an ending signal is pending; never read, so that it stays pending */
    pid_t helper;
};

static void on_progress(void *data, uint64_t done, uint64_t total, uint64_t entries)
{
    const struct image_events *user = ((struct watch *)data)->user;
    if (user && user->progress)
        user->progress(user->data, done, total, entries);
}

static void on_warn(void *data, const char *text)
{
    const struct image_events *user = ((struct watch *)data)->user;
    if (user && user->warn)
        user->warn(user->data, text);
}

static const struct {
    const char *key;
    size_t offset;
} facts[] = {
    {"content", offsetof(struct worker_facts, content)},
    {"blob", offsetof(struct worker_facts, blob)},
    {"whiteouts", offsetof(struct worker_facts, whiteouts)},
    {"tally", offsetof(struct worker_facts, tally)},
};

static void on_info(void *data, const char *key, const char *value)
{
    struct watch *w = data;
    for (size_t i = 0; w->facts && i < ARRAY_SIZE(facts); i++)
        if (!strcmp(facts[i].key, key))
            snprintf((char *)w->facts + facts[i].offset, IMAGE_INFO_MAX + 1, "%s", value);
}

static void on_config(void *data, const char *piece)
{
    const struct image_events *user = ((struct watch *)data)->user;
    if (user && user->config)
        user->config(user->data, piece);
}

static void on_end(void *data)
{
    const struct image_events *user = ((struct watch *)data)->user;
    if (user && user->end)
        user->end(user->data);
}

static void on_wait(void *data, int status_fd)
{
    struct watch *w = data;
    for (;;) {
        struct pollfd fds[] = {{.fd = status_fd, .events = POLLIN}, {.fd = w->signal_fd, .events = POLLIN}};
        int n = poll(fds, 2, -1);
        if (n < 0 && errno != EINTR)
            return;
        if (n > 0 && fds[1].revents) {
            kill(w->helper, SIGTERM);
            fd_close(&w->signal_fd);
        }
        if (n > 0 && fds[0].revents)
            return;
    }
}

static int supervise(const struct idmap *map, char *const *argv, const int *fds, struct watch *watch,
                     int status_fd, int *status_write, struct error *err)
{
    _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (null < 0)
        return error_sys(err, errno, "open \"/dev/null\"");
    _cleanup_pid_ pid_t pid = -1;
    int r = userns_spawn(map, argv, (char *[]){NULL}, (int[]){null, null, -1}, fds, 3, false, &pid, err);
    if (r < 0)
        return r;
    fd_close(status_write);
    watch->helper = pid;

    const struct image_events events = {.progress = on_progress,
                                        .warn = on_warn,
                                        .info = on_info,
                                        .config = on_config,
                                        .wait = on_wait,
                                        .end = on_end,
                                        .data = watch};
    struct worker_facts unused;
    struct worker_facts *told = watch->facts ? watch->facts : &unused;
    r = image_read_status(status_fd, &events, &told->entries, &told->bytes, err);
    if (r == -EPROTO) /* killed by the cleanup: it cannot be trusted to end */
        return r;
    int wait_status = 0, w = process_wait(pid, &wait_status);
    pid = -1;
    if (w < 0)
        return error_sys(err, -w, "wait for %s", argv[0]);
    return r == -EPIPE ? image_helper_died(wait_status, err) : r;
}

int worker_run(const struct idmap *map, char *const *argv, int from, int dir, const struct image_events *user,
               struct worker_facts *told, struct error *err)
{
    _cleanup_close_ int null = from < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC | O_NOCTTY) : -EBADF;
    int status[2], r;
    if (from < 0 && null < 0)
        return error_sys(err, errno, "open \"/dev/null\"");
    if (pipe2(status, O_CLOEXEC) < 0)
        return error_sys(err, errno, "make a pipe");
    _cleanup_close_ int status_read = status[0], status_write = status[1];
    sigset_t ending;
    ending_signals(&ending);
    struct watch watch = {.user = user, .facts = told, .signal_fd = signalfd(-1, &ending, SFD_CLOEXEC)};
    if (watch.signal_fd < 0)
        r = error_sys(err, errno, "make a signalfd");
    else
        r = supervise(map, argv, (int[]){from < 0 ? null : from, dir, status_write}, &watch, status_read,
                      &status_write, err);
    fd_close(&watch.signal_fd);
    return r;
}

int worker_unpack(const struct idmap *map, const char *name, int archive, int dir, uint64_t max_bytes,
                  const struct image_events *events, struct error *err)
{
    _cleanup_free_ char *helper = NULL;
    _cleanup_strv_ char **argv = NULL;
    int r = image_helper_path(&helper, err);
    if (r == 0)
        r = image_unpack_argv(helper, name, max_bytes ? max_bytes : IMAGE_MAX_BYTES_DEFAULT,
                              IMAGE_MAX_ENTRIES_DEFAULT, &argv, err);
    return r < 0 ? r : worker_run(map, argv, archive, dir, events, NULL, err);
}
