/*
 * Where and when a process runs: scheduling, I/O priority, CPUs, NUMA policy, and the lists they are told by.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/syscalls.h"
#include "security/bitlist.h"
#include "security/security.h"
#include "test_security_child.h"

#define DEADLINE 6

static void lists(void **state)
{
    static const struct {
        const char *text;
        int count;
        unsigned long low; /* the first bits */
    } cases[] = {
        {NULL, 0, 0},         {"", 0, 0},
        {"  ", 0, 0},         {"0", 1, 1},
        {"0-3,7", 5, 0x8f},   {"1, 3 5", 3, 0x2a},
        {"2-2,2", 1, 4},      {"8191", 1, 0},
        {"8192", -ERANGE, 0}, {"0-99999999999", -ERANGE, 0},
        {"3-1", -EINVAL, 0},  {"1-", -EINVAL, 0},
        {"-1", -EINVAL, 0},   {"a", -EINVAL, 0},
        {"0x1", -EINVAL, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bitlist bits;
        assert_int_equal(bitlist_parse(cases[i].text, &bits), cases[i].count);
        if (cases[i].count >= 0)
            assert_int_equal(bits.words[0], cases[i].low);
    }
    struct bitlist bits;
    assert_int_equal(bitlist_parse("0-8191", &bits), 8192);
    assert_true(bits.words[0] == ~0UL && bits.words[ARRAY_SIZE(bits.words) - 1] == ~0UL);
}

/* Gives up what lets root pass. */
static void become_ordinary(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    const struct rlimit zero = {0, 0};

    CHECK(setrlimit(RLIMIT_RTPRIO, &zero) == 0 && setrlimit(RLIMIT_NICE, &zero) == 0);
    CHECK(syscall(SYS_capset, &header, none) == 0);
}

static void set_scheduler(const void *arg)
{
    struct oci_scheduler batch = {.policy = SCHED_BATCH, .nice = 7}, s = {.policy = SCHED_IDLE};
    struct oci_process p = {.scheduler = &batch};
    struct error err = ERROR_INIT;

    (void)arg;
    CHECK(security_check_placement(&p, NULL, &err) == 0 && security_set_placement(&p, NULL, &err) == 0);
    CHECK(sched_getscheduler(0) == SCHED_BATCH && getpriority(PRIO_PROCESS, 0) == 7);
    become_ordinary();
    p.scheduler = &s;
    CHECK(security_set_placement(&p, NULL, &err) == 0 && sched_getscheduler(0) == SCHED_IDLE);
    s = (struct oci_scheduler){.policy = SCHED_RR, .priority = 9};
    CHECK(security_set_placement(&p, NULL, &err) == -EPERM);
    CHECK_TEXT(&err, "process.scheduler: run with SCHED_RR: operation not permitted (EPERM)");
    CHECK(strstr(err.hint, "RLIMIT_RTPRIO of at least 9"));
    s = (struct oci_scheduler){.policy = SCHED_BATCH, .nice = -5};
    CHECK(security_set_placement(&p, NULL, &err) == -EPERM);
    CHECK(strstr(err.hint, "RLIMIT_NICE of at least 25"));
    s = (struct oci_scheduler){.policy = 4};
    CHECK(security_set_placement(&p, NULL, &err) == -EINVAL);
    CHECK_TEXT(&err, "process.scheduler: run with SCHED_ISO: invalid argument (EINVAL)");
    error_clear(&err);
}

static void schedulers(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(set_scheduler, NULL, NULL));
}

static void bad_schedulers(void **state)
{
    static const struct {
        struct oci_scheduler s;
        const char *text;
    } cases[] = {
        {{.policy = SCHED_FIFO}, "process.scheduler.priority: expected 1 to 99 with SCHED_FIFO, found 0"},
        {{.policy = SCHED_OTHER, .priority = 3},
         "process.scheduler.priority: expected none with SCHED_OTHER (SCHED_FIFO and SCHED_RR have one), "
         "found 3"},
        {{.policy = SCHED_RR, .priority = 1, .period = 1},
         "process.scheduler.period: expected none with SCHED_RR, only SCHED_DEADLINE has it"},
        {{.policy = DEADLINE},
         "process.scheduler.runtime: expected at least 1024 nanoseconds with SCHED_DEADLINE"},
        {{.policy = DEADLINE, .runtime = 5000, .deadline = 4000},
         "process.scheduler.deadline: expected at least the runtime's nanoseconds with SCHED_DEADLINE"},
        {{.policy = SCHED_OTHER, .flags = 0x41},
         "process.scheduler.flags: not supported by this version of bryo: SCHED_FLAG_UTIL_CLAMP_MAX"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct oci_scheduler s = cases[i].s;
        struct oci_process p = {.scheduler = &s};
        assert_true(security_check_placement(&p, NULL, &err) < 0);
        assert_string_equal(error_text(&err), cases[i].text);
    }
}

static void set_io_priority(const void *arg)
{
    struct oci_io_priority io = {.class = IOPRIO_CLASS_BE, .priority = 6};
    struct oci_process p = {.io_priority = &io};
    struct error err = ERROR_INIT;

    (void)arg;
    CHECK(security_set_placement(&p, NULL, &err) == 0);
    CHECK(syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0) == (IOPRIO_CLASS_BE << IOPRIO_CLASS_SHIFT | 6));
    become_ordinary();
    io = (struct oci_io_priority){.class = IOPRIO_CLASS_RT};
    CHECK(security_set_placement(&p, NULL, &err) == -EPERM);
    CHECK_TEXT(&err, "process.ioPriority: set IOPRIO_CLASS_RT, priority 0: operation not permitted (EPERM)");
    error_clear(&err);
}

