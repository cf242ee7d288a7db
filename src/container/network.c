#include "container/network.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "container/network_join.h"
#include "container/ports.h"
#include "container/state_mount.h"
#include "net/resolv.h"

#define ANNOTATION  "run.bryo.net"
#define EXPOSED     "org.opencontainers.image.exposedPorts"
#define RESOLV_CONF "/etc/resolv.conf"

/* Engines that read a value from a file leave its newline in. */
static char *annotation_value(const struct oci_config *config)
{
    const char *value = oci_config_annotation(config, ANNOTATION);

    return value ? strndup(value, strcspn(value, "\n")) : NULL;
}

static void remove_namespace(struct oci_namespace_list *list, size_t i)
{
    free(list->items[i].path);
    memmove(&list->items[i], &list->items[i + 1], (list->count - i - 1) * sizeof *list->items);
    list->count--;
}

static int add_namespace(struct oci_namespace_list *list)
{
    struct oci_namespace *grown = realloc(list->items, (list->count + 1) * sizeof *grown);

    if (!grown)
        return -ENOMEM;
    grown[list->count++] = (struct oci_namespace){.type = OCI_NS_NETWORK};
    list->items = grown;
    return 0;
}

/* The network namespace is the one at @path. */
static int join_namespace(struct oci_config *config, const char *path, const char *from, struct error *err)
{
    struct oci_namespace_list *list = &config->linux_.namespaces;
    struct oci_namespace *ns = NULL;

    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].type == OCI_NS_NETWORK)
            ns = &list->items[i];
    if (ns && ns->path)
        return error_set(err, EINVAL, "%s: linux.namespaces joins another network, \"%s\"", from, ns->path);
    if (!ns && add_namespace(list) < 0)
        return error_oom(err);
    if (!ns)
        ns = &list->items[list->count - 1];
    ns->path = strdup(path);
    return ns->path ? 0 : error_oom(err);
}

/* Makes config.json's network namespace what @kind needs: none, or a new one. */
static int set_namespace(struct oci_config *config, enum net_kind kind, const char *from, struct error *err)
{
    struct oci_namespace_list *list = &config->linux_.namespaces;

    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].type != OCI_NS_NETWORK)
            continue;
        if (kind == NET_HOST) {
            remove_namespace(list, i);
            return 0;
        }
        if (!list->items[i].path)
            return 0;
        error_set(
            err, EINVAL,
            "%s: it needs a network namespace of the container's own, but linux.namespaces joins \"%s\"",
            from, list->items[i].path);
        error_hint(err, "leave the path out of linux.namespaces, or the network to who made that namespace");
        return -EINVAL;
    }
    return kind == NET_HOST || add_namespace(list) == 0 ? 0 : error_oom(err);
}

/* The ports that the image names, which whoever made the bundle of it has left in an annotation. */
static int publish_all(struct container *c, const char *from, struct error *err)
{
    const char *exposed = oci_config_annotation(c->config, EXPOSED);

    if (str_empty(exposed)) {
        error_set(err, ENOENT, "%s: publish-all: the image names no ports (annotations[\"%s\"] is not there)",
                  from, EXPOSED);
        error_hint(err, "name them: publish=HOST:CONTAINER, or --publish of bryo sandbox");
        return -ENOENT;
    }
    int r = net_spec_publish_exposed(&c->net, exposed, err);
    if (r < 0)
        error_prefix(err, "annotations[\"" EXPOSED "\"]");
    return r;
}

int network_plan(struct container *c, struct error *err)
{
    _cleanup_free_ char *annotation = c->opts->net ? NULL : annotation_value(c->config);
    const char *text = c->opts->net ? c->opts->net : annotation;
    const char *from = c->opts->net ? "--net" : "annotations[\"" ANNOTATION "\"]";
    int r;

    if (!text)
        return 0;
    r = net_spec_parse(text, &c->net, err);
    if (r < 0) {
        error_prefix(err, "%s", from);
        return r;
    }
    if (c->net.publish_all && (r = publish_all(c, from, err)) < 0)
        return r;
    _cleanup_free_ char *path = NULL;
    if (c->net.kind == NET_CONTAINER) {
        r = network_find_peer(c, &path, err);
        if (r < 0)
            error_prefix(err, "%s", from);
    }
    if (c->net.kind != NET_CONTAINER && c->net.kind != NET_NS)
        return set_namespace(c->config, c->net.kind, from, err);
    return r < 0 ? r : join_namespace(c->config, path ? path : c->net.target, from, err);
}

