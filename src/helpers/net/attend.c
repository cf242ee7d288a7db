#include "helpers/net/attend.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/syscalls.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define IN_DIR      (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM)
#define IN_FILE     (IN_CLOSE_WRITE | IN_MODIFY)
/* Who writes a file does so in pieces. */
#define SETTLE_MS 50

struct news {
    unsigned n;
    struct netaddr server[NET_UPSTREAMS_MAX];
};

/* The file may be replaced, written to, or be a link to one that is: the file itself, its directory and that
 * of the link are watched. The file is looked up anew each time. */
static void watch_files(int fd)
{
    _cleanup_free_ char *real = realpath(RESOLV_CONF, NULL);
    char *slash;

    (void)inotify_add_watch(fd, "/etc", IN_DIR);
    (void)inotify_add_watch(fd, RESOLV_CONF, IN_FILE);
    if (real && (slash = strrchr(real, '/')) && slash != real) {
        *slash = '\0';
        (void)inotify_add_watch(fd, real, IN_DIR);
    }
}

/* The present servers, if they are others than *last. A file that cannot be read changes nothing: it may be
 * about to be written. */
static bool read_news(struct news *last)
{
    struct settings now = {.log = {.fd = -EBADF, .level = LOG_LEVEL_ERROR}};
    struct news news = {0};

    if (settings_read_upstreams(&now, NULL) < 0 || now.n_upstreams == 0)
        return false;
    news.n = now.n_upstreams;
    memcpy(news.server, now.upstream, now.n_upstreams * sizeof *now.upstream);
    if (memcmp(&news, last, sizeof news) == 0)
        return false;
    *last = news;
    return true;
}

/* Runs as whoever started bryo-net, in the host's namespaces, with nothing but a socket to the other process.
 * Must not read from that. */
static _Noreturn void attend(const struct settings *c, int sock, const struct stat *api)
{
    char events[4096] __attribute__((aligned(8)));
    struct news last = {.n = c->n_upstreams};
    struct stat st;
    int notes = -EBADF;

    prctl(PR_SET_NAME, "bryo-net-attend");
    prctl(PR_SET_DUMPABLE, 0);
    (void)setsid();
    if (sock > 0)
        (void)sys_close_range(0, (unsigned)sock - 1, 0);
    (void)sys_close_range((unsigned)sock + 1, UINT32_MAX, 0);
    memcpy(last.server, c->upstream, c->n_upstreams * sizeof *c->upstream);
    if (c->follow_host)
        notes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (notes >= 0)
        watch_files(notes);
    for (;;) {
        struct pollfd p[] = {{.fd = sock, .events = 0}, {.fd = notes, .events = POLLIN}};
        if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
            break;
        if (p[0].revents)
            break;
        if (!p[1].revents)
            continue;
        (void)poll(p, 1, SETTLE_MS);
        while (read(notes, events, sizeof events) > 0)
            ;
        watch_files(notes);
        if (read_news(&last))
            (void)send(sock, &last, sizeof last, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    /* Only what is still ours. */
    if (c->api_path && lstat(c->api_path, &st) == 0 && st.st_dev == api->st_dev && st.st_ino == api->st_ino)
        (void)unlink(c->api_path);
    _exit(0);
}

int attend_start(struct attend *a, const struct settings *c, struct error *err)
{
    struct stat api = {0};
    int pair[2];

    if (!c->follow_host && !c->api_path)
        return 0;
    if (c->api_path && lstat(c->api_path, &api) < 0)
        return error_sys(err, errno, "--api-socket: look at \"%s\"", c->api_path);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_sys(err, errno, "make a socket pair");
    pid_t pid = fork();
    if (pid == 0)
        attend(c, pair[1], &api);
    int code = errno;
    close(pair[1]);
    a->watch.fd = pair[0];
    if (pid < 0)
        fd_close(&a->watch.fd);
    return pid < 0 ? error_sys(err, code, "fork") : 0;
}

static void take_news(struct watch *w, uint32_t events)
{
    struct attend *a = (struct attend *)((char *)w - offsetof(struct attend, watch));
    struct news news;
    ssize_t n = recv(w->fd, &news, sizeof news, MSG_DONTWAIT);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n != sizeof news || news.n == 0 || news.n > NET_UPSTREAMS_MAX) {
        loop_close_watch(a->loop, w); /* killed by somebody: the servers stay as they are */
        return;
    }
    memcpy(a->settings->upstream, news.server, sizeof news.server);
    a->settings->n_upstreams = news.n;
    dns_set_servers(a->dns, a->settings->upstream, news.n);
}

int attend_watch(struct attend *a, struct loop *loop, struct settings *settings, struct dns *dns,
                 struct error *err)
{
    a->watch.ready = take_news;
    a->loop = loop;
    a->settings = settings;
    a->dns = dns;
    int r = a->watch.fd >= 0 ? loop_add(loop, &a->watch, EPOLLIN) : 0;
    return r < 0 ? error_sys(err, -r, "listen to the attendant") : 0;
}
