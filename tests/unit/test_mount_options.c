/* rootfs/mount_options.h: every word of the specification has its effect, and what would be lost is refused.
 */
#include "rootfs/mount_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/syscalls.h"

/* Parses the options in @words (separated by blanks). */
static int parse(const char *type, const char *words, struct mount_plan *plan, struct error *err)
{
    static char buf[512];
    static char *options[32];
    static struct oci_mount mount;
    size_t n = 0;
    char *save = NULL;

    snprintf(buf, sizeof buf, "%s", words);
    for (char *w = strtok_r(buf, " ", &save); w; w = strtok_r(NULL, " ", &save))
        options[n++] = w;
    options[n] = NULL;
    mount = (struct oci_mount){
        .destination = (char *)"/x", .type = (char *)type, .source = (char *)"src", .options = options};
    return mount_plan_parse(&mount, 3, plan, err);
}

static void attributes(void **state)
{
    static const struct {
        const char *words;
        uint64_t set, clr, rset, rclr;
    } cases[] = {
        {"ro", MOUNT_ATTR_RDONLY, 0, 0, 0},
        {"rw", 0, MOUNT_ATTR_RDONLY, 0, 0},
        {"ro rw", 0, MOUNT_ATTR_RDONLY, 0, 0},
        {"rw ro", MOUNT_ATTR_RDONLY, 0, 0, 0},
        {"nosuid nodev noexec nodiratime nosymfollow",
         MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODIRATIME |
             MOUNT_ATTR_NOSYMFOLLOW,
         0, 0, 0},
        {"suid dev exec diratime symfollow", 0,
         MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODIRATIME |
             MOUNT_ATTR_NOSYMFOLLOW,
         0, 0},
        {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, 0, 0},
        {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, 0, 0},
        {"noatime strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, 0, 0},
        {"noatime relatime", 0, MOUNT_ATTR__ATIME, 0, 0},
        {"strictatime atime", 0, MOUNT_ATTR__ATIME, 0, 0},
        {"norelatime", 0, MOUNT_ATTR__ATIME, 0, 0},
        {"nostrictatime", 0, MOUNT_ATTR__ATIME, 0, 0},
        {"rro rnosuid rnodev rnoexec rnodiratime rnosymfollow", 0, 0,
         MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
             MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOSYMFOLLOW,
         0},
        {"rrw rsuid rdev rexec rdiratime rsymfollow", 0, 0, 0,
         MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
             MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOSYMFOLLOW},
        {"rnoatime", 0, 0, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
        {"rstrictatime", 0, 0, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
        {"rrelatime", 0, 0, 0, MOUNT_ATTR__ATIME},
        {"rnorelatime", 0, 0, 0, MOUNT_ATTR__ATIME},
        {"ratime", 0, 0, 0, MOUNT_ATTR__ATIME},
        {"rnostrictatime", 0, 0, 0, MOUNT_ATTR__ATIME},
        {"defaults x-systemd.automount comment=words", 0, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_mount_plan_ struct mount_plan plan = {0};
        _cleanup_error_ struct error err = ERROR_INIT;
        if (parse("bind", cases[i].words, &plan, &err) < 0)
            fail_msg("%s: %s", cases[i].words, error_text(&err));
        if (plan.attr_set != cases[i].set || plan.attr_clr != cases[i].clr ||
            plan.rattr_set != cases[i].rset || plan.rattr_clr != cases[i].rclr)
            fail_msg("%s: set 0x%lx clr 0x%lx rset 0x%lx rclr 0x%lx", cases[i].words, plan.attr_set,
                     plan.attr_clr, plan.rattr_set, plan.rattr_clr);
        assert_null(plan.data);
    }
}

static void superblock(void **state)
{
    _cleanup_mount_plan_ struct mount_plan plan = {0};

    (void)state;
    assert_int_equal(
        parse("ext4", "ro sync dirsync lazytime mand iversion silent nomand data=ordered", &plan, NULL), 0);
    assert_true(plan.sb_readonly);
    assert_int_equal(plan.sb_set, MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME | MS_I_VERSION | MS_SILENT);
    assert_int_equal(plan.sb_clr, MS_MANDLOCK);
    assert_int_equal(strv_len(plan.data), 1);
    assert_string_equal(plan.data[0], "data=ordered");
}

static void orders(void **state)
{
    static const struct {
        const char *name;
        unsigned long flags;
    } propagations[] = {
        {"private", MS_PRIVATE},       {"rprivate", MS_PRIVATE | MS_REC},
        {"shared", MS_SHARED},         {"rshared", MS_SHARED | MS_REC},
        {"slave", MS_SLAVE},           {"rslave", MS_SLAVE | MS_REC},
        {"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE | MS_REC},
    };
    struct mount_plan plan = {0};

    (void)state;
    assert_int_equal(parse("none", "rbind src-nofollow dest-nofollow copy-symlink idmap", &plan, NULL), 0);
    assert_true(plan.bind && plan.recursive && plan.src_nofollow && plan.dest_nofollow && plan.copy_symlink);
    assert_true(plan.idmap && !plan.ridmap && !plan.sb_readonly);
    mount_plan_free(&plan);
    assert_int_equal(parse(NULL, "bind", &plan, NULL), 0);
    assert_true(plan.bind && !plan.recursive);
    mount_plan_free(&plan);
    assert_int_equal(parse("tmpfs", "tmpcopyup size=1m,x noswap", &plan, NULL), 0);
    assert_true(plan.tmpcopyup && strv_len(plan.data) == 2);
    mount_plan_free(&plan);
    /* What a bind mount has no use for is kept, to be warned of. */
    assert_int_equal(parse("bind", "ro mode=755 size=1k", &plan, NULL), 0);
    assert_int_equal(strv_len(plan.data), 2);
    assert_string_equal(plan.data[1], "size=1k");
    mount_plan_free(&plan);
    for (size_t i = 0; i < ARRAY_SIZE(propagations); i++) {
        assert_int_equal(parse("bind", propagations[i].name, &plan, NULL), 0);
        assert_int_equal(plan.propagation, propagations[i].flags);
        assert_int_equal(propagation_from_name(propagations[i].name), propagations[i].flags);
        mount_plan_free(&plan);
    }
    assert_int_equal(propagation_from_name("rw"), 0);
    assert_int_equal(propagation_from_name("upward"), 0);
}

static void refusals(void **state)
{
    static const struct {
        const char *type, *words, *text;
    } cases[] = {
        {"bind", "size=5 readonly", "mounts[3].options[1]: unknown mount option \"readonly\""},
        {"none", "loop rbind", "mounts[3].options[0]: unknown mount option \"loop\""},
        {"tmpfs", "X-mount.mkdir", "mounts[3].options[0]: unknown mount option \"X-mount.mkdir\""},
        {"bind", "sync",
         "mounts[3].options: \"sync\" is a property of a whole file system and has no effect on a bind "
         "mount"},
        {"bind", "idmap ridmap", "mounts[3].options: \"idmap\" and \"ridmap\" exclude each other"},
        {"tmpfs", "idmap", "mounts[3].options: \"idmap\" needs a bind mount"},
        {"tmpfs", "copy-symlink", "mounts[3].options: \"copy-symlink\" needs a bind mount"},
        {"bind", "tmpcopyup", "mounts[3].options: \"tmpcopyup\" needs the type tmpfs"},
        {"proc", "tmpcopyup", "mounts[3].options: \"tmpcopyup\" needs the type tmpfs"},
        {NULL, "ro", "mounts[3].type: missing (only bind mounts can do without)"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct mount_plan plan = {0};
        assert_int_equal(parse(cases[i].type, cases[i].words, &plan, &err), -EINVAL);
        assert_string_equal(error_text(&err), cases[i].text);
        assert_null(plan.data);
    }
}

/* The words the specification lists, all of them. */
static void names(void **state)
{
    static const char *const spec[] = {
        "async",
        "atime",
        "bind",
        "defaults",
        "dev",
        "diratime",
        "dirsync",
        "exec",
        "idmap",
        "iversion",
        "lazytime",
        "loud",
        "mand",
        "noatime",
        "nodev",
        "nodiratime",
        "noexec",
        "noiversion",
        "nolazytime",
        "nomand",
        "norelatime",
        "nostrictatime",
        "nosuid",
        "nosymfollow",
        "private",
        "ratime",
        "rbind",
        "rdev",
        "rdiratime",
        "relatime",
        "remount",
        "rexec",
        "ridmap",
        "rnoatime",
        "rnodev",
        "rnodiratime",
        "rnoexec",
        "rnorelatime",
        "rnostrictatime",
        "rnosuid",
        "rnosymfollow",
        "ro",
        "rprivate",
        "rrelatime",
        "rro",
        "rrw",
        "rshared",
        "rslave",
        "rstrictatime",
        "rsuid",
        "rsymfollow",
        "runbindable",
        "rw",
        "shared",
        "silent",
        "slave",
        "strictatime",
        "suid",
        "symfollow",
        "sync",
        "tmpcopyup",
        "unbindable",
        "copy-symlink",
        "src-nofollow",
        "dest-nofollow",
    };
    const char *const *list = mount_option_names();
    size_t n = 0;

    (void)state;
    for (; list[n]; n++)
        assert_true(n == 0 || strcmp(list[n - 1], list[n]) < 0);
    assert_int_equal(n, ARRAY_SIZE(spec));
    for (size_t i = 0; i < ARRAY_SIZE(spec); i++)
        assert_true(strv_has((char *const *)list, spec[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes), cmocka_unit_test(superblock), cmocka_unit_test(orders),
        cmocka_unit_test(refusals),   cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
