/*
 * From the mounts of the host to the mounts of the sandbox.
 *
 * Theory of operation. The obvious overlay, with "/" as its lower layer, the kernel refuses in a user
 * namespace: what is mounted below a lower layer would be uncovered by it, and mounts taken over from outside
 * are locked to what they cover. So a directory with mounts below it becomes a stump, a plain directory in
 * the box with the same names in it: what is a directory there is looked at the same way, links are made
 * anew, small files are copied. A directory without mounts below it becomes an overlay of its own. A usual
 * host has one stump, its root, and about a dozen overlays.
 *
 * An overlay has its upper and its work directory in the box (upper/N, work/N). The upper one gives the root
 * of the overlay its mode and owner. "userxattr" keeps overlayfs' notes in attributes that the caller may
 * write; "volatile" saves the sync of the whole disk at each unmount: what was written survives every kill,
 * and is read again only when the box is looked at. Directories of owners that do not exist in the user
 * namespace (root's, for an ordinary user) can't be written to through an overlay, even by its root: between
 * lower and upper lies a layer with the usual ones of them (sandbox/host_skel.h).
 */
#include "sandbox/host_layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "sandbox/host_rules.h"
#include "sandbox/host_skel.h"
#include "sandbox/mounts.h"

#define STUMP_ENTRIES_MAX 1024
#define STUMP_COPY_MAX    (8 << 20) /* a larger file of a stump is bound read-only */

struct building {
    struct host_box *box;
    struct host_mounts mounts;
    struct host_skel skel;
    cJSON *out;
    unsigned n_overlays;
    bool read_only;
    char *work[2]; /* where work is done: home and working directory of the caller */
};

static int visit(struct building *b, const char *path, const struct host_mount *on, struct error *err);

static int add_overlay_mount(const struct building *b, const char *path, const struct host_mount *on,
                             unsigned number, struct error *err)
{
    bool skel = host_skel_has(&b->skel, path) && !host_path_within(b->skel.path, path);
    _cleanup_strv_ char **options = NULL;
    _cleanup_cjson_ cJSON *mount = cJSON_CreateObject();
    char *words[] = {
        str_printf("lowerdir=%s%s%s%s", skel ? b->skel.path : "", skel ? path : "", skel ? ":" : "", path),
        str_printf("upperdir=%s/upper/%u", b->box->path, number),
        str_printf("workdir=%s/work/%u", b->box->path, number),
        strdup("userxattr"),
        strdup("volatile"),
        strdup("nodev"),
    };
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (!words[i] || strv_take(&options, TAKE_PTR(words[i])) < 0)
            r = -ENOMEM;
    if (r < 0 || (on->nosuid && strv_add(&options, "nosuid") < 0) ||
        (on->noexec && strv_add(&options, "noexec") < 0) || (b->read_only && strv_add(&options, "ro") < 0) ||
        !mount || json_add_string(mount, "destination", path) < 0 ||
        json_add_string(mount, "type", "overlay") < 0 || json_add_string(mount, "source", "overlay") < 0 ||
        json_add_strv(mount, "options", options) < 0 || !cJSON_AddItemToArray(b->out, mount))
        return error_oom(err);
    TAKE_PTR(mount);
    return 0;
}

static int make_dir(int dirfd, const char *name, mode_t mode, struct error *err)
{
    /* The umask has no say, and the caller may need to write where the host lets nobody. */
    if (mkdirat(dirfd, name, 0700) < 0 || fchmodat(dirfd, name, mode | 0700, 0) < 0)
        return error_sys(err, errno, "make \"%s\" for the sandbox", name);
    return 0;
}

/* Makes the directories that lead from @path to @deep in the upper directory @upper: those of other owners on
 * the way could not be copied up, and then nothing below them. */