static void io_priorities(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(set_io_priority, NULL, NULL));
}

static void set_affinity(const void *arg)
{
    struct error err = ERROR_INIT;
    cpu_set_t before, after;
    char list[16];
    int first = 0;

    (void)arg;
    CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
    while (!CPU_ISSET(first, &before))
        first++;
    CHECK(security_set_cpu_affinity(NULL, "x", &err) == 0 && security_set_cpu_affinity("", "x", &err) == 0);
    CHECK(sched_getaffinity(0, sizeof after, &after) == 0 && CPU_EQUAL(&before, &after));
    snprintf(list, sizeof list, "%d,8191", first);
    CHECK(security_set_cpu_affinity(list, "x", &err) == 0);
    CHECK(sched_getaffinity(0, sizeof after, &after) == 0 && CPU_COUNT(&after) == 1 &&
          CPU_ISSET(first, &after));
    CHECK(security_set_cpu_affinity("8191", "process.x", &err) == -EINVAL);
    CHECK_TEXT(&err, "process.x: run on the CPUs \"8191\": invalid argument (EINVAL)");
    CHECK(security_set_cpu_affinity("8192", "process.x", &err) == -EINVAL);
    CHECK_TEXT(&err, "process.x: expected CPUs up to 8191, found \"8192\"");
    error_clear(&err);
}

static void affinities(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(set_affinity, NULL, NULL));
}

static void set_memory_policy(const void *arg)
{
    struct oci_memory_policy policy = {.mode = MPOL_BIND, .nodes = (char *)(uintptr_t) "0"};
    struct oci_process p = {0};
    struct error err = ERROR_INIT;
    int mode = -1;

    (void)arg;
    if (syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) < 0) {
        fprintf(stderr, "no NUMA policies here: %s\n", strerror(errno));
        _exit(CHILD_SKIP);
    }
    CHECK(security_check_placement(&p, &policy, &err) == 0);
    CHECK(security_set_placement(&p, &policy, &err) == 0);
    CHECK(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) == 0 && mode == MPOL_BIND);
    policy = (struct oci_memory_policy){.mode = MPOL_DEFAULT};
    CHECK(security_set_placement(&p, &policy, &err) == 0);
    CHECK(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) == 0 && mode == MPOL_DEFAULT);
    policy = (struct oci_memory_policy){.mode = MPOL_BIND, .nodes = (char *)(uintptr_t) "8191"};
    CHECK(security_set_placement(&p, &policy, &err) == -EINVAL);
    CHECK_TEXT(&err, "linux.memoryPolicy: set MPOL_BIND for the nodes \"8191\": invalid argument (EINVAL)");
    error_clear(&err);
}

static void memory_policies(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(set_memory_policy, NULL, NULL));
}

static void bad_memory_policies(void **state)
{
    static const struct {
        int mode;
        const char *nodes, *text;
    } cases[] = {
        {MPOL_LOCAL, "0", "linux.memoryPolicy.nodes: expected none with MPOL_LOCAL, found \"0\""},
        {MPOL_BIND, NULL, "linux.memoryPolicy.nodes: expected at least one with MPOL_BIND, found none"},
        {MPOL_INTERLEAVE, " ",
         "linux.memoryPolicy.nodes: expected at least one with MPOL_INTERLEAVE, found none"},
        {MPOL_BIND, "9000", "linux.memoryPolicy.nodes: expected nodes up to 8191, found \"9000\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct oci_memory_policy policy = {.mode = cases[i].mode, .nodes = (char *)(uintptr_t)cases[i].nodes};
        assert_int_equal(security_check_placement(NULL, &policy, &err), -EINVAL);
        assert_string_equal(error_text(&err), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(schedulers),
        cmocka_unit_test(bad_schedulers),
        cmocka_unit_test(io_priorities),
        cmocka_unit_test(affinities),
        cmocka_unit_test(memory_policies),
        cmocka_unit_test(bad_memory_policies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
