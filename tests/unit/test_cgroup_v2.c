/*
 * linux.resources as files of cgroup2: on a directory that looks like a cgroup, with every write noted. The
 * linker puts __wrap_v2_write where v2_write is called.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
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
#include "base/json.h"
#include "base/str.h"
#include "cgroup/convert.h"
#include "cgroup/v2_internal.h"
#include "cgroup/v2_walk.h"

#define SHOWN "/sys/fs/cgroup/box"

/* A cgroup with all controllers: file, content. */
static const char *const all_files[][2] = {
    {"cgroup.events", "populated 0\nfrozen 0\n"},
    {"cgroup.max.depth", "max\n"},
    {"cgroup.freeze", "0\n"},
    {"cpu.weight", "100\n"},
    {"cpu.idle", "0\n"},
    {"cpu.max", "max 100000\n"},
    {"cpu.max.burst", "0\n"},
    {"cpuset.cpus", "\n"},
    {"cpuset.mems", "\n"},
    {"memory.max", "max\n"},
    {"memory.low", "0\n"},
    {"memory.high", "max\n"},
    {"memory.swap.max", "max\n"},
    {"memory.current", "5000\n"},
    {"pids.max", "max\n"},
    {"io.weight", "default 100\n"},
    {"io.bfq.weight", "default 100\n"},
    {"io.max", ""},
    {"hugetlb.2MB.max", "max\n"},
    {"hugetlb.2MB.rsvd.max", "max\n"},
    {"hugetlb.1GB.max", "max\n"},
    {"rdma.max", ""},
    {"misc.max", ""},
};

static struct {
    char path[64];
    int fd;
    struct strbuf log;         /* "file=value " for each write */
    const char *refused;       /* the file whose writes fail */
    const char *refused_value; /* only this value; NULL: all */
} box;

int __real_v2_write(int dirfd, const char *shown, const char *file, const char *value, struct error *err);
int __wrap_v2_write(int dirfd, const char *shown, const char *file, const char *value, struct error *err);

int __wrap_v2_write(int dirfd, const char *shown, const char *file, const char *value, struct error *err)
{
    if (box.refused && strcmp(file, box.refused) == 0 &&
        (!box.refused_value || strcmp(value, box.refused_value) == 0))
        return error_sys(err, EINVAL, "write \"%s\" to \"%s/%s\"", value, shown, file);
    if (faccessat(dirfd, file, F_OK, 0) == 0) {
        /* A file of a cgroup has one value, not the tail of a longer one. */
        int fd = openat(dirfd, file, O_WRONLY | O_TRUNC | O_CLOEXEC);
        assert_true(fd >= 0);
        close(fd);
        strbuf_addf(&box.log, "%s%s=%s", box.log.len ? ", " : "", file,
                    strcmp(value, "\n") ? value : "EMPTY");
    }
    return __real_v2_write(dirfd, shown, file, value, err);
}

