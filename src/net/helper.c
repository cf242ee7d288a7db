#include "net/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/helper.h"
#include "base/process.h"
#include "base/str.h"

#define HELPER_NAME "bryo-net"
/* A line with the longest message that there may be. */
#define STATUS_MAX  4096
#define END_WAIT_MS 500

/* The descriptors that the helper gets, as it numbers them. */
enum { FD_STATUS = 3, FD_PIDFD, FD_NETNS, FD_API, FD_USERNS };

int net_helper_check(const struct net_spec *spec, struct error *err)
{
    _cleanup_free_ char *path = NULL;
    int r = spec->kind == NET_SLIRP ? helper_find(HELPER_NAME, "makes the network", &path, err) : 0;

    if (r < 0)
        error_hint(err, "install bryo with libslirp (./configure tells whether it was found)");
    return r;
}

static int open_namespace(pid_t pid, const char *name, struct error *err)
{
    char path[48];
    int fd;

    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? error_sys(err, errno, "open \"%s\" for the network", path) : fd;
}

static int add_words(char ***argv, const struct net_spec *s, bool userns, const struct log *log)
{
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    char block4[NETBLOCK_TEXT_MAX], block6[NETBLOCK_TEXT_MAX];
    struct {
        bool wanted;
        char *word;
    } words[] = {
        {true, strdup("--configure")},
        {true, str_printf("--status-fd=%d", FD_STATUS)},
        {true, str_printf("--pidfd=%d", FD_PIDFD)},
        {true, str_printf("--netns-fd=%d", FD_NETNS)},
        {true, str_printf("--api-fd=%d", FD_API)},
        {userns, str_printf("--userns-fd=%d", FD_USERNS)},
        {log->format == LOG_FORMAT_JSON, strdup("--log-format=json")},
        {true, str_printf("--log-level=%s", levels[log->level])},
        {true, str_printf("--mtu=%u", s->mtu)},
        {true, str_printf("--cidr=%s", netblock_format(block4, &s->net4))},
        {s->ipv6, strdup("--enable-ipv6")},
        {s->ipv6, str_printf("--cidr6=%s", netblock_format(block6, &s->net6))},
        {!s->host_loopback, strdup("--disable-host-loopback")},
        {!s->dns, strdup("--disable-dns")},
        {s->outbound4, str_printf("--outbound-addr=%s", s->outbound4 ? s->outbound4 : "")},
        {s->outbound6, str_printf("--outbound-addr6=%s", s->outbound6 ? s->outbound6 : "")},
        {true, strdup("--disable-metadata")},
    };
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (!words[i].wanted)
            free(words[i].word);
        else if (!words[i].word || r < 0 || strv_take(argv, words[i].word) < 0)
            r = -ENOMEM;
    }
    STRV_FOREACH (port, s->publish) {
        char *word = str_printf("--publish=%s", *port);
        if (!word || strv_take(argv, word) < 0)
            r = -ENOMEM;
    }
    STRV_FOREACH (rule, s->allow) {
        char *word = str_printf("--allow=%s", *rule);
        if (!word || strv_take(argv, word) < 0)
            r = -ENOMEM;
    }
    STRV_FOREACH (resolver, s->resolvers) {
        char *word = str_printf("--dns=%s", *resolver);
        if (!word || strv_take(argv, word) < 0)
            r = -ENOMEM;
    }
    return r;
}

int net_helper_start(struct net_helper *h, const struct net_spec *spec, pid_t pid, int pidfd, bool userns,
                     int api_fd, const struct log *log, int log_fd, struct error *err)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_strv_ char **argv = NULL;
    _cleanup_close_ int netns = open_namespace(pid, "net", err), user = -EBADF;
    int status[2];

    if (netns < 0)
        return netns;
    if (userns && (user = open_namespace(pid, "user", err)) < 0)
        return user;
    int r = helper_find(HELPER_NAME, "makes the network", &path, err);
    if (r < 0)
        return r;
    if (strv_add(&argv, path) < 0 || add_words(&argv, spec, userns, log) < 0)
        return error_oom(err);
    if (pipe2(status, O_CLOEXEC) < 0)
        return error_sys(err, errno, "make a pipe for the network");
    h->status_fd = status[0];
    _cleanup_close_ int theirs = status[1];
    const int fds[] = {theirs, pidfd, netns, api_fd, user};
    struct spawn s = SPAWN_INIT;
    s.path = path;
    s.argv = argv;
    s.env = (char *const[]){NULL};
    s.stdout_fd = s.stderr_fd = log_fd;
    s.fds = fds;
    s.n_fds = userns ? 5 : 4;
    r = spawn_start(&s, err);
    if (r < 0) {
        fd_close(&h->status_fd);
        return r;
    }
    h->pid = s.pid;
    return 0;
}

/* "e ERRNO TEXT", and "h HINT" below it. */
static int take_failure(char *text, struct error *err)
{
    char *message = NULL, *hint = strstr(text, "\nh ");
    unsigned long code = strtoul(text + 2, &message, 10);

    if (code == 0 || code > 4095 || !message || *message != ' ')
        return -EPROTO;
    message[strcspn(message, "\n")] = '\0';
    error_set(err, (int)code, "network:%s", message);
    if (hint) {
        hint[3 + strcspn(hint + 3, "\n")] = '\0';
        error_hint(err, "%s", hint + 3);
    }
    return -(int)code;
}

int net_helper_wait(struct net_helper *h, struct error *err)
{
    char text[STATUS_MAX];
    char why[WAIT_TEXT_MAX];
    int status, r = -EPROTO;

    if (h->status_fd < 0 || h->up)
        return 0;
    ssize_t n = fd_read_full(h->status_fd, text, 2);
    if (n == 2 && memcmp(text, "r\n", 2) == 0) {
        h->up = true;
        return 0;
    }
    /* It says why, and ends. */
    if (n == 2 && (n = fd_read_full(h->status_fd, text + 2, sizeof text - 3)) >= 0)
        n += 2;
    fd_close(&h->status_fd);
    text[n > 0 ? n : 0] = '\0';
    if (n < 0)
        return error_sys(err, (int)-n, "hear of the network");
    if (text[0] == 'e' && text[1] == ' ')
        r = take_failure(text, err);
    if (r != -EPROTO)
        return r;
    (void)kill(h->pid, SIGKILL);
    if (process_wait(h->pid, &status) < 0)
        status = 0;
    h->pid = 0;
    return error_set(err, EPIPE, "network: %s ended without saying why: %s", HELPER_NAME,
                     process_status_text(why, status));
}

void net_helper_stop(struct net_helper *h)
{
    struct pollfd p = {.fd = h->status_fd, .events = POLLIN};

    int status;

    /* Our own child, not reaped yet: the pid cannot be another's. */
    if (h->pid > 0 && poll(&p, 1, END_WAIT_MS) != 1)
        (void)kill(h->pid, SIGKILL);
    if (h->pid > 0)
        (void)process_wait(h->pid, &status);
    fd_close(&h->status_fd);
    h->pid = 0;
}
