/*
 * The plan of a container: everything that can be read, checked and prepared before anything exists, so that
 * a mistake in config.json or a missing right costs nothing and leaves nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mapped.h"
#include "base/str.h"
#include "container/annotations.h"
#include "container/cgroup_setup.h"
#include "container/filter.h"
#include "container/inherited.h"
#include "container/internal.h"
#include "container/network.h"
#include "container/notify.h"
#include "container/rdt.h"
#include "net/devices.h"
#include "oci/names.h"
#include "security/security.h"
#include "userns/current.h"
#include "userns/namespaces.h"

/* Options name files relative to the caller's directory, which is left for the bundle. */
static int absolute(const char *path, const char *option, char **out, struct error *err)
{
    if (!path)
        return 0;
    if (!*path)
        return error_set(err, EINVAL, "%s: expected a path, found \"\"", option);
    *out = path_absolute(path);
    return *out ? 0 : error_sys(err, errno, "%s \"%s\"", option, path);
}

/* The text is kept as it was read: `exec` finds it in the state directory, whatever becomes of the bundle. */
static int read_config(struct container *c, const char *path, struct error *err)
{
    _cleanup_cjson_ cJSON *json = NULL;
    int r = file_read_at(AT_FDCWD, path, JSON_FILE_MAX, &c->config_text, &c->config_len, err);

    if (r == 0)
        r = json_parse(path, c->config_text, c->config_len, &json, err);
    if (r == 0) {
        r = oci_config_parse(json, &c->config, err);
        if (r < 0)
            error_prefix(err, "%s", path);
    }
    return r;
}

/* Reads the bundle and makes it the working directory: sources of mounts and root.path are relative to it. */
static int read_bundle(struct container *c, struct error *err)
{
    const char *config = c->opts->config_file ? c->opts->config_file : "config.json";
    _cleanup_free_ char *config_path = NULL;
    int r;

    /* --config is relative to the caller's directory, the default to the bundle. */
    if (c->opts->config_file) {
        r = absolute(config, "--config", &config_path, err);
        if (r < 0)
            return r;
        config = config_path;
    }
    r = absolute(c->opts->bundle ? c->opts->bundle : ".", "--bundle", &c->bundle, err);
    if (r < 0)
        return r;
    if (!c->opts->bundle || strcmp(c->opts->bundle, ".") == 0) {
        free(c->bundle);
        c->bundle = getcwd(NULL, 0);
        if (!c->bundle)
            return error_sys(err, errno, "find the current directory");
    }
    if (chdir(c->bundle) < 0) {
        error_sys(err, errno, "bundle \"%s\"", c->bundle);
        if (err && err->code == ENOENT)
            error_hint(err, "--bundle names a directory that holds config.json and the root file system");
        return err ? -err->code : -EINVAL;
    }
    r = read_config(c, config, err);
    if (r == -ENOENT)
        error_hint(err, "make one with: bryo spec --bundle \"%s\"", c->bundle);
    return r;
}

static int find_root(struct container *c, struct error *err)
{
    if (!c->config->root)
        return error_set(err, EINVAL, "root: missing; a Linux container needs root.path");
    c->rootfs_path = c->config->root->path[0] == '/' ? strdup(c->config->root->path)
                                                     : str_printf("%s/%s", c->bundle, c->config->root->path);
    return c->rootfs_path ? 0 : error_oom(err);
}

/* Which namespaces are made, which joined, and whether a user namespace must be put around them. */
static int plan_namespaces(struct container *c, struct error *err)
{
    const struct oci_namespace_list *list = &c->config->linux_.namespaces;
    bool user_named = false;

    for (size_t i = 0; i < list->count; i++) {
        int type = list->items[i].type;
        if (type == OCI_NS_USER)
            user_named = true;
        if (!list->items[i].path) {
            c->new_ns[type] = true;
            continue;
        }
        int fd = namespace_open(list->items[i].path, type, i, err);
        if (fd < 0)
            return fd;
        /* The kernel refuses to join one's own user namespace, and the others are a waste of a call. */
        if (namespace_is_own(fd, type) == 1) {
            close(fd);
            continue;
        }
        c->join_ns[type] = fd;
        c->joins = true;
        if (type == OCI_NS_USER || type == OCI_NS_PID)
            c->foreign = true;
    }
    if (!user_named && runtime_wants_userns(c->rt))
        c->new_ns[OCI_NS_USER] = true;
    if (c->rt->rootless == 0 && !user_named && geteuid() != 0) {
        error_set(err, EPERM, "--rootless=false: a container without a user namespace needs root");
        error_hint(err, "leave --rootless out, and bryo puts a user namespace around it");
        return -EPERM;
    }
    c->userns = c->new_ns[OCI_NS_USER] || c->join_ns[OCI_NS_USER] >= 0 || !userns_is_initial();
    return 0;
}