static int make_way(const char *path, const char *deep, int upper, char ***made, struct error *err)
{
    _cleanup_close_ int host = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int mine = fcntl(upper, F_DUPFD_CLOEXEC, 3);
    _cleanup_free_ char *rest = strdup(deep + strlen(path));
    _cleanup_strbuf_ struct strbuf whole = {0};
    char *save = NULL;
    strbuf_add(&whole, path);
    if (host < 0 || mine < 0 || !rest)
        return error_sys(err, errno, "make the way to \"%s\"", deep);
    for (char *name = strtok_r(rest, "/", &save); name; name = strtok_r(NULL, "/", &save)) {
        struct stat st;
        int next = openat(host, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0) /* not there, or a link: overlayfs knows as well as we do */
            return 0;
        fd_close(&host);
        host = next;
        if (fstat(host, &st) < 0 || (mkdirat(mine, name, 0700) < 0 && errno != EEXIST) ||
            fchmodat(mine, name, (st.st_mode & 07777) | 0700, 0) < 0)
            return error_sys(err, errno, "make the way to \"%s\"", deep);
        strbuf_addf(&whole, "/%s", name);
        if (whole.oom || strv_add(made, whole.data) < 0)
            return error_oom(err);
        next = openat(mine, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return error_sys(err, errno, "make the way to \"%s\"", deep);
        fd_close(&mine);
        mine = next;
    }
    return 0;
}

/* What an upper directory holds from the start: nothing of which is a difference. */
static int fill_upper(const struct building *b, const char *path, const char *upper, char ***made,
                      struct error *err)
{
    _cleanup_close_ int fd = host_box_open_dir(b->box, upper);
    if (fd < 0)
        return error_sys(err, -fd, "open \"%s/%s\"", b->box->path, upper);
    bool has = host_skel_has(&b->skel, path) && host_path_within(b->skel.path, path);
    int r = has ? host_skel_copy(&b->skel, path, fd, made, err) : 0;
    for (size_t i = 0; r == 0 && b->skel.path && i < ARRAY_SIZE(b->work); i++)
        if (b->work[i] && host_path_within(b->work[i], path))
            r = make_way(path, b->work[i], fd, made, err);
    return r;
}

/* The place of @path below the root of the sandbox is a directory already: the stump around it made it. */
static int overlay(struct building *b, const char *path, const struct host_mount *on, struct error *err)
{
    char upper[32], work[32];
    struct stat st;
    unsigned number = b->n_overlays++;

    snprintf(upper, sizeof upper, "upper/%u", number);
    snprintf(work, sizeof work, "work/%u", number);
    if (stat(path, &st) < 0)
        return error_sys(err, errno, "look at \"%s\"", path);
    int r = make_dir(b->box->fd, upper, st.st_mode & 07777, err);
    if (r == 0)
        r = make_dir(b->box->fd, work, 0700, err);
    struct host_layer *layer = r == 0 ? host_layout_add(&b->box->layout, path, upper, false) : NULL;
    if (r == 0)
        r = layer ? fill_upper(b, path, upper, &layer->names, err) : error_oom(err);
    return r == 0 ? add_overlay_mount(b, path, on, number, err) : r;
}

/* What overlayfs' options can't name. */
static bool is_awkward(const char *path)
{
    return strpbrk(path, ":,\\\"") != NULL;
}

static char *below(const char *path, const char *name)
{
    return str_printf("%s/%s", !strcmp(path, "/") ? "" : path, name);
}

/* One stump on its way. */
struct stump {
    struct building *b;
    const char *path;
    const struct host_mount *on;
    int from, to; /* the host's directory and ours */
    char **names;
};

static int copy_link(const struct stump *s, const char *name, struct error *err)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(s->from, name, target, sizeof target - 1);
    if (n < 0)
        return errno == ENOENT || errno == EINVAL ? 0 : error_sys(err, errno, "read the link \"%s\"", name);
    target[n] = '\0';
    return symlinkat(target, s->to, name) < 0 ? error_sys(err, errno, "make the link \"%s\"", name) : 0;
}

static int copy_content(int from, int to)
{
    char buf[65536];
    ssize_t n;
    while ((n = copy_file_range(from, NULL, to, NULL, STUMP_COPY_MAX, 0)) > 0)
        continue;
    if (n == 0)
        return 0;
    while ((n = read(from, buf, sizeof buf)) > 0)
        if (write(to, buf, (size_t)n) != n)
            return -EIO;
    return n < 0 ? -errno : 0;
}

