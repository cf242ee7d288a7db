/*
 * The network of another container is entered with its user namespace: setns(2) asks for CAP_SYS_ADMIN over
 * both, which nobody has from a user namespace beside it. So two containers that share a network share a user
 * namespace as well, and with it the id map.
 */
#include "container/network_join.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"
#include "base/str.h"
#include "userns/namespaces.h"

#define MAP_MAX 65536

int network_find_peer(struct container *c, char **path, struct error *err)
{
    __attribute__((cleanup(statedir_close))) struct statedir dir = STATEDIR_INIT;
    __attribute__((cleanup(oci_state_freep))) struct oci_state *state = NULL;
    const char *id = c->net.target;
    int r = container_check_id(id, err);

    if (r == 0)
        r = statedir_open(&dir, c->rt, id, false, err);
    if (r == 0)
        r = statedir_read(&dir, id, &state, err);
    if (r < 0)
        return r;
    c->net_peer = process_open(state->pid, state->start_time);
    if (c->net_peer == -ESRCH)
        return error_set(err, ESRCH, "container \"%s\" has stopped: it has no network to share", id);
    if (c->net_peer < 0)
        return error_sys(err, -c->net_peer, "container \"%s\": open process %d", id, (int)state->pid);
    *path = str_printf("/proc/%d/ns/net", (int)state->pid);
    return *path ? 0 : error_oom(err);
}

static int check_alive(const struct container *c, struct error *err)
{
    struct pollfd p = {.fd = c->net_peer, .events = POLLIN};

    /* As long as it lives its pid is no other's: what was opened by the pid is its namespace. */
    if (c->net_peer >= 0 && poll(&p, 1, 0) == 1)
        return error_set(err, ESRCH, "container \"%s\" has stopped meanwhile", c->net.target);
    return 0;
}

/* One id map as /proc shows it: three numbers a line. */
static bool same_map(const char *text, const struct oci_id_map_list *map)
{
    unsigned inside, outside, size;
    size_t n = 0;

    for (int len; sscanf(text, "%u %u %u%n", &inside, &outside, &size, &len) == 3; text += len, n++)
        if (n == map->count || map->items[n].container_id != inside || map->items[n].host_id != outside ||
            map->items[n].size != size)
            return false;
    return n == map->count;
}

/* config.json may name id maps; then they must be those that are there. */
static int check_map(const struct container *c, const char *name, const struct oci_id_map_list *map,
                     struct error *err)
{
    _cleanup_free_ char *path = NULL, *text = NULL;
    const struct oci_namespace *ns = oci_config_namespace(c->config, OCI_NS_NETWORK);
    int r;

    if (!map->count || c->net.kind != NET_CONTAINER)
        return 0;
    path = str_printf("%.*s/%s", (int)(strlen(ns->path) - strlen("/ns/net")), ns->path, name);
    if (!path)
        return error_oom(err);
    r = file_read_at(AT_FDCWD, path, MAP_MAX, &text, NULL, err);
    if (r < 0 || same_map(text, map))
        return r;
    error_set(err, EINVAL, "linux.%s differs from that of container \"%s\", whose network is shared",
              strcmp(name, "uid_map") == 0 ? "uidMappings" : "gidMappings", c->net.target);
    error_hint(err, "a network can be shared only within one user namespace: leave the mappings out");
    return -EINVAL;
}

static int cannot_join(const struct container *c, int code, struct error *err)
{
    error_sys(err, code, "find out to whom the network \"%s\" belongs", c->net.target);
    if (code == EPERM)
        error_hint(err, "its user namespace is not below the caller's: only root of the machine, or whoever "
                        "is in there, can "
                        "join it");
    return -code;
}

int network_join_owner(struct container *c, struct error *err)
{
    int net = c->join_ns[OCI_NS_NETWORK];
    int r = check_alive(c, err);

    if (r < 0)
        return r;
    if (net < 0) {
        error_set(err, EINVAL, "the network of \"%s\" is the caller's own", c->net.target);
        error_hint(err, "use --net host");
        return -EINVAL;
    }
    if (c->join_ns[OCI_NS_USER] >= 0)
        return 0;
    _cleanup_close_ int owner = ioctl(net, NS_GET_USERNS);
    if (owner < 0)
        return cannot_join(c, errno, err);
    if (namespace_is_own(owner, OCI_NS_USER) == 1)
        return 0;
    r = check_map(c, "uid_map", &c->config->linux_.uid_mappings, err);
    if (r == 0)
        r = check_map(c, "gid_map", &c->config->linux_.gid_mappings, err);
    if (r < 0)
        return r;
    c->join_ns[OCI_NS_USER] = TAKE_FD(owner);
    c->new_ns[OCI_NS_USER] = false;
    c->joins = c->foreign = c->userns = true;
    return 0;
}
