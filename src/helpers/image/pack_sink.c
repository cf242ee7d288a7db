/*
 * Where the bytes of an archive go: tar writer, hash, compressor, hash, file.
 *
 * The compressor is a writer of libarchive's for its format "raw", so that gzip and zstd need no library of
 * their own here, and the tar is seen before and after.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "helpers/image/pack_internal.h"
#include "image/protocol.h"

#define TAR_BLOCK 512

static la_ssize_t write_out(struct archive *a, void *data, const void *buf, size_t n)
{
    struct sink *s = data;
    int r = fd_write_all(s->out, buf, n);
    if (r < 0) {
        s->code = -r;
        archive_set_error(a, -r, "write");
        return -1;
    }
    sha256_add(&s->blob, buf, n);
    s->bytes += n;
    return (la_ssize_t)n;
}

static la_ssize_t write_tar(struct archive *a, void *data, const void *buf, size_t n)
{
    struct sink *s = data;
    sha256_add(&s->content, buf, n);
    if (!s->compress)
        return write_out(a, s, buf, n);
    if (archive_write_data(s->compress, buf, n) != (la_ssize_t)n) {
        archive_set_error(a, s->code ? s->code : EIO, "write");
        return -1;
    }
    return (la_ssize_t)n;
}

int sink_failed(const struct sink *s, struct error *err)
{
    struct archive *a = s->compress && archive_errno(s->compress) ? s->compress : s->tar;
    if (s->code)
        return error_sys(err, s->code, "write the archive");
    if (archive_errno(a) == ENOMEM)
        return error_oom(err);
    _cleanup_free_ char *why = str_quote(archive_error_string(a) ? archive_error_string(a) : "", 200);
    return error_set(err, EIO, "write the archive: %s", why ? why : "");
}

/* A global pax header: one block of ustar, then "LENGTH comment=TEXT\n" in whole blocks. */
static int write_config(struct sink *s, const char *config, struct error *err)
{
    size_t digits = 1, len, base = strlen(" comment=" IMAGE_CONFIG_MARK "\n") + strlen(config);
    if (strlen(config) > IMAGE_CONFIG_MAX) {
        error_set(err, E2BIG, "the configuration of the image has %zu bytes, a tarball carries %zu",
                  strlen(config), IMAGE_CONFIG_MAX);
        error_hint(err, "write an OCI image, which has no such limit: -o oci-archive:FILE");
        return -E2BIG;
    }
    for (len = base + digits; snprintf(NULL, 0, "%zu", len) != (int)digits; len = base + digits)
        digits++;
    size_t blocks = (len + TAR_BLOCK - 1) / TAR_BLOCK;
    _cleanup_free_ char *all = calloc(blocks + 1, TAR_BLOCK);
    if (!all)
        return error_oom(err);
    static const struct {
        size_t at;
        const char *text;
    } fields[] = {{0, "pax_global_header"}, {100, "0000644"}, {108, "0000000"}, {116, "0000000"},
                  {136, "00000000000"},     {156, "g"},       {257, "ustar"},   {263, "00"}};
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        memcpy(all + fields[i].at, fields[i].text, strlen(fields[i].text));
    snprintf(all + 124, 12, "%011o", (unsigned)len);
    memset(all + 148, ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += (unsigned char)all[i];
    snprintf(all + 148, 8, "%06o", sum);
    _cleanup_free_ char *record = str_printf("%zu comment=" IMAGE_CONFIG_MARK "%s\n", len, config);
    if (!record)
        return error_oom(err);
    memcpy(all + TAR_BLOCK, record, len);
    size_t n = (blocks + 1) * TAR_BLOCK;
    return write_tar(s->tar, s, all, n) == (la_ssize_t)n ? 0 : sink_failed(s, err);
}

static int open_compressor(struct sink *s, const char *how, struct error *err)
{
    bool gzip = strcmp(how, "gzip") == 0;
    if (strcmp(how, "none") == 0)
        return 0;
    if (!gzip && strcmp(how, "zstd") != 0)
        return error_set(err, EINVAL, "compression \"%s\": expected none, gzip or zstd", how);
    s->compress = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    if (!s->compress || !entry) {
        archive_entry_free(entry);
        return error_oom(err);
    }
    archive_entry_set_filetype(entry, AE_IFREG);
    struct archive *a = s->compress;
    /* A time in the header of gzip would make each archive another one. */
    bool good = archive_write_set_format_raw(a) == ARCHIVE_OK &&
                (gzip ? archive_write_add_filter_gzip(a) : archive_write_add_filter_zstd(a)) == ARCHIVE_OK &&
                (!gzip || archive_write_set_filter_option(a, "gzip", "timestamp", NULL) == ARCHIVE_OK) &&
                archive_write_set_bytes_per_block(a, 0) == ARCHIVE_OK &&
                archive_write_open(a, s, NULL, write_out, NULL) == ARCHIVE_OK &&
                archive_write_header(a, entry) == ARCHIVE_OK;
    archive_entry_free(entry);
    return good ? 0 : sink_failed(s, err);
}

int sink_open(struct sink *s, int out, const char *compress, const char *config, struct error *err)
{
    *s = (struct sink){.out = out};
    sha256_begin(&s->content);
    sha256_begin(&s->blob);
    s->tar = archive_write_new();
    if (!s->tar)
        return error_oom(err);
    int r = open_compressor(s, compress, err);
    if (r < 0)
        return r;
    if (archive_write_set_format_pax_restricted(s->tar) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(s->tar, 64 * 1024) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(s->tar, TAR_BLOCK) != ARCHIVE_OK ||
        archive_write_open(s->tar, s, NULL, write_tar, NULL) != ARCHIVE_OK)
        return sink_failed(s, err);
    return str_empty(config) ? 0 : write_config(s, config, err);
}

int sink_finish(struct sink *s, struct packed *done, struct error *err)
{
    if (archive_write_close(s->tar) != ARCHIVE_OK)
        return sink_failed(s, err);
    if (s->compress && archive_write_close(s->compress) != ARCHIVE_OK)
        return sink_failed(s, err);
    sha256_end(&s->content, done->content);
    sha256_end(&s->blob, done->blob);
    done->bytes = s->bytes;
    return 0;
}

void sink_free(struct sink *s)
{
    /* Freeing an open writer would write: its output is gone then. */
    if (s->tar) {
        archive_write_fail(s->tar);
        archive_write_free(s->tar);
    }
    if (s->compress) {
        archive_write_fail(s->compress);
        archive_write_free(s->compress);
    }
    *s = (struct sink){0};
}
