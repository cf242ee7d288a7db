/* Mounts of config.json: binds of all kinds, options, links, tmpcopyup, remount, idmap, and the errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "rootfs_fixture.h"

#define PROC "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
#define BIND(source, destination, options)                                                                   \
    "{\"destination\":\"" destination "\",\"type\":\"bind\",\"source\":\"" source "\",\"options\":[" options \
    "]}"
#define TMPFS(destination, options)                                                                          \
    "{\"destination\":\"" destination "\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[" options "]" \
    "}"

/* Of the bundle: what lies beside the root. */
static void beside(const struct box *b, const char *path, const char *text)
{
    _cleanup_close_ int fd = openat(b->top_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static bool reads(const char *path, const char *text)
{
    char buf[64] = "";
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd >= 0 && fd_read_full(fd, buf, sizeof buf - 1) >= 0 && strcmp(buf, text) == 0;
}

static unsigned long flags_of(const char *path)
{
    struct statvfs st = {0};

    CHECK(statvfs(path, &st) == 0);
    return st.f_flag;
}

static void check_binds(const struct box *b)
{
    struct stat st;

    (void)b;
    CHECK(reads("/etc/deep/file", "content"));
    CHECK(reads("/data/inner", "in a directory"));
    CHECK(open("/ro/inner", O_WRONLY | O_CLOEXEC) < 0 && errno == EROFS);
    CHECK(stat("/run/socket", &st) == 0 && S_ISSOCK(st.st_mode));
    CHECK((flags_of("/ro") & (ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_RDONLY)) ==
          (ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_RDONLY));
    CHECK(mkdir("/data/new", 0755) == 0 && rmdir("/data/new") == 0);
}

static void binds(void **state)
{
    struct box *b = *state;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    _cleanup_close_ int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    beside(b, "file", "content");
    assert_int_equal(mkdirat(b->top_fd, "dir", 0755), 0);
    beside(b, "dir/inner", "in a directory");
    snprintf(addr.sun_path, sizeof addr.sun_path, "%.60s/sock", b->top);
    assert_int_equal(bind(sock, (struct sockaddr *)&addr, sizeof addr), 0);
    /* Sources relative to the bundle. */
    assert_played(b,
                  &(struct scene){
                      .mounts = BIND("file", "/etc/deep/file", "\"bind\"") "," BIND(
                          "dir", "data",
                          "\"rbind\",\"rw\"") "," BIND("dir", "/ro",
                                                       "\"rbind\",\"ro\",\"nosuid\","
                                                       "\"nodev\",\"noexec\"") "," BIND("sock", "/run/socket",
                                                                                        "\"bind\""),
                      .inside = check_binds},
                  "ok");
}

static void check_tree(const struct box *b)
{
    (void)b;
    CHECK(open("/top/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644) < 0 && errno == EROFS);
    CHECK(open("/top/sub/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644) < 0 && errno == EROFS);
    CHECK((flags_of("/top/sub") & ST_NOEXEC) && (flags_of("/top") & ST_NOEXEC));
    CHECK(open("/only/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644) < 0 && errno == EROFS);
    _cleanup_close_ int fd = open("/only/sub/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CHECK(fd >= 0);
}

/* "rro" reaches the mounts below, "ro" does not. The tree is made by mounts of the container itself. */
static void mount_below(const struct box *b)
{
    (void)b;
    int fs = sys_fsopen("tmpfs", FSOPEN_CLOEXEC);

    CHECK(fs >= 0 && sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0);
    int fd = sys_fsmount(fs, FSMOUNT_CLOEXEC, 0);
    CHECK(fd >= 0 && sys_move_mount(fd, "", AT_FDCWD, "dir/sub", MOVE_MOUNT_F_EMPTY_PATH) == 0);
    close(fd);
    close(fs);
}

static void recursive_options(void **state)
{
    struct box *b = *state;

    assert_int_equal(mkdirat(b->top_fd, "dir", 0755), 0);
    assert_int_equal(mkdirat(b->top_fd, "dir/sub", 0755), 0);
    /* In a user namespace below the one that made the tree its mounts are locked together. */
    assert_played(
        b,
        &(struct scene){.mounts = PROC BIND("dir", "/top", "\"rbind\",\"rro\",\"rnoexec\"") "," BIND(
                            "dir", "/only", "\"rbind\",\"ro\""),
                        .outer = mount_below,
                        .inside = check_tree},
        "ok");
    assert_error_has(b, &(struct scene){.mounts = PROC BIND("dir", "/top", "\"bind\""), .outer = mount_below},
                     "use \"rbind\"");
}

static void mount_locked(const struct box *b)
{
    (void)b;
    int fs = sys_fsopen("tmpfs", FSOPEN_CLOEXEC);

    CHECK(fs >= 0 && sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0);
    int fd = sys_fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME);
    CHECK(fd >= 0 && sys_move_mount(fd, "", AT_FDCWD, "dir", MOVE_MOUNT_F_EMPTY_PATH) == 0);
    close(fd);
    close(fs);
}

static void check_locked(const struct box *b)
{
    (void)b;
    CHECK((flags_of("/locked") & (ST_NOSUID | ST_NODEV | ST_NOATIME)) == (ST_NOSUID | ST_NODEV | ST_NOATIME));
    CHECK(flags_of("/locked") & ST_RDONLY);
}

static void locked_flags_are_kept(void **state)
{
    struct box *b = *state;

    assert_int_equal(mkdirat(b->top_fd, "dir", 0755), 0);
    assert_played(b,
                  &(struct scene){.mounts = PROC BIND("dir", "/locked",
                                                      "\"rbind\",\"suid\",\"dev\",\"strictatime\",\"ro\""),
                                  .outer = mount_locked,
                                  .inside = check_locked},
                  "ok");
}

static void check_links(const struct box *b)
{
    char buf[64] = "";

    (void)b;
    CHECK(mountinfo_line("/run") && mountinfo_line("/etc/target"));
    CHECK(reads("/etc/resolv.conf", "content") && reads("/run/resolv/stub", "content"));
    CHECK(reads("/through", "content"));
    CHECK(readlink("/copied", buf, sizeof buf) == 4 && strcmp(buf, "file") == 0);
    struct stat st;
    CHECK(lstat("/unmoved", &st) == 0 && S_ISREG(st.st_mode) && access("/etc/unmoved", F_OK) < 0);
    CHECK(readlink("/unfollowed", buf, sizeof buf) == 4);
}

static void links(void **state)
{
    /* clang-format off */
    static const char mounts[] =
        PROC
        TMPFS("/var/run", "\"mode=755\"") ","
        TMPFS("/abs", "") ","
        BIND("file", "/etc/resolv.conf", "") ","
        BIND("link", "/through", "") ","
        BIND("link", "/copied", "\"copy-symlink\"") ","
        BIND("file", "/unmoved", "\"dest-nofollow\"") ","
        BIND("link", "/unfollowed", "\"src-nofollow\"");
    /* clang-format on */
    struct box *b = *state;

    beside(b, "file", "content");
    assert_int_equal(symlinkat("file", b->top_fd, "link"), 0);
    box_mkdir(b, "var");
    box_mkdir(b, "run");
    box_mkdir(b, "etc");
    box_link(b, "../run", "var/run");
    box_link(b, "/../../../etc/target", "abs");
    box_link(b, "../run/resolv/stub", "etc/resolv.conf");
    box_link(b, "etc/unmoved", "unmoved");
    assert_played(b, &(struct scene){.mounts = mounts, .inside = check_links}, "ok");
}

static void wrong_sources(void **state)
{
    struct box *b = *state;

    beside(b, "file", "content");
    box_mkdir(b, "place");
    box_write(b, "plain", "");
    assert_error_has(b, &(struct scene){.mounts = PROC BIND("nothing/here", "/x", "")},
                     "error: mounts[1].source: open \"nothing/here\": no such file or directory (ENOENT)\n"
                     "hint: \"nothing\" does not exist");
    assert_error_has(b, &(struct scene){.mounts = PROC BIND("file/x", "/x", "")},
                     "hint: \"file\" is not a directory");
    assert_error_has(b, &(struct scene){.mounts = PROC BIND("file", "/place", "")},
                     "mounts[1]: source \"file\" is a file, but destination \"/place\" is a directory");
    assert_error_has(b, &(struct scene){.mounts = PROC BIND(".", "/plain", "\"rbind\"")},
                     "mounts[1]: source \".\" is a directory, but destination \"/plain\" is a file");
    assert_error_has(
        b, &(struct scene){.mounts = PROC TMPFS("/plain/x", "")},
        "mounts[1].destination: make or open \"/plain/x\" in the root file system: not a directory");
    assert_error_has(b, &(struct scene){.mounts = PROC TMPFS("/x", "\"size=nonsense\"")},
                     "mounts[1]: mount \"tmpfs\" (tmpfs)");
    assert_error_has(b, &(struct scene){.mounts = PROC TMPFS("/x", "\"grande=1\"")},
                     "Unknown parameter 'grande'");
    assert_error_has(b, &(struct scene){.mounts = PROC "{\"destination\":\"/x\",\"type\":\"nofs\"}"},
                     "this kernel has no file system \"nofs\"");
}

static void unsearchable_parent(void **state)
{
    struct box *b = *state;

    if (geteuid() == 0) {
        print_message("root may search any directory\n");
        skip();
    }
    assert_int_equal(mkdirat(b->top_fd, "dir", 0755), 0);
    assert_error_has(b, &(struct scene){.mounts = PROC BIND("/root/x/y", "/x", "")},
                     "may not be searched by uid");
}

static void check_copied(const struct box *b)
{
    struct stat st;
    char buf[16] = "";

    (void)b;
    CHECK(reads("/var/lib/a", "one") && reads("/var/lib/sub/b", "two"));
    CHECK(readlink("/var/lib/evil", buf, sizeof buf) == 11);
    CHECK(stat("/var/lib/sub", &st) == 0 && (st.st_mode & 07777) == 0750);
    CHECK(stat("/var/lib/a", &st) == 0 && (st.st_mode & 07777) == 0604 && st.st_mtime == 1000000);
    CHECK(lstat("/var/lib/fifo", &st) == 0 && S_ISFIFO(st.st_mode));
    CHECK(stat("/var/lib", &st) == 0 && (st.st_mode & 07777) == 0711);
    CHECK(flags_of("/var/lib") & ST_RDONLY);
    CHECK(stat("/new", &st) == 0 && S_ISDIR(st.st_mode));
    CHECK(stat("/tmp", &st) == 0 && (st.st_mode & 07777) == 01777 && mountinfo_line("/tmp"));
}

static void tmpcopyup(void **state)
{
    struct box *b = *state;
    const struct timespec times[2] = {{1000000, 0}, {1000000, 0}};

    box_mkdir(b, "var");
    box_mkdir(b, "var/lib");
    box_mkdir(b, "var/lib/sub");
    box_mkdir(b, "tmp");
    assert_int_equal(fchmodat(b->root_fd, "tmp", 01777, 0), 0);
    box_write(b, "var/lib/a", "one");
    box_write(b, "var/lib/sub/b", "two");
    box_link(b, "/etc/shadow", "var/lib/evil");
    assert_int_equal(mkfifoat(b->root_fd, "var/lib/fifo", 0600), 0);
    assert_int_equal(fchmodat(b->root_fd, "var/lib/sub", 0750, 0), 0);
    assert_int_equal(fchmodat(b->root_fd, "var/lib/a", 0604, 0), 0);
    assert_int_equal(fchmodat(b->root_fd, "var/lib", 0711, 0), 0);
    assert_int_equal(utimensat(b->root_fd, "var/lib/a", times, 0), 0);
    assert_played(b,
                  &(struct scene){.mounts = PROC TMPFS("/var/lib", "\"tmpcopyup\",\"ro\"") "," TMPFS(
                                      "/new", "\"tmpcopyup\"") "," TMPFS("/tmp", "\"nosuid\""),
                                  .inside = check_copied},
                  "ok");
    assert_error_has(b, &(struct scene){.mounts = PROC TMPFS("/var/lib", "\"tmpcopyup\",\"size=4k\"")},
                     "mounts[1]: tmpcopyup: ");
}

static void check_remounted(const struct box *b)
{
    (void)b;
    CHECK((flags_of("/t") & (ST_RDONLY | ST_NOEXEC)) == (ST_RDONLY | ST_NOEXEC));
    struct statvfs st;
    CHECK(statvfs("/t", &st) == 0 && st.f_blocks * st.f_frsize == 131072);
}

static void remounts(void **state)
{
    struct box *b = *state;

    assert_played(
        b,
        &(struct scene){
            .mounts =
                TMPFS("/t", "\"size=64k\"") ","
                                            "{\"destination\":\"/"
                                            "t\",\"options\":[\"remount\",\"ro\",\"noexec\",\"size=128k\"]}",
            .inside = check_remounted},
        "ok");
    assert_error_has(
        b, &(struct scene){.mounts = PROC "{\"destination\":\"/\",\"options\":[\"remount\",\"size=5\"]}"},
        "mounts[1]");
}

static void check_long(const struct box *b)
{
    (void)b;
    const char *line = mountinfo_line("/o");
    CHECK(line && strstr(line, " - overlay "));
    CHECK(access("/o/mark", F_OK) == 0);
    CHECK(mountinfo_line("/quiet") && (flags_of("/quiet") & ST_NOEXEC));
}

/* What fsconfig(2) can not carry goes through mount(2): a lowerdir of more than 255 bytes, "silent". */
static void what_only_mount2_can(void **state)
{
    struct box *b = *state;
    struct strbuf lower = {0};

    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof name, "layer%d", i);
        assert_int_equal(mkdirat(b->top_fd, name, 0755), 0);
        strbuf_addf(&lower, "%s%s/layer%d", i ? ":" : "", b->top, i);
    }
    beside(b, "layer3/mark", "");
    _cleanup_free_ char *list = strbuf_take(&lower);
    assert_true(strlen(list) > 255);
    _cleanup_free_ char *mounts =
        str_printf(PROC "{\"destination\":\"/o\",\"type\":\"overlay\",\"options\":[\"lowerdir=%s\"]}," TMPFS(
                       "/quiet", "\"silent\",\"noexec\",\"rprivate\""),
                   list);
    assert_played(b, &(struct scene){.mounts = mounts, .inside = check_long}, "ok");
}

static void check_idmap(const struct box *b)
{
    struct stat st;

    (void)b;
    CHECK(stat("/mapped/inner", &st) == 0 && st.st_uid == 1234 && st.st_gid == 5678);
}

static void idmap(void **state)
{
    struct box *b = *state;
    static const char mounts[] =
        "{\"destination\":\"/mapped\",\"type\":\"bind\",\"source\":\"dir\",\"options\":[\"bind\",\"idmap\"],"
        "\"uidMappings\":[{\"containerID\":0,\"hostID\":1234,\"size\":1}],"
        "\"gidMappings\":[{\"containerID\":0,\"hostID\":5678,\"size\":1}]}";

    if (geteuid() != 0) {
        print_message("mapping a file system of the host needs root\'s rights over it\n");
        skip();
    }
    assert_int_equal(mkdirat(b->top_fd, "dir", 0755), 0);
    beside(b, "dir/inner", "");
    assert_played(b, &(struct scene){.mounts = mounts, .real_root = true, .inside = check_idmap}, "ok");
}

static void check_host_mounts(const struct box *b)
{
    (void)b;
    CHECK(mountinfo_line("/sys") && mountinfo_line("/dev/mqueue"));
    CHECK(flags_of("/sys") & ST_RDONLY);
}

static void check_cgroup2(const struct box *b)
{
    (void)b;
    CHECK(mountinfo_line("/cg") && strstr(mountinfo_line("/cg"), " - cgroup2 "));
    CHECK(access("/cg/cgroup.procs", F_OK) == 0);
}

static void check_readonly_cgroup2(const struct box *b)
{
    check_cgroup2(b);
    CHECK(flags_of("/cg") & ST_RDONLY);
}

static void cgroup2(void **state)
{
    static const char mounts[] = PROC "{\"destination\":\"/cg\",\"type\":\"cgroup2\",\"source\":\"cgroup\"}";
    struct box *b = *state;

    if (access("/sys/fs/cgroup/unified", F_OK) < 0 && access("/sys/fs/cgroup/cgroup.controllers", F_OK) < 0) {
        print_message("the host has no cgroup2\n");
        skip();
    }
    assert_played(b, &(struct scene){.mounts = mounts, .inside = check_cgroup2}, "ok");
    assert_played(b, &(struct scene){.mounts = mounts, .inside = check_readonly_cgroup2, .host_cgroup = true},
                  "ok");
}

/* Where a namespace is the host's, the host's mount is bound. */
static void shared_namespaces(void **state)
{
    struct box *b = *state;

    assert_played(b,
                  &(struct scene){.mounts = PROC
                                  "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\"},"
                                  "{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\"}",
                                  .host_net = true,
                                  .inside = check_host_mounts},
                  "ok");
}

/* Without SELinux the kernel says which mounts were given the label. */
static void mount_label(void **state)
{
    struct box *b = *state;
    const char *label = "\"mountLabel\":\"a:b:c:s0:c1,c2\"";

    if (access("/sys/fs/selinux/enforce", F_OK) == 0)
        skip();
    assert_played(
        b,
        &(struct scene){.mounts = PROC "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\"}",
                        .linux_ = label},
        "ok");
    assert_played(b, &(struct scene){.mounts = TMPFS("/run", ""), .linux_ = label},
                  "error: mounts[0]: mount \"tmpfs\" (tmpfs) at \"/run\": linux.mountLabel "
                  "\"a:b:c:s0:c1,c2\": tmpfs: Unknown parameter 'context': invalid argument (EINVAL)");
    /* Its own label comes first; quotes are for mount(2). */
    assert_played(
        b, &(struct scene){.mounts = TMPFS("/run", "\"context=\\\"x,y\\\"\""), .linux_ = label},
        "error: mounts[0]: mount \"tmpfs\" (tmpfs) at \"/run\": tmpfs: Unknown parameter 'context': "
        "invalid argument (EINVAL)");
}

static void check_bind_with_data(const struct box *b)
{
    (void)b;
    CHECK(reads("/etc/file", "content"));
    CHECK(flags_of("/etc/file") & ST_NOSUID);
    CHECK(strcmp(scene_warning(), "mounts[0].options: \"size=1k\" has no effect on a bind mount") == 0);
}

/* mount(2) ignores them as well. */
static void bind_with_data(void **state)
{
    struct box *b = *state;

    beside(b, "file", "content");
    assert_played(b,
                  &(struct scene){.mounts = BIND("file", "/etc/file", "\"nosuid\",\"mode=755\",\"size=1k\""),
                                  .inside = check_bind_with_data},
                  "ok");
}

int main(void)
{
#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        IN_BOX(binds),       IN_BOX(recursive_options), IN_BOX(locked_flags_are_kept),
        IN_BOX(links),       IN_BOX(wrong_sources),     IN_BOX(unsearchable_parent),
        IN_BOX(tmpcopyup),   IN_BOX(remounts),          IN_BOX(what_only_mount2_can),
        IN_BOX(idmap),       IN_BOX(shared_namespaces), IN_BOX(cgroup2),
        IN_BOX(mount_label), IN_BOX(bind_with_data),
    };
    const char *why = box_unavailable();

    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
