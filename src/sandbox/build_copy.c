/*
 * Copy: files of the context, or of another stage, into the image.
 *
 * The context belongs to the caller, and may have been written by somebody else: nothing outside of it is
 * read. Sources are resolved beneath it by the kernel (openat2), links inside of directories are copied as
 * links, and what is neither file, directory nor link is refused. The same walk hashes (before the build, as
 * the caller) and copies (in the workshop).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "sandbox/build_internal.h"

#define DEPTH_MAX 256
#define CHUNK     (256 * 1024)

struct walk {
    const struct build *b;
    struct sha256 *sha; /* hash; NULL: copy */
    bool owners;        /* keep owners and attributes: from another stage */
    bool skip_output;
    char *buffer; /* owned; CHUNK bytes */
};

static void walk_free(struct walk *w)
{
    free(w->buffer);
}

static void hash(struct walk *w, const char *kind, const char *name, mode_t mode, const char *more)
{
    _cleanup_free_ char *line =
        str_printf("%s %o %zu:%s %zu:", kind, (unsigned)mode & 07777, strlen(name), name, strlen(more));
    if (line)
        sha256_add(w->sha, line, strlen(line));
    sha256_add(w->sha, more, strlen(more) + 1);
}

static int strange(const char *shown, mode_t mode, struct error *err)
{
    error_set(err, EINVAL, "\"%s\" is %s: only files, directories and links are copied", shown,
              S_ISFIFO(mode)   ? "a fifo"
              : S_ISSOCK(mode) ? "a socket"
                               : "a device");
    return -EINVAL;
}

static int copy_data(struct walk *w, int from, int to, const char *shown, struct error *err)
{
    /* The kernel's own way shares blocks where it can. */
    while (!w->sha) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, SSIZE_MAX, 0);
        if (n > 0)
            continue;
        if (n == 0)
            return 0;
        if (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS)
            return error_sys(err, errno, "copy \"%s\"", shown);
        break;
    }
    for (;;) {
        ssize_t n = read(from, w->buffer, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_sys(err, errno, "read \"%s\"", shown);
        if (n == 0)
            return 0;
        if (w->sha) {
            sha256_add(w->sha, w->buffer, (size_t)n);
            continue;
        }
        int r = fd_write_all(to, w->buffer, (size_t)n);
        if (r < 0)
            return error_sys(err, -r, "copy \"%s\"", shown);
    }
}

/* Attributes that images keep: user.*, capabilities of files. */
static int copy_attributes(int from, int to, const char *shown, struct error *err)
{
    char names[4096], value[4096];
    ssize_t n = flistxattr(from, names, sizeof names);
    for (char *name = names; n > 0 && name < names + n; name += strlen(name) + 1) {
        if ((!str_starts(name, "user.") && strcmp(name, "security.capability") != 0) ||
            str_starts(name, "user.overlay."))
            continue;
        ssize_t size = fgetxattr(from, name, value, sizeof value);
        if (size < 0 || fsetxattr(to, name, value, (size_t)size, 0) < 0)
            return error_sys(err, errno, "copy extended attribute \"%.100s\" of \"%s\"", name, shown);
    }
    return 0;
}

/* Owner, mode and time of a file or directory that was made. */
static int finish(const struct walk *w, int from, int to, const struct stat *st, const char *shown,
                  struct error *err)
{
    const struct timespec times[2] = {st->st_mtim, st->st_mtim};
    /* The owner first: a change of it takes set-user-ID away. From the context no such bit is taken over. */
    if (fchown(to, w->owners ? st->st_uid : 0, w->owners ? st->st_gid : 0) < 0 ||
        fchmod(to, st->st_mode & (w->owners ? 07777 : 0777)) < 0)
        return error_sys(err, errno, "set owner and mode of \"%s\"", shown);
    int r = w->owners ? copy_attributes(from, to, shown, err) : 0;
    if (r == 0 && futimens(to, times) < 0)
        r = error_sys(err, errno, "set the time of \"%s\"", shown);
    return r;
}

static int walk_file(struct walk *w, int fd, const struct stat *st, int to, const char *name,
                     const char *shown, struct error *err)
{
    if (w->sha) {
        char size[24];
        snprintf(size, sizeof size, "%lld", (long long)st->st_size);
        hash(w, "file", name, st->st_mode & 0777, size);
        return copy_data(w, fd, -1, shown, err);
    }
    if (unlinkat(to, name, 0) < 0 && errno != ENOENT) {
        int code = errno;
        if (code == EISDIR || code == EPERM)
            return error_set(err, EISDIR, "\"%s\": there is a directory where the file would go", shown);
        return error_sys(err, code, "replace what is where \"%s\" goes", shown);
    }
    _cleanup_close_ int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0)
        return error_sys(err, errno, "make the copy of \"%s\"", shown);
    int r = copy_data(w, fd, out, shown, err);
    return r == 0 ? finish(w, fd, out, st, shown, err) : r;
}

