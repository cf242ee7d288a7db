/* Id maps: what is computed, what config.json may ask for, and that the kernel takes it. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/syscalls.h"
#include "userns/idmap.h"
#include "userns/internal.h"

#define NOBODY 65534

/* "0 1000 1;1 100000 65536;" */
static char *text_of(const struct oci_id_map_list *list)
{
    struct strbuf b = {0};

    idmap_format(list, &b);
    for (char *p = b.data; p && *p; p++)
        if (*p == '\n')
            *p = ';';
    return strbuf_take(&b);
}

static struct idmap_side side_of(uint32_t own, const char *held)
{
    struct idmap_side s = {.kind = SUBID_UID, .own = own};

    assert_int_equal(idmap_parse(held, &s.held), 0);
    return s;
}

static void add_range(struct idmap_side *s, uint64_t start, uint64_t count)
{
    s->ranges.items = reallocarray(s->ranges.items, s->ranges.count + 1, sizeof *s->ranges.items);
    assert_non_null(s->ranges.items);
    s->ranges.items[s->ranges.count++] = (struct subid_range){start, count};
}

#define ALL "         0          0 4294967295\n"

static void expect(struct idmap_side *s, const char *want)
{
    struct oci_id_map_list list = {0};

    assert_int_equal(idmap_compute(s, &list), 0);
    _cleanup_free_ char *got = text_of(&list);
    free(list.items);
    idmap_side_free(s);
    assert_string_equal(got, want);
}

static void ranges_follow_the_own_id(void **state)
{
    (void)state;
    struct idmap_side s = side_of(1000, ALL);
    add_range(&s, 100000, 65536);
    expect(&s, "0 1000 1;1 100000 65536;");

    s = side_of(1000, ALL);
    add_range(&s, 100000, 10);
    add_range(&s, 200000, 20);
    expect(&s, "0 1000 1;1 100000 10;11 200000 20;");

    s = side_of(1000, ALL);
    expect(&s, "0 1000 1;");
}

static void own_id_and_overlaps_are_mapped_once(void **state)
{
    (void)state;
    struct idmap_side s = side_of(1000, ALL);
    add_range(&s, 998, 5);
    expect(&s, "0 1000 1;1 998 2;3 1001 2;");

    s = side_of(1000, ALL);
    add_range(&s, 100, 10);
    add_range(&s, 105, 10);
    add_range(&s, 100, 10);
    add_range(&s, 90, 100);
    expect(&s, "0 1000 1;1 100 10;11 110 5;16 90 10;26 115 75;");
}

static void ranges_are_clamped_to_the_namespace(void **state)
{
    (void)state;
    /* As inside podman: 0 is the user, 1 and up its range; the image's own subuid file promises more. */
    struct idmap_side s = side_of(1000, "0 1000 1\n1 100000 65536\n");
    add_range(&s, 60000, 10000);
    expect(&s, "0 1000 1;1 60000 5537;");

    s = side_of(1000, "0 1000 1\n1 100000 65536\n");
    add_range(&s, 100000, 65536);
    expect(&s, "0 1000 1;");

    /* A range over two lines of the namespace's map stays two lines. */
    s = side_of(5, "0 100 10\n10 500 10\n30 600 10\n");
    add_range(&s, 6, 30);
    expect(&s, "0 5 1;1 6 4;5 10 10;15 30 6;");
}

static void the_last_id_is_never_mapped(void **state)
{
    (void)state;
    struct idmap_side s = side_of(1000, ALL);
    add_range(&s, 1, 4294967295ULL);
    /* 2^32 - 1 means "unchanged" to the kernel. */
    expect(&s, "0 1000 1;1 1 999;1000 1001 4294966294;");
}

static void privilege_maps_all_that_is_held(void **state)
{
    (void)state;
    struct idmap_side s = side_of(0, ALL);
    s.privileged = true;
    expect(&s, "0 0 4294967295;");

    s = side_of(0, "0 1000 1\n1 100000 65536\n");
    s.privileged = true;
    expect(&s, "0 0 1;1 1 65536;");
}

