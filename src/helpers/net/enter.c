#include "helpers/net/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/netlink.h"
#include "base/process.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "helpers/net/sockets.h"

#define TUN_DEVICE  "/dev/net/tun"
#define END_WAIT_MS 200
#define OFFLOADS    (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)

/* What the child says: its failure, or nothing with the descriptor beside it. */
struct answer {
    int code;
    char text[512], hint[512];
};

struct namespaces {
    int user, net; /* negative: stay in ours */
};

static void namespaces_close(struct namespaces *ns)
{
    cleanup_close(&ns->user);
    cleanup_close(&ns->net);
}

static int open_namespace(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? error_sys(err, errno, "open the namespace \"%s\"", path) : fd;
}

static int copy_fd(int fd, struct error *err)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    return copy < 0 ? error_sys(err, errno, "take over descriptor %d", fd) : copy;
}

/* The kernel refuses to join the user namespace that one is in. */
static bool is_own_userns(int fd)
{
    struct stat theirs, ours;

    return fstat(fd, &theirs) == 0 && stat("/proc/self/ns/user", &ours) == 0 &&
           theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

static int open_namespaces(const struct settings *c, struct namespaces *ns, struct error *err)
{
    char path[64];

    if (c->netns_fd >= 0) {
        ns->net = copy_fd(c->netns_fd, err);
    } else if (c->target_is_path) {
        ns->net = open_namespace(c->target, err);
    } else {
        snprintf(path, sizeof path, "/proc/%.20s/ns/net", c->target);
        ns->net = open_namespace(path, err);
    }
    if (ns->net < 0)
        return ns->net;
    snprintf(path, sizeof path, "/proc/%.20s/ns/user", c->target ? c->target : "");
    if (c->userns_fd >= 0)
        ns->user = copy_fd(c->userns_fd, err);
    else if (c->userns_path)
        ns->user = open_namespace(c->userns_path, err);
    else if (c->netns_fd < 0 && !c->target_is_path)
        ns->user = open_namespace(path, err);
    else
        return 0;
    if (ns->user < 0)
        return ns->user;
    if (is_own_userns(ns->user))
        fd_close(&ns->user);
    return 0;
}

static int join(const struct namespaces *ns, struct error *err)
{
    if (ns->user >= 0 && setns(ns->user, CLONE_NEWUSER) < 0)
        return error_sys(err, errno, "join the user namespace of the container");
    if (setns(ns->net, CLONE_NEWNET) < 0) {
        int code = errno;
        error_sys(err, code, "join the network namespace of the container");
        if (code == EPERM)
            error_hint(err, "it belongs to a user namespace that the caller has no rights over");
        return -code;
    }
    return 0;
}

static int open_tap(const struct settings *c, struct error *err)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    _cleanup_close_ int fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        int code = errno;
        error_sys(err, code, "open \"%s\"", TUN_DEVICE);
        if (code == EACCES || code == EPERM)
            error_hint(err, "sudo chmod 0666 %s", TUN_DEVICE);
        else
            error_hint(err, "sudo modprobe tun");
        return -code;
    }
    memcpy(request.ifr_name, c->tap, strlen(c->tap));
    if (ioctl(fd, TUNSETIFF, &request) < 0) {
        int code = errno;
        error_sys(err, code, "make the interface \"%s\"", c->tap);
        if (code == EBUSY)
            error_hint(err, "the container's network has an interface of that name already");
        return -code;
    }
    if (ioctl(fd, TUNSETOFFLOAD, OFFLOADS) < 0)
        return error_sys(err, errno, "let the interface \"%s\" take whole segments", c->tap);
    /* Where the namespace ends with the container, the interface is left to that: to remove one takes the
     * kernel tens of milliseconds, and it would take them when we end. */
    if (c->pidfd >= 0 && ioctl(fd, TUNSETPERSIST, 1) < 0)
        return error_sys(err, errno, "leave the interface \"%s\" to its namespace", c->tap);
    return TAKE_FD(fd);
}

