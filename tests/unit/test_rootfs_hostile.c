/* Images and configurations that want out. Each test names the vulnerability of other runtimes it is about;
 * that nothing appeared outside the root is checked at the end of every one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "rootfs_fixture.h"

#define PROC "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"}"
#define DEV  "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"mode=755\"]}"

/* CVE-2023-27561, CVE-2025-54867: the image's /proc or /sys is a link. CVE-2026-41579: /dev. */
static void linked_places(void **state)
{
    static const struct {
        const char *place, *mounts;
    } cases[] = {
        {"proc", PROC},
        {"sys", "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\"}"},
        {"dev", DEV},
        {"dev", "{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\"}"},
        {"proc", "{\"destination\":\"//proc/./sys\",\"type\":\"bind\",\"source\":\"outside\"}"},
        {"sys", "{\"destination\":\"sys/fs/cgroup\",\"type\":\"cgroup\"}"},
    };
    struct box *b = *state;

    box_mkdir(b, "elsewhere");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        box_link(b, "elsewhere", cases[i].place);
        assert_error_has(b, &(struct scene){.mounts = cases[i].mounts}, "leads over a symbolic link");
        assert_int_equal(unlinkat(b->root_fd, cases[i].place, 0), 0);
    }
    /* A procfs elsewhere must not follow links either. */
    box_link(b, "elsewhere", "here");
    assert_error_has(b, &(struct scene){.mounts = "{\"destination\":\"/here\",\"type\":\"proc\"}"},
                     "leads over a symbolic link");
    /* Without a mount at /dev the devices would go through the link. */
    box_link(b, "../outside", "dev");
    assert_error_has(b, &(struct scene){.mounts = ""}, "\"/dev\" of the root file system is a symbolic link");
}

/* CVE-2026-88265, CVE-2026-88264: links at /dev/null and /dev/console where nothing is mounted at /dev. */
static void linked_nodes(void **state)
{
    struct box *b = *state;

    box_mkdir(b, "dev");
    box_link(b, "../../outside/null", "dev/null");
    assert_error_has(b, &(struct scene){.mounts = ""},
                     "device \"/dev/null\": the root file system has a symbolic link there");
    assert_int_equal(unlinkat(b->root_fd, "dev/null", 0), 0);
    assert_int_equal(mkdirat(b->root_fd, "dev/null", 0755), 0);
    assert_error_has(b, &(struct scene){.mounts = ""},
                     "device \"/dev/null\": the root file system has a directory there");
}

static void open_linked_console(const struct box *b, struct rootfs *r)
{
    _cleanup_close_ int master = -EBADF, slave = -EBADF;
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)b;
    CHECK(rootfs_open_console(r, &master, &slave, &err) == -ELOOP);
    CHECK(strcmp(error_text(&err), "\"/dev/console\" of the root file system is a symbolic link") == 0);
    CHECK(err.hint && master < 0 && slave < 0);
}

static void open_fake_console(const struct box *b, struct rootfs *r)
{
    _cleanup_close_ int master = -EBADF, slave = -EBADF;
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)b;
    CHECK(rootfs_open_console(r, &master, &slave, &err) == -ENODEV);
    CHECK(strstr(error_text(&err), "is not the multiplexer of a devpts"));
}

static void linked_console(void **state)
{
    struct box *b = *state;

    box_mkdir(b, "dev");
    box_link(b, "../../outside/console", "dev/console");
    assert_played(b, &(struct scene){.mounts = "", .prepared = open_linked_console}, "ok");
    box_mkdir(b, "dev/pts");
    box_write(b, "dev/pts/ptmx", "");
    assert_played(b, &(struct scene){.mounts = "", .prepared = open_fake_console}, "ok");
}

/* The container's /dev, and by no means the host's: a test that fails must not take it along. */
static int open_own_dev(const struct rootfs *r)
{
    int dev = path_open_in_root(r->root_fd, "/dev", O_PATH | O_DIRECTORY, 0);
    struct stat own, host;

    CHECK(dev >= 0 && fstat(dev, &own) == 0 && stat("/dev", &host) == 0);
    CHECK(own.st_dev != host.st_dev);
    return dev;
}

static void swap_null_for_link(const struct box *b, struct rootfs *r)
{
    _cleanup_close_ int dev = open_own_dev(r);

    (void)b;
    CHECK(unlinkat(dev, "null", 0) == 0 && symlinkat("/etc/target", dev, "null") == 0);
}

