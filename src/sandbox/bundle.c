/*
 * `bryo unpack`: an archive becomes an OCI bundle that `bryo run` accepts.
 *
 * The bundle is private (mode 0700): files inside carry the set-user-ID bit and belong to the caller, and
 * would make whoever reaches them on the host the caller.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "sandbox/config.h"
#include "sandbox/env.h"
#include "sandbox/image.h"
#include "sandbox/image_config.h"
#include "sandbox/root.h"
#include "sandbox/sandbox.h"
#include "sandbox/user.h"
#include "store/worker.h"
#include "userns/remove.h"

struct bundle {
    const char *name; /* as the user wrote it */
    char *rootfs;     /* its rootfs/, absolute */
    int fd;
    bool made; /* the directory is ours to remove; else @mode is to be restored */
    mode_t mode;
};

static void bundle_free(struct bundle *b)
{
    free(b->rootfs);
    fd_close(&b->fd);
}

static int check_empty(const struct bundle *b, struct error *err)
{
    int copy = fcntl(b->fd, F_DUPFD_CLOEXEC, 3);
    _cleanup_closedir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir) {
        int code = errno;
        fd_close(&copy);
        return error_sys(err, code, "list \"%s\"", b->name);
    }
    for (struct dirent *e; (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            error_set(err, ENOTEMPTY, "bundle \"%s\": the directory is not empty", b->name);
            error_hint(
                err,
                "bryo unpacks only into a new or an empty directory, so that nothing of yours is mixed in");
            return -ENOTEMPTY;
        }
    return 0;
}

/* Makes or takes the directory. */
static int claim(struct bundle *b, struct error *err)
{
    b->made = mkdir(b->name, 0700) == 0;
    if (!b->made && errno != EEXIST) {
        int code = errno;
        error_sys(err, code, "make the bundle \"%s\"", b->name);
        if (code == ENOENT)
            error_hint(err, "the directory above it must exist");
        return -code;
    }
    b->fd = open(b->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b->fd < 0)
        return error_sys(err, errno, "open the bundle \"%s\"", b->name);
    struct stat st;
    int r = b->made ? 0 : check_empty(b, err);
    if (r < 0)
        return r;
    if (fstat(b->fd, &st) < 0)
        return error_sys(err, errno, "stat the bundle \"%s\"", b->name);
    b->mode = st.st_mode & 07777;
    if (fchmod(b->fd, 0700) < 0) {
        r = error_sys(err, errno, "make the bundle \"%s\" private (mode 0700)", b->name);
        error_hint(err, "it belongs to uid %u; let bryo make the directory, or give one of your own",
                   (unsigned)st.st_uid);
        return r;
    }
    return 0;
}

/* Leaves things as they were. What cannot be removed is a warning: the reason for being here is the error. */
static void give_back(const struct runtime *rt, const struct bundle *b, const struct idmap *map)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    if (b->rootfs && tree_remove_mapped(map, b->rootfs, &err) < 0)
        log_warn_error(rt->log, &err);
    (void)unlinkat(b->fd, "config.json", 0);
    if (b->made)
        (void)rmdir(b->name);
    else
        (void)fchmod(b->fd, b->mode);
}

/* An archive of a root file system goes straight to where it is wanted; else the layers are in the store. */
static int fill_root(struct image *image, const struct idmap *map, int fd, uint64_t max_size,
                     const struct image_events *events, struct error *err)
{
    const struct store_request request = {.max_bytes = max_size, .events = events};
    if (image->fd >= 0 && !image->layout) {
        int r = worker_unpack(map, image->name, image->fd, fd, max_size, events, err);
        if (r != -EMEDIUMTYPE || lseek(image->fd, 0, SEEK_SET) < 0)
            return r;
        error_clear(err); /* an image in a transport format goes by the store */
    }
    int r = image_store(image, map, &request, err);
    return r < 0 ? r : image_copy_layers(image, map, fd, events, err);
}

