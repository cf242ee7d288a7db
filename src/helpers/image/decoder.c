#include "helpers/image/decoder.h"

#include <errno.h>
#include <stdlib.h>

struct plain {
    struct decoder base;
    struct source *source;
};

static ssize_t plain_read(struct decoder *d, void *buf, size_t n, struct error *err)
{
    struct plain *p = (struct plain *)d;
    size_t have = 0;

    while (have < n) {
        ssize_t got = source_read(p->source, (char *)buf + have, n - have);
        if (got < 0)
            return error_sys(err, (int)-got, "read the archive");
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

static void plain_free(struct decoder *d)
{
    free(d);
}

int decoder_open(enum compression c, struct source *source, struct decoder **out, struct error *err)
{
    if (c == COMPRESSION_GZIP)
        return decoder_gzip(source, out, err);
    if (c != COMPRESSION_NONE)
        return decoder_filter(c, source, out, err);

    struct plain *p = calloc(1, sizeof *p);
    if (!p)
        return error_oom(err);
    *p = (struct plain){.base = {.read = plain_read, .free = plain_free}, .source = source};
    *out = &p->base;
    return 0;
}
