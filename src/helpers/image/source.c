#include "helpers/image/source.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "helpers/image/interrupt.h"

/* How long a reader of a pipe sleeps before it looks whether it is still wanted. */
#define STOP_CHECK_MS 100

/* read(2) that a stop ends even while a pipe is silent. */
static ssize_t read_some(struct source *s, void *buf, size_t n)
{
    for (;;) {
        if (s->stop || interrupted())
            return -ECANCELED;
        if (!s->regular) {
            struct pollfd p = {.fd = s->fd, .events = POLLIN};
            int r = poll(&p, 1, STOP_CHECK_MS);
            if (r == 0 || (r < 0 && errno == EINTR))
                continue;
        }
        ssize_t got = read(s->fd, buf, n);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got < 0)
            return -errno;
        s->read += (uint64_t)got;
        if (s->digest)
            sha256_update(s->digest, (size_t)got, buf);
        return got;
    }
}

int source_open(struct source *s, int fd, struct sha256_ctx *digest, struct error *err)
{
    struct stat st;

    *s = (struct source){.fd = fd, .digest = digest};
    if (fstat(fd, &st) < 0)
        return error_sys(err, errno, "read the archive");
    if (S_ISDIR(st.st_mode))
        return error_set(err, EISDIR, "this is a directory, not an archive");
    s->regular = S_ISREG(st.st_mode);
    s->total = s->regular ? (uint64_t)st.st_size : 0;
    s->head = malloc(SOURCE_HEAD);
    if (!s->head)
        return error_oom(err);
    while (s->head_len < SOURCE_HEAD) {
        ssize_t n = read_some(s, s->head + s->head_len, SOURCE_HEAD - s->head_len);
        if (n == -ECANCELED)
            return error_set(err, EINTR, "interrupted");
        if (n < 0)
            return error_sys(err, (int)-n, "read the archive");
        if (n == 0)
            break;
        s->head_len += (size_t)n;
    }
    return 0;
}

void source_free(struct source *s)
{
    free(s->head);
    s->head = NULL;
}

ssize_t source_read(struct source *s, void *buf, size_t n)
{
    size_t left = s->head_len - s->head_pos;

    if (left == 0)
        return read_some(s, buf, n);
    if (n > left)
        n = left;
    memcpy(buf, s->head + s->head_pos, n);
    s->head_pos += n;
    return (ssize_t)n;
}
