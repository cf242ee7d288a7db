/*
 * linux.resources and files of cgroup2 as properties of a unit.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cgroup/devices.h"
#include "cgroup/systemd.h"

static void show(const struct variant *v, struct strbuf *out)
{
    if (v->type == 's')
        strbuf_add(out, v->text);
    else if (!v->items && v->type != 'a')
        strbuf_addf(out, "%llu", (unsigned long long)v->number.u);
    else
        strbuf_add(out, v->type == 'a' ? "[" : "(");
    for (size_t i = 0; i < v->count; i++) {
        strbuf_add(out, i ? "," : "");
        show(&v->items[i], out);
    }
    if (v->type == 'a' || v->items)
        strbuf_add(out, v->type == 'a' ? "]" : ")");
}

/* "NAME=TYPE:VALUE NAME?=…", a question mark for one that may be left out. */
static char *text_of(const struct unit_properties *properties)
{
    struct strbuf text = {0};

    strbuf_add(&text, "");
    for (size_t i = 0; i < properties->count; i++) {
        strbuf_addf(&text, "%s%s%s=", i ? " " : "", properties->items[i].name,
                    properties->items[i].optional ? "?" : "");
        variant_signature(&properties->items[i].value, &text);
        strbuf_add(&text, ":");
        show(&properties->items[i].value, &text);
    }
    return strbuf_take(&text);
}

static char *of_json(const char *json, unsigned which)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_unit_properties_ struct unit_properties properties = {0};
    _cleanup_resources_ struct oci_resources *resources = NULL;
    _cleanup_cjson_ cJSON *tree = NULL;

    if (json_parse("test", json, strlen(json), &tree, &err) < 0 ||
        oci_resources_parse(tree, &resources, &err) < 0 ||
        unit_properties_of_resources(&properties, resources, which, &err) < 0)
        fail_msg("%s: %s", json, error_text(&err));
    return text_of(&properties);
}

#define MAX "18446744073709551615"

static void test_resources(void **state)
{
    static const struct {
        const char *json, *text;
    } rows[] = {
        {"{}", ""},
        {"{\"memory\":{\"limit\":1048576,\"reservation\":4096,\"swap\":3145728}}",
         "MemoryMax=t:1048576 MemoryLow=t:4096 MemorySwapMax=t:2097152"},
        {"{\"memory\":{\"limit\":-1,\"swap\":-1}}", "MemoryMax=t:" MAX " MemorySwapMax=t:" MAX},
        {"{\"memory\":{\"limit\":0,\"reservation\":0}}", ""},
        {"{\"cpu\":{\"shares\":1024}}", "CPUWeight=t:100"},
        {"{\"cpu\":{\"shares\":0}}", ""},
        {"{\"cpu\":{\"shares\":1024,\"idle\":1}}", "CPUWeight?=t:0"},
        {"{\"cpu\":{\"quota\":150000}}", "CPUQuotaPerSecUSec=t:1500000 CPUQuotaPeriodUSec?=t:100000"},
        {"{\"cpu\":{\"quota\":10000,\"period\":50000}}",
         "CPUQuotaPerSecUSec=t:200000 CPUQuotaPeriodUSec?=t:50000"},
        /* A third of a CPU, in whole percents and never less. */
        {"{\"cpu\":{\"quota\":33333}}", "CPUQuotaPerSecUSec=t:340000 CPUQuotaPeriodUSec?=t:100000"},
        {"{\"cpu\":{\"quota\":1,\"period\":1000000}}",
         "CPUQuotaPerSecUSec=t:10000 CPUQuotaPeriodUSec?=t:1000000"},
        {"{\"cpu\":{\"quota\":9223372036854775807,\"period\":1000000}}",
         "CPUQuotaPerSecUSec=t:9223372036854780000 CPUQuotaPeriodUSec?=t:1000000"},
        {"{\"cpu\":{\"quota\":-1}}", "CPUQuotaPerSecUSec=t:" MAX " CPUQuotaPeriodUSec?=t:100000"},
        {"{\"cpu\":{\"cpus\":\"0-2,9\",\"mems\":\"0\"}}", "AllowedCPUs?=ay:[7,2] AllowedMemoryNodes?=ay:[1]"},
        {"{\"cpu\":{\"burst\":5000}}", ""},
        {"{\"pids\":{\"limit\":7}}", "TasksMax=t:7"},
        {"{\"pids\":{\"limit\":-1}}", "TasksMax=t:" MAX},
        {"{\"pids\":{\"limit\":0}}", ""},
        {"{\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":500}],"
         "\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":16,\"rate\":1000},{\"major\":8,\"minor\":0,"
         "\"rate\":0}],"
         "\"throttleWriteBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":1}],"
         "\"throttleReadIOPSDevice\":[{\"major\":8,\"minor\":0,\"rate\":2}],"
         "\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":0,\"rate\":3}]}}",
         "IODeviceWeight=a(st):[(/dev/block/8:0,4950)] "
         "IOReadBandwidthMax=a(st):[(/dev/block/8:16,1000),(/dev/block/8:0," MAX ")] "
         "IOWriteBandwidthMax=a(st):[(/dev/block/8:0,1)] IOReadIOPSMax=a(st):[(/dev/block/8:0,2)] "
         "IOWriteIOPSMax=a(st):[(/dev/block/8:0,3)]"},
        /* The files of `unified` count over the rest, and what systemd has no property for stays a file. */
        {"{\"memory\":{\"limit\":4096},\"unified\":{\"memory.max\":\"8192\",\"memory.high\":\"max\","
         "\"memory.oom.group\":\"1\"}}",
         "MemoryMax=t:8192 MemoryHigh=t:" MAX},
        {"{\"unified\":{\"cpu.max\":\"50000 100000\",\"cpu.weight\":\"7\"}}",
         "CPUQuotaPerSecUSec=t:500000 CPUQuotaPeriodUSec?=t:100000 CPUWeight=t:7"},
        {"{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":1000}]},"
         "\"unified\":{\"io.max\":\"8:16 rbps=5\"}}",
         "IOReadBandwidthMax=a(st):[(/dev/block/8:0,1000),(/dev/block/8:16,5)]"},
        {"{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4194304}]}", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_free_ char *text = of_json(rows[i].json, CGROUP_ALL);
        assert_string_equal(text, rows[i].text);
    }
}

