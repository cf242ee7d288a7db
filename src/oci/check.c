/*
 * What must hold between members of config.json: the checks that no row of a table can make. Whatever would
 * only fail after half of the container exists is refused here, with the JSON path.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "oci/tables.h"

/* user_namespaces(7): the kernel takes so many lines in a uid_map since 4.15. */
#define ID_MAP_LINES_MAX 340

/* The kernel's MAX_ERRNO: SECCOMP_RET_ERRNO with more would silently return this. */
#define ERRNO_MAX 4095

static bool overlap(uint32_t a, uint32_t b, uint32_t a_size, uint32_t b_size)
{
    return a < (uint64_t)b + b_size && b < (uint64_t)a + a_size;
}

int check_id_maps(const struct oci_id_map_list *maps, const char *path, struct error *err)
{
    if (maps->count > ID_MAP_LINES_MAX)
        return error_set(err, EINVAL, "%s: expected at most %d mappings, found %zu", path, ID_MAP_LINES_MAX,
                         maps->count);
    for (size_t i = 0; i < maps->count; i++) {
        const struct oci_id_map *m = &maps->items[i];
        uint32_t room = UINT32_MAX - m->size; /* ids end at 4294967294 */
        if (m->container_id > room || m->host_id > room)
            return error_set(err, EINVAL,
                             "%s[%zu]: expected a range up to id 4294967294, found %u ids from %u", path, i,
                             m->size, m->container_id > room ? m->container_id : m->host_id);
        for (size_t k = 0; k < i; k++) {
            const struct oci_id_map *o = &maps->items[k];
            const char *side =
                overlap(m->container_id, o->container_id, m->size, o->size) ? "container" : NULL;
            if (!side && overlap(m->host_id, o->host_id, m->size, o->size))
                side = "host";
            if (side)
                return error_set(err, EINVAL,
                                 "%s[%zu]: expected %s ids of its own, found some that %s[%zu] has", path, i,
                                 side, path, k);
        }
    }
    return 0;
}

int check_process(const struct oci_process *process, const char *prefix, struct error *err)
{
    const struct oci_rlimit_list *rlimits = &process->rlimits;

    if (!*process->args[0])
        return error_set(err, EINVAL, "%sargs[0]: expected a program, found \"\"", prefix);
    for (size_t i = 0; i < rlimits->count; i++) {
        const struct oci_rlimit *limit = &rlimits->items[i];
        if (limit->soft > limit->hard)
            return error_set(err, EINVAL,
                             "%srlimits[%zu].soft: expected at most the hard limit %" PRIu64
                             ", found %" PRIu64,
                             prefix, i, limit->hard, limit->soft);
        for (size_t k = 0; k < i; k++)
            if (rlimits->items[k].resource == limit->resource)
                return error_set(err, EINVAL,
                                 "%srlimits[%zu].type: expected each limit once, found \"%s\" in [%zu] too",
                                 prefix, i, name_of(oci_rlimit_names, limit->resource), k);
    }
    return 0;
}

/* An errno may only stand with an action that returns one (config-linux.md#seccomp: errnoRet). */
static int check_errno(const struct opt_u32 *errno_ret, int action, const char *path, struct error *err)
{
    bool is_errno = action == (int)SECCOMP_RET_ERRNO;

    if (!errno_ret->set)
        return 0;
    if (!is_errno && action != (int)SECCOMP_RET_TRACE)
        return error_set(err, EINVAL, "%s: expected nothing, since the action returns no errno, found %u",
                         path, errno_ret->value);
    if (is_errno && errno_ret->value > ERRNO_MAX)
        return error_set(err, EINVAL, "%s: expected an errno up to %d, found %u", path, ERRNO_MAX,
                         errno_ret->value);
    return 0;
}

