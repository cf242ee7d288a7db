#define FUSE_USE_VERSION 314

#include "helpers/mount/serve.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define FOREVER     1e9 /* seconds */
#define BLOCK       4096
#define BACKGROUND  64
#define THREADS_MAX 8u
#define SPIN_NS     100000 /* after an answer */

/* What a request may ask for at once: the largest is 1 MiB. */
#define REPLY_MAX (1u << 20)

static const struct served *served_of(fuse_req_t req)
{
    return fuse_req_userdata(req);
}

/* NULL for a number that is no inode of ours: the kernel never asks for one. */
static const struct tree_inode *inode_of(const struct served *s, fuse_ino_t ino)
{
    return ino >= TREE_ROOT && ino < s->tree->inodes.n ? tree_inode(s->tree, (uint32_t)ino) : NULL;
}

static void fill_stat(const struct served *s, uint32_t ino, struct stat *st)
{
    const struct tree_inode *i = tree_inode(s->tree, ino);

    *st = (struct stat){
        .st_ino = ino,
        .st_mode = i->mode,
        /* 1 for a directory says that it tells nothing of its subdirectories. */
        .st_nlink = S_ISDIR(i->mode) ? 1 : i->nlink,
        .st_uid = i->uid,
        .st_gid = i->gid,
        .st_size = (off_t)i->size,
        .st_blksize = BLOCK,
        .st_rdev = makedev(i->major, i->minor),
        .st_mtim = {.tv_sec = i->mtime, .tv_nsec = i->mtime_ns},
    };
    st->st_atim = st->st_ctim = st->st_mtim;
    uint64_t stored = i->size;
    if (i->n_extents) {
        stored = 0;
        for (uint32_t k = 0; k < i->n_extents; k++)
            stored += tree_extent(s->tree, i->extent + k)->len;
    }
    st->st_blocks = (blkcnt_t)((stored + 511) / 512);
}

static void fill_entry(const struct served *s, uint32_t ino, struct fuse_entry_param *e)
{
    *e = (struct fuse_entry_param){
        .ino = ino, .generation = 1, .attr_timeout = FOREVER, .entry_timeout = FOREVER};
    if (ino)
        fill_stat(s, ino, &e->attr);
}

static void on_init(void *data, struct fuse_conn_info *conn)
{
    const struct served *s = data;

    conn->want &= ~(unsigned)(FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_SPLICE_READ |
                              FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
    conn->want |= conn->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS |
                                   FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_NO_OPEN_SUPPORT |
                                   FUSE_CAP_NO_OPENDIR_SUPPORT | (s->acls ? FUSE_CAP_POSIX_ACL : 0));
    conn->max_background = BACKGROUND;
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    const struct served *s = served_of(req);
    struct fuse_entry_param e;
    uint32_t found = inode_of(s, parent) ? tree_find(s->tree, (uint32_t)parent, name, strlen(name)) : 0;

    /* Inode 0: the kernel remembers that there is none. */
    fill_entry(s, found ? tree_name(s->tree, found)->inode : 0, &e);
    fuse_reply_entry(req, &e);
}

static void on_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
    (void)ino;
    (void)n;
    fuse_reply_none(req);
}

static void on_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    (void)count;
    (void)forgets;
    fuse_reply_none(req);
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    const struct served *s = served_of(req);
    struct stat st;

    (void)fi;
    if (!inode_of(s, ino)) {
        fuse_reply_err(req, ENOENT);
        return;
    }
    fill_stat(s, (uint32_t)ino, &st);
    fuse_reply_attr(req, &st, FOREVER);
}

static void on_readlink(fuse_req_t req, fuse_ino_t ino)
{
    const struct served *s = served_of(req);
    const struct tree_inode *i = inode_of(s, ino);
    char target[PATH_MAX];

    if (!i || !S_ISLNK(i->mode) || i->target_len >= sizeof target) {
        fuse_reply_err(req, EINVAL);
        return;
    }
    memcpy(target, tree_text(s->tree, i->target), i->target_len);
    target[i->target_len] = '\0';
    fuse_reply_readlink(req, target);
}

/* For open and opendir: the kernel does not ask again, and caches as if it had been told to. */
static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    (void)fi;
    fuse_reply_err(req, ENOSYS);
}

/* A buffer of this thread. */
static char *reply_buffer(size_t n)
{
    static __thread char *buffer;

    if (!buffer)
        buffer = malloc(REPLY_MAX);
    return n <= REPLY_MAX ? buffer : NULL;
}

