/*
 * linux.sysctl: only what belongs to a namespace the container has of its own, written through a procfs
 * handle that no image can have prepared (CVE-2025-52881).
 *
 * Names as sysctl(8) takes them: with dots, or with slashes where a component has a dot in it
 * ("net/ipv4/conf/eth0.5/forwarding"). The first separator decides, and the other character stands for the
 * first one.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mapped.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

/* Longest path below /proc/sys. */
#define KEY_MAX 256

struct rule {
    const char *name; /* exact path below /proc/sys, or a prefix when it ends in a slash */
    int ns;           /* enum oci_namespace_type */
};

static const struct rule rules[] = {
    {"fs/mqueue/", OCI_NS_IPC},
    {"kernel/auto_msgmni", OCI_NS_IPC},
    {"kernel/domainname", OCI_NS_UTS},
    {"kernel/msg_next_id", OCI_NS_IPC},
    {"kernel/msgmax", OCI_NS_IPC},
    {"kernel/msgmnb", OCI_NS_IPC},
    {"kernel/msgmni", OCI_NS_IPC},
    {"kernel/sem", OCI_NS_IPC},
    {"kernel/sem_next_id", OCI_NS_IPC},
    {"kernel/shm_next_id", OCI_NS_IPC},
    {"kernel/shm_rmid_forced", OCI_NS_IPC},
    {"kernel/shmall", OCI_NS_IPC},
    {"kernel/shmmax", OCI_NS_IPC},
    {"kernel/shmmni", OCI_NS_IPC},
    {"net/", OCI_NS_NETWORK},
    {"user/", OCI_NS_USER},
};

/* The names that config.json uses for namespaces, and those below /proc/PID/ns. */
static const struct {
    const char *name, *proc;
} namespaces[OCI_NS_COUNT] = {
    [OCI_NS_NETWORK] = {"network", "net"},
    [OCI_NS_UTS] = {"uts", "uts"},
    [OCI_NS_IPC] = {"ipc", "ipc"},
    [OCI_NS_USER] = {"user", "user"},
};

/* The path of @key below /proc/sys. Returns 0 or -EINVAL. */
static int key_to_path(const char *key, char path[KEY_MAX], struct error *err)
{
    const char *first = strpbrk(key, "./");
    size_t len = strlen(key);

    if (len >= KEY_MAX || len == 0)
        return error_set(err, EINVAL, "linux.sysctl: a key of %zu bytes", len);
    for (size_t i = 0; i <= len; i++) {
        if (iscntrl((unsigned char)key[i]) && key[i])
            return error_set(err, EINVAL, "linux.sysctl: a key with a control character");
        path[i] = !first || *first == '/' ? key[i] : key[i] == '.' ? '/' : key[i] == '/' ? '.' : key[i];
    }
    for (const char *p = path;;) {
        size_t n = strcspn(p, "/");
        if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return error_set(err, EINVAL, "linux.sysctl[\"%s\"]: not the name of a sysctl", key);
        if (!p[n])
            return 0;
        p += n + 1;
    }
}

static const struct rule *find_rule(const char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        size_t n = strlen(rules[i].name);
        bool prefix = rules[i].name[n - 1] == '/';
        if (prefix ? strncmp(path, rules[i].name, n) == 0 : strcmp(path, rules[i].name) == 0)
            return &rules[i];
    }
    return NULL;
}

/* Has the container a namespace of @type that is not the runtime's own? One that is joined by path counts,
 * unless the path leads to ours. */
static bool has_own(const struct oci_config *config, int type)
{
    const struct oci_namespace *ns = oci_config_namespace(config, (enum oci_namespace_type)type);
    struct stat theirs, ours;
    char path[64];

    if (!ns)
        return false;
    if (!ns->path)
        return true;
    snprintf(path, sizeof path, "/proc/self/ns/%s", namespaces[type].proc);
    if (stat(ns->path, &theirs) < 0 || stat(path, &ours) < 0)
        return true; /* joining it will fail, with its own error */
    return theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino;
}

int sysctl_check(const struct oci_config *config, const char *key, struct error *err)
{
    char path[KEY_MAX];
    int r = key_to_path(key, path, err);

    if (r < 0)
        return r;
    const struct rule *rule = find_rule(path);
    if (!rule) {
        error_set(err, EINVAL,
                  "linux.sysctl[\"%s\"]: not a sysctl of a namespace, it would change the whole host", key);
        if (strcmp(path, "kernel/hostname") == 0)
            error_hint(err, "set the property \"hostname\" instead");
        return -EINVAL;
    }
    if (has_own(config, rule->ns))
        return 0;
    error_set(err, EINVAL, "linux.sysctl[\"%s\"]: needs a %s namespace of the container's own", key,
              namespaces[rule->ns].name);
    error_hint(err, "add {\"type\": \"%s\"} to linux.namespaces", namespaces[rule->ns].name);
    return -EINVAL;
}

/* ping_group_range takes only groups that the user namespace maps, and the usual value is "0 2147483647": the
 * part of it that is mapped is what can be meant. Returns false if that does not help. */
static bool clamp_ping_range(const char *value, char out[64])
{
    unsigned long low, high;
    uint32_t last;

    if (sscanf(value, "%lu %lu", &low, &high) != 2 || low > high || low >= UINT32_MAX ||
        !id_is_mapped(ID_GROUP, (uint32_t)low, &last))
        return false;
    snprintf(out, 64, "%lu %lu", low, high < last ? high : last);
    return true;
}

static int write_value(int fd, const char *value)
{
    ssize_t n = write(fd, value, strlen(value));

    return n < 0 ? -errno : (size_t)n == strlen(value) ? 0 : -EIO;
}

static int write_one(const struct rootfs *r, const struct oci_pair *pair, struct error *err)
{
    char path[KEY_MAX], whole[KEY_MAX + 8], clamped[64];
    int ret = key_to_path(pair->key, path, err);

    if (ret < 0)
        return ret;
    snprintf(whole, sizeof whole, "sys/%s", path);
    struct open_how how = {
        .flags = O_WRONLY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    _cleanup_close_ int fd = sys_openat2(r->proc_fd, whole, &how);
    if (fd < 0) {
        int code = errno;
        error_sys(err, code, "linux.sysctl[\"%s\"]: open \"/proc/%s\"", pair->key, whole);
        if (code == ENOENT)
            error_hint(err, "this kernel does not have it in this namespace");
        else if (code == EACCES || code == EPERM)
            error_hint(err, "the container's user namespace may not write it");
        return -code;
    }
    ret = write_value(fd, pair->value);
    if (ret == -EINVAL && r->in_userns && strcmp(path, "net/ipv4/ping_group_range") == 0 &&
        clamp_ping_range(pair->value, clamped)) {
        ret = write_value(fd, clamped);
        if (ret == 0)
            rootfs_warning(r, "sysctl net.ipv4.ping_group_range: \"%s\" clamped to the mapped groups \"%s\"",
                           pair->value, clamped);
    }
    return ret < 0 ? error_sys(err, -ret, "linux.sysctl[\"%s\"]: write \"%s\"", pair->key, pair->value) : 0;
}

int sysctls_write(const struct rootfs *r, struct error *err)
{
    for (size_t i = 0; i < r->config->linux_.sysctl.count; i++) {
        int ret = write_one(r, &r->config->linux_.sysctl.items[i], err);
        if (ret < 0)
            return ret;
    }
    return 0;
}
