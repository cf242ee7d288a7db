#include "sandbox/index.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "sandbox/cache.h"

/* More than that, and the ones that were not used for the longest time go. */
#define FILES_MAX 64
#define BYTES_MAX (256ll << 20)

void saved_index_open(struct saved_index *s, int archive)
{
    _cleanup_error_ struct error ignored = ERROR_INIT;
    struct stat st;

    *s = SAVED_INDEX_INIT;
    if (fstat(archive, &st) < 0)
        return;
    s->dir = cache_open_indexes(&ignored);
    if (s->dir < 0)
        return;
    /* By inode: whoever replaces the file gets a new one, and the old index is of no use to anybody. */
    snprintf(s->name, sizeof s->name, "%llx-%llx", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    s->fd = openat(s->dir, s->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (s->fd >= 0) /* used now */
        (void)utimensat(s->dir, s->name,
                        (const struct timespec[2]){{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}},
                        AT_SYMLINK_NOFOLLOW);
}

/* Removes one file if there are too many. Returns whether there may be more to do. */
static bool remove_oldest(const struct saved_index *s)
{
    int copy = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *list = copy < 0 ? NULL : fdopendir(copy);
    char oldest[NAME_MAX + 1] = "";
    time_t when = 0;
    long long bytes = 0;
    unsigned files = 0;

    if (!list)
        fd_close(&copy);
    for (struct dirent *e; list && (e = readdir(list));) {
        struct stat st;
        if (fstatat(s->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
            continue;
        files++;
        bytes += st.st_size;
        if (strcmp(e->d_name, s->name) != 0 && (!*oldest || st.st_mtime < when)) {
            when = st.st_mtime;
            snprintf(oldest, sizeof oldest, "%s", e->d_name);
        }
    }
    return *oldest && (files > FILES_MAX || bytes > BYTES_MAX) && unlinkat(s->dir, oldest, 0) == 0;
}

void saved_index_store(struct saved_index *s, int from, size_t offset, size_t len)
{
    _cleanup_error_ struct error ignored = ERROR_INIT;
    struct stat st;

    if (s->dir < 0 || len == 0 || (long long)len > BYTES_MAX || fstat(from, &st) < 0 ||
        offset > (size_t)st.st_size || len > (size_t)st.st_size - offset)
        return;
    void *data = mmap(NULL, len, PROT_READ, MAP_PRIVATE, from, (off_t)offset);
    if (data == MAP_FAILED)
        return;
    if (file_replace_at(s->dir, s->name, data, len, 0600, &ignored) == 0)
        while (remove_oldest(s))
            ;
    munmap(data, len);
}

void saved_index_close(struct saved_index *s)
{
    fd_close(&s->fd);
    fd_close(&s->dir);
}
