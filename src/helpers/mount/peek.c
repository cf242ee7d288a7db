#include "helpers/mount/peek.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/protocol.h"

static bool is_file(struct tree *t, const char *path)
{
    uint32_t i = tree_resolve(t, path);

    return i && S_ISREG(tree_inode(t, i)->mode);
}

static bool is_directory(struct tree *t, const char *path)
{
    uint32_t i = tree_resolve(t, path);

    return i && S_ISDIR(tree_inode(t, i)->mode);
}

/* The content of @path if it is a file of a sensible size. */
static int add_file(int fd, struct tree *t, struct backing *b, const char *path, uint64_t *at, uint32_t *len,
                    struct error *err)
{
    uint32_t inode = tree_resolve(t, path);
    const struct tree_inode *i = tree_inode(t, inode);

    *len = IMAGE_ANSWER_NONE;
    if (!inode || !S_ISREG(i->mode) || i->n_extents || i->size > IMAGE_ANSWER_FILE_MAX)
        return 0;
    _cleanup_free_ char *data = malloc((size_t)i->size + 1);
    if (!data)
        return error_oom(err);
    if (i->size && backing_copy(b, data, (size_t)i->size, i->data) < 0)
        return error_set(err, EIO, "read \"%s\" in the archive", path);
    if (pwrite(fd, data, (size_t)i->size, (off_t)*at) != (ssize_t)i->size)
        return error_sys(err, errno ? errno : EIO, "answer");
    *len = (uint32_t)i->size;
    *at += i->size;
    return 0;
}

/* /etc as the upper layer of an overlay has to have it, so that nothing of it changes. */
static uint32_t etc_flags(struct tree *t, uint32_t *mode)
{
    uint32_t name = tree_find(t, TREE_ROOT, "etc", 3);

    if (!name)
        return IMAGE_ETC_MISSING;
    const struct tree_inode *i = tree_inode(t, tree_name(t, name)->inode);
    *mode = i->mode & 07777;
    return S_ISDIR(i->mode) && i->uid == 0 && i->gid == 0 && i->n_xattrs == 0 ? IMAGE_ETC_PLAIN : 0;
}

int peek_store(int fd, struct tree *t, struct backing *b, uint64_t index_len, struct error *err)
{
    struct image_answer a = {.magic = IMAGE_ANSWER_MAGIC, .index_len = index_len};
    uint64_t at = sizeof a;

    a.flags = etc_flags(t, &a.etc_mode);
    if (is_directory(t, "/bin") || is_directory(t, "/usr") || is_directory(t, "/sbin"))
        a.flags |= IMAGE_HAS_ROOT;
    if (is_file(t, "/etc/hosts"))
        a.flags |= IMAGE_HAS_HOSTS;
    if (is_file(t, "/etc/hostname"))
        a.flags |= IMAGE_HAS_HOSTNAME;
    if (is_file(t, "/etc/resolv.conf"))
        a.flags |= IMAGE_HAS_RESOLV_CONF;
    int r = add_file(fd, t, b, "/etc/passwd", &at, &a.passwd_len, err);
    if (r == 0)
        r = add_file(fd, t, b, "/etc/group", &at, &a.group_len, err);
    if (r == 0 && pwrite(fd, &a, sizeof a, 0) != sizeof a)
        r = error_sys(err, errno, "answer");
    return r;
}
