#include "helpers/image/unpack.h"

#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "helpers/image/contents.h"
#include "helpers/image/extract.h"
#include "helpers/image/interrupt.h"
#include "helpers/image/reader.h"
#include "helpers/image/stream.h"
#include "helpers/image/warnings.h"

/* The root's mode, unless the archive has an entry for it. */
#define ROOT_MODE 0755

/* Nobody else looks in while files have owners and modes that are not final. */
#define BUILD_MODE 0700

static int check_empty(int dir, struct error *err)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_sys(err, errno, "open the destination directory");
    _cleanup_closedir_ DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return error_oom(err);
    }
    errno = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            return error_set(err, ENOTEMPTY, "the destination directory is not empty");
    return errno ? error_sys(err, errno, "read the destination directory") : 0;
}

/* Takes away what files below would inherit: the group and its bit, a default ACL. */
static int prepare_root(int dir, const struct ids *ids, struct error *err)
{
    if (ids->keep && fchown(dir, ids->uid, ids->gid) < 0)
        return error_sys(err, errno, "own the destination directory");
    if (fchmod(dir, BUILD_MODE) < 0)
        return error_sys(err, errno, "set the mode of the destination directory");
    if (fremovexattr(dir, "system.posix_acl_default") < 0 && errno != ENODATA && errno != EOPNOTSUPP)
        return error_sys(err, errno, "remove the default ACL of the destination directory");
    return 0;
}

static int no_root_filesystem(struct error *err)
{
    error_set(err, EMEDIUMTYPE, "an image archive (docker save or an OCI layout), not a root file system");
    error_hint(err, "bryo images import reads it: bryo sandbox and bryo unpack then take its id or name");
    return -EMEDIUMTYPE;
}

/* Puts the entry's name before the error. */
static void name_entry(struct error *err, struct archive_entry *entry)
{
    const char *raw = archive_entry_pathname(entry);
    _cleanup_free_ char *quoted = str_quote(raw ? raw : "", 200);

    error_prefix(err, "entry \"%s\"", quoted ? quoted : "?");
}

/* Every entry in order. */
static int extract_all(struct extract *x, struct stream *stream, struct status *status, struct error *err)
{
    struct contents contents = {0};
    struct archive_entry *entry;
    int r;

    while ((r = reader_next(x->reader, &entry, err)) > 0) {
        r = extract_entry(x, entry, err);
        if (r < 0) {
            name_entry(err, entry);
            return r;
        }
        contents_note(&contents, x->name.data);
        if (!x->transport && contents_are_image(&contents))
            return no_root_filesystem(err);
        if (interrupted())
            return error_set(err, EINTR, "interrupted");
        status_progress(status, stream_read_bytes(stream), stream_total_bytes(stream), x->limits.entries);
        if (status->gone)
            return error_set(err, EPIPE, "nobody listens any more");
    }
    if (r == 0)
        r = reader_finish(x->reader, err);
    if (r == 0 && x->limits.entries == 0 && !x->layer)
        return error_set(err, EINVAL, "the archive is empty: it holds no files");
    if (r < 0 && x->name.data && r != -EINTR) {
        _cleanup_free_ char *quoted = str_quote(x->name.data, 200);
        error_prefix(err, "after entry \"%s\"", quoted && *quoted ? quoted : ".");
    }
    return r;
}

static void extract_free(struct extract *x)
{
    dirs_free(&x->dirs);
    deferred_free(&x->deferred);
    strbuf_free(&x->name);
}

/* Is the archive the one that was meant? */
static int check_digest(const char *what, const char *expected, const char *found, struct error *err)
{
    if (!expected || strcmp(expected, found) == 0)
        return 0;
    error_set(err, EKEYREJECTED, "the SHA-256 %s is %s, expected %s", what, found, expected);
    error_hint(err, "the file is damaged, or it is another one than was meant");
    return -EKEYREJECTED;
}

static int finish_digests(const struct unpack *u, struct stream *stream, struct unpacked *done,
                          struct error *err)
{
    if (!u->digests)
        return 0;
    stream_digests(stream, done->blob, done->content);
    int r = check_digest("of the archive", u->blob, done->blob, err);
    return r < 0 ? r : check_digest("of the decompressed archive", u->content, done->content, err);
}

static int unpack_into(const struct unpack *u, struct status *status, struct unpacked *done,
                       struct error *err)
{
    _cleanup_warnings_ struct warnings warnings = {0};
    _cleanup_stream_ struct stream *stream = NULL;
    _cleanup_reader_ struct reader *reader = NULL;
    _cleanup_(extract_free) struct extract x = {
        .root = u->dir,
        .ids = u->ids,
        .limits = {.max_bytes = u->max_bytes, .max_entries = u->max_entries},
        .warnings = &warnings,
        .transport = u->transport || u->layer,
        .layer = u->layer,
    };
    int r = u->layer ? whiteouts_probe(u->dir, &x.form, err) : 0;

    dirs_init(&x.dirs, u->dir, &x.limits);
    x.dirs.layer = u->layer;
    x.dirs.form = x.form;
    if (r == 0)
        r = stream_open(u->archive, u->digests, &stream, err);
    if (r == 0)
        r = reader_open(stream, &x.limits, &warnings, &reader, err);
    x.reader = reader;
    if (r == 0)
        r = extract_all(&x, stream, status, err);
    if (r == 0)
        r = finish_digests(u, stream, done, err);
    if (r == 0 && fchmod(u->dir, ROOT_MODE) < 0)
        r = error_sys(err, errno, "set the mode of the root");
    if (r == 0)
        r = deferred_apply(&x.deferred, &x.dirs, u->ids, &warnings, err);
    if (r < 0)
        return r;
    warnings_send(&warnings, status);
    done->limits = x.limits;
    done->whiteouts = x.whiteouts > 0;
    done->form = x.form;
    if (reader_config(reader))
        status_config(status, reader_config(reader));
    return 0;
}

/* After a failure: the directory as it was. What cannot be removed is told with the first error. */
static void clean_up(const struct unpack *u, struct error *err)
{
    _cleanup_error_ struct error left = ERROR_INIT;

    interrupt_ignore();
    if (remove_content_at(u->dir, &left) < 0)
        error_hint(err, "not everything that was unpacked could be removed: %s", error_text(&left));
}

int unpack_archive(const struct unpack *u, struct status *status, struct unpacked *done, struct error *err)
{
    int r = check_empty(u->dir, err);

    if (r == 0)
        r = prepare_root(u->dir, u->ids, err);
    if (r == 0) {
        r = unpack_into(u, status, done, err);
        if (r < 0 && !err->hint && (r == -ENOSPC || r == -EDQUOT))
            error_hint(
                err,
                "the file system that it is unpacked to is full: free space there, or name another cache "
                "directory (XDG_CACHE_HOME)");
        if (r < 0)
            clean_up(u, err);
    }
    if (r < 0)
        error_prefix(err, "%s", u->name);
    return r;
}
