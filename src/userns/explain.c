/*
 * Why there is no user namespace: the switches of kernels and distributions, asked only after it failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "userns/idmap.h"
#include "userns/internal.h"

#define SYSCTL_CLONE    "/proc/sys/kernel/unprivileged_userns_clone"
#define SYSCTL_MAX      "/proc/sys/user/max_user_namespaces"
#define SYSCTL_APPARMOR "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"

#define PERSIST(key, value) \
    "sudo sysctl -w " key "=" value " && echo " key "=" value " | sudo tee /etc/sysctl.d/60-bryo.conf"

int64_t userns_sysctl(const char *path)
{
    _cleanup_free_ char *text = NULL;
    int64_t value;

    if (file_read_at(AT_FDCWD, path, 64, &text, NULL, NULL) < 0)
        return -1;
    text[strcspn(text, "\n")] = '\0';
    return parse_i64(text, &value) == 0 ? value : -1;
}

static bool has_sys_admin(void)
{
    return idmap_capabilities() & (1ULL << CAP_SYS_ADMIN);
}

bool userns_apparmor_restricts(void)
{
    return userns_sysctl(SYSCTL_APPARMOR) == 1 && !has_sys_admin();
}

/* The number behind "NAME:" in /proc/self/status, or -1. */
static int64_t status_field(const char *name)
{
    _cleanup_free_ char *text = NULL;
    size_t len = strlen(name);

    if (file_read_at(AT_FDCWD, "/proc/self/status", 64 << 10, &text, NULL, NULL) < 0)
        return -1;
    for (const char *p = text; p; p = strchr(p, '\n')) {
        p += *p == '\n';
        if (strncmp(p, name, len) == 0 && p[len] == ':')
            return strtoll(p + len + 1, NULL, 10);
    }
    return -1;
}

/* In a chroot that is no mount point of its own, no line of mountinfo is mounted at "/". */
static bool in_chroot(void)
{
    _cleanup_free_ char *text = NULL;
    char *save = NULL;

    if (file_read_at(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &text, NULL, NULL) < 0)
        return false;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *p = line;
        for (int field = 0; field < 4 && p; field++) {
            p = strchr(p, ' ');
            p += p ? 1 : 0;
        }
        if (p && p[0] == '/' && p[1] == ' ')
            return false;
    }
    return true;
}

static bool id_unmapped(void)
{
    _cleanup_side_ struct idmap_side uid = {0}, gid = {0};

    return idmap_side_read(&uid, SUBID_UID, 0, NULL) == -EPERM ||
           idmap_side_read(&gid, SUBID_GID, 0, NULL) == -EPERM;
}

static bool switched_off_debian(void)
{
    return userns_sysctl(SYSCTL_CLONE) == 0 && !has_sys_admin();
}

static bool limit_zero(void)
{
    return userns_sysctl(SYSCTL_MAX) == 0;
}

static bool limit_there(void)
{
    return userns_sysctl(SYSCTL_MAX) > 0;
}

static bool filtered(void)
{
    return status_field("Seccomp") == 2;
}

static bool not_built(void)
{
    return access("/proc/self/ns/user", F_OK) < 0;
}

static bool always(void)
{
    return true;
}

/* The first row whose errno and test fit is the answer. */
static const struct cause {
    int code; /* 0: any */
    bool (*applies)(void);
    const char *text;
    const char *hint; /* NULL: made by the AppArmor profile function */
} causes[] = {
    {0, not_built, "the kernel was built without them", "a kernel with CONFIG_USER_NS=y is needed"},
    {0, limit_zero, "user.max_user_namespaces is 0", PERSIST("user.max_user_namespaces", "15000")},
    {EPERM, switched_off_debian, "kernel.unprivileged_userns_clone is 0",
     PERSIST("kernel.unprivileged_userns_clone", "1")},
    {EPERM, userns_apparmor_restricts, "kernel.apparmor_restrict_unprivileged_userns is 1", NULL},
    {EACCES, userns_apparmor_restricts, "kernel.apparmor_restrict_unprivileged_userns is 1", NULL},
    {ENOSPC, limit_there, "user.max_user_namespaces is used up, or namespaces are nested 32 deep",
     "look at user.max_user_namespaces (sysctl) of this and of the outer namespaces, and end containers that "
     "are left"},
    {EUSERS, always, "user namespaces are nested 32 deep, which is the kernel's limit",
     "run bryo in a namespace further out"},
    {EPERM, id_unmapped, "the own uid or gid is not mapped in the user namespace bryo runs in",
     "run bryo as an id that /proc/self/uid_map and /proc/self/gid_map list"},
    {EPERM, in_chroot, "bryo runs in a chroot, where the kernel forbids it",
     "enter the directory with pivot_root (bwrap, systemd-nspawn, unshare --root with a bind mount) instead "
     "of chroot"},
    {EPERM, filtered, "a seccomp filter of the container that bryo runs in forbids it",
     "start the outer container with a filter that allows unshare and clone of user namespaces (podman and "
     "docker: "
     "--security-opt seccomp=unconfined, Kubernetes: seccompProfile type Unconfined)"},
    {ENOSYS, filtered, "a seccomp filter of the container that bryo runs in forbids clone3",
     "start the outer container with a newer filter, or with --security-opt seccomp=unconfined"},
    {ENOSYS, always, "the kernel has no clone3", "bryo needs Linux 5.12 or newer"},
    {EACCES, always, "a security module (SELinux, AppArmor) forbids it",
     "look for the denial in the audit log: sudo ausearch -m avc -ts recent, or sudo dmesg | grep -i denied"},
    {EPERM, always, "a security module or a filter outside forbids it, or bryo runs in a chroot",
     "look for a denial in the log (sudo dmesg | grep -i denied), and run bryo outside of a chroot"},
    {EAGAIN, always, "the limit of processes is reached", "ulimit -u, and pids.max of the cgroup"},
};

int userns_explain(int code, struct error *err)
{
    const struct cause *cause = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(causes) && !cause; i++)
        if ((causes[i].code == 0 || causes[i].code == code) && causes[i].applies())
            cause = &causes[i];
    if (!cause)
        return error_sys(err, code, "create a user namespace");
    error_sys(err, code, "create a user namespace");
    if (err && err->text) {
        _cleanup_free_ char *base = strdup(err->text);
        if (base)
            error_set(err, code, "%s: %s", base, cause->text);
        if (cause->hint)
            error_hint(err, "%s", cause->hint);
        else
            userns_hint_powerless(err);
    }
    return -code;
}

char *userns_apparmor_profile(const char *path)
{
    return str_printf("abi <abi/4.0>,\n"
                      "include <tunables/global>\n"
                      "profile bryo \"%s\" flags=(unconfined) {\n"
                      "  userns,\n"
                      "  include if exists <local/bryo>\n"
                      "}\n",
                      path);
}

void userns_hint_powerless(struct error *err)
{
    if (!err || err->hint || (err->code != EPERM && err->code != EACCES) || !userns_apparmor_restricts())
        return;
    error_hint(
        err,
        "AppArmor (kernel.apparmor_restrict_unprivileged_userns=1) takes the rights in user namespaces from "
        "programs without a profile; `bryo check` prints the profile for bryo and where it goes");
}
