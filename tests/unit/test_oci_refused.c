/*
 * Every way for oci_config_parse to refuse a config.json, with the exact text.
 */
#include "oci_config_util.h"

#include <errno.h>

#include "base/str.h"

struct bad {
    const char *path;
    const char *value;
    const char *message;
    int code; /* 0: EINVAL */
};

static void check_bad(const struct bad *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        _cleanup_cjson_ cJSON *json = changed(cases[i].path, cases[i].value);
        _cleanup_error_ struct error err = ERROR_INIT;
        struct oci_config *config = NULL;
        int r = oci_config_parse(json, &config, &err);
        if (r == 0)
            fail_msg("%s = %s was taken", cases[i].path, cases[i].value ? cases[i].value : "nothing");
        assert_null(config);
        assert_string_equal(error_text(&err), cases[i].message);
        assert_int_equal(r, cases[i].code ? -cases[i].code : -EINVAL);
        assert_int_equal(err.code, -r);
    }
}

/* Types, ranges, required members: what the rows say. */
static const struct bad bad_document[] = {
    {"ociVersion", NULL, "ociVersion: expected a version 1.x.y of the runtime specification, found nothing",
     0},
    {"ociVersion", "\"2.0.0\"",
     "ociVersion: expected a version 1.x.y of the runtime specification, found \"2.0.0\"", 0},
    {"ociVersion", "\"1.0\"",
     "ociVersion: expected a version 1.x.y of the runtime specification, found \"1.0\"", 0},
    {"ociVersion", "\"1.0.0-\"",
     "ociVersion: expected a version 1.x.y of the runtime specification, found \"1.0.0-\"", 0},
    {"ociVersion", "\"1.01.0\"",
     "ociVersion: expected a version 1.x.y of the runtime specification, found \"1.01.0\"", 0},
    {"ociVersion", "\"\"", "ociVersion: expected a version 1.x.y of the runtime specification, found \"\"",
     0},
    {"ociVersion", "1", "ociVersion: expected a version 1.x.y of the runtime specification, found 1", 0},
    {"root", NULL, "root.path: expected a string that is not empty, found nothing", 0},
    {"root.path", NULL, "root.path: expected a string that is not empty, found nothing", 0},
    {"root.path", "\"\"", "root.path: expected a string that is not empty, found \"\"", 0},
    {"root", "\"rootfs\"", "root: expected an object, found \"rootfs\"", 0},
    {"root.readonly", "\"true\"", "root.readonly: expected true or false, found \"true\"", 0},
    {"root.readonly", "1", "root.readonly: expected true or false, found 1", 0},
    {"hostname", "true", "hostname: expected a name of at most 64 bytes, found true", 0},
    {"hostname", "\"0123456789012345678901234567890123456789012345678901234567890123x\"",
     "hostname: expected a name of at most 64 bytes, found "
     "\"012345678901234567890123456789012345678901234567890123456789…\"",
     0},
    {"mounts", "{}", "mounts: expected a list of objects, found an empty object", 0},
    {"mounts", "[{\"source\":\"x\"}]",
     "mounts[0].destination: expected a string that is not empty, found nothing", 0},
    {"mounts", "[{\"destination\":\"/a\"},7]", "mounts[1]: expected an object, found 7", 0},
    {"mounts", "[{\"destination\":\"/a\",\"options\":\"ro\"}]",
     "mounts[0].options: expected a list of strings, found \"ro\"", 0},
    {"hooks.prestart", "[{\"path\":\"bin/x\"}]",
     "hooks.prestart[0].path: expected an absolute path, found \"bin/x\"", 0},
    {"hooks.poststop", "[{\"args\":[]}]", "hooks.poststop[0].path: expected an absolute path, found nothing",
     0},
    {"hooks.poststart", "[{\"path\":\"/x\",\"timeout\":0}]",
     "hooks.poststart[0].timeout: expected an integer from 1 to 2147483647, found 0", 0},
    {"hooks.createRuntime", "[{\"path\":\"/x\",\"env\":[\"A\"]}]",
     "hooks.createRuntime[0].env[0]: expected NAME=VALUE, found \"A\"", 0},
    {"hooks", "[]", "hooks: expected an object, found an empty list", 0},
    {"annotations", "{\"a\":1}", "annotations.a: expected a string, found 1", 0},
    {"annotations", "{\"org.x\":1}", "annotations[\"org.x\"]: expected a string, found 1", 0},
    {"annotations", "{\"\":\"x\"}", "annotations[\"\"]: expected a key that is not empty, found \"x\"", 0},
    {"annotations", "[]", "annotations: expected an object of strings, found an empty list", 0},
};