static int set_link(int nl, unsigned index, const struct settings *c)
{
    const struct ifinfomsg up = {
        .ifi_family = AF_UNSPEC, .ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct netlink_message m;

    netlink_begin(&m, RTM_NEWLINK, 0, &up, sizeof up);
    if (c)
        netlink_add_u32(&m, IFLA_MTU, c->mtu);
    if (c && c->has_mac)
        netlink_add(&m, IFLA_ADDRESS, c->mac, sizeof c->mac);
    return netlink_request(nl, &m);
}

static size_t bytes_of(const struct netaddr *a, const uint8_t **bytes)
{
    bool v4 = netaddr_is_ipv4(a);

    *bytes = a->bytes + (v4 ? 12 : 0);
    return v4 ? 4 : 16;
}

static int add_address(int nl, unsigned index, const struct netaddr *addr, const struct netblock *net)
{
    bool v4 = netaddr_is_ipv4(addr);
    /* Nobody else is in this network: no need to look for one with the same address first. */
    const struct ifaddrmsg head = {.ifa_family = v4 ? AF_INET : AF_INET6,
                                   .ifa_prefixlen = (uint8_t)(net->bits - (v4 ? 96 : 0)),
                                   .ifa_flags = IFA_F_PERMANENT | (v4 ? 0 : IFA_F_NODAD),
                                   .ifa_index = index};
    struct netlink_message m;
    const uint8_t *bytes;
    size_t n = bytes_of(addr, &bytes);

    netlink_begin(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof head);
    netlink_add(&m, IFA_LOCAL, bytes, n);
    netlink_add(&m, IFA_ADDRESS, bytes, n);
    if (v4) {
        uint32_t all = htonl(~UINT32_C(0) >> (net->bits - 96)), broadcast;
        memcpy(&broadcast, bytes, sizeof broadcast);
        broadcast |= all;
        netlink_add(&m, IFA_BROADCAST, &broadcast, sizeof broadcast);
    }
    return netlink_request(nl, &m);
}

static int add_default_route(int nl, unsigned index, const struct netaddr *gateway)
{
    const struct rtmsg head = {.rtm_family = (uint8_t)netaddr_family(gateway),
                               .rtm_table = RT_TABLE_MAIN,
                               .rtm_protocol = RTPROT_BOOT,
                               .rtm_scope = RT_SCOPE_UNIVERSE,
                               .rtm_type = RTN_UNICAST};
    struct netlink_message m;
    const uint8_t *bytes;
    size_t n = bytes_of(gateway, &bytes);

    netlink_begin(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof head);
    netlink_add(&m, RTA_GATEWAY, bytes, n);
    netlink_add_u32(&m, RTA_OIF, index);
    return netlink_request(nl, &m);
}

static int failed(const struct settings *c, const char *what, int r, struct error *err)
{
    return r < 0 ? error_sys(err, -r, "%s the interface \"%s\"", what, c->tap) : 0;
}

static int configure(const struct settings *c, struct error *err)
{
    _cleanup_close_ int nl = netlink_open();
    unsigned lo = 1, index;
    int r;

    if (nl < 0)
        return error_sys(err, -nl, "open a netlink socket in the container's network");
    r = set_link(nl, lo, NULL);
    if (r < 0)
        return error_sys(err, -r, "bring the loopback interface of the container up");
    index = if_nametoindex(c->tap);
    if (!index)
        return error_sys(err, errno, "find the interface \"%s\"", c->tap);
    r = failed(c, "bring up", set_link(nl, index, c), err);
    if (r == 0)
        r = failed(c, "give an IPv4 address to", add_address(nl, index, &c->guest4, &c->net4), err);
    if (r == 0)
        r = failed(c, "add the IPv4 route to", add_default_route(nl, index, &c->gateway4), err);
    if (r < 0 || !c->ipv6)
        return r;
    r = add_address(nl, index, &c->guest6, &c->net6);
    /* IPv6 is switched off in there, or not in this kernel: that is somebody's wish. */
    if (r == -EACCES || r == -EOPNOTSUPP || r == -EAFNOSUPPORT || r == -EPERM)
        return 0;
    if (r == 0)
        r = add_default_route(nl, index, &c->gateway6);
    return failed(c, "set up IPv6 on", r, err);
}

/*
 * The child: a fork of bryo-net with all that the caller may do, before anything was given up. It enters the
 * container's namespaces, where it then has all capabilities.
 * Should: make the interface, answer, end or serve sockets. Must not: open files of the container, or return.
 */
static _Noreturn void child(const struct settings *c, const struct namespaces *ns, int sock)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct answer answer = {0};
    int tap = -EBADF;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* What the container's processes could get hold of: they have rights over the namespace we enter. */
    prctl(PR_SET_DUMPABLE, 0);
    int r = join(ns, &err);
    if (r == 0)
        r = tap = open_tap(c, &err);
    if (r >= 0 && c->configure)
        r = configure(c, &err);
    if (r < 0) {
        answer.code = -r;
        snprintf(answer.text, sizeof answer.text, "%s", error_text(&err));
        snprintf(answer.hint, sizeof answer.hint, "%s", err.hint ? err.hint : "");
    }
    int sent = fd_send(sock, &answer, sizeof answer, &tap, r >= 0);
    if (r >= 0 && sent == 0 && c->has_sockets)
        sockets_serve(sock);
    _exit(sent == 0 ? 0 : 1);
}

int enter_start(const struct settings *c, struct entering *e, struct error *err)
{
    __attribute__((cleanup(namespaces_close))) struct namespaces ns = {-EBADF, -EBADF};
    int pair[2];
    int r = open_namespaces(c, &ns, err);

    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_sys(err, errno, "make a socket pair");
    e->pid = fork();
    if (e->pid < 0) {
        r = error_sys(err, errno, "fork");
        close(pair[0]);
        close(pair[1]);
        return r;
    }
    if (e->pid == 0) {
        close(pair[0]);
        child(c, &ns, pair[1]);
    }
    close(pair[1]);
    e->sock = pair[0];
    e->pidfd = c->has_sockets ? sys_pidfd_open(e->pid, 0) : -EBADF;
    return 0;
}

int enter_finish(const struct settings *c, struct entering *e, struct error *err)
{
    struct answer answer;
    int tap = -EBADF, status = 0;
    size_t n_fds = 1;
    ssize_t n = fd_recv(e->sock, &answer, sizeof answer, &tap, &n_fds);

    if (n != sizeof answer || answer.code != 0 || !c->has_sockets) {
        fd_close(&e->sock);
        (void)process_wait(e->pid, &status);
    }
    if (n < 0)
        return error_sys(err, (int)-n, "hear of the container's interface");
    if (n != sizeof answer || (answer.code == 0 && n_fds != 1))
        return error_set(err, EPIPE, "the process that was to make the interface ended without a word");
    if (answer.code == 0)
        return tap;
    answer.text[sizeof answer.text - 1] = answer.hint[sizeof answer.hint - 1] = '\0';
    error_set(err, answer.code, "%s", answer.text);
    if (answer.hint[0])
        error_hint(err, "%s", answer.hint);
    return -answer.code;
}

void enter_end(struct entering *e)
{
    struct pollfd p = {.fd = e->pidfd, .events = POLLIN};

    if (e->pidfd >= 0)
        (void)poll(&p, 1, END_WAIT_MS);
    fd_close(&e->pidfd);
}
