/*
 * The user's cache directory, where sandboxes live while they run.
 *
 * Theory of operation: each sandbox has a directory NAME-XXXXXX and holds a flock(2) on it; the kernel lets
 * go of the lock when the last process that has the descriptor is gone, however it ended. A directory without
 * the lock is litter, unless a file `keep` in it names a container state that still exists. Making a
 * directory and locking it is not one step, so makers hold a shared lock on the cache itself meanwhile, and
 * who sweeps needs an exclusive one to look at the directories.
 */
#include "sandbox/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "sandbox/sandbox.h"
#include "userns/idmap.h"
#include "userns/remove.h"

#define KEEP_FILE "keep"
#define SWEEP_MAX 64 /* in one go */

/* The path of @what in the cache; makes nothing. The caller frees; NULL with errno ENOENT if there is no
 * home. @ask: look into the user database if the environment does not say, which loads what libc has for
 * that. */
static char *cache_path(const char *what, bool ask)
{
    const char *xdg = getenv("XDG_CACHE_HOME");
    if (xdg && xdg[0] == '/')
        return str_printf("%s/bryo/%s", xdg, what);
    const char *home = getenv("HOME");
    if (!home || home[0] != '/') {
        const struct passwd *pw = ask ? getpwuid(geteuid()) : NULL;
        home = pw && pw->pw_dir && pw->pw_dir[0] == '/' ? pw->pw_dir : NULL;
    }
    if (home)
        return str_printf("%s/.cache/bryo/%s", home, what);
    errno = ENOENT;
    return NULL;
}

static int hint_cache(struct error *err, int r)
{
    error_hint(err, "sandboxes live below $XDG_CACHE_HOME, else ~/.cache: set XDG_CACHE_HOME to a "
                    "directory of your own with room for the unpacked image");
    return r;
}

int run_dir_make(const char *name, struct run_dir *dir, struct error *err)
{
    _cleanup_free_ char *cache = cache_path("sandbox", true);
    if (!cache && errno == ENOENT)
        return hint_cache(err, error_set(err, ENOENT,
                                         "find the cache directory: neither HOME nor XDG_CACHE_HOME "
                                         "is an absolute path"));
    if (!cache)
        return error_oom(err);
    int r = mkdir_parents(cache, 0700, err);
    if (r < 0)
        return hint_cache(err, r);
    _cleanup_close_ int cache_fd = open(cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cache_fd < 0)
        return hint_cache(err, error_sys(err, errno, "open the cache directory \"%s\"", cache));
    (void)flock(cache_fd, LOCK_SH); /* where locks are not possible nobody sweeps either */

    /* Container names may be longer than file names. */
    _cleanup_free_ char *path = str_printf("%s/%.200s-XXXXXX", cache, name);
    if (!path)
        return error_oom(err);
    if (!mkdtemp(path))
        return hint_cache(err, error_sys(err, errno, "make a directory in \"%s\"", cache));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        r = error_sys(err, errno, "open \"%s\"", path);
        rmdir(path);
        return r;
    }
    (void)flock(fd, LOCK_EX | LOCK_NB);
    dir->fd = fd;
    dir->path = TAKE_PTR(path);
    return 0;
}

int cache_open_indexes(struct error *err)
{
    _cleanup_free_ char *path = cache_path("index", true);
    if (!path)
        return errno == ENOENT ? error_set(err, ENOENT, "there is no cache directory") : error_oom(err);
    int r = mkdir_parents(path, 0700, err);
    if (r < 0)
        return r;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_sys(err, errno, "open \"%s\"", path);
    if (st.st_uid != geteuid() || (st.st_mode & 077))
        return error_set(err, EPERM, "\"%s\" is not uid %u's alone (mode 0700)", path, (unsigned)geteuid());
    return TAKE_FD(fd);
}

int run_dir_keep(const struct run_dir *dir, const char *state_dir, struct error *err)
{
    return file_replace_at(dir->fd, KEEP_FILE, state_dir, strlen(state_dir), 0600, err);
}

void run_dir_close(struct run_dir *dir)
{
    free(dir->path);
    dir->path = NULL;
    fd_close(&dir->fd);
}

static bool is_kept(int fd)
{
    _cleanup_free_ char *state_dir = NULL;
    if (faccessat(fd, KEEP_FILE, F_OK, 0) < 0)
        return false;
    if (file_read_at(fd, KEEP_FILE, 8192, &state_dir, NULL, NULL) < 0)
        return true;
    return access(state_dir, F_OK) == 0 || errno != ENOENT;
}

/* Takes the lock of a directory that nobody uses or keeps. Returns its descriptor, to be held while it is
 * removed, or -1. */
static int claim(int cache_fd, const char *name)
{
    size_t len = strlen(name);
    if (len < 8 || name[len - 7] != '-')
        return -1;
    int fd = openat(cache_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 || is_kept(fd)) {
        close(fd);
        return -1;
    }
    return fd;
}

void sandbox_sweep(void)
{
    _cleanup_free_ char *cache = cache_path("sandbox", false);
    if (!cache)
        return;
    _cleanup_closedir_ DIR *list = opendir(cache);
    if (!list || flock(dirfd(list), LOCK_EX | LOCK_NB) < 0)
        return;
    /* Claimed first and removed behind it, so that new sandboxes need not wait for the removal. */
    struct {
        int fd;
        char *path;
    } litter[SWEEP_MAX];
    size_t n = 0;
    for (struct dirent *e; n < SWEEP_MAX && (e = readdir(list));) {
        litter[n].fd = claim(dirfd(list), e->d_name);
        if (litter[n].fd < 0)
            continue;
        litter[n].path = str_printf("%s/%s", cache, e->d_name);
        n++;
    }
    (void)flock(dirfd(list), LOCK_UN);
    _cleanup_idmap_ struct idmap map = {0};
    if (n > 0)
        (void)idmap_default(&map, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        if (litter[i].path)
            (void)tree_remove_mapped(&map, litter[i].path, NULL);
        free(litter[i].path);
        close(litter[i].fd);
    }
}
