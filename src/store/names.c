/*
 * Links of the store: names that people gave, files that images came from.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "store/internal.h"

#define NAME_LIMIT 200 /* with "%2f" for each slash it must fit into a file name */
#define ID_MIN     6

int store_read_link(const struct store *s, const char *dir, const char *name, char id[SHA256_HEX + 1])
{
    _cleanup_free_ char *path = str_printf("%s/%s", dir, name);
    char target[SHA256_HEX + 2];

    if (!path)
        return -ENOMEM;
    ssize_t n = readlinkat(s->fd, path, target, sizeof target - 1);
    if (n < 0)
        return -errno;
    target[n] = '\0';
    if (!sha256_is_hex(target))
        return -ENOENT;
    memcpy(id, target, SHA256_HEX + 1);
    return 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int store_entries(const struct store *s, const char *name, char ***out, struct error *err)
{
    int fd = openat(s->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    _cleanup_strv_ char **v = NULL;

    if (!dir) {
        int r = error_sys(err, errno, "list \"%s/%s\"", s->path, name);
        fd_close(&fd);
        return r;
    }
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] != '.' && strv_add(&v, e->d_name) < 0)
            return error_oom(err);
    if (v)
        qsort(v, strv_len(v), sizeof v[0], compare);
    *out = TAKE_PTR(v);
    return 0;
}

/* NAME[:TAG] as file name: letters, digits, . _ - : @ and / */
int store_name_check(const char *name, char **full, struct error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:@/";
    const char *last = strrchr(name, '/'), *bad = name + strspn(name, allowed);

    last = last ? last + 1 : name;
    if (!*name || *bad || strlen(name) > NAME_LIMIT || strchr("./:@-", name[0]) || !*last ||
        strstr(name, "//") || strchr(":@", name[strlen(name) - 1])) {
        _cleanup_free_ char *shown = str_quote(name, 80);
        error_set(err, EINVAL, "\"%s\" is no name for an image", shown ? shown : "?");
        error_hint(err,
                   "expected NAME[:TAG] of letters, digits, dots, dashes, underlines and slashes, at most "
                   "200 bytes, for example debian:12");
        return -EINVAL;
    }
    if (sha256_is_hex(name))
        return error_set(err, EINVAL, "\"%s\" is no name for an image: it looks like an id", name);
    *full = str_printf("%s%s", name, strpbrk(last, ":@") ? "" : ":latest");
    return *full ? 0 : error_oom(err);
}

static char *encode(const char *full)
{
    _cleanup_strbuf_ struct strbuf out = {0};

    for (const char *c = full; *c; c++)
        strbuf_addn(&out, *c == '/' ? "%2f" : c, *c == '/' ? 3 : 1);
    return strbuf_take(&out);
}

static char *decode(const char *name)
{
    _cleanup_strbuf_ struct strbuf out = {0};

    for (const char *c = name; *c; c++)
        if (str_starts(c, "%2f")) {
            strbuf_addn(&out, "/", 1);
            c += 2;
        } else {
            strbuf_addn(&out, c, 1);
        }
    return strbuf_take(&out);
}

int store_name_set(const struct store *s, const char *name, const char *id, struct error *err)
{
    _cleanup_free_ char *full = NULL, *file = NULL;
    int r = store_name_check(name, &full, err);

    if (r < 0)
        return r;
    file = encode(full);
    return file ? store_link(s, STORE_NAMES, file, id, err) : error_oom(err);
}

int store_name_remove(const struct store *s, const char *name, struct error *err)
{
    _cleanup_free_ char *full = NULL, *file = NULL, *path = NULL;
    int r = store_name_check(name, &full, err);

    if (r < 0)
        return r;
    file = encode(full);
    path = file ? str_printf(STORE_NAMES "/%s", file) : NULL;
    if (!path)
        return error_oom(err);
    if (unlinkat(s->fd, path, 0) == 0)
        return 0;
    return errno == ENOENT ? -ENOENT : error_sys(err, errno, "remove \"%s/%s\"", s->path, path);
}

