#include "helpers/net/relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Frames that are read before the sockets get their turn. */
#define FRAMES_A_ROUND 32
enum { POLL_TAP, POLL_LOOP };
_Static_assert(POLL_LOOP + 1 == STACK_OWN_POLLS, "the places that stack.h leaves for us");

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Gives libslirp its frames through the stack that the stage knows nothing of. */
static void to_stack(void *data, const uint8_t *frame, size_t len)
{
    stack_input(&((struct relay *)data)->stack, frame, len);
}

static int to_tap(void *data, const struct virtio_net_hdr *h, const uint8_t *head, size_t head_len,
                  const uint8_t *rest, size_t rest_len)
{
    const struct relay *r = data;
    /* writev(2) only reads. */
    const struct iovec parts[] = {{(void *)(uintptr_t)h, sizeof *h},
                                  {(void *)(uintptr_t)head, head_len},
                                  {(void *)(uintptr_t)rest, rest_len}};

    return writev(r->tap, parts, rest_len ? 3 : 2) < 0 ? -errno : 0;
}

static void take_end_of_process(struct watch *w, uint32_t events)
{
    (void)events;
    ((struct relay *)((char *)w - offsetof(struct relay, pidfd)))->loop.stop = true;
}

static void take_end_of_starter(struct watch *w, uint32_t events)
{
    (void)events;
    ((struct relay *)((char *)w - offsetof(struct relay, exit_fd)))->loop.stop = true;
}

static int watch_ends(struct relay *r, struct error *err)
{
    int code = 0;

    r->pidfd = (struct watch){take_end_of_process, r->settings->pidfd};
    r->exit_fd = (struct watch){take_end_of_starter, r->settings->exit_fd};
    if (r->pidfd.fd >= 0)
        code = loop_add(&r->loop, &r->pidfd, EPOLLIN);
    /* Whatever happens on it is the end, as with slirp4netns; a pipe whose other end is closed raises HUP. */
    if (code == 0 && r->exit_fd.fd >= 0)
        code = loop_add(&r->loop, &r->exit_fd, 0);
    return code < 0 ? error_sys(err, -code, "watch for the end of the container") : 0;
}

static bool can_ping(void)
{
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);

    return fd >= 0;
}

static bool can_ping6(void)
{
    _cleanup_close_ int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMPV6);

    return fd >= 0 && stack_can_ping6();
}

int relay_init(struct relay *r, const struct settings *c, struct error *err)
{
    *r = RELAY_INIT;
    r->settings = c;
    int code = loop_init(&r->loop);
    if (code < 0)
        return error_sys(err, -code, "make an epoll descriptor");
    r->buf = malloc(VNET_HLEN + FRAME_MAX);
    if (!r->buf)
        return error_oom(err);
    r->stage.to_stack = to_stack;
    r->stage.to_tap = to_tap;
    r->stage.data = r;
    r->stage.ping = can_ping();
    r->stage.ping6 = can_ping6();
    code = stage_init(&r->stage, c, &r->loop, err);
    if (code == 0)
        code = stack_init(&r->stack, c, &r->stage, err);
    r->forwards.stack = &r->stack;
    r->forwards.fast = &r->fast;
    fast_init(&r->fast, &r->loop, &r->stage);
    if (code == 0)
        code = api_init(&r->api, &r->loop, c->api_fd, &r->forwards, &r->stage, err);
    return code == 0 ? watch_ends(r, err) : code;
}

int relay_publish(struct relay *r, struct error *err)
{
    int code = 0;

    for (unsigned i = 0; code == 0 && i < r->settings->n_publish; i++)
        code = forward_add_ports(&r->forwards, &r->settings->publish[i], err);
    return code;
}

int relay_take_sockets(struct relay *r, int sock, struct error *err)
{
    int code = fast_start(&r->fast, sock);

    return code < 0 ? error_sys(err, -code, "watch for sockets of the container") : 0;
}

void relay_free(struct relay *r)
{
    api_close(&r->api);
    fast_close(&r->fast);
    stack_free(&r->stack);
    stage_free(&r->stage);
    loop_close(&r->loop);
    free(r->buf);
    r->buf = NULL;
}

/* Returns 0, or -errno if the interface is gone. */
static int read_frames(struct relay *r)
{
    for (int i = 0; i < FRAMES_A_ROUND; i++) {
        ssize_t n = read(r->tap, r->buf, VNET_HLEN + FRAME_MAX);
        if (n < 0 && errno == EBADFD)
            return -ENODEV;
        if (n < (ssize_t)VNET_HLEN)
            return 0; /* nothing more, or interrupted, or down for now */
        struct virtio_net_hdr h;
        memcpy(&h, r->buf, sizeof h);
        stage_from_tap(&r->stage, &h, r->buf + VNET_HLEN, (size_t)n - VNET_HLEN);
    }
    return 0;
}

static int sooner(int a, int b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* How long poll(2) may sleep, by libslirp, the resolver and the fast ports. */
static int sleep_ms(struct relay *r)
{
    int wait = stack_prepare(&r->stack, r->stage.now_ms);
    int64_t due = dns_check(&r->stage.dns, r->stage.now_ms);

    if (due >= 0)
        wait = sooner(wait, due > r->stage.now_ms ? (int)(due - r->stage.now_ms) : 0);
    return sooner(wait, fast_proceed(&r->fast));
}

int relay_run(struct relay *r, int tap, struct error *err)
{
    r->tap = tap;
    while (!r->loop.stop) {
        r->stage.now_ms = now_ms();
        int wait = sleep_ms(r);
        struct pollfd *polls = r->stack.polls;
        polls[POLL_TAP] = (struct pollfd){.fd = r->tap, .events = POLLIN};
        polls[POLL_LOOP] = (struct pollfd){.fd = r->loop.epoll_fd, .events = POLLIN};
        int n = poll(polls, r->stack.n_polls, wait);
        if (n < 0 && errno != EINTR)
            return error_sys(err, errno, "wait for packets");
        r->stage.now_ms = now_ms();
        bool frames = n > 0 && polls[POLL_TAP].revents;
        if (n > 0 && polls[POLL_LOOP].revents)
            loop_run_ready(&r->loop);
        /* libslirp first: it takes the time from here, and a frame that comes after a long sleep must not
         * make something that has expired already. */
        stack_proceed(&r->stack, n > 0, r->stage.now_ms);
        if (frames && read_frames(r) < 0) {
            error_set(err, ENODEV, "the interface \"%s\" was removed", r->settings->tap);
            return -ENODEV;
        }
        stage_settle(&r->stage);
    }
    return 0;
}
