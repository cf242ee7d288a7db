#include "sandbox/build_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "net/resolv.h"

#define FILE_MAX ((size_t)1 << 20)

void build_guest_free(struct build_guest *g)
{
    for (size_t i = 0; i < BUILD_GUEST_FILES; i++) {
        free(g->files[i].given);
        free(g->files[i].before);
    }
    strv_free(g->places);
    *g = (struct build_guest){.rootfd = -EBADF};
}

/* What is there now: 0 and the text, or nothing (*text NULL). -EISDIR for what is neither file nor link. */
static int look(int etc, const char *name, struct stat *st, char **text, struct error *err)
{
    *text = NULL;
    if (fstatat(etc, name, st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : error_sys(err, errno, "look at /etc/%s", name);
    if (S_ISLNK(st->st_mode)) {
        char target[4096];
        ssize_t n = readlinkat(etc, name, target, sizeof target - 1);
        if (n < 0)
            return error_sys(err, errno, "read the link /etc/%s", name);
        *text = strndup(target, (size_t)n);
        return *text ? 0 : error_oom(err);
    }
    if (!S_ISREG(st->st_mode) || st->st_size > (off_t)FILE_MAX)
        return -EISDIR;
    _cleanup_close_ int fd = openat(etc, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    *text = calloc(1, (size_t)st->st_size + 1);
    if (!*text)
        return error_oom(err);
    ssize_t n = fd < 0 ? -1 : read(fd, *text, (size_t)st->st_size);
    if (n < 0)
        return error_sys(err, errno, "read /etc/%s", name);
    (*text)[n] = '\0';
    return 0;
}

static int open_etc(int rootfd, bool make)
{
    if (make) {
        int made = path_mkdir_in_root(rootfd, "/etc", 0755, false);
        if (made < 0)
            return made;
        close(made);
    }
    return path_open_in_root(rootfd, "/etc", O_RDONLY | O_DIRECTORY, 0);
}

static int put_file(struct build_guest *g, size_t i, int etc, const char *name, char *text, struct error *err)
{
    _cleanup_free_ char *given = text;
    struct stat st;
    int r = look(etc, name, &g->files[i].st, &g->files[i].before, err);
    if (r == -EISDIR) /* the image wants it so */
        return 0;
    if (r == 0)
        r = file_replace_at(etc, name, given, strlen(given), 0644, err);
    if (r == 0 && fstatat(etc, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        r = error_sys(err, errno, "look at /etc/%s", name);
    if (r < 0)
        return r;
    g->files[i].name = name;
    g->files[i].given = TAKE_PTR(given);
    g->files[i].made[0] = st.st_mtim;
    g->files[i].made[1] = st.st_ctim;
    return 0;
}

/* Notes @path and those of its parents that are not there. */
static int note_place(struct build_guest *g, const char *path, struct error *err)
{
    size_t len = strlen(path);
    for (size_t n = 1; n <= len; n++) {
        if (n < len && path[n] != '/')
            continue;
        _cleanup_free_ char *part = strndup(path, n);
        if (!part)
            return error_oom(err);
        _cleanup_close_ int fd = path_open_in_root(g->rootfd, part, O_PATH | O_NOFOLLOW, 0);
        if (fd == -ENOENT && !strv_has(g->places, part) && strv_add(&g->places, part) < 0)
            return error_oom(err);
    }
    return 0;
}

int build_guest_arrive(struct build_guest *g, int rootfd, const char *hostname, const struct net_spec *net,
                       const cJSON *mounts, struct error *err)
{
    *g = (struct build_guest){.rootfd = rootfd};
    const cJSON *one;
    int r = note_place(g, "/etc", err);
    cJSON_ArrayForEach (one, mounts) {
        const cJSON *to = cJSON_GetObjectItemCaseSensitive(one, "destination");
        if (r == 0 && cJSON_IsString(to))
            r = note_place(g, to->valuestring, err);
    }
    if (r < 0)
        return r;
    _cleanup_close_ int etc = open_etc(rootfd, true);
    if (etc < 0)
        return error_sys(err, -etc, "open \"/etc\" of the image");
    char *resolv = NULL,
         *hosts = str_printf("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 %s\n",
                             hostname);
    char *name = str_printf("%s\n", hostname);
    r = hosts ? put_file(g, 0, etc, "hosts", hosts, err) : error_oom(err);
    if (r == 0)
        r = name ? put_file(g, 1, etc, "hostname", TAKE_PTR(name), err) : error_oom(err);
    free(name);
    if (r == 0 && net->kind == NET_SLIRP)
        r = net_resolv_conf(net, &resolv, err);
    return r == 0 && resolv ? put_file(g, 2, etc, "resolv.conf", resolv, err) : r;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Makes /etc/NAME what it was. */
static int put_back(struct build_guest *g, size_t i, int etc, struct error *err)
{
    const char *name = g->files[i].name, *before = g->files[i].before;
    const struct stat *st = &g->files[i].st;
    int r = 0;
    if ((!before || S_ISLNK(st->st_mode)) && unlinkat(etc, name, 0) < 0)
        return error_sys(err, errno, "remove /etc/%s", name);
    if (!before)
        return 0;
    if (S_ISLNK(st->st_mode))
        return symlinkat(before, etc, name) < 0 ? error_sys(err, errno, "make the link /etc/%s", name) : 0;
    r = file_replace_at(etc, name, before, (size_t)st->st_size, st->st_mode & 07777, err);
    if (r == 0 && fchownat(etc, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        r = error_sys(err, errno, "give /etc/%s its owner", name);
    const struct timespec times[2] = {st->st_mtim, st->st_mtim};
    if (r == 0 && utimensat(etc, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        r = error_sys(err, errno, "give /etc/%s its time", name);
    return r;
}

static int leave_files(struct build_guest *g, struct error *err)
{
    _cleanup_close_ int etc = open_etc(g->rootfd, false);
    if (etc < 0) /* the command took it away */
        return 0;
    for (size_t i = 0; i < BUILD_GUEST_FILES; i++) {
        struct stat st;
        if (!g->files[i].name)
            continue;
        _cleanup_free_ char *now = NULL;
        int r = look(etc, g->files[i].name, &st, &now, err);
        if (r == -EISDIR || (r == 0 && (!now || !S_ISREG(st.st_mode) || strcmp(now, g->files[i].given) != 0 ||
                                        !same_time(&st.st_mtim, &g->files[i].made[0]) ||
                                        !same_time(&st.st_ctim, &g->files[i].made[1]))))
            continue; /* the command has done something with it: so it is the command's */
        if (r == 0)
            r = put_back(g, i, etc, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int build_guest_leave(struct build_guest *g, struct error *err)
{
    int r = leave_files(g, err);
    for (size_t i = strv_len(g->places); r == 0 && i-- > 0;) {
        const char *path = g->places[i], *name = strrchr(path, '/');
        _cleanup_free_ char *parent = strndup(path, name == path ? 1 : (size_t)(name - path));
        if (!parent)
            return error_oom(err);
        _cleanup_close_ int dir = path_open_in_root(g->rootfd, parent, O_PATH | O_DIRECTORY, 0);
        struct stat st;
        if (dir < 0 || fstatat(dir, name + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        /* Only what is still empty: a directory that the command filled is the command's. */
        if (S_ISDIR(st.st_mode))
            (void)unlinkat(dir, name + 1, AT_REMOVEDIR);
        else if (S_ISREG(st.st_mode) && st.st_size == 0)
            (void)unlinkat(dir, name + 1, 0);
    }
    return r;
}
