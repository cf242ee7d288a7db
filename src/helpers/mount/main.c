/*
 * bryo-image-mount: an archive served as a file system. image/protocol.h says how it is called and what it
 * answers.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "helpers/image/carried.h"
#include "helpers/image/sniff.h"
#include "helpers/image/status.h"
#include "helpers/mount/backing.h"
#include "helpers/mount/confine.h"
#include "helpers/mount/owners.h"
#include "helpers/mount/peek.h"
#include "helpers/mount/saved.h"
#include "helpers/mount/serve.h"
#include "helpers/mount/tar_index.h"
#include "image/protocol.h"

#ifdef BRYO_SANITIZED
/* As bryo-image has it: the leak checker needs a /proc that is out of reach. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

/* Serving is waiting: more threads than that only get in each other's way. */
#define THREADS_MAX 4

struct mount {
    const char *name;
    struct ids ids;
    struct tar_index index;
    struct backing backing;
    struct restart restart;
    struct saved_key key;
    bool fresh; /* the index was made, not loaded */
    struct status status;
};

static int parse_map(struct id_ranges *r, const char *text, struct error *err)
{
    int k = id_ranges_parse(r, text);

    if (k == -ENOMEM)
        return error_oom(err);
    return k < 0 ? error_set(err, EINVAL, "bryo-image-mount: \"%s\": not an id map", text) : 0;
}

/* NAME MAX_BYTES MAX_ENTRIES UIDS GIDS */
static int parse_arguments(struct mount *m, char **argv, struct error *err)
{
    m->name = argv[0];
    if (parse_u64(argv[1], &m->index.limits.max_bytes) < 0 ||
        parse_u64(argv[2], &m->index.limits.max_entries) < 0)
        return error_set(err, EINVAL, "bryo-image-mount: \"%s\" \"%s\": two numbers are expected", argv[1],
                         argv[2]);
    int r = parse_map(&m->ids.uids, argv[3], err);
    if (r == 0)
        r = parse_map(&m->ids.gids, argv[4], err);
    m->ids.keep = m->ids.uids.total > 1 || m->ids.gids.total > 1;
    return r;
}

static int step(void *data, struct error *err)
{
    struct mount *m = data;

    status_progress(&m->status, 0, 0, m->index.limits.entries);
    return m->status.gone ? error_set(err, EPIPE, "nobody listens any more") : 0;
}

static int not_an_archive(struct mount *m, struct error *err)
{
    unsigned char head[4096];
    ssize_t n = backing_read(&m->backing, head, sizeof head, 0, err);

    if (n < 0)
        return (int)n;
    const char *kind = sniff_kind(head, (size_t)n);
    error_set(err, ENOEXEC,
              "not an archive bryo can read (tar, optionally gzip, bzip2, xz, zstd or lz4 compressed)");
    if (m->backing.compression != COMPRESSION_NONE)
        error_hint(err, "it is %s compressed, and what is inside looks like %s",
                   compression_name(m->backing.compression), kind ? kind : "nothing that bryo knows");
    else if (kind)
        error_hint(err, "it looks like %s", kind);
    return -ENOEXEC;
}

static int make_index(struct mount *m, struct error *err)
{
    const struct tar_source source = {.read = backing_read, .data = &m->backing};
    bool trailing;
    int r = tar_index_read(&m->index, &source, step, m, err);

    if (r == -ENOEXEC && !err->code)
        return not_an_archive(m, err);
    if (r == 0)
        r = backing_finish(&m->backing, m->index.end, &m->restart, &trailing, err);
    if (r == 0 && trailing)
        warnings_add(&m->index.warnings, WARNING_TRAILING, "", NULL);
    m->fresh = r == 0;
    return r;
}

static int get_index(struct mount *m, struct error *err)
{
    const char *why = NULL;
    int r = saved_key_of(IMAGE_FD_ARCHIVE, &m->key, err);

    if (r == 0)
        r = backing_open(&m->backing, IMAGE_FD_ARCHIVE, IMAGE_FD_SPOOL, m->index.limits.max_bytes, err);
    if (r < 0)
        return r;
    r = saved_load(IMAGE_FD_INDEX, &m->key, &m->index, &m->restart, &why, err);
    if (r < 0)
        return r;
    /* Only a plain archive, or one whose spool can be made again by parts, goes on from there. */
    return r > 0 ? backing_resume(&m->backing, &m->restart, err) : make_index(m, err);
}

