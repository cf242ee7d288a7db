/*
 * See devices.h. A move in four requests: to the other namespace under a name that is nobody's (so that two
 * devices can swap theirs, and the device is found again), to the name asked for (where the kernel fills in
 * the
 * "%d" of a template), the addresses, which the kernel drops on the way, and "up".
 */
#include "net/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/netlink.h"
#include "base/str.h"

/* What of an address's flags is a wish, and no state. */
#define ADDRESS_FLAGS \
    (IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)
#define DUMP_TRIES 8

/* A network namespace, and a socket in it. */
struct side {
    int ns;
    int nl;
};

/* An address as the kernel tells it, without what is not to be told back. */
struct address {
    struct ifaddrmsg head;
    uint32_t flags;
    char label[IFNAMSIZ];
    size_t len;
    char attrs[256];
};

struct addresses {
    unsigned index;
    struct address *items;
    size_t count;
};

struct moved {
    const struct oci_net_device *device;
    unsigned index; /* on the side where it is */
    bool inside;    /* it is there */
    bool up;        /* was, on the host */
    struct addresses addresses;
};

static const char *inside_name(const struct oci_net_device *d)
{
    return str_empty(d->name) ? d->host_name : d->name;
}

/* The index of interface @name in the namespace of @nl, or -errno; *up may be NULL. */
static int find_device(int nl, const char *name, bool *up)
{
    struct ifreq request = {0};

    if (strlen(name) >= sizeof request.ifr_name)
        return -ENODEV;
    memcpy(request.ifr_name, name, strlen(name));
    if (up) {
        if (ioctl(nl, SIOCGIFFLAGS, &request) < 0)
            return -errno;
        *up = request.ifr_flags & IFF_UP;
    }
    return ioctl(nl, SIOCGIFINDEX, &request) < 0 ? -errno : request.ifr_ifindex;
}

static int no_rights(const char *device, struct error *err)
{
    error_set(err, EPERM, "linux.netDevices.%s: operation not permitted (EPERM)", device);
    error_hint(
        err, "to move an interface takes CAP_NET_ADMIN and CAP_SYS_ADMIN over the network namespace that it "
             "is in: run bryo as root, or leave the network to slirp4netns or pasta");
    return -EPERM;
}

static int device_failed(const struct oci_net_device *d, const char *what, int code, struct error *err)
{
    if (code == EPERM)
        return no_rights(d->host_name, err);
    error_sys(err, code, "linux.netDevices.%s: %s", d->host_name, what);
    if (code == EINVAL)
        error_hint(err, "some interfaces, such as lo, stay in their network namespace");
    return -code;
}

static bool has_net_admin(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};

    return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & (1U << CAP_NET_ADMIN));
}

int net_devices_check(const struct oci_net_device_list *devices, struct error *err)
{
    if (!devices->count)
        return 0;
    _cleanup_close_ int nl = netlink_open();
    if (nl < 0)
        return error_sys(err, -nl, "linux.netDevices: open a netlink socket");
    for (size_t i = 0; i < devices->count; i++) {
        int r = find_device(nl, devices->items[i].host_name, NULL);
        if (r < 0)
            return device_failed(&devices->items[i], "find the interface", -r, err);
    }
    return has_net_admin() ? 0 : no_rights(devices->items[0].host_name, err);
}

/* A socket in the namespace @other; the caller is back in @own behind it. Uid 0 of a user namespace may enter
 * the container's and not return to the host's, so the way back is tried first. */
static int open_there(int own, int other, const char *device, struct error *err)
{
    if (setns(own, CLONE_NEWNET) < 0 || setns(other, CLONE_NEWNET) < 0)
        return errno == EPERM
                   ? no_rights(device, err)
                   : error_sys(err, errno, "linux.netDevices: look into the container's network namespace");
    int nl = netlink_open();
    if (setns(own, CLONE_NEWNET) < 0) {
        int code = errno;
        if (nl >= 0)
            close(nl);
        return error_sys(err, code, "linux.netDevices: return to the own network namespace");
    }
    return nl < 0 ? error_sys(err, -nl, "linux.netDevices: open a netlink socket") : nl;
}

static int open_sides(pid_t pid, const char *device, struct side *host, struct side *inside,
                      struct error *err)
{
    struct stat ours, theirs;
    char path[48];