static int plan_id_map(struct container *c, struct error *err)
{
    const struct oci_linux *l = &c->config->linux_;
    _cleanup_error_ struct error why = ERROR_INIT;
    int r;

    if (!c->new_ns[OCI_NS_USER]) {
        /* Of a joined one the stage process finds it out. */
        c->setgroups_denied = userns_denies_setgroups();
        return 0;
    }
    if (l->uid_mappings.count || l->gid_mappings.count)
        r = idmap_from_config(&c->map, &l->uid_mappings, &l->gid_mappings, err);
    else
        r = idmap_default(&c->map, &why, err);
    /* A namespace that forbids it passes that on to those made in it. */
    c->setgroups_denied = c->map.deny_setgroups || userns_denies_setgroups();
    if (r == 0 && why.text)
        log_warn_error(c->rt->log, &why);
    return r;
}

static int check_terminal(const struct container *c, struct error *err)
{
    bool terminal = c->config->process && c->config->process->terminal;

    if (terminal && c->detached && !c->console_socket) {
        error_set(err, EINVAL, "process.terminal is true, but nobody would hold the terminal");
        error_hint(err, "give --console-socket, or set process.terminal to false");
        return -EINVAL;
    }
    if (!terminal && c->console_socket) {
        error_set(err, EINVAL, "--console-socket is given, but process.terminal is false");
        error_hint(err, "set process.terminal to true, or leave --console-socket out");
        return -EINVAL;
    }
    return 0;
}

static void warn_dropped(void *data, const char *set, const char *within, uint64_t which)
{
    _cleanup_strbuf_ struct strbuf names = {0};
    const struct log *const *log = data;
    _cleanup_free_ char *text = NULL;

    for (int cap = 0; cap < 64; cap++)
        if (which >> cap & 1) {
            const char *name = name_of(oci_capability_names, cap);
            strbuf_addf(&names, "%s%s", names.len ? ", " : "", name ? name : "one without a name");
        }
    text = strbuf_take(&names);
    log_warn(*log, "process.capabilities.%s: %s cannot be granted: not in process.capabilities.%s", set,
             text ? text : "some", within);
}

void container_fit_capabilities(const struct log *log, struct oci_capabilities *caps, bool new_userns)
{
    uint64_t missing;

    security_reconcile_capabilities(caps, warn_dropped, &log);
    /* In a user namespace of its own, or another's, the process has them all. */
    missing = new_userns ? 0 : security_limit_capabilities(caps);
    for (int cap = 0; cap < 64; cap++)
        if (missing >> cap & 1)
            log_warn(log, "process.capabilities: %s cannot be granted: the caller's bounding set lacks it",
                     name_of(oci_capability_names, cap) ? name_of(oci_capability_names, cap) : "one");
}

/* A label of files confines nobody: it lets those in whom SELinux confines. Without SELinux it would have no
 * effect, and no file system takes it. */
static void check_mount_label(const struct container *c)
{
    char **label = &c->config->linux_.mount_label;

    if (str_empty(*label) || security_has_selinux())
        return;
    log_warn(c->rt->log, "linux.mountLabel is left out: SELinux is not enabled on this machine");
    free(*label);
    *label = NULL;
}

static int check_process(const struct container *c, struct error *err)
{
    const struct oci_process *p = c->config->process;
    int r = security_check_placement(p, c->config->linux_.memory_policy, err);

    if (r == 0)
        r = security_check_labels(p, err);
    if (r < 0 || !p)
        return r;
    STRV_FOREACH (name, p->capabilities ? p->capabilities->unknown : NULL)
        log_warn(c->rt->log, "process.capabilities: this kernel does not know %s; it is not granted", *name);
    if (p->capabilities)
        container_fit_capabilities(c->rt->log, p->capabilities,
                                   c->new_ns[OCI_NS_USER] || c->join_ns[OCI_NS_USER] >= 0);
    return 0;
}

static int plan_annotations(struct container *c, struct error *err)
{
    const struct oci_map *annotations = &c->config->annotations;
    int r = annotations_check(annotations, c->rt->log, err);

    if (r == 0 && !c->pidfd_socket)
        r = annotations_pidfd_socket(annotations, c->bundle, &c->pidfd_socket, err);
    c->keep_groups = annotations_keep_groups(annotations);
    c->fail_unknown_syscall = annotations_fail_unknown_syscall(annotations);
    c->mount_context = annotations_mount_context(annotations);
    return r;
}

static bool map_has(const void *data, enum id_kind kind, uint32_t id)
{
    const struct idmap *map = data;
    uint32_t host;

    return idmap_to_host(kind == ID_USER ? &map->uids : &map->gids, id, &host) == 0;
}

static bool current_has(const void *data, enum id_kind kind, uint32_t id)
{
    uint32_t last;

    (void)data;
    return id_is_mapped(kind, id, &last);
}

