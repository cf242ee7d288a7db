#include "helpers/net/vnet.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "helpers/net/checksum.h"

#define TCP_CHECK 16
#define UDP_CHECK 6

static int check_segment(const struct virtio_net_hdr *h, const struct frame *f)
{
    switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_NONE:
        return 0;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        return f->type == ETHERTYPE_IPV4 && f->proto == IPPROTO_TCP ? 0 : -EBADMSG;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        return f->type == ETHERTYPE_IPV6 && f->proto == IPPROTO_TCP ? 0 : -EBADMSG;
    default: /* never offered */
        return -EBADMSG;
    }
}

int vnet_complete(const struct virtio_net_hdr *h, const struct frame *f)
{
    int r = check_segment(h, f);

    if (r < 0 || !(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
        return r;
    if (f->type == ETHERTYPE_ARP || f->fragment || h->csum_start != f->l4 - f->data)
        return -EBADMSG;
    if ((f->proto != IPPROTO_TCP || h->csum_offset != TCP_CHECK) &&
        (f->proto != IPPROTO_UDP || h->csum_offset != UDP_CHECK))
        return -EBADMSG;
    frame_complete_checksum(f);
    return 0;
}

void vnet_describe(struct virtio_net_hdr *h, const struct frame *f, uint16_t mss)
{
    uint16_t sum = checksum_fold(checksum_pseudo(&f->src, &f->dst, IPPROTO_TCP, f->l4_len));

    memcpy(f->l4 + TCP_CHECK, &sum, sizeof sum);
    *h = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                 .hdr_len = (uint16_t)(f->payload - f->data),
                                 .csum_start = (uint16_t)(f->l4 - f->data),
                                 .csum_offset = TCP_CHECK};
    if (f->payload_len > mss) {
        h->gso_type = f->type == ETHERTYPE_IPV4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
        h->gso_size = mss;
    }
}
