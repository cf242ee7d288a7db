#include "base/netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

/* The kernel fills no more than 32 KiB at once. */
#define ANSWER_MAX 32768

void netlink_begin(struct netlink_message *m, uint16_t type, uint16_t flags, const void *fixed, size_t n)
{
    memset(m, 0, sizeof *m);
    m->header.nlmsg_type = type;
    m->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    m->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(n);
    memcpy(NLMSG_DATA(&m->header), fixed, n);
}

void netlink_add(struct netlink_message *m, uint16_t type, const void *data, size_t n)
{
    size_t at = NLMSG_ALIGN(m->header.nlmsg_len);

    /* Far below the 16 bits that an attribute has for its length (CVE-2021-43784). */
    if (n > sizeof m->bytes || at + RTA_SPACE(n) > sizeof m->bytes) {
        m->overflow = 1;
        return;
    }
    struct rtattr head = {.rta_type = type, .rta_len = (unsigned short)RTA_LENGTH(n)};
    memcpy(m->bytes + at, &head, sizeof head);
    memcpy(m->bytes + at + RTA_LENGTH(0), data, n);
    m->header.nlmsg_len = (uint32_t)(at + RTA_LENGTH(n));
}

void netlink_add_u32(struct netlink_message *m, uint16_t type, uint32_t value)
{
    netlink_add(m, type, &value, sizeof value);
}

void netlink_add_string(struct netlink_message *m, uint16_t type, const char *text)
{
    netlink_add(m, type, text, strlen(text) + 1);
}

int netlink_open(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    return fd < 0 ? -errno : fd;
}

static int send_message(int fd, struct netlink_message *m)
{
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

    if (m->overflow)
        return -EMSGSIZE;
    ssize_t n = sendto(fd, m->bytes, m->header.nlmsg_len, 0, (const struct sockaddr *)&kernel, sizeof kernel);
    return n < 0 ? -errno : 0;
}

/* One datagram of the kernel's. Returns its length or -errno. */
static ssize_t receive(int fd, void *buf, size_t size)
{
    for (;;) {
        struct sockaddr_nl from = {0};
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(fd, buf, size, MSG_TRUNC, (struct sockaddr *)&from, &len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (from.nl_pid != 0) /* another process may send us something as well */
            continue;
        return (size_t)n > size ? -EMSGSIZE : n;
    }
}

static int verdict(const struct nlmsghdr *h)
{
    const struct nlmsgerr *e = NLMSG_DATA(h);

    return h->nlmsg_len < NLMSG_LENGTH(sizeof *e) ? -EPROTO : e->error;
}

int netlink_request(int fd, struct netlink_message *m)
{
    union {
        struct nlmsghdr header;
        char bytes[4096];
    } answer;

    m->header.nlmsg_flags |= NLM_F_ACK;
    int r = send_message(fd, m);
    ssize_t n = r < 0 ? r : receive(fd, &answer, sizeof answer);
    if (n < 0)
        return (int)n;
    if (!NLMSG_OK(&answer.header, (size_t)n) || answer.header.nlmsg_type != NLMSG_ERROR)
        return -EPROTO;
    return verdict(&answer.header);
}

int netlink_dump(int fd, struct netlink_message *m, int (*each)(void *data, const struct nlmsghdr *h),
                 void *data)
{
    union {
        struct nlmsghdr header;
        char bytes[ANSWER_MAX];
    } answer;
    int interrupted = 0;

    m->header.nlmsg_flags |= NLM_F_DUMP;
    int r = send_message(fd, m), failed = 0;
    if (r < 0)
        return r;
    /* Read to the end even if @each has failed: the socket is used again. */
    for (;;) {
        ssize_t n = receive(fd, &answer, sizeof answer);
        if (n < 0)
            return (int)n;
        size_t left = (size_t)n;
        for (const struct nlmsghdr *h = &answer.header; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
            interrupted |= h->nlmsg_flags & NLM_F_DUMP_INTR;
            if (h->nlmsg_type == NLMSG_ERROR)
                return verdict(h);
            if (h->nlmsg_type == NLMSG_DONE)
                return failed < 0 ? failed : interrupted ? -EINTR : 0;
            if (failed == 0)
                failed = each(data, h);
        }
    }
}
