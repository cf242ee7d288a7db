/*
 * Confinement by AppArmor and SELinux: process.apparmorProfile, process.selinuxLabel. apparmor(7),
 * selinux(8).
 *
 * Both are asked for by a line in a file of the own thread in procfs, and take effect at the next execve.
 * What is written there is worth nothing if it lands in another file, so the file is reached from a
 * descriptor that was checked to be procfs, through no link that leads out and across no mount that somebody
 * put over it (CVE-2019-16884, CVE-2023-28642, CVE-2025-52881).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "security/security.h"

#define ATTR_EXEC     "thread-self/attr/exec"
#define ATTR_APPARMOR "thread-self/attr/apparmor/exec"

static bool apparmor_enabled(void)
{
    _cleanup_free_ char *text = NULL;

    return file_read_at(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", 16, &text, NULL, NULL) == 0 &&
           text[0] == 'Y';
}

bool security_has_selinux(void)
{
    struct statfs fs;

    return statfs("/sys/fs/selinux", &fs) == 0 && (unsigned long)fs.f_type == SELINUX_MAGIC;
}

static int not_enabled(struct error *err, const char *property, const char *value, const char *module,
                       const char *option)
{
    error_set(err, ENOTSUP, "%s: \"%s\" cannot be had: %s is not enabled on this machine", property, value,
              module);
    error_hint(err, "remove the property (podman: --security-opt %s)", option);
    return -ENOTSUP;
}

/* Where there is no AppArmor, everything is. */
static bool is_unconfined(const char *profile)
{
    return strcmp(profile, "unconfined") == 0;
}

int security_check_labels(const struct oci_process *process, struct error *err)
{
    const char *profile = process ? process->apparmor_profile : NULL;
    const char *label = process ? process->selinux_label : NULL;

    if (!str_empty(profile) && !is_unconfined(profile) && !apparmor_enabled())
        return not_enabled(err, "process.apparmorProfile", profile, "AppArmor", "apparmor=unconfined");
    if (str_empty(label) || security_has_selinux())
        return 0;
    return not_enabled(err, "process.selinuxLabel", label, "SELinux", "label=disable");
}

bool security_has_labels(const struct oci_process *process)
{
    return !str_empty(process->apparmor_profile) || !str_empty(process->selinux_label);
}

/* Writes @text to @file of the procfs @proc_fd. Returns 0 or -errno. */
static int write_attr(int proc_fd, const char *file, const char *text)
{
    struct open_how how = {.flags = O_WRONLY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};
    _cleanup_close_ int fd = sys_openat2(proc_fd, file, &how);

    if (fd < 0)
        return -errno;
    if (path_is_fs(fd, PROC_SUPER_MAGIC) != 1)
        return -EXDEV;
    return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* The file stands in backticks: engines tell a failure of a security module by it. */
static int label_failed(const char *property, const char *value, const char *file, int code, const char *hint,
                        struct error *err)
{
    error_sys(err, code, "%s: write \"%s\" to `/proc/%s`", property, value, file);
    if (hint)
        error_hint(err, "%s", hint);
    return -code;
}

static int set_apparmor(int proc_fd, const char *profile, struct error *err)
{
    _cleanup_free_ char *line = str_printf("exec %s", profile);
    const char *file = ATTR_APPARMOR;

    if (!line)
        return error_oom(err);
    int r = write_attr(proc_fd, file, line);
    /* Kernels before 5.8 have only the one for all modules. But ENOENT is a missing profile as well. */
    if (r == -ENOENT && faccessat(proc_fd, ATTR_APPARMOR, F_OK, 0) < 0) {
        file = ATTR_EXEC;
        r = write_attr(proc_fd, file, line);
    }
    if (r == 0 || (r == -EINVAL && is_unconfined(profile) && !apparmor_enabled()))
        return 0;
    if (r == -ENOENT) {
        /* Without the kernel's words, which engines take for a missing program. */
        error_set(err, ENOENT, "process.apparmorProfile: \"%s\" is not loaded (`/proc/%s`)", profile, file);
        error_hint(err, "load it with apparmor_parser(8); aa-status(8) lists those that are");
        return -ENOENT;
    }
    return label_failed(
        "process.apparmorProfile", line, file, -r,
        r == -EPERM || r == -EACCES ? "the profile that bryo itself runs under may forbid it" : NULL, err);
}

int security_set_labels(int proc_fd, const struct oci_process *process, struct error *err)
{
    int r;

    if (!str_empty(process->selinux_label)) {
        r = write_attr(proc_fd, ATTR_EXEC, process->selinux_label);
        if (r < 0)
            return label_failed("process.selinuxLabel", process->selinux_label, ATTR_EXEC, -r,
                                r == -EINVAL ? "the loaded policy knows no such label" : NULL, err);
    }
    return str_empty(process->apparmor_profile) ? 0 : set_apparmor(proc_fd, process->apparmor_profile, err);
}