/* What --limits=try dropped is no property either. */
static void test_dropped(void **state)
{
    static const char json[] =
        "{\"memory\":{\"limit\":4096},\"pids\":{\"limit\":7},\"cpu\":{\"quota\":100000,"
        "\"cpus\":\"0\"},\"unified\":{\"memory.high\":\"1\"}}";
    _cleanup_free_ char *pids = of_json(json, CGROUP_BIT(CGROUP_PIDS)), *none = of_json(json, 0),
                        *cpuset = of_json(json, CGROUP_BIT(CGROUP_CPUSET));

    (void)state;
    assert_string_equal(pids, "TasksMax=t:7");
    assert_string_equal(cpuset, "AllowedCPUs?=ay:[1]");
    assert_string_equal(none, "");
}

static void test_files(void **state)
{
    static const struct {
        const char *file, *value, *text;
    } rows[] = {
        {"memory.max", "max\n", "MemoryMax=t:" MAX},
        {"memory.max", "512M", "MemoryMax=t:536870912"},
        {"memory.max", "much", ""},
        {"memory.min", "0", "MemoryMin?=t:0"},
        {"memory.swap.max", "4096", "MemorySwapMax=t:4096"},
        {"memory.zswap.max", "4096", "MemoryZSwapMax?=t:4096"},
        {"cpu.weight", "10001", ""},
        {"cpu.weight", "0", ""},
        {"cpu.idle", "1", "CPUWeight?=t:0"},
        {"cpu.idle", "0", ""},
        {"cpu.max", "max", "CPUQuotaPerSecUSec=t:" MAX " CPUQuotaPeriodUSec?=t:100000"},
        {"cpu.max", "max 50000\n", "CPUQuotaPerSecUSec=t:" MAX " CPUQuotaPeriodUSec?=t:50000"},
        {"cpu.max", "25000", "CPUQuotaPerSecUSec=t:250000 CPUQuotaPeriodUSec?=t:100000"},
        {"cpu.max", "25000 50000\n", "CPUQuotaPerSecUSec=t:500000 CPUQuotaPeriodUSec?=t:50000"},
        {"cpu.max", "-1", ""},
        {"cpu.max", "lots", ""},
        {"io.weight", "default 50", "IOWeight=t:50"},
        {"io.weight", "50", "IOWeight=t:50"},
        {"io.weight", "8:0 50", "IODeviceWeight=a(st):[(/dev/block/8:0,50)]"},
        {"io.weight", "8:0 default", ""},
        {"io.weight", "8:0 50 1", ""},
        {"cpu.weight", "8:0 50", ""},
        {"io.max", "8:16 rbps=1048576 wiops=max\n",
         "IOReadBandwidthMax=a(st):[(/dev/block/8:16,1048576)] IOWriteIOPSMax=a(st):[(/dev/block/8:16," MAX
         ")]"},
        {"io.max", "8:16  wbps=7  riops=9",
         "IOWriteBandwidthMax=a(st):[(/dev/block/8:16,7)] "
         "IOReadIOPSMax=a(st):[(/dev/block/8:16,9)]"},
        {"io.max", "8:16 rbps=0 wbps=-1 riops= wiops=1k other=5", ""},
        {"io.max", "8:16", ""},
        {"io.max", "/dev/sda rbps=1", ""},
        {"pids.max", "9", "TasksMax=t:9"},
        {"pids.max", "0", ""},
        {"cpuset.cpus", "1,3", "AllowedCPUs?=ay:[10]"},
        {"cpuset.cpus", "8-9", "AllowedCPUs?=ay:[0,3]"},
        {"cpuset.cpus", "", ""},
        {"cpuset.cpus", "3-1", ""},
        {"cpuset.cpus", "0-8192", ""},
        {"cpuset.cpus", "x", ""},
        {"cpuset.mems", "0", "AllowedMemoryNodes?=ay:[1]"},
        {"memory.oom.group", "1", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_unit_properties_ struct unit_properties properties = {0};
        assert_int_equal(unit_properties_of_file(&properties, rows[i].file, rows[i].value, &err), 0);
        _cleanup_free_ char *text = text_of(&properties);
        assert_string_equal(text, rows[i].text);
    }
}

#define NODES "(char-*,m),(block-*,m)"
#define DEFAULT_DEVICES                                                                                    \
    "(/dev/char/1:3,rwm),(/dev/char/1:5,rwm),(/dev/char/1:7,rwm),(/dev/char/1:8,rwm),(/dev/char/1:9,rwm)," \
    "(/dev/char/5:0,rwm),(/dev/char/5:1,rwm),(/dev/char/5:2,rwm),(char-136,rwm)"

/* Systemd has no words for an exception from everything: then our own program alone counts. */
static void test_devices(void **state)
{
    static const struct {
        const char *json, *fresh, *later;
    } rows[] = {
        {"{}", "DevicePolicy=s:strict DeviceAllow=a(ss):[" NODES "," DEFAULT_DEVICES "]",
         "DevicePolicy=s:strict DeviceAllow=a(ss):[] DeviceAllow=a(ss):[" NODES "," DEFAULT_DEVICES "]"},
        {"{\"devices\":[{\"allow\":false},{\"allow\":true,\"type\":\"b\",\"major\":8,\"access\":\"r\"},"
         "{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":200,\"access\":\"rw\"}]}",
         "DevicePolicy=s:strict DeviceAllow=a(ss):[(block-8,r),(/dev/char/10:200,rw)," NODES
         "," DEFAULT_DEVICES "]",
         NULL},
        {"{\"devices\":[{\"allow\":true}]}", "", "DevicePolicy=s:auto DeviceAllow=a(ss):[]"},
        {"{\"devices\":[{\"allow\":true},{\"allow\":false,\"type\":\"c\",\"major\":10,\"minor\":200}]}", "",
         "DevicePolicy=s:auto DeviceAllow=a(ss):[]"},
        {"{\"devices\":[{\"allow\":true,\"type\":\"c\",\"minor\":7}]}", "",
         "DevicePolicy=s:auto DeviceAllow=a(ss):[]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        for (int fresh = 0; fresh < 2; fresh++) {
            _cleanup_error_ struct error err = ERROR_INIT;
            _cleanup_unit_properties_ struct unit_properties properties = {0};
            _cleanup_resources_ struct oci_resources *resources = NULL;
            _cleanup_device_rules_ struct device_rules rules = {0};
            _cleanup_cjson_ cJSON *tree = NULL;
            const char *expected = fresh ? rows[i].fresh : rows[i].later;
            assert_int_equal(json_parse("test", rows[i].json, strlen(rows[i].json), &tree, &err), 0);
            assert_int_equal(oci_resources_parse(tree, &resources, &err), 0);
            assert_int_equal(device_rules_make(&rules, NULL, &resources->devices, &err), 0);
            assert_int_equal(unit_properties_of_devices(&properties, &rules, fresh, &err), 0);
            _cleanup_free_ char *text = text_of(&properties);
            if (expected)
                assert_string_equal(text, expected);
        }
}

static void test_device_annotations(void **state)
{
    struct oci_pair entries[] = {{(char *)"org.systemd.property.DeviceAllow", (char *)"[]"}};
    struct oci_map map = {.items = entries, .count = 1};

    (void)state;
    assert_true(unit_has_device_annotations(&map));
    entries[0].key = (char *)"org.systemd.property.DevicePolicy";
    assert_true(unit_has_device_annotations(&map));
    entries[0].key = (char *)"org.systemd.property.Devices";
    assert_false(unit_has_device_annotations(&map));
    assert_false(unit_has_device_annotations(NULL));
}

#define ACCOUNTING " CPUAccounting=b:1 IOAccounting=b:1 MemoryAccounting=b:1 TasksAccounting=b:1"

static void test_unit(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_unit_properties_ struct unit_properties scope = {0}, slice = {0};
    _cleanup_unit_ struct unit a = {0}, b = {0};

    (void)state;
    assert_int_equal(unit_from_path("x.slice:p:n", "id", true, &a, &err), 0);
    assert_int_equal(unit_from_path("::n.slice", "id", true, &b, &err), 0);
    assert_int_equal(unit_properties_of_unit(&scope, &a, "id", 7, &err), 0);
    assert_int_equal(unit_properties_of_unit(&slice, &b, "id", 7, &err), 0);
    _cleanup_free_ char *of_scope = text_of(&scope), *of_slice = text_of(&slice);
    assert_string_equal(
        of_scope, "Description=s:bryo container id DefaultDependencies=b:0 "
                  "CollectMode=s:inactive-or-failed Slice=s:x.slice Delegate=b:1 PIDs=au:[7]" ACCOUNTING);
    assert_string_equal(of_slice, "Description=s:bryo container id DefaultDependencies=b:0 "
                                  "CollectMode=s:inactive-or-failed" ACCOUNTING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resources), cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_files),     cmocka_unit_test(test_unit),
        cmocka_unit_test(test_devices),   cmocka_unit_test(test_device_annotations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
