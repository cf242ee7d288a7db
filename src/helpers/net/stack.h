/*
 * libslirp: its life, its callbacks, and the descriptors it wants polled.
 *
 * libslirp is a TCP/IP stack that turns the packets of one network into ordinary sockets of this process. It
 * has no threads and no loop of its own: the relay asks it for its descriptors, polls them and tells it what
 * happened. Everything that goes in or comes out passes the stage (stage.h).
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"
#include "helpers/net/settings.h"
#include "helpers/net/stage.h"

#define STACK_TIMERS 4
/* The first entries of the poll set are the relay's own. */
#define STACK_OWN_POLLS 2

struct stack_timer {
    void (*fire)(void *data);
    void *data;
    int64_t due_ms; /* negative: not set */
    bool used;
};

struct stack {
    struct Slirp *slirp;
    struct stage *stage;
    const struct settings *settings;
    struct sockaddr_storage outbound4, outbound6; /* of the settings; libslirp keeps pointers */
    struct stack_timer timers[STACK_TIMERS];
    struct pollfd *polls; /* STACK_OWN_POLLS of the relay's, then libslirp's */
    size_t n_polls, max_polls;
    uint64_t *open; /* which descriptors libslirp has told us of, one bit each */
    size_t open_words;
};

int stack_init(struct stack *k, const struct settings *settings, struct stage *stage, struct error *err);
void stack_free(struct stack *k);

/* Can this version of libslirp pass on echo requests of IPv6? */
bool stack_can_ping6(void);

/* Fills the poll set behind the relay's entries. Returns for how long poll(2) may sleep, -1: for ever. */
int stack_prepare(struct stack *k, int64_t now_ms);
/* Lets libslirp look at what poll(2) said of its descriptors (@polled false: nothing), and at its timers. */
void stack_proceed(struct stack *k, bool polled, int64_t now_ms);

/* A frame for libslirp. */
void stack_input(struct stack *k, const uint8_t *frame, size_t len);
