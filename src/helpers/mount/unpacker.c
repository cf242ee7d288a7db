#include "helpers/mount/unpacker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "helpers/image/limits.h"
#include "helpers/mount/stream_decoder.h"

#define CHUNK  (1u << 20)
#define CHUNKS 3 /* one is decoded, one written, one waits */

enum piece_state { PIECE_ABSENT, PIECE_BUSY, PIECE_READY, PIECE_BROKEN };

struct unpacker {
    enum compression compression;
    int archive, spool;
    struct limits limits;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* anything below */
    /* the pass from front to back: one thread decodes, another writes */
    pthread_t decoding, writing;
    bool started, stop, decoded_all, ended;
    struct {
        char *data;
        size_t len;
        bool full;
    } chunk[CHUNKS];
    uint64_t done; /* bytes in the spool */
    struct error failure;
    struct restart points; /* being made */
    /* pieces by restart points */
    const struct restart *restart;
    unsigned char *piece; /* enum piece_state, one for each point */
};

int unpacker_new(enum compression c, int archive, int spool, uint64_t max_bytes, struct unpacker **out,
                 struct error *err)
{
    if (c != COMPRESSION_GZIP && c != COMPRESSION_ZSTD) {
        error_set(err, ENOTSUP, "%s compression can't be read from the middle", compression_name(c));
        error_hint(err,
                   "plain, gzip and zstd archives run without being unpacked; --lazy never unpacks this one");
        return -ENOTSUP;
    }
    struct unpacker *u = calloc(1, sizeof *u);
    if (!u)
        return error_oom(err);
    u->compression = c;
    u->archive = archive;
    u->spool = spool;
    u->limits.max_bytes = max_bytes;
    pthread_mutex_init(&u->lock, NULL);
    pthread_cond_init(&u->changed, NULL);
    *out = u;
    return 0;
}

static void fail(struct unpacker *u, struct error *err)
{
    pthread_mutex_lock(&u->lock);
    if (!u->failure.code)
        error_move(&u->failure, err);
    u->ended = true;
    pthread_cond_broadcast(&u->changed);
    pthread_mutex_unlock(&u->lock);
}

/* Waits until chunk @i is @full or not. False: to stop. */
static bool wait_for_chunk(struct unpacker *u, size_t i, bool full)
{
    pthread_mutex_lock(&u->lock);
    while (u->chunk[i].full != full && !u->stop && !u->ended && !(full && u->decoded_all))
        pthread_cond_wait(&u->changed, &u->lock);
    bool go_on = u->chunk[i].full == full && !u->stop && !u->ended;
    pthread_mutex_unlock(&u->lock);
    return go_on;
}

static void set_chunk(struct unpacker *u, size_t i, bool full, uint64_t written)
{
    pthread_mutex_lock(&u->lock);
    u->chunk[i].full = full;
    u->done += written;
    pthread_cond_broadcast(&u->changed);
    pthread_mutex_unlock(&u->lock);
}

static void finish(struct unpacker *u, bool *what)
{
    pthread_mutex_lock(&u->lock);
    *what = true;
    pthread_cond_broadcast(&u->changed);
    pthread_mutex_unlock(&u->lock);
}

static void *decode(void *data)
{
    struct unpacker *u = data;
    _cleanup_stream_decoder_ struct stream_decoder *d = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    uint64_t total = 0;
    int r = stream_decoder_new(u->compression, u->archive, u->restart ? NULL : &u->points, &d, &err);

    for (size_t i = 0; r == 0 && wait_for_chunk(u, i, false); i = (i + 1) % CHUNKS) {
        ssize_t n = stream_decoder_read(d, u->chunk[i].data, CHUNK, &err);
        if (n > 0 && (r = limits_stream(&u->limits, total += (uint64_t)n, &err)) < 0)
            break;
        if (n < 0)
            r = (int)n;
        if (n <= 0)
            break;
        u->chunk[i].len = (size_t)n;
        set_chunk(u, i, true, 0);
    }
    if (r < 0)
        fail(u, &err);
    finish(u, &u->decoded_all);
    return NULL;
}

static int write_at(int fd, const char *data, size_t len, uint64_t offset)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, data, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

static int no_room(int code, struct error *err)
{
    error_sys(err, code, "write the decompressed archive");
    if (code == ENOSPC || code == EDQUOT)
        error_hint(err,
                   "the file system of the cache is full: free space there, or name another cache directory "
                   "(XDG_CACHE_HOME)");
    return -code;
}

static void *write_out(void *data)
{
    struct unpacker *u = data;
    _cleanup_error_ struct error err = ERROR_INIT;

    for (size_t i = 0; wait_for_chunk(u, i, true); i = (i + 1) % CHUNKS) {
        int r = write_at(u->spool, u->chunk[i].data, u->chunk[i].len, u->done);
        if (r < 0) {
            no_room(-r, &err);
            fail(u, &err);
            return NULL;
        }
        set_chunk(u, i, false, u->chunk[i].len);
    }
    finish(u, &u->ended);
    return NULL;
}