static int unpack_root(struct bundle *b, struct image *image, const struct idmap *map, uint64_t max_size,
                       const struct image_events *events, struct error *err)
{
    _cleanup_free_ char *path = path_absolute(b->name);
    b->rootfs = path ? str_printf("%s/rootfs", path) : NULL;
    if (!b->rootfs)
        return error_oom(err);
    if (mkdirat(b->fd, "rootfs", 0755) < 0)
        return error_sys(err, errno, "make \"%s\"", b->rootfs);
    _cleanup_close_ int fd = openat(b->fd, "rootfs", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fchmod(fd, 0755) < 0)
        return error_sys(err, errno, "open \"%s\"", b->rootfs);
    return fill_root(image, map, fd, max_size, events, err);
}

static int write_config(const struct runtime *rt, const struct bundle *b, const struct image *image,
                        struct error *err)
{
    const struct sandbox_config config = {.rootless = runtime_wants_userns(rt), .hostname = "bryo"};
    _cleanup_image_config_ struct image_config own = {0};
    _cleanup_cjson_ cJSON *json = NULL;
    _cleanup_sandbox_user_ struct sandbox_user user = {0};
    _cleanup_strv_ char **env = NULL, **args = NULL;
    uint64_t added;
    _cleanup_close_ int rootfd = openat(b->fd, "rootfs", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (rootfd < 0)
        return error_sys(err, errno, "open \"%s\"", b->rootfs);
    int r = image_config_read(image->stored.json ? store_image_config(&image->stored) : NULL, &own, err);
    if (r == 0)
        r = image_config_args(&own, NULL, NULL, &args, err);
    if (r == 0)
        r = sandbox_user_find(LAYERED(rootfd), own.user, "the image's user", &user, err);
    if (r == 0)
        r = sandbox_env_make(own.env, NULL, user.home, NULL, NULL, false, &env, err);
    if (r == 0)
        r = sandbox_config_begin(&config, &json, &added, err);
    if (r == 0)
        r = sandbox_config_command(json, args, own.cwd ? own.cwd : "/", err);
    if (r == 0)
        r = image_config_annotate(&own, json, err);
    if (r == 0)
        r = sandbox_config_finish(json, "rootfs", &user, env, added, err);
    return r == 0 ? sandbox_config_write(b->name, b->fd, json, err) : r;
}

static int fill(const struct runtime *rt, struct bundle *b, struct image *image, const struct idmap *map,
                uint64_t max_size, const struct image_events *events, struct error *err)
{
    int r = claim(b, err);
    if (r < 0) {
        if (b->made)
            (void)rmdir(b->name);
        return r;
    }
    r = unpack_root(b, image, map, max_size, events, err);
    if (r == 0)
        r = write_config(rt, b, image, err);
    if (r == 0 && worker_signal_pending())
        r = error_set(err, EINTR, "interrupted");
    if (r < 0)
        give_back(rt, b, map);
    return r;
}

int sandbox_make_bundle(const struct runtime *rt, const char *image, const char *bundle, uint64_t max_size,
                        const struct image_events *events, struct error *err)
{
    _cleanup_image_ struct image source = IMAGE_INIT;
    _cleanup_(bundle_free) struct bundle b = {.name = bundle, .fd = -EBADF};
    if (str_empty(bundle))
        return error_set(err, EINVAL, "bundle \"\": the name is empty");
    _cleanup_idmap_ struct idmap map = {0};
    _cleanup_error_ struct error why = ERROR_INIT;
    int r = idmap_default(&map, &why, err);
    if (r == 0)
        r = image_open(image, &map, &source, err);
    if (r < 0)
        return r;
    if (source.directory) {
        error_set(err, EISDIR, "image \"%s\": it is a directory, there is nothing to unpack", image);
        error_hint(err, "use it in place: bryo sandbox %s", image);
        return -EISDIR;
    }
    if (why.text)
        log_warn_error(rt->log, &why);
    sigset_t old;
    worker_block_signals(&old);
    r = fill(rt, &b, &source, &map, max_size, events, err);
    worker_unblock_signals(&old);
    return r;
}
