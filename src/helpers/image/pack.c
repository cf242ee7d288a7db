#include "helpers/image/pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "helpers/image/interrupt.h"
#include "helpers/image/pack_internal.h"

#define DEPTH_MAX 1024 /* descriptors are held open on the way down */
#define CHUNK     (256 * 1024)

#define WHITEOUT        ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

/* A file of more than one name, once it was packed. */
struct linked {
    dev_t dev;
    ino_t ino;
    char *path; /* owned */
};

struct packing {
    const struct pack *p;
    struct status *status;
    struct sink sink;
    struct packed *done;
    struct linked *linked; /* owned; an open table of @room places */
    size_t n_linked, room;
    char *buffer; /* owned; CHUNK bytes */
    uint64_t read;
};

static void packing_free(struct packing *k)
{
    sink_free(&k->sink);
    for (size_t i = 0; i < k->room; i++)
        free(k->linked[i].path);
    free(k->linked);
    free(k->buffer);
}

static struct linked *find_place(struct linked *table, size_t room, dev_t dev, ino_t ino)
{
    size_t i = (size_t)((uint64_t)ino * 0x9e3779b97f4a7c15u >> 20) % room;
    while (table[i].path && (table[i].ino != ino || table[i].dev != dev))
        i = (i + 1) % room;
    return &table[i];
}

/* The first name of the file with @st; @path is noted as that if there is none yet. */
static int first_name(struct packing *k, const struct stat *st, const char *path, const char **first,
                      struct error *err)
{
    if (2 * (k->n_linked + 1) > k->room) {
        size_t room = k->room ? 2 * k->room : 64;
        struct linked *table = calloc(room, sizeof *table);
        if (!table)
            return error_oom(err);
        for (size_t i = 0; i < k->room; i++)
            if (k->linked[i].path)
                *find_place(table, room, k->linked[i].dev, k->linked[i].ino) = k->linked[i];
        free(k->linked);
        k->linked = table;
        k->room = room;
    }
    struct linked *at = find_place(k->linked, k->room, st->st_dev, st->st_ino);
    *first = at->path;
    if (at->path)
        return 0;
    *at = (struct linked){st->st_dev, st->st_ino, strdup(path)};
    k->n_linked++;
    return at->path ? 0 : error_oom(err);
}

static int write_header(struct packing *k, struct archive_entry *entry, struct error *err)
{
    int r = archive_write_header(k->sink.tar, entry);
    if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
        return sink_failed(&k->sink, err);
    k->done->entries++;
    status_progress(k->status, k->read, 0, k->done->entries);
    return k->status->gone ? error_set(err, EPIPE, "nobody listens any more")
           : interrupted() ? error_set(err, EINTR, "interrupted")
                           : 0;
}

static void set_times(const struct packing *k, struct archive_entry *entry, time_t mtime)
{
    if (k->p->epoch >= 0 && mtime > k->p->epoch)
        mtime = (time_t)k->p->epoch;
    archive_entry_set_mtime(entry, mtime, 0);
}

static void entry_freep(struct archive_entry **entry)
{
    archive_entry_free(*entry);
}
#define _cleanup_entry_ __attribute__((cleanup(entry_freep)))

/* An empty file that tells something about others: what is gone, or that a directory hides those below. */
static int pack_mark(struct packing *k, const char *dir, const char *name, time_t mtime, struct error *err)
{
    _cleanup_entry_ struct archive_entry *entry = archive_entry_new();
    _cleanup_free_ char *path = str_printf("%s%s%s", dir, *dir ? "/" : "", name);
    if (!entry || !path)
        return error_oom(err);
    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0);
    archive_entry_set_size(entry, 0);
    set_times(k, entry, mtime);
    return write_header(k, entry, err);
}

/* Exactly as many bytes as the header says, whatever became of the file meanwhile. */
static int pack_data(struct packing *k, int fd, uint64_t size, struct error *err)
{
    while (size > 0) {
        ssize_t n = read(fd, k->buffer, size < CHUNK ? (size_t)size : CHUNK);
        if (n < 0 && errno == EINTR && !interrupted())
            continue;
        if (n < 0)
            return error_sys(err, errno, "read it");
        if (n == 0)
            return error_set(err, EIO, "it became shorter while it was read");
        if (archive_write_data(k->sink.tar, k->buffer, (size_t)n) != n)
            return sink_failed(&k->sink, err);
        k->read += (uint64_t)n;
        size -= (uint64_t)n;
        if (interrupted())
            return error_set(err, EINTR, "interrupted");
    }
    return 0;
}

/* What the entry of any kind has: owner, mode, time, device, target. */
static int fill_entry(struct packing *k, struct archive_entry *entry, int dir, const char *name,
                      const char *path, const struct stat *st, struct error *err)
{
    archive_entry_set_pathname(entry, path);
    archive_entry_set_mode(entry, st->st_mode);
    archive_entry_set_uid(entry, k->p->own ? 0 : st->st_uid);
    archive_entry_set_gid(entry, k->p->own ? 0 : st->st_gid);
    set_times(k, entry, st->st_mtime);
    archive_entry_set_size(entry, S_ISREG(st->st_mode) ? st->st_size : 0);
    if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
        archive_entry_set_rdevmajor(entry, major(st->st_rdev));
        archive_entry_set_rdevminor(entry, minor(st->st_rdev));
    }
    if (!S_ISLNK(st->st_mode))
        return 0;
    ssize_t n = readlinkat(dir, name, k->buffer, CHUNK - 1);
    if (n < 0)
        return error_sys(err, errno, "read the link");
    k->buffer[n] = '\0';
    archive_entry_set_symlink(entry, k->buffer);
    return 0;
}

