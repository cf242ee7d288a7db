/*
 * The configurations that bryo writes.
 *
 * `bryo spec`: what runc and crun write, so that who changes from them finds what they know, but without
 * resources: nothing is limited. `--rootless` adds a user namespace without mappings. Other runtimes write
 * the caller's one id there, fixed in the file; without mappings bryo takes all that the caller may map when
 * the container is made, so the same file works for every user, with package managers and on a machine
 * without subordinate ids.
 *
 * Sandboxes: the capabilities docker and podman grant, since the programs of an ordinary distribution expect
 * them (apt drops to the user _apt, dpkg changes owners), and no_new_privs off for the same reason: sudo, su
 * and passwd inside an image are setuid. In a user namespace both give no rights over anything outside of it.
 */
#include "oci/spec.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "oci/config.h"
#include "oci/names.h"

/* A list that ends with NULL, as string tables of constants. */
#define LIST_MAX 16

struct default_mount {
    const char *destination;
    const char *type;
    const char *source;
    const char *options[LIST_MAX];
};

static const struct default_mount default_mounts[] = {
    {"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
    {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
    {"/dev/pts",
     "devpts",
     "devpts",
     {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
    {"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
    {"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
    {"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
    {"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}},
};

/* gid 5 (tty) is not mapped for who has no subordinate ids, and devpts fails with a gid that is not: without
 * the option a terminal has the group of its owner. */
#define DEVPTS_GID "gid=5"

static const char *const masked_paths[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    NULL,
};

static const char *const readonly_paths[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};

static const char *const spec_capabilities[] = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE", NULL};

static const char *const sandbox_capabilities[] = {
    "CAP_AUDIT_WRITE", "CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",     "CAP_FSETID",
    "CAP_KILL",        "CAP_MKNOD",   "CAP_NET_BIND_SERVICE", "CAP_NET_RAW",    "CAP_SETFCAP",
    "CAP_SETGID",      "CAP_SETPCAP", "CAP_SETUID",           "CAP_SYS_CHROOT", NULL,
};

static const char *const default_args[] = {"sh", NULL};

static const char *const default_env[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "TERM=xterm",
    NULL,
};

static const enum oci_namespace_type default_namespaces[] = {
    OCI_NS_PID, OCI_NS_NETWORK, OCI_NS_IPC, OCI_NS_UTS, OCI_NS_MOUNT, OCI_NS_CGROUP,
};

/* json_add_strv for constants, which it does not write to. */
static int add_list(cJSON *object, const char *name, const char *const *values)
{
    return json_add_strv(object, name, (char *const *)(uintptr_t)values);
}

/* Inheritable and ambient stay empty: nothing is passed to what a container's users execute (CVE-2022-27650).
 */
static int add_capabilities(cJSON *process, const char *const *capabilities)
{
    static const char *const sets[] = {"bounding", "effective", "permitted"};
    _cleanup_cjson_ cJSON *object = cJSON_CreateObject();

    for (size_t i = 0; object && i < ARRAY_SIZE(sets); i++)
        if (add_list(object, sets[i], capabilities) < 0)
            return -ENOMEM;
    return json_add_item(process, "capabilities", TAKE_PTR(object));
}

static int add_user(cJSON *process)
{
    _cleanup_cjson_ cJSON *user = cJSON_CreateObject();

    if (!user || json_add_u64(user, "uid", 0) < 0 || json_add_u64(user, "gid", 0) < 0)
        return -ENOMEM;
    return json_add_item(process, "user", TAKE_PTR(user));
}

static int add_rlimits(cJSON *process)
{
    _cleanup_cjson_ cJSON *list = cJSON_CreateArray(), *limit = cJSON_CreateObject();

    if (!list || !limit || json_add_string(limit, "type", "RLIMIT_NOFILE") < 0 ||
        json_add_u64(limit, "hard", 1024) < 0 || json_add_u64(limit, "soft", 1024) < 0)
        return -ENOMEM;
    cJSON_AddItemToArray(list, TAKE_PTR(limit));
    return json_add_item(process, "rlimits", TAKE_PTR(list));
}

static int add_process(cJSON *config, const struct spec_options *options)
{
    _cleanup_cjson_ cJSON *process = cJSON_CreateObject();
    const char *const *caps = options->sandbox ? sandbox_capabilities : spec_capabilities;

    if (!process || json_add_bool(process, "terminal", !options->sandbox) < 0 || add_user(process) < 0 ||
        add_list(process, "args", default_args) < 0 || add_list(process, "env", default_env) < 0 ||
        json_add_string(process, "cwd", "/") < 0 || add_capabilities(process, caps) < 0 ||
        (!options->sandbox && add_rlimits(process) < 0) ||
        json_add_bool(process, "noNewPrivileges", !options->sandbox) < 0)
        return -ENOMEM;
    return json_add_item(config, "process", TAKE_PTR(process));
}

static int add_root(cJSON *config, const struct spec_options *options)
{
    _cleanup_cjson_ cJSON *root = cJSON_CreateObject();

    if (!root || json_add_string(root, "path", "rootfs") < 0 ||
        json_add_bool(root, "readonly", !options->sandbox) < 0)
        return -ENOMEM;
    return json_add_item(config, "root", TAKE_PTR(root));
}

static cJSON *new_mount(const struct default_mount *mount, bool rootless)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();
    const char *options[LIST_MAX];
    size_t n = 0;

    for (size_t i = 0; i < LIST_MAX && mount->options[i]; i++)
        if (!rootless || strcmp(mount->options[i], DEVPTS_GID) != 0)
            options[n++] = mount->options[i];
    options[n] = NULL;
    if (!json || json_add_string(json, "destination", mount->destination) < 0 ||
        json_add_string(json, "type", mount->type) < 0 ||
        json_add_string(json, "source", mount->source) < 0 || add_list(json, "options", options) < 0)
        return NULL;
    return TAKE_PTR(json);
}

static int add_mounts(cJSON *config, bool rootless)
{
    _cleanup_cjson_ cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; list && i < ARRAY_SIZE(default_mounts); i++) {
        cJSON *mount = new_mount(&default_mounts[i], rootless);
        if (!mount)
            return -ENOMEM;
        cJSON_AddItemToArray(list, mount);
    }
    return json_add_item(config, "mounts", TAKE_PTR(list));
}

static int add_namespace(cJSON *list, enum oci_namespace_type type)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();

    if (!json || json_add_string(json, "type", name_of(oci_namespace_names, type)) < 0)
        return -ENOMEM;
    cJSON_AddItemToArray(list, TAKE_PTR(json));
    return 0;
}

static int add_linux(cJSON *config, const struct spec_options *options)
{
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject(), *namespaces = cJSON_CreateArray();

    if (!json || !namespaces || (options->rootless && add_namespace(namespaces, OCI_NS_USER) < 0))
        return -ENOMEM;
    for (size_t i = 0; i < ARRAY_SIZE(default_namespaces); i++)
        if (add_namespace(namespaces, default_namespaces[i]) < 0)
            return -ENOMEM;
    if (json_add_item(json, "namespaces", TAKE_PTR(namespaces)) < 0 ||
        add_list(json, "maskedPaths", masked_paths) < 0 ||
        add_list(json, "readonlyPaths", readonly_paths) < 0)
        return -ENOMEM;
    return json_add_item(config, "linux", TAKE_PTR(json));
}

cJSON *oci_spec_default(const struct spec_options *options)
{
    _cleanup_cjson_ cJSON *config = cJSON_CreateObject();

    if (!config || json_add_string(config, "ociVersion", OCI_VERSION_MAX) < 0 ||
        add_process(config, options) < 0 || add_root(config, options) < 0 ||
        json_add_string(config, "hostname", options->sandbox ? "sandbox" : "bryo") < 0 ||
        add_mounts(config, options->rootless) < 0 || add_linux(config, options) < 0)
        return NULL;
    return TAKE_PTR(config);
}
