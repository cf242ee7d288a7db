/*
 * security_drop: what a program that was executed behind it really has, by its /proc/self/status.
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "security/security.h"
#include "test_security_child.h"

#define BIT(cap) (UINT64_C(1) << (cap))

struct setup {
    bool host;       /* no user namespace: for root */
    unsigned inside; /* the own id in the new one */
    bool nnp;
    bool caps_absent;
    uint64_t bounding, permitted, effective, inheritable, ambient;
    unsigned uid, gid;
    uint32_t groups[4];
    size_t n_groups;
    int umask;          /* -1: absent */
    const char *denied; /* system calls that the filter kills for, in one rule */
    bool filter;
    const char *error;   /* expected text; NULL: must succeed */
    uint64_t drop_first; /* bounding capabilities that the caller itself lacks */
};

static void compile_filter(const char *denied, struct seccomp_filter *f)
{
    static char *names[] = {(char *)"capset", (char *)"prctl", (char *)"setresuid", (char *)"setgroups",
                            NULL};
    struct oci_seccomp_rule rule = {.names = names, .action = (int)SECCOMP_RET_KILL_PROCESS};
    struct oci_seccomp s = {.default_action = (int)SECCOMP_RET_ALLOW, .rules = {&rule, denied ? 1 : 0}};
    _cleanup_error_ struct error err = ERROR_INIT;

    if (seccomp_compile(&s, f, NULL, &err) < 0) {
        fprintf(stderr, "%s\n", error_text(&err));
        _exit(1);
    }
}

/* Child: prepares, drops, and shows what is left. */
static void drop_and_show(const void *arg)
{
    const struct setup *s = arg;
    struct oci_capabilities caps = {.bounding = {true, s->bounding},
                                    .permitted = {true, s->permitted},
                                    .effective = {true, s->effective},
                                    .inheritable = {s->inheritable != 0, s->inheritable},
                                    .ambient = {s->ambient != 0, s->ambient}};
    struct oci_process process = {.user = {.uid = s->uid, .gid = s->gid},
                                  .capabilities = s->caps_absent ? NULL : &caps,
                                  .no_new_privileges = s->nnp};
    struct seccomp_filter filter = {0};
    struct drop_plan plan = {.process = &process, .agent_fd = -EBADF, .setgroups_denied = !s->host};
    struct error err = ERROR_INIT;

    process.user.additional_gids.items = (uint32_t *)s->groups;
    process.user.additional_gids.count = s->n_groups;
    if (s->umask >= 0)
        process.user.umask = (struct opt_u32){true, (uint32_t)s->umask};
    umask(027);
    if (!s->host)
        enter_userns(s->inside);
    if (s->filter) {
        compile_filter(s->denied, &filter);
        plan.filter = &filter;
    }
    for (int cap = 0; cap < 64; cap++)
        if (s->drop_first & BIT(cap))
            CHECK(prctl(PR_CAPBSET_DROP, cap) == 0);
    int r = security_drop(&plan, &err);
    if (s->error) {
        CHECK(r < 0 && r == -err.code);
        CHECK_TEXT(&err, s->error);
        return;
    }
    if (r < 0) {
        fprintf(stderr, "security_drop: %s\n", error_text(&err));
        _exit(1);
    }
    execl("/bin/cat", "cat", "/proc/self/status", NULL);
    _exit(126);
}

/* The value of "Name:\tvalue" as hexadecimal. */
static uint64_t field(const char *status, const char *name)
{
    char key[32];

    snprintf(key, sizeof key, "\n%s:\t", name);
    const char *at = strstr(status, key);
    if (!at)
        fail_msg("no %s in the status", name);
    return at ? strtoull(at + strlen(key), NULL, 16) : 0;
}

static void assert_line(const char *status, const char *line)
{
    if (!strstr(status, line))
        fail_msg("no \"%s\" in:\n%s", line, status);
}

static void assert_caps(const char *status, uint64_t inh, uint64_t prm, uint64_t eff, uint64_t bnd,
                        uint64_t amb)
{
    assert_int_equal(field(status, "CapInh"), inh);
    assert_int_equal(field(status, "CapPrm"), prm);
    assert_int_equal(field(status, "CapEff"), eff);
    assert_int_equal(field(status, "CapBnd"), bnd);
    assert_int_equal(field(status, "CapAmb"), amb);
}

static const struct setup plain = {.umask = -1};

static void no_capabilities(void **state)
{
    _cleanup_free_ char *status = NULL;
    struct setup s = plain;

    (void)state;
    s.caps_absent = true;
    EXPECT_CHILD_OK(run_child(drop_and_show, &s, &status));
    assert_caps(status, 0, 0, 0, 0, 0);
    assert_int_equal(field(status, "NoNewPrivs"), 0);
    assert_line(status, "\nUid:\t0\t0\t0\t0\n");
    assert_line(status, "\nUmask:\t0022\n");
}

