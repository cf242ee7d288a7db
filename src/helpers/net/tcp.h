/*
 * What the stage does to connections of TCP, besides letting them pass: segments that are larger than the
 * interface says, a window that opens when there is room, and an end on both sides.
 */
#pragma once

#include "helpers/net/stage.h"

/* Segments between the container's kernel and libslirp, at most: four fill the window, which has no scale and
 * so is 64 KiB. */
#define TCP_MSS_STACK 16380

/* A segment @f of @flow that goes on to libslirp; its options may be changed. @flow may be gone then. */
void tcp_from_container(struct stage *s, struct flow *flow, struct frame *f);

/* A segment of libslirp's, as it came. Returns false if the container need not have it. */
bool tcp_to_container(struct stage *s, struct flow *flow, const struct frame *f);

/* Follows how far both sides have closed; once the flow is over, it is gone. */
void tcp_follow(struct stage *s, struct flow *flow, const struct frame *f, bool out);

/* Asks libslirp how far the container may send: as a probe of the container's would. */
void tcp_ask_window(struct stage *s, struct flow *flow);
