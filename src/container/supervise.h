/*
 * Staying with a container in the foreground: signals, terminal and the exit code.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/log.h"
#include "container/console.h"

struct notify;

struct supervisor {
    pid_t pid; /* of init, our child */
    int pidfd;
    pid_t net_pid;               /* of its network's helper; 0: none */
    pid_t archive_pid;           /* of the server of its files; 0: none */
    const struct log *log;       /* for what goes wrong meanwhile */
    struct console *con;         /* NULL: no terminal of ours */
    const struct notify *notify; /* NULL: no messages to pass on */
    bool default_signals; /* a signal that init (as pid 1) would never see ends the container, as it would end
                           * a command that is no pid 1 */
    sigset_t old_mask;
    int signal_fd;
};

/* Blocks the signals that are to be forwarded and opens a signalfd for them. Before the program starts, so
 * that none is lost between. */
int supervise_begin(struct supervisor *s, struct error *err);

/* Forwards signals and carries the terminal until init ends; reaps what else became our child. *exit_code:
 * the program's, or 128 + signal. */
int supervise(struct supervisor *s, int *exit_code, struct error *err);

/* Drops the signals that nobody took and opens the mask again. */
void supervise_end(struct supervisor *s);
