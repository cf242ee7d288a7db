#include "container/channel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define CHANNEL_MAGIC 0x6f797262u /* "bryo" */

struct header {
    uint32_t magic;
    uint32_t step;
    int64_t value;
    uint32_t text_len;
    uint32_t hint_len; /* only STEP_ERROR: the hint follows the text */
};

struct packet {
    struct header head;
    char body[2 * CHANNEL_TEXT_MAX];
};

static const char *const step_names[] = {
    [STEP_ERROR] = "ERROR",
    [STEP_WARNING] = "WARNING",
    [STEP_INIT_PID] = "INIT_PID",
    [STEP_ID_MAP_WRITTEN] = "ID_MAP_WRITTEN",
    [STEP_IN_CGROUP] = "IN_CGROUP",
    [STEP_CONSOLE] = "CONSOLE",
    [STEP_ENVIRONMENT_READY] = "ENVIRONMENT_READY",
    [STEP_HOOKS_DONE] = "HOOKS_DONE",
    [STEP_READY] = "READY",
    [STEP_DETACH] = "DETACH",
    [STEP_START] = "START",
};
_Static_assert(ARRAY_SIZE(step_names) == STEP_START + 1, "every step has a name");

const char *channel_step_name(enum channel_step step)
{
    return (size_t)step < ARRAY_SIZE(step_names) && step_names[step] ? step_names[step] : "an unknown step";
}

int channel_pair(int fds[2], struct error *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return error_sys(err, errno, "create the channel to the container's init");
    return 0;
}

static size_t cut(const char *text)
{
    return text ? strnlen(text, CHANNEL_TEXT_MAX) : 0;
}

static int send_packet(int sock, enum channel_step step, int64_t value, const char *text, const char *hint,
                       int fd)
{
    struct packet p;
    size_t text_len = cut(text), hint_len = cut(hint);

    p.head = (struct header){CHANNEL_MAGIC, step, value, (uint32_t)text_len, (uint32_t)hint_len};
    if (text_len)
        memcpy(p.body, text, text_len);
    if (hint_len)
        memcpy(p.body + text_len, hint, hint_len);
    return fd_send(sock, &p, sizeof p.head + text_len + hint_len, &fd, fd >= 0 ? 1 : 0);
}

static int next(const struct channel *ch, const char *waiting_for, struct packet *p, int *fd, bool *unread,
                struct error *err);

/* A peer that failed said so before it ended: its words are the better error. */
static int peer_ended(const struct channel *ch, enum channel_step step, struct error *err)
{
    _cleanup_close_ int fd = -EBADF;
    struct packet p;
    bool unread;
    int r;

    do {
        fd_close(&fd);
        r = next(ch, channel_step_name(step), &p, &fd, &unread, err);
    } while (r > 0);
    return r < 0 ? r
                 : error_set(err, EPIPE, "%s ended before it could be told %s", ch->peer,
                             channel_step_name(step));
}

int channel_send(const struct channel *ch, enum channel_step step, int64_t value, const char *text, int fd,
                 struct error *err)
{
    int r = send_packet(ch->fd, step, value, text, NULL, fd);

    if (r == -EPIPE || r == -ECONNRESET)
        return peer_ended(ch, step, err);
    if (r < 0)
        return error_sys(err, -r, "send %s to %s", channel_step_name(step), ch->peer);
    return 0;
}

void channel_send_error(const struct channel *ch, const struct error *failure)
{
    (void)send_packet(ch->fd, STEP_ERROR, failure->code > 0 ? failure->code : EINVAL, error_text(failure),
                      failure->hint, -1);
}

/* One message, checked for form. Returns 1, 0 at the end of the channel, or a negative errno with text.
 * *unread: the peer ended without having read all that it was sent. */
static int receive(const struct channel *ch, const char *waiting_for, struct packet *p, int *fd, bool *unread,
                   struct error *err)
{
    int fds[1];
    size_t nfds;
    ssize_t n;

