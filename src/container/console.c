#include "container/console.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

static int send_descriptor(const char *option, const char *path, int fd, const char *payload,
                           struct error *err)
{
    _cleanup_close_ int sock = unix_connect(path, SOCK_STREAM);
    int r;

    if (sock < 0)
        return error_sys(err, -sock, "%s: connect to \"%s\"", option, path);
    r = fd_send(sock, payload, strlen(payload), &fd, 1);
    return r < 0 ? error_sys(err, -r, "%s: send the descriptor to \"%s\"", option, path) : 0;
}

int console_send(const char *path, int master, const char *name, struct error *err)
{
    return send_descriptor("--console-socket", path, master, name, err);
}

int pidfd_send(const char *path, int pidfd, struct error *err)
{
    return send_descriptor("--pidfd-socket", path, pidfd, "pidfd", err);
}

int console_open(struct console *con, int master, struct error *err)
{
    struct termios raw;
    int r;

    *con = (struct console){.master = master, .stdin_open = true};
    r = fd_set_nonblock(master, 1);
    if (r < 0)
        return error_sys(err, -r, "prepare the terminal of the container");
    console_resize(con);
    if (tcgetattr(STDIN_FILENO, &con->saved) == 0) {
        raw = con->saved;
        cfmakeraw(&raw);
        if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
            return error_sys(err, errno, "put the terminal into raw mode");
        con->raw = true;
    }
    return 0;
}

void console_close(struct console *con)
{
    if (con->raw)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &con->saved);
    con->raw = false;
    fd_close(&con->master);
}

void console_resize(const struct console *con)
{
    struct winsize size;

    for (int fd = 0; fd <= 2; fd++)
        if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
            (void)ioctl(con->master, TIOCSWINSZ, &size);
            return;
        }
}

static bool pending(const struct console_buffer *b)
{
    return b->end > b->start;
}

void console_poll(const struct console *con, struct pollfd fds[3])
{
    short master = 0;

    if (con->master >= 0 && !con->hung_up) {
        if (!pending(&con->to_user))
            master |= POLLIN;
        if (pending(&con->to_container))
            master |= POLLOUT;
    }
    /* POLLHUP is always reported: watch the master only when there is something to do with it, and after a
     * hangup not at once. */
    fds[0] = (struct pollfd){.fd = master ? con->master : -1, .events = master};
    fds[1] = (struct pollfd){.fd = con->stdin_open && !pending(&con->to_container) ? STDIN_FILENO : -1,
                             .events = POLLIN};
    fds[2] = (struct pollfd){.fd = pending(&con->to_user) ? STDOUT_FILENO : -1, .events = POLLOUT};
}

/* One read into an empty buffer. Returns the count, 0 at the end, -errno. */
static ssize_t fill(struct console_buffer *b, int fd)
{
    ssize_t n = read(fd, b->data, sizeof b->data);

    if (n < 0)
        return -errno;
    b->start = 0;
    b->end = (size_t)n;
    return n;
}

static int flush(struct console_buffer *b, int fd)
{
    ssize_t n = write(fd, b->data + b->start, b->end - b->start);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    b->start += (size_t)n;
    return 0;
}

/* The caller's input is at its end: what reads a terminal learns that by its end-of-file character. */
static void tell_end_of_input(struct console *con)
{
    struct termios mode;

    con->stdin_open = false;
    if (tcgetattr(con->master, &mode) == 0 && (mode.c_lflag & ICANON)) {
        /* Behind an unfinished line the first one only ends that line. */
        con->to_container.data[0] = con->to_container.data[1] = (char)mode.c_cc[VEOF];
        con->to_container.start = 0;
        con->to_container.end = con->line_open ? 2 : 1;
    }
}

void console_move(struct console *con, const struct pollfd fds[3])
{
    if (fds[0].fd >= 0 && (fds[0].revents & (POLLIN | POLLHUP | POLLERR)) && !pending(&con->to_user)) {
        ssize_t n = fill(&con->to_user, con->master);
        /* EIO: nobody has the slave open; a process may open /dev/console again, so it is tried again later.
         */
        con->hung_up = n == -EIO || n == 0;
    }
    if (fds[0].fd >= 0 && (fds[0].revents & POLLOUT) && flush(&con->to_container, con->master) < 0)
        con->to_container.start = con->to_container.end;
    if (fds[1].fd >= 0 && (fds[1].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL))) {
        ssize_t n = fill(&con->to_container, STDIN_FILENO);
        if (n > 0)
            con->line_open = con->to_container.data[n - 1] != '\n';
        if (n == 0 || (n < 0 && n != -EAGAIN && n != -EINTR))
            tell_end_of_input(con);
    }
    /* A reader that went away must not stop the container: its output is dropped, as a closed terminal would.
     */
    if (fds[2].fd >= 0 && fds[2].revents && flush(&con->to_user, STDOUT_FILENO) < 0)
        con->to_user.start = con->to_user.end;
}

void console_drain(struct console *con)
{
    for (int tries = 0; tries < 1000; tries++) {
        if (pending(&con->to_user)) {
            struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
            if (poll(&out, 1, 1000) <= 0 || flush(&con->to_user, STDOUT_FILENO) < 0)
                return;
            continue;
        }
        if (fill(&con->to_user, con->master) <= 0)
            return;
    }
}