static bool needs_helper(const struct container *c)
{
    return c->net.kind == NET_SLIRP;
}

int network_check(struct container *c, struct error *err)
{
    if (c->net.kind == NET_CONTAINER || c->net.kind == NET_NS)
        return network_join_owner(c, err);
    if (!needs_helper(c))
        return 0;
    if (c->foreign) {
        error_set(err, ENOTSUP, "network slirp: the container joins a user or pid namespace of others");
        error_hint(err, "its init hides from its own user then; share that container's network as well");
        return -ENOTSUP;
    }
    return net_helper_check(&c->net, err);
}

static bool has_mount_at(const struct oci_config *config, const char *destination)
{
    for (size_t i = 0; i < config->mounts.count; i++)
        if (strcmp(config->mounts.items[i].destination, destination) == 0)
            return true;
    return false;
}

/* Is there a file to mount over? What is no file, or not there, the image wants so. */
static bool image_has_file(const struct container *c, const char *path)
{
    _cleanup_close_ int root = open(c->rootfs_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int fd = root < 0 ? -EBADF : path_open_in_root(root, path, O_PATH, 0);
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* Of the container whose network it is, where bryo-net is behind that; else *out stays NULL. */
static int peer_resolv_conf(const struct container *c, char **out, struct error *err)
{
    _cleanup_free_ char *nameserver = NULL;
    int r = network_nameserver(c->rt, c->net.target, &nameserver, err);

    return r < 0 || !nameserver ? r : net_resolv_conf_of((char *const[]){nameserver, NULL}, out, err);
}

int network_add_files(struct container *c, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    int r;

    if ((c->net.kind != NET_SLIRP && c->net.kind != NET_CONTAINER) || c->opts->has_resolv_conf ||
        !c->new_ns[OCI_NS_MOUNT] || has_mount_at(c->config, RESOLV_CONF) || !image_has_file(c, RESOLV_CONF))
        return 0;
    r = c->net.kind == NET_SLIRP ? net_resolv_conf(&c->net, &text, err) : peer_resolv_conf(c, &text, err);
    if (r < 0 || !text)
        return r;
    r = file_replace_at(c->dir.fd, STATEDIR_RESOLV_CONF, text, strlen(text), 0644, err);
    return r < 0 ? r : state_mount_add(c, STATEDIR_RESOLV_CONF, RESOLV_CONF, err);
}

/* Where the helper's messages go: the log; but once we have left, standard error is the container's. */
static int open_log(const struct container *c, struct error *err)
{
    int fd = c->detached && c->rt->log->fd == STDERR_FILENO
                 ? openat(c->dir.fd, STATEDIR_NET_LOG, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                          0600)
                 : fcntl(c->rt->log->fd, F_DUPFD_CLOEXEC, 3);

    return fd < 0 ? error_sys(err, errno, "open the log of the network") : fd;
}

int network_start(struct container *c, struct error *err)
{
    _cleanup_close_ int log_fd = -EBADF, api_fd = -EBADF;

    if (!needs_helper(c))
        return 0;
    log_fd = open_log(c, err);
    if (log_fd < 0)
        return log_fd;
    api_fd = unix_listen_at(c->dir.fd, STATEDIR_NET_SOCKET, SOCK_STREAM);
    if (api_fd < 0)
        return error_sys(err, -api_fd, "create the socket of the network in the state directory");
    return net_helper_start(&c->net_helper, &c->net, c->init_pid, c->init_pidfd, c->new_ns[OCI_NS_USER],
                            api_fd, c->rt->log, log_fd, err);
}

int network_wait(struct container *c, struct error *err)
{
    return net_helper_wait(&c->net_helper, err);
}