    *fd = -EBADF;
    for (;;) {
        nfds = ARRAY_SIZE(fds);
        n = ch->spoken ? fd_recv_now(ch->fd, p, sizeof *p, fds, &nfds)
                       : fd_recv(ch->fd, p, sizeof *p, fds, &nfds);
        /* It died with a message of ours unread. That is told once, before what it still said. */
        if (n != -ECONNRESET)
            break;
        *unread = true;
    }
    if (n == -EAGAIN)
        return 0;
    if (n < 0)
        return error_sys(err, (int)-n, "receive %s from %s", waiting_for, ch->peer);
    if (n == 0)
        return 0;
    if (nfds)
        *fd = fds[0];
    if ((size_t)n < sizeof p->head || p->head.magic != CHANNEL_MAGIC || p->head.text_len > CHANNEL_TEXT_MAX ||
        p->head.hint_len > CHANNEL_TEXT_MAX ||
        (size_t)n != sizeof p->head + p->head.text_len + p->head.hint_len) {
        fd_close(fd);
        return error_set(err, EPROTO, "%s got a torn message from %s while it waited for %s", ch->self,
                         ch->peer, waiting_for);
    }
    return 1;
}

static int peer_failed(const struct packet *p, struct error *err)
{
    int code = p->head.value > 0 && p->head.value < 4096 ? (int)p->head.value : EINVAL;

    error_set(err, code, "%.*s", (int)p->head.text_len, p->body);
    if (p->head.hint_len)
        error_hint(err, "%.*s", (int)p->head.hint_len, p->body + p->head.text_len);
    return -code;
}

/* The next message that is neither a warning nor an error. As receive(). */
static int next(const struct channel *ch, const char *waiting_for, struct packet *p, int *fd, bool *unread,
                struct error *err)
{
    *unread = false;
    for (;;) {
        int r = receive(ch, waiting_for, p, fd, unread, err);
        if (r <= 0)
            return r;
        if (p->head.step == STEP_ERROR) {
            fd_close(fd);
            return peer_failed(p, err);
        }
        if (p->head.step != STEP_WARNING)
            return 1;
        fd_close(fd);
        char text[CHANNEL_TEXT_MAX + 1];
        memcpy(text, p->body, p->head.text_len);
        text[p->head.text_len] = '\0';
        if (ch->warn)
            ch->warn(ch->data, text);
    }
}

int channel_expect(const struct channel *ch, enum channel_step step, struct channel_message *msg,
                   struct error *err)
{
    _cleanup_close_ int fd = -EBADF;
    struct packet p;
    bool unread;
    int r = next(ch, channel_step_name(step), &p, &fd, &unread, err);

    if (r < 0)
        return r;
    if (r == 0)
        return error_set(err, EPIPE, "%s ended while %s waited for %s", ch->peer, ch->self,
                         channel_step_name(step));
    if (p.head.step != step)
        return error_set(err, EPROTO, "%s expected %s from %s, got %s", ch->self, channel_step_name(step),
                         ch->peer, channel_step_name(p.head.step));
    if ((fd >= 0) != (step == STEP_CONSOLE))
        return error_set(err, EPROTO, "%s got %s from %s %s a descriptor", ch->self, channel_step_name(step),
                         ch->peer, fd >= 0 ? "with" : "without");
    if (msg) {
        msg->step = step;
        msg->value = p.head.value;
        memcpy(msg->text, p.body, p.head.text_len);
        msg->text[p.head.text_len] = '\0';
        msg->fd = TAKE_FD(fd);
    }
    return 0;
}

int channel_prefer_peer(const struct channel *ch, int failed, struct error *err)
{
    struct channel now = *ch;
    struct error told = ERROR_INIT;
    _cleanup_close_ int fd = -EBADF;
    struct packet p;
    bool unread;

    now.spoken = true;
    if (next(&now, "its error", &p, &fd, &unread, &told) < 0 && told.code != EPROTO) {
        failed = -told.code;
        error_move(err, &told);
    }
    error_clear(&told);
    return failed;
}

int channel_expect_end(const struct channel *ch, struct error *err)
{
    _cleanup_close_ int fd = -EBADF;
    struct packet p;
    bool unread;
    int r = next(ch, "the start of the program", &p, &fd, &unread, err);

    if (r == 0 && unread)
        return error_set(err, EPIPE, "%s ended before it had read the last message", ch->peer);
    if (r <= 0)
        return r;
    return error_set(err, EPROTO, "%s expected the start of the program, got %s", ch->self,
                     channel_step_name(p.head.step));
}
