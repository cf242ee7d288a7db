#include "helpers/image/extract.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "helpers/image/interrupt.h"
#include "helpers/image/meta.h"
#include "helpers/image/name.h"

#define CREATE_FLAGS (O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY)

/* A directory under construction can be written by us, whatever its mode will be. */
#define BUILD_MODE 0700

/* Where the entry at hand goes. */
struct place {
    int at;           /* borrowed from dirs */
    const char *base; /* its last component */
};

/* Takes away what is at @p, so that a later entry can have the name. */
static int clear_place(struct extract *x, const struct place *p, struct error *err)
{
    if (unlinkat(p->at, p->base, 0) == 0 || errno == ENOENT) {
        dirs_forget(&x->dirs);
        return 0;
    }
    if (errno != EISDIR && errno != EPERM)
        return error_sys(err, errno, "replace what is there already");
    if (unlinkat(p->at, p->base, AT_REMOVEDIR) < 0) {
        if (errno == ENOTEMPTY || errno == EEXIST)
            return error_set(err, ENOTEMPTY, "an earlier entry made a directory there that is not empty");
        return error_sys(err, errno, "replace the directory that is there already");
    }
    dirs_forget(&x->dirs);
    return 0;
}

/* After something said EEXIST: makes room and finds the directory again. Returns 0 to try again. */
static int make_room(struct extract *x, struct place *p, struct error *err)
{
    int r = clear_place(x, p, err);

    if (r < 0)
        return r;
    p->at = dirs_get(&x->dirs, x->name.data, name_parent_len(x->name.data), err);
    return p->at < 0 ? p->at : 0;
}