static int walk_link(struct walk *w, int from, const struct stat *st, int to, const char *name,
                     const char *shown, struct error *err)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(from, name, target, sizeof target - 1);
    if (n < 0)
        return error_sys(err, errno, "read the link \"%s\"", shown);
    target[n] = '\0';
    if (w->sha) {
        hash(w, "link", name, 0, target);
        return 0;
    }
    const struct timespec times[2] = {st->st_mtim, st->st_mtim};
    if ((unlinkat(to, name, 0) < 0 && errno != ENOENT) || symlinkat(target, to, name) < 0 ||
        fchownat(to, name, w->owners ? st->st_uid : 0, w->owners ? st->st_gid : 0, AT_SYMLINK_NOFOLLOW) < 0 ||
        utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(err, errno, "make the copy of the link \"%s\"", shown);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_names(int fd, const char *shown, char ***names, struct error *err)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *d = copy < 0 ? NULL : fdopendir(copy);
    _cleanup_strv_ char **list = NULL;
    if (!d)
        return error_sys(err, errno, "list \"%s\"", shown);
    errno = 0;
    for (struct dirent *e; (e = readdir(d)); errno = 0)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && strv_add(&list, e->d_name) < 0)
            return error_oom(err);
    if (errno)
        return error_sys(err, errno, "list \"%s\"", shown);
    if (list)
        qsort(list, strv_len(list), sizeof *list, compare_names);
    *names = TAKE_PTR(list);
    return 0;
}

static int walk_content(struct walk *w, int fd, int to, const char *shown, unsigned depth, struct error *err);

/* A directory below one that is copied: made, or what is there goes on to be used. */
static int walk_directory(struct walk *w, int fd, const struct stat *st, int to, const char *name,
                          const char *shown, unsigned depth, struct error *err)
{
    if (depth > DEPTH_MAX)
        return error_set(err, ELOOP, "\"%s\": directories are nested more than %d deep", shown, DEPTH_MAX);
    if (w->sha) {
        hash(w, "directory", name, st->st_mode & 0777, "");
        int r = walk_content(w, fd, -1, shown, depth, err);
        sha256_add(w->sha, "end", 4);
        return r;
    }
    bool made = mkdirat(to, name, 0700) == 0;
    if (!made && errno != EEXIST)
        return error_sys(err, errno, "make the directory \"%s\"", shown);
    _cleanup_close_ int below = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below < 0)
        return error_set(err, ENOTDIR, "\"%s\": there is no directory where the directory would go", shown);
    int r = walk_content(w, fd, below, shown, depth, err);
    return r == 0 && made ? finish(w, fd, below, st, shown, err) : r;
}

/* One name of the directory @from, to @to/@as. */
static int walk_one(struct walk *w, int from, const char *name, int to, const char *as, const char *shown,
                    unsigned depth, struct error *err)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(err, errno, "look at \"%s\"", shown);
    if (w->skip_output && st.st_ino == w->b->output.st_ino && st.st_dev == w->b->output.st_dev)
        return 0;
    if (S_ISLNK(st.st_mode))
        return walk_link(w, from, &st, to, as, shown, err);
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return strange(shown, st.st_mode, err);
    _cleanup_close_ int fd = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_sys(err, errno, "open \"%s\"", shown);
    if (S_ISDIR(st.st_mode))
        return walk_directory(w, fd, &st, to, as, shown, depth, err);
    return S_ISREG(st.st_mode) ? walk_file(w, fd, &st, to, as, shown, err) : strange(shown, st.st_mode, err);
}

static int walk_content(struct walk *w, int fd, int to, const char *shown, unsigned depth, struct error *err)
{
    _cleanup_strv_ char **names = NULL;
    int r = list_names(fd, shown, &names, err);
    STRV_FOREACH (name, names) {
        _cleanup_free_ char *quoted = str_quote(*name, 200);
        _cleanup_free_ char *path = str_printf("%.400s/%s", shown, quoted ? quoted : "?");
        if (!path)
            return error_oom(err);
        if (r == 0)
            r = walk_one(w, fd, *name, to, *name, path, depth + 1, err);
    }
    return r;
}

static int refuse_source(const struct build *b, bool context, const char *source, int code, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(source, 200);
    if (code == EXDEV)
        return error_set(err, EXDEV, "\"%s\": a link leads out of the context", shown ? shown : "?");
    error_sys(err, code, "\"%s\"", shown ? shown : "?");
    if (code == ENOENT && context)
        error_hint(err, "sources are looked for in %s, the context", b->context_path);
    return -code;
}

