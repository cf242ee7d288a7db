/*
 * The interface of cgroup managers, with a manager of the test's own behind it, and what the verbs make of
 * it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/time.h"
#include "cgroup/cgroup.h"
#include "container/cgroups.h"

/* What the test's manager was told and is to tell. */
static struct {
    bool frozen;
    int oom_fd;
    uint64_t ooms;
    int64_t memory_limit;
} fake;

static int fake_plan(struct cgroup *cg, const struct cgroup_request *req, struct error *err)
{
    cg->path = strdup(req->id);
    return cg->path ? 0 : error_oom(err);
}

static int fake_update(const struct cgroup *cg, const struct oci_resources *resources, struct error *err)
{
    (void)cg;
    (void)err;
    fake.memory_limit = resources->memory->limit.value;
    return 0;
}

static int fake_freeze(const struct cgroup *cg, bool frozen, struct error *err)
{
    (void)cg;
    (void)err;
    fake.frozen = frozen;
    return 0;
}

static int fake_is_frozen(const struct cgroup *cg)
{
    (void)cg;
    return fake.frozen;
}

static int fake_stats(const struct cgroup *cg, cJSON **data, struct error *err)
{
    (void)cg;
    *data = cJSON_CreateObject();
    return json_add_u64(*data, "cpu", 7) < 0 ? error_oom(err) : 0;
}

static int fake_oom_open(const struct cgroup *cg, struct error *err)
{
    (void)cg;
    int fd = dup(fake.oom_fd);
    return fd < 0 ? error_sys(err, errno, "dup") : fd;
}

static int fake_oom_count(const struct cgroup *cg, int fd, uint64_t *count, struct error *err)
{
    uint64_t ignored;

    (void)cg;
    if (fd >= 0 && read(fd, &ignored, sizeof ignored) < 0 && errno != EAGAIN)
        return error_sys(err, errno, "read");
    *count = fake.ooms;
    return 0;
}

static const struct cgroup_manager manager = {
    .name = "fake",
    .plan = fake_plan,
    .update = fake_update,
    .freeze = fake_freeze,
    .is_frozen = fake_is_frozen,
    .stats = fake_stats,
    .oom_open = fake_oom_open,
    .oom_count = fake_oom_count,
};

static void test_none(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_cgroup_ struct cgroup cg = {0};
    const struct cgroup_request req = {.id = "x"};
    const char *const texts = "it has no cgroup (cgroup manager \"disabled\")";
    int fd = -EBADF;
    cJSON *data;
    uint64_t n;

    (void)state;
    assert_int_equal(cgroup_plan(&cg, "disabled", &req, &err), 0);
    assert_ptr_equal(cg.manager, &cgroup_none);
    assert_int_equal(cgroup_make(&cg, &req, &fd, &err), 0);
    assert_int_equal(fd, -EBADF);
    assert_int_equal(cgroup_attach(&cg, &req, &err), 0);
    assert_false(cgroup_exists(&cg));
    assert_string_equal(cgroup_manager_name(&cg), "disabled");
    assert_int_equal(cgroup_clone_fd(&cg, NULL, 1, &err), -EBADF);
    assert_null(err.text);
    assert_int_equal(cgroup_is_frozen(&cg), 0);
    assert_int_equal(cgroup_freeze(&cg, true, &err), -EOPNOTSUPP);
    assert_string_equal(err.text, texts);
    assert_non_null(err.hint);
    assert_int_equal(cgroup_update(&cg, NULL, &err), -EOPNOTSUPP);
    assert_int_equal(cgroup_stats(&cg, &data, &err), -EOPNOTSUPP);
    assert_int_equal(cgroup_oom_open(&cg, &err), -EOPNOTSUPP);
    assert_int_equal(cgroup_oom_count(&cg, -1, &n, &err), -EOPNOTSUPP);
    assert_int_equal(cgroup_processes(&cg, NULL, NULL, &err), -EOPNOTSUPP);
    assert_int_equal(cgroup_kill(&cg, 9, &err), -EOPNOTSUPP);
    assert_int_equal(cgroup_enter(&cg, NULL, 1, 1, &err), -EOPNOTSUPP);
    assert_string_equal(err.text, texts);
    assert_int_equal(cgroup_destroy(&cg, &err), 0);
}

static void test_open(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_cgroup_ struct cgroup cg = {0};

    (void)state;
    assert_int_equal(cgroup_open(&cg, NULL, NULL, &err), 0);
    assert_ptr_equal(cg.manager, &cgroup_none);
    assert_int_equal(cgroup_open(&cg, "disabled", NULL, &err), 0);
    assert_ptr_equal(cg.manager, &cgroup_none);
    assert_int_equal(cgroup_open(&cg, "wood", "/x", &err), -EINVAL);
    assert_string_equal(err.text, "unknown cgroup manager \"wood\"");
    const struct cgroup_request req = {.id = "x"};
    assert_int_equal(cgroup_plan(&cg, "wood", &req, &err), -EINVAL);
    assert_string_equal(err.text, "unknown cgroup manager \"wood\"");
    assert_true(cgroup_manager_known("auto") && cgroup_manager_known("systemd") &&
                !cgroup_manager_known("wood"));
}