static int start(struct unpacker *u, struct error *err)
{
    for (size_t i = 0; i < CHUNKS; i++)
        if (!u->chunk[i].data && !(u->chunk[i].data = malloc(CHUNK)))
            return error_oom(err);
    int r = pthread_create(&u->decoding, NULL, decode, u);
    if (r != 0)
        return error_sys(err, r, "start a thread");
    r = pthread_create(&u->writing, NULL, write_out, u);
    if (r != 0) {
        finish(u, &u->stop);
        pthread_join(u->decoding, NULL);
        return error_sys(err, r, "start a thread");
    }
    u->started = true;
    return 0;
}

static void end(struct unpacker *u)
{
    if (u->started) {
        pthread_join(u->decoding, NULL);
        pthread_join(u->writing, NULL);
    }
    u->started = false;
    for (size_t i = 0; i < CHUNKS; i++) {
        free(u->chunk[i].data);
        u->chunk[i].data = NULL;
    }
}

void unpacker_free(struct unpacker *u)
{
    if (!u)
        return;
    finish(u, &u->stop);
    end(u);
    pthread_mutex_destroy(&u->lock);
    pthread_cond_destroy(&u->changed);
    error_clear(&u->failure);
    restart_free(&u->points);
    free(u->piece);
    free(u);
}

int unpacker_wait(struct unpacker *u, uint64_t offset, uint64_t *size, struct error *err)
{
    int r = u->started || u->ended ? 0 : start(u, err);

    if (r < 0)
        return r;
    pthread_mutex_lock(&u->lock);
    while (u->done < offset && !u->ended)
        pthread_cond_wait(&u->changed, &u->lock);
    if (u->done < offset && u->failure.code) {
        r = -u->failure.code;
        error_set(err, u->failure.code, "%s", error_text(&u->failure));
        if (u->failure.hint)
            error_hint(err, "%s", u->failure.hint);
    }
    *size = u->done;
    pthread_mutex_unlock(&u->lock);
    return r;
}

int unpacker_finish(struct unpacker *u, struct restart *restart, struct error *err)
{
    uint64_t size;
    int r = unpacker_wait(u, UINT64_MAX, &size, err);

    if (r < 0)
        return r;
    end(u);
    *restart = u->points;
    restart->size = size;
    u->points = (struct restart){0};
    return 0;
}

int unpacker_resume(struct unpacker *u, const struct restart *restart, struct error *err)
{
    u->restart = restart;
    if (restart->n == 0)
        return start(u, err);
    u->piece = calloc(restart->n, 1);
    return u->piece ? 0 : error_oom(err);
}

/* Decompresses the piece behind point @i. */
static int fetch(struct unpacker *u, uint32_t i)
{
    const struct restart *r = u->restart;
    uint64_t at = r->point[i].out, to = i + 1 < r->n ? r->point[i + 1].out : r->size;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_stream_decoder_ struct stream_decoder *d = NULL;
    _cleanup_free_ char *buf = malloc(CHUNK);

    if (!buf ||
        stream_decoder_at(u->archive, &r->point[i], r->windows + (size_t)i * RESTART_WINDOW, &d, &err) < 0)
        return -EIO;
    while (at < to) {
        size_t want = to - at < CHUNK ? (size_t)(to - at) : CHUNK;
        ssize_t n = stream_decoder_read(d, buf, want, &err);
        if (n != (ssize_t)want || write_at(u->spool, buf, want, at) < 0)
            return -EIO;
        at += want;
    }
    return 0;
}

/* The last point at or before @offset. */
static uint32_t point_before(const struct restart *r, uint64_t offset)
{
    uint32_t low = 0, high = r->n;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (r->point[middle].out <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* One thread fetches a piece, others that want it wait. Called and left with the lock held. */
static int need_piece(struct unpacker *u, uint32_t i)
{
    while (u->piece[i] == PIECE_BUSY)
        pthread_cond_wait(&u->changed, &u->lock);
    if (u->piece[i] == PIECE_ABSENT) {
        u->piece[i] = PIECE_BUSY;
        pthread_mutex_unlock(&u->lock);
        int r = fetch(u, i);
        pthread_mutex_lock(&u->lock);
        u->piece[i] = r < 0 ? PIECE_BROKEN : PIECE_READY;
        pthread_cond_broadcast(&u->changed);
    }
    return u->piece[i] == PIECE_READY ? 0 : -EIO;
}

int unpacker_need(struct unpacker *u, uint64_t offset, uint64_t len)
{
    int r = 0;

    pthread_mutex_lock(&u->lock);
    if (u->piece) {
        for (uint32_t i = point_before(u->restart, offset);
             r == 0 && i < u->restart->n && u->restart->point[i].out < offset + len; i++)
            r = need_piece(u, i);
    } else {
        while (u->done < offset + len && !u->ended)
            pthread_cond_wait(&u->changed, &u->lock);
        r = u->done < offset + len ? -EIO : 0;
    }
    pthread_mutex_unlock(&u->lock);
    return r;
}