static void put_file(const char *name, const char *content)
{
    int fd = openat(box.fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
}

static int setup(void **state)
{
    (void)state;
    snprintf(box.path, sizeof box.path, "%s/bryo-cgroup-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(box.path));
    box.fd = open(box.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(box.fd >= 0);
    for (size_t i = 0; i < ARRAY_SIZE(all_files); i++)
        put_file(all_files[i][0], all_files[i][1]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(remove_content_at(box.fd, NULL), 0);
    close(box.fd);
    rmdir(box.path);
    strbuf_free(&box.log);
    box.refused = box.refused_value = NULL;
    return 0;
}

static struct oci_resources *parse(const char *text)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_cjson_ cJSON *json = NULL;
    struct oci_resources *resources = NULL;

    if (json_parse("test", text, strlen(text), &json, &err) < 0 ||
        oci_resources_parse(json, &resources, &err) < 0)
        fail_msg("%s: %s", text, error_text(&err));
    return resources;
}

static int apply(const char *text, unsigned which, struct error *err)
{
    _cleanup_resources_ struct oci_resources *resources = parse(text);

    strbuf_free(&box.log);
    strbuf_add(&box.log, "");
    return v2_resources_apply(box.fd, SHOWN, resources, which, err);
}

static void assert_file(const char *name, const char *content)
{
    _cleanup_free_ char *text = NULL;

    assert_int_equal(file_read_at(box.fd, name, 4096, &text, NULL, NULL), 0);
    text[strcspn(text, "\n")] = '\0';
    assert_string_equal(text, content);
}

static void test_every_resource(void **state)
{
    static const struct {
        const char *resources, *writes;
    } table[] = {
        {"{}", ""},
        {"{\"memory\":{\"limit\":1048576}}", "memory.max=1048576"},
        {"{\"memory\":{\"limit\":1000,\"swap\":1500,\"reservation\":500}}",
         "memory.max=1000, memory.swap.max=500, memory.low=500"},
        {"{\"memory\":{\"limit\":1000,\"swap\":1000}}", "memory.max=1000, memory.swap.max=0"},
        {"{\"memory\":{\"limit\":1000,\"swap\":-1}}", "memory.max=1000, memory.swap.max=max"},
        {"{\"memory\":{\"swap\":-1}}", "memory.swap.max=max"},
        {"{\"memory\":{\"limit\":-1}}", "memory.max=max, memory.swap.max=max"},
        {"{\"memory\":{\"limit\":0,\"swap\":0,\"reservation\":0,\"useHierarchy\":true}}", ""},
        {"{\"memory\":{\"limit\":5000,\"checkBeforeUpdate\":true}}", "memory.max=5000"},
        {"{\"cpu\":{\"shares\":1024}}", "cpu.weight=100"},
        {"{\"cpu\":{\"shares\":2}}", "cpu.weight=1"},
        {"{\"cpu\":{\"shares\":262144}}", "cpu.weight=10000"},
        {"{\"cpu\":{\"shares\":0}}", ""},
        {"{\"cpu\":{\"quota\":50000,\"period\":200000}}", "cpu.max=50000 200000"},
        {"{\"cpu\":{\"quota\":50000}}", "cpu.max=50000"},
        {"{\"cpu\":{\"quota\":-1}}", "cpu.max=max"},
        {"{\"cpu\":{\"period\":50000}}", "cpu.max=max 50000"},
        {"{\"cpu\":{\"quota\":50000,\"burst\":1000}}", "cpu.max.burst=1000, cpu.max=50000"},
        /* A weight of an idle cgroup can't be set, nor its idleness taken away behind it. */
        {"{\"cpu\":{\"shares\":1024,\"idle\":1}}", "cpu.weight=100, cpu.idle=1"},
        {"{\"cpu\":{\"shares\":1024,\"idle\":0}}", "cpu.idle=0, cpu.weight=100"},
        {"{\"cpu\":{\"cpus\":\"0-2,7\",\"mems\":\"0\"}}", "cpuset.cpus=0-2,7, cpuset.mems=0"},
        {"{\"pids\":{\"limit\":100}}", "pids.max=100"},
        {"{\"pids\":{\"limit\":-1}}", "pids.max=max"},
        {"{\"pids\":{\"limit\":0}}", "pids.max=1"},
        {"{\"blockIO\":{\"weight\":500}}", "io.bfq.weight=500, io.weight=4950"},
        {"{\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":16,\"weight\":10}]}}",
         "io.bfq.weight=8:16 10, io.weight=8:16 1"},
        {"{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":1000}],"
         "\"throttleWriteBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":2000}],"
         "\"throttleReadIOPSDevice\":[{\"major\":8,\"minor\":16,\"rate\":3}],"
         "\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":0,\"rate\":0},{\"major\":8,\"minor\":1}]}}",
         "io.max=8:0 rbps=1000, io.max=8:0 wbps=2000, io.max=8:16 riops=3, io.max=8:0 wiops=max"},
        {"{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4194304},{\"pageSize\":\"1GB\",\"limit\":0}]}",
         "hugetlb.2MB.max=4194304, hugetlb.2MB.rsvd.max=4194304, hugetlb.1GB.max=0"},
        {"{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":18446744073709551615}]}",
         "hugetlb.2MB.max=max, hugetlb.2MB.rsvd.max=max"},
        {"{\"rdma\":{\"mlx5_1\":{\"hcaHandles\":3,\"hcaObjects\":10000},\"mlx4\":{\"hcaObjects\":0},\"x\":{}}"
         "}",
         "rdma.max=mlx5_1 hca_handle=3 hca_object=10000, rdma.max=mlx4 hca_object=0"},
        /* After the rest, so it counts more; a line at a time. */
        {"{\"unified\":{\"memory.max\":\"77\",\"cgroup.max.depth\":\"3\",\"misc.max\":\"a 1\\nb 2\\n\"},"
         "\"memory\":{\"limit\":1000},\"pids\":{\"limit\":5}}",
         "memory.max=1000, pids.max=5, memory.max=77, cgroup.max.depth=3, misc.max=a 1, misc.max=b 2"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        teardown(state);
        setup(state);
        if (apply(table[i].resources, CGROUP_ALL & ~CGROUP_BIT(CGROUP_NET_CLS), &err) < 0)
            fail_msg("%s: %s", table[i].resources, error_text(&err));
        assert_string_equal(box.log.data, table[i].writes);
    }
}

