/*
 * The terminal of a container as the runtime sees it: handing the master to whoever asked for it, or carrying
 * bytes between it and the caller's own terminal (`run`, `sandbox`).
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "base/error.h"

/* Connects to @path and sends @master there: one message, the descriptor and @name as its payload. */
int console_send(const char *path, int master, const char *name, struct error *err);

/* The same for a pidfd: one message, payload "pidfd". */
int pidfd_send(const char *path, int pidfd, struct error *err);

/* Bytes on their way; one direction. */
struct console_buffer {
    char data[4096];
    size_t start, end;
};

struct console {
    int master;           /* owned */
    bool raw;             /* the caller's terminal is in raw mode */
    struct termios saved; /* and was this before */
    bool stdin_open;
    bool line_open; /* the last byte of the input was no line end */
    bool hung_up;   /* no process has the slave open now */
    struct console_buffer to_container, to_user;
};

/* Takes @master over; puts the caller's terminal (if stdin is one) into raw mode and gives its size to the
 * master. */
int console_open(struct console *con, int master, struct error *err);
/* Gives the caller's terminal its mode back; safe to call twice, and without console_open on a zeroed struct
 * with master -EBADF. */
void console_close(struct console *con);
/* The caller's terminal changed its size. */
void console_resize(const struct console *con);
/* Fills the three entries that poll(2) is to watch (master, stdin, stdout); fd -1 where there is nothing to
 * do. */
void console_poll(const struct console *con, struct pollfd fds[3]);
/* Moves what poll(2) said is possible. */
void console_move(struct console *con, const struct pollfd fds[3]);
/* After the container's end: writes out what it still said, for at most a second where the reader is slow. */
void console_drain(struct console *con);
