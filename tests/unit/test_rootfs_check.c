/* rootfs_check, sysctl_check and rootfs_check_borrowed: what is refused before anything is made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "rootfs_fixture.h"

static void assert_check(const struct oci_config *config, const char *path, int code, const char *text,
                         const char *hint)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    int r = rootfs_check(config, path, &err);

    assert_int_equal(r, -code);
    if (code == 0)
        return;
    assert_string_equal(error_text(&err), text);
    if (!hint) {
        assert_null(err.hint);
    } else if (!err.hint || !strstr(err.hint, hint)) {
        fail_msg("hint: %s, expected: %s", err.hint ? err.hint : "none", hint);
    }
}

static void roots(void **state)
{
    struct box *b = *state;
    struct oci_config *config = scene_config(&(struct scene){0});
    char path[128], text[256];

    assert_check(config, b->root, 0, NULL, NULL);
    snprintf(path, sizeof path, "%s/no/such", b->top);
    snprintf(text, sizeof text, "root.path: open \"%s\": no such file or directory (ENOENT)", path);
    assert_check(config, path, ENOENT, text, "/no\" does not exist");
    box_write(b, "file", "");
    snprintf(path, sizeof path, "%s/file", b->root);
    snprintf(text, sizeof text, "root.path: not a directory: \"%s\": not a directory (ENOTDIR)", path);
    assert_check(config, path, ENOTDIR, text, "file\" is not a directory");
    if (geteuid() != 0) {
        box_mkdir(b, "closed");
        box_mkdir(b, "closed/in");
        assert_int_equal(fchmodat(b->root_fd, "closed", 0600, 0), 0);
        snprintf(path, sizeof path, "%s/closed/in", b->root);
        snprintf(text, sizeof text, "root.path: open \"%s\": permission denied (EACCES)", path);
        assert_check(config, path, EACCES, text, "may not be searched by uid");
        assert_int_equal(fchmodat(b->root_fd, "closed", 0700, 0), 0);
    }
    oci_config_free(config);
}

static void members(void **state)
{
    struct box *b = *state;
    struct oci_config *config = scene_config(&(struct scene){
        .mounts = "{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"y\",\"options\":[\"idmap\"]}"});
    assert_non_null(config);
    assert_check(
        config, b->root, EINVAL,
        "mounts[0]: an idmapped mount needs uidMappings and gidMappings, its own or those of the container's "
        "user namespace",
        NULL);
    oci_config_free(config);
    config = scene_config(&(struct scene){
        .mounts = "{\"destination\":\"/x\",\"type\":\"tmpfs\"},{\"destination\":\"/x\",\"type\":\"bind\","
                  "\"source\":\"y\",\"options\":[\"grande\"]}"});
    assert_non_null(config);
    assert_check(config, b->root, EINVAL, "mounts[1].options[0]: unknown mount option \"grande\"",
                 "bryo features");
    oci_config_free(config);
}

static void sysctls(void **state)
{
    static const struct {
        const char *key, *text;
    } cases[] = {
        {"net.ipv4.ip_forward", NULL},
        {"net/ipv4/conf/eth0.5/forwarding", NULL},
        {"net.ipv4.conf.eth0/5.forwarding", NULL},
        {"kernel.shmmax", NULL},
        {"kernel.domainname", NULL},
        {"fs.mqueue.msg_max", NULL},
        {"user.max_user_namespaces", NULL},
        {"kernel.hostname",
         "linux.sysctl[\"kernel.hostname\"]: not a sysctl of a namespace, it would change the whole host"},
        {"kernel.core_pattern", "linux.sysctl[\"kernel.core_pattern\"]: not a sysctl of a namespace, it "
                                "would change the whole host"},
        {"kernel.shm",
         "linux.sysctl[\"kernel.shm\"]: not a sysctl of a namespace, it would change the whole host"},
        {"net", "linux.sysctl[\"net\"]: not a sysctl of a namespace, it would change the whole host"},
        {"net/../kernel/core_pattern",
         "linux.sysctl[\"net/../kernel/core_pattern\"]: not the name of a sysctl"},
        {"net...kernel", "linux.sysctl[\"net...kernel\"]: not the name of a sysctl"},
        {"/net/ipv4", "linux.sysctl[\"/net/ipv4\"]: not the name of a sysctl"},
        {"", "linux.sysctl: a key of 0 bytes"},
        {"net.\n", "linux.sysctl: a key with a control character"},
    };
    struct oci_config *config = scene_config(&(struct scene){0});

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        int r = sysctl_check(config, cases[i].key, &err);
        if (r != (cases[i].text ? -EINVAL : 0))
            fail_msg("%s: %d %s", cases[i].key, r, error_text(&err));
        if (cases[i].text)
            assert_string_equal(error_text(&err), cases[i].text);
    }
    oci_config_free(config);
}

static void sysctls_need_their_namespace(void **state)
{
    struct oci_config *config = scene_config(&(struct scene){.host_net = true, .real_root = true});
    struct oci_namespace *items;
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(sysctl_check(config, "net.ipv4.ip_forward", &err), -EINVAL);
    assert_string_equal(
        error_text(&err),
        "linux.sysctl[\"net.ipv4.ip_forward\"]: needs a network namespace of the container's own");
    assert_non_null(strstr(err.hint, "linux.namespaces"));
    assert_int_equal(sysctl_check(config, "user.max_user_namespaces", &err), -EINVAL);
    /* Joining one's own is not a namespace of one's own. */
    for (size_t i = 0; i < config->linux_.namespaces.count; i++) {
        items = config->linux_.namespaces.items;
        if (items[i].type == OCI_NS_IPC)
            items[i].path = strdup("/proc/self/ns/ipc");
    }
    assert_int_equal(sysctl_check(config, "kernel.shmmax", &err), -EINVAL);
    oci_config_free(config);
}

