/*
 * Removing trees whose files belong to the ids of a user namespace.
 *
 * Theory of operation: what the caller may remove is removed at once. For the rest a child removes the tree
 * in a user namespace with the same maps that the container had (userns/within.h). No program is executed, so
 * it works without bryo-image.
 */
#include "userns/remove.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "userns/within.h"

/* Splits @path into the descriptor of its directory and its last component (*name: the caller frees). */
static int open_parent(const char *path, int *dirfd, char **name, struct error *err)
{
    _cleanup_free_ char *copy = strdup(path);
    if (!copy)
        return error_oom(err);
    size_t len = strlen(copy);
    while (len > 1 && copy[len - 1] == '/')
        copy[--len] = '\0';
    char *slash = strrchr(copy, '/');
    const char *last = slash ? slash + 1 : copy;
    if (!*last || !strcmp(last, ".") || !strcmp(last, ".."))
        return error_set(err, EINVAL, "remove \"%s\": its last component is not a name", path);
    *name = strdup(last);
    if (!*name)
        return error_oom(err);

    const char *dir = ".";
    if (slash) {
        slash[slash == copy ? 1 : 0] = '\0';
        dir = copy;
    }
    *dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dirfd < 0 && errno == ENOENT)
        return 0; /* then the tree is gone as well */
    if (*dirfd < 0)
        return error_sys(err, errno, "remove \"%s\": open \"%s\"", path, dir);
    return 0;
}

/* A tree, by the directory that holds it. */
struct tree {
    int dirfd;
    const char *name;
};

static int remove_tree(void *data, struct error *err)
{
    const struct tree *tree = data;

    return remove_tree_at(tree->dirfd, tree->name, err);
}

int tree_remove_mapped(const struct idmap *map, const char *path, struct error *err)
{
    _cleanup_close_ int dirfd = -EBADF;
    _cleanup_free_ char *name = NULL;
    int r = open_parent(path, &dirfd, &name, err);
    if (r < 0 || dirfd < 0)
        return r;
    if (faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return 0;

    /* As the caller first: most trees are the caller's own through and through, and a namespace costs more
     * than they. */
    _cleanup_error_ struct error plain = ERROR_INIT, mapped = ERROR_INIT;
    r = remove_tree_at(dirfd, name, &plain);
    if (r == 0)
        return 0;
    bool worth = map && map->uids.count > 0 && map->gids.count > 0 && geteuid() != 0;
    if (worth) {
        struct tree tree = {dirfd, name};
        r = userns_within(map, remove_tree, &tree, &mapped);
        if (r == 0)
            return 0;
    }
    error_move(err, worth ? &mapped : &plain);
    error_prefix(err, "remove \"%s\"", path);
    return r;
}
