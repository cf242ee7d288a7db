/*
 * Theory of operation: the server starts before the container does, since what the container runs as is
 * looked up in the image; it tells so much by its answer (image/protocol.h). From then on it waits for the
 * connection that the container's init opens (rootfs/archive.c), and ends when that is gone. Nobody has to
 * stop it, but its end is waited for.
 */
#include "sandbox/lazy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "store/carried.h"
#include "store/worker.h"

/* Below, unpacking takes no longer than starting a server. */
#define SIZE_PLAIN      (8 << 20)
#define SIZE_COMPRESSED (2 << 20)

#define WAIT_STEP_MS 50
#define END_WAIT_MS  1000

static const char *const modes[] = {"auto", "always", "never"};

int sandbox_check_lazy(const char *value, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
        if (strcmp(value, modes[i]) == 0)
            return 0;
    _cleanup_free_ char *shown = str_quote(value, 40);
    return error_set(err, EINVAL, "\"%s\": expected auto, always or never", shown ? shown : "?");
}

/* How the file begins. */
static const char *compression_of(int fd)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *name;
    } known[] = {{"\x1f\x8b", 2, "gzip"},
                 {"\x28\xb5\x2f\xfd", 4, "zstd"},
                 {"BZh", 3, "bzip2"},
                 {"\xfd"
                  "7zXZ",
                  5, "xz"},
                 {"\x04\x22\x4d\x18", 4, "lz4"},
                 {"\x02\x21\x4c\x18", 4, "lz4"}};
    char head[8] = "";
    ssize_t n = pread(fd, head, sizeof head, 0);

    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (n >= (ssize_t)known[i].len && memcmp(head, known[i].bytes, known[i].len) == 0)
            return known[i].name;
    return NULL;
}

static bool is_served(const char *compression)
{
    return !compression || strcmp(compression, "gzip") == 0 || strcmp(compression, "zstd") == 0;
}

/* What makes it impossible, with what mends it; NULL: nothing. */
static const char *obstacle(const struct image *image, bool keep, const char **hint)
{
    _cleanup_free_ char *helper = NULL;
    struct stat st;

    *hint = "without --lazy always it is unpacked";
    if (fstat(image->fd, &st) < 0 || !S_ISREG(st.st_mode))
        return "it is no regular file, and can be read only once";
    if (keep)
        return "--keep keeps files that are unpacked";
    if (!is_served(compression_of(image->fd)))
        return "only plain, gzip and zstd archives can be read from the middle";
    if (image_mount_path(&helper, NULL) < 0) {
        *hint = "install bryo with libfuse3 (./configure tells whether it was found)";
        return "bryo-image-mount is not installed";
    }
    if (access("/dev/fuse", R_OK | W_OK) < 0) {
        *hint = errno == ENOENT ? "sudo modprobe fuse" : "sudo chmod 0666 /dev/fuse";
        return errno == ENOENT ? "there is no /dev/fuse" : "/dev/fuse may not be opened";
    }
    return NULL;
}

bool sandbox_lazy_insists(const char *mode)
{
    return mode && strcmp(mode, "always") == 0;
}

/* Is it native already, or soon? */
static int needless(struct image *image, const struct idmap *map, const char **why, struct error *err)
{
    struct stat st;
    int r = image_find(image, map, err);

    if (r < 0)
        return r;
    if (r > 0)
        *why = "is in the store";
    else if (fstat(image->fd, &st) == 0 &&
             st.st_size < (compression_of(image->fd) ? SIZE_COMPRESSED : SIZE_PLAIN))
        *why = "is unpacked: it is small";
    return 0;
}

int sandbox_lazy_choose(const char *mode, struct image *image, const struct idmap *map, bool keep,
                        const struct log *log, struct error *err)
{
    const char *hint, *against, *why = NULL;

    if (image->directory || image->fd < 0 || (mode && strcmp(mode, "never") == 0))
        return 0;
    against = obstacle(image, keep, &hint);
    if (against && sandbox_lazy_insists(mode)) {
        error_set(err, ENOTSUP, "--lazy always: image \"%s\" can't run without being unpacked: %s",
                  image->name, against);
        error_hint(err, "%s", hint);
        return -ENOTSUP;
    }
    int r = sandbox_lazy_insists(mode) ? 0 : needless(image, map, &why, err);
    if (r < 0)
        return r;
    if (why)
        log_info(log, "image \"%s\" %s", image->name, why);
    else if (against)
        log_info(log, "image \"%s\" is unpacked: %s", image->name, against);
    else
        log_info(log, "image \"%s\" runs without being unpacked", image->name);
    return !why && !against;
}