/* The kernel takes a map in one write of less than a page. */
static void very_many_ranges_fit(void **state)
{
    struct idmap_side s = side_of(1000, ALL);
    struct oci_id_map_list list = {0};
    struct strbuf text = {0};

    (void)state;
    for (uint64_t i = 0; i < 2000; i++)
        add_range(&s, 4000000000ULL + 100 * i, 10);
    assert_int_equal(idmap_compute(&s, &list), 0);
    idmap_format(&list, &text);
    assert_true(list.count > 100 && list.count <= IDMAP_LINES_MAX);
    assert_true(text.len < 4096);
    strbuf_free(&text);
    free(list.items);
    idmap_side_free(&s);
}

static void map_files_are_parsed_strictly(void **state)
{
    static const char *const bad[] = {"x", "1 2", "1 2 x\n", "1 2 3 4\n", "1 2 3\n\n"};
    struct oci_id_map_list list = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(idmap_parse(bad[i], &list), -EINVAL);
    assert_int_equal(idmap_parse("", &list), 0);
    assert_int_equal(list.count, 0);
}

static void container_ids_are_translated(void **state)
{
    struct oci_id_map items[] = {{0, 1000, 1}, {1, 100000, 65536}, {70000, 4294967290U, 5}};
    const struct oci_id_map_list list = {items, ARRAY_SIZE(items)};
    uint32_t host = 7;

    (void)state;
    assert_int_equal(idmap_to_host(&list, 0, &host), 0);
    assert_int_equal(host, 1000);
    assert_int_equal(idmap_to_host(&list, 65536, &host), 0);
    assert_int_equal(host, 165535);
    assert_int_equal(idmap_to_host(&list, 70004, &host), 0);
    assert_int_equal(host, 4294967294U);
    host = 7;
    assert_int_equal(idmap_to_host(&list, 65537, &host), -ERANGE);
    assert_int_equal(idmap_to_host(&list, 70005, &host), -ERANGE);
    assert_int_equal(idmap_to_host(&list, UINT32_MAX, &host), -ERANGE);
    assert_int_equal(host, 7);
}