static void without_mount_namespace(void **state)
{
    static const struct {
        const char *mounts, *root, *linux_, *name;
    } cases[] = {
        {"{\"destination\":\"/x\",\"type\":\"tmpfs\"}", NULL, NULL, "mounts"},
        {"", "\"readonly\":true", NULL, "root.readonly"},
        {"", NULL, "\"maskedPaths\":[\"/x\"]", "linux.maskedPaths"},
        {"", NULL, "\"readonlyPaths\":[\"/x\"]", "linux.readonlyPaths"},
        {"", NULL, "\"rootfsPropagation\":\"private\"", "linux.rootfsPropagation"},
        {"", NULL, "\"devices\":[{\"path\":\"/dev/x\",\"type\":\"p\"}]", "linux.devices"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct oci_config *config = scene_config(
            &(struct scene){.mounts = cases[i].mounts, .root = cases[i].root, .linux_ = cases[i].linux_});
        _cleanup_error_ struct error err = ERROR_INIT;
        char text[128];
        assert_non_null(config);
        assert_int_equal(rootfs_check_borrowed(config, false, &err), 0);
        assert_int_equal(rootfs_check_borrowed(config, true, &err), -EINVAL);
        snprintf(text, sizeof text,
                 "%s: needs a mount namespace, as the container has a user namespace of its own",
                 cases[i].name);
        assert_string_equal(error_text(&err), text);
        oci_config_free(config);
    }
}

static void unbindable_without_mount_namespace(void **state)
{
    static const char *const words[] = {"unbindable", "runbindable"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_free_ char *mount =
            str_printf("{\"destination\":\"/x\",\"type\":\"tmpfs\",\"options\":[\"%s\"]}", words[i]);
        _cleanup_free_ char *text = str_printf("mounts[0].options: \"%s\" needs a mount namespace", words[i]);
        struct oci_config *config = scene_config(&(struct scene){.mounts = mount});
        assert_non_null(config);
        assert_int_equal(rootfs_check_borrowed(config, false, &err), -EINVAL);
        assert_string_equal(error_text(&err), text);
        oci_config_free(config);
    }
}

static void chroots(void **state)
{
    struct box *b = *state;
    struct oci_config *config = scene_config(&(struct scene){.mounts = ""});
    int status;

    if (geteuid() != 0) {
        print_message("chroot needs CAP_SYS_CHROOT\n");
        oci_config_free(config);
        skip();
    }
    box_write(b, "mark", "");
    pid_t pid = fork();
    if (pid == 0) {
        struct rootfs r = ROOTFS_INIT;
        r.config = config;
        r.path = b->root;
        _exit(rootfs_enter_borrowed(&r, NULL) == 0 && faccessat(r.proc_fd, "self", F_OK, 0) == 0 &&
                      access("/mark", F_OK) == 0 && access("/tmp", F_OK) < 0
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    oci_config_free(config);
}

int main(void)
{
#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        IN_BOX(roots),
        IN_BOX(members),
        cmocka_unit_test(sysctls),
        cmocka_unit_test(sysctls_need_their_namespace),
        cmocka_unit_test(without_mount_namespace),
        cmocka_unit_test(unbindable_without_mount_namespace),
        IN_BOX(chroots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