static void test_dispatch(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_cgroup_ struct cgroup cg = {.manager = &manager};
    const struct cgroup_request req = {.id = "x"};
    struct oci_memory memory = {.limit = {.set = true, .value = 4096}};
    const struct oci_resources resources = {.memory = &memory};

    (void)state;
    assert_false(cgroup_exists(&cg));
    assert_int_equal(cg.manager->plan(&cg, &req, &err), 0);
    assert_true(cgroup_exists(&cg));
    assert_int_equal(cgroup_freeze(&cg, true, &err), 0);
    assert_int_equal(cgroup_is_frozen(&cg), 1);
    assert_int_equal(cgroup_freeze(&cg, false, &err), 0);
    assert_int_equal(cgroup_is_frozen(&cg), 0);
    assert_int_equal(cgroup_update(&cg, &resources, &err), 0);
    assert_int_equal(fake.memory_limit, 4096);
    /* What the manager lacks is told as such, and not as a missing cgroup. */
    assert_int_equal(cgroup_kill(&cg, 9, &err), -EOPNOTSUPP);
    assert_string_equal(err.text, "the cgroup manager \"fake\" cannot do this");
    assert_int_equal(cgroup_destroy(&cg, &err), 0);
}

/* What came out of cgroup_watch: at the third event the container ends. */
struct seen {
    char types[8][8];
    size_t n;
    int end_fd;
};

static int note(void *sink, const char *type, cJSON *data, struct error *err)
{
    struct seen *seen = sink;
    uint64_t one = 1, cpu = 0;

    (void)err;
    assert_true(seen->n < ARRAY_SIZE(seen->types));
    snprintf(seen->types[seen->n++], sizeof seen->types[0], "%s", type);
    if (strcmp(type, "stats") == 0) {
        assert_int_equal(json_get_u64(cJSON_GetObjectItem(data, "cpu"), &cpu), 0);
        assert_int_equal(cpu, 7);
    } else {
        assert_null(data);
    }
    cJSON_Delete(data);
    if (seen->n == 3)
        assert_int_equal(write(seen->end_fd, &one, sizeof one), sizeof one);
    return 0;
}

static void test_watch(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_cgroup_ struct cgroup cg = {.manager = &manager, .path = strdup("x")};
    _cleanup_close_ int oom = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), end = eventfd(0, EFD_CLOEXEC);
    struct seen seen = {.end_fd = end};
    uint64_t one = 1;

    (void)state;
    assert_true(oom >= 0 && end >= 0);
    fake.oom_fd = oom;
    fake.ooms = 1;
    /* The counter moved before: no event. */
    assert_int_equal(write(oom, &one, sizeof one), sizeof one);
    assert_int_equal(cgroup_watch(&cg, end, -EBADF, 5000000, note, &seen, &err), 0);
    assert_int_equal(seen.n, 3);
    for (size_t i = 0; i < seen.n; i++)
        assert_string_equal(seen.types[i], "stats");
}

/* The sink plays the OOM killer after the first event and stops at the second. */
static int strike(void *sink, const char *type, cJSON *data, struct error *err)
{
    char *types = sink;
    uint64_t one = 1;

    (void)err;
    cJSON_Delete(data);
    strcat(types, type);
    strcat(types, " ");
    if (strcmp(type, "oom") == 0)
        return 1;
    fake.ooms++;
    assert_int_equal(write(fake.oom_fd, &one, sizeof one), sizeof one);
    return 0;
}

static void test_watch_oom(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_cgroup_ struct cgroup cg = {.manager = &manager, .path = strdup("x")};
    _cleanup_close_ int oom = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), end = eventfd(0, EFD_CLOEXEC);
    char types[64] = "";

    (void)state;
    fake.oom_fd = oom;
    fake.ooms = 4;
    assert_int_equal(cgroup_watch(&cg, end, -EBADF, 1000000, strike, types, &err), 1);
    assert_string_equal(types, "stats oom ");
}

/* The cgroup is gone at the end, and with it the counter: what was kept of it is told. */
static void test_watch_kept(void **state)
{
    static const struct {
        const char *kept;
        size_t events;
    } cases[] = {{"", 0}, {"4", 0}, {"5", 1}, {"x", 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_cgroup_ struct cgroup cg = {.manager = &manager, .path = strdup("x")};
        _cleanup_close_ int oom = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), end = eventfd(1, EFD_CLOEXEC);
        _cleanup_close_ int kept = memfd_create("kept", MFD_CLOEXEC);
        struct seen seen = {.end_fd = end};
        assert_true(kept >= 0 && write(kept, cases[i].kept, strlen(cases[i].kept)) >= 0);
        fake.oom_fd = oom;
        fake.ooms = 4;
        assert_int_equal(cgroup_watch(&cg, end, kept, 5000000, note, &seen, &err), 0);
        assert_int_equal(seen.n, cases[i].events);
        for (size_t e = 0; e < seen.n; e++)
            assert_string_equal(seen.types[e], "oom");
    }
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {
        {"0", 0},
        {"5s", 5000000000},
        {"1m30s", 90000000000},
        {"250ms", 250000000},
        {"1.5h", 5400000000000},
        {".5s", 500000000},
        {"1.s", 1000000000},
        {"7us", 7000},
        {"7\u00b5s", 7000},
        {"3ns", 3},
        {"0.1234567891s", 123456789},
        {"2562047h", 2562047ull * 3600000000000ull},
    };
    static const char *const bad[] = {"",    "5",  "s",  "-5s",   "+5s", "5 s",
                                      "5s ", "5d", ".s", "1..5s", "5S",  "5sm"};
    uint64_t ns;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(time_parse_duration(good[i].text, &ns), 0);
        assert_int_equal(ns, good[i].ns);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(time_parse_duration(bad[i], &ns), -EINVAL);
    assert_int_equal(time_parse_duration("2562048h", &ns), -ERANGE);
    assert_int_equal(time_parse_duration("9999999999999999999s", &ns), -ERANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),      cmocka_unit_test(test_open),      cmocka_unit_test(test_dispatch),
        cmocka_unit_test(test_watch),     cmocka_unit_test(test_watch_oom), cmocka_unit_test(test_watch_kept),
        cmocka_unit_test(test_durations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
