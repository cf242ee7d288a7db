/*
 * newuidmap and newgidmap: where they are, and whether they will have the rights they live by.
 *
 * All that can take these rights away is looked at before a container is started: a helper that would fail is
 * as good as none, and the reason is known only here. In the good case this costs a stat for each directory
 * of PATH up to the right one, a statvfs and two prctl.
 */
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "userns/internal.h"

#define PATH_FIXED "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Finds the first executable file of that name. Returns its path (the caller frees) with *st, or NULL. */
static char *search_path(const char *program, const char *search, struct stat *st)
{
    char path[PATH_MAX];
    size_t name_len = strlen(program);

    for (const char *p = search; *p;) {
        size_t len = strcspn(p, ":");
        if (len > 0 && len + 1 + name_len < sizeof path) {
            memcpy(path, p, len);
            path[len] = '/';
            memcpy(path + len + 1, program, name_len + 1);
            if (stat(path, st) == 0 && S_ISREG(st->st_mode) && (st->st_mode & 0111))
                return strdup(path);
        }
        p += len;
        p += *p == ':';
    }
    return NULL;
}

/* Does the file carry @cap as a permitted and effective file capability? capabilities(7). */
static bool has_file_capability(const char *path, int cap)
{
    struct vfs_ns_cap_data data;
    ssize_t n = getxattr(path, "security.capability", &data, sizeof data);

    if (n < (ssize_t)XATTR_CAPS_SZ_1)
        return false;
    return (le32toh(data.magic_etc) & VFS_CAP_FLAGS_EFFECTIVE) &&
           (le32toh(data.data[0].permitted) & (1U << cap));
}

static int check_rights(enum subid_kind kind, const char *path, const struct stat *st, struct error *problem)
{
    int cap = kind == SUBID_UID ? CAP_SETUID : CAP_SETGID;
    const char *cap_name = kind == SUBID_UID ? "cap_setuid" : "cap_setgid";
    struct statvfs vfs;

    if (!((st->st_mode & S_ISUID) && st->st_uid == 0) && !has_file_capability(path, cap)) {
        if (st->st_mode & S_ISUID)
            error_set(problem, EPERM,
                      "\"%s\" belongs to uid %u here, not to root, so its setuid bit has no effect", path,
                      (unsigned)st->st_uid);
        else
            error_set(problem, EPERM, "\"%s\" is neither setuid root nor has it file capabilities", path);
        error_hint(problem, "sudo chown root \"%s\" && sudo chmod u+s \"%s\", or sudo setcap %s+ep \"%s\"",
                   path, path, cap_name, path);
        return -EPERM;
    }
    if (statvfs(path, &vfs) == 0 && (vfs.f_flag & ST_NOSUID)) {
        error_set(problem, EPERM, "\"%s\" is on a file system that is mounted nosuid, so it gets no rights",
                  path);
        error_hint(problem, "sudo mount -o remount,suid \"$(findmnt -no TARGET -T %s)\"", path);
        return -EPERM;
    }
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
        error_set(problem, EPERM, "bryo was started with no_new_privs, so \"%s\" gets no rights", path);
        error_hint(
            problem,
            "whatever started it sets this: NoNewPrivileges= of a systemd unit, "
            "allowPrivilegeEscalation: false of a pod, --security-opt no-new-privileges of a container");
        return -EPERM;
    }
    if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 0) {
        error_set(problem, EPERM, "\"%s\" gets no rights: %s is not in the capability bounding set", path,
                  cap_name);
        error_hint(problem, "the container or the unit that bryo runs in drops %s: grant it there", cap_name);
        return -EPERM;
    }
    return 0;
}

int idmap_find_helper_in(enum subid_kind kind, const char *search, char **path, struct error *problem)
{
    const char *program = idmap_program(kind);
    struct stat st;
    _cleanup_free_ char *found = search_path(program, search, &st);

    if (!found) {
        error_set(problem, ENOENT, "%s is not in $PATH (%s)", program, search);
        error_hint(problem,
                   "install it: sudo apt-get install uidmap (Debian, Ubuntu), sudo dnf install shadow-utils "
                   "(Fedora), sudo apk add shadow-subids (Alpine)");
        return -ENOENT;
    }
    int r = check_rights(kind, found, &st, problem);
    if (r < 0)
        return r;
    *path = TAKE_PTR(found);
    return 0;
}

int idmap_find_helper(enum subid_kind kind, char **path, struct error *problem)
{
    const char *search = getenv("PATH");

    return idmap_find_helper_in(kind, str_empty(search) ? PATH_FIXED : search, path, problem);
}
