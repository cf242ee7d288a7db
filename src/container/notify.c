#include "container/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "container/state_mount.h"

#define VARIABLE    "NOTIFY_SOCKET"
#define DIRECTORY   "/run/notify"
#define SOCKET_NAME "notify.sock"
#define MESSAGE_MAX 4096

void notify_close(struct notify *n)
{
    fd_close(&n->sock);
    fd_close(&n->manager);
}

int notify_plan(struct container *c, struct error *err)
{
    const struct oci_process *p = c->config->process;

    if (str_empty(c->opts->notify_socket) || !p || strv_getenv(p->env, VARIABLE))
        return 0;
    if (!c->new_ns[OCI_NS_MOUNT]) {
        log_warn(c->rt->log, VARIABLE " is not passed on: the container has no mount namespace of its own");
        return 0;
    }
    c->notifies = true;
    return strv_setenv(&c->env, VARIABLE, DIRECTORY "/" SOCKET_NAME) < 0 ? error_oom(err) : 0;
}

int notify_make(struct container *c, struct error *err)
{
    if (!c->notifies)
        return 0;
    if (mkdirat(c->dir.fd, STATEDIR_NOTIFY, 0755) < 0 ||
        fchmodat(c->dir.fd, STATEDIR_NOTIFY, 0755, 0) < 0) /* whatever the umask */
        return error_sys(err, errno, "create \"%s\" in the state directory", STATEDIR_NOTIFY);
    return state_mount_add(c, STATEDIR_NOTIFY, DIRECTORY, err);
}

/* Connects to the socket of a service manager: a path, or "@name" for an abstract one. Returns it or -errno.
 */
static int connect_manager(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    size_t len = strlen(path);

    if (path[0] == '/')
        return unix_connect(path, SOCK_DGRAM);
    if (path[0] != '@' || len >= sizeof sa.sun_path)
        return -EINVAL;
    memcpy(sa.sun_path, path, len);
    sa.sun_path[0] = '\0';
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        connect(fd, (struct sockaddr *)&sa, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
        return -errno;
    return TAKE_FD(fd);
}

int notify_open(struct notify *n, int dirfd, const char *path, const struct log *log, struct error *err)
{
    _cleanup_close_ int dir = -EBADF;

    if (str_empty(path))
        return 0;
    dir = openat(dirfd, STATEDIR_NOTIFY, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0)
        return errno == ENOENT ? 0
                               : error_sys(err, errno, "open \"%s\" in the state directory", STATEDIR_NOTIFY);
    n->log = log;
    n->manager = connect_manager(path);
    if (n->manager < 0) {
        _cleanup_free_ char *shown = str_quote(path, 120);
        log_warn(log, VARIABLE " \"%s\": %s: the service manager will not hear of the container",
                 shown ? shown : "", strerror(-n->manager));
        return 0;
    }
    (void)unlinkat(dir, SOCKET_NAME, 0); /* of a `start` that was killed */
    n->sock = unix_bind_at(dir, SOCKET_NAME, SOCK_DGRAM | SOCK_NONBLOCK, 0666);
    return n->sock < 0 ? error_sys(err, -n->sock, "bind \"%s\" in the state directory", SOCKET_NAME) : 0;
}

/* May the program say this? */
static bool may_pass(const char *line)
{
    static const char *const allowed[] = {
        "READY=1",   "RELOADING=1",          "STOPPING=1", "STATUS=",      "ERRNO=",
        "BUSERROR=", "EXTEND_TIMEOUT_USEC=", "WATCHDOG=1", "EXIT_STATUS=", "MONOTONIC_USEC="};

    for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
        size_t len = strlen(allowed[i]);
        if (allowed[i][len - 1] == '=' ? str_starts(line, allowed[i]) : strcmp(line, allowed[i]) == 0)
            return true;
    }
    return false;
}

/* One message, its lines chosen. */
static bool pass_on(const struct notify *n, char *message)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    bool ready = false;
    char *save = NULL;

    for (char *line = strtok_r(message, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (!may_pass(line))
            continue;
        strbuf_addf(&out, "%s\n", line);
        ready |= strcmp(line, "READY=1") == 0;
    }
    if (ready && n->main_pid)
        strbuf_addf(&out, "MAINPID=%d\n", (int)n->main_pid);
    if (out.len && !out.oom && send(n->manager, out.data, out.len, MSG_NOSIGNAL) < 0)
        log_warn(n->log, VARIABLE ": pass a message on: %s", strerror(errno));
    return ready;
}

bool notify_forward(const struct notify *n)
{
    char message[MESSAGE_MAX + 1];
    bool ready = false;

    for (;;) {
        /* Descriptors that come along are closed by the kernel, which is what BARRIER=1 waits for. */
        ssize_t len = recv(n->sock, message, MESSAGE_MAX, MSG_DONTWAIT | MSG_TRUNC);
        if (len < 0)
            return ready;
        if (len > MESSAGE_MAX) {
            log_warn(n->log, VARIABLE ": a message of %zd bytes from the container is dropped", len);
            continue;
        }
        message[len] = '\0';
        ready |= pass_on(n, message);
    }
}

int notify_wait(const struct notify *n, int pidfd, struct error *err)
{
    struct pollfd fds[] = {{.fd = n->sock, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};

    while (n->sock >= 0) {
        if (poll(fds, ARRAY_SIZE(fds), -1) < 0) {
            if (errno == EINTR)
                continue;
            return error_sys(err, errno, "wait for READY=1 of the container");
        }
        /* In this order: its last words count. */
        if (notify_forward(n) || fds[1].revents)
            return 0;
    }
    return 0;
}