static const struct bad bad_process[] = {
    {"process.cwd", NULL, "process.cwd: expected an absolute path, found nothing", 0},
    {"process.cwd", "\"\"", "process.cwd: expected an absolute path, found \"\"", 0},
    {"process.cwd", "\"work\"", "process.cwd: expected an absolute path, found \"work\"", 0},
    {"process.args", NULL, "process.args: expected a list of strings with at least one, found nothing", 0},
    {"process.args", "null", "process.args: expected a list of strings with at least one, found nothing", 0},
    {"process.args", "[]", "process.args: expected a list of strings with at least one, found an empty list",
     0},
    {"process.args", "\"sh\"", "process.args: expected a list of strings with at least one, found \"sh\"", 0},
    {"process.args", "[\"\"]", "process.args[0]: expected a program, found \"\"", 0},
    {"process.args", "[\"sh\",1]", "process.args[1]: expected a string, found 1", 0},
    {"process.env", "[\"A=1\",\"B\"]", "process.env[1]: expected NAME=VALUE, found \"B\"", 0},
    {"process.env", "[\"=x\"]", "process.env[0]: expected NAME=VALUE, found \"=x\"", 0},
    {"process.env", "{\"A\":\"1\"}", "process.env: expected a list of strings, found an object", 0},
    {"process.terminal", "\"yes\"", "process.terminal: expected true or false, found \"yes\"", 0},
    {"process.scheduler", "{}",
     "process.scheduler.policy: expected one of \"SCHED_OTHER\", \"SCHED_FIFO\", \"SCHED_RR\", "
     "\"SCHED_BATCH\", "
     "\"SCHED_ISO\", \"SCHED_IDLE\", \"SCHED_DEADLINE\", found nothing",
     0},
    {"process.consoleSize", "{\"height\":25}",
     "process.consoleSize.width: expected an integer from 0 to 65535, found nothing", 0},
    {"process.consoleSize", "{\"height\":70000,\"width\":80}",
     "process.consoleSize.height: expected an integer from 0 to 65535, found 70000", 0},
    {"process.user.uid", "-1", "process.user.uid: expected an integer from 0 to 4294967294, found -1", 0},
    {"process.user.uid", "4294967295",
     "process.user.uid: expected an integer from 0 to 4294967294, found 4294967295", 0},
    {"process.user.uid", "\"root\"",
     "process.user.uid: expected an integer from 0 to 4294967294, found \"root\"", 0},
    {"process.user.gid", "1.5", "process.user.gid: expected an integer from 0 to 4294967294, found 1.5", 0},
    {"process.user.umask", "512", "process.user.umask: expected an integer from 0 to 511, found 512", 0},
    {"process.user.additionalGids", "[1,\"x\"]",
     "process.user.additionalGids[1]: expected an integer from 0 to 4294967294, found \"x\"", 0},
    {"process.user.additionalGids", "5", "process.user.additionalGids: expected a list of integers, found 5",
     0},
    {"process.capabilities", "[]", "process.capabilities: expected an object, found an empty list", 0},
    {"process.capabilities.bounding", "\"CAP_KILL\"",
     "process.capabilities.bounding: expected a list of names, found \"CAP_KILL\"", 0},
    {"process.capabilities.ambient", "[\"CAP_KILL\",5]",
     "process.capabilities.ambient[1]: expected a string, found 5", 0},
    {"process.rlimits", "[{\"type\":\"RLIMIT_NOFILE\",\"soft\":\"many\",\"hard\":1}]",
     "process.rlimits[0].soft: expected an unsigned integer, found \"many\"", 0},
    {"process.rlimits", "[{\"type\":\"RLIMIT_NOFILE\",\"soft\":18446744073709551616,\"hard\":1}]",
     "process.rlimits[0].soft: expected an integer from 0 to 18446744073709551615, found "
     "18446744073709551616",
     0},
    {"process.rlimits", "[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1e3,\"hard\":1}]",
     "process.rlimits[0].soft: expected an integer from 0 to 18446744073709551615, found 1e3", 0},
    {"process.rlimits", "[{\"soft\":1,\"hard\":1}]",
     "process.rlimits[0].type: expected one of \"RLIMIT_AS\", \"RLIMIT_CORE\", \"RLIMIT_CPU\", "
     "\"RLIMIT_DATA\", "
     "\"RLIMIT_FSIZE\", \"RLIMIT_LOCKS\", \"RLIMIT_MEMLOCK\", \"RLIMIT_MSGQUEUE\", \"RLIMIT_NICE\", "
     "\"RLIMIT_NOFILE\", \"RLIMIT_NPROC\", \"RLIMIT_RSS\", …, found nothing",
     0},
    {"process.oomScoreAdj", "1001", "process.oomScoreAdj: expected an integer from -1000 to 1000, found 1001",
     0},
    {"process.oomScoreAdj", "-1001",
     "process.oomScoreAdj: expected an integer from -1000 to 1000, found -1001", 0},
    {"process.execCPUAffinity", "{\"initial\":\"3-1\"}",
     "process.execCPUAffinity.initial: expected a list of numbers and ranges like \"0-3,7\", found "
     "\"3-1\"",
     0},
    {"process.execCPUAffinity", "{\"final\":\"0,\"}",
     "process.execCPUAffinity.final: expected a list of numbers and ranges like \"0-3,7\", found \"0,\"", 0},
    {"process.ioPriority", "{\"class\":\"IOPRIO_CLASS_NONE\"}",
     "process.ioPriority.class: expected one of \"IOPRIO_CLASS_RT\", \"IOPRIO_CLASS_BE\", "
     "\"IOPRIO_CLASS_IDLE\", "
     "found \"IOPRIO_CLASS_NONE\"",
     0},
};

