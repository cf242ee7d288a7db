/*
 * Classes of Intel RDT, in a directory that plays resctrl: mkdir(2) in it makes the files of a class as the
 * kernel does, rmdir(2) takes them away, and a write goes to a fifo where it is seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "resctrl/resctrl.h"

static char root[] = "/tmp/bryo-resctrl-XXXXXX";
static char mounts[64]; /* the mountinfo */

/* The ends of the fifos that we hold. */
static struct {
    char *path;
    int fd;
} fifos[16];
static size_t n_fifos;

static int mkdir_fails; /* errno */
static char removed[512];

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_rmdir(const char *path);

static void make_fifo(const char *dir, const char *name)
{
    char *path = str_printf("%s/%s", dir, name);

    assert_true(path && n_fifos < ARRAY_SIZE(fifos));
    assert_int_equal(mkfifo(path, 0600), 0);
    fifos[n_fifos].path = path;
    fifos[n_fifos].fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    assert_true(fifos[n_fifos++].fd >= 0);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    if (mkdir_fails) {
        errno = mkdir_fails;
        return -1;
    }
    if (__real_mkdir(path, mode) < 0)
        return -1;
    make_fifo(path, "tasks");
    if (!strstr(path, "/mon_groups/")) {
        _cleanup_free_ char *groups = str_printf("%s/mon_groups", path);
        make_fifo(path, "schemata");
        assert_int_equal(__real_mkdir(groups, 0755), 0);
    }
    return 0;
}

int __wrap_rmdir(const char *path)
{
    _cleanup_free_ char *parent = strdup(path);
    char *slash = strrchr(parent, '/');

    if (access(path, F_OK) < 0)
        return -1;
    strcat(strcat(removed, path + strlen(root)), " ");
    *slash = '\0';
    _cleanup_close_ int dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(remove_tree_at(dir, slash + 1, NULL), 0);
    return 0;
}

/* All that was written to the file of the class @name so far. Static storage. */
static const char *written(const char *name)
{
    _cleanup_free_ char *path = str_printf("%s/%s", root, name);
    static char buf[512];

    for (size_t i = 0; i < n_fifos; i++)
        if (strcmp(fifos[i].path, path) == 0) {
            ssize_t n = read(fifos[i].fd, buf, sizeof buf - 1);
            buf[n < 0 ? 0 : n] = '\0';
            return buf;
        }
    return "no such file";
}

