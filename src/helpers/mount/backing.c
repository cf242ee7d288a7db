#include "helpers/mount/backing.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "helpers/mount/tar_header.h"
#include "helpers/mount/unpacker.h"

/* So much behind the end marker is looked at; a plain archive may have gigabytes there. */
#define TRAILING_MAX (1u << 20)

#define HEAD_LEN 16

/* Up to @n bytes of @fd, over short reads. Returns the count or -errno. */
static ssize_t read_at(int fd, void *buf, size_t n, uint64_t offset)
{
    size_t got = 0;

    while (got < n) {
        ssize_t k = pread(fd, (char *)buf + got, n - got, (off_t)(offset + got));
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -errno;
        if (k == 0)
            break;
        got += (size_t)k;
    }
    return (ssize_t)got;
}

static int map(struct backing *b, int fd, uint64_t size, struct error *err)
{
    void *at;

    b->size = size;
    if (size == 0)
        return 0;
    if (size > SIZE_MAX / 2)
        return error_set(err, EFBIG, "the archive is larger than this machine's addresses");
    at = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return error_sys(err, errno, "map the archive");
    b->map = at;
    return 0;
}

int backing_open(struct backing *b, int archive, int spool, uint64_t max_bytes, struct error *err)
{
    unsigned char head[HEAD_LEN];
    struct stat st;

    *b = (struct backing){.archive = archive, .spool = spool};
    if (fstat(archive, &st) < 0)
        return error_sys(err, errno, "read the archive");
    if (!S_ISREG(st.st_mode))
        return error_set(err, EINVAL, "only a regular file can be run without being unpacked");
    b->archive_size = (uint64_t)st.st_size;
    ssize_t n = read_at(archive, head, sizeof head, 0);
    if (n < 0)
        return error_sys(err, (int)-n, "read the archive");
    b->compression = sniff_compression(head, (size_t)n);
    if (b->compression == COMPRESSION_NONE)
        return map(b, archive, b->archive_size, err);
    return unpacker_new(b->compression, archive, spool, max_bytes, &b->unpacker, err);
}

void backing_close(struct backing *b)
{
    if (b->map)
        munmap((void *)b->map, (size_t)b->size);
    unpacker_free(b->unpacker);
    *b = (struct backing){.archive = -EBADF, .spool = -EBADF};
}

ssize_t backing_read(void *backing, void *buf, size_t n, uint64_t offset, struct error *err)
{
    struct backing *b = backing;
    uint64_t size = b->archive_size;

    if (b->unpacker) {
        int r = unpacker_wait(b->unpacker, offset > UINT64_MAX - n ? UINT64_MAX : offset + n, &size, err);
        if (r < 0)
            return r;
    }
    if (offset >= size)
        return 0;
    if (n > size - offset)
        n = (size_t)(size - offset);
    ssize_t got = read_at(b->unpacker ? b->spool : b->archive, buf, n, offset);
    return got < 0 ? error_sys(err, (int)-got, "read the archive") : got;
}

int backing_finish(struct backing *b, uint64_t end, struct restart *restart, bool *trailing,
                   struct error *err)
{
    char block[TAR_BLOCK * 8];

    *trailing = false;
    if (b->unpacker) {
        uint64_t size;
        int r = unpacker_finish(b->unpacker, restart, err);
        if (r == 0)
            r = unpacker_wait(b->unpacker, UINT64_MAX, &size, err);
        if (r == 0)
            r = map(b, b->spool, size, err);
        if (r < 0)
            return r;
        restart->size = size;
    }
    for (uint64_t at = end; at < b->size && at - end < TRAILING_MAX && !*trailing; at += sizeof block) {
        ssize_t n = backing_read(b, block, sizeof block, at, err);
        if (n < 0)
            return (int)n;
        for (ssize_t i = 0; i < n; i++)
            *trailing = *trailing || block[i];
    }
    return 0;
}

int backing_resume(struct backing *b, const struct restart *restart, struct error *err)
{
    if (!b->unpacker)
        return 0;
    if (ftruncate(b->spool, (off_t)restart->size) < 0)
        return error_sys(err, errno, "make room for the archive's content");
    int r = map(b, b->spool, restart->size, err);
    return r < 0 ? r : unpacker_resume(b->unpacker, restart, err);
}

int backing_need(struct backing *b, uint64_t offset, uint64_t len)
{
    return b->unpacker ? unpacker_need(b->unpacker, offset, len) : 0;
}

int backing_copy(struct backing *b, void *buf, size_t n, uint64_t offset)
{
    int r = backing_need(b, offset, n);

    if (r < 0)
        return r;
    ssize_t got = read_at(b->unpacker ? b->spool : b->archive, buf, n, offset);
    return got == (ssize_t)n ? 0 : -EIO;
}
