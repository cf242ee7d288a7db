/*
 * Skeletons of the host's directories, cached.
 *
 * Theory of operation. Whoever creates a file in a directory that overlayfs has to copy up first needs an
 * owner for the copy; one that the user namespace does not know is refused (CVE-2023-0386 is why). An empty
 * directory of the caller's own in a layer between has an owner that is known, shows the same names, and is
 * copied up in place of the host's. `tree/` holds such directories for the places where programs get
 * installed; how deep is a table. The files in them stay what they are: they can be replaced and removed,
 * which is a matter of the directory, but not written to.
 *
 * A directory that the host no longer has would still be seen, so a skeleton is used only while the host's
 * are the same: `index` tells inode and time of change of every directory that was listed, and looking at
 * those is a hundred times cheaper than making them. One that does not fit is made anew; the old one goes
 * when no sandbox holds its lock.
 */
#include "sandbox/host_skel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "sandbox/host_rules.h"

#define DIRECTORIES_MAX 4096
#define INDEX_MAX       (4u << 20)
#define INDEX_NAME      "index"
#define OVERFLOW_ID     65534 /* kernel.overflowuid */
#define VERSION         "bryo host directories 1"

/* How many levels below each are taken; what is above them is taken too. Places where directories come and go
 * end it: their time of change would not let a skeleton grow old. */
static const struct {
    const char *path;
    int depth;
} places[] = {
    {"/boot", 0},    {"/etc", 3},          {"/opt", 2},           {"/srv", 1},
    {"/usr", 2},     {"/usr/local", 4},    {"/usr/share/man", 2}, {"/usr/lib/systemd", 2},
    {"/var", 2},     {"/var/lib/dpkg", 2}, {"/var/lib/apt", 2},   {"/var/cache/apt", 2},
    {"/var/tmp", 0}, {"/var/spool", 0},    {"/mnt", 0},           {"/media", 0},
};

/* One skeleton in the making. */
struct maker {
    struct strbuf index;
    unsigned count;
    dev_t dev;
};

static int depth_of(const char *path)
{
    int depth = -1;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++)
        if (!strcmp(path, places[i].path))
            depth = places[i].depth;
    return depth;
}

static void note(struct strbuf *index, const struct stat *st, const char *path)
{
    strbuf_addf(index, "%llu %lld.%09ld %s\n", (unsigned long long)st->st_ino, (long long)st->st_ctim.tv_sec,
                st->st_ctim.tv_nsec, path);
}

static int list_into(struct maker *m, int from, int to, const char *path, int depth, struct error *err);

/* The directory @name of the host's @from, once in @to. One the caller can't list is not taken. */
static int take(struct maker *m, int from, int to, const char *name, const char *path, int depth,
                struct error *err)
{
    _cleanup_close_ int sub = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (sub < 0 || fstat(sub, &st) < 0 || st.st_dev != m->dev || m->count >= DIRECTORIES_MAX)
        return 0;
    m->count++;
    if (mkdirat(to, name, 0700) < 0 || fchmodat(to, name, (st.st_mode & 07777) | 0700, 0) < 0)
        return error_sys(err, errno, "make the directory for \"%s\"", path);
    if (depth <= 0)
        return 0;
    _cleanup_close_ int mine = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (mine < 0)
        return error_sys(err, errno, "open the directory for \"%s\"", path);
    note(&m->index, &st, path);
    return list_into(m, sub, mine, path, depth, err);
}

static int list_into(struct maker *m, int from, int to, const char *path, int depth, struct error *err)
{
    int copy = fcntl(from, F_DUPFD_CLOEXEC, 3), r = 0;
    _cleanup_closedir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir)
        return error_sys(err, errno, "list \"%s\"", path);
    for (struct dirent *e; r == 0 && (e = readdir(dir));) {
        if ((e->d_type != DT_DIR && e->d_type != DT_UNKNOWN) || !strcmp(e->d_name, ".") ||
            !strcmp(e->d_name, "..") || strchr(e->d_name, '\n'))
            continue;
        _cleanup_free_ char *sub = str_printf("%s/%s", path, e->d_name);
        if (!sub)
            return error_oom(err);
        int deeper = depth_of(sub);
        if (deeper < 0)
            deeper = depth - 1;
        r = take(m, from, to, e->d_name, sub, deeper, err);
    }
    return r;
}

/* The top directories of the table; what is deeper is met on the way. */
static int fill(struct maker *m, int tree, struct error *err)
{
    _cleanup_close_ int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return error_sys(err, errno, "open \"/\"");
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(places); i++) {
        const char *name = places[i].path + 1;
        struct stat st;
        if (strchr(name, '/') || fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
            continue;
        m->dev = st.st_dev;
        r = take(m, root, tree, name, places[i].path, places[i].depth, err);
    }
    return r == 0 && m->index.oom ? error_oom(err) : r;
}

/* Does the host still look like the text of an index says? *name points into it: the skeleton it is of. */
static bool is_current(char *text, const char **name)
{
    char *rest = text;
    const char *version = strsep(&rest, "\n");
    *name = rest ? strsep(&rest, "\n") : NULL;
    if (strcmp(version, VERSION) != 0 || !*name || strchr(*name, '/') || **name == '.')
        return false;
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        char *path = strchr(line, '/');
        struct stat st;
        _cleanup_strbuf_ struct strbuf now = {0};
        if (!path || lstat(path, &st) < 0)
            return false;
        note(&now, &st, path);
        if (now.oom || strncmp(now.data, line, strlen(line)) != 0 || now.data[strlen(line)] != '\n')
            return false;
    }
    return true;
}