static const struct bad bad_linux[] = {
    {"linux.sysctl", "{\"net.x\":true}", "linux.sysctl[\"net.x\"]: expected a string, found true", 0},
    {"linux.sysctl", "{\"\":\"1\"}", "linux.sysctl[\"\"]: expected a key that is not empty, found \"1\"", 0},
    {"linux.namespaces", "[{\"type\":\"net\"}]",
     "linux.namespaces[0].type: expected one of \"mount\", \"pid\", \"network\", \"uts\", \"ipc\", "
     "\"user\", "
     "\"cgroup\", \"time\", found \"net\"",
     0},
    {"linux.namespaces", "[{\"type\":\"pid\",\"path\":\"ns/pid\"}]",
     "linux.namespaces[0].path: expected an absolute path, found \"ns/pid\"", 0},
    {"linux.uidMappings", "[{\"containerID\":0,\"hostID\":0,\"size\":0}]",
     "linux.uidMappings[0].size: expected an integer from 1 to 4294967295, found 0", 0},
    {"linux.uidMappings", "[{\"containerID\":0,\"hostID\":0}]",
     "linux.uidMappings[0].size: expected an integer from 1 to 4294967295, found nothing", 0},
    {"linux.devices", "[{\"type\":\"x\",\"path\":\"/dev/x\"}]",
     "linux.devices[0].type: expected one of \"c\", \"b\", \"u\", \"p\", found \"x\"", 0},
    {"linux.devices", "[{\"type\":\"cc\",\"path\":\"/dev/x\"}]",
     "linux.devices[0].type: expected one of \"c\", \"b\", \"u\", \"p\", found \"cc\"", 0},
    {"linux.devices", "[{\"type\":\"c\",\"path\":\"dev/x\"}]",
     "linux.devices[0].path: expected an absolute path, found \"dev/x\"", 0},
    {"linux.devices", "[{\"type\":\"c\",\"path\":\"/dev/x\",\"major\":4096,\"minor\":1}]",
     "linux.devices[0].major: expected an integer from 0 to 4095, found 4096", 0},
    {"linux.devices", "[{\"type\":\"c\",\"path\":\"/dev/x\",\"fileMode\":4096}]",
     "linux.devices[0].fileMode: expected an integer from 0 to 4095, found 4096", 0},
    {"linux.rootfsPropagation", "\"weird\"",
     "linux.rootfsPropagation: expected one of \"private\", \"rprivate\", \"shared\", \"rshared\", "
     "\"slave\", "
     "\"rslave\", \"unbindable\", \"runbindable\", found \"weird\"",
     0},
    {"linux.maskedPaths", "[\"proc/x\"]", "linux.maskedPaths[0]: expected an absolute path, found \"proc/x\"",
     0},
    {"linux.personality", "{\"domain\":\"BSD\"}",
     "linux.personality.domain: expected one of \"LINUX\", \"LINUX32\", found \"BSD\"", 0},
    {"linux.timeOffsets", "{\"boottime\":{\"nanosecs\":1000000000}}",
     "linux.timeOffsets.boottime.nanosecs: expected an integer from 0 to 999999999, found 1000000000", 0},
    {"linux.timeOffsets", "{\"boottime\":{\"secs\":9223372036854775808}}",
     "linux.timeOffsets.boottime.secs: expected an integer from -9223372036854775808 to "
     "9223372036854775807, "
     "found 9223372036854775808",
     0},
    {"linux.seccomp", "{}",
     "linux.seccomp.defaultAction: expected one of \"SCMP_ACT_ALLOW\", \"SCMP_ACT_ERRNO\", "
     "\"SCMP_ACT_KILL\", "
     "\"SCMP_ACT_KILL_PROCESS\", \"SCMP_ACT_KILL_THREAD\", \"SCMP_ACT_LOG\", \"SCMP_ACT_NOTIFY\", "
     "\"SCMP_ACT_TRACE\", \"SCMP_ACT_TRAP\", found nothing",
     0},
    {"linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"X\"]}",
     "linux.seccomp.flags[0]: expected one of \"SECCOMP_FILTER_FLAG_LOG\", "
     "\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\", "
     "\"SECCOMP_FILTER_FLAG_TSYNC\", \"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\", found \"X\"",
     0},
    {"linux.seccomp",
     "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_LOG\"}]}",
     "linux.seccomp.syscalls[0].names: expected a list of strings with at least one, found an empty list", 0},
    {"linux.seccomp",
     "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"\"],\"action\":\"SCMP_ACT_LOG\"}]"
     "}",
     "linux.seccomp.syscalls[0].names[0]: expected a string that is not empty, found \"\"", 0},
    {"linux.seccomp",
     "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_"
     "LOG\","
     "\"args\":[{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}]}",
     "linux.seccomp.syscalls[0].args[0].index: expected an integer from 0 to 5, found 6", 0},
    {"linux.resources", "[]", "linux.resources: expected an object, found an empty list", 0},
    {"linux.resources.memory.limit", "\"1G\"",
     "linux.resources.memory.limit: expected an integer from -1 to 9223372036854775807, found \"1G\"", 0},
    {"linux.resources.devices", "[{\"allow\":true,\"access\":\"rx\"}]",
     "linux.resources.devices[0].access: expected letters of \"rwm\", found \"rx\"", 0},
    {"linux.resources.rdma", "{\"mlx\":5}", "linux.resources.rdma.mlx: expected an object, found 5", 0},
    /* What is refused in this version must be of its type even where it would ask for nothing. */
    {"linux.cgroupsPath", "false", "linux.cgroupsPath: expected a string, found false", 0},
    {"linux.cgroupsPath", "[]", "linux.cgroupsPath: expected a string, found an empty list", 0},
    {"linux.intelRdt", "\"\"", "linux.intelRdt: expected an object, found \"\"", 0},
    {"linux.intelRdt", "{\"schemata\":[\"L3:0=f\",\"L2:0=f\\nL2:1=f\"]}",
     "linux.intelRdt.schemata[1]: expected one line, found \"L2:0=f\\nL2:1=f\"", 0},
    {"linux.netDevices", "[]", "linux.netDevices: expected an object of objects, found an empty list", 0},
    {"linux.resources.hugepageLimits", "{}",
     "linux.resources.hugepageLimits: expected a list of objects, found an empty object", 0},
    {"linux.resources.unified", "false",
     "linux.resources.unified: expected an object of strings, found false", 0},
    {"linux.resources.memory.useHierarchy", "\"\"",
     "linux.resources.memory.useHierarchy: expected true or false, found \"\"", 0},
    {"linux.resources.pids", "{\"limit\":\"\"}",
     "linux.resources.pids.limit: expected an integer, found \"\"", 0},
    {"linux.resources.cpu.shares", "-1",
     "linux.resources.cpu.shares: expected an integer from 0 to 18446744073709551615, found -1", 0},
    {"linux", "\"x\"", "linux: expected an object, found \"x\"", 0},
};

