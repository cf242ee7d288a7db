/*
 * The doctor's rows about networks of containers.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "net/helper.h"
#include "sandbox/check_internal.h"

void check_net_helper(struct check_context *c, struct check_row *row)
{
    const struct net_spec slirp = {.kind = NET_SLIRP};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)c;
    if (net_helper_check(&slirp, &err) == 0)
        check_set(row, CHECK_OK, "found");
    else
        check_set_error(row, CHECK_INFO, "no network of its own for a container (--net slirp)", &err);
}

/* libslirp sends echo requests through a socket that the kernel gives to some groups only. */
void check_ping(struct check_context *c, struct check_row *row)
{
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);

    (void)c;
    if (fd >= 0) {
        check_set(row, CHECK_OK, "echo requests may be sent");
        return;
    }
    check_set(row, CHECK_INFO, "echo requests may not be sent (%s)", errno_name(errno));
    check_mend(row, "no ping from a container with --net slirp",
               "sudo sysctl -w net.ipv4.ping_group_range='0 2147483647'");
}