    host->ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    inside->ns = open(path, O_RDONLY | O_CLOEXEC);
    if (host->ns < 0 || inside->ns < 0 || fstat(host->ns, &ours) < 0 || fstat(inside->ns, &theirs) < 0)
        return error_sys(err, errno, "linux.netDevices: open the network namespaces");
    if (ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino)
        return error_set(
            err, EINVAL,
            "linux.netDevices: expected a network namespace other than the host's, found the same");
    host->nl = netlink_open();
    if (host->nl < 0)
        return error_sys(err, -host->nl, "linux.netDevices: open a netlink socket");
    inside->nl = open_there(host->ns, inside->ns, device, err);
    return inside->nl < 0 ? inside->nl : 0;
}

/* Keeps those that the specification wants kept: permanent and of global scope. */
static int keep_address(void *data, const struct nlmsghdr *h)
{
    struct addresses *list = data;
    const struct ifaddrmsg *head = NLMSG_DATA(h);
    struct address a = {.head = *head, .flags = head->ifa_flags};

    if (h->nlmsg_type != RTM_NEWADDR || h->nlmsg_len < NLMSG_LENGTH(sizeof *head) ||
        head->ifa_index != list->index || head->ifa_scope != RT_SCOPE_UNIVERSE)
        return 0;
    size_t left = IFA_PAYLOAD(h);
    for (const struct rtattr *t = IFA_RTA(head); RTA_OK(t, left); t = RTA_NEXT(t, left))
        switch (t->rta_type) {
        case IFA_FLAGS:
            if (RTA_PAYLOAD(t) == sizeof a.flags)
                memcpy(&a.flags, RTA_DATA(t), sizeof a.flags);
            break;
        case IFA_LABEL:
            snprintf(a.label, sizeof a.label, "%.*s", (int)RTA_PAYLOAD(t), (const char *)RTA_DATA(t));
            break;
        case IFA_ADDRESS:
        case IFA_LOCAL:
        case IFA_BROADCAST:
        case IFA_CACHEINFO:
        case IFA_RT_PRIORITY:
            if (a.len + RTA_ALIGN(t->rta_len) > sizeof a.attrs)
                return -EMSGSIZE;
            memcpy(a.attrs + a.len, t, t->rta_len);
            a.len += RTA_ALIGN(t->rta_len);
            break;
        default:
            break;
        }
    if (!(a.flags & IFA_F_PERMANENT))
        return 0;
    struct address *grown = realloc(list->items, (list->count + 1) * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    grown[list->count++] = a;
    list->items = grown;
    return 0;
}

static int read_addresses(int nl, unsigned index, struct addresses *list)
{
    const struct ifaddrmsg any = {.ifa_family = AF_UNSPEC};
    struct netlink_message m;
    int r = -EINTR;

    list->index = index;
    for (int tries = 0; r == -EINTR && tries < DUMP_TRIES; tries++) {
        list->count = 0;
        netlink_begin(&m, RTM_GETADDR, 0, &any, sizeof any);
        r = netlink_dump(nl, &m, keep_address, list);
    }
    return r;
}

static int add_address(int nl, unsigned index, const struct address *a, const char *name)
{
    struct ifaddrmsg head = a->head;
    struct netlink_message m;
    size_t n = strlen(name), left = a->len;

    head.ifa_index = index;
    head.ifa_flags = 0;
    netlink_begin(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &head, sizeof head);
    for (const struct rtattr *t = (const void *)a->attrs; RTA_OK(t, left); t = RTA_NEXT(t, left))
        netlink_add(&m, t->rta_type, RTA_DATA(t), RTA_PAYLOAD(t));
    netlink_add_u32(&m, IFA_FLAGS, a->flags & ADDRESS_FLAGS);
    /* A label starts with the interface's name; behind a rename the kernel makes one. */
    if (a->label[0] && strncmp(a->label, name, n) == 0 && (a->label[n] == ':' || !a->label[n]))
        netlink_add_string(&m, IFA_LABEL, a->label);
    return netlink_request(nl, &m);
}

static int change_link(int nl, unsigned index, const char *name, int ns, bool up)
{
    const struct ifinfomsg head = {.ifi_family = AF_UNSPEC,
                                   .ifi_index = (int)index,
                                   .ifi_flags = up ? IFF_UP : 0,
                                   .ifi_change = up ? IFF_UP : 0};
    struct netlink_message m;

    netlink_begin(&m, RTM_NEWLINK, 0, &head, sizeof head);
    if (ns >= 0)
        netlink_add_u32(&m, IFLA_NET_NS_FD, (uint32_t)ns);
    if (name)
        netlink_add_string(&m, IFLA_IFNAME, name);
    return netlink_request(nl, &m);
}

/* m->index follows the device. *step: what was being done, for the message. */
static int move_device(const struct side *from, const struct side *to, struct moved *m, const char *name,
                       bool up, const char **step)
{
    char between[IFNAMSIZ];

    snprintf(between, sizeof between, "bryo%u", m->index);
    *step = "move the interface";
    int r = change_link(from->nl, m->index, between, to->ns, false);
    if (r == 0)
        r = find_device(to->nl, between, NULL);
    if (r < 0)
        return r;
    m->index = (unsigned)r;
    m->inside = !m->inside;
    *step = "name the interface";
    r = change_link(to->nl, m->index, name, -1, false);
    *step = r < 0 ? *step : "add its addresses again";
    for (size_t i = 0; r == 0 && i < m->addresses.count; i++)
        r = add_address(to->nl, m->index, &m->addresses.items[i], name);
    if (r < 0 || !up)
        return r;
    *step = "bring the interface up";
    return change_link(to->nl, m->index, NULL, -1, true);
}

/* As far as it goes: the error that led here is the one to tell. */
static void bring_back(const struct side *host, const struct side *inside, struct moved *m)
{
    const char *step;

    if (m->inside)
        (void)move_device(inside, host, m, m->device->host_name, m->up, &step);
}

/* Everything that can be known before the first one moves. */
static int look_at_devices(const struct oci_net_device_list *devices, const struct side *host,
                           const struct side *inside, struct moved *moved, struct error *err)
{
    for (size_t i = 0; i < devices->count; i++) {
        const struct oci_net_device *d = &devices->items[i];
        struct moved *m = &moved[i];
        m->device = d;
        int r = find_device(host->nl, d->host_name, &m->up);
        if (r < 0)
            return device_failed(d, "find the interface", -r, err);
        m->index = (unsigned)r;
        if (!strchr(inside_name(d), '%') && find_device(inside->nl, inside_name(d), NULL) >= 0)
            return error_set(
                err, EEXIST,
                "linux.netDevices.%s: the container's network namespace has an interface \"%s\" already",
                d->host_name, inside_name(d));
        r = read_addresses(host->nl, m->index, &m->addresses);
        if (r < 0)
            return device_failed(d, "read its addresses", -r, err);
    }
    return 0;
}

static int move_all(const struct oci_net_device_list *devices, const struct side *host,
                    const struct side *inside, struct moved *moved, struct error *err)
{
    int r = look_at_devices(devices, host, inside, moved, err);

    for (size_t i = 0; r == 0 && i < devices->count; i++) {
        const char *step = "";
        r = move_device(host, inside, &moved[i], inside_name(&devices->items[i]), true, &step);
        if (r == 0)
            continue;
        device_failed(&devices->items[i], step, -r, err);
        for (size_t k = i + 1; k-- > 0;)
            bring_back(host, inside, &moved[k]);
    }
    return r;
}

int net_devices_move(const struct oci_net_device_list *devices, pid_t pid, struct error *err)
{
    struct side host = {-EBADF, -EBADF}, inside = {-EBADF, -EBADF};
    struct moved *moved;
    int r;

    if (!devices->count)
        return 0;
    moved = calloc(devices->count, sizeof *moved);
    if (!moved)
        return error_oom(err);
    r = open_sides(pid, devices->items[0].host_name, &host, &inside, err);
    if (r == 0)
        r = move_all(devices, &host, &inside, moved, err);
    for (size_t i = 0; i < devices->count; i++)
        free(moved[i].addresses.items);
    free(moved);
    fd_close(&host.ns);
    fd_close(&host.nl);
    fd_close(&inside.ns);
    fd_close(&inside.nl);
    return r;
}