static void test_bad_values(void **state)
{
    (void)state;
    check_bad(bad_document, ARRAY_SIZE(bad_document));
    check_bad(bad_process, ARRAY_SIZE(bad_process));
    check_bad(bad_linux, ARRAY_SIZE(bad_linux));
}

/* What no row can see. */
static void test_bad_combinations(void **state)
{
    static const struct bad cases[] = {
        {"process.rlimits", "[{\"type\":\"RLIMIT_NOFILE\",\"soft\":2,\"hard\":1}]",
         "process.rlimits[0].soft: expected at most the hard limit 1, found 2", 0},
        {"process.rlimits",
         "[{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":1},{\"type\":\"RLIMIT_AS\",\"soft\":1,\"hard\":1},"
         "{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":1}]",
         "process.rlimits[2].type: expected each limit once, found \"RLIMIT_CPU\" in [0] too", 0},
        {"linux.namespaces", "[{\"type\":\"pid\"},{\"type\":\"pid\",\"path\":\"/x\"}]",
         "linux.namespaces[1].type: expected each type once, found \"pid\" in [0] too", 0},
        {"linux", "{\"uidMappings\":[" MAP("0", "0", "1") "],\"gidMappings\":[" MAP("0", "0", "1") "]}",
         "linux.uidMappings: expected a user namespace in linux.namespaces, found none", 0},
        {"linux", "{\"gidMappings\":[" MAP("0", "0", "1") "]}",
         "linux.gidMappings: expected a user namespace in linux.namespaces, found none", 0},
        {"linux.uidMappings", "[" MAP("0", "0", "1") "]",
         "linux.gidMappings: expected mappings, since linux.uidMappings has some, found nothing", 0},
        {"linux.gidMappings", "[" MAP("0", "0", "1") "]",
         "linux.uidMappings: expected mappings, since linux.gidMappings has some, found nothing", 0},
        {"linux.timeOffsets", "{\"boottime\":{\"secs\":1}}",
         "linux.timeOffsets: expected a new time namespace in linux.namespaces, found none", 0},
        {"linux", "{\"namespaces\":[{\"type\":\"time\",\"path\":\"/x\"}],\"timeOffsets\":{\"monotonic\":{}}}",
         "linux.timeOffsets: expected a new time namespace in linux.namespaces, found one that is joined by "
         "its path",
         0},
        {"linux", "{\"netDevices\":{\"eth0\":{}}}",
         "linux.netDevices: expected a network namespace in linux.namespaces, found none", 0},
        {"linux.netDevices", "{\"a/b\":{}}",
         "linux.netDevices: expected the name of an interface, of at most 15 bytes, found \"a/b\"", 0},
        {"linux.netDevices", "{\"e%d\":{}}",
         "linux.netDevices: expected the name of an interface, of at most 15 bytes, found \"e%d\"", 0},
        {"linux.netDevices", "{\"eth0\":{\"name\":\"0123456789abcdef\"}}",
         "linux.netDevices.eth0.name: expected the name of an interface, of at most 15 bytes, found "
         "\"0123456789abcdef\"",
         0},
        {"linux.netDevices", "{\"eth0\":{\"name\":\"e%s\"}}",
         "linux.netDevices.eth0.name: expected the name of an interface, of at most 15 bytes, found \"e%s\"",
         0},
        {"linux.netDevices", "{\"a\":{\"name\":\"b\"},\"b\":{}}",
         "linux.netDevices.b: expected each name once, found \"b\" for a too", 0},
        {"mounts", "[{\"destination\":\"/a\",\"uidMappings\":[" MAP("0", "0", "1") "]}]",
         "mounts[0].gidMappings: expected mappings, since mounts[0].uidMappings has some, found nothing", 0},
        {"mounts",
         "[{\"destination\":\"/a\",\"gidMappings\":[" MAP("0", "0", "2") "," MAP(
             "1", "5", "1") "],"
                            "\"uidMappings\":[" MAP("0", "0", "1") "]}]",
         "mounts[0].gidMappings[1]: expected container ids of its own, found some that "
         "mounts[0].gidMappings[0] has",
         0},
        {"linux.devices", "[{\"type\":\"c\",\"path\":\"/dev/x\"}]",
         "linux.devices[0].major: expected a device number, since the type is \"c\", found nothing", 0},
        {"linux.devices", "[{\"type\":\"b\",\"path\":\"/dev/x\",\"major\":1}]",
         "linux.devices[0].minor: expected a device number, since the type is \"b\", found nothing", 0},
        {"linux.seccomp", SECCOMP("\"defaultErrnoRet\":1"),
         "linux.seccomp.defaultErrnoRet: expected nothing, since the action returns no errno, found 1", 0},
        {"linux.seccomp",
         SECCOMP("\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_KILL_PROCESS\",\"errnoRet\":1}]"),
         "linux.seccomp.syscalls[0].errnoRet: expected nothing, since the action returns no errno, found 1",
         0},
        {"linux.seccomp",
         SECCOMP("\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":4096}]"),
         "linux.seccomp.syscalls[0].errnoRet: expected an errno up to 4095, found 4096", 0},
        {"linux.seccomp", SECCOMP("\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_NOTIFY\"}]"),
         "linux.seccomp.listenerPath: expected a socket's path, since SCMP_ACT_NOTIFY is used, found nothing",
         0},
        {"linux.seccomp", SECCOMP("\"listenerMetadata\":\"x\""),
         "linux.seccomp.listenerMetadata: expected nothing without listenerPath, found a string", 0},
    };

    (void)state;
    check_bad(cases, ARRAY_SIZE(cases));
}