/* config.json: what is refused, and in which words. */
static void config_is_checked(void **state)
{
    static const struct {
        bool privileged;
        const char *held;
        struct oci_id_map items[2];
        size_t count;
        int code;
        bool helper;
        const char *text, *hint;
    } cases[] = {
        {false, ALL, {{0, 1000, 1}}, 1, 0, false, NULL, NULL},
        {false, ALL, {{0, 1000, 1}, {1, 100000, 65536}}, 2, 0, true, NULL, NULL},
        {false, ALL, {{0, 100000, 1}}, 1, 0, true, NULL, NULL},
        {true, ALL, {{0, 5, 1000}}, 1, 0, false, NULL, NULL},
        {false, ALL, {{0}}, 0, -EINVAL, false, "linux.uidMappings: missing", NULL},
        {false,
         ALL,
         {{0, 1000, 0}},
         1,
         -EINVAL,
         false,
         "linux.uidMappings[0].size: expected at least 1, found 0",
         NULL},
        {false,
         ALL,
         {{0, 1000, 1}, {0, 100000, 5}},
         2,
         -EINVAL,
         false,
         "linux.uidMappings[1]: its container ids overlap those of linux.uidMappings[0]",
         NULL},
        {false,
         ALL,
         {{0, 100000, 10}, {10, 100009, 5}},
         2,
         -EINVAL,
         false,
         "linux.uidMappings[1]: its host ids overlap those of linux.uidMappings[0]",
         NULL},
        {false,
         ALL,
         {{0, 4294967295U, 1}},
         1,
         -EINVAL,
         false,
         "linux.uidMappings[0]: the range ends beyond the highest id 4294967294",
         NULL},
        {false,
         ALL,
         {{0, 1000, 1}, {1, 100000, 65537}},
         2,
         -EPERM,
         false,
         "linux.uidMappings[1]: host ids 100000-165536: \"alice\" may not map them: /etc/subuid delegates "
         "the user "
         "ids 100000-165535, and the own id is 1000",
         "sudo usermod --add-subuids 100000-165536 --add-subgids 100000-165536 alice"},
        {false,
         ALL,
         {{0, 0, 1}},
         1,
         -EPERM,
         false,
         "linux.uidMappings[0]: host id 0: \"alice\" may not map it: /etc/subuid delegates the user ids "
         "100000-165535, and the own id is 1000",
         "ids of the host's own accounts are not for containers"},
        {false,
         "0 1000 1\n1 100000 65536\n",
         {{0, 1000, 1}, {1, 100000, 10}},
         2,
         -EPERM,
         false,
         "linux.uidMappings[1]: host ids 100000-100009: not in the user namespace bryo runs in, which holds "
         "the "
         "user ids 0, 1-65536",
         "bryo itself runs in a container"},
        {true,
         "0 1000 1\n1 100000 65536\n",
         {{0, 100000, 1}},
         1,
         -EPERM,
         false,
         "linux.uidMappings[0]: host id 100000: not in the user namespace bryo runs in",
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct idmap_side s = side_of(1000, cases[i].held);
        struct oci_id_map items[2];
        memcpy(items, cases[i].items, sizeof items);
        const struct oci_id_map_list wanted = {items, cases[i].count};
        bool helper = false;
        add_range(&s, 100000, 65536);
        s.privileged = cases[i].privileged;
        int r = idmap_check_config(&s, &wanted, "/etc/subuid", "alice", &helper, &err);
        idmap_side_free(&s);
        assert_int_equal(r, cases[i].code);
        if (cases[i].text && !strstr(error_text(&err), cases[i].text))
            fail_msg("case %zu: \"%s\" is not in \"%s\"", i, cases[i].text, error_text(&err));
        if (cases[i].hint && (!err.hint || !strstr(err.hint, cases[i].hint)))
            fail_msg("case %zu: \"%s\" is not in the hint \"%s\"", i, cases[i].hint,
                     err.hint ? err.hint : "");
        if (r == 0)
            assert_int_equal(helper, cases[i].helper);
    }
}

/* Two ranges that adjoin serve one mapping, as for newuidmap. */
static void adjoining_ranges_count_as_one(void **state)
{
    (void)state;
    struct idmap_side s = side_of(1000, ALL);
    add_range(&s, 110, 10);
    add_range(&s, 100, 10);
    assert_true(idmap_is_delegated(&s.ranges, 100, 20));
    assert_true(idmap_is_delegated(&s.ranges, 105, 10));
    assert_false(idmap_is_delegated(&s.ranges, 100, 21));
    assert_false(idmap_is_delegated(&s.ranges, 99, 2));
    idmap_side_free(&s);
}

/* Helpers that would be of no use are told before they are started. */
static void useless_helpers_are_explained(void **state)
{
    char dir[] = "/tmp/bryo-test-idmap-XXXXXX", file[64];
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *path = NULL;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/newuidmap", dir);
    assert_int_equal(idmap_find_helper_in(SUBID_UID, dir, &path, &err), -ENOENT);
    assert_non_null(strstr(error_text(&err), "newuidmap is not in $PATH (/tmp/bryo-test-idmap-"));
    assert_non_null(strstr(err.hint, "sudo apt-get install uidmap"));

    int fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    assert_return_code(fd, errno);
    close(fd);
    assert_int_equal(idmap_find_helper_in(SUBID_UID, dir, &path, &err), -EPERM);
    assert_non_null(
        strstr(error_text(&err), "newuidmap\" is neither setuid root nor has it file capabilities"));
    assert_non_null(strstr(err.hint, "sudo setcap cap_setuid+ep"));
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(dir), 0);
    assert_null(path);
}

