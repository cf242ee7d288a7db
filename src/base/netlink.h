/*
 * The little of rtnetlink(7) that bryo speaks: requests with an answer, dumps. A socket stays in the network
 * namespace that it was opened in.
 */
#pragma once

#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>

/* A message that grows; what does not fit is noted and netlink_request refuses it. */
struct netlink_message {
    union {
        struct nlmsghdr header;
        char bytes[1024];
    };
    int overflow;
};

/* Begins a request of @type with its fixed part (struct ifinfomsg, struct ifaddrmsg). */
void netlink_begin(struct netlink_message *m, uint16_t type, uint16_t flags, const void *fixed, size_t n);
void netlink_add(struct netlink_message *m, uint16_t type, const void *data, size_t n);
void netlink_add_u32(struct netlink_message *m, uint16_t type, uint32_t value);
/* With its NUL. */
void netlink_add_string(struct netlink_message *m, uint16_t type, const char *text);

/* Opens a socket in the caller's network namespace. Returns it or -errno. */
int netlink_open(void);

/* Sends @m and waits for the kernel's verdict. Returns 0 or the negative errno it gives. */
int netlink_request(int fd, struct netlink_message *m);

/* Sends @m as a dump and hands each answer to @each, until it returns a negative errno. Returns 0, that
 * errno, or -EINTR when things changed meanwhile and the answers are not to be trusted. */
int netlink_dump(int fd, struct netlink_message *m, int (*each)(void *data, const struct nlmsghdr *h),
                 void *data);