/* What the archive says of how the image is run. */
static int tell_config(struct mount *m, struct error *err)
{
    char head[CARRIED_HEAD];
    size_t n = m->backing.size < sizeof head ? (size_t)m->backing.size : sizeof head;

    if (backing_copy(&m->backing, head, n, 0) < 0)
        return error_sys(err, EIO, "read the beginning of the archive");
    _cleanup_free_ char *config = carried_find(head, n);
    if (config)
        status_config(&m->status, config);
    return 0;
}

static int prepare(struct mount *m, struct error *err)
{
    int64_t saved = 0;
    int r = get_index(m, err);

    if (r == 0 && m->fresh) {
        saved = saved_store(IMAGE_FD_ANSWER, IMAGE_ANSWER_INDEX, &m->key, &m->index, &m->restart, err);
        r = saved < 0 ? (int)saved : 0;
    }
    if (r < 0)
        return r;
    r = tell_config(m, err);
    if (r < 0)
        return r;
    owners_apply(&m->index.tree, &m->ids, &m->index.warnings);
    warnings_send(&m->index.warnings, &m->status);
    return peek_store(IMAGE_FD_ANSWER, &m->index.tree, &m->backing, (uint64_t)saved, err);
}

/* The connection, which the container's init has opened and mounted. Returns 0 if it never will: it died. */
static int take_connection(int *fd, struct error *err)
{
    size_t n = 1;
    char word;
    ssize_t r = fd_recv(IMAGE_FD_CONTROL, &word, 1, fd, &n);

    if (r < 0)
        return error_sys(err, (int)-r, "wait for the mount");
    return r == 1 && n == 1 ? 1 : 0;
}

static int run(struct mount *m, char **argv, unsigned threads, struct error *err)
{
    int fd = -EBADF;
    int r = parse_arguments(m, argv, err);

    if (r == 0)
        r = mount_confine(err);
    if (r == 0)
        r = prepare(m, err);
    if (r < 0) {
        error_prefix(err, "%s", argv[0]);
        return r;
    }
    status_done(&m->status, m->index.limits.entries, m->index.limits.bytes);
    (void)close(IMAGE_FD_STATUS);
    (void)close(IMAGE_FD_ANSWER);
    m->status.fd = -EBADF;
    r = take_connection(&fd, err);
    if (r <= 0)
        return r;
    (void)close(IMAGE_FD_CONTROL);
    const struct served s = {.tree = &m->index.tree,
                             .backing = &m->backing,
                             .threads = threads,
                             .spins = threads > 1,
                             .acls = owners_have_acls(&m->index.tree)};
    return serve(&s, fd, err);
}

static unsigned count_threads(void)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    return cpus < 1 ? 1 : cpus > THREADS_MAX ? THREADS_MAX : (unsigned)cpus;
}

int main(int argc, char **argv)
{
    static struct mount m = {.backing = {.archive = -EBADF, .spool = -EBADF}};
    _cleanup_error_ struct error err = ERROR_INIT;

    if (argc != 6 || fcntl(IMAGE_FD_STATUS, F_GETFD) < 0 || fcntl(IMAGE_FD_CONTROL, F_GETFD) < 0) {
        fputs(
            "bryo-image-mount is a part of bryo, which starts it and gives it the descriptors it works on\n",
            stderr);
        return 2;
    }
    /* What a terminal sends to bryo's process group is bryo's: the container must not lose its files by it.
     */
    (void)setsid();
    (void)signal(SIGPIPE, SIG_IGN);
    status_init(&m.status, IMAGE_FD_STATUS);
    if (run(&m, argv + 1, count_threads(), &err) == 0)
        return 0;
    if (m.status.fd >= 0)
        status_error(&m.status, &err);
    return 1;
}
