/*
 * Theory of operation: the run directory gets rootfs/, an empty directory that the overlay is mounted over by
 * init; scratch/ with upper/ and work/; and seed/, one more layer over the image, for /etc/hosts and its kin:
 * so upper/ holds what the command changed and nothing else.
 */
#include "sandbox/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "store/worker.h"

void root_free(struct root *r)
{
    free(r->path);
    for (size_t i = 0; i < r->n; i++)
        fd_close(&r->fds[i]);
    free(r->fds);
    strv_free(r->lowers);
    free(r->scratch);
    fd_close(&r->seed);
    *r = ROOT_INIT;
}

struct layered root_files(const struct root *r)
{
    return (struct layered){.fds = r->fds, .n = r->n};
}

/* Makes the directory @name in @dir, mode 0755 whatever the umask, and opens it. */
static int make_dir(const struct run_dir *dir, const char *name, struct error *err)
{
    if (mkdirat(dir->fd, name, 0755) < 0)
        return error_sys(err, errno, "make \"%s/%s\"", dir->path, name);
    _cleanup_close_ int fd = openat(dir->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fchmod(fd, 0755) < 0)
        return error_sys(err, errno, "open \"%s/%s\"", dir->path, name);
    return TAKE_FD(fd);
}

/* One directory, @fd (taken over). */
static int single(struct root *r, int fd, struct error *err)
{
    r->fds = malloc(sizeof r->fds[0]);
    if (!r->fds) {
        close(fd);
        return error_oom(err);
    }
    r->fds[0] = fd;
    r->n = 1;
    return 0;
}

static int open_layers(struct root *r, const struct image *image, struct error *err)
{
    size_t n = store_image_layers(&image->stored);

    r->fds = calloc(n, sizeof r->fds[0]);
    if (!r->fds)
        return error_oom(err);
    for (size_t i = n; i-- > 0;) {
        char *path = store_layer_path(&image->store, store_image_layer(&image->stored, i));
        if (!path || strv_take(&r->lowers, path) < 0)
            return error_oom(err);
        r->fds[r->n] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (r->fds[r->n] < 0) {
            int ret = error_sys(err, errno, "open a layer of image \"%s\"", image->name);
            error_hint(err, "bryo images check tells what is wrong with the store");
            return ret;
        }
        r->n++;
    }
    return 0;
}

/* The file system of the run directory must be one that overlayfs writes to. */
static bool takes_xattrs(int fd)
{
    return fsetxattr(fd, "user.overlay.probe", "y", 1, 0) == 0 && fremovexattr(fd, "user.overlay.probe") == 0;
}

static int make_scratch(struct root *r, const struct run_dir *dir, const char *memory, char **note,
                        struct error *err)
{
    _cleanup_close_ int scratch = make_dir(dir, "scratch", err);

    if (scratch < 0)
        return scratch;
    r->overlay.memory = memory != NULL;
    r->overlay.memory_size = str_empty(memory) ? NULL : memory;
    if (!memory && !takes_xattrs(scratch)) {
        r->overlay.memory = true;
        *note = str_printf("what the command changes is kept in memory: the file system of \"%s\" has no "
                           "extended attributes",
                           dir->path);
        if (!*note)
            return error_oom(err);
    }
    if (!r->overlay.memory && (mkdirat(scratch, "upper", 0755) < 0 || mkdirat(scratch, "work", 0700) < 0))
        return error_sys(err, errno, "make directories in \"%s\"", r->scratch);
    return 0;
}

