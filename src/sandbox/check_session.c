/*
 * The doctor's rows about what surrounds the caller: directories, cgroups, the bus, devices, bryo's own
 * helper.
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
#include "base/str.h"
#include "image/client.h"
#include "sandbox/check_internal.h"

/* What this version does not use is never more than CHECK_INFO when it is missing. */
#define CGROUP_ROOT "/sys/fs/cgroup"
#define LIMITS      "no limits of memory, cpu and processes for containers"
#define BUS         "no cgroups made by systemd"

void check_image_helper(struct check_context *c, struct check_row *row)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *path = NULL;

    (void)c;
    if (image_helper_path(&path, &err) == 0)
        check_set(row, CHECK_OK, "%s", path);
    else
        check_set_error(row, CHECK_WARN,
                        "`bryo sandbox` and `bryo unpack` take directories only, no archives", &err);
}

void check_runtime_dir(struct check_context *c, struct check_row *row)
{
    const char *dir = getenv("XDG_RUNTIME_DIR");
    const char *user = subid_user_name(&c->lookup);
    struct stat st;

    if (str_empty(dir)) {
        if (c->root) {
            check_set(row, CHECK_OK, "/run/bryo is used");
            return;
        }
        check_set(row, CHECK_WARN, "XDG_RUNTIME_DIR is not set");
    } else if (stat(dir, &st) < 0) {
        check_set(row, CHECK_WARN, "XDG_RUNTIME_DIR names \"%s\": %s", dir, errno_name(errno));
    } else if (!S_ISDIR(st.st_mode) || st.st_uid != c->uid) {
        check_set(row, CHECK_WARN,
                  "XDG_RUNTIME_DIR names \"%s\", which is not a directory of uid %u (su and sudo keep "
                  "the old user's)",
                  dir, (unsigned)c->uid);
    } else if (st.st_mode & 066) {
        /* Not to search: podman makes it 0711 for --userns auto, and what bryo keeps in it is private. */
        check_set(row, CHECK_WARN, "\"%s\" has mode %04o: others may look into it", dir,
                  (unsigned)(st.st_mode & 07777));
        check_mend(row, "others may see the states of containers", "chmod 0700 \"%s\"", dir);
        return;
    } else {
        check_set(row, CHECK_OK, "%s", dir);
        return;
    }
    check_mend(row, "the states of containers are kept in a private directory of /run/user or /tmp instead",
               "log in as the user (ssh, machinectl shell) rather than with su or sudo, or: sudo loginctl "
               "enable-linger "
               "%s && export XDG_RUNTIME_DIR=/run/user/%u",
               user ? user : "\"$(id -un)\"", (unsigned)c->uid);
}

/* The path behind "0::" in /proc/self/cgroup, or NULL. */
static char *own_cgroup(void)
{
    _cleanup_free_ char *text = NULL;

    if (file_read_at(AT_FDCWD, "/proc/self/cgroup", 64 << 10, &text, NULL, NULL) < 0)
        return NULL;
    for (char *p = text; p; p = strchr(p, '\n')) {
        p += *p == '\n';
        if (strncmp(p, "0::", 3) == 0)
            return strndup(p + 3, strcspn(p + 3, "\n"));
    }
    return NULL;
}

/* May we make cgroups below @dir and move processes there? */
static bool is_delegated(const char *dir)
{
    _cleanup_free_ char *procs = str_printf("%s/cgroup.procs", dir);

    return procs && access(dir, W_OK) == 0 && access(procs, W_OK) == 0;
}

/* Which of the controllers that limits need are missing in "cpu memory pids …"? Appends them to @out. */
static void missing_controllers(const char *list, struct strbuf *out)
{
    static const char *const wanted[] = {"cpu", "memory", "pids"};

    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        size_t len = strlen(wanted[i]);
        bool found = false;
        for (const char *p = list; *p && !found;) {
            size_t n = strcspn(p, " \n");
            found = n == len && strncmp(p, wanted[i], n) == 0;
            p += n;
            p += strspn(p, " \n");
        }
        if (!found)
            strbuf_addf(out, "%s%s", out->len ? ", " : "", wanted[i]);
    }
}

/* @what: "version 2, …"; @fix: what brings those that are missing. */
static void describe_controllers(struct check_row *row, const char *what, const char *list, const char *fix)
{
    _cleanup_strbuf_ struct strbuf missing = {0};

    missing_controllers(list, &missing);
    check_set(row, missing.len ? CHECK_INFO : CHECK_OK, "%s with: %s%s%s", what,
              *list ? list : "no controllers", missing.len ? "; missing: " : "",
              missing.len ? missing.data : "");
    if (missing.len)
        check_mend(row, LIMITS, "%s", fix);
}

static void describe_directory(struct check_row *row, const char *dir, const char *is, const char *fix)
{
    _cleanup_free_ char *file = str_printf("%s/cgroup.controllers", dir), *list = NULL;
    _cleanup_free_ char *what = str_printf("version 2, \"%s\" is %s", dir, is);

    if (!file || !what || file_read_at(AT_FDCWD, file, 4096, &list, NULL, NULL) < 0) {
        check_set(row, CHECK_INFO, "\"%s/cgroup.controllers\" cannot be read", dir);
        return;
    }
    list[strcspn(list, "\n")] = '\0';
    describe_controllers(row, what, list, fix);
}

static void describe_delegated(struct check_row *row, const char *dir)
{
    describe_directory(row, dir, "delegated",
                       "sudo mkdir -p /etc/systemd/system/user@.service.d\n"
                       "printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | sudo tee "
                       "/etc/systemd/system/user@.service.d/delegate.conf\n"
                       "sudo systemctl daemon-reload, then log in anew");
}