/* CVE-2022-27650: nothing is inheritable unless asked for. */
static void bounding_only(void **state)
{
    _cleanup_free_ char *status = NULL;
    struct setup s = plain;
    uint64_t some = BIT(CAP_CHOWN) | BIT(CAP_KILL) | BIT(CAP_AUDIT_READ);

    (void)state;
    s.bounding = s.permitted = s.effective = some;
    s.umask = 077;
    s.nnp = true;
    EXPECT_CHILD_OK(run_child(drop_and_show, &s, &status));
    assert_caps(status, 0, some, some, some, 0);
    assert_int_equal(field(status, "NoNewPrivs"), 1);
    assert_line(status, "\nUmask:\t0077\n");
}

static void ambient_for_a_user(void **state)
{
    _cleanup_free_ char *status = NULL;
    struct setup s = plain;
    uint64_t net = BIT(CAP_NET_BIND_SERVICE);

    (void)state;
    s.inside = s.uid = s.gid = 1000;
    s.bounding = net | BIT(CAP_CHOWN);
    s.permitted = s.effective = net | BIT(CAP_CHOWN);
    s.inheritable = s.ambient = net;
    EXPECT_CHILD_OK(run_child(drop_and_show, &s, &status));
    assert_caps(status, net, net, net, net | BIT(CAP_CHOWN), net);
    assert_line(status, "\nUid:\t1000\t1000\t1000\t1000\n");
}

/* The filter kills for every call that giving up rights takes: so none may come behind it. */
static void nothing_behind_the_filter(void **state)
{
    (void)state;
    for (int nnp = 0; nnp < 2; nnp++) {
        _cleanup_free_ char *status = NULL;
        struct setup s = plain;
        s.inside = s.uid = s.gid = nnp ? 0 : 1000;
        s.nnp = nnp;
        s.bounding = BIT(CAP_CHOWN) | BIT(CAP_KILL);
        s.permitted = s.effective = s.inheritable = s.ambient = BIT(CAP_KILL);
        s.filter = true;
        s.denied = "all";
        EXPECT_CHILD_OK(run_child(drop_and_show, &s, &status));
        /* A user gets the ambient set, uid 0 with no_new_privs nothing that it did not have. No CAP_SYS_ADMIN
         * is left. */
        uint64_t kill = BIT(CAP_KILL);
        assert_caps(status, kill, kill, kill, s.bounding, kill);
        assert_int_equal(field(status, "NoNewPrivs"), nnp);
        assert_int_equal(field(status, "Seccomp"), 2);
    }
}

/* uid 0 without no_new_privs: execve gives the bounding set, and the CAP_SYS_ADMIN that loading took is not
 * in it. */
static void root_gets_the_bounding_set(void **state)
{
    _cleanup_free_ char *status = NULL;
    struct setup s = plain;

    (void)state;
    s.bounding = BIT(CAP_CHOWN) | BIT(CAP_KILL);
    s.filter = true;
    s.denied = "all";
    EXPECT_CHILD_OK(run_child(drop_and_show, &s, &status));
    assert_caps(status, 0, s.bounding, s.bounding, s.bounding, 0);
    assert_int_equal(field(status, "Seccomp"), 2);
}

static void expect_error(struct setup s, const char *text)
{
    s.error = text;
    EXPECT_CHILD_OK(run_child(drop_and_show, &s, NULL));
}

static void ids_that_are_not_mapped(void **state)
{
    struct setup s = plain;

    (void)state;
    s.uid = 1000;
    expect_error(s, "process.user.uid: 1000 is not mapped in the user namespace");
    s = plain;
    s.gid = 7;
    expect_error(s, "process.user.gid: 7 is not mapped in the user namespace");
    s = plain;
    s.n_groups = 1;
    s.groups[0] = 5;
    expect_error(
        s, "process.user.additionalGids: the user namespace may not set groups (setgroups is \"deny\")");
}

static void capability_sets_that_cannot_be(void **state)
{
    struct setup s = plain;

    (void)state;
    s.permitted = BIT(CAP_KILL);
    s.effective = BIT(CAP_KILL) | BIT(CAP_CHOWN);
    expect_error(s, "process.capabilities.effective: CAP_CHOWN is not in process.capabilities.permitted");
    s = plain;
    s.bounding = s.permitted = BIT(CAP_KILL);
    s.ambient = BIT(CAP_KILL);
    expect_error(s, "process.capabilities.ambient: CAP_KILL is not in process.capabilities.inheritable");
    s = plain;
    s.inheritable = BIT(CAP_KILL);
    expect_error(s, "process.capabilities.inheritable: CAP_KILL is not in process.capabilities.bounding");
    s = plain;
    s.drop_first = BIT(CAP_SYS_TIME);
    s.bounding = BIT(CAP_SYS_TIME) | BIT(CAP_KILL);
    expect_error(
        s, "process.capabilities.bounding: CAP_SYS_TIME cannot be granted, bryo does not hold it itself");
    s = plain;
    s.permitted = BIT(63);
    expect_error(
        s, "process.capabilities.permitted: capability 63 cannot be granted, bryo does not hold it itself");
}

static bool need_root(void)
{
    if (geteuid() == 0)
        return true;
    print_message("only root has more than one id without helpers\n");
    return false;
}

