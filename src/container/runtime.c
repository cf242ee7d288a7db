#include "container/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

/* Is @path a directory of ours that nobody else can write? */
static bool own_directory(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022);
}

/* Without XDG_RUNTIME_DIR (cron, su, Slurm, conmon): the directory that it would have named, else one in
 * /tmp. */
static int fallback_root(char **root, struct error *err)
{
    _cleanup_free_ char *run = str_printf("/run/user/%u", geteuid());
    _cleanup_free_ char *tmp = str_printf("/tmp/bryo-run-%u", geteuid());

    if (!run || !tmp)
        return error_oom(err);
    if (own_directory(run)) {
        *root = str_printf("%s/bryo", run);
        return *root ? 0 : error_oom(err);
    }
    /* Made here, because the check of its owner is what keeps another user from putting it there before us.
     */
    if (mkdir(tmp, 0700) < 0 && errno != EEXIST)
        return error_sys(err, errno, "create the state directory \"%s\"", tmp);
    if (!own_directory(tmp)) {
        error_set(err, EPERM, "the state directory \"%s\" is not a directory of user %u alone", tmp,
                  geteuid());
        error_hint(err, "set XDG_RUNTIME_DIR or name a directory of your own with --root");
        return -EPERM;
    }
    *root = TAKE_PTR(tmp);
    return 0;
}

int runtime_init(struct runtime *rt, const char *root_option, struct log *log, struct error *err)
{
    const char *xdg = getenv("XDG_RUNTIME_DIR");

    rt->log = log;
    if (root_option) {
        if (!*root_option)
            return error_set(err, EINVAL, "--root: expected a directory, found \"\"");
        rt->root = path_absolute(root_option);
    } else if (geteuid() == 0) {
        /* Real root, and uid 0 of podman's user namespace: there XDG_RUNTIME_DIR names the user's directory.
         */
        rt->root =
            xdg && *xdg == '/' && !own_directory("/run") ? str_printf("%s/bryo", xdg) : strdup("/run/bryo");
    } else if (xdg && *xdg == '/') {
        rt->root = str_printf("%s/bryo", xdg);
    } else {
        return fallback_root(&rt->root, err);
    }
    if (!rt->root)
        return errno == ENOENT ? error_sys(err, errno, "--root \"%s\"", root_option) : error_oom(err);
    return 0;
}

void runtime_free(struct runtime *rt)
{
    free(rt->root);
    rt->root = NULL;
}

bool runtime_wants_userns(const struct runtime *rt)
{
    return rt->rootless == 1 || (rt->rootless < 0 && geteuid() != 0);
}
