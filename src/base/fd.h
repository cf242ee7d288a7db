/*
 * Descriptors: whole reads and writes, passing them between processes, sealed copies.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* "/proc/self/fd/N" for the calls that take only a path. The buffer lives in the enclosing block. */
#define FD_PATH_MAX 32
const char *fd_path(char buf[FD_PATH_MAX], int fd);

/* Writes all @n bytes, over short writes and EINTR. Returns 0 or -errno. */
int fd_write_all(int fd, const void *data, size_t n);

/* Reads up to @n bytes until end of file, over short reads and EINTR. Returns the count or -errno. */
ssize_t fd_read_full(int fd, void *data, size_t n);

/* Reads to the end of file, at most @max bytes (-EFBIG above it). The content is NUL-terminated; *len (may be
 * NULL) does not count that NUL. The caller frees *out. Returns 0 or -errno. */
int fd_read_to_end(int fd, size_t max, char **out, size_t *len);

/* Sends one message of @n bytes (at least 1) with @nfds descriptors (at most FD_PASS_MAX) over a unix socket.
 * MSG_NOSIGNAL; retries EINTR. Returns 0 or -errno. */
#define FD_PASS_MAX 4
int fd_send(int sock, const void *data, size_t n, const int *fds, size_t nfds);

/* Receives one message (of at most @n bytes; a longer one is -EMSGSIZE) and its descriptors, all O_CLOEXEC.
 * *nfds: in, room in @fds; out, how many came; more than fit are closed and -EMSGSIZE is returned. Returns
 * the byte count (0: the peer closed) or -errno. The caller owns the descriptors. */
ssize_t fd_recv(int sock, void *data, size_t n, int *fds, size_t *nfds);
/* The same, but -EAGAIN when no message is there yet. */
ssize_t fd_recv_now(int sock, void *data, size_t n, int *fds, size_t *nfds);

/* Connects a unix socket of @type (SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM) to @path, of any length (above
 * 107 bytes through the directory's descriptor). Returns the O_CLOEXEC socket or -errno. */
int unix_connect(const char *path, int type);
/* Binds a socket at @name (one component) in directory @dirfd, with this mode whatever the umask. Returns the
 * socket or -errno. */
int unix_bind_at(int dirfd, const char *name, int type, mode_t mode);
/* Binds and listens at @name (one component) in directory @dirfd, mode 0600. Returns the socket or -errno. */
int unix_listen_at(int dirfd, const char *name, int type);
/* Connects to @name in directory @dirfd. Returns the socket or -errno. */
int unix_connect_at(int dirfd, const char *name, int type);

/* Moves @fd to a number of at least @min, O_CLOEXEC; closes the old one. Returns the new one or -errno. */
int fd_move_above(int fd, int min);

/* Sets or clears O_CLOEXEC / O_NONBLOCK. Return 0 or -errno. */
int fd_set_cloexec(int fd, int on);
int fd_set_nonblock(int fd, int on);
