/*
 * Cgroup v1: which hierarchies there are and where a container goes in them, from texts of many kinds of
 * machines; and a change of limits against a kernel of the test's own, which checks values against each
 * other.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "cgroup/v1.h"
#include "cgroup/v1_settings.h"

/* --- places --- */

static char top[64];

static int make_top(void **state)
{
    (void)state;
    strcpy(top, "/tmp/bryo-test-v1-XXXXXX");
    return mkdtemp(top) ? 0 : -1;
}

static int remove_top(void **state)
{
    (void)state;
    _cleanup_close_ int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return remove_tree_at(tmp, top + strlen("/tmp/"), NULL);
}

static void write_file(const char *name, const char *text, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s", top, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    fclose(f);
}

/* @mounts: lines of "ROOT TARGET TYPE SUPER". */
static int find(struct v1_tree *tree, const char *mounts, const char *own, struct error *err)
{
    char mountinfo[PATH_MAX], cgroup[PATH_MAX];
    _cleanup_strbuf_ struct strbuf text = {0};
    _cleanup_free_ char *copy = strdup(mounts);
    char *save = NULL;

    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char root[128], target[128], type[16], super[64];
        assert_int_equal(sscanf(line, "%127s %127s %15s %63s", root, target, type, super), 4);
        strbuf_addf(&text, "30 25 0:26 %s %s rw,nosuid shared:9 - %s cgroup %s\n", root, target, type, super);
    }
    strbuf_add(&text, "");
    write_file("mountinfo", text.data ? text.data : "", mountinfo);
    write_file("cgroup", own, cgroup);
    return v1_find(tree, mountinfo, cgroup, err);
}

/* "CONTROLLERS=DIR" of all, separated by blanks. */
static void expect(const struct v1_tree *tree, const char *text)
{
    _cleanup_strbuf_ struct strbuf all = {0};

    for (size_t i = 0; i < tree->count; i++)
        strbuf_addf(&all, "%s%s=%s", i ? " " : "", tree->items[i].controllers, tree->items[i].dir);
    assert_string_equal(all.data, text);
}

/* A machine with systemd and all controllers in the usual pairs, from a login of root. */
#define SYSTEMD_MOUNTS                                               \
    "/ /sys/fs/cgroup/unified cgroup2 rw,nsdelegate\n"               \
    "/ /sys/fs/cgroup/systemd cgroup rw,xattr,name=systemd\n"        \
    "/ /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct\n"           \
    "/ /sys/fs/cgroup/memory cgroup rw,memory\n"                     \
    "/ /sys/fs/cgroup/cpuset cgroup rw,cpuset\n"                     \
    "/ /sys/fs/cgroup/net_cls,net_prio cgroup rw,net_cls,net_prio\n" \
    "/ /sys/fs/cgroup/freezer cgroup rw,freezer\n"                   \
    "/ /sys/fs/cgroup/blkio cgroup rw,blkio\n"                       \
    "/ / ext4 rw\n"
#define SYSTEMD_OWN                                             \
    "8:net_cls,net_prio:/\n"                                    \
    "7:blkio:/user.slice\n"                                     \
    "6:freezer:/\n"                                             \
    "5:cpuset:/\n"                                              \
    "4:memory:/user.slice/user-0.slice/session-1.scope\n"       \
    "3:cpu,cpuacct:/user.slice\n"                               \
    "2:rdma:/\n"                                                \
    "1:name=systemd:/user.slice/user-0.slice/session-1.scope\n" \
    "0::/user.slice/user-0.slice/session-1.scope\n"

