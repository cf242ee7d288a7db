/*
 * The loop: between the tap, libslirp and everything else that is waited for, until the container is gone.
 */
#pragma once

#include "base/error.h"
#include "helpers/net/api.h"
#include "helpers/net/fast.h"
#include "helpers/net/forward.h"
#include "helpers/net/loop.h"
#include "helpers/net/settings.h"
#include "helpers/net/stack.h"
#include "helpers/net/stage.h"

struct relay {
    const struct settings *settings;
    struct loop loop;
    struct stage stage;
    struct stack stack;
    struct forwards forwards;
    struct fast fast;
    struct api api;
    int tap;
    struct watch pidfd, exit_fd;
    uint8_t *buf; /* one frame behind its virtual network header */
};

#define RELAY_INIT ((struct relay){.tap = -EBADF, .loop.epoll_fd = -EBADF})

/* Makes everything that takes files or memory: before the confinement. */
int relay_init(struct relay *r, const struct settings *c, struct error *err);
/* Publishes the ports of the settings: behind the confinement, which closes all descriptors it does not know.
 */
int relay_publish(struct relay *r, struct error *err);

/* @sock leads to the process that makes sockets in the container, and is the relay's from here on; negative:
 * there is none. */
int relay_take_sockets(struct relay *r, int sock, struct error *err);

/* Closes all sockets. May be called twice. */
void relay_free(struct relay *r);

/* Runs on @tap, which stays the caller's, until the container, or whoever started us, is gone. Returns
 * 0, or -errno if the network broke. */
int relay_run(struct relay *r, int tap, struct error *err);