/* "0 1000 1\n1 100000 65536\n". */
static char *map_text(const struct oci_id_map_list *list)
{
    _cleanup_strbuf_ struct strbuf text = {0};

    for (size_t i = 0; i < list->count; i++)
        strbuf_addf(&text, "%u %u %u\n", list->items[i].container_id, list->items[i].host_id,
                    list->items[i].size);
    /* No user namespace: all ids there are. */
    if (list->count == 0)
        strbuf_add(&text, "0 0 4294967295\n");
    return strbuf_take(&text);
}

/* A file without a name on the cache's file system, where what is decompressed goes. */
static int open_spool(const struct run_dir *dir, struct error *err)
{
    static const char name[] = "spool";
    int fd = openat(dir->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd >= 0 ? fd : error_sys(err, errno, "make a file in \"%s\"", dir->path);
    fd = openat(dir->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || unlinkat(dir->fd, name, 0) < 0) {
        int code = errno;
        fd_close(&fd);
        return error_sys(err, code, "make a file in \"%s\"", dir->path);
    }
    return fd;
}

static int spawn_server(struct sandbox_lazy *l, const struct image *image, char *const *argv,
                        const struct run_dir *dir, struct error *err)
{
    int status[2], control[2];
    _cleanup_close_ int spool = open_spool(dir, err), null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (spool < 0)
        return spool;
    if (null < 0)
        return error_sys(err, errno, "open \"/dev/null\"");
    if (pipe2(status, O_CLOEXEC) < 0)
        return error_sys(err, errno, "make a pipe");
    l->status = status[0];
    _cleanup_close_ int status_theirs = status[1];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
        return error_sys(err, errno, "make a socket pair");
    l->archive.control = control[0];
    _cleanup_close_ int control_theirs = control[1];
    l->memory = memfd_create("bryo-answer", MFD_CLOEXEC);
    if (l->memory < 0)
        return error_sys(err, errno, "make a file in memory");

    const int fds[] = {
        image->fd, l->index.fd >= 0 ? l->index.fd : null, status_theirs, control_theirs, l->memory, spool};
    struct spawn s = SPAWN_INIT;
    s.path = argv[0];
    s.argv = argv;
    s.env = (char *const[]){NULL};
    s.stdout_fd = null;
    s.stderr_fd = null;
    s.fds = fds;
    s.n_fds = ARRAY_SIZE(fds);
    int r = spawn_start(&s, err);
    if (r < 0)
        return r;
    l->pid = l->archive.server = s.pid;
    l->pidfd = sys_pidfd_open(l->pid, 0);
    return l->pidfd < 0 ? error_sys(err, errno, "open a pidfd of " IMAGE_MOUNT_NAME) : 0;
}

/* The caller's events with our own wait between. */
struct watch {
    const struct image_events *user;
    int pidfd;
    struct carried *carried;
};

static void on_config(void *data, const char *piece)
{
    const struct image_events events = carried_events(((struct watch *)data)->carried);
    events.config(events.data, piece);
}

static void on_progress(void *data, uint64_t done, uint64_t total, uint64_t entries)
{
    const struct image_events *user = ((struct watch *)data)->user;
    if (user && user->progress)
        user->progress(user->data, done, total, entries);
}

static void on_warn(void *data, const char *text)
{
    const struct image_events *user = ((struct watch *)data)->user;
    if (user && user->warn)
        user->warn(user->data, text);
}

static void on_end(void *data)
{
    const struct image_events *user = ((struct watch *)data)->user;
    if (user && user->end)
        user->end(user->data);
}

/* A signal that is to end bryo ends the server. */
static void on_wait(void *data, int status_fd)
{
    const struct watch *w = data;
    struct pollfd p = {.fd = status_fd, .events = POLLIN};

    while (poll(&p, 1, WAIT_STEP_MS) <= 0)
        if (worker_signal_pending())
            (void)sys_pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
}

static int wait_for_index(struct sandbox_lazy *l, const struct image_events *user, struct error *err)
{
    _cleanup_carried_ struct carried carried = {.user = user};
    struct watch w = {.user = user, .pidfd = l->pidfd, .carried = &carried};
    const struct image_events events = {.progress = on_progress,
                                        .warn = on_warn,
                                        .config = on_config,
                                        .wait = on_wait,
                                        .end = on_end,
                                        .data = &w};
    int r = image_read_status(l->status, &events, NULL, NULL, err), wait_status = 0;

    fd_close(&l->status);
    if (r == 0) {
        l->record = cJSON_CreateObject();
        r = l->record ? carried_add(&carried, l->record, err) : error_oom(err);
    }
    if (r == 0 || r != -EPIPE)
        return r;
    if (worker_signal_pending())
        return error_set(err, EINTR, "interrupted");
    if (process_wait(l->pid, &wait_status) == 0)
        l->pid = 0;
    char why[WAIT_TEXT_MAX];
    return error_set(err, EPIPE, "%s ended without saying why: %s", IMAGE_MOUNT_NAME,
                     process_status_text(why, wait_status));
}

static int write_file(int dir, const char *name, const char *data, uint32_t len, struct error *err)
{
    return len == IMAGE_ANSWER_NONE ? 0 : file_replace_at(dir, name, data, len, 0644, err);
}

/* Files that lie in the image's /etc, for what asks whether they do. */
static int mark_files(const struct sandbox_lazy *l, int etc, struct error *err)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } files[] = {
        {IMAGE_HAS_HOSTS, "hosts"}, {IMAGE_HAS_HOSTNAME, "hostname"}, {IMAGE_HAS_RESOLV_CONF, "resolv.conf"}};
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
        if (l->answer.flags & files[i].flag)
            r = file_replace_at(etc, files[i].name, "", 0, 0644, err);
    return r;
}