/* Opens a source as the path that it is; links in it are followed where they stay inside. */
static int open_source(const struct build *b, bool context, int root, const char *source, struct error *err)
{
    const char *path = source + strspn(source, "/");
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += strspn(at, "/");
        if (context && str_starts(at, "..") && (at[2] == '/' || !at[2])) {
            error_set(err, EXDEV, "\"%s\" leads out of the context", source);
            error_hint(err, "the context is the directory %s; name a higher one: bryo build -f FILE … DIR",
                       b->context_path);
            return -EXDEV;
        }
    }
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                           .resolve = (context ? RESOLVE_BENEATH : RESOLVE_IN_ROOT) | RESOLVE_NO_MAGICLINKS};
    /* A fifo or a device is looked at before it is opened. */
    struct open_how peek = {.flags = O_PATH | O_CLOEXEC, .resolve = how.resolve};
    struct stat st;
    _cleanup_close_ int seen = sys_openat2(root, *path ? path : ".", &peek);
    if (seen < 0 || fstat(seen, &st) < 0)
        return refuse_source(b, context, source, errno, err);
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return strange(source, st.st_mode, err);
    int fd = sys_openat2(root, *path ? path : ".", &how);
    return fd < 0 ? refuse_source(b, context, source, errno, err) : fd;
}

static const char *last_name(const char *path, char buf[NAME_MAX + 1])
{
    size_t end = strlen(path);
    while (end > 0 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    snprintf(buf, NAME_MAX + 1, "%.*s", (int)(end - start), path + start);
    return buf;
}

/* Where files go: a directory (open), and the name of a single file in it. */
struct destination {
    int dir;
    const char *name; /* NULL: each keeps its own */
};

/* The destination is a directory if it ends with a slash, if there are several sources, or if it is one. */
static int open_destination(int rootfd, const char *path, bool directory, struct destination *d,
                            char buf[NAME_MAX + 1], struct error *err)
{
    struct stat st;
    _cleanup_close_ int there = path_open_in_root(rootfd, path, O_PATH, 0);
    if (there >= 0 && fstat(there, &st) == 0 && S_ISDIR(st.st_mode))
        directory = true;
    _cleanup_free_ char *clean = path_clean(path);
    if (!clean)
        return error_oom(err);
    if (!directory && strcmp(clean, "/") != 0) {
        d->name = last_name(clean, buf);
        *strrchr(clean, '/') = '\0';
    }
    _cleanup_close_ int made = path_mkdir_in_root(rootfd, *clean ? clean : "/", 0755, false);
    if (made < 0)
        return error_sys(err, -made, "make \"%s\" in the image", *clean ? clean : "/");
    d->dir = openat(made, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return d->dir < 0 ? error_sys(err, errno, "open \"%s\" in the image", *clean ? clean : "/") : 0;
}

/* One source. Of a directory the content is copied. */
static int walk_source(struct walk *w, int root, const char *source, const struct destination *d,
                       struct error *err)
{
    struct stat st;
    char buf[NAME_MAX + 1];
    _cleanup_close_ int fd = open_source(w->b, !w->owners, root, source, err);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return error_sys(err, errno, "look at \"%s\"", source);
    if (w->sha)
        hash(w, "source", source, 0, S_ISDIR(st.st_mode) ? "directory" : "file");
    if (S_ISDIR(st.st_mode))
        return walk_content(w, fd, d ? d->dir : -1, source, 0, err);
    return walk_file(w, fd, &st, d ? d->dir : -1, d && d->name ? d->name : last_name(source, buf), source,
                     err);
}

int build_copy_digest(const struct build *b, const struct gunfile_step *step, struct sha256 *sha,
                      struct error *err)
{
    __attribute__((cleanup(walk_free))) struct walk w = {
        .b = b, .sha = sha, .skip_output = b->output.st_ino != 0, .buffer = malloc(CHUNK)};
    if (!w.buffer)
        return error_oom(err);
    size_t n = strv_len(step->words) - 1;
    for (size_t i = 0; i < n; i++) {
        int r = walk_source(&w, b->context, step->words[i], NULL, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int build_copy(const struct build *b, const struct build_layer *layer, int from, int rootfd,
               const char *workdir, struct error *err)
{
    char **words = layer->step->words;
    bool context = layer->step->from < 0;
    size_t n = strv_len(words) - 1;
    __attribute__((cleanup(walk_free))) struct walk w = {
        .b = b, .owners = !context, .skip_output = context && b->output.st_ino != 0, .buffer = malloc(CHUNK)};
    _cleanup_free_ char *to =
        words[n][0] == '/' ? strdup(words[n]) : str_printf("%s/%s", workdir ? workdir : "", words[n]);
    if (!w.buffer || !to)
        return error_oom(err);
    struct stat st;
    _cleanup_close_ int first = open_source(b, context, from, words[0], err);
    if (first < 0)
        return first;
    if (fstat(first, &st) < 0)
        return error_sys(err, errno, "look at \"%s\"", words[0]);
    struct destination d = {.dir = -EBADF};
    char buf[NAME_MAX + 1];
    int r = open_destination(rootfd, to, n > 1 || S_ISDIR(st.st_mode) || str_ends(to, "/"), &d, buf, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = walk_source(&w, from, words[i], &d, err);
    fd_close(&d.dir);
    return r;
}
