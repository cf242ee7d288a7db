/*
 * The header that the kernel puts before each frame of a tap with IFF_VNET_HDR (linux/virtio_net.h).
 *
 * It is what makes the network fast: the container's kernel hands over TCP segments of up to 64 KiB whose
 * checksum is still to be computed, instead of cutting them to the MTU, and takes such segments back.
 */
#pragma once

#include <linux/virtio_net.h>
#include <stdint.h>

#include "helpers/net/frame.h"

#define VNET_HLEN sizeof(struct virtio_net_hdr)

/* Makes @f, which came behind @h, a frame that stands alone: a checksum that was left to the device is
 * computed. Whoever has CAP_NET_RAW in the container can make the kernel pass on odd headers, so all of it is
 * checked. Returns 0 or -EBADMSG. */
int vnet_complete(const struct virtio_net_hdr *h, const struct frame *f);

/* Fills @h for the TCP segment @f to the container and leaves its checksum to the kernel there; one with more
 * than @mss bytes of payload is described as a run of segments of that size. Only the headers of @f are
 * looked at and written to. */
void vnet_describe(struct virtio_net_hdr *h, const struct frame *f, uint16_t mss);