static void swap_null_for_zero(const struct box *b, struct rootfs *r)
{
    _cleanup_close_ int dev = open_own_dev(r);

    (void)b;
    CHECK(unlinkat(dev, "null", 0) == 0 && mknodat(dev, "null", S_IFCHR | 0666, makedev(1, 5)) == 0);
}

static void check_masked(const struct box *b)
{
    struct stat st;

    (void)b;
    CHECK(stat("/etc/secret", &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
    CHECK(mkdir("/etc/hidden/x", 0755) < 0 && errno == EROFS);
    CHECK(access("/etc/hidden/file", F_OK) < 0 && access("/etc/second/file", F_OK) < 0);
    CHECK(open("/etc/fixed/file", O_WRONLY | O_CLOEXEC) < 0 && errno == EROFS);
}

/* CVE-2025-31133: what masks files is the null device or nothing. */
static void swapped_null(void **state)
{
    static const char masks[] =
        "\"maskedPaths\":[\"/etc/secret\",\"/etc/hidden\",\"/etc/second\",\"/etc/none\"],"
        "\"readonlyPaths\":[\"/etc/fixed\",\"/etc/none\",\"/etc/secret/none\"]";
    struct box *b = *state;

    box_mkdir(b, "etc");
    box_mkdir(b, "etc/hidden");
    box_mkdir(b, "etc/second");
    box_mkdir(b, "etc/fixed");
    box_write(b, "etc/secret", "secret");
    box_write(b, "etc/hidden/file", "");
    box_write(b, "etc/second/file", "");
    box_write(b, "etc/fixed/file", "");
    box_write(b, "etc/target", "");
    assert_played(b, &(struct scene){.mounts = PROC "," DEV, .linux_ = masks, .inside = check_masked}, "ok");
    if (geteuid() != 0)
        return; /* a bound node can not be unlinked, so there is nothing to swap */
    const struct scene link = {
        .mounts = PROC "," DEV, .linux_ = masks, .prepared = swap_null_for_link, .real_root = true};
    const struct scene zero = {
        .mounts = PROC "," DEV, .linux_ = masks, .prepared = swap_null_for_zero, .real_root = true};
    assert_error_has(b, &link, "open \"/dev/null\" of the container to mask files");
    assert_error_has(b, &zero, "is not the null device: files can not be masked");
}

static void check_masked_link(const struct box *b)
{
    struct stat st;

    (void)b;
    CHECK(stat("/etc/passwd", &st) == 0 && S_ISCHR(st.st_mode)); /* the image's own, not the host's */
}

static void masked_link_stays_inside(void **state)
{
    struct box *b = *state;

    box_mkdir(b, "etc");
    box_write(b, "etc/passwd", "");
    box_link(b, "../../../../etc/passwd", "link");
    assert_played(
        b,
        &(struct scene){.mounts = DEV, .linux_ = "\"maskedPaths\":[\"/link\"]", .inside = check_masked_link},
        "ok");
}

/* CVE-2024-45310: parents are made through links, inside. */
static void made_through_links(void **state)
{
    static const char mounts[] = "{\"destination\":\"/up/a/b\",\"type\":\"tmpfs\"},"
                                 "{\"destination\":\"/abs/c/file\",\"type\":\"bind\",\"source\":\"file\"}";
    struct box *b = *state;
    char target[128];
    assert_int_equal(mknodat(b->top_fd, "file", S_IFREG | 0644, 0), 0);

    snprintf(target, sizeof target, "%s/outside", b->top);
    box_link(b, "../outside", "up");
    box_link(b, target, "abs");
    assert_played(b, &(struct scene){.mounts = mounts}, "ok");
    assert_int_equal(faccessat(b->root_fd, "outside/a/b", F_OK, 0), 0);
    if (geteuid() != 0)
        return;
    assert_played(b,
                  &(struct scene){.mounts = "",
                                  .linux_ =
                                      "\"devices\":[{\"path\":\"/up/dir/null\",\"type\":\"c\",\"major\":1,"
                                      "\"minor\":3}]",
                                  .real_root = true},
                  "ok");
    assert_int_equal(faccessat(b->root_fd, "outside/dir/null", F_OK, 0), 0);
}

/* Exchanges root/swap with root/swap-link until killed. */
static pid_t start_swapping(const struct box *b)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        syscall(SYS_renameat2, b->root_fd, "swap", b->root_fd, "swap-link", RENAME_EXCHANGE);
}

/* CVE-2021-30465: the destination is exchanged for a link while it is resolved and mounted on. */
static void swapped_destination(void **state)
{
    struct box *b = *state;
    struct strbuf mounts = {0};
    struct timespec start, now;

    box_mkdir(b, "swap");
    box_link(b, "../outside", "swap-link");
    for (int i = 0; i < 12; i++)
        strbuf_addf(&mounts, "%s{\"destination\":\"/swap/d%d\",\"type\":\"tmpfs\"}", i ? "," : "", i);
    _cleanup_free_ char *list = strbuf_take(&mounts);
    pid_t pid = start_swapping(b);
    assert_true(pid > 0);
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        _cleanup_free_ char *text = play(b, &(struct scene){.mounts = list});
        assert_true(strcmp(text, "ok") == 0 || str_starts(text, "error: mounts["));
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < 200);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void proc_is_real(const struct box *b, struct rootfs *r)
{
    (void)b;
    CHECK(path_is_fs(r->proc_fd, PROC_SUPER_MAGIC) == 1);
    CHECK(faccessat(r->proc_fd, "self/attr", F_OK, 0) == 0);
}

/* CVE-2019-16884: a volume at /proc does not become the handle for writes to procfs. */
static void volume_at_proc(void **state)
{
    static const char mounts[] = PROC ",{\"destination\":\"/proc\",\"type\":\"bind\",\"source\":\"volume\"}";
    struct box *b = *state;

    assert_int_equal(mkdirat(b->top_fd, "volume", 0755), 0);
    assert_played(b, &(struct scene){.mounts = mounts, .prepared = proc_is_real}, "ok");
    assert_played(
        b,
        &(struct scene){.mounts = "{\"destination\":\"/proc\",\"type\":\"bind\",\"source\":\"volume\"}",
                        .prepared = proc_is_real},
        "ok");
}

static void check_sysctl(const struct box *b)
{
    char buf[16] = "";
    _cleanup_close_ int fd = open("/proc/sys/net/ipv4/ip_default_ttl", O_RDONLY | O_CLOEXEC);

    (void)b;
    CHECK(fd >= 0 && read(fd, buf, sizeof buf) == 3 && strcmp(buf, "77\n") == 0);
}

/* CVE-2025-52881: a file that was mounted over the sysctl is not written. */
static void sysctl_goes_to_procfs(void **state)
{
    static const char sysctl[] = "\"sysctl\":{\"net.ipv4.ip_default_ttl\":\"77\"}";
    struct box *b = *state;

    assert_int_equal(mkdirat(b->top_fd, "fake", 0755), 0);
    assert_int_equal(mkdirat(b->top_fd, "fake/ipv4", 0755), 0);
    assert_int_equal(mknodat(b->top_fd, "fake/ipv4/ip_default_ttl", S_IFREG | 0644, 0), 0);
    assert_played(b, &(struct scene){.mounts = PROC, .linux_ = sysctl, .inside = check_sysctl}, "ok");
    assert_error_has(
        b,
        &(struct scene){.mounts =
                            PROC ",{\"destination\":\"/proc/sys/net\",\"type\":\"bind\",\"source\":\"fake\"}",
                        .linux_ = sysctl},
        "open \"/proc/sys/net/ipv4/ip_default_ttl\": invalid cross-device link (EXDEV)");
    assert_error_has(
        b, &(struct scene){.mounts = PROC, .linux_ = "\"sysctl\":{\"net.ipv4.ip_default_ttl\":\"many\"}"},
        "linux.sysctl[\"net.ipv4.ip_default_ttl\"]: write \"many\"");
}

static void check_ping(const struct box *b)
{
    (void)b;
    CHECK(strstr(scene_warning(), "clamped to the mapped groups \"0 0\""));
}

static void ping_range_is_clamped(void **state)
{
    assert_played(*state,
                  &(struct scene){.mounts = PROC,
                                  .linux_ = "\"sysctl\":{\"net.ipv4.ping_group_range\":\"0 2147483647\"}",
                                  .inside = check_ping},
                  "ok");
}

int main(void)
{
#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        IN_BOX(linked_places),
        IN_BOX(linked_nodes),
        IN_BOX(linked_console),
        IN_BOX(swapped_null),
        IN_BOX(masked_link_stays_inside),
        IN_BOX(made_through_links),
        IN_BOX(swapped_destination),
        IN_BOX(volume_at_proc),
        IN_BOX(sysctl_goes_to_procfs),
        IN_BOX(ping_range_is_clamped),
    };
    const char *why = box_unavailable();

    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