static void test_systemd(void **state)
{
    _cleanup_v1_ struct v1_tree tree = {.count = 0};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(find(&tree, SYSTEMD_MOUNTS, SYSTEMD_OWN, &err), 0);
    /* rdma is not mounted. */
    expect(&tree, "net_cls,net_prio=/sys/fs/cgroup/net_cls,net_prio blkio=/sys/fs/cgroup/blkio/user.slice "
                  "freezer=/sys/fs/cgroup/freezer cpuset=/sys/fs/cgroup/cpuset "
                  "memory=/sys/fs/cgroup/memory/user.slice/user-0.slice/session-1.scope "
                  "cpu,cpuacct=/sys/fs/cgroup/cpu,cpuacct/user.slice "
                  "name=systemd=/sys/fs/cgroup/systemd/user.slice/user-0.slice/session-1.scope "
                  "=/sys/fs/cgroup/unified/user.slice/user-0.slice/session-1.scope");
    assert_string_equal(v1_with(&tree, CGROUP_CPU)->controllers, "cpu,cpuacct");
    assert_ptr_equal(v1_with(&tree, CGROUP_CPU), v1_with(&tree, V1_CPUACCT));
    assert_ptr_equal(v1_with(&tree, CGROUP_NET_CLS), v1_with(&tree, CGROUP_NET_PRIO));
    assert_string_equal(v1_with(&tree, CGROUP_IO)->controllers, "blkio");
    assert_null(v1_with(&tree, CGROUP_RDMA));
    assert_null(v1_with(&tree, V1_DEVICES));
    assert_string_equal(v1_main(&tree)->controllers, "freezer");
    assert_true(v1_is_cgroup2(&tree.items[7]));
    assert_string_equal(v1_controller_name(CGROUP_IO), "blkio");
    assert_string_equal(v1_controller_name(CGROUP_PIDS), "pids");
}