int check_seccomp(const struct oci_seccomp *seccomp, const char *prefix, struct error *err)
{
    bool notify = seccomp->default_action == (int)SECCOMP_RET_USER_NOTIF;
    _cleanup_free_ char *path = str_printf("%sdefaultErrnoRet", prefix);
    int r;

    if (!path)
        return error_oom(err);
    r = check_errno(&seccomp->default_errno_ret, seccomp->default_action, path, err);
    for (size_t i = 0; r == 0 && i < seccomp->rules.count; i++) {
        const struct oci_seccomp_rule *rule = &seccomp->rules.items[i];
        notify |= rule->action == (int)SECCOMP_RET_USER_NOTIF;
        if (!rule->errno_ret.set)
            continue;
        free(path);
        path = str_printf("%ssyscalls[%zu].errnoRet", prefix, i);
        r = path ? check_errno(&rule->errno_ret, rule->action, path, err) : error_oom(err);
    }
    if (r < 0)
        return r;
    if (notify && !seccomp->listener_path)
        return error_set(
            err, EINVAL,
            "%slistenerPath: expected a socket's path, since SCMP_ACT_NOTIFY is used, found nothing", prefix);
    if (seccomp->listener_metadata && !seccomp->listener_path)
        return error_set(err, EINVAL,
                         "%slistenerMetadata: expected nothing without listenerPath, found a string", prefix);
    return 0;
}

static int check_namespaces(const struct oci_config *config, struct error *err)
{
    const struct oci_namespace_list *list = &config->linux_.namespaces;

    for (size_t i = 0; i < list->count; i++)
        for (size_t k = 0; k < i; k++)
            if (list->items[i].type == list->items[k].type)
                return error_set(
                    err, EINVAL,
                    "linux.namespaces[%zu].type: expected each type once, found \"%s\" in [%zu] too", i,
                    name_of(oci_namespace_names, list->items[i].type), k);
    return 0;
}

/* @property only makes sense with a namespace of @type (a new one, if @own). */
static int require_namespace(const struct oci_config *config, enum oci_namespace_type type, bool own,
                             const char *property, struct error *err)
{
    const struct oci_namespace *ns = oci_config_namespace(config, type);
    const char *name = name_of(oci_namespace_names, type);

    if (ns && !(own && ns->path))
        return 0;
    error_set(err, EINVAL, "%s: expected a %s%s namespace in linux.namespaces, found %s", property,
              own ? "new " : "", name, ns ? "one that is joined by its path" : "none");
    error_hint(err, "add {\"type\": \"%s\"} to linux.namespaces, or remove %s", name, property);
    return -EINVAL;
}

/* Mappings of a user namespace that is joined by path are taken from there; podman writes a dummy pair of
 * them beside the path because other runtimes want one, so they are no error. */
static int check_mappings(const struct oci_config *config, struct error *err)
{
    const struct oci_id_map_list *uids = &config->linux_.uid_mappings, *gids = &config->linux_.gid_mappings;
    int r = 0;

    if (uids->count || gids->count)
        r = require_namespace(config, OCI_NS_USER, false,
                              uids->count ? "linux.uidMappings" : "linux.gidMappings", err);
    if (r == 0 && !uids->count != !gids->count)
        return error_set(err, EINVAL, "linux.%s: expected mappings, since linux.%s has some, found nothing",
                         uids->count ? "gidMappings" : "uidMappings",
                         uids->count ? "uidMappings" : "gidMappings");
    if (r == 0)
        r = check_id_maps(uids, "linux.uidMappings", err);
    return r < 0 ? r : check_id_maps(gids, "linux.gidMappings", err);
}

static int check_mount_mappings(const struct oci_mount *mount, size_t i, struct error *err)
{
    char uids[64], gids[64];
    int r;

    if (!mount->uid_mappings.count && !mount->gid_mappings.count)
        return 0;
    snprintf(uids, sizeof uids, "mounts[%zu].uidMappings", i);
    snprintf(gids, sizeof gids, "mounts[%zu].gidMappings", i);
    if (!mount->uid_mappings.count || !mount->gid_mappings.count)
        return error_set(err, EINVAL, "%s: expected mappings, since %s has some, found nothing",
                         mount->uid_mappings.count ? gids : uids, mount->uid_mappings.count ? uids : gids);
    r = check_id_maps(&mount->uid_mappings, uids, err);
    return r < 0 ? r : check_id_maps(&mount->gid_mappings, gids, err);
}

