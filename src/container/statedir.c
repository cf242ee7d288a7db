#include "container/statedir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "container/container.h"

#define STATE_MAX    (4 << 20)
#define LOCK_WAIT_NS 10000000000LL

void statedir_close(struct statedir *dir)
{
    fd_close(&dir->lock_fd);
    fd_close(&dir->fd);
    fd_close(&dir->root_fd);
}

int statedir_open_root(const struct runtime *rt, struct error *err)
{
    int fd = open(rt->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        return -ENOENT;
    if (fd < 0)
        return error_sys(err, errno, "open the state directory \"%s\"", rt->root);
    return fd;
}

static int make_root(struct statedir *dir, const struct runtime *rt, struct error *err)
{
    _cleanup_error_ struct error ignored = ERROR_INIT;
    int r = statedir_open_root(rt, &ignored);

    if (r == -ENOENT) {
        r = mkdir_parents(rt->root, 0700, err);
        if (r < 0) {
            error_prefix(err, "state directory");
            error_hint(err, "name a directory of your own with --root, or set XDG_RUNTIME_DIR");
            return r;
        }
        /* The sticky bit keeps clean-up of runtime directories away from it (XDG Base Directory). */
        (void)chmod(rt->root, 01700);
        r = statedir_open_root(rt, err);
    } else if (r < 0) {
        error_move(err, &ignored);
    }
    if (r >= 0)
        dir->root_fd = r;
    return r < 0 ? r : 0;
}

static int lock_file(int fd, int cmd, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
    int r;

    do
        r = fcntl(fd, cmd, &lock);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

/* Waits for the lock, but not forever: the holder may hang in a hook, and a clear error beats a silent wait.
 */
static int wait_for_lock(int fd)
{
    struct timespec pause = {.tv_nsec = 1000000};
    long long waited = 0;

    for (;;) {
        int r = lock_file(fd, F_OFD_SETLK, F_WRLCK);
        if (r != -EAGAIN && r != -EACCES)
            return r;
        if (waited > LOCK_WAIT_NS)
            return -EBUSY;
        nanosleep(&pause, NULL);
        waited += pause.tv_nsec;
        if (pause.tv_nsec < 50000000)
            pause.tv_nsec *= 2;
    }
}

int statedir_lock(struct statedir *dir, const char *id, struct error *err)
{
    struct stat opened, named;
    int r;

    dir->lock_fd = openat(dir->fd, STATEDIR_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (dir->lock_fd < 0) {
        if (errno == ENOENT)
            return error_set(err, ENOENT, "container \"%s\" does not exist", id);
        return error_sys(err, errno, "open the lock of container \"%s\"", id);
    }
    r = wait_for_lock(dir->lock_fd);
    if (r == -EBUSY) {
        error_set(err, EBUSY, "container \"%s\" is busy: another call has held its lock for 10 s", id);
        error_hint(err, "wait for that call (a hook may hang), or kill it");
        return r;
    }
    if (r < 0)
        return error_sys(err, -r, "lock container \"%s\"", id);
    /* While we waited, the holder may have removed the container, and another may have been made in its
     * place. */
    if (fstat(dir->fd, &opened) < 0)
        return error_sys(err, errno, "look at the state directory of container \"%s\"", id);
    if (fstatat(dir->root_fd, id, &named, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return error_sys(err, errno, "look at the state directory of container \"%s\"", id);
        return error_set(err, ENOENT, "container \"%s\" does not exist", id);
    }
    if (opened.st_ino != named.st_ino || opened.st_dev != named.st_dev)
        return error_set(err, ENOENT, "container \"%s\" does not exist", id);
    return 0;
}

int statedir_create(struct statedir *dir, const struct runtime *rt, const char *id, struct error *err)
{
    int r = make_root(dir, rt, err);

    if (r < 0)
        return r;
    if (mkdirat(dir->root_fd, id, 0700) < 0) {
        if (errno == EEXIST) {
            error_set(err, EEXIST, "container with id \"%s\" already exists", id);
            error_hint(err, "choose another id, or remove it with: bryo delete --force %s", id);
            return -EEXIST;
        }
        return error_sys(err, errno, "create the state directory \"%s/%s\"", rt->root, id);
    }
    dir->fd = openat(dir->root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir->fd < 0) {
        r = error_sys(err, errno, "open the state directory \"%s/%s\"", rt->root, id);
        (void)unlinkat(dir->root_fd, id, AT_REMOVEDIR);
        return r;
    }
    r = statedir_lock(dir, id, err);
    if (r == -ENOENT) /* what has the name now, if anything, is another's */
        return error_set(err, ECANCELED, "container \"%s\" was deleted while it was being created", id);
    if (r < 0) {
        (void)unlinkat(dir->fd, STATEDIR_LOCK, 0);
        (void)unlinkat(dir->root_fd, id, AT_REMOVEDIR);
    }
    return r;
}

/* The names that bryo gives in a container's directory, and those of their temporary files. */
static bool is_own_name(const char *name)
{
    static const char *const names[] = {
        STATEDIR_LOCK,       STATEDIR_STATE,  STATEDIR_CONFIG,       STATEDIR_MOUNTS,      STATEDIR_WAITING,
        STATEDIR_SOCKET,     STATEDIR_CGROUP, STATEDIR_SOCKET_EARLY, STATEDIR_RESOLV_CONF, STATEDIR_NET_LOG,
        STATEDIR_NET_SOCKET, STATEDIR_NOTIFY, STATEDIR_OOM};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        size_t len = strlen(names[i]);
        if (strcmp(name, names[i]) == 0)
            return true;
        if (name[0] == '.' && strncmp(name + 1, names[i], len) == 0 && name[1 + len] == '.')
            return true;
    }
    return false;
}

int statedir_check_content(const struct statedir *dir, const char *id, struct error *err)
{
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *list = fd < 0 ? NULL : fdopendir(fd);

    if (!list) {
        int code = errno;
        fd_close(&fd);
        return error_sys(err, code, "read the state directory of container \"%s\"", id);
    }
    for (const struct dirent *e; (e = readdir(list));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && !is_own_name(e->d_name)) {
            _cleanup_free_ char *shown = str_quote(e->d_name, 80);
            error_set(err, EEXIST, "\"%s\" is not the state of a container: it holds \"%s\"", id,
                      shown ? shown : "?");
            error_hint(err, "if it is nobody else's, remove it by hand");
            return -EEXIST;
        }
    return 0;
}

/* The root may hold what is not ours (Slurm names /run/user/UID itself). A container's directory has a lock,
 * or is still empty. */
static int has_lock(const struct statedir *dir)
{
    if (faccessat(dir->fd, STATEDIR_LOCK, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 1;
    return errno == ENOENT ? 0 : -errno;
}

/* 1, 0 or -errno. */
static int is_ours(const struct statedir *dir)
{
    int r = has_lock(dir);

    if (r != 0)
        return r;
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *list = fd < 0 ? NULL : fdopendir(fd);
    if (!list) {
        r = -errno;
        fd_close(&fd);
        return r;
    }
    for (struct dirent *e; (e = readdir(list));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            return has_lock(dir); /* it may have got it just now */
    return 1;
}

int statedir_open(struct statedir *dir, const struct runtime *rt, const char *id, bool lock,
                  struct error *err)
{
    int r = statedir_open_root(rt, err);

    if (r == -ENOENT)
        return error_set(err, ENOENT, "container \"%s\" does not exist", id);
    if (r < 0)
        return r;
    dir->root_fd = r;
    dir->fd = openat(dir->root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir->fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
        return error_set(err, ENOENT, "container \"%s\" does not exist", id);
    if (dir->fd < 0)
        return error_sys(err, errno, "open the state directory \"%s/%s\"", rt->root, id);
    r = is_ours(dir);
    if (r == 0)
        return error_set(err, ENOENT, "container \"%s\" does not exist", id);
    if (r < 0)
        return error_sys(err, -r, "look at the state directory \"%s/%s\"", rt->root, id);
    return lock ? statedir_lock(dir, id, err) : 0;
}

/* Does somebody else hold the write lock of @name? */
static int probe(const struct statedir *dir, const char *name)
{
    _cleanup_close_ int fd = openat(dir->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
        return -errno;
    return lock.l_type != F_UNLCK;
}

int statedir_is_locked(const struct statedir *dir)
{
    return probe(dir, STATEDIR_LOCK);
}

int statedir_is_waiting(const struct statedir *dir)
{
    return probe(dir, STATEDIR_WAITING);
}

int statedir_hold_waiting(const struct statedir *dir, struct error *err)
{
    _cleanup_close_ int fd =
        openat(dir->fd, STATEDIR_WAITING, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r;

    if (fd < 0)
        return error_sys(err, errno, "create \"%s\" in the state directory", STATEDIR_WAITING);
    r = lock_file(fd, F_OFD_SETLK, F_WRLCK);
    if (r < 0)
        return error_sys(err, -r, "lock \"%s\" in the state directory", STATEDIR_WAITING);
    return TAKE_FD(fd);
}

int statedir_write(const struct statedir *dir, const struct oci_state *state, struct error *err)
{
    _cleanup_cjson_ cJSON *json = oci_state_to_json(state);
    _cleanup_free_ char *text = json ? json_print(json, false) : NULL;

    if (!text)
        return error_oom(err);
    return file_replace_at(dir->fd, STATEDIR_STATE, text, strlen(text), 0600, err);
}

int statedir_read(const struct statedir *dir, const char *id, struct oci_state **state, struct error *err)
{
    _cleanup_error_ struct error first = ERROR_INIT;
    _cleanup_free_ char *text = NULL;
    _cleanup_cjson_ cJSON *json = NULL;
    size_t len;
    int r = file_read_at(dir->fd, STATEDIR_STATE, STATE_MAX, &text, &len, &first);

    if (r == -ENOENT) {
        error_set(err, ENOENT, "container \"%s\" was never completely created", id);
        error_hint(err, "remove what is left of it with: bryo delete --force %s", id);
        return -ENOENT;
    }
    if (r == 0)
        r = json_parse(STATEDIR_STATE, text, len, &json, &first);
    if (r == 0)
        r = oci_state_parse(json, state, &first);
    if (r == 0)
        return 0;
    error_prefix(&first, "container \"%s\"", id);
    if (r == -EINVAL || r == -ERANGE || r == -EFBIG) {
        error_hint(&first, "its state file is damaged; remove the container with: bryo delete --force %s",
                   id);
        first.code = EBADMSG;
        r = -EBADMSG;
    }
    error_move(err, &first);
    return r;
}

/* MANAGER NUL PATH NUL, then MADE: a path may hold any byte but NUL. */
#define MADE "1"

int statedir_note_cgroup(const struct statedir *dir, const char *manager, const char *path, struct error *err)
{
    _cleanup_close_ int fd =
        openat(dir->fd, STATEDIR_CGROUP, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    size_t n = strlen(manager) + 1, m = strlen(path) + 1;
    _cleanup_free_ char *text = malloc(n + m);

    if (!text)
        return error_oom(err);
    memcpy(text, manager, n);
    memcpy(text + n, path, m);
    int r = fd < 0 ? -errno : fd_write_all(fd, text, n + m);
    if (r < 0)
        return error_sys(err, -r, "write \"%s\" in the state directory", STATEDIR_CGROUP);
    return TAKE_FD(fd);
}

int statedir_cgroup_made(int note, struct error *err)
{
    int r = fd_write_all(note, MADE, strlen(MADE));

    return r < 0 ? error_sys(err, -r, "write \"%s\" in the state directory", STATEDIR_CGROUP) : 0;
}

void cgroup_note_free(struct cgroup_note *note)
{
    free(note->manager);
    free(note->path);
    *note = (struct cgroup_note){0};
}

int statedir_find_cgroup(const struct statedir *dir, struct cgroup_note *note, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    int r = file_read_at(dir->fd, STATEDIR_CGROUP, STATE_MAX, &text, &len, &why);

    if (r == -ENOENT)
        return 0;
    if (r < 0) {
        error_move(err, &why);
        return r;
    }
    size_t n = strnlen(text, len) + 1, m = n < len ? strnlen(text + n, len - n) + 1 : 0;
    if (!m || n + m > len)
        return 0;
    note->manager = strdup(text);
    note->path = strdup(text + n);
    note->made = strcmp(text + n + m, MADE) == 0; /* the text has a NUL behind it */
    return note->manager && note->path ? 0 : error_oom(err);
}

/* All names but that of the lock. */
static int remove_all_but_lock(DIR *list, struct error *err)
{
    rewinddir(list);
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(list);
        if (!e)
            return errno ? error_sys(err, errno, "read the state directory") : 0;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            strcmp(e->d_name, STATEDIR_LOCK) == 0 || unlinkat(dirfd(list), e->d_name, 0) == 0)
            continue;
        int r = remove_tree_at(dirfd(list), e->d_name, err);
        if (r < 0)
            return r;
    }
}

/* The state goes first, for it must not outlive what it tells of, and the lock last: a directory that has one
 * is ours, so whatever a kill or an error leaves can be deleted again. It takes no new descriptor: that there
 * was none may be why the container has to go. */
static int remove_directory(struct statedir *dir, const char *id, struct error *err)
{
    _cleanup_closedir_ DIR *list = NULL;
    int r;

    if (unlinkat(dir->fd, STATEDIR_STATE, 0) < 0 && errno != ENOENT)
        return error_sys(err, errno, "remove \"%s\"", STATEDIR_STATE);
    list = fdopendir(dir->fd);
    if (!list)
        return error_sys(err, errno, "read the state directory");
    dir->fd = -EBADF;
    r = remove_all_but_lock(list, err);
    if (r < 0)
        return r;
    if (unlinkat(dirfd(list), STATEDIR_LOCK, 0) < 0 && errno != ENOENT)
        return error_sys(err, errno, "remove \"%s\"", STATEDIR_LOCK);
    if (unlinkat(dir->root_fd, id, AT_REMOVEDIR) == 0)
        return 0;
    /* Not empty: another call has made a lock of its own, which will find nothing else here. */
    return remove_tree_at(dir->root_fd, id, err);
}

int statedir_remove(struct statedir *dir, const char *id, struct error *err)
{
    int r = remove_directory(dir, id, err);

    if (r < 0)
        error_prefix(err, "container \"%s\"", id);
    return r;
}