/* Only what the controllers that there are can carry. */
static void test_which(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    static const char all[] =
        "{\"memory\":{\"limit\":1000},\"pids\":{\"limit\":5},\"cpu\":{\"shares\":1024},"
        "\"unified\":{\"memory.high\":\"9\",\"pids.max\":\"7\",\"cgroup.max.depth\":\"3\"}}";

    (void)state;
    assert_int_equal(apply(all, CGROUP_BIT(CGROUP_PIDS), &err), 0);
    assert_string_equal(box.log.data, "pids.max=5, pids.max=7, cgroup.max.depth=3");
    assert_int_equal(apply(all, CGROUP_BIT(CGROUP_MEMORY) | CGROUP_BIT(CGROUP_CPU), &err), 0);
    assert_string_equal(box.log.data, "cpu.weight=100, memory.max=1000, memory.high=9, cgroup.max.depth=3");
}

/* What an update leaves out is what the files have. */
static void test_left_out(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(apply("{\"memory\":{\"limit\":1000}}", CGROUP_ALL, &err), 0);
    assert_int_equal(apply("{\"memory\":{\"swap\":1500}}", CGROUP_ALL, &err), 0);
    assert_string_equal(box.log.data, "memory.swap.max=500");
    put_file("cpu.max", "40000 100000\n");
    assert_int_equal(apply("{\"cpu\":{\"period\":50000}}", CGROUP_ALL, &err), 0);
    assert_string_equal(box.log.data, "cpu.max=40000 50000");
    /* A burst above the old quota has to wait for the new one. */
    box.refused = "cpu.max.burst";
    box.refused_value = "60000";
    assert_int_equal(apply("{\"cpu\":{\"quota\":80000,\"burst\":60000}}", CGROUP_ALL, &err), -EINVAL);
    box.refused = NULL;
    assert_int_equal(apply("{\"cpu\":{\"quota\":80000,\"burst\":60000}}", CGROUP_ALL, &err), 0);
}

static void test_no_such_file(void **state)
{
    static const struct {
        const char *resources, *file;
    } table[] = {
        {"{\"memory\":{\"limit\":5}}", "memory.max"},
        {"{\"memory\":{\"reservation\":5}}", "memory.low"},
        {"{\"cpu\":{\"shares\":5}}", "cpu.weight"},
        {"{\"cpu\":{\"quota\":5000}}", "cpu.max"},
        {"{\"cpu\":{\"period\":5000}}", "cpu.max"},
        {"{\"cpu\":{\"burst\":5}}", "cpu.max.burst"},
        {"{\"cpu\":{\"idle\":1}}", "cpu.idle"},
        {"{\"cpu\":{\"cpus\":\"0\"}}", "cpuset.cpus"},
        {"{\"pids\":{\"limit\":5}}", "pids.max"},
        {"{\"blockIO\":{\"weight\":50}}", "io.weight"},
        {"{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":1}]}}", "io.max"},
        {"{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":1}]}", "hugetlb.2MB.max"},
        {"{\"rdma\":{\"m\":{\"hcaHandles\":1}}}", "rdma.max"},
        {"{\"unified\":{\"memory.high\":\"1\"}}", "memory.high"},
    };
    static const char nothing[] =
        "{\"memory\":{\"limit\":-1,\"swap\":-1},\"cpu\":{\"quota\":-1,\"burst\":0,\"idle\":0},"
        "\"pids\":{\"limit\":-1}}";

    (void)state;
    assert_int_equal(remove_content_at(box.fd, NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_free_ char *text = str_printf("the cgroup \"" SHOWN "\" has no \"%s\"", table[i].file);
        assert_int_equal(apply(table[i].resources, CGROUP_ALL, &err), -ENOENT);
        assert_string_equal(error_text(&err), text);
        assert_non_null(err.hint);
    }
    _cleanup_error_ struct error err = ERROR_INIT;
    assert_int_equal(apply(nothing, CGROUP_ALL, &err), 0);
    /* No swap to forbid is as good as forbidden swap. */
    put_file("memory.max", "max\n");
    assert_int_equal(apply("{\"memory\":{\"limit\":1000,\"swap\":1000}}", CGROUP_ALL, &err), 0);
    assert_int_equal(apply("{\"memory\":{\"limit\":1000,\"swap\":1001}}", CGROUP_ALL, &err), -ENOENT);
    assert_string_equal(error_text(&err), "the cgroup \"" SHOWN "\" has no \"memory.swap.max\"");
}