int store_names(const struct store *s, const char *id, char ***names, struct error *err)
{
    _cleanup_strv_ char **files = NULL, **out = NULL;
    int r = store_entries(s, STORE_NAMES, &files, err);

    if (r < 0)
        return r;
    STRV_FOREACH (file, files) {
        char target[SHA256_HEX + 1];
        if (store_read_link(s, STORE_NAMES, *file, target) < 0 || (id && strcmp(target, id) != 0))
            continue;
        char *name = decode(*file);
        if (!name || strv_take(&out, name) < 0)
            return error_oom(err);
    }
    *names = TAKE_PTR(out);
    return 0;
}

int store_images(const struct store *s, char ***ids, struct error *err)
{
    _cleanup_strv_ char **files = NULL, **out = NULL;
    int r = store_entries(s, STORE_IMAGES, &files, err);

    if (r < 0)
        return r;
    STRV_FOREACH (file, files) {
        if (!str_ends(*file, ".json"))
            continue;
        char *id = strndup(*file, strlen(*file) - strlen(".json"));
        if (!id)
            return error_oom(err);
        if (!sha256_is_hex(id)) /* half a record of somebody who was killed */
            free(id);
        else if (strv_take(&out, id) < 0)
            return error_oom(err);
    }
    *ids = TAKE_PTR(out);
    return 0;
}

/* The one id that begins with @prefix. */
static int find_id(const struct store *s, const char *prefix, char id[SHA256_HEX + 1], struct error *err)
{
    _cleanup_strv_ char **ids = NULL;
    int r = store_images(s, &ids, err), found = 0;

    if (r < 0)
        return r;
    STRV_FOREACH (one, ids) {
        if (!str_starts(*one, prefix))
            continue;
        if (found++)
            return error_set(err, ENOTUNIQ, "image \"%s\": more than one id begins so", prefix);
        memcpy(id, *one, SHA256_HEX + 1);
    }
    return found ? 0 : -ENOENT;
}

int store_find(const struct store *s, const char *text, char id[SHA256_HEX + 1], bool *by_name,
               struct error *err)
{
    _cleanup_free_ char *full = NULL, *file = NULL;
    _cleanup_error_ struct error ignored = ERROR_INIT;

    if (str_starts(text, "sha256:"))
        text += strlen("sha256:");
    if (by_name)
        *by_name = true;
    if (store_name_check(text, &full, &ignored) == 0) {
        file = encode(full);
        if (!file)
            return error_oom(err);
        if (store_read_link(s, STORE_NAMES, file, id) == 0)
            return 0;
    }
    if (by_name)
        *by_name = false;
    size_t digits = strspn(text, "0123456789abcdef");
    if (digits < ID_MIN || digits > SHA256_HEX || text[digits])
        return -ENOENT;
    return find_id(s, text, id, err);
}

/* What changes whenever the content does; nobody can set the time of the last change of the inode. */
static char *file_key(const struct stat *st, const char *variant)
{
    return str_printf("%llx-%llx-%llx-%llx.%lx-%llx.%lx%s", (unsigned long long)st->st_dev,
                      (unsigned long long)st->st_ino, (unsigned long long)st->st_size,
                      (unsigned long long)st->st_mtim.tv_sec, (unsigned long)st->st_mtim.tv_nsec,
                      (unsigned long long)st->st_ctim.tv_sec, (unsigned long)st->st_ctim.tv_nsec, variant);
}

int store_file_find(const struct store *s, const struct stat *st, const char *variant,
                    char id[SHA256_HEX + 1])
{
    _cleanup_free_ char *key = file_key(st, variant);

    return key ? store_read_link(s, STORE_FILES, key, id) : -ENOMEM;
}

int store_file_set(const struct store *s, const struct stat *st, const char *variant, const char *id,
                   struct error *err)
{
    _cleanup_free_ char *key = file_key(st, variant);

    return key ? store_link(s, STORE_FILES, key, id, err) : error_oom(err);
}