static void test_places(void **state)
{
    static const struct {
        const char *path, *freezer, *cpu;
    } places[] = {
        {"/a/b", "/sys/fs/cgroup/freezer/a/b", "/sys/fs/cgroup/cpu,cpuacct/a/b"},
        {"//a/./b/", "/sys/fs/cgroup/freezer/a/b", "/sys/fs/cgroup/cpu,cpuacct/a/b"},
        {"a/b", "/sys/fs/cgroup/freezer/a/b", "/sys/fs/cgroup/cpu,cpuacct/user.slice/a/b"},
        {"./a..b", "/sys/fs/cgroup/freezer/a..b", "/sys/fs/cgroup/cpu,cpuacct/user.slice/a..b"},
        {NULL, "/sys/fs/cgroup/freezer/bryo-no such id", "/sys/fs/cgroup/cpu,cpuacct/bryo-no such id"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        _cleanup_v1_ struct v1_tree tree = {.count = 0}, again = {.count = 0};
        _cleanup_free_ char *text = NULL, *text2 = NULL;
        assert_int_equal(find(&tree, SYSTEMD_MOUNTS, SYSTEMD_OWN, NULL), 0);
        assert_int_equal(v1_place(&tree, places[i].path, "no such id", NULL), 0);
        assert_string_equal(v1_with(&tree, V1_FREEZER)->dir, places[i].freezer);
        assert_string_equal(v1_with(&tree, CGROUP_CPU)->dir, places[i].cpu);
        assert_int_equal(v1_encode(&tree, &text, NULL), 0);
        assert_int_equal(v1_decode(&again, text, NULL), 0);
        assert_int_equal(again.count, tree.count);
        for (size_t k = 0; k < tree.count; k++) {
            assert_string_equal(again.items[k].controllers, tree.items[k].controllers);
            assert_string_equal(again.items[k].dir, tree.items[k].dir);
            assert_int_equal(again.items[k].set, tree.items[k].set);
            assert_int_equal(again.items[k].top, tree.items[k].top);
        }
        assert_int_equal(v1_encode(&again, &text2, NULL), 0);
        assert_string_equal(text, text2);
    }
}

static void test_bad_places(void **state)
{
    static const struct {
        const char *path, *id, *text;
    } places[] = {
        {"/../a", "x", "linux.cgroupsPath: expected a path without \"..\", found \"/../a\""},
        {"a/..", "x", "linux.cgroupsPath: expected a path without \"..\", found \"a/..\""},
        {"/", "x", "linux.cgroupsPath: expected a cgroup of the container's own, found \"/\""},
        {"", "x", "linux.cgroupsPath: expected a cgroup of the container's own, found \"\""},
        {"./.", "x", "linux.cgroupsPath: expected a cgroup of the container's own, found \"./.\""},
        {"a\nb", "x", "linux.cgroupsPath: expected a path, found a line break in \"a\\nb\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        _cleanup_v1_ struct v1_tree tree = {.count = 0};
        _cleanup_error_ struct error err = ERROR_INIT;
        assert_int_equal(find(&tree, SYSTEMD_MOUNTS, SYSTEMD_OWN, NULL), 0);
        assert_int_equal(v1_place(&tree, places[i].path, places[i].id, &err), -EINVAL);
        assert_string_equal(error_text(&err), places[i].text);
    }
}

static void test_bad_states(void **state)
{
    static const char *const texts[] = {
        "", "freezer", "freezer:", "freezer:/a/b", "freezer:a//b", ":/a//b\n", "x:/a//b\ny\nz:/c//d"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_v1_ struct v1_tree tree = {.count = 0};
        _cleanup_error_ struct error err = ERROR_INIT;
        assert_int_equal(v1_decode(&tree, texts[i], &err), -EINVAL);
        assert_int_equal(tree.count, 0);
        assert_true(str_starts(error_text(&err),
                               "the cgroups in the state: expected CONTROLLERS:MOUNT//PATH, found \""));
    }
}

/* In a container without a cgroup namespace what is mounted is its own cgroup, whose path counts from the
 * host's root; in one with it both count from its own. */
static void test_in_a_container(void **state)
{
    _cleanup_v1_ struct v1_tree outside = {.count = 0}, inside = {.count = 0}, lost = {.count = 0};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(find(&outside,
                          "/docker/0123 /sys/fs/cgroup/memory cgroup rw,memory\n"
                          "/docker/0123 /sys/fs/cgroup/freezer cgroup rw,freezer\n"
                          "/docker/4567 /sys/fs/cgroup/pids cgroup rw,pids\n",
                          "3:pids:/docker/0123\n2:memory:/docker/0123/inner\n1:freezer:/docker/0123\n", &err),
                     0);
    expect(&outside, "memory=/sys/fs/cgroup/memory/inner freezer=/sys/fs/cgroup/freezer");
    assert_int_equal(v1_place(&outside, "/a", "x", &err), 0);
    expect(&outside, "memory=/sys/fs/cgroup/memory/a freezer=/sys/fs/cgroup/freezer/a");
    assert_int_equal(
        find(&inside,
             "/ /sys/fs/cgroup/memory cgroup rw,memory\n/../.. /sys/fs/cgroup/pids cgroup rw,pids\n"
             "/ /sys/fs/cgroup/freezer cgroup rw,freezer\n",
             "3:pids:/\n2:memory:/inner\n1:freezer:/../other\n", &err),
        0);
    expect(&inside, "memory=/sys/fs/cgroup/memory/inner");
    assert_int_equal(find(&lost,
                          "/x /sys/fs/cgroup/memory cgroup rw,memory\n/ /sys/fs/cgroup/unified cgroup2 rw\n",
                          "2:memory:/y\n0::/\n", &err),
                     -ENOTSUP);
    assert_string_equal(error_text(&err),
                        "no hierarchy of cgroup v1 is mounted where the own cgroup can be seen");
}

/* The usual place counts more than one that somebody mounted besides; a name is not a controller. */
static void test_which_mount(void **state)
{
    _cleanup_v1_ struct v1_tree tree = {.count = 0};

    (void)state;
    assert_int_equal(
        find(&tree,
             "/ /mnt/memory cgroup rw,memory\n/ /sys/fs/cgroup/memory cgroup rw,memory\n"
             "/ /later/memory cgroup rw,memory\n/ /mnt/pids cgroup rw,pids\n"
             "/ /sys/fs/cgroup/cpuset cgroup rw,noprefix,cpuset\n/ /mnt/named cgroup rw,name=pids\n",
             "4:name=pids:/n\n3:cpu:/\n2:pids:/a\n1:memory:/b\n", NULL),
        0);
    expect(&tree, "name=pids=/mnt/named/n pids=/mnt/pids/a memory=/sys/fs/cgroup/memory/b");
    assert_int_equal(tree.items[0].set, 0);
}

/* --- a change of limits --- */

/* The kernel of the test: files with numbers, of which some may not be above others. */
static struct {
    const char *name, *at_most;
    long value;
} files[] = {
    {"memory.limit_in_bytes", "memory.memsw.limit_in_bytes", 0},
    {"memory.memsw.limit_in_bytes", NULL, 0},
    {"memory.soft_limit_in_bytes", NULL, 0},
    {"cpu.cfs_quota_us", NULL, 0},
    {"cpu.cfs_burst_us", "cpu.cfs_quota_us", 0},
    {"cpu.shares", NULL, 0},
    {"cpu.idle", NULL, 0},
};

static long *file_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        if (strcmp(files[i].name, name) == 0)
            return &files[i].value;
    return NULL;
}

int __wrap_v1_write(const char *dir, const char *file, const char *value, struct error *err);
int __wrap_v1_write(const char *dir, const char *file, const char *value, struct error *err)
{
    long *here = file_of(file), old;

    if (!here)
        return error_set(err, ENOTSUP, "no such file");
    if (strcmp(value, "1000") == 0) /* what the test takes for refused by the device or the like */
        return error_sys(err, EBUSY, "write \"%s\" to \"%s/%s\"", value, dir, file);
    if (strcmp(file, "cpu.shares") == 0 && *file_of("cpu.idle"))
        return error_sys(err, EINVAL, "write \"%s\" to \"%s/%s\"", value, dir, file);
    old = *here;
    *here = strtol(value, NULL, 10);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        if (files[i].at_most && files[i].value > *file_of(files[i].at_most)) {
            *here = old;
            return error_sys(err, EINVAL, "write \"%s\" to \"%s/%s\"", value, dir, file);
        }
    return 0;
}

int __wrap_v1_read(const char *dir, const char *file, char **text, struct error *err);
int __wrap_v1_read(const char *dir, const char *file, char **text, struct error *err)
{
    long *here = file_of(file);

    (void)dir;
    if (!here)
        return error_set(err, ENOTSUP, "no such file");
    *text = str_printf("%ld\n", *here);
    return *text ? 0 : error_oom(err);
}

static struct v1_tree limits_tree = {.items = {{.controllers = (char *)"memory",
                                                .set = CGROUP_BIT(CGROUP_MEMORY) | CGROUP_BIT(CGROUP_CPU),
                                                .dir = (char *)"/c"}},
                                     .count = 1};

/* @values: FILE=VALUE, in the order in which they are to be set. Returns what v1_settings_apply does. */
static int change(const char *const *values, size_t count, bool undoes, struct error *err)
{
    _cleanup_v1_settings_ struct v1_settings s = {
        .tree = &limits_tree, .prefix = undoes ? "" : "linux.resources.", .undoes = undoes};

    for (size_t i = 0; i < count; i++) {
        char file[64];
        int len = (int)strcspn(values[i], "=");
        snprintf(file, sizeof file, "%.*s", len, values[i]);
        v1_set(&s, CGROUP_MEMORY, file, file, strcmp(values[i] + len, "=-1") == 0, "%s", values[i] + len + 1);
    }
    return v1_settings_apply(&s, err);
}

static void test_order(void **state)
{
    static const char *const up[] = {"memory.limit_in_bytes=200", "memory.memsw.limit_in_bytes=300"};
    static const char *const down[] = {"memory.memsw.limit_in_bytes=20", "memory.limit_in_bytes=10"};
    static const char *const quota[] = {"cpu.cfs_burst_us=50", "cpu.cfs_quota_us=60"};
    static const char *const less[] = {"cpu.cfs_quota_us=6", "cpu.cfs_burst_us=5"};
    static const char *const idle[] = {"cpu.shares=7", "cpu.idle=1"}, *const busy[] = {"cpu.shares=8",
                                                                                       "cpu.idle=0"};

    (void)state;
    assert_int_equal(change(up, 2, false, NULL), 0);
    assert_int_equal(*file_of("memory.limit_in_bytes"), 200);
    assert_int_equal(change(down, 2, false, NULL), 0);
    assert_int_equal(*file_of("memory.memsw.limit_in_bytes"), 20);
    assert_int_equal(*file_of("memory.limit_in_bytes"), 10);
    assert_int_equal(change(quota, 2, false, NULL), 0);
    assert_int_equal(change(less, 2, false, NULL), 0);
    assert_int_equal(*file_of("cpu.cfs_quota_us"), 6);
    assert_int_equal(change(idle, 2, false, NULL), 0);
    assert_int_equal(change(busy, 2, false, NULL), 0);
    assert_int_equal(*file_of("cpu.shares"), 8);
}

static void test_refused(void **state)
{
    static const char *const both[] = {"memory.soft_limit_in_bytes=5", "memory.limit_in_bytes=999"};
    static const char *const busy[] = {"memory.memsw.limit_in_bytes=500", "memory.limit_in_bytes=400",
                                       "memory.soft_limit_in_bytes=1000"};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    *file_of("memory.memsw.limit_in_bytes") = 20;
    *file_of("memory.limit_in_bytes") = 10;
    *file_of("memory.soft_limit_in_bytes") = 3;
    assert_int_equal(change(both, 2, true, &err), -EINVAL);
    assert_string_equal(error_text(&err),
                        "memory.limit_in_bytes: write \"999\" to \"/c/memory.limit_in_bytes\": "
                        "invalid argument (EINVAL)");
    assert_string_equal(err.hint,
                        "memory.swap counts memory and swap together, and must be at least memory.limit");
    assert_int_equal(*file_of("memory.soft_limit_in_bytes"), 3);
    /* Back in the order that the kernel takes. */
    assert_int_equal(change(busy, 3, true, &err), -EBUSY);
    assert_string_equal(err.hint, "more than that is in use, and the kernel could not free it");
    assert_int_equal(*file_of("memory.memsw.limit_in_bytes"), 20);
    assert_int_equal(*file_of("memory.limit_in_bytes"), 10);
    /* A new container has nothing to be put back. */
    assert_int_equal(change(busy, 3, false, &err), -EBUSY);
    assert_true(str_starts(error_text(&err), "linux.resources.memory.soft_limit_in_bytes: write"));
    assert_int_equal(*file_of("memory.limit_in_bytes"), 400);
}

static void test_missing_file(void **state)
{
    static const char *const none[] = {"memory.kmem.limit_in_bytes=-1", "memory.soft_limit_in_bytes=4"};
    static const char *const some[] = {"memory.kmem.limit_in_bytes=1"};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(change(none, 2, false, &err), 0);
    assert_int_equal(*file_of("memory.soft_limit_in_bytes"), 4);
    assert_int_equal(change(some, 1, false, &err), -ENOTSUP);
    assert_string_equal(error_text(&err), "linux.resources.memory.kmem.limit_in_bytes: this kernel has no "
                                          "\"memory.kmem.limit_in_bytes\" in cgroup v1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_systemd),        cmocka_unit_test(test_places),
        cmocka_unit_test(test_bad_places),     cmocka_unit_test(test_bad_states),
        cmocka_unit_test(test_in_a_container), cmocka_unit_test(test_which_mount),
        cmocka_unit_test(test_order),          cmocka_unit_test(test_refused),
        cmocka_unit_test(test_missing_file),
    };
    return cmocka_run_group_tests(tests, make_top, remove_top);
}
