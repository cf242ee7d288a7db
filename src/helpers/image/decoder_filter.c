/*
 * bzip2, xz, zstd and lz4 by the filters of libarchive, read through its "raw" format: the whole stream as
 * the data of one entry. These filters compare check sums (lz4 and zstd where the file has them).
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "helpers/image/decoder.h"

#define INPUT_SIZE (128 * 1024)

struct filter {
    struct decoder base;
    struct source *source;
    struct archive *archive;
    const char *name;
    int code;     /* ARCHIVE_FILTER_* that must be in use */
    bool started; /* the first bytes were decompressed */
    bool empty;
    int failure; /* errno of the source, 0 */
    char input[INPUT_SIZE];
};

static const struct {
    enum compression is;
    int code;
    int (*enable)(struct archive *);
} filters[] = {
    {COMPRESSION_BZIP2, ARCHIVE_FILTER_BZIP2, archive_read_support_filter_bzip2},
    {COMPRESSION_XZ, ARCHIVE_FILTER_XZ, archive_read_support_filter_xz},
    {COMPRESSION_ZSTD, ARCHIVE_FILTER_ZSTD, archive_read_support_filter_zstd},
    {COMPRESSION_LZ4, ARCHIVE_FILTER_LZ4, archive_read_support_filter_lz4},
};

static la_ssize_t read_input(struct archive *a, void *data, const void **block)
{
    struct filter *f = data;
    ssize_t n = source_read(f->source, f->input, INPUT_SIZE);

    if (n < 0) {
        f->failure = (int)-n;
        archive_set_error(a, f->failure, "read error");
        return -1;
    }
    *block = f->input;
    return n;
}

static int failed(struct filter *f, struct error *err)
{
    if (f->failure)
        return error_sys(err, f->failure, "read the archive");
    if (archive_errno(f->archive) == ENOMEM)
        return error_oom(err);
    _cleanup_free_ char *why =
        str_quote(archive_error_string(f->archive) ? archive_error_string(f->archive) : "unknown error", 200);
    return error_set(err, EBADMSG, "%s: the data is damaged or was cut short (%s)", f->name, why ? why : "");
}

static int start(struct filter *f, struct error *err)
{
    struct archive_entry *entry;

    f->started = true;
    if (archive_read_open(f->archive, f, NULL, read_input, NULL) != ARCHIVE_OK)
        return failed(f, err);
    int r = archive_read_next_header(f->archive, &entry);
    if (r == ARCHIVE_EOF)
        f->empty = true;
    else if (r != ARCHIVE_OK)
        return failed(f, err);
    /* A header that no filter took passes as it is. */
    if (archive_filter_code(f->archive, 0) != f->code)
        return error_set(err, EBADMSG, "%s: the data is damaged (the first bytes do not make sense)",
                         f->name);
    return 0;
}

static ssize_t filter_read(struct decoder *d, void *buf, size_t n, struct error *err)
{
    struct filter *f = (struct filter *)d;
    int r = f->started ? 0 : start(f, err);

    if (r < 0 || f->empty)
        return r;
    la_ssize_t got = archive_read_data(f->archive, buf, n);
    return got < 0 ? failed(f, err) : got;
}

static void filter_free(struct decoder *d)
{
    struct filter *f = (struct filter *)d;

    archive_read_free(f->archive);
    free(f);
}

int decoder_filter(enum compression c, struct source *source, struct decoder **out, struct error *err)
{
    struct filter *f = calloc(1, sizeof *f);
    _cleanup_decoder_ struct decoder *owner = f ? &f->base : NULL;
    int enabled = ARCHIVE_FATAL;

    if (!f)
        return error_oom(err);
    f->base = (struct decoder){.read = filter_read, .free = filter_free};
    f->source = source;
    f->name = compression_name(c);
    f->archive = archive_read_new();
    if (!f->archive)
        return error_oom(err);
    for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
        if (filters[i].is != c)
            continue;
        f->code = filters[i].code;
        enabled = filters[i].enable(f->archive);
    }
    /* ARCHIVE_WARN: libarchive would run an external program. */
    if (enabled != ARCHIVE_OK) {
        error_set(err, ENOTSUP, "the archive is %s compressed, which libarchive on this machine cannot read",
                  f->name);
        error_hint(err, "decompress it first: `%s -d`", f->name);
        return -ENOTSUP;
    }
    archive_read_support_format_raw(f->archive);
    archive_read_support_format_empty(f->archive);
    *out = TAKE_PTR(owner);
    return 0;
}