/* One weight is enough. */
static void test_weights(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    unlinkat(box.fd, "io.weight", 0);
    assert_int_equal(apply("{\"blockIO\":{\"weight\":50}}", CGROUP_ALL, &err), 0);
    assert_string_equal(box.log.data, "io.bfq.weight=50");
    put_file("io.weight", "default 100\n");
    unlinkat(box.fd, "io.bfq.weight", 0);
    assert_int_equal(apply("{\"blockIO\":{\"weight\":50}}", CGROUP_ALL, &err), 0);
    assert_string_equal(box.log.data, "io.weight=405");
}

/* A change of limits that hold is whole or none. */
static void test_undo(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    static const char change[] =
        "{\"cpu\":{\"shares\":512,\"cpus\":\"0\"},\"memory\":{\"limit\":1000,\"swap\":1500},"
        "\"pids\":{\"limit\":7},\"blockIO\":{\"weight\":20}}";

    (void)state;
    put_file("io.max", "8:0 rbps=1 wbps=2\n8:16 riops=3\n");
    box.refused = "io.bfq.weight";
    assert_int_equal(apply(change, CGROUP_ALL, &err), -EINVAL);
    assert_string_equal(error_text(&err),
                        "write \"20\" to \"" SHOWN "/io.bfq.weight\": invalid argument (EINVAL)");
    assert_file("cpu.weight", "100");
    assert_file("cpuset.cpus", "");
    assert_file("memory.max", "max");
    assert_file("memory.swap.max", "max");
    assert_file("pids.max", "max");
    assert_string_equal(
        box.log.data, "cpuset.cpus=0, cpu.weight=59, memory.max=1000, memory.swap.max=500, pids.max=7, "
                      "pids.max=max, memory.swap.max=max, memory.max=max, cpu.weight=100, cpuset.cpus=EMPTY");
    /* A file with lines gets them back one by one. */
    assert_int_equal(
        apply("{\"unified\":{\"io.max\":\"8:0 rbps=9\",\"io.bfq.weight\":\"1\"}}", CGROUP_ALL, &err),
        -EINVAL);
    assert_string_equal(box.log.data, "io.max=8:0 rbps=9, io.max=8:0 rbps=1 wbps=2, io.max=8:16 riops=3");
    /* A new cgroup goes as a whole instead. */
    assert_int_equal(apply(change, CGROUP_ALL & ~1U, &err), -EINVAL);
    assert_file("pids.max", "7");
}