/* A sparse file: zeros, and over them what lies in the range. */
static int read_sparse(const struct served *s, const struct tree_inode *i, char *buf, size_t n,
                       uint64_t offset)
{
    memset(buf, 0, n);
    for (uint32_t k = 0; k < i->n_extents; k++) {
        const struct tree_extent *e = tree_extent(s->tree, i->extent + k);
        uint64_t from = e->offset > offset ? e->offset : offset;
        uint64_t to = e->offset + e->len < offset + n ? e->offset + e->len : offset + n;
        if (e->offset >= offset + n)
            break;
        if (from >= to)
            continue;
        int r = backing_copy(s->backing, buf + (from - offset), (size_t)(to - from),
                             e->data + (from - e->offset));
        if (r < 0)
            return r;
    }
    return 0;
}

static void on_read(fuse_req_t req, fuse_ino_t ino, size_t n, off_t offset, struct fuse_file_info *fi)
{
    const struct served *s = served_of(req);
    const struct tree_inode *i = inode_of(s, ino);
    int r;

    (void)fi;
    if (!i || !S_ISREG(i->mode) || offset < 0) {
        fuse_reply_err(req, EINVAL);
        return;
    }
    if ((uint64_t)offset >= i->size) {
        fuse_reply_buf(req, NULL, 0);
        return;
    }
    if (n > i->size - (uint64_t)offset)
        n = (size_t)(i->size - (uint64_t)offset);
    if (i->n_extents) {
        char *buf = reply_buffer(n);
        r = buf ? read_sparse(s, i, buf, n, (uint64_t)offset) : -ENOMEM;
        if (r < 0)
            fuse_reply_err(req, -r);
        else
            fuse_reply_buf(req, buf, n);
        return;
    }
    r = backing_need(s->backing, i->data + (uint64_t)offset, n);
    if (r < 0)
        fuse_reply_err(req, -r);
    else
        fuse_reply_buf(req, s->backing->map + i->data + (uint64_t)offset, n);
}

/* Places in a listing: 0 is ".", 1 "..", 2 the first name, 2 + N what comes behind name N. */
static uint32_t next_name(const struct served *s, uint32_t dir, off_t place)
{
    const struct tree *t = s->tree;

    if (place == 2)
        return tree_inode(t, dir)->first;
    uint64_t name = (uint64_t)place - 2;
    return name < t->names.n && tree_name(t, (uint32_t)name)->parent == dir
               ? tree_name(t, (uint32_t)name)->next
               : 0;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t place, bool plus)
{
    const struct served *s = served_of(req);
    const struct tree_inode *dir = inode_of(s, ino);
    char *buf = reply_buffer(size), name[256];
    struct fuse_entry_param e;
    size_t used = 0;

    if (!dir || !S_ISDIR(dir->mode) || !buf || place < 0) {
        fuse_reply_err(req, !buf ? ENOMEM : ENOTDIR);
        return;
    }
    for (;;) {
        off_t next = place + 1;
        if (place < 2) {
            snprintf(name, sizeof name, "%s", place ? ".." : ".");
            fill_entry(s, place ? dir->parent : (uint32_t)ino, &e);
            e.ino = 0; /* not looked up by this */
        } else {
            uint32_t n = next_name(s, (uint32_t)ino, place);
            if (!n)
                break;
            const struct tree_name *found = tree_name(s->tree, n);
            memcpy(name, tree_text(s->tree, found->text), found->len);
            name[found->len] = '\0';
            fill_entry(s, found->inode, &e);
            next = (off_t)n + 2;
        }
        size_t need = plus ? fuse_add_direntry_plus(req, buf + used, size - used, name, &e, next)
                           : fuse_add_direntry(req, buf + used, size - used, name, &e.attr, next);
        if (need > size - used)
            break;
        used += need;
        place = next;
    }
    fuse_reply_buf(req, buf, used);
}

static void on_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t place, struct fuse_file_info *fi)
{
    (void)fi;
    list(req, ino, size, place, false);
}

static void on_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t place,
                           struct fuse_file_info *fi)
{
    (void)fi;
    list(req, ino, size, place, true);
}

static void on_statfs(fuse_req_t req, fuse_ino_t ino)
{
    const struct served *s = served_of(req);
    struct statvfs st = {.f_bsize = BLOCK,
                         .f_frsize = BLOCK,
                         .f_blocks = (s->backing->size + BLOCK - 1) / BLOCK,
                         .f_files = s->tree->inodes.n,
                         .f_namemax = NAME_MAX};

    (void)ino;
    fuse_reply_statfs(req, &st);
}

/* A value or a list: its size if none of it is wanted yet. */
static void reply_attribute(fuse_req_t req, const char *data, size_t len, size_t size)
{
    if (size == 0)
        fuse_reply_xattr(req, len);
    else if (len > size)
        fuse_reply_err(req, ERANGE);
    else
        fuse_reply_buf(req, data, len);
}