static int no_answer(struct error *err)
{
    return error_set(err, EPROTO, "%s gave an answer that is none", IMAGE_MOUNT_NAME);
}

static uint32_t length_of(uint32_t len)
{
    return len == IMAGE_ANSWER_NONE ? 0 : len;
}

static int read_answer(struct sandbox_lazy *l, struct error *err)
{
    struct image_answer *a = &l->answer;

    if (pread(l->memory, a, sizeof *a, 0) != sizeof *a || a->magic != IMAGE_ANSWER_MAGIC ||
        length_of(a->passwd_len) > IMAGE_ANSWER_FILE_MAX || length_of(a->group_len) > IMAGE_ANSWER_FILE_MAX)
        return no_answer(err);
    return 0;
}

/* As much of the image as is looked at from outside. @etc: its /etc, -EBADF if it has none. */
static int make_files(struct sandbox_lazy *l, int etc, struct error *err)
{
    const struct image_answer *a = &l->answer;
    size_t passwd = length_of(a->passwd_len), group = length_of(a->group_len);
    _cleanup_free_ char *text = malloc(passwd + group + 1);
    int r = 0;

    if (!text)
        return error_oom(err);
    if (pread(l->memory, text, passwd + group, sizeof *a) != (ssize_t)(passwd + group))
        return no_answer(err);
    if ((a->flags & IMAGE_HAS_ROOT) && mkdirat(l->files, "usr", 0755) < 0)
        return error_sys(err, errno, "make a directory");
    if (etc >= 0)
        r = write_file(etc, "passwd", text, a->passwd_len, err);
    if (r == 0 && etc >= 0)
        r = write_file(etc, "group", text + passwd, a->group_len, err);
    return r == 0 && etc >= 0 ? mark_files(l, etc, err) : r;
}

static int make_directory(const struct run_dir *dir, int at, const char *name, int *fd, struct error *err)
{
    if (mkdirat(at, name, 0755) < 0)
        return error_sys(err, errno, "make \"%s\" in \"%s\"", name, dir->path);
    *fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return *fd < 0 ? error_sys(err, errno, "open \"%s\" in \"%s\"", name, dir->path) : 0;
}