static int write_at(int fd, const char *data, size_t len, uint64_t offset, uint64_t *position)
{
    while (len > 0) {
        ssize_t n = offset == *position ? write(fd, data, len) : pwrite(fd, data, len, (off_t)offset);
        if (n < 0 && errno == EINTR && !interrupted())
            continue;
        if (n < 0)
            return -errno;
        if (offset == *position)
            *position += (uint64_t)n;
        data += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

/* Copies the data of the entry; what it leaves out stays a hole. */
static int write_data(struct extract *x, int fd, uint64_t size, struct error *err)
{
    uint64_t offset = 0, position = 0, end = 0;
    const void *data;
    size_t len;
    int r;

    while ((r = reader_data(x->reader, &data, &len, &offset, err)) > 0) {
        if (len == 0)
            continue;
        r = limits_data(&x->limits, offset, len, err);
        if (r < 0)
            return r;
        r = write_at(fd, data, len, offset, &position);
        if (r < 0)
            return error_sys(err, -r, "write");
        if (offset + len > end)
            end = offset + len;
        if (interrupted())
            return error_set(err, EINTR, "interrupted");
    }
    if (r < 0)
        return r;
    if (end < size && ftruncate(fd, (off_t)size) < 0)
        return error_sys(err, errno, "make %llu bytes long", (unsigned long long)size);
    return 0;
}

static int make_file(struct extract *x, struct place *p, struct archive_entry *entry, struct error *err)
{
    _cleanup_xattrs_ struct xattrs xattrs = {0};
    int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
    struct meta meta;
    int r;

    if (size < 0)
        return error_set(err, EBADMSG, "the archive is damaged: a negative size");
    r = limits_size(&x->limits, (uint64_t)size, err);
    if (r < 0)
        return r;
    r = meta_from_entry(&meta, entry, x->name.data, x->ids, x->warnings, err);
    xattrs = meta.xattrs;
    if (r < 0)
        return r;

    mode_t made = meta.mode & 0777;
    _cleanup_close_ int fd = openat(p->at, p->base, CREATE_FLAGS, made);
    if (fd < 0 && errno == EEXIST) {
        r = make_room(x, p, err);
        if (r < 0)
            return r;
        fd = openat(p->at, p->base, CREATE_FLAGS, made);
    }
    if (fd < 0)
        return error_sys(err, errno, "create the file");
    r = size > 0 ? write_data(x, fd, (uint64_t)size, err) : 0;
    if (r < 0)
        return r;
    return meta_apply_file(&meta, fd, made, x->name.data, x->ids, x->warnings, err);
}

static int make_directory(struct extract *x, struct place *p, struct archive_entry *entry, struct error *err)
{
    _cleanup_xattrs_ struct xattrs xattrs = {0};
    struct meta meta;
    struct stat st;
    int r = meta_from_entry(&meta, entry, x->name.data, x->ids, x->warnings, err);

    xattrs = meta.xattrs;
    if (r < 0)
        return r;
    mode_t made = (meta.mode & 0777) | BUILD_MODE;
    if (x->name.len == 0) {
        made = (mode_t)-1;
    } else if (mkdirat(p->at, p->base, made) < 0) {
        if (errno != EEXIST)
            return error_sys(err, errno, "create the directory");
        if (fstatat(p->at, p->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return error_sys(err, errno, "look at what is there already");
        if (S_ISDIR(st.st_mode)) {
            made = (mode_t)-1;
        } else {
            r = make_room(x, p, err);
            if (r < 0)
                return r;
            if (mkdirat(p->at, p->base, made) < 0)
                return error_sys(err, errno, "create the directory");
            /* Taken away and made anew: nothing from below may show through. */
            if (x->layer && whiteout_is(&st))
                r = whiteout_make_opaque_at(p->at, p->base, x->form, err);
            if (r < 0)
                return r;
        }
    }
    r = deferred_add(&x->deferred, x->name.data, made, &meta, err);
    xattrs = meta.xattrs;
    return r;
}

/* A symbolic link (@target) or a node of type @type; neither has attributes worth keeping. */
static int make_other(struct extract *x, struct place *p, struct archive_entry *entry, mode_t type,
                      const char *target, struct error *err)
{
    _cleanup_xattrs_ struct xattrs xattrs = {0};
    struct meta meta;
    dev_t device =
        type == S_IFIFO ? 0 : makedev(archive_entry_rdevmajor(entry), archive_entry_rdevminor(entry));
    int r = meta_from_entry(&meta, entry, x->name.data, x->ids, x->warnings, err);

    xattrs = meta.xattrs;
    if (r < 0)
        return r;
    for (int tries = 0;; tries++) {
        r = target ? symlinkat(target, p->at, p->base) : mknodat(p->at, p->base, type | meta.mode, device);
        if (r == 0)
            break;
        if (!target && type != S_IFIFO && errno == EPERM) {
            warnings_add(x->warnings, WARNING_DEVICE, x->name.data, NULL);
            return 0;
        }
        if (errno != EEXIST || tries > 0)
            return error_sys(err, errno, target ? "create the symbolic link" : "create the special file");
        r = make_room(x, p, err);
        if (r < 0)
            return r;
    }
    return meta_apply_at(&meta, p->at, p->base, x->ids, err);
}

/* Finds the target of a hard link: its directory resolved inside the root, its last component not followed.
 * The directory's descriptor is copied, for the next look-up may close it. */
static int find_target(struct extract *x, const struct strbuf *target, struct error *err)
{
    int at = dirs_get(&x->dirs, target->data, name_parent_len(target->data), err);

    if (at < 0)
        return at;
    at = fcntl(at, F_DUPFD_CLOEXEC, 0);
    return at < 0 ? error_sys(err, errno, "open the target's directory") : at;
}

static int make_link(struct extract *x, const char *raw_target, struct error *err)
{
    _cleanup_strbuf_ struct strbuf target = {0};
    _cleanup_close_ int from = -EBADF;
    struct place p = {.base = name_base(x->name.data)};
    struct stat a, b;
    int r = name_clean(raw_target, &target, err);

    _cleanup_free_ char *quoted = str_quote(raw_target, 200);
    if (r < 0 || !quoted) {
        error_prefix(err, "hard link to \"%s\"", quoted ? quoted : "?");
        return r < 0 ? r : error_oom(err);
    }
    from = find_target(x, &target, err);
    if (from < 0)
        return from;
    p.at = dirs_get(&x->dirs, x->name.data, name_parent_len(x->name.data), err);
    if (p.at < 0)
        return p.at;
    const char *source = name_base(target.data);
    if (fstatat(from, source[0] ? source : ".", &a, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(err, errno, "hard link to \"%s\", which no earlier entry made", quoted);
    if (S_ISDIR(a.st_mode))
        return error_set(err, EISDIR, "hard link to \"%s\", which is a directory", quoted);
    for (int tries = 0;; tries++) {
        if (linkat(from, source, p.at, p.base, 0) == 0)
            return 0;
        if (errno != EEXIST || tries > 0)
            return error_sys(err, errno, "hard link to \"%s\"", quoted);
        /* A link to itself, or one that is there already. */
        if (fstatat(p.at, p.base, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_ino == b.st_ino &&
            a.st_dev == b.st_dev)
            return 0;
        r = make_room(x, &p, err);
        if (r < 0)
            return r;
    }
}

/* The types but regular files and directories. */
static int make_special(struct extract *x, struct place *p, struct archive_entry *entry, struct error *err)
{
    const char *target;

    switch (archive_entry_filetype(entry)) {
    case AE_IFLNK:
        target = archive_entry_symlink(entry);
        if (str_empty(target))
            return error_set(err, EBADMSG, "the archive is damaged: a symbolic link without a target");
        return make_other(x, p, entry, S_IFLNK, target, err);
    case AE_IFCHR:
        return make_other(x, p, entry, S_IFCHR, NULL, err);
    case AE_IFBLK:
        return make_other(x, p, entry, S_IFBLK, NULL, err);
    case AE_IFIFO:
        return make_other(x, p, entry, S_IFIFO, NULL, err);
    case AE_IFSOCK:
        warnings_add(x->warnings, WARNING_SOCKET, x->name.data, NULL);
        return 0;
    default:
        return error_set(err, EBADMSG, "the archive is damaged: an unknown type of file");
    }
}

/* An entry that takes something away. Returns 1 if it was one, 0 if it is a file like others. */
static int take_whiteout(struct extract *x, struct error *err)
{
    enum whiteout_kind kind;
    const char *name;
    int r = whiteout_parse(name_base(x->name.data), &kind, &name, err);

    if (r < 0 || kind == WHITEOUT_NONE || kind == WHITEOUT_IGNORED)
        return r < 0 ? r : kind == WHITEOUT_IGNORED;
    int at = dirs_get(&x->dirs, x->name.data, name_parent_len(x->name.data), err);
    if (at < 0)
        return at;
    r = kind == WHITEOUT_NAME ? whiteout_make(at, name, x->form, err)
                              : whiteout_make_opaque_at(at, ".", x->form, err);
    x->whiteouts++;
    return r < 0 ? r : 1;
}

int extract_entry(struct extract *x, struct archive_entry *entry, struct error *err)
{
    const char *raw = archive_entry_pathname(entry), *link = archive_entry_hardlink(entry);
    struct place p;
    int r = limits_entry(&x->limits, err);

    if (r == 0)
        r = name_clean(raw ? raw : "", &x->name, err);
    if (r < 0)
        return r;
    if (x->layer) {
        r = take_whiteout(x, err);
        if (r != 0)
            return r < 0 ? r : 0;
    }
    bool directory = !link && archive_entry_filetype(entry) == AE_IFDIR;
    if (x->name.len == 0 && !directory)
        return error_set(err, EINVAL, "the root itself is not a directory");
    if (link)
        return make_link(x, link, err);
    p.base = name_base(x->name.data);
    p.at = dirs_get(&x->dirs, x->name.data, name_parent_len(x->name.data), err);
    if (p.at < 0)
        return p.at;
    if (directory)
        return make_directory(x, &p, entry, err);
    if (archive_entry_filetype(entry) == AE_IFREG)
        return make_file(x, &p, entry, err);
    return make_special(x, &p, entry, err);
}
