/*
 * The other end of --console-socket. The first line of the output is what was sent beside the descriptor.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe.h"

/* A path may be longer than an address holds: the socket is made by its name alone, in its directory. */
static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *slash = strrchr(path, '/');
    char dir[4096];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (slash) {
        snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
        if (chdir(dir) < 0)
            return -1;
        path = slash + 1;
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0)
        return -1;
    return accept4(fd, NULL, NULL, SOCK_CLOEXEC);
}

static int receive(int fd)
{
    char payload[256], control[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {payload, sizeof payload - 1};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    int master;

    if (!c || c->cmsg_type != SCM_RIGHTS)
        return -1;
    memcpy(&master, CMSG_DATA(c), sizeof master);
    payload[n] = '\0';
    printf("%s\n", payload);
    fflush(stdout);
    return master;
}

int take_console(const char *path)
{
    char buffer[4096];
    ssize_t n;

    /* A test that fails before the runtime comes leaves nobody. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = listen_at(path), master = fd >= 0 ? receive(fd) : -1;

    if (master < 0)
        return 1;
    while ((n = read(master, buffer, sizeof buffer)) > 0)
        if (write(STDOUT_FILENO, buffer, (size_t)n) < 0)
            return 1;
    return 0;
}