static void test_host_name_needs_uts(void **state)
{
    static const char *const names[] = {"hostname", "domainname"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_cjson_ cJSON *json = changed(names[i], "\"x\"");
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_free_ char *text =
            str_printf("%s: expected a uts namespace in linux.namespaces, found none", names[i]);
        _cleanup_free_ char *hint =
            str_printf("add {\"type\": \"uts\"} to linux.namespaces, or remove %s", names[i]);
        struct oci_config *config = NULL;

        set(json, "linux.namespaces", "[]");
        assert_int_equal(oci_config_parse(json, &config, &err), -EINVAL);
        assert_string_equal(error_text(&err), text);
        assert_string_equal(err.hint, hint);
        /* A joined one will do, as podman's pods have it. */
        set(json, "linux.namespaces", "[{\"type\":\"uts\",\"path\":\"/proc/1/ns/uts\"}]");
        oci_config_free(parse_good(json));
        /* And an empty name is none. */
        set(json, names[i], "\"\"");
        set(json, "linux.namespaces", "[]");
        oci_config_free(parse_good(json));
    }
}

static void test_bad_maps(void **state)
{
    static const struct {
        const char *maps;
        const char *message;
    } cases[] = {
        {MAP("0", "4294967295", "1"),
         "linux.uidMappings[0]: expected a range up to id 4294967294, found 1 ids from 4294967295"},
        {MAP("4294967290", "0", "6"),
         "linux.uidMappings[0]: expected a range up to id 4294967294, found 6 ids from 4294967290"},
        {MAP("1", "0", "4294967295"),
         "linux.uidMappings[0]: expected a range up to id 4294967294, found 4294967295 ids from 1"},
        {MAP("0", "0", "10") "," MAP("9", "100", "1"),
         "linux.uidMappings[1]: expected container ids of its own, found some that linux.uidMappings[0] has"},
        {MAP("0", "100", "10") "," MAP("10", "109", "5"),
         "linux.uidMappings[1]: expected host ids of its own, found some that linux.uidMappings[0] has"},
        {MAP("100", "100", "1") "," MAP("0", "0", "1") "," MAP("50", "1000", "60"),
         "linux.uidMappings[2]: expected container ids of its own, found some that linux.uidMappings[0] has"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_cjson_ cJSON *json = changed("linux.gidMappings", "[" MAP("0", "0", "4294967295") "]");
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_free_ char *maps = str_printf("[%s]", cases[i].maps);
        struct oci_config *config = NULL;
        set(json, "linux.uidMappings", maps);
        assert_int_equal(oci_config_parse(json, &config, &err), -EINVAL);
        assert_string_equal(error_text(&err), cases[i].message);
    }
}

static void test_many_maps(void **state)
{
    _cleanup_strbuf_ struct strbuf maps = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    struct oci_config *config = NULL;

    (void)state;
    for (int i = 0; i < 341; i++) {
        if (i == 340) { /* as many as the kernel takes */
            _cleanup_free_ char *list = str_printf("[%s]", maps.data);
            _cleanup_cjson_ cJSON *json = changed("linux.uidMappings", list);
            set(json, "linux.gidMappings", list);
            config = parse_good(json);
            assert_int_equal(config->linux_.gid_mappings.count, 340);
            assert_int_equal(config->linux_.gid_mappings.items[339].host_id, 1339);
            oci_config_free(config);
            config = NULL;
        }
        strbuf_addf(&maps, "%s{\"containerID\":%d,\"hostID\":%d,\"size\":1}", i ? "," : "", i, i + 1000);
    }
    _cleanup_free_ char *list = str_printf("[%s]", maps.data);
    _cleanup_cjson_ cJSON *json = changed("linux.uidMappings", list);
    set(json, "linux.gidMappings", "[" MAP("0", "0", "1") "]");
    assert_int_equal(oci_config_parse(json, &config, &err), -EINVAL);
    assert_string_equal(error_text(&err), "linux.uidMappings: expected at most 340 mappings, found 341");
}

#define NOT_YET ": not supported by this version of bryo"

static void test_not_yet(void **state)
{
    static const struct bad cases[] = {
        {"linux.personality", "{\"domain\":\"LINUX\",\"flags\":[\"x\"]}", "linux.personality.flags" NOT_YET,
         ENOTSUP},
    };

    (void)state;
    check_bad(cases, ARRAY_SIZE(cases));
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_cjson_ cJSON *json = changed(cases[i].path, cases[i].value);
        _cleanup_error_ struct error err = ERROR_INIT;
        struct oci_config *config = NULL;
        assert_int_equal(oci_config_parse(json, &config, &err), -ENOTSUP);
        assert_non_null(err.hint);
        /* A mistake elsewhere is told first. */
        set(json, "process.rlimits", "[{\"type\":\"RLIMIT_AS\",\"soft\":2,\"hard\":1}]");
        assert_int_equal(oci_config_parse(json, &config, &err), -EINVAL);
        assert_string_equal(error_text(&err),
                            "process.rlimits[0].soft: expected at most the hard limit 1, found 2");
    }
}