static void put(const char *name, const char *text)
{
    _cleanup_free_ char *path = str_printf("%s/%s", root, name);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void make(const char *name)
{
    _cleanup_free_ char *path = str_printf("%s/%s", root, name);

    assert_int_equal(__real_mkdir(path, 0755), 0);
}

static int setup(void **state)
{
    (void)state;
    strcpy(root + sizeof root - 7, "XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(mounts, sizeof mounts, "%s/mountinfo", root);
    _cleanup_free_ char *line = str_printf("21 20 0:5 / /proc rw - proc proc rw\n"
                                           "22 20 0:6 / %s rw shared:3 - resctrl resctrl rw\n",
                                           root);
    put("mountinfo", line);
    make("info");
    put("info/last_cmd_status", "ok\n");
    put("schemata", "    MB:0=100\n    L3:0=7ff\n");
    put("tasks", "");
    make("mon_groups");
    /* One that the administrator made. */
    make("gold");
    make("gold/mon_groups");
    put("gold/schemata", "    MB:0= 20;1= 70\n    L3:0=007f0;1=0001f\n");
    put("gold/tasks", "");
    removed[0] = '\0';
    mkdir_fails = 0;
    return 0;
}

static int teardown(void **state)
{
    _cleanup_close_ int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    while (n_fifos) {
        free(fifos[--n_fifos].path);
        close(fifos[n_fifos].fd);
    }
    return remove_tree_at(tmp, root + strlen("/tmp/"), NULL);
}

#define _cleanup_resctrl_ __attribute__((cleanup(resctrl_free)))

static char *lines[] = {(char *)"L2:0=f", (char *)"MB:0=30", NULL};
static const struct opt_bool yes = {true, true};

static void own_class(void **state)
{
    const struct oci_intel_rdt rdt = {.l3_cache_schema = (char *)"L3:0=7f0",
                                      .mem_bw_schema = (char *)"MB:0=20",
                                      .schemata = lines,
                                      .enable_monitoring = yes};
    _cleanup_resctrl_ struct resctrl r = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(resctrl_plan(&r, mounts, &rdt, "moss", &err), 0);
    assert_true(r.own && str_starts(r.group, root) && strcmp(r.group + strlen(root), "/moss") == 0);
    assert_string_equal(r.monitor + strlen(root), "/moss/mon_groups/moss");
    assert_int_not_equal(access(r.group, F_OK), 0);
    assert_int_equal(resctrl_make(&r, &rdt, &err), 0);
    assert_string_equal(written("moss/schemata"), "L3:0=7f0\nMB:0=20\nL2:0=f\nMB:0=30\n");
    assert_int_equal(resctrl_enter(&r, 4711, &err), 0);
    assert_string_equal(written("moss/tasks"), "4711\n");
    assert_string_equal(written("moss/mon_groups/moss/tasks"), "4711\n");
    assert_int_equal(resctrl_update(&r, NULL, "MB:0=50", &err), 0);
    assert_int_equal(resctrl_update(&r, "L3:0=f", "MB:0=60", &err), 0);
    assert_string_equal(written("moss/schemata"), "MB:0=50\nL3:0=f\nMB:0=60\n");
    assert_int_equal(resctrl_remove(&r, &err), 0);
    assert_string_equal(removed, "/moss/mon_groups/moss /moss ");
    assert_int_equal(resctrl_remove(&r, &err), 0);
}

/* What is there is compared, not written, and stays. */
static void named_class(void **state)
{
    struct oci_intel_rdt rdt = {.clos_id = (char *)"gold",
                                .l3_cache_schema = (char *)"L3:1=1f;0=7f0",
                                .mem_bw_schema = (char *)"MB:1=70",
                                .enable_monitoring = yes};
    _cleanup_resctrl_ struct resctrl r = {0}, again = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    struct stat before, after;
    char schemata[64];

    (void)state;
    snprintf(schemata, sizeof schemata, "%s/gold/schemata", root);
    assert_int_equal(stat(schemata, &before), 0);
    assert_int_equal(resctrl_plan(&r, mounts, &rdt, "moss", &err), 0);
    assert_false(r.own);
    assert_int_equal(resctrl_make(&r, &rdt, &err), 0);
    assert_false(r.fresh);
    assert_int_equal(stat(schemata, &after), 0);
    assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim);
    assert_int_equal(resctrl_enter(&r, 1, &err), 0);
    /* A second container of this name, of another user of the class. */
    assert_int_equal(resctrl_plan(&again, mounts, &rdt, "moss", &err), -EEXIST);
    assert_null(again.monitor);
    assert_non_null(strstr(error_text(&err), "linux.intelRdt.enableMonitoring: the monitoring group \""));
    assert_int_equal(resctrl_remove(&r, &err), 0);
    assert_string_equal(removed, "/gold/mon_groups/moss ");
    resctrl_free(&r);
    rdt = (struct oci_intel_rdt){.clos_id = (char *)"gold", .mem_bw_schema = (char *)"MB:1=71"};
    assert_int_equal(resctrl_plan(&r, mounts, &rdt, "moss", &err), -EINVAL);
    assert_non_null(strstr(error_text(&err),
                           "linux.intelRdt.memBwSchema: the class \"gold\" is there, with other "
                           "values than \"MB:1=71\": \""));
}

static void default_class(void **state)
{
    const struct oci_intel_rdt rdt = {.clos_id = (char *)"/", .enable_monitoring = yes};
    _cleanup_resctrl_ struct resctrl r = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(resctrl_plan(&r, mounts, &rdt, "moss", &err), 0);
    assert_string_equal(r.group, root);
    assert_string_equal(r.monitor + strlen(root), "/mon_groups/moss");
    assert_int_equal(resctrl_make(&r, &rdt, &err), 0);
    assert_int_equal(resctrl_enter(&r, 5, &err), 0);
    assert_string_equal(written("mon_groups/moss/tasks"), "5\n");
    assert_int_equal(resctrl_remove(&r, &err), 0);
    assert_string_equal(removed, "/mon_groups/moss ");
}

/* closID names one that is not there: made, and kept when the container goes; but a failed create takes it
 * away. */
static void named_and_made(void **state)
{
    const struct oci_intel_rdt rdt = {.clos_id = (char *)"silver", .schemata = lines};
    _cleanup_resctrl_ struct resctrl r = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(resctrl_plan(&r, mounts, &rdt, "moss", &err), 0);
    assert_int_equal(resctrl_make(&r, &rdt, &err), 0);
    assert_true(r.fresh && !r.own);
    assert_string_equal(written("silver/schemata"), "L2:0=f\nMB:0=30\n");
    r.fresh = false; /* as a later call has it */
    assert_int_equal(resctrl_remove(&r, &err), 0);
    assert_string_equal(removed, "");
    r.fresh = true;
    assert_int_equal(resctrl_remove(&r, &err), 0);
    assert_string_equal(removed, "/silver ");
}

static void nothing_asked(void **state)
{
    _cleanup_resctrl_ struct resctrl r = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(resctrl_plan(&r, "/no/such/file", NULL, "moss", &err), 0);
    assert_true(!r.group && !r.monitor);
    assert_int_equal(resctrl_make(&r, NULL, &err), 0);
    assert_int_equal(resctrl_enter(&r, 1, &err), 0);
    assert_int_equal(resctrl_remove(&r, &err), 0);
}

static void refusals(void **state)
{
    static const struct {
        const char *clos_id, *id;
        int code;
        const char *text;
    } cases[] = {
        {"bronze", "moss", -ENOENT, "linux.intelRdt.closID: there is no class \"ROOT/bronze\""},
        {"../x", "moss", -EINVAL,
         "linux.intelRdt.closID: expected \"/\" or the name of a directory of resctrl, found \"../x\""},
        {"..", "moss", -EINVAL,
         "linux.intelRdt.closID: expected \"/\" or the name of a directory of resctrl, found \"..\""},
        {"info", "moss", -EINVAL,
         "linux.intelRdt.closID: expected \"/\" or the name of a directory of resctrl, found \"info\""},
        {NULL, "mon_groups", -EINVAL,
         "linux.intelRdt: a class cannot have the container's name \"mon_groups\""},
        {NULL, "gold", -EEXIST, "linux.intelRdt: the class \"ROOT/gold\" exists"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct oci_intel_rdt rdt = {.clos_id = (char *)(uintptr_t)cases[i].clos_id};
        _cleanup_resctrl_ struct resctrl r = {0};
        _cleanup_error_ struct error err = ERROR_INIT;
        const char *mark = strstr(cases[i].text, "ROOT");
        _cleanup_free_ char *text =
            mark ? str_printf("%.*s%s%s", (int)(mark - cases[i].text), cases[i].text, root, mark + 4)
                 : strdup(cases[i].text);
        assert_int_equal(resctrl_plan(&r, mounts, &rdt, cases[i].id, &err), cases[i].code);
        assert_string_equal(error_text(&err), text);
        assert_false(r.own);
    }
}

static void no_resctrl(void **state)
{
    const struct oci_intel_rdt rdt = {0};
    _cleanup_resctrl_ struct resctrl r = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    put("mountinfo", "21 20 0:5 / /proc rw - proc proc rw\n");
    assert_int_equal(resctrl_plan(&r, mounts, &rdt, "moss", &err), -ENOTSUP);
    assert_string_equal(error_text(&err), "linux.intelRdt: no resctrl file system is mounted");
    assert_non_null(strstr(err.hint, "mount -t resctrl resctrl /sys/fs/resctrl"));
}

/* The kernel's own words are told, and what somebody else has is not removed. */
static void kernel_refuses(void **state)
{
    struct oci_intel_rdt rdt = {.enable_monitoring = yes};
    _cleanup_resctrl_ struct resctrl r = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(resctrl_plan(&r, mounts, &rdt, "moss", &err), 0);
    put("info/last_cmd_status", "Out of CLOSIDs\n");
    mkdir_fails = ENOSPC;
    assert_int_equal(resctrl_make(&r, &rdt, &err), -ENOSPC);
    assert_non_null(strstr(error_text(&err), "/moss\": Out of CLOSIDs: no space left on device (ENOSPC)"));
    assert_non_null(strstr(err.hint, "num_closids"));
    assert_int_equal(resctrl_remove(&r, &err), 0);
    assert_string_equal(removed, "");
    resctrl_free(&r);
    mkdir_fails = 0;
    /* Somebody was faster. */
    assert_int_equal(resctrl_plan(&r, mounts, &rdt, "moss", &err), 0);
    make("moss");
    assert_int_equal(resctrl_make(&r, &rdt, &err), -EEXIST);
    assert_int_equal(resctrl_remove(&r, &err), 0);
    assert_string_equal(removed, "");
    resctrl_free(&r);
    /* A class without the file, as none of the kernel's is. */
    rdt = (struct oci_intel_rdt){.clos_id = (char *)"gold", .schemata = lines};
    assert_int_equal(resctrl_plan(&r, mounts, &rdt, "moss", &err), 0);
    _cleanup_free_ char *schemata = str_printf("%s/gold/schemata", root);
    assert_int_equal(unlink(schemata), 0);
    assert_int_equal(resctrl_make(&r, &rdt, &err), -ENOENT);
    assert_non_null(strstr(error_text(&err), "linux.intelRdt: open \""));
}

static void schemata(void **state)
{
    static const char file[] = "    MB:0= 20;1= 70\n    L3:0=007f0;1=0001f\nL3CODE:0=3\n";
    static const struct {
        const char *lines;
        bool included;
    } cases[] = {
        {"L3:0=7f0;1=1f", true},
        {"L3:1=1f", true},
        {"L3:0=7F0\n", true},
        {"MB:0=20;1=70;", true},
        {"L3:0=7f0\nMB:1=70\n", true},
        {"L3CODE:0=3", true},
        {"", true},
        {"L3:0=7f1", false},
        {"L3:2=7f0", false},
        {"L2:0=7f0", false},
        {"MB:0=2", false},
        {"L3:0=7f0\nMB:1=71", false},
        {"L3:0", false},
        {"L3:0=", false},
        {"nonsense", false},
        {"L3:0=7f0;x", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (schemata_include(file, cases[i].lines) != cases[i].included)
            fail_msg("\"%s\"", cases[i].lines);
}

/* What a processor with all of it shows, and a class with a monitoring group on two caches. */
static void make_numbers(void)
{
    static const char *const dirs[] = {"info/L3",
                                       "info/MB",
                                       "moss",
                                       "moss/mon_data",
                                       "moss/mon_data/mon_L3_00",
                                       "moss/mon_groups",
                                       "moss/mon_groups/moss",
                                       "moss/mon_groups/moss/mon_data",
                                       "moss/mon_groups/moss/mon_data/mon_L3_01",
                                       "moss/mon_groups/moss/mon_data/mon_L3_00"};
    static const char *const files[][2] = {
        {"info/L3/cbm_mask", "7ff\n"},
        {"info/L3/min_cbm_bits", "2\n"},
        {"info/L3/num_closids", "16\n"},
        {"info/L3/shareable_bits", "600\n"},
        {"info/MB/bandwidth_gran", "10\n"},
        {"info/MB/delay_linear", "1\n"},
        {"info/MB/min_bandwidth", "10\n"},
        {"info/MB/num_closids", "8\n"},
        {"moss/schemata", "    MB:0= 20;1=100\n    L3:0=007f0;1=7ff\n    L2:0=ff\n"},
        {"moss/mon_data/mon_L3_00/llc_occupancy", "77\n"},
        {"moss/mon_groups/moss/mon_data/mon_L3_00/llc_occupancy", "1048576\n"},
        {"moss/mon_groups/moss/mon_data/mon_L3_00/mbm_total_bytes", "18446744073709551615\n"},
        {"moss/mon_groups/moss/mon_data/mon_L3_00/mbm_local_bytes", "5\n"},
        {"moss/mon_groups/moss/mon_data/mon_L3_01/llc_occupancy", "0\n"},
        {"moss/mon_groups/moss/mon_data/mon_L3_01/mbm_total_bytes", "Unavailable\n"},
        {"moss/mon_groups/moss/mon_data/mon_L3_01/mbm_local_bytes", "6\n"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
        make(dirs[i]);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        put(files[i][0], files[i][1]);
}

static void assert_stats(const struct resctrl *r, const char *expected)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_cjson_ cJSON *json = NULL;

    assert_int_equal(resctrl_stats(r, mounts, &json, &err), 0);
    _cleanup_free_ char *text = json ? json_print(json, false) : NULL;
    assert_string_equal(text ? text : "nothing\n", expected);
}

#define INFO_L3 "\"l3_cache_info\":{\"cbm_mask\":\"7ff\",\"min_cbm_bits\":2,\"num_closids\":16},"
#define ROOTS   "\"mem_bw_schema_root\":\"MB:0=100\",\"l3_cache_schema_root\":\"L3:0=7ff\","
#define MOSS    "\"mem_bw_schema\":\"MB:0= 20;1=100\",\"l3_cache_schema\":\"L3:0=007f0;1=7ff\","
#define INFO_MB                                                                                          \
    "\"mem_bw_info\":{\"bandwidth_gran\":10,\"delay_linear\":1,\"min_bandwidth\":10,\"num_closids\":8}," \
    "\"schemata\":["
#define MOSS_LINES "\"MB:0= 20;1=100\",\"L3:0=007f0;1=7ff\",\"L2:0=ff\"]"

static void numbers(void **state)
{
    _cleanup_resctrl_ struct resctrl own = {.group = str_printf("%s/moss", root), .own = true},
                                     watched = {.group = str_printf("%s/moss", root),
                                                .monitor = str_printf("%s/moss/mon_groups/moss", root)},
                                     shared = {.group = str_printf("%s/gold", root)};
    const struct resctrl none = {0};

    (void)state;
    make_numbers();
    /* A counter that the kernel can't read just now is left out, a number of 64 bits is told exactly. */
    assert_stats(&watched, "{" INFO_L3 ROOTS MOSS INFO_MB MOSS_LINES
                           ",\"mbm_stats\":[{\"mbm_total_bytes\":18446744073709551615,\"mbm_local_bytes\":5},"
                           "{\"mbm_local_bytes\":6}]"
                           ",\"cmt_stats\":[{\"llc_occupancy\":1048576},{\"llc_occupancy\":0}]}\n");
    /* A class of its own counts the container, and this processor counts no bandwidth. */
    assert_stats(&own,
                 "{" INFO_L3 ROOTS MOSS INFO_MB MOSS_LINES ",\"cmt_stats\":[{\"llc_occupancy\":77}]}\n");
    /* A class with others in it counts them as well. */
    make("gold/mon_data");
    make("gold/mon_data/mon_L3_00");
    put("gold/mon_data/mon_L3_00/llc_occupancy", "9\n");
    assert_stats(&shared,
                 "{" INFO_L3 ROOTS
                 "\"mem_bw_schema\":\"MB:0= 20;1= 70\",\"l3_cache_schema\":\"L3:0=007f0;1=0001f\"," INFO_MB
                 "\"MB:0= 20;1= 70\",\"L3:0=007f0;1=0001f\"]}\n");
    assert_stats(&none, "nothing\n");
    /* Unmounted meanwhile. */
    put("mountinfo", "21 20 0:5 / /proc rw - proc proc rw\n");
    assert_stats(&own, "nothing\n");
}

/* A processor that only watches has no info/L3 and no schemata. */
static void numbers_of_little(void **state)
{
    _cleanup_resctrl_ struct resctrl r = {.group = str_printf("%s/fern", root), .own = true};

    (void)state;
    make("fern");
    put("schemata", "");
    assert_stats(&r, "{}\n");
}

int main(void)
{
#define PLAYED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        PLAYED(own_class),          PLAYED(named_class), PLAYED(default_class),     PLAYED(named_and_made),
        PLAYED(nothing_asked),      PLAYED(refusals),    PLAYED(no_resctrl),        PLAYED(kernel_refuses),
        cmocka_unit_test(schemata), PLAYED(numbers),     PLAYED(numbers_of_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