/* Where the archive will be mounted, and a small tree that stands for it until then. */
static int make_directories(struct sandbox_lazy *l, const struct run_dir *dir, struct error *err)
{
    static const char behind_link[] = "etc-of-image";
    _cleanup_close_ int etc = -EBADF, lower = -EBADF;
    int r = read_answer(l, err);

    l->archive.lower = str_printf("%s/lower", dir->path);
    if (r == 0 && !l->archive.lower)
        r = error_oom(err);
    if (r == 0)
        r = make_directory(dir, dir->fd, "lower", &lower, err);
    if (r == 0)
        r = make_directory(dir, dir->fd, "image", &l->files, err);
    if (r < 0 || (l->answer.flags & IMAGE_ETC_MISSING))
        return r < 0 ? r : make_files(l, -EBADF, err);
    /* An /etc that is a link, or somebody else's, is one here too: then nothing is written to it. */
    bool plain = l->answer.flags & IMAGE_ETC_PLAIN;
    r = make_directory(dir, l->files, plain ? "etc" : behind_link, &etc, err);
    if (r == 0 && !plain && symlinkat(behind_link, l->files, "etc") < 0)
        r = error_sys(err, errno, "make a link in \"%s\"", dir->path);
    if (r == 0)
        r = make_files(l, etc, err);
    if (r == 0 && plain && fchmod(etc, l->answer.etc_mode & 07777) < 0)
        r = error_sys(err, errno, "set the mode of /etc");
    return r;
}

int sandbox_lazy_start(struct sandbox_lazy *l, const struct image *image, const struct idmap *map,
                       bool userns, uint64_t max_bytes, const struct run_dir *dir,
                       const struct image_events *events, struct error *err)
{
    _cleanup_free_ char *helper = NULL, *uids = map_text(&map->uids), *gids = map_text(&map->gids);
    _cleanup_strv_ char **argv = NULL;
    int r = image_mount_path(&helper, err);

    if (r == 0)
        r = image_mount_argv(helper, image->name, max_bytes ? max_bytes : IMAGE_MAX_BYTES_DEFAULT,
                             IMAGE_MAX_ENTRIES_DEFAULT, uids, gids, &argv, err);
    if (r < 0)
        return r;
    l->archive.opened = &l->opened;
    if (!userns && (l->opened = open("/dev/fuse", O_RDWR | O_CLOEXEC)) < 0)
        return error_sys(err, errno, "open \"/dev/fuse\"");
    saved_index_open(&l->index, image->fd);
    r = spawn_server(l, image, argv, dir, err);
    if (r == 0)
        r = wait_for_index(l, events, err);
    if (r == 0)
        r = make_directories(l, dir, err);
    /* What took long is kept before anything else can happen to it. */
    if (r == 0 && compression_of(image->fd)) {
        saved_index_store(&l->index, l->memory, IMAGE_ANSWER_INDEX, (size_t)l->answer.index_len);
        l->answer.index_len = 0;
    }
    return r;
}

void sandbox_lazy_stop(struct sandbox_lazy *l)
{
    cJSON_Delete(l->record);
    l->record = NULL;
    /* Without this it would wait for a container that never came. */
    fd_close(&l->archive.control);
    fd_close(&l->opened);
    if (l->pid > 0) {
        struct pollfd p = {.fd = l->pidfd, .events = POLLIN};
        /* It may have been reaped already: by its descriptor it is no other. */
        if (l->pidfd >= 0 && poll(&p, 1, END_WAIT_MS) == 0) {
            (void)sys_pidfd_send_signal(l->pidfd, SIGKILL, NULL, 0);
            (void)poll(&p, 1, END_WAIT_MS);
        }
        siginfo_t info;
        (void)waitid((idtype_t)P_PIDFD, (id_t)l->pidfd, &info, WEXITED | WNOHANG);
        saved_index_store(&l->index, l->memory, IMAGE_ANSWER_INDEX, (size_t)l->answer.index_len);
    }
    fd_close(&l->pidfd);
    fd_close(&l->status);
    fd_close(&l->memory);
    fd_close(&l->files);
    free(l->archive.lower);
    l->archive.lower = NULL;
    saved_index_close(&l->index);
    l->pid = 0;
}

bool sandbox_lazy_failed(const struct error *err)
{
    return err && (str_starts(error_text(err), ROOTFS_ARCHIVE_FAILED) ||
                   str_starts(error_text(err), ROOTFS_OVERLAY_FAILED));
}