static void test_misspelt_hint(void **state)
{
    _cleanup_cjson_ cJSON *json = changed("process.cwd", NULL);
    _cleanup_error_ struct error err = ERROR_INIT;
    struct oci_config *config = NULL;

    (void)state;
    set(json, "process.cdw", "\"/\"");
    assert_int_equal(oci_config_parse(json, &config, &err), -EINVAL);
    assert_string_equal(err.hint,
                        "there is \"cdw\", which the specification does not know: a misspelt \"cwd\"?");
}

static void test_not_an_object(void **state)
{
    static const char *const documents[][2] = {
        {"[]", "the document: expected an object, found an empty list"},
        {"7", "the document: expected an object, found 7"},
        {"null", "the document: expected an object, found null"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
        _cleanup_cjson_ cJSON *json = parse_json(documents[i][0]);
        _cleanup_error_ struct error err = ERROR_INIT;
        struct oci_config *config = NULL;
        assert_int_equal(oci_config_parse(json, &config, &err), -EINVAL);
        assert_string_equal(error_text(&err), documents[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_values),          cmocka_unit_test(test_bad_combinations),
        cmocka_unit_test(test_host_name_needs_uts), cmocka_unit_test(test_bad_maps),
        cmocka_unit_test(test_many_maps),           cmocka_unit_test(test_not_yet),
        cmocka_unit_test(test_misspelt_hint),       cmocka_unit_test(test_not_an_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
