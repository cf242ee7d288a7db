#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

const char *fd_path(char buf[FD_PATH_MAX], int fd)
{
    snprintf(buf, FD_PATH_MAX, "/proc/self/fd/%d", fd);
    return buf;
}

int fd_write_all(int fd, const void *data, size_t n)
{
    const char *p = data;

    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

ssize_t fd_read_full(int fd, void *data, size_t n)
{
    size_t got = 0;

    while (got < n) {
        ssize_t r = read(fd, (char *)data + got, n - got);
        if (r < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (r == 0)
            break;
        got += (size_t)r;
    }
    return (ssize_t)got;
}

int fd_read_to_end(int fd, size_t max, char **out, size_t *len)
{
    _cleanup_free_ char *data = NULL;
    size_t cap = 0, got = 0;
    struct stat st;

    /* The size of a regular file is a good first guess; procfs says 0. */
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && (size_t)st.st_size <= max)
        cap = (size_t)st.st_size + 2;
    if (cap < 1024)
        cap = 1024;
    for (;;) {
        char *grown = realloc(data, cap);
        if (!grown)
            return -ENOMEM;
        data = grown;
        ssize_t r = fd_read_full(fd, data + got, cap - 1 - got);
        if (r < 0)
            return (int)r;
        got += (size_t)r;
        if (got > max)
            return -EFBIG;
        if (got < cap - 1)
            break;
        cap *= 2;
    }
    data[got] = '\0';
    if (len)
        *len = got;
    *out = TAKE_PTR(data);
    return 0;
}

int fd_send(int sock, const void *data, size_t n, const int *fds, size_t nfds)
{
    union {
        char space[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = n};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t r;

    if (nfds > FD_PASS_MAX || n == 0)
        return -EINVAL;
    if (nfds) {
        msg.msg_control = control.space;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
    }
    do
        r = sendmsg(sock, &msg, MSG_NOSIGNAL);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    /* A stream socket may take less; the descriptors went with the first byte. */
    if ((size_t)r < n)
        return fd_write_all(sock, (const char *)data + r, n - (size_t)r);
    return 0;
}

static ssize_t receive(int sock, int flags, void *data, size_t n, int *fds, size_t *nfds)
{
    union {
        char space[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {.iov_base = data, .iov_len = n};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.space,
                         .msg_controllen = sizeof control.space};
    size_t room = nfds ? *nfds : 0, got = 0;
    bool spilled = false;
    ssize_t r;

    do
        r = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | flags);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (got < room) {
                fds[got++] = fd;
            } else {
                close(fd);
                spilled = true;
            }
        }
    }
    if (spilled || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        for (size_t i = 0; i < got; i++)
            close(fds[i]);
        if (nfds)
            *nfds = 0;
        return -EMSGSIZE;
    }
    if (nfds)
        *nfds = got;
    return r;
}

ssize_t fd_recv(int sock, void *data, size_t n, int *fds, size_t *nfds)
{
    return receive(sock, 0, data, n, fds, nfds);
}

ssize_t fd_recv_now(int sock, void *data, size_t n, int *fds, size_t *nfds)
{
    return receive(sock, MSG_DONTWAIT, data, n, fds, nfds);
}

/* Fills @sa with "/proc/self/fd/DIRFD/NAME", so that the length of the directory's own path does not matter.
 */
static int address_at(struct sockaddr_un *sa, int dirfd, const char *name)
{
    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(sa->sun_path, sizeof sa->sun_path, "/proc/self/fd/%d/%s", dirfd, name);
    return n < 0 || (size_t)n >= sizeof sa->sun_path ? -ENAMETOOLONG : 0;
}

int unix_connect_at(int dirfd, const char *name, int type)
{
    _cleanup_close_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    struct sockaddr_un sa;
    int r;

    if (fd < 0)
        return -errno;
    r = address_at(&sa, dirfd, name);
    if (r < 0)
        return r;
    if (connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0)
        return -errno;
    return TAKE_FD(fd);
}

int unix_connect(const char *path, int type)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    size_t len = strlen(path);

    if (len >= sizeof sa.sun_path) {
        const char *slash = strrchr(path, '/');
        if (!slash)
            return -ENAMETOOLONG;
        _cleanup_free_ char *dir = strndup(path, (size_t)(slash - path) + 1);
        if (!dir)
            return -ENOMEM;
        _cleanup_close_ int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dirfd < 0)
            return -errno;
        return unix_connect_at(dirfd, slash + 1, type);
    }
    _cleanup_close_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    memcpy(sa.sun_path, path, len + 1);
    if (connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0)
        return -errno;
    return TAKE_FD(fd);
}

int unix_bind_at(int dirfd, const char *name, int type, mode_t mode)
{
    _cleanup_close_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    struct sockaddr_un sa;
    int r;

    if (fd < 0)
        return -errno;
    r = address_at(&sa, dirfd, name);
    if (r < 0)
        return r;
    /* The inode takes the socket's mode less the umask, so it is never more open than it is to be, not even
     * for a moment. */
    if (fchmod(fd, mode) < 0 || bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0)
        return -errno;
    if ((mode & 077) && fchmodat(dirfd, name, mode, 0) < 0)
        return -errno;
    return TAKE_FD(fd);
}

int unix_listen_at(int dirfd, const char *name, int type)
{
    _cleanup_close_ int fd = unix_bind_at(dirfd, name, type, 0600);

    if (fd < 0)
        return fd;
    return listen(fd, 4) < 0 ? -errno : TAKE_FD(fd);
}

int fd_move_above(int fd, int min)
{
    int moved;

    if (fd >= min)
        return fd;
    moved = fcntl(fd, F_DUPFD_CLOEXEC, min);
    if (moved < 0)
        return -errno;
    close(fd);
    return moved;
}

int fd_set_cloexec(int fd, int on)
{
    return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

int fd_set_nonblock(int fd, int on)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return -errno;
    flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}
