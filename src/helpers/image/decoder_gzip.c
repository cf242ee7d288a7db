/*
 * gzip (RFC 1952) by zlib, which compares length and check sum at the end of each member. Members may follow
 * each other
 * (`cat a.gz b.gz`); behind the last one zero bytes are padding and anything else is damage.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "helpers/image/decoder.h"

#define INPUT_SIZE (128 * 1024)

/* zlib: the largest window, and 16 for the gzip header instead of its own. */
#define WINDOW_GZIP (15 + 16)

struct gzip {
    struct decoder base;
    struct source *source;
    z_stream z;
    bool member_done, ended;
    unsigned char input[INPUT_SIZE];
};

/* Makes sure that there is input. Returns 1, 0 at the end of the source, or -errno. */
static int fill(struct gzip *g, struct error *err)
{
    if (g->z.avail_in > 0)
        return 1;
    ssize_t n = source_read(g->source, g->input, INPUT_SIZE);
    if (n < 0)
        return error_sys(err, (int)-n, "read the archive");
    g->z.next_in = g->input;
    g->z.avail_in = (uInt)n;
    return n > 0;
}

/* Behind a member: the next member (1), padding until the end (0), or damage. */
static int next_member(struct gzip *g, struct error *err)
{
    int r;

    while ((r = fill(g, err)) > 0) {
        if (*g->z.next_in == 0x1f) {
            if (inflateReset(&g->z) != Z_OK)
                return error_set(err, EBADMSG, "gzip: the next member cannot be read");
            g->member_done = false;
            return 1;
        }
        if (*g->z.next_in != 0)
            return error_set(err, EBADMSG, "gzip: data behind the end that is not gzip");
        g->z.next_in++;
        g->z.avail_in--;
    }
    return r;
}

static int inflate_some(struct gzip *g, struct error *err)
{
    int r = g->member_done ? next_member(g, err) : fill(g, err);

    if (r < 0)
        return r;
    if (r == 0 && g->member_done) {
        g->ended = true;
        return 0;
    }
    if (r == 0)
        return error_set(err, EBADMSG, "gzip: the data ends too early, the file was cut short");
    switch (inflate(&g->z, Z_NO_FLUSH)) {
    case Z_OK:
    case Z_BUF_ERROR:
        return 0;
    case Z_STREAM_END:
        g->member_done = true;
        return 0;
    case Z_MEM_ERROR:
        return error_oom(err);
    default:
        return error_set(err, EBADMSG, "gzip: the data is damaged (%s)",
                         g->z.msg ? g->z.msg : "unknown error");
    }
}

static ssize_t gzip_read(struct decoder *d, void *buf, size_t n, struct error *err)
{
    struct gzip *g = (struct gzip *)d;

    if (n > INT_MAX)
        n = INT_MAX;
    g->z.next_out = buf;
    g->z.avail_out = (uInt)n;
    while (g->z.avail_out > 0 && !g->ended) {
        int r = inflate_some(g, err);
        if (r < 0)
            return r;
    }
    return (ssize_t)(n - g->z.avail_out);
}

static void gzip_free(struct decoder *d)
{
    struct gzip *g = (struct gzip *)d;

    inflateEnd(&g->z);
    free(g);
}

int decoder_gzip(struct source *source, struct decoder **out, struct error *err)
{
    struct gzip *g = calloc(1, sizeof *g);

    if (!g)
        return error_oom(err);
    g->base = (struct decoder){.read = gzip_read, .free = gzip_free};
    g->source = source;
    if (inflateInit2(&g->z, WINDOW_GZIP) != Z_OK) {
        free(g);
        return error_oom(err);
    }
    *out = &g->base;
    return 0;
}
