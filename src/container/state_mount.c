#include "container/state_mount.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"

int state_mount_add(struct container *c, const char *name, const char *destination, struct error *err)
{
    char *const options[] = {(char[]){"bind"},  (char[]){"ro"},     (char[]){"nosuid"},
                             (char[]){"nodev"}, (char[]){"noexec"}, NULL};
    struct oci_mount_list *mounts = &c->config->mounts;
    struct oci_mount *grown = realloc(mounts->items, (mounts->count + 1) * sizeof *grown), *m;
    _cleanup_free_ char *dir = path_of_fd(c->dir.fd);

    if (grown)
        mounts->items = grown;
    if (!grown || !dir)
        return error_oom(err);
    m = &grown[mounts->count++];
    *m = (struct oci_mount){.destination = strdup(destination),
                            .type = strdup("bind"),
                            .source = str_printf("%s/%s", dir, name),
                            .options = strv_copy(options, NULL)};
    c->state_mounts++;
    return m->destination && m->type && m->source && m->options ? 0 : error_oom(err);
}

void state_mounts_open(struct container *c)
{
    size_t n = c->config->mounts.count;

    for (size_t i = n - c->state_mounts; geteuid() == 0 && i < n; i++)
        c->source_fds[i] =
            sys_open_tree(AT_FDCWD, c->config->mounts.items[i].source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}