static void test_refused_values(void **state)
{
    static const struct {
        const char *resources, *text;
        bool only_new; /* an update may be right with it */
    } table[] = {
        {"{\"unified\":{\"../x\":\"1\"}}",
         "unified: expected the name of a file such as \"memory.high\", found \"../x\"", false},
        {"{\"unified\":{\"..\":\"1\"}}",
         "unified: expected the name of a file such as \"memory.high\", found \"..\"", false},
        {"{\"unified\":{\"a/memory.max\":\"1\"}}",
         "unified: expected the name of a file such as \"memory.high\", found \"a/memory.max\"", false},
        {"{\"unified\":{\"memory\":\"1\"}}",
         "unified: expected a name that begins with a controller of cgroup v2 and a dot, such as "
         "\"memory.high\", found \"memory\"",
         false},
        {"{\"unified\":{\"mem.max\":\"1\"}}",
         "unified: expected a name that begins with a controller of cgroup v2 and a dot, such as "
         "\"memory.high\", found \"mem.max\"",
         false},
        {"{\"unified\":{\"net_cls.classid\":\"1\"}}",
         "unified: expected a name that begins with a controller of cgroup v2 and a dot, such as "
         "\"memory.high\", found \"net_cls.classid\"",
         false},
        {"{\"unified\":{\"cgroup.procs\":\"1\"}}",
         "unified: expected a file that holds a limit, found \"cgroup.procs\"", false},
        {"{\"unified\":{\"cgroup.subtree_control\":\"+cpu\"}}",
         "unified: expected a file that holds a limit, found \"cgroup.subtree_control\"", false},
        {"{\"blockIO\":{\"weight\":9}}", "blockIO.weight: expected 10 to 1000, found 9", false},
        {"{\"blockIO\":{\"weight\":1001}}", "blockIO.weight: expected 10 to 1000, found 1001", false},
        {"{\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":5}]}}",
         "blockIO.weightDevice[0].weight: expected 10 to 1000, found 5", false},
        {"{\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0,\"leafWeight\":50}]}}",
         "blockIO.weightDevice[0].leafWeight: cgroup v2 has nothing like it", false},
        {"{\"memory\":{\"swap\":500}}",
         "memory.swap: expected memory.limit beside it, since it counts memory and swap together, found no "
         "limit",
         true},
        {"{\"memory\":{\"limit\":1000,\"swap\":500}}",
         "memory.swap: expected at least memory.limit, 1000, since it counts memory and swap together, found "
         "500",
         true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        _cleanup_error_ struct error err = ERROR_INIT, update = ERROR_INIT;
        _cleanup_resources_ struct oci_resources *resources = parse(table[i].resources);
        _cleanup_free_ char *text = str_printf("linux.resources.%s", table[i].text);
        assert_true(v2_resources_check(resources, "linux.resources.", &err) < 0);
        assert_string_equal(error_text(&err), text);
        int r = v2_resources_check(resources, "", &update);
        assert_int_equal(r < 0, !table[i].only_new);
        if (r < 0)
            assert_string_equal(error_text(&update), table[i].text);
        else
            assert_true(apply(table[i].resources, CGROUP_ALL, &update) < 0);
        assert_string_equal(error_text(&update), table[i].text);
    }
    _cleanup_error_ struct error err = ERROR_INIT;
    assert_int_equal(apply("{\"memory\":{\"limit\":4999,\"checkBeforeUpdate\":true}}", CGROUP_ALL, &err),
                     -EBUSY);
    assert_string_equal(error_text(&err),
                        "memory.limit: expected at least what \"" SHOWN
                        "\" uses, 5000 bytes, since memory.checkBeforeUpdate is set, found 4999");
}

