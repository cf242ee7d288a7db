/*
 * What IMAGE on the command line is.
 *
 * Only the kind of file is looked at here. Reading the bytes of an archive is the confined helper's business,
 * and so is telling whether a file is one.
 */
#include "sandbox/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

/* Could the name that is no file be one of a registry ("debian:12", "library/debian", "alpine@sha256:…")? */
static bool looks_like_reference(const char *name)
{
    if (name[0] == '/' || name[0] == '.')
        return false;
    const char *last = strrchr(name, '/');
    last = last ? last + 1 : name;
    if (strchr(last, ':') || strchr(last, '@'))
        return true;
    for (const char *c = name; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_/", *c))
            return false;
    return true;
}

static int no_such_image(const char *name, struct error *err)
{
    error_sys(err, ENOENT, "image \"%s\"", name);
    if (strstr(name, "://"))
        error_hint(err, "bryo does not fetch URLs yet: download the tarball first and give its file name");
    else if (looks_like_reference(name))
        error_hint(
            err,
            "it is neither a file nor an image of the store (bryo images lists those). With podman: podman "
            "create --name tmp %s && podman export tmp -o rootfs.tar",
            name);
    else if (name[0] != '/') {
        _cleanup_free_ char *cwd = getcwd(NULL, 0);
        error_hint(err, "a relative name is looked up in the current directory, %s", cwd ? cwd : "?");
    }
    return -ENOENT;
}

static int check_directory(struct image *image, struct error *err)
{
    if (faccessat(image->fd, "config.json", F_OK, 0) == 0 && faccessat(image->fd, "rootfs", F_OK, 0) == 0) {
        error_set(err, EINVAL, "image \"%s\": this is an OCI bundle, not a root file system", image->name);
        error_hint(err, "run it with: bryo run -b %s ID; or take its root: bryo sandbox %s/rootfs",
                   image->name, image->name);
        return -EINVAL;
    }
    image->layout =
        faccessat(image->fd, "oci-layout", F_OK, 0) == 0 && faccessat(image->fd, "index.json", F_OK, 0) == 0;
    image->directory = !image->layout;
    return 0;
}

static int cannot_open(const char *name, int code, struct error *err)
{
    error_sys(err, code, "image \"%s\"", name);
    if (code == EACCES)
        error_hint(err, "uid %u may not read it or search a directory above it: see namei -l %s",
                   (unsigned)geteuid(), name);
    return -code;
}

/* @name is no file: is it an image of the store? */
static int find_stored(const char *name, const struct idmap *map, struct image *image, struct error *err)
{
    char id[SHA256_HEX + 1];
    int r = store_open(&image->store, map, false, err);

    if (r == 0)
        r = store_find(&image->store, name, id, NULL, err);
    if (r == 0)
        r = store_image_open(&image->store, id, &image->stored, err);
    return r == -ENOENT && !(err && err->code) ? no_such_image(name, err) : r;
}

int image_find(struct image *image, const struct idmap *map, struct error *err)
{
    char id[SHA256_HEX + 1];
    struct stat st;

    if (image->stored.json)
        return 1;
    if (fstat(image->fd, &st) < 0 || !S_ISREG(st.st_mode) || lseek(image->fd, 0, SEEK_CUR) != 0)
        return 0;
    int r = store_open(&image->store, map, false, err);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    r = store_file_find(&image->store, &st, "", id);
    if (r == 0)
        r = store_image_open(&image->store, id, &image->stored, err);
    if (r == 0)
        return 1;
    store_close(&image->store);
    image->store = STORE_INIT;
    return r == -ENOENT ? 0 : r;
}

int image_store(struct image *image, const struct idmap *map, const struct store_request *q,
                struct error *err)
{
    if (image->stored.json)
        return 0;
    int r = store_open(&image->store, map, true, err);
    if (r < 0)
        return r;
    if (image->source.kind != SOURCE_PLAIN)
        return store_import_source(&image->store, &image->source, q, &image->stored, err);
    if (image->layout)
        return store_import_layout(&image->store, image->fd, image->name, q, &image->stored, err);
    return store_import_archive(&image->store, image->fd, image->name, q, &image->stored, err);
}

int image_open(const char *name, const struct idmap *map, struct image *image, struct error *err)
{
    if (str_empty(name))
        return error_set(err, EINVAL, "image \"\": the name is empty");
    image->name = name;
    int r = source_parse(name, &image->source, err);
    if (r < 0 || image->source.kind != SOURCE_PLAIN)
        return r;
    struct stat st;
    bool standard_input = !strcmp(name, "-");
    if (!standard_input && stat(name, &st) < 0)
        return errno == ENOENT ? find_stored(name, map, image, err) : cannot_open(name, errno, err);
    if (standard_input && fstat(0, &st) < 0)
        return cannot_open(name, errno, err);
    if (standard_input && isatty(0)) {
        error_set(err, EINVAL, "image \"-\": standard input is a terminal");
        error_hint(err, "give a file name, or pipe an archive into bryo");
        return -EINVAL;
    }
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISFIFO(st.st_mode) &&
        !(standard_input && S_ISSOCK(st.st_mode)))
        return error_set(err, EINVAL, "image \"%s\": neither a directory nor a file but %s", name,
                         S_ISSOCK(st.st_mode) ? "a socket" : "a device");

    image->fd = standard_input ? fcntl(0, F_DUPFD_CLOEXEC, 3) : open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (image->fd < 0)
        return cannot_open(name, errno, err);
    image->path = path_absolute(name);
    if (!image->path)
        return error_oom(err);
    return S_ISDIR(st.st_mode) ? check_directory(image, err) : 0;
}

void image_close(struct image *image)
{
    free(image->path);
    image->path = NULL;
    source_free(&image->source);
    fd_close(&image->fd);
    store_image_close(&image->stored);
    store_close(&image->store);
}