/* "12:cpu,cpuacct:/" …, the lines of /proc/self/cgroup that have controllers, as one list. */
static void list_v1(const char *lines, struct strbuf *out)
{
    for (const char *p = lines; *p; p += strcspn(p, "\n"), p += *p == '\n') {
        const char *names = strchr(p, ':');
        if (!names || names[1] == ':' || str_starts(names + 1, "name="))
            continue;
        for (const char *n = names; *n == ':' || *n == ',';) {
            size_t len = strcspn(++n, ",:\n");
            strbuf_addf(out, "%s%.*s", out->len ? " " : "", (int)len, n);
            n += len;
            if (*n != ',')
                break;
        }
    }
}

/* Root has them all: its containers lie below the root of the tree, whatever cgroup it was called in. */
static void describe_root(struct check_row *row, bool v2)
{
    static const char fix[] =
        "take cgroup_disable= off the kernel's command line; what /proc/cgroups shows in a "
        "hierarchy is in use as version 1";
    _cleanup_free_ char *lines = NULL;
    _cleanup_strbuf_ struct strbuf list = {0};

    if (v2) {
        describe_directory(row, CGROUP_ROOT, "root's", fix);
        return;
    }
    if (file_read_at(AT_FDCWD, "/proc/self/cgroup", 64 << 10, &lines, NULL, NULL) == 0)
        list_v1(lines, &list);
    describe_controllers(row, "version 1", list.len ? list.data : "", fix);
}

void check_cgroup(struct check_context *c, struct check_row *row)
{
    struct statfs fs;
    bool mounted = statfs(CGROUP_ROOT, &fs) == 0, v2 = mounted && fs.f_type == CGROUP2_SUPER_MAGIC;

    if (mounted && c->root && access(CGROUP_ROOT, W_OK) == 0) {
        describe_root(row, v2);
        return;
    }
    if (!v2) {
        check_set(row, CHECK_INFO, "version 2 is not mounted at " CGROUP_ROOT);
        check_mend(row, LIMITS, "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line");
        return;
    }
    _cleanup_free_ char *own = own_cgroup();
    _cleanup_free_ char *dir = own ? str_printf(CGROUP_ROOT "%s", strcmp(own, "/") == 0 ? "" : own) : NULL;
    /* A login session is not delegated itself; the user's service manager beside it is. */
    _cleanup_free_ char *manager = str_printf(CGROUP_ROOT "/user.slice/user-%u.slice/user@%u.service",
                                              (unsigned)c->uid, (unsigned)c->uid);
    if (dir && is_delegated(dir)) {
        describe_delegated(row, dir);
    } else if (manager && is_delegated(manager)) {
        describe_delegated(row, manager);
    } else {
        const char *user = subid_user_name(&c->lookup);
        check_set(row, CHECK_INFO,
                  "version 2, but no cgroup is delegated to this user (the own one is \"%s\")",
                  own ? own : "unknown");
        check_mend(row, LIMITS,
                   "sudo loginctl enable-linger %s, or start bryo with: systemd-run --user --scope -p "
                   "Delegate=yes -- bryo …",
                   user ? user : "\"$(id -un)\"");
    }
}

void check_bus(struct check_context *c, struct check_row *row)
{
    const char *address = getenv("DBUS_SESSION_BUS_ADDRESS");
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    _cleanup_free_ char *path = NULL;

    if (c->root)
        path = strdup("/run/dbus/system_bus_socket");
    else if (address && str_starts(address, "unix:path="))
        path = strndup(address + 10, strcspn(address + 10, ",;"));
    else if (!str_empty(runtime))
        path = str_printf("%s/bus", runtime);
    else
        path = str_printf("/run/user/%u/bus", (unsigned)c->uid);
    if (!path)
        return;
    _cleanup_close_ int fd = unix_connect(path, SOCK_STREAM);
    if (fd >= 0) {
        check_set(row, CHECK_OK, "%s", path);
        return;
    }
    const char *user = subid_user_name(&c->lookup);
    check_set(row, CHECK_INFO, "no answer at \"%s\" (%s)", path, errno_name(-fd));
    if (c->root)
        check_mend(row, BUS, "sudo systemctl start dbus.socket (Debian: sudo apt-get install dbus)");
    else
        check_mend(
            row, BUS,
            "sudo apt-get install dbus-user-session && sudo loginctl enable-linger %s, then log in anew",
            user ? user : "\"$(id -un)\"");
}

/* Opens a device for reading and writing, as its user would. */
static bool try_device(struct check_row *row, const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);

    if (fd >= 0)
        check_set(row, CHECK_OK, "opened for reading and writing");
    else
        check_set(row, CHECK_INFO, "cannot be opened (%s)", errno_name(errno));
    return fd >= 0;
}

void check_tun(struct check_context *c, struct check_row *row)
{
    (void)c;
    if (!try_device(row, "/dev/net/tun"))
        check_mend(row, "no network of its own for a container (--net slirp), and no tunnels inside",
                   "sudo modprobe tun && sudo chmod 0666 /dev/net/tun");
}

void check_fuse(struct check_context *c, struct check_row *row)
{
    (void)c;
    if (!try_device(row, "/dev/fuse"))
        check_mend(row,
                   "tarballs are unpacked before they run (--lazy), and containers have no file systems in "
                   "user space",
                   "sudo modprobe fuse && sudo chmod 0666 /dev/fuse");
}