/* Knobs of v1, in an update and for a new container, where `try` drops them. */
static void test_v1_knobs(void **state)
{
    static const struct {
        const char *resources, *path;
    } table[] = {
        {"{\"memory\":{\"kernel\":5}}", "memory.kernel"},
        {"{\"memory\":{\"kernelTCP\":5}}", "memory.kernelTCP"},
        {"{\"memory\":{\"swappiness\":0}}", "memory.swappiness"},
        {"{\"memory\":{\"disableOOMKiller\":true}}", "memory.disableOOMKiller"},
        {"{\"cpu\":{\"realtimeRuntime\":5}}", "cpu.realtimeRuntime"},
        {"{\"cpu\":{\"realtimePeriod\":5}}", "cpu.realtimePeriod"},
        {"{\"blockIO\":{\"leafWeight\":50}}", "blockIO.leafWeight"},
        {"{\"network\":{\"classID\":5}}", "network.classID"},
        {"{\"network\":{\"priorities\":[{\"name\":\"eth0\",\"priority\":1}]}}", "network.priorities"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        _cleanup_error_ struct error err = ERROR_INIT, create = ERROR_INIT, why = ERROR_INIT;
        _cleanup_resources_ struct oci_resources *resources = parse(table[i].resources);
        _cleanup_free_ char *text = str_printf("%s: cgroup v2 has nothing like it", table[i].path);
        _cleanup_free_ char *whole = str_printf("linux.resources.%s", text);
        struct cgroup_request req = {.id = "x", .resources = resources};
        unsigned which;
        assert_int_equal(v2_resources_check(resources, "", &err), -ENOTSUP);
        assert_string_equal(error_text(&err), text);
        assert_int_equal(limits_controllers(resources, true), 0);
        assert_int_equal(limits_settle(&req, CGROUP_ALL, true, &why, &which, &create), -ENOTSUP);
        assert_string_equal(error_text(&create), whole);
        req.limits = LIMITS_TRY;
        assert_int_equal(limits_settle(&req, CGROUP_ALL, true, &why, &which, &create), 0);
    }
}

static int note_limit(void *data, const struct limit *limit)
{
    strbuf_addf(data, "%s:%s ", limit->path, controller_name(limit->controller));
    return 0;
}

static void test_limits(void **state)
{
    _cleanup_strbuf_ struct strbuf seen = {0};
    _cleanup_resources_ struct oci_resources *resources = parse(
        "{\"memory\":{\"limit\":1,\"reservation\":-1,\"swap\":0,\"swappiness\":0,\"disableOOMKiller\":false},"
        "\"cpu\":{\"shares\":1,\"quota\":-1,\"period\":18446744073709551615,\"cpus\":\"0\",\"mems\":\"\","
        "\"idle\":0},"
        "\"pids\":{\"limit\":0},\"blockIO\":{\"weight\":0,\"throttleReadBpsDevice\":[]},"
        "\"network\":{\"classID\":1},\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":0}],"
        "\"unified\":{\"memory.high\":\"5\",\"cgroup.max.depth\":\"1\"}}");

    (void)state;
    assert_int_equal(limits_each(resources, note_limit, &seen), 0);
    assert_string_equal(seen.data,
                        "memory.limit:memory memory.swappiness:memory cpu.shares:cpu cpu.cpus:cpuset "
                        "pids.limit:pids network.classID:net_cls hugepageLimits:hugetlb "
                        "unified[\"memory.high\"]:memory unified[\"cgroup.max.depth\"]:cgroup ");
    assert_int_equal(limits_each(NULL, note_limit, &seen), 0);
    assert_int_equal(controllers_parse("cpuset cpu io memory hugetlb pids rdma misc dmem\n"),
                     CGROUP_BIT(CGROUP_CPUSET) | CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_IO) |
                         CGROUP_BIT(CGROUP_MEMORY) | CGROUP_BIT(CGROUP_HUGETLB) | CGROUP_BIT(CGROUP_PIDS) |
                         CGROUP_BIT(CGROUP_RDMA) | CGROUP_BIT(CGROUP_MISC));
    assert_int_equal(controllers_parse("\n"), 0);
    assert_int_equal(controller_of_file("memory.max"), CGROUP_MEMORY);
    assert_int_equal(controller_of_file("cpuset.cpus"), CGROUP_CPUSET);
    assert_int_equal(controller_of_file("memory"), -1);
    assert_int_equal(controller_of_file("x.y"), -1);
}

