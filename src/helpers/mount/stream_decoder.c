#include "helpers/mount/stream_decoder.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/cleanup.h"

#define INPUT_SIZE (256 * 1024)

/* zlib's words for the largest window: with a gzip header, and without any. */
#define BITS_GZIP (15 + 16)
#define BITS_RAW  (-15)

#define GZIP_TRAILER 8

struct stream_decoder {
    int fd;
    uint64_t in; /* position of the next input to be read */
    unsigned char *input;
    size_t have, used; /* in @input */
    bool input_ended, ended;
    bool (*more)(struct stream_decoder *d, unsigned char *out, size_t room, size_t *n, struct error *err);
    /* gzip */
    z_stream z;
    bool z_open, raw, between; /* raw: without header and trailer; between: members */
    uint64_t out;              /* bytes that came out */
    struct restart *points;
    uint64_t last_point;
    /* zstd */
    ZSTD_DStream *zstd;
    bool in_frame;
};

/* Makes sure that there is input. 1, 0 at its end, or a failure. */
static int fill(struct stream_decoder *d, struct error *err)
{
    if (d->used < d->have)
        return 1;
    ssize_t n;
    do
        n = pread(d->fd, d->input, INPUT_SIZE, (off_t)d->in);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return error_sys(err, errno, "read the archive");
    d->in += (uint64_t)n;
    d->have = (size_t)n;
    d->used = 0;
    return n > 0;
}

/* The position of the next byte that is not used yet. */
static uint64_t position(const struct stream_decoder *d)
{
    return d->in - (d->have - d->used);
}

static bool damaged(const char *what, struct error *err)
{
    error_set(err, EBADMSG, "the archive is damaged (%s)", what);
    return false;
}

static bool cut(const char *what, struct error *err)
{
    error_set(err, EBADMSG, "the archive was cut short: the %s data ends in the middle", what);
    return false;
}

static bool note_point(struct stream_decoder *d, uint32_t bits, bool with_window, struct error *err)
{
    unsigned char window[RESTART_WINDOW] = {0}, found[RESTART_WINDOW];
    struct restart_point p = {.in = position(d), .out = d->out, .bits = bits};
    uInt len = 0;

    if (with_window && inflateGetDictionary(&d->z, found, &len) != Z_OK)
        return damaged("zlib has no dictionary", err);
    memcpy(window + sizeof window - len, found, len);
    p.window = len;
    d->last_point = d->out;
    return restart_add(d->points, &p, window, err) == 0;
}

static bool wants_point(const struct stream_decoder *d)
{
    return d->points && (d->points->n == 0 || d->out - d->last_point >= RESTART_SPACING);
}

/* Between members: another one, zeros until the end, or damage. Returns false at the end or for a failure. */
static bool next_member(struct stream_decoder *d, struct error *err)
{
    int r;

    while ((r = fill(d, err)) > 0 && d->out > 0 && d->input[d->used] == 0)
        d->used++;
    if (r < 0)
        return false;
    if (r == 0) {
        d->ended = true;
        return d->in > 0 || cut("gzip", err);
    }
    if (d->input[d->used] != 0x1f)
        return damaged("bytes behind the gzip data", err);
    if (wants_point(d) && !note_point(d, 0, false, err))
        return false;
    r = d->z_open ? inflateReset2(&d->z, BITS_GZIP) : inflateInit2(&d->z, BITS_GZIP);
    if (r != Z_OK)
        return error_oom(err), false;
    d->z_open = true;
    d->between = d->raw = false;
    return true;
}

static bool skip_trailer(struct stream_decoder *d, struct error *err)
{
    for (size_t left = GZIP_TRAILER; left > 0;) {
        int r = fill(d, err);
        if (r <= 0)
            return r == 0 ? cut("gzip", err) : false;
        size_t n = d->have - d->used < left ? d->have - d->used : left;
        d->used += n;
        left -= n;
    }
    return true;
}