static void real_ids_and_groups(void **state)
{
    _cleanup_free_ char *status = NULL;
    struct setup s = plain;

    (void)state;
    if (!need_root())
        skip();
    s.host = true;
    s.uid = 12345;
    s.gid = 23456;
    s.groups[0] = 5;
    s.groups[1] = 4000000000u;
    s.n_groups = 2;
    s.bounding = s.permitted = s.effective = s.inheritable = s.ambient = BIT(CAP_CHOWN);
    s.filter = true;
    s.denied = "all";
    EXPECT_CHILD_OK(run_child(drop_and_show, &s, &status));
    assert_line(status, "\nUid:\t12345\t12345\t12345\t12345\n");
    assert_line(status, "\nGid:\t23456\t23456\t23456\t23456\n");
    assert_line(status, "\nGroups:\t5 4000000000 \n");
    assert_caps(status, s.bounding, s.bounding, s.bounding, s.bounding, s.bounding);
    assert_int_equal(field(status, "NoNewPrivs"), 0);
    free(TAKE_PTR(status));

    s.n_groups = 0;
    s.ambient = s.inheritable = 0;
    EXPECT_CHILD_OK(run_child(drop_and_show, &s, &status));
    assert_line(status, "\nGroups:\t \n");
    assert_caps(status, 0, 0, 0, s.bounding, 0);
}

static void unmapped_group(const void *arg)
{
    const uint32_t groups[] = {0, 77};
    struct oci_process process = {0};
    struct drop_plan plan = {.process = &process, .agent_fd = -EBADF};
    struct error err = ERROR_INIT;
    int sync[2];

    (void)arg;
    /* Who has CAP_SETGID outside may map without denying setgroups; the process itself then does it through
     * its child. */
    CHECK(pipe(sync) == 0);
    pid_t parent = getpid();
    pid_t helper = fork();
    if (helper == 0) {
        char path[64], c;
        CHECK(read(sync[0], &c, 1) == 1);
        snprintf(path, sizeof path, "/proc/%d/uid_map", parent);
        write_proc(path, "0 0 1\n");
        snprintf(path, sizeof path, "/proc/%d/gid_map", parent);
        write_proc(path, "0 0 1\n");
        _exit(0);
    }
    CHECK(unshare(CLONE_NEWUSER) == 0);
    CHECK(write(sync[1], "x", 1) == 1);
    CHECK(waitpid(helper, NULL, 0) == helper);
    process.user.additional_gids.items = (uint32_t *)groups;
    process.user.additional_gids.count = 2;
    CHECK(security_drop(&plan, &err) == -EINVAL);
    CHECK_TEXT(&err, "process.user.additionalGids: 77 is not mapped in the user namespace");
    CHECK(strstr(err.hint, "linux.gidMappings") && strstr(err.hint, "/etc/subgid"));
    error_clear(&err);
}

static void unmapped_groups(void **state)
{
    (void)state;
    if (!need_root())
        skip();
    EXPECT_CHILD_OK(run_child(unmapped_group, NULL, NULL));
}

static void kept_groups(const void *arg)
{
    const gid_t before[] = {3, 9};
    struct oci_process process = {0};
    struct drop_plan plan = {.process = &process, .agent_fd = -EBADF, .keep_groups = true};
    struct error err = ERROR_INIT;
    gid_t now[4];

    (void)arg;
    process.user.additional_gids.items = (uint32_t[]){5};
    process.user.additional_gids.count = 1;
    CHECK(setgroups(2, before) == 0);
    CHECK(security_drop(&plan, &err) == 0);
    CHECK(getgroups(4, now) == 2 && now[0] == 3 && now[1] == 9);
}

static void groups_can_be_kept(void **state)
{
    (void)state;
    if (!need_root())
        skip();
    EXPECT_CHILD_OK(run_child(kept_groups, NULL, NULL));
}

static void death_signal(const void *arg)
{
    struct oci_process process = {.user = {.uid = 1000, .gid = 1000}};
    struct drop_plan plan = {
        .process = &process, .agent_fd = -EBADF, .setgroups_denied = true, .die_with_parent = true};
    struct error err = ERROR_INIT;
    int sig = 0;

    (void)arg;
    enter_userns(1000);
    CHECK(security_drop(&plan, &err) == 0);
    CHECK(prctl(PR_GET_PDEATHSIG, &sig) == 0 && sig == SIGKILL);
}

static void death_signal_survives(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(death_signal, NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_capabilities),
        cmocka_unit_test(bounding_only),
        cmocka_unit_test(ambient_for_a_user),
        cmocka_unit_test(nothing_behind_the_filter),
        cmocka_unit_test(root_gets_the_bounding_set),
        cmocka_unit_test(ids_that_are_not_mapped),
        cmocka_unit_test(capability_sets_that_cannot_be),
        cmocka_unit_test(real_ids_and_groups),
        cmocka_unit_test(unmapped_groups),
        cmocka_unit_test(groups_can_be_kept),
        cmocka_unit_test(death_signal_survives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
