/*
 * What is being made, and what is being removed: tmp/.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "store/internal.h"
#include "userns/remove.h"

static int open_tmp(const struct store *s, struct error *err)
{
    int fd = openat(s->fd, STORE_TMP, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    return fd < 0 ? error_sys(err, errno, "open \"%s/" STORE_TMP "\"", s->path) : fd;
}

int store_temp_make(const struct store *s, const char *what, struct store_temp *temp, struct error *err)
{
    /* Making it and locking it are two steps: who sweeps waits for this lock to look. */
    _cleanup_close_ int tmp = open_tmp(s, err);
    if (tmp < 0)
        return tmp;
    (void)flock(tmp, LOCK_SH);
    _cleanup_free_ char *path = str_printf("%s/" STORE_TMP "/%s-XXXXXX", s->path, what);
    if (!path)
        return error_oom(err);
    if (!mkdtemp(path))
        return error_sys(err, errno, "make a directory in \"%s/" STORE_TMP "\"", s->path);
    temp->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    temp->name = strdup(path + strlen(s->path) + 1);
    if (temp->fd < 0 || !temp->name) {
        int code = temp->fd < 0 ? errno : ENOMEM;
        (void)rmdir(path);
        return error_sys(err, code, "open \"%s\"", path);
    }
    (void)flock(temp->fd, LOCK_EX | LOCK_NB);
    temp->store = s;
    temp->path = TAKE_PTR(path);
    return 0;
}

/* A name in tmp/ that nobody else has: pids are not enough, since namespaces may share a home. The caller
 * frees. */
static char *random_name(void)
{
    uint64_t random = 0;

    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return NULL;
    return str_printf(STORE_TMP "/new-%016llx", (unsigned long long)random);
}

/* Puts what @make makes in the place of @dir/@name. Whoever sweeps waits meanwhile: so a file or a link in
 * tmp/ is always litter to him. */
static int replace(const struct store *s, const char *dir, const char *name,
                   int (*make)(const struct store *s, const char *temp, const char *text), const char *text,
                   bool replaced, struct error *err)
{
    _cleanup_free_ char *temp = random_name(), *to = str_printf("%s/%s", dir, name);
    _cleanup_close_ int tmp = open_tmp(s, err);

    if (tmp < 0)
        return tmp;
    if (!temp || !to)
        return error_oom(err);
    (void)flock(tmp, LOCK_SH);
    int r = make(s, temp, text);
    if (r == 0 && replaced && renameat(s->fd, temp, s->fd, to) < 0)
        r = -errno;
    if (r == 0 && !replaced && linkat(s->fd, temp, s->fd, to, 0) < 0)
        r = -errno;
    if (r < 0 || !replaced)
        (void)unlinkat(s->fd, temp, 0);
    if (r == 0 || (r == -EEXIST && !replaced))
        return r;
    return error_sys(err, -r, "write \"%s/%s\"", s->path, to);
}

static int make_file(const struct store *s, const char *temp, const char *text)
{
    _cleanup_close_ int fd = openat(s->fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    return fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
}

int store_write(const struct store *s, const char *dir, const char *name, const char *text, bool replaced,
                struct error *err)
{
    return replace(s, dir, name, make_file, text, replaced, err);
}

static int make_link(const struct store *s, const char *temp, const char *target)
{
    return symlinkat(target, s->fd, temp) < 0 ? -errno : 0;
}

int store_link(const struct store *s, const char *dir, const char *name, const char *target,
               struct error *err)
{
    return replace(s, dir, name, make_link, target, true, err);
}

void store_temp_close(struct store_temp *temp)
{
    if (temp->path)
        (void)tree_remove_mapped(temp->store->map, temp->path, NULL);
    free(temp->path);
    free(temp->name);
    temp->path = temp->name = NULL;
    fd_close(&temp->fd);
}

static int sweep_locks(const struct store *s)
{
    int fd = openat(s->fd, STORE_LOCKS, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), n = 0;
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        _cleanup_close_ int lock = openat(dirfd(dir), e->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0 && unlinkat(dirfd(dir), e->d_name, 0) == 0)
            n++;
    }
    return n;
}

/* Is the directory nobody's? Its descriptor, which has the lock now, or a negative number. */
static int claim(int tmp, const char *name)
{
    int fd = openat(tmp, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
        fd_close(&fd);
    return fd;
}

int store_sweep(const struct store *s, struct error *err)
{
    int fd = open_tmp(s, err), n = 0, first = 0;
    if (fd < 0)
        return fd;
    _cleanup_closedir_ DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return error_oom(err);
    }
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return 0; /* no locks: nobody can tell what is litter */
    _cleanup_strv_ char **litter = NULL;
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        _cleanup_close_ int mine = claim(fd, e->d_name);
        if (mine >= 0 && strv_add(&litter, e->d_name) < 0)
            return error_oom(err);
        /* No directory: the half-written copy of a link or a record. */
        if (mine < 0 && (errno == ENOTDIR || errno == ELOOP))
            n += unlinkat(fd, e->d_name, 0) == 0;
    }
    /* Behind the lock: whoever makes something new takes a name that is not there, and these are. Two who
     * sweep at once remove the same, which does no harm. */
    (void)flock(fd, LOCK_UN);
    STRV_FOREACH (name, litter) {
        _cleanup_free_ char *path = str_printf("%s/" STORE_TMP "/%s", s->path, *name);
        int r = path ? tree_remove_mapped(s->map, path, first ? NULL : err) : error_oom(err);
        n += r == 0;
        first = first ? first : r;
    }
    return first < 0 ? first : n + sweep_locks(s);
}
