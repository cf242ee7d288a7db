#include "helpers/image/reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "helpers/image/carried.h"
#include "helpers/image/source.h"

#define TAR_BLOCK 512

struct reader {
    struct archive *archive;
    struct stream *stream;
    const struct limits *limits;
    struct warnings *warnings;
    struct error failure;       /* of the stream, met inside libarchive's call */
    bool opened, any;           /* any: at least one header was read */
    const unsigned char *block; /* the block that libarchive has */
    size_t block_len;
    uint64_t block_end;              /* its end, counted from the beginning of the stream */
    unsigned char head[SOURCE_HEAD]; /* the beginning, decompressed */
    size_t head_len;
    char *config; /* what the archive carries; owned; NULL: nothing */
};

/* The next block of the stream, counted against the limit. Returns as stream_next. */
static ssize_t take_block(struct reader *r, struct error *err)
{
    const void *block;
    ssize_t n = stream_next(r->stream, &block, err);

    if (n <= 0)
        return n;
    r->block = block;
    r->block_len = (size_t)n;
    r->block_end += (uint64_t)n;
    int k = limits_stream(r->limits, r->block_end, err);
    return k < 0 ? k : n;
}

static la_ssize_t read_block(struct archive *a, void *data, const void **block)
{
    struct reader *r = data;
    ssize_t n = take_block(r, &r->failure);

    if (n < 0) {
        archive_set_error(a, (int)-n, "%s", error_text(&r->failure));
        return -1;
    }
    if (r->block_end == (uint64_t)n && n > 0) {
        r->head_len = (size_t)n < sizeof r->head ? (size_t)n : sizeof r->head;
        memcpy(r->head, r->block, r->head_len);
        r->config = carried_find(r->block, r->block_len);
    }
    *block = r->block;
    return n;
}

int reader_open(struct stream *stream, const struct limits *limits, struct warnings *warnings,
                struct reader **out, struct error *err)
{
    _cleanup_reader_ struct reader *r = calloc(1, sizeof *r);

    if (!r)
        return error_oom(err);
    r->stream = stream;
    r->limits = limits;
    r->warnings = warnings;
    r->archive = archive_read_new();
    if (!r->archive || archive_read_support_format_tar(r->archive) != ARCHIVE_OK ||
        archive_read_support_format_empty(r->archive) != ARCHIVE_OK)
        return error_oom(err);
    *out = TAKE_PTR(r);
    return 0;
}

void reader_free(struct reader *r)
{
    if (!r)
        return;
    if (r->archive)
        archive_read_free(r->archive);
    error_clear(&r->failure);
    free(r->config);
    free(r);
}

const char *reader_config(const struct reader *r)
{
    return r->config;
}

/* No tar header at the very beginning: tells what there is instead. */
static int not_an_archive(struct reader *r, struct error *err)
{
    enum compression c = stream_compression(r->stream);
    const char *kind = sniff_kind(r->head, r->head_len);

    error_set(err, ENOEXEC,
              "not an archive bryo can read (tar, optionally gzip, bzip2, xz, zstd or lz4 compressed)");
    if (c == COMPRESSION_NONE && kind)
        error_hint(err, "it looks like %s", kind);
    else if (c != COMPRESSION_NONE)
        error_hint(err, "it is %s compressed, and what is inside looks like %s", compression_name(c),
                   kind ? kind : "nothing that bryo knows");
    return -ENOEXEC;
}

/* What libarchive met; a failure of the stream below it comes first. */
static int failed(struct reader *r, struct error *err)
{
    const char *why = archive_error_string(r->archive);

    if (r->failure.code) {
        int code = r->failure.code;
        error_move(err, &r->failure);
        return -code;
    }
    if (archive_errno(r->archive) == ENOMEM)
        return error_oom(err);
    /* No format took it; all other failures come from inside the tar format. */
    if (!r->any && why && strstr(why, "Unrecognized archive format"))
        return not_an_archive(r, err);
    _cleanup_free_ char *text = str_quote(why ? why : "unknown error", 200);
    if (text)
        text[0] = (char)tolower((unsigned char)text[0]);
    error_set(err, EBADMSG, "the archive is damaged or was cut short (%s)", text ? text : "");
    return -EBADMSG;
}

/* libarchive complains of every name that is not ASCII, which we want to have as it is. */
static void header_warning(struct reader *r, struct archive_entry *entry)
{
    const char *why = archive_error_string(r->archive), *name = archive_entry_pathname(entry);

    if (why && strstr(why, "can't be converted"))
        return;
    _cleanup_free_ char *text = str_quote(why ? why : "", 200);
    warnings_add(r->warnings, WARNING_HEADER, name ? name : "", text);
}

int reader_next(struct reader *r, struct archive_entry **entry, struct error *err)
{
    int k = ARCHIVE_OK;

    if (!r->opened)
        k = archive_read_open(r->archive, r, NULL, read_block, NULL);
    r->opened = true;
    if (k == ARCHIVE_OK)
        k = archive_read_next_header(r->archive, entry);
    if (k == ARCHIVE_EOF && r->block_end == 0)
        return not_an_archive(r, err);
    if (k == ARCHIVE_EOF)
        return 0;
    if (k != ARCHIVE_OK && k != ARCHIVE_WARN)
        return failed(r, err);
    if (k == ARCHIVE_WARN)
        header_warning(r, *entry);
    r->any = true;
    return 1;
}

int reader_data(struct reader *r, const void **data, size_t *len, uint64_t *offset, struct error *err)
{
    la_int64_t at = 0;
    int k = archive_read_data_block(r->archive, data, len, &at);

    if (k == ARCHIVE_EOF)
        return 0;
    if (k != ARCHIVE_OK && k != ARCHIVE_WARN)
        return failed(r, err);
    if (at < 0)
        return error_set(err, EBADMSG, "the archive is damaged: data at a negative offset");
    *offset = (uint64_t)at;
    return 1;
}

static bool all_zero(const unsigned char *p, size_t n)
{
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

int reader_finish(struct reader *r, struct error *err)
{
    uint64_t end = (uint64_t)archive_read_header_position(r->archive) + TAR_BLOCK;
    bool trailing = false;
    ssize_t n;

    /* Where the last header was looked for there must have been a block of zeros. */
    if (end > r->block_end)
        return error_set(err, EBADMSG, "the archive has no end marker: it was cut short");
    if (r->block_end - end < r->block_len)
        trailing = !all_zero(r->block + (r->block_len - (r->block_end - end)), r->block_end - end);
    while ((n = take_block(r, err)) > 0)
        trailing = trailing || !all_zero(r->block, (size_t)n);
    if (trailing)
        warnings_add(r->warnings, WARNING_TRAILING, "", NULL);
    return (int)n;
}