static void on_getxattr(fuse_req_t req, fuse_ino_t ino, const char *key, size_t size)
{
    const struct served *s = served_of(req);
    const struct tree_inode *i = inode_of(s, ino);
    size_t len = strlen(key);

    if (s->tree->xattrs.n == 0) {
        fuse_reply_err(req, ENOSYS);
        return;
    }
    for (uint32_t k = 0; i && k < i->n_xattrs; k++) {
        const struct tree_xattr *x = tree_xattr(s->tree, i->xattr + k);
        if (x->key_len != len || memcmp(tree_text(s->tree, x->key), key, len) != 0)
            continue;
        reply_attribute(req, tree_text(s->tree, x->value), x->value_len, size);
        return;
    }
    fuse_reply_err(req, ENODATA);
}

static void on_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    const struct served *s = served_of(req);
    const struct tree_inode *i = inode_of(s, ino);
    _cleanup_strbuf_ struct strbuf all = {0};

    if (s->tree->xattrs.n == 0) {
        fuse_reply_err(req, ENOSYS);
        return;
    }
    for (uint32_t k = 0; i && k < i->n_xattrs; k++) {
        const struct tree_xattr *x = tree_xattr(s->tree, i->xattr + k);
        if (x->key_len == 0)
            continue;
        strbuf_addn(&all, tree_text(s->tree, x->key), x->key_len);
        strbuf_addn(&all, "", 1);
    }
    if (all.oom)
        fuse_reply_err(req, ENOMEM);
    else
        reply_attribute(req, all.data, all.len, size);
}

static const struct fuse_lowlevel_ops operations = {
    .init = on_init,
    .lookup = on_lookup,
    .forget = on_forget,
    .forget_multi = on_forget_multi,
    .getattr = on_getattr,
    .readlink = on_readlink,
    .open = on_open,
    .opendir = on_open,
    .read = on_read,
    .readdir = on_readdir,
    .readdirplus = on_readdirplus,
    .statfs = on_statfs,
    .getxattr = on_getxattr,
    .listxattr = on_listxattr,
};

/* What the threads share. */
struct service {
    struct fuse_session *session;
    int fd;
    bool spins;        /* there is a processor for it */
    atomic_flag awake; /* one thread is looking for the next request */
};

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* Until there may be a request. Who asks for files asks again at once, and to wake a thread takes longer than
 * to answer: so one of them looks for a moment before it sleeps. @since: when the last request was answered.
 */
static void wait_for_request(struct service *v, int64_t since)
{
    struct pollfd p = {.fd = v->fd, .events = POLLIN};

    if (v->spins && !atomic_flag_test_and_set(&v->awake)) {
        int ready = 0;
        while (ready == 0 && now_ns() - since < SPIN_NS)
            ready = poll(&p, 1, 0);
        atomic_flag_clear(&v->awake);
        if (ready != 0)
            return;
    }
    (void)poll(&p, 1, -1);
}

static void *work(void *service)
{
    struct service *v = service;
    struct fuse_session *session = v->session;
    struct fuse_buf buf = {0};
    int64_t answered = 0;

    while (!fuse_session_exited(session)) {
        int n = fuse_session_receive_buf(session, &buf);
        if (n == -EINTR)
            continue;
        if (n == -EAGAIN) {
            wait_for_request(v, answered);
            continue;
        }
        if (n <= 0)
            break;
        fuse_session_process_buf(session, &buf);
        answered = now_ns();
    }
    fuse_session_exit(session);
    free(buf.mem);
    return NULL;
}

int serve(const struct served *s, int fd, struct error *err)
{
    char program[] = "bryo-image-mount", path[32];
    char *argv[] = {program, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, argv);
    pthread_t thread[THREADS_MAX];
    unsigned n = 0;
    struct fuse_session *session = fuse_session_new(&args, &operations, sizeof operations, (void *)s);

    if (!session)
        return error_oom(err);
    /* libfuse's way to say that the kernel's side is mounted already. */
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    if (fuse_session_mount(session, path) != 0) {
        fuse_session_destroy(session);
        return error_set(err, EIO, "libfuse did not take the connection");
    }
    struct service v = {.session = session, .fd = fd, .spins = s->spins, .awake = ATOMIC_FLAG_INIT};
    (void)fd_set_nonblock(fd, 1);
    while (n + 1 < s->threads && n < THREADS_MAX && pthread_create(&thread[n], NULL, work, &v) == 0)
        n++;
    work(&v);
    for (unsigned i = 0; i < n; i++)
        pthread_join(thread[i], NULL);
    fuse_session_destroy(session);
    return 0;
}