static bool more_gzip(struct stream_decoder *d, unsigned char *out, size_t room, size_t *n, struct error *err)
{
    *n = 0;
    if (d->between)
        return next_member(d, err);
    int r = fill(d, err);
    if (r <= 0)
        return r == 0 ? cut("gzip", err) : false;
    d->z.next_in = d->input + d->used;
    d->z.avail_in = (uInt)(d->have - d->used);
    d->z.next_out = out;
    d->z.avail_out = (uInt)(room < (1u << 30) ? room : 1u << 30);
    uInt before = d->z.avail_out;
    r = inflate(&d->z, d->points ? Z_BLOCK : Z_NO_FLUSH);
    d->used = d->have - d->z.avail_in;
    *n = before - d->z.avail_out;
    d->out += *n;
    if (r == Z_STREAM_END) {
        d->between = true;
        return !d->raw || skip_trailer(d, err);
    }
    if (r == Z_MEM_ERROR)
        return error_oom(err), false;
    if (r != Z_OK && r != Z_BUF_ERROR)
        return damaged(d->z.msg ? d->z.msg : "gzip", err);
    /* At the end of a deflate block that is not the last, with so many bits of the last byte left. */
    if ((d->z.data_type & 0xc0) == 0x80 && wants_point(d) && d->out > 0)
        return note_point(d, (uint32_t)d->z.data_type & 7, true, err);
    return true;
}

static bool more_zstd(struct stream_decoder *d, unsigned char *out, size_t room, size_t *n, struct error *err)
{
    int r = fill(d, err);

    *n = 0;
    if (r < 0)
        return false;
    if (r == 0 && !d->in_frame) {
        d->ended = true;
        return true;
    }
    ZSTD_inBuffer in = {d->input, d->have, d->used};
    ZSTD_outBuffer to = {out, room, 0};
    size_t left = ZSTD_decompressStream(d->zstd, &to, &in);
    if (ZSTD_isError(left))
        return damaged(ZSTD_getErrorName(left), err);
    if (r == 0 && to.pos == 0)
        return cut("zstd", err);
    d->used = in.pos;
    d->in_frame = left != 0;
    *n = to.pos;
    d->out += *n;
    return true;
}

static int make(int fd, struct stream_decoder **out, struct error *err)
{
    _cleanup_stream_decoder_ struct stream_decoder *d = calloc(1, sizeof *d);

    if (!d || !(d->input = malloc(INPUT_SIZE)))
        return error_oom(err);
    d->fd = fd;
    *out = TAKE_PTR(d);
    return 0;
}

int stream_decoder_new(enum compression c, int fd, struct restart *points, struct stream_decoder **out,
                       struct error *err)
{
    _cleanup_stream_decoder_ struct stream_decoder *d = NULL;
    int r = make(fd, &d, err);

    if (r < 0)
        return r;
    if (c == COMPRESSION_GZIP) {
        d->more = more_gzip;
        d->between = true;
        d->points = points;
    } else {
        d->more = more_zstd;
        d->zstd = ZSTD_createDStream();
        if (!d->zstd)
            return error_oom(err);
    }
    *out = TAKE_PTR(d);
    return 0;
}

int stream_decoder_at(int fd, const struct restart_point *point, const unsigned char *window,
                      struct stream_decoder **out, struct error *err)
{
    _cleanup_stream_decoder_ struct stream_decoder *d = NULL;
    int r = make(fd, &d, err);

    if (r < 0)
        return r;
    d->more = more_gzip;
    d->in = point->in;
    d->out = point->out;
    *out = d;
    if (point->window == 0) {
        d->between = true;
        d = NULL;
        return 0;
    }
    d->raw = true;
    if (inflateInit2(&d->z, BITS_RAW) != Z_OK)
        return error_oom(err);
    d->z_open = true;
    if (point->bits) {
        unsigned char byte;
        if (pread(fd, &byte, 1, (off_t)point->in - 1) != 1)
            return error_set(err, EBADMSG, "the archive was cut short");
        if (inflatePrime(&d->z, (int)point->bits, byte >> (8 - point->bits)) != Z_OK)
            return error_set(err, EBADMSG, "a restart point that is none");
    }
    if (inflateSetDictionary(&d->z, window + RESTART_WINDOW - point->window, point->window) != Z_OK)
        return error_set(err, EBADMSG, "a restart point that is none");
    *out = TAKE_PTR(d);
    return 0;
}

void stream_decoder_free(struct stream_decoder *d)
{
    if (!d)
        return;
    if (d->z_open)
        inflateEnd(&d->z);
    ZSTD_freeDStream(d->zstd);
    free(d->input);
    free(d);
}

ssize_t stream_decoder_read(struct stream_decoder *d, void *buf, size_t n, struct error *err)
{
    size_t got = 0;

    while (got < n && !d->ended) {
        size_t k;
        if (!d->more(d, (unsigned char *)buf + got, n - got, &k, err))
            return -EBADMSG;
        got += k;
    }
    return (ssize_t)got;
}