/* Runs @test in a child, as nobody if we are root. The child's exit status is the result; 77 skips. */
static void as_user(int (*test)(void))
{
    pid_t pid = fork();
    int status;

    assert_return_code(pid, errno);
    if (pid == 0) {
        if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
                               setresuid(NOBODY, NOBODY, NOBODY) < 0))
            _exit(77);
        /* What changed its ids is not dumpable, and /proc/PID of its children would be root's. */
        prctl(PR_SET_DUMPABLE, 1);
        _exit(test());
    }
    assert_int_equal(process_wait(pid, &status), 0);
    if (status == 77 << 8) {
        print_message("skipped: no user namespace can be made here (bryo check tells why)\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static int report(const char *what, const struct error *err)
{
    fprintf(stderr, "%s: %s%s%s\n", what, error_text(err), err->hint ? "; hint: " : "",
            err->hint ? err->hint : "");
    return 1;
}

/* Is it this machine that forbids user namespaces, not we who failed? */
static bool forbidden(void)
{
    pid_t pid = fork();
    int status;

    if (pid == 0)
        _exit(unshare(CLONE_NEWUSER) < 0);
    return process_wait(pid, &status) < 0 || status != 0;
}

/* Starts a shell as uid 0 of a new namespace and compares what it says. */
static int run_mapped(const struct idmap *map, const char *script, const char *want, bool mount_ns)
{
    char *argv[] = {"/bin/sh", "-c", (char *)(uintptr_t)script, NULL};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *said = NULL;
    int out[2], extra[2], status = -1;
    pid_t pid;

    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(extra, O_CLOEXEC) < 0 || write(extra[1], "kept\n", 5) != 5)
        return 2;
    close(extra[1]);
    const int stdio[3] = {-1, out[1], -1}, keep[2] = {extra[0], out[1]};
    if (userns_spawn(map, argv, NULL, stdio, keep, 2, mount_ns, &pid, &err) < 0)
        return report("userns_spawn", &err);
    close(out[1]);
    close(extra[0]);
    if (fd_read_to_end(out[0], 65536, &said, NULL) < 0 || process_wait(pid, &status) < 0 || status != 0) {
        fprintf(stderr, "status %d, output: %s\n", status, said ? said : "");
        return 3;
    }
    close(out[0]);
    if (want && strcmp(said, want) != 0) {
        fprintf(stderr, "expected:\n%sfound:\n%s", want, said);
        return 4;
    }
    return 0;
}

static int single_test(void)
{
    _cleanup_idmap_ struct idmap map = {0};
    char want[200];

    if (forbidden())
        return 77;
    if (idmap_single(&map, NULL) < 0 || map.uid_helper || map.gid_helper)
        return 5;
    if (geteuid() != 0 && !map.deny_setgroups)
        return 6;
    /* uid, gid, maps, the kept descriptors 3 and 4, and none above (5 is the directory that ls reads). An
     * ordinary user keeps the groups of the login: setgroups(2) is denied where one gid is mapped. */
    snprintf(want, sizeof want, "0 0\n%u %u 1\nkept\n0\n1\n2\n3\n4\n5\n%s", 0U, (unsigned)geteuid(),
             getgroups(0, NULL) == 0 ? "Gr:\n" : "");
    return run_mapped(&map,
                      "echo $(id -u) $(id -g); echo $(cat /proc/self/uid_map); cat <&3; ls /proc/self/fd; "
                      "sed -n 's/^Groups:[[:space:]]*$/Gr:/p' /proc/self/status >&4",
                      want, false);
}

static void single_id_runs(void **state)
{
    (void)state;
    as_user(single_test);
}

/* The whole default of whoever calls, with a mount that the host does not see. */
static int default_test(void)
{
    _cleanup_error_ struct error why = ERROR_INIT, err = ERROR_INIT;
    _cleanup_idmap_ struct idmap map = {0};

    if (forbidden())
        return 77;
    if (idmap_default(&map, &why, &err) < 0)
        return report("idmap_default", &err);
    if ((map.uid_helper && map.gid_helper) == (why.code != 0))
        return 7; /* a reason if and only if something is missing */
    if (why.code && (!strstr(error_text(&why), "will not work") || !why.hint))
        return report("no reason", &why);
    return run_mapped(&map, "test $(id -u) = 0 && mount -t tmpfs bryo-test /tmp && echo mounted", "mounted\n",
                      true);
}

static void default_runs_as_user(void **state)
{
    (void)state;
    as_user(default_test);
}

static void root_maps_everything(void **state)
{
    _cleanup_error_ struct error why = ERROR_INIT, err = ERROR_INIT;
    _cleanup_idmap_ struct idmap map = {0};

    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: needs uid 0\n");
        skip();
    }
    assert_int_equal(idmap_default(&map, &why, &err), 0);
    assert_int_equal(why.code, 0);
    assert_false(map.uid_helper || map.gid_helper || map.deny_setgroups);
    for (size_t i = 0; i < map.uids.count; i++)
        assert_int_equal(map.uids.items[i].container_id, map.uids.items[i].host_id);
    assert_int_equal(run_mapped(&map, "id -u", "0\n", false), 0);
}

static int missing_program_test(void)
{
    char *argv[] = {"/nonexistent/bryo-image", NULL};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_idmap_ struct idmap map = {0};
    const int stdio[3] = {-1, -1, -1};
    pid_t pid = -5;

    if (forbidden())
        return 77;
    if (idmap_single(&map, NULL) < 0)
        return 5;
    if (userns_spawn(&map, argv, NULL, stdio, NULL, 0, false, &pid, &err) != -ENOENT)
        return 6;
    if (strcmp(error_text(&err),
               "run \"/nonexistent/bryo-image\" in a user namespace: execute it: no such file or "
               "directory (ENOENT)") != 0)
        return report("text", &err);
    /* Nothing is left to reap. */
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD && pid == -5 ? 0 : 7;
}