int container_check_user(const struct container *c, struct error *err)
{
    const struct oci_process *p = c->config->process;
    const struct user_ids ids = {.has = c->new_ns[OCI_NS_USER] ? map_has : current_has,
                                 .data = &c->map,
                                 .setgroups_denied = c->setgroups_denied};

    /* Uid 0 is what the container is set up as: become_root has its own words for its absence. */
    if (!p || (!p->user.uid && !p->user.gid && !p->user.additional_gids.count))
        return 0;
    return security_check_user(&p->user, &ids, !c->keep_groups, err);
}

static bool cgroup_is_unified(void)
{
    struct statfs fs;

    return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

int container_plan(struct container *c, const struct runtime *rt, const struct create_options *opts,
                   bool create, struct error *err)
{
    int r;

    *c = (struct container){.rt = rt,
                            .opts = opts,
                            .waits_on_socket = create,
                            .detached = create || opts->detach,
                            .agent_fd = -EBADF,
                            .dir = STATEDIR_INIT,
                            .hook_output = HOOK_OUTPUT_INIT,
                            .waiting_fd = -EBADF,
                            .listen_fd = -EBADF,
                            .cgroup_fd = -EBADF,
                            .init_pidfd = -EBADF,
                            .channel = {.fd = -EBADF},
                            .init_end = -EBADF,
                            .net_peer = -EBADF,
                            .net_helper = NET_HELPER_INIT};
    for (int i = 0; i < OCI_NS_COUNT; i++)
        c->join_ns[i] = -EBADF;

    r = container_check_id(opts->id, err);
    if (r == 0)
        r = absolute(opts->pid_file, "--pid-file", &c->pid_file, err);
    if (r == 0)
        r = absolute(opts->console_socket, "--console-socket", &c->console_socket, err);
    if (r == 0)
        r = absolute(opts->pidfd_socket, "--pidfd-socket", &c->pidfd_socket, err);
    if (r == 0)
        r = read_bundle(c, err);
    if (r == 0)
        r = find_root(c, err);
    if (r == 0)
        r = inherited_fds(opts->preserve_fds, c->config->process ? c->config->process->env : NULL, &c->env,
                          &c->keep_fds, err);
    if (r == 0)
        r = check_terminal(c, err);
    if (r == 0)
        r = network_plan(c, err);
    if (r == 0)
        r = plan_namespaces(c, err);
    if (r == 0)
        r = network_check(c, err);
    if (r == 0)
        r = notify_plan(c, err);
    if (r == 0)
        r = plan_id_map(c, err);
    if (r == 0)
        r = check_process(c, err);
    if (r == 0)
        check_mount_label(c);
    if (r == 0)
        r = net_devices_check(&c->config->linux_.net_devices, err);
    if (r == 0)
        r = rootfs_check(c->config, c->rootfs_path, err);
    if (r == 0 && !c->new_ns[OCI_NS_MOUNT])
        r = rootfs_check_borrowed(c->config, c->new_ns[OCI_NS_USER], err);
    if (r == 0)
        r = filter_plan(c, err);
    if (r == 0)
        r = rdt_plan(c, err);
    if (r == 0)
        r = plan_annotations(c, err);
    if (r == 0 && c->userns && c->join_ns[OCI_NS_USER] < 0)
        r = container_check_user(c, err);
    c->cgroup_unified = cgroup_is_unified();
    return r < 0 ? r : cgroup_setup_plan(c, err);
}

void container_plan_free(struct container *c)
{
    for (size_t i = 0; c->source_fds && i < c->config->mounts.count; i++)
        cleanup_close(&c->source_fds[i]);
    free(c->source_fds);
    for (int i = 0; i < OCI_NS_COUNT; i++)
        fd_close(&c->join_ns[i]);
    fd_close(&c->agent_fd);
    hook_output_close(&c->hook_output);
    fd_close(&c->waiting_fd);
    fd_close(&c->listen_fd);
    fd_close(&c->cgroup_fd);
    cgroup_close_door(&c->cgroup_door);
    fd_close(&c->init_pidfd);
    fd_close(&c->channel.fd);
    fd_close(&c->init_end);
    fd_close(&c->net_peer);
    statedir_close(&c->dir);
    oci_config_freep(&c->config);
    oci_state_freep(&c->state);
    cgroup_free(&c->cgroup);
    idmap_free(&c->map);
    net_spec_free(&c->net);
    fd_close(&c->net_helper.status_fd);
    filter_free(c);
    resctrl_free(&c->resctrl);
    strv_free(c->env);
    free(c->config_text);
    free(c->bundle);
    free(c->rootfs_path);
    free(c->pid_file);
    free(c->console_socket);
    free(c->pidfd_socket);
    *c = (struct container){.agent_fd = -EBADF, .net_helper = NET_HELPER_INIT};
}