/* Opens and locks the skeleton @name. Returns whether it is there. */
static bool use(const char *base, int base_fd, const char *name, struct host_skel *skel)
{
    struct stat st;
    _cleanup_close_ int lock = openat(base_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* One that is being removed has no links left, or soon not its tree. */
    if (lock < 0 || flock(lock, LOCK_SH | LOCK_NB) < 0 || fstat(lock, &st) < 0 || st.st_nlink == 0)
        return false;
    skel->fd = openat(lock, "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    skel->path = skel->fd < 0 ? NULL : str_printf("%s/%s/tree", base, name);
    if (!skel->path)
        return false;
    skel->lock = TAKE_FD(lock);
    return true;
}

/* Makes a new one and puts its name into the index. */
static int make(const char *base, int base_fd, struct host_skel *skel, struct error *err)
{
    _cleanup_free_ char *path = str_printf("%s/XXXXXX", base);
    struct maker m = {0};
    if (!path)
        return error_oom(err);
    (void)flock(base_fd, LOCK_SH); /* who sweeps does not see it without its lock */
    if (!mkdtemp(path))
        return error_sys(err, errno, "make a directory in \"%s\"", base);
    const char *name = strrchr(path, '/') + 1;
    _cleanup_close_ int lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0 || flock(lock, LOCK_SH) < 0 || mkdirat(lock, "tree", 0755) < 0)
        return error_sys(err, errno, "make \"%s/tree\"", path);
    (void)flock(base_fd, LOCK_UN);
    _cleanup_close_ int tree = openat(lock, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tree < 0)
        return error_sys(err, errno, "open \"%s/tree\"", path);
    strbuf_addf(&m.index, VERSION "\n%s\n", name);
    int r = fill(&m, tree, err);
    if (r == 0)
        r = file_replace_at(base_fd, INDEX_NAME, m.index.data, m.index.len, 0600, err);
    strbuf_free(&m.index);
    if (r == 0 && !use(base, base_fd, name, skel))
        r = error_sys(err, errno, "open \"%s/tree\"", path);
    return r;
}

/* Removes those that nobody uses, but not @keep. */
static void sweep(const char *base, const char *keep)
{
    _cleanup_closedir_ DIR *dir = opendir(base);
    if (!dir || flock(dirfd(dir), LOCK_EX | LOCK_NB) < 0)
        return;
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.' || !strcmp(e->d_name, INDEX_NAME) || host_path_within(keep, e->d_name))
            continue;
        _cleanup_close_ int fd =
            openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            (void)remove_tree_at(dirfd(dir), e->d_name, NULL);
    }
}

/* Does the user namespace know who owns the host's directories? Then overlayfs copies them as they are. The
 * number of an owner that is unknown to the caller's own namespace says nothing. */
static bool knows_owner(const struct idmap *map)
{
    struct stat st;
    bool uid = false, gid = false;
    if (stat("/", &st) < 0)
        return false;
    for (size_t i = 0; i < map->uids.count; i++)
        uid |= st.st_uid - map->uids.items[i].host_id < map->uids.items[i].size;
    for (size_t i = 0; i < map->gids.count; i++)
        gid |= st.st_gid - map->gids.items[i].host_id < map->gids.items[i].size;
    return uid && gid && st.st_uid != OVERFLOW_ID && st.st_gid != OVERFLOW_ID;
}

int host_skel_open(struct host_box *box, const struct idmap *map, struct host_skel *skel, struct error *err)
{
    const char *slash = strrchr(box->path, '/');
    _cleanup_free_ char *base = str_printf("%.*s-directories", (int)(slash - box->path), box->path);
    _cleanup_free_ char *index = NULL;
    const char *name;
    if (!base)
        return error_oom(err);
    if (knows_owner(map))
        return 0;
    int r = mkdir_parents(base, 0700, err);
    if (r < 0)
        return r;
    _cleanup_close_ int fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_sys(err, errno, "open \"%s\"", base);
    bool found = file_read_at(fd, INDEX_NAME, INDEX_MAX, &index, NULL, NULL) == 0 &&
                 is_current(index, &name) && use(base, fd, name, skel);
    if (!found) {
        r = make(base, fd, skel, err);
        if (r == 0)
            sweep(base, skel->path + strlen(base) + 1);
    }
    box->skel_lock = TAKE_FD(skel->lock);
    return r;
}

bool host_skel_has(const struct host_skel *skel, const char *path)
{
    struct stat st;
    return skel->fd >= 0 && path[1] && fstatat(skel->fd, path + 1, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int copy_tree(int from, int to, const char *path, char ***made)
{
    int copy = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
    _cleanup_closedir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir)
        return -errno;
    for (struct dirent *e; r == 0 && (e = readdir(dir));) {
        struct stat st;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (fstatat(from, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || mkdirat(to, e->d_name, 0700) < 0 ||
            fchmodat(to, e->d_name, st.st_mode & 07777, 0) < 0)
            return -errno;
        _cleanup_free_ char *one = str_printf("%s/%s", path, e->d_name);
        if (!one || strv_add(made, one) < 0)
            return -ENOMEM;
        if (st.st_nlink == 2)
            continue;
        _cleanup_close_ int sub = openat(from, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_close_ int mine = openat(to, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = sub < 0 || mine < 0 ? -errno : copy_tree(sub, mine, one, made);
    }
    return r;
}

int host_skel_copy(const struct host_skel *skel, const char *path, int upper, char ***made, struct error *err)
{
    _cleanup_close_ int from = openat(skel->fd, path + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int r = from < 0 ? -errno : copy_tree(from, upper, path, made);
    return r < 0 ? error_sys(err, -r, "make the directories of \"%s\" for the sandbox", path) : 0;
}

void host_skel_close(struct host_skel *skel)
{
    free(skel->path);
    fd_close(&skel->fd);
    fd_close(&skel->lock);
    skel->path = NULL;
}
