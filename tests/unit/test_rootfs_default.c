/* The usual container: mounts, devices, masks, and nothing of the host left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "rootfs_fixture.h"

static bool is_mounted(const char *target, const char *type)
{
    const char *line = mountinfo_line(target);
    char needle[64];

    snprintf(needle, sizeof needle, " - %s ", type);
    return line && strstr(line, needle);
}

static bool is_device(const char *path, unsigned maj, unsigned min)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(maj, min);
}

static bool links_to(const char *path, const char *target)
{
    char buf[64];
    ssize_t n = readlink(path, buf, sizeof buf - 1);

    return n > 0 && (size_t)n == strlen(target) && memcmp(buf, target, (size_t)n) == 0;
}

static bool is_readonly(const char *path)
{
    struct statvfs st;

    return statvfs(path, &st) == 0 && (st.f_flag & ST_RDONLY);
}

static int count_entries(const char *path)
{
    _cleanup_closedir_ DIR *d = opendir(path);
    int n = 0;

    while (d && readdir(d))
        n++;
    return d ? n - 2 : -1;
}

static void check_usual(const struct box *box)
{
    char cwd[64];
    struct stat st;

    CHECK(getcwd(cwd, sizeof cwd) && strcmp(cwd, "/") == 0);
    CHECK(access(box->top, F_OK) < 0 && errno == ENOENT);
    CHECK(is_mounted("/proc", "proc"));
    CHECK(is_mounted("/dev", "tmpfs"));
    CHECK(is_mounted("/dev/pts", "devpts"));
    CHECK(is_mounted("/dev/shm", "tmpfs"));
    CHECK(is_mounted("/dev/mqueue", "mqueue"));
    CHECK(is_mounted("/sys", "sysfs"));
    CHECK(mountinfo_line("/sys/fs/cgroup"));
    CHECK(is_readonly("/sys") && is_readonly("/sys/fs/cgroup") && !is_readonly("/proc") &&
          !is_readonly("/dev"));
    CHECK(is_device("/dev/null", 1, 3) && is_device("/dev/zero", 1, 5) && is_device("/dev/full", 1, 7));
    CHECK(is_device("/dev/random", 1, 8) && is_device("/dev/urandom", 1, 9) && is_device("/dev/tty", 5, 0));
    CHECK(is_device("/dev/ptmx", 5, 2) && links_to("/dev/ptmx", "pts/ptmx"));
    CHECK(links_to("/dev/fd", "/proc/self/fd") && links_to("/dev/stdin", "/proc/self/fd/0"));
    CHECK(links_to("/dev/stdout", "/proc/self/fd/1") && links_to("/dev/stderr", "/proc/self/fd/2"));
    CHECK(stat("/dev", &st) == 0 && st.st_mode == (S_IFDIR | 0755));
    CHECK(stat("/dev/shm", &st) == 0 && st.st_mode == (S_IFDIR | 01777));
    _cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    CHECK(null >= 0 && write(null, "x", 1) == 1);
}

static void check_masks(const struct box *box)
{
    check_usual(box);
    CHECK(is_readonly("/proc/sys"));
    /* An ordinary user is refused by the mode before. */
    CHECK(open("/proc/sys/kernel/hostname", O_WRONLY | O_CLOEXEC) < 0 && (errno == EROFS || errno == EACCES));
    if (access("/proc/keys", F_OK) == 0)
        CHECK(is_device("/proc/keys", 1, 3));
    if (access("/proc/timer_list", F_OK) == 0)
        CHECK(is_device("/proc/timer_list", 1, 3));
    const char *const dirs[] = {"/sys/firmware", "/proc/acpi", "/proc/scsi"};
    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
        if (access(dirs[i], F_OK) == 0) {
            CHECK(is_mounted(dirs[i], "tmpfs") && is_readonly(dirs[i]));
            CHECK(count_entries(dirs[i]) == 0);
        }
}

