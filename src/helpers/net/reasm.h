/*
 * Fragments of IPv4 put together before anybody looks at them.
 *
 * libslirp could do it, but what it keeps for that is not bounded, and the ports that decide about a packet
 * are in the first piece only. Here a few datagrams at a time are collected, in no more memory than they may
 * need; pieces that overlap make the whole datagram invalid. IPv6 fragments are not let through at all.
 */
#pragma once

#include <stdint.h>

#include "helpers/net/frame.h"

#define REASM_DATAGRAMS 16

struct datagram;

struct reasm {
    struct datagram *slot[REASM_DATAGRAMS];
};

void reasm_free(struct reasm *r);

/* Takes the fragment @f. Returns 1 when that completes a datagram: *whole is a frame of *len bytes, to be
 * freed by the caller; 0 when pieces are missing; -EBADMSG if it fits no datagram, -ENOMEM. */
int reasm_add(struct reasm *r, const struct frame *f, int64_t now_ms, uint8_t **whole, size_t *len);
