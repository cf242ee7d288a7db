/*
 * Theory of operation of a tally: each file gives two numbers, one for its name and what stat(2) says, one
 * for its content; the tally is the sum of all, so that the order in which directories are read does not
 * matter. A file with several names gives its content once a name. Times of directories are left out.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "helpers/image/interrupt.h"
#include "helpers/image/tree.h"

#define BUFFER_SIZE (256 * 1024)

struct tally {
    uint64_t sum, entries;
    struct strbuf path;
    unsigned char *buffer;
};

/* One word into the state: a multiplication spreads it, the shift brings it down again. */
static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 32;
}

static uint64_t mix_bytes(uint64_t h, const void *data, size_t n)
{
    const unsigned char *p = data;
    uint64_t word;

    for (; n >= sizeof word; n -= sizeof word, p += sizeof word) {
        memcpy(&word, p, sizeof word);
        h = mix(h, word);
    }
    word = n;
    memcpy(&word, p, n);
    return mix(mix(h, word), n);
}

static int add_content(struct tally *t, int at, const char *name, uint64_t seed, struct error *err)
{
    _cleanup_close_ int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    uint64_t h = seed;
    ssize_t n;

    if (fd < 0)
        return error_sys(err, errno, "open");
    /* Files are padded by nothing but their end: whole blocks, then the rest. */
    do {
        size_t have = 0;
        while ((n = read(fd, t->buffer + have, BUFFER_SIZE - have)) > 0 && have + (size_t)n < BUFFER_SIZE)
            have += (size_t)n;
        if (n < 0)
            return error_sys(err, errno, "read");
        have += (size_t)n;
        h = mix_bytes(h, t->buffer, have);
    } while (n > 0 && !interrupted());
    t->sum += h;
    return 0;
}

static int add_entry(struct tally *t, int at, const char *name, const struct stat *st, struct error *err)
{
    bool directory = S_ISDIR(st->st_mode);
    uint64_t fields[] = {st->st_mode,
                         st->st_uid,
                         st->st_gid,
                         directory ? 0 : (uint64_t)st->st_size,
                         directory ? 0 : (uint64_t)st->st_mtim.tv_sec,
                         directory ? 0 : (uint64_t)st->st_mtim.tv_nsec,
                         S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode) ? st->st_rdev : 0};
    uint64_t h = mix_bytes(t->path.len, t->path.data, t->path.len);

    h = mix_bytes(h, fields, sizeof fields);
    if (S_ISLNK(st->st_mode)) {
        ssize_t n = readlinkat(at, name, (char *)t->buffer, BUFFER_SIZE);
        if (n < 0)
            return error_sys(err, errno, "read the link");
        h = mix_bytes(h, t->buffer, (size_t)n);
    }
    t->sum += h;
    t->entries++;
    return S_ISREG(st->st_mode) && st->st_size > 0 ? add_content(t, at, name, h, err) : 0;
}

static int add_directory(struct tally *t, int fd, unsigned depth, struct error *err);

static int add_one(struct tally *t, int at, const char *name, unsigned depth, struct error *err)
{
    size_t len = t->path.len;
    struct stat st;
    int r = 0;

    strbuf_addf(&t->path, "/%s", name);
    if (t->path.oom)
        return error_oom(err);
    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        r = error_sys(err, errno, "stat");
    if (r == 0)
        r = add_entry(t, at, name, &st, err);
    if (r == 0 && S_ISDIR(st.st_mode) && depth < TREE_DEPTH_MAX) {
        int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = fd < 0 ? error_sys(err, errno, "open the directory") : add_directory(t, fd, depth + 1, err);
    }
    t->path.len = len;
    t->path.data[len] = '\0';
    return r;
}

/* What the directory @fd (consumed) holds. */
static int add_directory(struct tally *t, int fd, unsigned depth, struct error *err)
{
    _cleanup_closedir_ DIR *dir = fdopendir(fd);
    int r = 0;

    if (!dir) {
        close(fd);
        return error_oom(err);
    }
    for (struct dirent *e; r == 0 && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            r = add_one(t, dirfd(dir), e->d_name, depth, err);
        if (r == 0 && interrupted())
            r = error_set(err, EINTR, "interrupted");
    }
    return r;
}

int tree_tally(int dir, uint64_t *tally, uint64_t *entries, struct error *err)
{
    _cleanup_free_ unsigned char *buffer = malloc(BUFFER_SIZE);
    struct tally t = {.buffer = buffer};

    strbuf_add(&t.path, "");
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0    ? error_sys(err, errno, "open the tree")
            : !buffer ? error_oom(err)
                      : add_directory(&t, fd, 0, err);
    if (r < 0 && t.path.data && t.path.len > 0) {
        _cleanup_free_ char *shown = str_quote(t.path.data, 200);
        error_prefix(err, "\"%s\"", shown ? shown : "?");
    }
    strbuf_free(&t.path);
    *tally = t.sum;
    *entries = t.entries;
    return r;
}
