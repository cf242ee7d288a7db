/*
 * The typed messages between the process outside (the runtime) and the one inside (the container's init).
 *
 * Theory of operation. A SOCK_SEQPACKET pair keeps message borders. Each message is a header (magic, step,
 * errno, lengths) and up to CHANNEL_TEXT_MAX bytes of text, and may carry descriptors. Both sides know which
 * step comes next: anything else is a protocol error. Besides the expected step a side may get a warning
 * (handed to a callback) or an error (the peer's own text, errno and hint, which become our error); a peer
 * that dies is an error that names the step: "container init ended while the runtime waited for READY".
 * Lengths are checked against what arrived, so a torn message is never taken for a shorter one.
 *
 * The same messages travel over the socket by which `start` finds a waiting init (start.sock in the state
 * directory).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* In the order in which they can occur. R: sent by the runtime, I: by init, S: by the stage process before
 * init. */
enum channel_step {
    STEP_ERROR = 1,         /* any side: it failed; text, errno, hint */
    STEP_WARNING,           /* I: one line for the user */
    STEP_INIT_PID,          /* S: pid of init, cloned as our child (number is `value`) */
    STEP_ID_MAP_WRITTEN,    /* R: go on, you are uid 0 of your user namespace now */
    STEP_IN_CGROUP,         /* R: you are in your cgroup (only from a manager that takes its time) */
    STEP_CONSOLE,           /* I: the pty master (one descriptor); text: its name */
    STEP_ENVIRONMENT_READY, /* I: mounts are made, the host is still in sight: time for the runtime's hooks */
    STEP_HOOKS_DONE,        /* R: prestart and createRuntime hooks are through */
    STEP_READY,             /* I: everything is set up, waiting for start */
    STEP_DETACH,            /* R: the runtime will leave; wait for start on the socket */
    STEP_START, /* R or `start`: run the program. Success is the end of the channel (closed by exec) */
};

const char *channel_step_name(enum channel_step step);

#define CHANNEL_TEXT_MAX 8192

struct channel {
    int fd;
    const char *self; /* who we are, in messages: "the runtime", "container init" */
    const char *peer;
    void (*warn)(void *data, const char *text); /* gets STEP_WARNING texts; may be NULL */
    void *data;
    bool spoken; /* who was to speak has ended, although others hold its end: what is not there by now never
                  * comes, and counts as the end of the channel */
};

/* Makes a connected pair of sockets, both O_CLOEXEC. Returns 0 or -errno with text. */
int channel_pair(int fds[2], struct error *err);

/* Sends @step with @value and @text (may be NULL; cut at CHANNEL_TEXT_MAX) and @fd (negative: none). To a
 * peer that ended: its own error if it sent one before, else -EPIPE. */
int channel_send(const struct channel *ch, enum channel_step step, int64_t value, const char *text, int fd,
                 struct error *err);

/* Sends the content of @failure as STEP_ERROR; failures to send are ignored (nobody is left to hear them). */
void channel_send_error(const struct channel *ch, const struct error *failure);

/* A message as received. text is owned by the struct (may be empty, never NULL); fd is -EBADF or the
 * receiver's. */
struct channel_message {
    enum channel_step step;
    int64_t value;
    int fd;
    char text[CHANNEL_TEXT_MAX + 1];
};

/* Waits for @step. Warnings are handed on, errors of the peer become @err. Returns 0; -EPIPE when the peer
 * ended; -EPROTO for a wrong step, a torn message or a descriptor that was not expected; the peer's code for
 * its error. @msg may be NULL when neither value, text nor descriptor are wanted. */
int channel_expect(const struct channel *ch, enum channel_step step, struct channel_message *msg,
                   struct error *err);

/* What failed on our side may only follow from the peer's end. If the peer has already said why it failed,
 * that becomes @err instead of what it holds; warnings on the way are handed on. Never waits. Returns the
 * peer's code, or @failed, ours. */
int channel_prefer_peer(const struct channel *ch, int failed, struct error *err);

/* Waits for the end of the channel (the peer's exec closed it). An error of the peer becomes @err. -EPIPE: it
 * ended before it had read what was sent to it. */
int channel_expect_end(const struct channel *ch, struct error *err);
