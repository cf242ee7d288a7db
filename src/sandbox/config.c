/*
 * The config.json of a sandbox.
 *
 * It starts from the default of oci/spec.h and differs where a sandbox does: resource limits are the caller's
 * own, because builds open many files; without a user namespace CAP_MKNOD is withheld unless asked for,
 * because no device cgroup would stand between a node made inside and the host's disks.
 */
#include "sandbox/config.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/names.h"
#include "oci/spec.h"
#include "sandbox/caps.h"
#include "sandbox/seccomp.h"

static cJSON *member(cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* Removes @name before it is added anew. */
static cJSON *without(cJSON *object, const char *name)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    return object;
}

static uint64_t default_caps(const cJSON *process)
{
    uint64_t bits = 0;
    const cJSON *one, *sets = cJSON_GetObjectItemCaseSensitive(process, "capabilities");
    cJSON_ArrayForEach (one, cJSON_GetObjectItemCaseSensitive(sets, "bounding")) {
        const struct name_value *row =
            cJSON_IsString(one) ? name_find(oci_capability_names, one->valuestring) : NULL;
        if (row)
            bits |= UINT64_C(1) << row->value;
    }
    return bits;
}

static int add_cap_set(cJSON *sets, const char *name, uint64_t bits)
{
    cJSON *array = cJSON_AddArrayToObject(sets, name);
    for (const struct name_value *row = oci_capability_names; array && row->name; row++) {
        if (!(bits >> row->value & 1))
            continue;
        cJSON *item = cJSON_CreateString(row->name);
        if (!item || !cJSON_AddItemToArray(array, item)) {
            cJSON_Delete(item);
            return -ENOMEM;
        }
    }
    return array ? 0 : -ENOMEM;
}