static int check_devices(const struct oci_device_list *devices, struct error *err)
{
    for (size_t i = 0; i < devices->count; i++) {
        const struct oci_device *device = &devices->items[i];
        if (device->type != 'p' && (!device->major.set || !device->minor.set))
            return error_set(
                err, EINVAL,
                "linux.devices[%zu].%s: expected a device number, since the type is \"%c\", found nothing", i,
                device->major.set ? "minor" : "major", device->type);
    }
    return 0;
}

/* As the kernel has it; @template: one "%d" stands for a number that it finds. */
static bool is_interface_name(const char *name, bool template)
{
    const char *percent = strchr(name, '%');

    if (!*name || strlen(name) >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        name[strcspn(name, "/: \t\n\v\f\r")])
        return false;
    return !percent || (template && percent[1] == 'd' && !strchr(percent + 1, '%'));
}

static int check_net_devices(const struct oci_net_device_list *list, struct error *err)
{
#define EXPECTED "expected the name of an interface, of at most 15 bytes, found"
    for (size_t i = 0; i < list->count; i++) {
        const struct oci_net_device *d = &list->items[i];
        const char *name = str_empty(d->name) ? d->host_name : d->name;
        if (!is_interface_name(d->host_name, false))
            return error_set(err, EINVAL, "linux.netDevices: " EXPECTED " \"%s\"", d->host_name);
        if (!is_interface_name(name, true))
            return error_set(err, EINVAL, "linux.netDevices.%s.name: " EXPECTED " \"%s\"", d->host_name,
                             name);
        for (size_t k = 0; k < i && !strchr(name, '%'); k++) {
            const struct oci_net_device *o = &list->items[k];
            if (strcmp(name, str_empty(o->name) ? o->host_name : o->name) == 0)
                return error_set(err, EINVAL,
                                 "linux.netDevices.%s: expected each name once, found \"%s\" for %s too",
                                 d->host_name, name, o->host_name);
        }
    }
    return 0;
#undef EXPECTED
}

int check_config(const struct oci_config *config, struct error *err)
{
    const struct {
        bool used;
        enum oci_namespace_type type;
        bool own;
        const char *property;
    } needs[] = {
        /* A joined uts namespace is fine: podman gives the containers of a pod the pod's name. */
        {config->hostname, OCI_NS_UTS, false, "hostname"},
        {config->domainname, OCI_NS_UTS, false, "domainname"},
        {config->linux_.net_devices.count, OCI_NS_NETWORK, false, "linux.netDevices"},
        /* The offsets of a time namespace are fixed once a process is in it. */
        {config->linux_.time_offsets &&
             (config->linux_.time_offsets->boottime || config->linux_.time_offsets->monotonic),
         OCI_NS_TIME, true, "linux.timeOffsets"},
    };
    int r = check_namespaces(config, err);

    if (r == 0 && !config->root)
        r = error_set(err, EINVAL, "root.path: expected a string that is not empty, found nothing");
    if (r == 0 && config->process)
        r = check_process(config->process, "process.", err);
    if (r == 0)
        r = check_mappings(config, err);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(needs); i++)
        if (needs[i].used)
            r = require_namespace(config, needs[i].type, needs[i].own, needs[i].property, err);
    for (size_t i = 0; r == 0 && i < config->mounts.count; i++)
        r = check_mount_mappings(&config->mounts.items[i], i, err);
    if (r == 0)
        r = check_devices(&config->linux_.devices, err);
    if (r == 0)
        r = check_net_devices(&config->linux_.net_devices, err);
    if (r == 0 && config->linux_.seccomp)
        r = check_seccomp(config->linux_.seccomp, "linux.seccomp.", err);
    return r;
}
