/*
 * bryo-net: the network of one container.
 *
 * Theory of operation. A child enters the container's user and network namespaces, makes a tap there,
 * configures it, and hands its descriptor back (enter.c). Meanwhile this process, which stays in the network
 * namespace of the host, sets libslirp up and gives up everything else it could do (confine.c). Then it says
 * that the network is up and carries packets between the tap and ordinary sockets (relay.c), each of them
 * past one place that counts, knows flows and says no (stage.c). It ends with the container. A second process
 * does the little that a confined one cannot (attend.c).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <slirp/libslirp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "helpers/net/attend.h"
#include "helpers/net/confine.h"
#include "helpers/net/enter.h"
#include "helpers/net/options.h"
#include "helpers/net/relay.h"

#ifdef BRYO_SANITIZED
/* The leak checker reads /proc at the end, which is out of reach behind the confinement. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

/* What bryo hears on its descriptor: "r" once the network is up, or "e ERRNO TEXT" and "h HINT". It stays
 * open as long as we are. */
static void say(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(int fd, const char *fmt, ...)
{
    _cleanup_strbuf_ struct strbuf line = {0};
    va_list ap;

    va_start(ap, fmt);
    strbuf_vaddf(&line, fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] == '\n')
            line.data[i] = ' ';
    strbuf_add(&line, "\n");
    if (!line.oom)
        (void)fd_write_all(fd, line.data, line.len);
}

static int fail(struct settings *c, const struct error *err)
{
    if (c->status_fd < 0) {
        log_error(&c->log, err);
        return EXIT_FAILURE;
    }
    say(c->status_fd, "e %d %s", err->code, error_text(err));
    if (err->hint)
        say(c->status_fd, "h %s", err->hint);
    return EXIT_FAILURE;
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* libslirp takes almost 400 KiB of buffers for each connection and gives them back at its end. What the heap
 * had grown by would go back to the kernel each time, and come again page by page. */
static void keep_heap(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 2 << 20);
#endif
}

/* Messages go on to where standard error leads now; standard error itself becomes the null device, so that
 * nothing but our messages gets there. */
static int own_log(struct settings *c, struct error *err)
{
    int fd;

    if (c->log.fd != STDERR_FILENO || c->log.level >= LOG_LEVEL_DEBUG)
        return 0;
    fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return error_sys(err, errno, "take over standard error");
    c->log.fd = fd;
    return 0;
}

/* A socket of that name that is there already is one of an earlier container. */
static int listen_api(struct settings *c, struct error *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    if (strlen(c->api_path) >= sizeof addr.sun_path)
        return error_set(err, ENAMETOOLONG, "--api-socket: a path of more than %zu bytes",
                         sizeof addr.sun_path - 1);
    memcpy(addr.sun_path, c->api_path, strlen(c->api_path));
    (void)unlink(c->api_path);
    c->api_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->api_fd < 0 || bind(c->api_fd, (struct sockaddr *)&addr, sizeof addr) < 0 ||
        listen(c->api_fd, 16) < 0)
        return error_sys(err, errno, "--api-socket: listen at \"%s\"", c->api_path);
    return 0;
}

static int give_up_rights(const struct settings *c, const struct relay *r, const struct entering *e,
                          int attendant, struct error *err)
{
    const int wanted[] = {c->log.fd, c->status_fd, c->ready_fd, c->exit_fd,       c->pidfd,
                          c->api_fd, e->sock,      e->pidfd,    r->loop.epoll_fd, attendant};
    int keep[ARRAY_SIZE(wanted)];
    struct confinement how = {.keep = keep, .keep_stderr = c->log.fd == STDERR_FILENO};

    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
        if (wanted[i] > STDERR_FILENO)
            keep[how.n_keep++] = wanted[i];
    qsort(keep, how.n_keep, sizeof *keep, by_number);
    return confine(&how, err);
}

static void announce(struct settings *c)
{
    if (c->ready_fd >= 0)
        (void)fd_write_all(c->ready_fd, "1", 1);
    if (c->status_fd >= 0)
        say(c->status_fd, "r");
    fd_close(&c->ready_fd);
    /* Its end tells of ours: it stays open, but nobody reads on. */
    c->status_fd = -EBADF;
}

static int run(struct settings *c, struct error *err)
{
    _cleanup_(relay_free) struct relay relay;
    struct attend attendant = ATTEND_INIT;
    struct entering entering;
    int r = settings_complete(c, err);

    /* Keys of the terminal that bryo was started at are for the container. */
    if (c->status_fd >= 0)
        (void)setsid();
    if (r == 0)
        r = own_log(c, err);
    if (r == 0 && c->api_path)
        r = listen_api(c, err);
    if (r == 0)
        r = enter_start(c, &entering, err);
    if (r == 0 && (r = attend_start(&attendant, c, err)) < 0)
        kill(entering.pid, SIGKILL);
    if (r < 0) {
        relay = RELAY_INIT;
        return r;
    }
    r = relay_init(&relay, c, err);
    if (r == 0)
        r = attend_watch(&attendant, &relay.loop, c, &relay.stage.dns, err);
    if (r == 0)
        r = give_up_rights(c, &relay, &entering, attendant.watch.fd, err);
    if (r == 0)
        r = relay_publish(&relay, err);
    if (r < 0) {
        kill(entering.pid, SIGKILL);
        return r;
    }
    int tap = enter_finish(c, &entering, err);
    if (tap < 0)
        return tap;
    r = confine_calls(err);
    if (r == 0)
        r = relay_take_sockets(&relay, entering.sock, err);
    if (r == 0) {
        announce(c);
        r = relay_run(&relay, tap, err);
    }
    relay_free(&relay);
    enter_end(&entering);
    return r;
}

static int print_version(void)
{
    printf("bryo-net version %s\nlibslirp: %s\n", PACKAGE_VERSION, slirp_version_string());
    return EXIT_SUCCESS;
}

static int print_help(void)
{
    _cleanup_free_ char *text = options_help_net();

    return text && fputs(text, stdout) >= 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    enum options_wish wish;
    struct settings c;

    keep_heap();
    settings_init(&c);
    c.log.program = "bryo-net";
    signal(SIGPIPE, SIG_IGN);
    /* Whoever ends before us needs nobody to wait for it. */
    signal(SIGCHLD, SIG_IGN);
    int r = options_parse_net(argc, argv, &c, &wish, &err);
    if (r == 0 && wish == OPTIONS_HELP)
        return print_help();
    if (r == 0 && wish == OPTIONS_VERSION)
        return print_version();
    if (r == 0)
        r = run(&c, &err);
    return r < 0 ? fail(&c, &err) : EXIT_SUCCESS;
}