/* @image: NULL if the layer is there already, mounted by somebody else, as @served. */
static int make_overlay(struct root *r, const struct image *image, const char *served,
                        const struct run_dir *dir, const char *memory, char **note, struct error *err)
{
    char *seed = str_printf("%s/seed", dir->path);

    if (!seed || strv_take(&r->lowers, seed) < 0)
        return error_oom(err);
    r->scratch = str_printf("%s/scratch", dir->path);
    if (!r->scratch)
        return error_oom(err);
    r->seed = make_dir(dir, "seed", err);
    if (r->seed < 0)
        return r->seed;
    int ret = image ? open_layers(r, image, err) : strv_add(&r->lowers, served) < 0 ? error_oom(err) : 0;
    if (ret == 0)
        ret = make_scratch(r, dir, memory, note, err);
    if (ret < 0)
        return ret;
    r->overlays = true;
    r->overlay.lowers = r->lowers;
    r->overlay.image_top = 1; /* behind the seed */
    r->overlay.scratch = r->scratch;
    return 0;
}

int image_copy_layers(const struct image *image, const struct idmap *map, int fd,
                      const struct image_events *events, struct error *err)
{
    _cleanup_free_ char *helper = NULL;
    int r = image_helper_path(&helper, err);

    for (size_t i = 0; r == 0 && i < store_image_layers(&image->stored); i++) {
        _cleanup_free_ char *path = store_layer_path(&image->store, store_image_layer(&image->stored, i));
        _cleanup_strv_ char **argv = NULL;
        r = path ? image_copy_argv(helper, image->name, store_image_whiteouts(&image->stored, i), &argv, err)
                 : error_oom(err);
        if (r < 0)
            return r;
        _cleanup_close_ int layer = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (layer < 0)
            return error_sys(err, errno, "open \"%s\"", path);
        r = worker_run(map, argv, layer, fd, events, NULL, err);
    }
    return r;
}

int root_copy(struct root *r, const struct image *image, const struct run_dir *dir, const struct idmap *map,
              const struct image_events *events, struct error *err)
{
    _cleanup_close_ int fd = openat(dir->fd, "rootfs", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_free_ char *helper = NULL;
    _cleanup_strv_ char **argv = NULL;

    if (fd < 0)
        return error_sys(err, errno, "open \"%s/rootfs\"", dir->path);
    int ret = image_copy_layers(image, map, fd, events, err);
    if (ret == 0 && r->seed >= 0) {
        ret = image_helper_path(&helper, err);
        if (ret == 0)
            ret = image_copy_argv(helper, image->name, "none", &argv, err);
        if (ret == 0)
            ret = worker_run(map, argv, r->seed, fd, events, NULL, err);
    }
    r->overlays = false;
    return ret;
}

int root_make(struct root *r, struct image *image, const struct run_dir *dir, const struct idmap *map,
              const char *memory, const struct image_events *events, char **note, struct error *err)
{
    if (image->directory) {
        r->path = TAKE_PTR(image->path);
        return single(r, TAKE_FD(image->fd), err);
    }
    r->own = true;
    r->path = str_printf("%s/rootfs", dir->path);
    if (!r->path)
        return error_oom(err);
    _cleanup_close_ int fd = make_dir(dir, "rootfs", err);
    if (fd < 0)
        return fd;
    if (store_image_overlays(&image->stored))
        return make_overlay(r, image, NULL, dir, memory, note, err);
    *note = str_printf("image \"%s\" is copied: the store's file system has neither extended attributes nor "
                       "device nodes, so overlayfs cannot use the layers",
                       image->name);
    if (!*note)
        return error_oom(err);
    int ret = root_copy(r, image, dir, map, events, err);
    return ret < 0 ? ret : single(r, TAKE_FD(fd), err);
}

int root_serve(struct root *r, int files, const char *lower, const struct run_dir *dir, const char *memory,
               char **note, struct error *err)
{
    r->own = true;
    r->path = str_printf("%s/rootfs", dir->path);
    if (!r->path)
        return error_oom(err);
    _cleanup_close_ int fd = make_dir(dir, "rootfs", err);
    if (fd < 0)
        return fd;
    int copy = fcntl(files, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return error_sys(err, errno, "open the image");
    int ret = single(r, copy, err);
    return ret < 0 ? ret : make_overlay(r, NULL, lower, dir, memory, note, err);
}