/* By the formula, with libm. */
static void test_shares(void **state)
{
    static const struct {
        uint64_t shares, weight;
    } known[] = {{0, 1}, {1, 1}, {2, 1}, {1024, 100}, {262144, 10000}, {500000, 10000}, {UINT64_MAX, 10000}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        assert_int_equal(convert_shares(known[i].shares), known[i].weight);
    for (uint64_t shares = 3; shares < 262144; shares++) {
        double l = log2((double)shares);
        double weight = ceil(pow(10, (l * l + 125 * l) / 612 - 7.0 / 34));
        if (shares != 1024 && convert_shares(shares) != (uint64_t)weight)
            fail_msg("%u shares: found %u, expected %g", (unsigned)shares, (unsigned)convert_shares(shares),
                     weight);
    }
}

static void test_conversions(void **state)
{
    char buf[CONVERT_CPU_MAX], number[CONVERT_NUMBER];
    int64_t swap = 7;

    (void)state;
    assert_int_equal(convert_io_weight(0), 1);
    assert_int_equal(convert_io_weight(10), 1);
    assert_int_equal(convert_io_weight(100), 910);
    assert_int_equal(convert_io_weight(1000), 10000);
    assert_int_equal(convert_io_weight(65535), 10000);
    assert_string_equal(convert_cpu_max(buf, INT64_MAX, UINT64_MAX),
                        "9223372036854775807 18446744073709551615");
    assert_string_equal(convert_cpu_max(buf, 0, 100000), "max 100000");
    assert_string_equal(convert_cpu_max(buf, 5, 0), "5");
    assert_string_equal(convert_limit(number, -1), "max");
    assert_string_equal(convert_limit(number, 0), "0");
    assert_int_equal(convert_swap(-1, -1, &swap), 0);
    assert_int_equal(swap, -1);
    assert_int_equal(convert_swap(INT64_MAX, 1, &swap), 0);
    assert_true(swap == INT64_MAX - 1);
    assert_int_equal(convert_swap(5, -1, &swap), -ENODATA);
    assert_int_equal(convert_swap(5, 6, &swap), -ERANGE);
}

static void test_stats(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_cjson_ cJSON *json = NULL;
    _cleanup_free_ char *text = NULL;
    static const char *const files[][2] = {
        {"cpu.stat",
         "usage_usec 10\nuser_usec 7\nsystem_usec 3\nnr_periods 4\nnr_throttled 2\nthrottled_usec "
         "5\nnr_bursts 1\nburst_usec 6\n"},
        {"cpu.pressure", "some avg10=0.10 avg60=0.00 avg300=2.00 total=77\nfull avg10=0.00 avg60=0.00 "
                         "avg300=0.00 total=18446744073709551615\n"},
        {"cpuset.cpus.effective", "0-2,7\n"},
        {"cpuset.mems.effective", "0\n"},
        {"memory.stat", "anon 1\nfile 2\nkernel 3\nsock 4\n"},
        {"memory.max", "1000\n"},
        {"memory.current", "500\n"},
        {"memory.peak", "600\n"},
        {"memory.swap.max", "100\n"},
        {"memory.swap.current", "10\n"},
        {"memory.events", "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\n"},
        {"memory.pressure", ""},
        {"pids.current", "3\n"},
        {"io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\nwhat is this\n"},
        {"hugetlb.2MB.current", "2097152\n"},
        {"hugetlb.2MB.events", "max 5\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        put_file(files[i][0], files[i][1]);
    assert_int_equal(v2_stats(box.fd, SHOWN, &json, &err), 0);
    text = json_print(json, false);
    assert_string_equal(
        text,
        "{\"cpu\":{\"usage\":{\"total\":10000,\"kernel\":3000,\"user\":7000},\"throttling\":{\"periods\":4,"
        "\"throttledPeriods\":2,\"throttledTime\":5000},\"burst\":{\"burstsPeriods\":1,\"burstTime\":6000},"
        "\"psi\":{\"some\":{\"avg10\":0.10,\"avg60\":0.00,\"avg300\":2.00,\"total\":77},\"full\":{\"avg10\":"
        "0.00,"
        "\"avg60\":0.00,\"avg300\":0.00,\"total\":18446744073709551615}}},"
        "\"cpuset\":{\"cpus\":[0,1,2,7],\"mems\":[0]},"
        "\"memory\":{\"cache\":2,\"usage\":{\"limit\":1000,\"usage\":500,\"max\":600,\"failcnt\":9},"
        "\"swap\":{\"limit\":1100,\"usage\":510,\"max\":0,\"failcnt\":0},"
        "\"kernel\":{\"limit\":0,\"usage\":3,\"max\":0,\"failcnt\":0},"
        "\"kernelTCP\":{\"limit\":0,\"usage\":4,\"max\":0,\"failcnt\":0},"
        "\"raw\":{\"anon\":1,\"file\":2,\"kernel\":3,\"sock\":4}},"
        "\"pids\":{\"current\":3,\"limit\":0},"
        "\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"minor\":0,\"op\":\"Read\",\"value\":1},{"
        "\"major\":8,"
        "\"minor\":0,\"op\":\"Write\",\"value\":2},{\"major\":8,\"minor\":0,\"op\":\"Discard\",\"value\":0}],"
        "\"ioServicedRecursive\":[{\"major\":8,\"minor\":0,\"op\":\"Read\",\"value\":3},{\"major\":8,"
        "\"minor\":0,"
        "\"op\":\"Write\",\"value\":4},{\"major\":8,\"minor\":0,\"op\":\"Discard\",\"value\":0}]},"
        "\"hugetlb\":{\"2MB\":{\"usage\":2097152,\"failcnt\":5}},\"intel_rdt\":{},\"network_interfaces\":[]}"
        "\n");
    assert_int_equal(v2_oom_count(box.fd, -1), 1);

    /* Without controllers there are zeros, without a cgroup an error. */
    assert_int_equal(remove_content_at(box.fd, NULL), 0);
    put_file("cgroup.events", "populated 0\n");
    cJSON_Delete(TAKE_PTR(json));
    assert_int_equal(v2_stats(box.fd, SHOWN, &json, &err), 0);
    assert_int_equal(v2_oom_count(box.fd, -1), 0);
    unlinkat(box.fd, "cgroup.events", 0);
    cJSON_Delete(TAKE_PTR(json));
    assert_int_equal(v2_stats(box.fd, SHOWN, &json, &err), -ENOENT);
    assert_string_equal(error_text(&err), "the cgroup \"" SHOWN "\" has no \"cgroup.events\"");
}

static int count_one(void *data, pid_t pid)
{
    *(int *)data += pid;
    return pid == 99 ? 5 : 0;
}

/* A tree that a container made deeper than any recursion should follow. */
static void test_deep_tree(void **state)
{
    enum { DEPTH = 1500 };
    _cleanup_error_ struct error err = ERROR_INIT;
    int fd = dup(box.fd), sum = 0;

    (void)state;
    put_file("cgroup.procs", "1\n2\n0\n");
    for (int i = 0; i < DEPTH; i++) {
        assert_int_equal(mkdirat(fd, "d", 0755), 0);
        assert_int_equal(mkdirat(fd, "e", 0755), 0);
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = next;
    }
    int procs = openat(fd, "cgroup.procs", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(write(procs, "10\n", 3), 3);
    close(procs);
    close(fd);
    assert_int_equal(v2_processes(box.fd, SHOWN, count_one, &sum, &err), 0);
    assert_int_equal(sum, 13);
    put_file("cgroup.procs", "99\n5\n");
    assert_int_equal(v2_processes(box.fd, SHOWN, count_one, &sum, &err), 5);
}

static void test_paths(void **state)
{
    static const struct {
        const char *path, *text;
    } bad[] = {
        {"..", "x: expected a path without \"..\", found \"..\""},
        {"/a/../b", "x: expected a path without \"..\", found \"/a/../b\""},
        {"a/..", "x: expected a path without \"..\", found \"a/..\""},
        {"a\nb", "x: expected a path, found a line break in \"a\\nb\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        assert_int_equal(v2_check_path(bad[i].path, "x", &err), -EINVAL);
        assert_string_equal(error_text(&err), bad[i].text);
    }
    assert_int_equal(v2_check_path("/a/..b/...//./c..", "x", NULL), 0);
    _cleanup_free_ char *longest = malloc(257);
    memset(longest, 'a', 256);
    longest[256] = '\0';
    assert_int_equal(v2_check_path(longest, "x", NULL), -ENAMETOOLONG);
    longest[255] = '\0';
    assert_int_equal(v2_check_path(longest, "x", NULL), 0);
    assert_true(v2_is_same_place("/") && v2_is_same_place(".") && v2_is_same_place("././/"));
    assert_false(v2_is_same_place("a") || v2_is_same_place("./a") || v2_is_same_place("..."));
}

#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOX(test_every_resource),
        IN_BOX(test_which),
        IN_BOX(test_left_out),
        IN_BOX(test_no_such_file),
        IN_BOX(test_weights),
        IN_BOX(test_undo),
        IN_BOX(test_refused_values),
        IN_BOX(test_v1_knobs),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_conversions),
        IN_BOX(test_stats),
        IN_BOX(test_deep_tree),
        cmocka_unit_test(test_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