/* One file that is no directory. */
static int pack_file(struct packing *k, int dir, const char *name, const char *path, const struct stat *st,
                     struct error *err)
{
    _cleanup_entry_ struct archive_entry *entry = archive_entry_new();
    _cleanup_close_ int fd = -EBADF;
    const char *first = NULL;
    bool opaque;
    if (!entry)
        return error_oom(err);
    int r = fill_entry(k, entry, dir, name, path, st, err);
    if (r == 0 && st->st_nlink > 1)
        r = first_name(k, st, path, &first, err);
    if (r < 0)
        return r;
    if (first) {
        archive_entry_set_symlink(entry, NULL);
        archive_entry_set_hardlink(entry, first);
        archive_entry_set_size(entry, 0);
        return write_header(k, entry, err);
    }
    if (S_ISREG(st->st_mode)) {
        fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
            return error_sys(err, errno, "open it");
        r = pack_attributes(fd, entry, false, &opaque, err);
        if (r < 0)
            return r;
    }
    r = write_header(k, entry, err);
    return r == 0 && fd >= 0 ? pack_data(k, fd, (uint64_t)st->st_size, err) : r;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_names(int fd, char ***names, struct error *err)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *d = copy < 0 ? NULL : fdopendir(copy);
    _cleanup_strv_ char **list = NULL;
    if (!d)
        return error_sys(err, errno, "list it");
    size_t n = 0, room = 0;
    errno = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (n + 2 > room) {
            room = room ? 2 * room : 64;
            char **more = reallocarray(list, room, sizeof *more);
            if (!more)
                return error_oom(err);
            list = more;
        }
        list[n] = strdup(e->d_name);
        if (!list[n])
            return error_oom(err);
        list[++n] = NULL;
        errno = 0;
    }
    if (errno)
        return error_sys(err, errno, "list it");
    if (n > 1)
        qsort(list, n, sizeof *list, compare_names);
    *names = TAKE_PTR(list);
    return 0;
}

static int pack_directory(struct packing *k, int fd, const char *path, unsigned depth, struct error *err);

/* Puts the name of what failed before the error, once: the innermost one. */
static int name_it(const char *path, int r, struct error *err)
{
    if (err->text && err->text[0] == '"')
        return r;
    _cleanup_free_ char *shown = str_quote(path, 200);
    error_prefix(err, "\"/%s\"", shown ? shown : "?");
    return r;
}

static int pack_one(struct packing *k, int dir, const char *dir_path, const char *name, unsigned depth,
                    struct error *err)
{
    struct stat st;
    _cleanup_free_ char *path = str_printf("%s%s%s", dir_path, *dir_path ? "/" : "", name);
    if (!path)
        return error_oom(err);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return name_it(path, error_sys(err, errno, "stat it"), err);
    if (k->p->layer && S_ISCHR(st.st_mode) && st.st_rdev == 0) {
        _cleanup_free_ char *mark = str_printf(WHITEOUT "%s", name);
        return mark ? pack_mark(k, dir_path, mark, st.st_mtime, err) : error_oom(err);
    }
    if (S_ISSOCK(st.st_mode)) {
        _cleanup_free_ char *shown = str_quote(path, 200);
        _cleanup_free_ char *text = str_printf("\"/%s\" is a socket and left out", shown ? shown : "?");
        status_warn(k->status, text ? text : "a socket is left out");
        return 0;
    }
    if (!S_ISDIR(st.st_mode)) {
        int r = pack_file(k, dir, name, path, &st, err);
        return r < 0 ? name_it(path, r, err) : 0;
    }
    _cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int r = fd < 0 ? error_sys(err, errno, "open it") : pack_directory(k, fd, path, depth, err);
    return r < 0 ? name_it(path, r, err) : 0;
}

static int pack_directory(struct packing *k, int fd, const char *path, unsigned depth, struct error *err)
{
    _cleanup_entry_ struct archive_entry *entry = archive_entry_new();
    _cleanup_strv_ char **names = NULL;
    bool opaque = false;
    struct stat st;
    if (!entry)
        return error_oom(err);
    if (depth > DEPTH_MAX)
        return error_set(err, ELOOP, "directories are nested more than %d deep", DEPTH_MAX);
    if (fstat(fd, &st) < 0)
        return error_sys(err, errno, "stat it");
    int r = fill_entry(k, entry, fd, ".", *path ? path : ".", &st, err);
    if (r == 0)
        r = pack_attributes(fd, entry, true, &opaque, err);
    if (r == 0)
        r = write_header(k, entry, err);
    if (r == 0 && opaque && k->p->layer)
        r = pack_mark(k, path, WHITEOUT_OPAQUE, st.st_mtime, err);
    if (r == 0)
        r = list_names(fd, &names, err);
    for (char **name = names; r == 0 && name && *name; name++)
        r = pack_one(k, fd, path, *name, depth + 1, err);
    return r;
}

int pack_tree(const struct pack *p, struct status *status, struct packed *done, struct error *err)
{
    __attribute__((cleanup(packing_free))) struct packing k = {.p = p, .status = status, .done = done};
    *done = (struct packed){0};
    k.buffer = malloc(CHUNK);
    if (!k.buffer)
        return error_oom(err);
    int r = sink_open(&k.sink, p->out, p->compress, p->config, err);
    if (r == 0)
        r = pack_directory(&k, p->dir, "", 0, err);
    if (r == 0)
        r = sink_finish(&k.sink, done, err);
    if (r < 0)
        error_prefix(err, "pack %s", p->name);
    return r;
}