static int set_caps(const struct sandbox_config *c, cJSON *process, uint64_t *caps, uint64_t *added,
                    struct error *err)
{
    uint64_t base = default_caps(process);
    if (!c->rootless)
        base &= ~(UINT64_C(1) << CAP_MKNOD);
    int r = sandbox_caps(base, c->cap_add, c->cap_drop, caps, added, err);
    if (r < 0)
        return r;
    cJSON *sets = cJSON_AddObjectToObject(without(process, "capabilities"), "capabilities");
    static const char *const names[] = {"bounding", "effective", "permitted"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (!sets || add_cap_set(sets, names[i], *caps) < 0)
            return error_oom(err);
    return 0;
}

static int set_user(cJSON *process, const struct sandbox_user *user)
{
    cJSON *object = cJSON_AddObjectToObject(without(process, "user"), "user");
    if (!object || json_add_u64(object, "uid", user->uid) < 0 || json_add_u64(object, "gid", user->gid) < 0)
        return -ENOMEM;
    if (!user->n_groups)
        return 0;
    cJSON *groups = cJSON_AddArrayToObject(object, "additionalGids");
    for (size_t i = 0; i < user->n_groups; i++) {
        cJSON *item = cJSON_CreateNumber(user->groups[i]);
        if (!groups || !item || !cJSON_AddItemToArray(groups, item)) {
            cJSON_Delete(item);
            return -ENOMEM;
        }
    }
    return 0;
}

static int set_process(const struct sandbox_config *c, cJSON *process, struct error *err)
{
    without(process, "rlimits");
    if (json_add_bool(without(process, "terminal"), "terminal", c->terminal) < 0 ||
        json_add_bool(without(process, "noNewPrivileges"), "noNewPrivileges", c->no_new_privs) < 0)
        return error_oom(err);
    return 0;
}

/* The host's network: no namespace of its own, and so sysfs cannot be mounted; the host's is bound instead,
 * nothing in it writable. */
static int share_network(cJSON *config, struct error *err)
{
    cJSON *one, *namespaces = member(member(config, "linux"), "namespaces");
    int at = 0;
    cJSON_ArrayForEach (one, namespaces) {
        const cJSON *type = member(one, "type");
        if (cJSON_IsString(type) && !strcmp(type->valuestring, "network"))
            break;
        at++;
    }
    if (one)
        cJSON_DeleteItemFromArray(namespaces, at);
    cJSON_ArrayForEach (one, member(config, "mounts")) {
        const cJSON *type = member(one, "type");
        if (!cJSON_IsString(type) || strcmp(type->valuestring, "sysfs") != 0)
            continue;
        static char *const options[] = {"rbind", "rslave", "nosuid", "noexec", "nodev", "rro", NULL};
        if (json_add_string(without(one, "type"), "type", "bind") < 0 ||
            json_add_string(without(one, "source"), "source", "/sys") < 0 ||
            json_add_strv(without(one, "options"), "options", options) < 0)
            return error_oom(err);
    }
    return 0;
}

static int set_linux(const struct sandbox_config *c, cJSON *config, uint64_t caps, struct error *err)
{
    cJSON *seccomp = NULL;
    int r = sandbox_seccomp(c->seccomp, caps, &seccomp, err);
    if (r < 0)
        return r;
    if (seccomp && json_add_item(without(member(config, "linux"), "seccomp"), "seccomp", seccomp) < 0)
        return error_oom(err);
    return c->host_net ? share_network(config, err) : 0;
}

int sandbox_config_begin(const struct sandbox_config *c, cJSON **out, uint64_t *added, struct error *err)
{
    _cleanup_cjson_ cJSON *config =
        oci_spec_default(&(struct spec_options){.rootless = c->rootless, .sandbox = true});
    if (!config)
        return error_oom(err);
    cJSON *process = member(config, "process");
    uint64_t caps;
    int r = set_process(c, process, err);
    if (r == 0)
        r = set_caps(c, process, &caps, added, err);
    if (r == 0)
        r = set_linux(c, config, caps, err);
    if (r < 0)
        return r;
    cJSON *root = cJSON_AddObjectToObject(without(config, "root"), "root");
    if (!root || json_add_bool(root, "readonly", c->read_only) < 0 ||
        json_add_string(without(config, "hostname"), "hostname", c->hostname) < 0)
        return error_oom(err);
    *out = TAKE_PTR(config);
    return 0;
}

int sandbox_config_command(cJSON *config, char *const *args, const char *cwd, struct error *err)
{
    cJSON *process = member(config, "process");

    if (json_add_strv(without(process, "args"), "args", args) < 0 ||
        json_add_string(without(process, "cwd"), "cwd", cwd) < 0)
        return error_oom(err);
    return 0;
}

int sandbox_config_finish(cJSON *config, const char *root, const struct sandbox_user *user, char *const *env,
                          uint64_t added, struct error *err)
{
    cJSON *process = member(config, "process");
    if (set_user(process, user) < 0 || json_add_strv(without(process, "env"), "env", env) < 0 ||
        json_add_string(member(config, "root"), "path", root) < 0)
        return error_oom(err);
    /* An ordinary user loses capabilities at exec unless they are ambient: those it was given by name are.
     * The inheritable set stays empty otherwise (CVE-2022-27650). */
    cJSON *sets = member(process, "capabilities");
    if (user->uid && added &&
        (add_cap_set(sets, "inheritable", added) < 0 || add_cap_set(sets, "ambient", added) < 0))
        return error_oom(err);
    return 0;
}

int sandbox_config_allow_ping(cJSON *config, uint32_t last_gid, struct error *err)
{
    _cleanup_free_ char *range = str_printf("0 %u", last_gid);
    cJSON *sysctl = cJSON_AddObjectToObject(without(member(config, "linux"), "sysctl"), "sysctl");
    if (!range || !sysctl || json_add_string(sysctl, "net.ipv4.ping_group_range", range) < 0)
        return error_oom(err);
    return 0;
}

cJSON *sandbox_config_mounts(cJSON *config)
{
    return member(config, "mounts");
}

int sandbox_config_write(const char *dir, int dirfd, const cJSON *json, struct error *err)
{
    _cleanup_free_ char *text = json_print(json, true);
    if (!text)
        return error_oom(err);
    int r = file_replace_at(dirfd, "config.json", text, strlen(text), 0644, err);
    if (r < 0)
        error_prefix(err, "in \"%s\"", dir);
    return r;
}