/* 1: taken, 0: left out, since the caller can't read it. */
static int copy_file(struct stump *s, const char *name, const char *path, const struct stat *st,
                     struct error *err)
{
    _cleanup_close_ int from = openat(s->from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (from < 0)
        return 0;
    _cleanup_close_ int to = openat(s->to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0 || fchmod(to, st->st_mode & 0777) < 0)
        return error_sys(err, errno, "make \"%s\" for the sandbox", path);
    if (st->st_size > STUMP_COPY_MAX) {
        if (strv_add(&s->b->box->layout.fixed, path) < 0)
            return error_oom(err);
        int r = sandbox_mount_bind(s->b->out, path, path, true, err);
        return r < 0 ? r : 1;
    }
    int r = copy_content(from, to);
    return r < 0 ? error_sys(err, -r, "copy \"%s\" for the sandbox", path) : 1;
}

/* 1: there is something of that name now, 0: it is left out. */
static int take_entry(struct stump *s, const char *name, const char *path, struct error *err)
{
    struct stat st;
    if (fstatat(s->from, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
        return 0;
    int r = 0;
    if (S_ISLNK(st.st_mode)) {
        r = copy_link(s, name, err);
    } else if (S_ISDIR(st.st_mode)) {
        r = make_dir(s->to, name, st.st_mode & 07777, err);
        if (r == 0)
            r = visit(s->b, path, s->on, err);
    } else if (S_ISREG(st.st_mode)) {
        return copy_file(s, name, path, &st, err);
    } else {
        return 0;
    }
    return r < 0 ? r : 1;
}

static int too_large(const struct stump *s, struct error *err)
{
    const char *why = "";
    for (size_t i = 0; i < s->b->mounts.n; i++)
        if (strcmp(s->b->mounts.items[i].path, s->path) != 0 &&
            host_path_within(s->b->mounts.items[i].path, s->path))
            why = s->b->mounts.items[i].path;
    error_set(err, E2BIG,
              "\"%s\" has more than %d entries, too many for a directory with something mounted below it",
              s->path, STUMP_ENTRIES_MAX);
    error_hint(err, "overlayfs does not take it as a whole because of \"%s\": unmount that meanwhile", why);
    return -E2BIG;
}

static int fill_stump(struct stump *s, struct error *err)
{
    int copy = fcntl(s->from, F_DUPFD_CLOEXEC, 3);
    _cleanup_closedir_ DIR *list = copy < 0 ? NULL : fdopendir(copy);
    size_t n = 0;
    if (!list)
        return error_sys(err, errno, "list \"%s\"", s->path);
    for (struct dirent *e; (e = readdir(list));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || !str_is_utf8(e->d_name, strlen(e->d_name)))
            continue;
        if (n++ == STUMP_ENTRIES_MAX)
            return too_large(s, err);
        _cleanup_free_ char *path = below(s->path, e->d_name);
        if (!path)
            return error_oom(err);
        int r = take_entry(s, e->d_name, path, err);
        if (r < 0)
            return r;
        if (r > 0 && strv_add(&s->names, e->d_name) < 0)
            return error_oom(err);
    }
    return 0;
}

/* Makes the directory of @path below the root of the sandbox a layer, with what the host has there if @fill.
 */
static int stump(struct building *b, const char *path, const struct host_mount *on, bool fill,
                 struct error *err)
{
    _cleanup_free_ char *dir = str_printf("%s%s", HOST_ROOT_DIR, strcmp(path, "/") ? path : "");
    struct stump s = {.b = b, .path = path, .on = on, .from = -EBADF, .to = -EBADF};
    if (!dir)
        return error_oom(err);
    s.to = host_box_open_dir(b->box, dir);
    if (s.to < 0)
        return error_sys(err, -s.to, "open \"%s/%s\"", b->box->path, dir);
    int r = 0;
    if (fill) {
        s.from = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        r = s.from < 0 ? error_sys(err, errno, "open \"%s\"", path) : fill_stump(&s, err);
    }
    struct host_layer *layer = r == 0 ? host_layout_add(&b->box->layout, path, dir, true) : NULL;
    if (r == 0 && !layer)
        r = error_oom(err);
    if (layer)
        layer->names = TAKE_PTR(s.names);
    strv_free(s.names);
    fd_close(&s.from);
    fd_close(&s.to);
    return r;
}

static int bind_readonly(struct building *b, const char *path, struct error *err)
{
    if (strv_add(&b->box->layout.fixed, path) < 0)
        return error_oom(err);
    return sandbox_mount_bind(b->out, path, path, true, err);
}

/* Most hosts have some: an overlay over nothing shows nothing. */
static bool is_empty(const char *path)
{
    _cleanup_closedir_ DIR *dir = opendir(path);
    unsigned n = 0;
    while (dir && n < 3 && readdir(dir))
        n++;
    return dir && n < 3;
}

/* The directory @path of the host, which is on the mount @on unless one of its own lies there. */
static int visit(struct building *b, const char *path, const struct host_mount *on, struct error *err)
{
    if (strcmp(path, "/") != 0 && host_path_is_own(path))
        return strv_add(&b->box->layout.fixed, path) < 0 ? error_oom(err) : 0;
    const struct host_mount *here = host_mounts_at(&b->mounts, path);
    if (here)
        on = here;
    if (on->rule == HOST_EMPTY || faccessat(AT_FDCWD, path, R_OK | X_OK, AT_EACCESS) < 0 || is_empty(path))
        return stump(b, path, on, false, err);
    bool split = host_mounts_below(&b->mounts, path);
    if (on->rule == HOST_READONLY || (is_awkward(path) && !split))
        return bind_readonly(b, path, err);
    return split ? stump(b, path, on, true, err) : overlay(b, path, on, err);
}

/* Files that something is mounted over: what is there now, read-only. */
static int bind_files(struct building *b, struct error *err)
{
    for (size_t i = 0; i < b->mounts.n; i++) {
        const struct host_mount *m = &b->mounts.items[i];
        if (!m->file || access(m->path, R_OK) < 0)
            continue;
        int r = bind_readonly(b, m->path, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* /run is where the sockets of the host's services and of the user's session are. */
static int empty_run(const struct building *b, struct error *err)
{
    static char *const run[] = {(char *)"/run:mode=755,size=64m", NULL};
    return faccessat(AT_FDCWD, "/run", F_OK, AT_SYMLINK_NOFOLLOW) < 0
               ? 0
               : sandbox_mounts(b->out, run, NULL, err);
}

static int build(struct building *b, struct error *err)
{
    static const struct host_mount none = {.rule = HOST_OVERLAY};
    int r = 0;
    static const char *const dirs[] = {HOST_ROOT_DIR, "upper", "work"};
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(dirs); i++)
        r = make_dir(b->box->fd, dirs[i], 0755, err);
    const struct host_mount *root = host_mounts_at(&b->mounts, "/");
    if (r == 0)
        r = stump(b, "/", root ? root : &none, true, err);
    if (r == 0)
        r = bind_files(b, err);
    return r == 0 ? empty_run(b, err) : r;
}

int host_lay_out(struct host_box *box, const struct idmap *map, bool read_only, cJSON *mounts,
                 struct error *err)
{
    struct building b = {.box = box, .out = mounts, .read_only = read_only, .skel = HOST_SKEL_INIT};
    if (is_awkward(box->path)) {
        error_set(err, EINVAL,
                  "\"%s\": the state directory's name holds a character that overlayfs cannot take",
                  box->path);
        error_hint(err, "colons, commas, quotes and backslashes: set XDG_STATE_HOME to another directory");
        return -EINVAL;
    }
    const char *home = getenv("HOME");
    b.work[0] = home && home[0] == '/' ? path_clean(home) : NULL;
    b.work[1] = getcwd(NULL, 0);
    int r = host_mounts_read(&b.mounts, err);
    if (r == 0)
        r = host_skel_open(box, map, &b.skel, err);
    if (r == 0)
        r = build(&b, err);
    host_mounts_free(&b.mounts);
    host_skel_close(&b.skel);
    free(b.work[0]);
    free(b.work[1]);
    return r;
}