static void spawn_reports_missing_programs(void **state)
{
    (void)state;
    as_user(missing_program_test);
}

/* A map that the caller may not write: told by idmap_start, with the process it was for. */
static int refused_test(void)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct oci_id_map item = {0, 3, 1};
    const struct idmap map = {.uids = {&item, 1}, .gids = {&item, 1}, .deny_setgroups = true};
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    struct idmap_job job;

    if (forbidden())
        return 77;
    _cleanup_pid_ pid_t pid = sys_clone3(&args);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pause();
        _exit(0);
    }
    if (idmap_start(&map, pid, &job, &err) != -EPERM)
        return report("not refused", &err);
    return strstr(error_text(&err), "write the user id map of process") && err.hint ? 0
                                                                                    : report("text", &err);
}

static void refused_maps_are_explained(void **state)
{
    (void)state;
    as_user(refused_test);
}

static void reasons_are_told(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(userns_explain(EUSERS, &err), -EUSERS);
    assert_non_null(strstr(error_text(&err), "create a user namespace: too many users (EUSERS): "));
    assert_non_null(err.hint);
    assert_int_equal(userns_explain(EPERM, &err), -EPERM);
    assert_non_null(strstr(error_text(&err), "create a user namespace: operation not permitted (EPERM): "));
    assert_non_null(err.hint);
    assert_int_equal(userns_explain(EPERM, NULL), -EPERM);

    _cleanup_free_ char *profile = userns_apparmor_profile("/opt/my bryo");
    assert_non_null(strstr(profile, "profile bryo \"/opt/my bryo\" flags=(unconfined) {\n  userns,\n"));
}

/* user.max_user_namespaces of a namespace of our own: the switch that can be turned without root. */
static int limit_test(void)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_idmap_ struct idmap map = {0};
    char self[4096], *argv[] = {self, "explain-limit", NULL};
    const int stdio[3] = {-1, -1, -1};
    int status;
    pid_t pid;

    if (forbidden())
        return 77;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0 || idmap_single(&map, NULL) < 0)
        return 5;
    self[n] = '\0';
    if (access(self, X_OK) < 0)
        return 77; /* the build directory is not open to nobody */
    if (userns_spawn(&map, argv, NULL, stdio, NULL, 0, false, &pid, &err) < 0)
        return report("userns_spawn", &err);
    return process_wait(pid, &status) < 0 || status ? 8 : 0;
}

static int explain_limit(void)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    int fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, "0", 1) != 1)
        return 9;
    if (unshare(CLONE_NEWUSER) == 0)
        return 10;
    userns_explain(errno, &err);
    if (!strstr(error_text(&err), "(ENOSPC): user.max_user_namespaces is 0") ||
        !strstr(err.hint, "sudo sysctl -w user.max_user_namespaces=15000"))
        return report("text", &err);
    return 0;
}

static void the_limit_is_explained(void **state)
{
    (void)state;
    as_user(limit_test);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_follow_the_own_id),
        cmocka_unit_test(own_id_and_overlaps_are_mapped_once),
        cmocka_unit_test(ranges_are_clamped_to_the_namespace),
        cmocka_unit_test(the_last_id_is_never_mapped),
        cmocka_unit_test(privilege_maps_all_that_is_held),
        cmocka_unit_test(very_many_ranges_fit),
        cmocka_unit_test(map_files_are_parsed_strictly),
        cmocka_unit_test(container_ids_are_translated),
        cmocka_unit_test(config_is_checked),
        cmocka_unit_test(adjoining_ranges_count_as_one),
        cmocka_unit_test(useless_helpers_are_explained),
        cmocka_unit_test(single_id_runs),
        cmocka_unit_test(default_runs_as_user),
        cmocka_unit_test(root_maps_everything),
        cmocka_unit_test(spawn_reports_missing_programs),
        cmocka_unit_test(refused_maps_are_explained),
        cmocka_unit_test(reasons_are_told),
        cmocka_unit_test(the_limit_is_explained),
    };

    if (argc > 1 && strcmp(argv[1], "explain-limit") == 0)
        return explain_limit();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