/* Only what belongs to the container is mounted: the root and what is listed. */
static void check_host_is_gone(const struct box *box)
{
    _cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
    char line[1024];
    int n = 0;

    check_usual(box);
    while (f && fgets(line, sizeof line, f)) {
        n++;
        CHECK(!strstr(line, "/rootfs /tmp/bryo-test")); /* the root under its old name */
    }
    /* The root, seven mounts, six devices, and below cgroup what the host has. */
    CHECK(n >= 8 && n < 64);
}

static void usual_in_userns(void **state)
{
    assert_played(*state, &(struct scene){.inside = check_host_is_gone}, "ok");
}

static void usual_with_masks(void **state)
{
    assert_played(*state, &(struct scene){.inside = check_masks, .linux_ = USUAL_MASKS}, "ok");
}

static void usual_without_pivot(void **state)
{
    assert_played(*state, &(struct scene){.inside = check_masks, .linux_ = USUAL_MASKS, .no_pivot = true},
                  "ok");
}

static void usual_with_host_cgroups(void **state)
{
    assert_played(*state, &(struct scene){.inside = check_usual, .host_cgroup = true}, "ok");
}

static void check_bound_sys(const struct box *box)
{
    (void)box;
    CHECK(is_mounted("/sys", "sysfs") && is_readonly("/sys"));
    CHECK(is_readonly("/sys/fs/cgroup"));
    CHECK(open("/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY | O_CLOEXEC) < 0);
    CHECK(count_entries("/sys/class") > 0);
}

/* CVE-2023-25809: with the host's cgroup namespace nothing below /sys/fs/cgroup can be written. */
static void host_cgroups_are_readonly(void **state)
{
    static const char mounts[] =
        "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
        "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\"},"
        "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\"}";

    assert_played(
        *state,
        &(struct scene){.inside = check_bound_sys, .host_cgroup = true, .host_net = true, .mounts = mounts},
        "ok");
}

static void as_real_root(void **state)
{
    if (geteuid() != 0) {
        print_message("needs real root\n");
        skip();
    }
    assert_played(*state, &(struct scene){.inside = check_masks, .linux_ = USUAL_MASKS, .real_root = true},
                  "ok");
    assert_played(*state, &(struct scene){.inside = check_host_is_gone, .real_root = true}, "ok");
    assert_played(*state, &(struct scene){.inside = check_usual, .real_root = true, .host_cgroup = true},
                  "ok");
    assert_played(*state, &(struct scene){.inside = check_usual, .real_root = true, .no_pivot = true}, "ok");
}

static void check_readonly_root(const struct box *box)
{
    (void)box;
    CHECK(mkdir("/new", 0755) < 0 && errno == EROFS);
    CHECK(mkdir("/dev/shm/new", 0755) == 0);
    CHECK(is_readonly("/") && !is_readonly("/dev"));
}

static void readonly_root(void **state)
{
    assert_played(*state, &(struct scene){.inside = check_readonly_root, .root = "\"readonly\":true"}, "ok");
}

static void check_on_disk(const struct box *box)
{
    (void)box;
    CHECK(is_device("/dev/null", 1, 3) && is_device("/dev/tty", 5, 0));
}

/* Without any mount the devices go to the image's own /dev, and the second time over what is there. */
static void devices_without_dev_mount(void **state)
{
    const struct scene s = {.mounts = "", .inside = check_on_disk};
    struct box *box = *state;

    assert_played(box, &s, "ok");
    assert_played(box, &s, "ok");
    struct stat st;
    assert_int_equal(fstatat(box->root_fd, "dev/null", &st, 0), 0);
    assert_true(S_ISREG(st.st_mode));
}

static void check_listed_devices(const struct box *box)
{
    struct stat st;

    (void)box;
    CHECK(is_device("/dev/null", 1, 3) && is_device("/opt/dir/zero", 1, 5));
    CHECK(stat("/dev/pipe", &st) == 0 && S_ISFIFO(st.st_mode) && (st.st_mode & 07777) == 0640);
}

/* Bound from where the host has the number, whatever has the path there. */
static void check_moved_devices(const struct box *box)
{
    (void)box;
    CHECK(is_device("/opt/dir/zero", 1, 5) && is_device("/dev/zero", 1, 3));
}

static void listed_devices(void **state)
{
    struct box *box = *state;
    static const char *const good = "\"devices\":[{\"path\":\"/dev/pipe\",\"type\":\"p\",\"fileMode\":416},"
                                    "{\"path\":\"/dev/null\",\"type\":\"c\",\"major\":1,\"minor\":3}]";

    static const char *const moved = "\"devices\":[{\"path\":\"/opt/dir/zero\",\"type\":\"c\",\"major\":1,"
                                     "\"minor\":5},{\"path\":\"/dev/zero\",\"type\":\"c\",\"major\":1,"
                                     "\"minor\":3}]";
    assert_error_has(box,
                     &(struct scene){.linux_ =
                                         "\"devices\":[{\"path\":\"/dev/zero\",\"type\":\"c\",\"major\":240,"
                                         "\"minor\":3}]"},
                     "device \"/dev/zero\": the host has no character device 240:3");
    assert_played(box, &(struct scene){.linux_ = moved, .inside = check_moved_devices}, "ok");
    assert_played(box, &(struct scene){.linux_ = good, .inside = check_on_disk}, "ok");
    if (geteuid() != 0)
        return;
    static const char *const made = "\"devices\":[{\"path\":\"/dev/pipe\",\"type\":\"p\",\"fileMode\":416},"
                                    "{\"path\":\"/opt/dir/zero\",\"type\":\"c\",\"major\":1,\"minor\":5}]";
    assert_played(box, &(struct scene){.linux_ = made, .inside = check_listed_devices, .real_root = true},
                  "ok");
}

static void check_console(const struct box *box)
{
    (void)box;
    CHECK(mountinfo_line("/dev/console") && strstr(mountinfo_line("/dev/console"), "devpts"));
}

static void open_console(const struct box *box, struct rootfs *r)
{
    _cleanup_close_ int master = -EBADF, slave = -EBADF;
    char buf[8] = "";

    (void)box;
    CHECK(rootfs_open_console(r, &master, &slave, NULL) == 0);
    CHECK(isatty(slave) && write(slave, "hi", 2) == 2 && read(master, buf, sizeof buf) == 2);
    CHECK(strncmp(buf, "hi", 2) == 0);
}

static void console(void **state)
{
    assert_played(*state, &(struct scene){.prepared = open_console, .inside = check_console}, "ok");
    assert_played(*state,
                  &(struct scene){.prepared = open_console, .inside = check_console, .host_net = true}, "ok");
}

static void check_propagation(const struct box *box)
{
    (void)box;
    CHECK(strstr(mountinfo_line("/"), " shared:"));
    CHECK(!strstr(mountinfo_line("/proc"), " shared:"));
}

static void check_no_propagation(const struct box *box)
{
    (void)box;
    CHECK(!strstr(mountinfo_line("/"), " shared:") && !strstr(mountinfo_line("/"), " master:"));
}

static void propagation(void **state)
{
    assert_played(*state,
                  &(struct scene){.linux_ = "\"rootfsPropagation\":\"shared\"", .inside = check_propagation},
                  "ok");
    assert_played(*state, &(struct scene){.linux_ = "\"rootfsPropagation\":\"rslave\""}, "ok");
    assert_played(
        *state,
        &(struct scene){.linux_ = "\"rootfsPropagation\":\"private\"", .inside = check_no_propagation}, "ok");
    assert_played(*state, &(struct scene){.inside = check_no_propagation}, "ok");
    if (geteuid() == 0)
        assert_played(*state,
                      &(struct scene){.linux_ = "\"rootfsPropagation\":\"shared\"",
                                      .inside = check_propagation,
                                      .real_root = true},
                      "ok");
}

int main(void)
{
#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        IN_BOX(usual_in_userns),
        IN_BOX(usual_with_masks),
        IN_BOX(usual_without_pivot),
        IN_BOX(usual_with_host_cgroups),
        IN_BOX(host_cgroups_are_readonly),
        IN_BOX(as_real_root),
        IN_BOX(readonly_root),
        IN_BOX(devices_without_dev_mount),
        IN_BOX(listed_devices),
        IN_BOX(console),
        IN_BOX(propagation),
    };
    const char *why = box_unavailable();

    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
