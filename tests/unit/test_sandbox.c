/*
 * What a sandbox makes of its options and of the image's files: users, environment, mounts, capabilities,
 * time zones, and what is refused as an image.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/names.h"
#include "sandbox/caps.h"
#include "sandbox/env.h"
#include "sandbox/etc.h"
#include "sandbox/image.h"
#include "sandbox/image_config.h"
#include "sandbox/layered.h"
#include "sandbox/mounts.h"
#include "sandbox/user.h"

static char scratch[] = "/tmp/bryo-test-sandbox-XXXXXX";
static int root = -1;

static void write_text(const char *name, const char *text)
{
    _cleanup_close_ int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static int group_setup(void **state)
{
    (void)state;
    if (!mkdtemp(scratch))
        return -1;
    root = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return root < 0 || mkdirat(root, "etc", 0755) < 0 ? -1 : 0;
}

static int group_teardown(void **state)
{
    (void)state;
    close(root);
    _cleanup_close_ int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return remove_tree_at(tmp, strrchr(scratch, '/') + 1, NULL);
}

static void write_databases(void)
{
    write_text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
                             "# a comment\n"
                             "broken:x:12\n"
                             "neg:x:-1:0::/:/bin/sh\n"
                             "web:x:33:34:,:/var/www:/bin/false\n"
                             "nohome:x:40:40:::/bin/sh\n"
                             "big:x:4294967295:0::/:/bin/sh\n");
    write_text("etc/group", "root:x:0:root\n"
                            "www:x:34:web\n"
                            "disk:x:6:root,web\n"
                            "disk:x:7:\n"
                            "webby:x:8:webx,xweb\n"
                            "audio:x:29:x,web");
}

static void users_are_the_images(void **state)
{
    (void)state;
    write_databases();
    static const struct {
        const char *spec;
        uint32_t uid, gid;
        size_t n_groups;
        const char *home;
    } cases[] = {
        {NULL, 0, 0, 0, "/root"},
        {"root", 0, 0, 1, "/root"},
        {"web", 33, 34, 2, "/var/www"},
        {"33", 33, 34, 2, "/var/www"},
        {"web:disk", 33, 6, 0, "/var/www"},
        {"web:99", 33, 99, 0, "/var/www"},
        {"1000", 1000, 0, 0, "/"},
        {"1000:1001", 1000, 1001, 0, "/"},
        {"1000:disk", 1000, 6, 0, "/"},
        {"nohome", 40, 40, 0, "/"},
        {"4294967294", 4294967294u, 0, 0, "/"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_sandbox_user_ struct sandbox_user user = {0};
        assert_int_equal(sandbox_user_find(LAYERED(root), cases[i].spec, "--user", &user, &err), 0);
        assert_int_equal(user.uid, cases[i].uid);
        assert_int_equal(user.gid, cases[i].gid);
        if (cases[i].spec)
            assert_int_equal(user.n_groups, cases[i].n_groups);
        assert_string_equal(user.home, cases[i].home);
    }
}

/* CVE-2026-30892: "-u 1" with a flaw in the parser was uid 0. Nothing but a clean number or a known name
 * passes. */
static void user_mistakes(void **state)
{
    (void)state;
    write_databases();
    static const struct {
        const char *spec, *text;
    } cases[] = {
        {"", "--user \"\": an empty user"},
        {":", "--user \":\": an empty user"},
        {"1000:", "--user \"1000:\": an empty group"},
        {"+1", "--user \"+1\": user \"+1\" is not in the image's /etc/passwd"},
        {" 1", "--user \" 1\": user \" 1\" is not in the image's /etc/passwd"},
        {"1 ", "--user \"1 \": user \"1 \" is not in the image's /etc/passwd"},
        {"-1", "--user \"-1\": user \"-1\" is not in the image's /etc/passwd"},
        {"0x1", "--user \"0x1\": user \"0x1\" is not in the image's /etc/passwd"},
        {"4294967295", "--user \"4294967295\": user 4294967295: out of range, ids go up to 4294967294"},
        {"99999999999", "--user \"99999999999\": user 99999999999: out of range, ids go up to 4294967294"},
        {"big", "--user \"big\": user \"big\" is not in the image's /etc/passwd"},
        {"neg", "--user \"neg\": user \"neg\" is not in the image's /etc/passwd"},
        {"broken", "--user \"broken\": user \"broken\" is not in the image's /etc/passwd"},
        {"web:nogroup", "--user \"web:nogroup\": group \"nogroup\" is not in the image's /etc/group"},
        {"web:1:2", "--user \"web:1:2\": group \"1:2\" is not in the image's /etc/group"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_sandbox_user_ struct sandbox_user user = {0};
        assert_true(sandbox_user_find(LAYERED(root), cases[i].spec, "--user", &user, &err) < 0);
        assert_string_equal(error_text(&err), cases[i].text);
    }
}

/* The files are the image's: links stay inside, a fifo does not block, a directory is an error, none at all
 * is fine. */
static void user_databases_are_hostile(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_sandbox_user_ struct sandbox_user user = {0}, number = {0};
    unlinkat(root, "etc/passwd", 0);
    assert_int_equal(symlinkat("/../../../../etc/passwd", root, "etc/passwd"), 0);
    assert_true(sandbox_user_find(LAYERED(root), "daemon", "--user", &user, &err) < 0); /* the host has one */
    unlinkat(root, "etc/passwd", 0);
    assert_int_equal(mkfifoat(root, "etc/passwd", 0644), 0);
    assert_int_equal(sandbox_user_find(LAYERED(root), "web", "--user", &user, &err), -EINVAL);
    assert_string_equal(error_text(&err), "--user \"web\": \"/etc/passwd\" of the image: not a regular file");
    unlinkat(root, "etc/passwd", 0);
    unlinkat(root, "etc/group", 0);
    assert_int_equal(sandbox_user_find(LAYERED(root), "5:6", "--user", &number, &err), 0);
    assert_int_equal(number.uid, 5);
    assert_int_equal(number.gid, 6);
}

static void environment(void **state)
{
    (void)state;
    static char *caller[] = {"HOME=/home/me", "SECRET=x", "WANTED=yes", "TERM=vt100", NULL};
    write_text("vars", "# comment\n\n  A=1 \nB=two words\r\nWANTED\nUNSET\nA=2\nQ=\"quoted\"\nE=\n");
    _cleanup_free_ char *file = str_printf("%s/vars", scratch);
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_strv_ char **own = NULL, **all = NULL, **plain = NULL;
    char *settings[] = {"B=3", "X=a=b", "WANTED", "MISSING", NULL};
    assert_int_equal(sandbox_env_read(settings, (char *[]){file, NULL}, caller, &own, &err), 0);
    assert_string_equal(strv_getenv(own, "A"), "2");
    assert_string_equal(strv_getenv(own, "B"), "3");
    assert_string_equal(strv_getenv(own, "X"), "a=b");
    assert_string_equal(strv_getenv(own, "WANTED"), "yes");
    assert_string_equal(strv_getenv(own, "Q"), "\"quoted\"");
    assert_string_equal(strv_getenv(own, "E"), "");
    assert_null(strv_getenv(own, "UNSET"));
    assert_null(strv_getenv(own, "MISSING"));

    assert_int_equal(sandbox_env_make(own, caller, "/root", "box", "CET-1", true, &all, &err), 0);
    assert_string_equal(strv_getenv(all, "HOME"), "/root");
    assert_string_equal(strv_getenv(all, "TERM"), "vt100");
    assert_string_equal(strv_getenv(all, "TZ"), "CET-1");
    assert_string_equal(strv_getenv(all, "HOSTNAME"), "box");
    assert_string_equal(strv_getenv(all, "container"), "bryo");
    assert_true(str_starts(strv_getenv(all, "PATH"), "/usr/local/sbin:"));
    assert_null(strv_getenv(all, "SECRET"));
    assert_int_equal(sandbox_env_make(NULL, caller, "/", "box", NULL, false, &plain, &err), 0);
    assert_null(strv_getenv(plain, "TERM"));
    assert_null(strv_getenv(plain, "TZ"));
}

static void environment_mistakes(void **state)
{
    (void)state;
    _cleanup_free_ char *file = str_printf("%s/vars", scratch);
    static const struct {
        const char *text, *setting, *error;
    } cases[] = {
        {NULL, "=x", "--env: expected NAME=VALUE or NAME, found \"=x\""},
        {NULL, "", "--env: expected NAME=VALUE or NAME, found \"\""},
        {NULL, "A B=1", "--env: the name \"A B\" holds a blank or a control character"},
        {"A=1\nexport B=2\n", NULL, ":2: the name \"export B\" holds a blank or a control character"},
        {"\n\n=1\n", NULL, ":3: expected NAME=VALUE or NAME, found \"=1\""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_strv_ char **own = NULL;
        char *settings[] = {(char *)cases[i].setting, NULL};
        if (cases[i].text)
            write_text("vars", cases[i].text);
        int r = sandbox_env_read(settings, cases[i].text ? (char *[]){file, NULL} : NULL, NULL, &own, &err);
        assert_int_equal(r, -EINVAL);
        if (cases[i].text)
            assert_true(str_ends(error_text(&err), cases[i].error));
        else
            assert_string_equal(error_text(&err), cases[i].error);
    }
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_strv_ char **own = NULL;
    assert_int_equal(sandbox_env_read(NULL, (char *[]){"/nonexistent/vars", NULL}, NULL, &own, &err),
                     -ENOENT);
    assert_string_equal(error_text(&err),
                        "--env-file: open \"/nonexistent/vars\": no such file or directory (ENOENT)");
}

static void mounts_from_options(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_cjson_ cJSON *mounts = cJSON_CreateArray();
    write_text("a:b", "");
    char *binds[] = {NULL, NULL, NULL};
    _cleanup_free_ char *colon = str_printf("%s/a\\:b:/data/x:ro", scratch);
    _cleanup_free_ char *dir = str_printf("%s:/srv", scratch);
    binds[0] = colon;
    binds[1] = dir;
    char *tmpfs[] = {"/tmp:size=1m,mode=700,ro", "/run", NULL};
    assert_int_equal(sandbox_mounts(mounts, tmpfs, binds, &err), 0);
    _cleanup_free_ char *text = cJSON_PrintUnformatted(mounts);
    _cleanup_free_ char *expected =
        str_printf("[{\"destination\":\"/tmp\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
                   "\"options\":[\"nosuid\",\"nodev\",\"mode=700\",\"size=1m\",\"ro\"]},"
                   "{\"destination\":\"/run\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
                   "\"options\":[\"nosuid\",\"nodev\",\"mode=1777\"]},"
                   "{\"destination\":\"/data/x\",\"type\":\"bind\",\"source\":\"%s/a:b\","
                   "\"options\":[\"rbind\",\"rprivate\",\"rro\"]},"
                   "{\"destination\":\"/"
                   "srv\",\"type\":\"bind\",\"source\":\"%s\",\"options\":[\"rbind\",\"rprivate\"]}]",
                   scratch, scratch);
    assert_string_equal(text, expected);
}

static void mount_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *bind, *tmpfs, *text;
    } cases[] = {
        {"/etc", NULL, "--bind \"/etc\": expected SRC:DST or SRC:DST:ro"},
        {":/x", NULL, "--bind \":/x\": expected SRC:DST or SRC:DST:ro"},
        {"/etc:", NULL, "--bind \"/etc:\": the destination \"\" is not an absolute path"},
        {"/etc:x", NULL, "--bind \"/etc:x\": the destination \"x\" is not an absolute path"},
        {"/etc:/", NULL, "--bind \"/etc:/\": the destination is the root itself"},
        {"/etc:/x/..", NULL, "--bind \"/etc:/x/..\": the destination is the root itself"},
        {"/etc:/x:rx", NULL, "--bind \"/etc:/x:rx\": expected ro or rw behind the destination, found \"rx\""},
        {"/etc:/x:ro:z", NULL, "--bind \"/etc:/x:ro:z\": expected SRC:DST or SRC:DST:ro"},
        {"/nonexistent:/x", NULL,
         "--bind \"/nonexistent:/x\": source \"/nonexistent\": no such file or directory (ENOENT)"},
        {NULL, "tmp", "--tmpfs \"tmp\": the destination \"tmp\" is not an absolute path"},
        {NULL, "/a:b:c",
         "--tmpfs \"/a:b:c\": expected DST or DST:OPTIONS, for example /tmp:size=64m,mode=1777"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_cjson_ cJSON *mounts = cJSON_CreateArray();
        char *binds[] = {(char *)cases[i].bind, NULL}, *tmpfs[] = {(char *)cases[i].tmpfs, NULL};
        assert_true(sandbox_mounts(mounts, tmpfs, binds, &err) < 0);
        assert_string_equal(error_text(&err), cases[i].text);
    }
}

static void capabilities(void **state)
{
    (void)state;
    const uint64_t chown_bit = UINT64_C(1) << CAP_CHOWN, kill_bit = UINT64_C(1) << CAP_KILL,
                   net = UINT64_C(1) << CAP_NET_ADMIN, base = chown_bit | kill_bit,
                   all = (UINT64_C(2) << oci_last_capability()) - 1;
    static char *const none[] = {NULL}, *const all_names[] = {"ALL", NULL},
                       *const net_name[] = {"net_admin", NULL}, *const kill_name[] = {"CAP_KILL", NULL},
                       *const wrong[] = {"CAP_ROOT", NULL};
    const struct {
        char *const *add, *const *drop;
        uint64_t caps, added;
    } cases[] = {
        {none, none, base, 0},
        {net_name, none, base | net, net},
        {none, kill_name, chown_bit, 0},
        {none, all_names, 0, 0},
        {net_name, all_names, net, net},
        {all_names, none, all, all},
        {all_names, kill_name, all & ~kill_bit, all & ~kill_bit},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        uint64_t caps, added;
        assert_int_equal(sandbox_caps(base, cases[i].add, cases[i].drop, &caps, &added, &err), 0);
        assert_true(caps == cases[i].caps);
        assert_true(added == cases[i].added);
    }
    _cleanup_error_ struct error err = ERROR_INIT;
    uint64_t caps, added;
    assert_int_equal(sandbox_caps(base, kill_name, kill_name, &caps, &added, &err), -EINVAL);
    assert_string_equal(error_text(&err), "CAP_KILL is in --cap-add and in --cap-drop");
    assert_int_equal(sandbox_caps(base, all_names, all_names, &caps, &added, &err), -EINVAL);
    assert_string_equal(error_text(&err), "ALL is in --cap-add and in --cap-drop");
    assert_int_equal(sandbox_caps(base, wrong, none, &caps, &added, &err), -EINVAL);
    assert_string_equal(error_text(&err), "--cap-add \"CAP_ROOT\": there is no such capability");
}

#define TEXT(s) s, sizeof(s) - 1

static void time_zones(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t len;
        const char *footer;
    } cases[] = {
        {TEXT("TZif2....\nCET-1CEST,M3.5.0,M10.5.0/3\n"), "CET-1CEST,M3.5.0,M10.5.0/3"},
        {TEXT("TZif2....\n<+01>-1\n"), "<+01>-1"},
        {TEXT("TZif\0....\nCET-1\n"), NULL}, /* version 1 has none */
        {TEXT("TZif2....\n\n"), NULL},
        {TEXT("TZif2....\nCE T\n"), NULL},
        {TEXT("TZif2....\nCET-1"), NULL},
        {TEXT("nothing\nCET-1\n"), NULL},
        {TEXT("\n"), NULL},
        {TEXT(""), NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *footer = sandbox_tzif_footer(cases[i].data, cases[i].len);
        if (cases[i].footer)
            assert_string_equal(footer, cases[i].footer);
        else
            assert_null(footer);
    }
    static const struct {
        const char *tz, *out;
    } values[] = {{"CET-1CEST", "CET-1CEST"},
                  {":EST5EDT,M3.2.0,M11.1.0", "EST5EDT,M3.2.0,M11.1.0"},
                  {"", NULL},
                  {"No/Such", NULL},
                  {"../../etc/passwd0", NULL},
                  {"UTC0", NULL}};
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_free_ char *tz = NULL;
        assert_int_equal(sandbox_timezone(values[i].tz, &tz, &err), 0);
        if (values[i].out)
            assert_string_equal(tz, values[i].out);
        else
            assert_null(tz);
    }
}

static cJSON *parse(const char *text)
{
    cJSON *json = NULL;
    assert_int_equal(json_parse("config", text, strlen(text), &json, NULL), 0);
    return json;
}

static void what_an_image_says(void **state)
{
    (void)state;
    _cleanup_cjson_ cJSON *json = parse(
        "{\"Entrypoint\":[\"/init\"],\"Cmd\":[\"a\",\"b\"],\"Env\":[\"PATH=/x\",\"K=v=w\"],\"User\":\"\","
        "\"WorkingDir\":\"/"
        "srv\",\"Labels\":{\"run.oci.handler\":\"wasm\",\"org.systemd.property.X\":\"1\",\"a\":\"b\"},"
        "\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}},\"StopSignal\":\"SIGUSR1\"}");
    _cleanup_image_config_ struct image_config c = {0};
    assert_int_equal(image_config_read(json, &c, NULL), 0);
    assert_null(c.user);
    assert_string_equal(c.cwd, "/srv");
    static char *command[] = {"x", NULL}, *own[] = {"K=mine", NULL};
    static const struct {
        const char *entry;
        char *const *command;
        const char *first, *second, *third;
    } cases[] = {
        {NULL, NULL, "/init", "a", "b"},
        {NULL, command, "/init", "x", NULL},
        {"/e", NULL, "/e", NULL, NULL},
        {"/e", command, "/e", "x", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_strv_ char **args = NULL;
        assert_int_equal(image_config_args(&c, cases[i].entry, cases[i].command, &args, NULL), 0);
        const char *const want[] = {cases[i].first, cases[i].second, cases[i].third};
        for (size_t k = 0; k < 3 && want[k]; k++)
            assert_string_equal(args[k], want[k]);
        assert_int_equal(strv_len(args), (size_t)(1 + (want[1] != NULL) + (want[2] != NULL)));
    }
    _cleanup_strv_ char **env = NULL;
    assert_int_equal(image_config_env(&c, own, &env, NULL), 0);
    assert_string_equal(strv_getenv(env, "PATH"), "/x");
    assert_string_equal(strv_getenv(env, "K"), "mine");

    /* What would mean something to a runtime stays out. */
    _cleanup_cjson_ cJSON *config = cJSON_CreateObject();
    assert_int_equal(image_config_annotate(&c, config, NULL), 0);
    const cJSON *notes = cJSON_GetObjectItemCaseSensitive(config, "annotations");
    assert_int_equal(cJSON_GetArraySize(notes), 3);
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(notes, "a")->valuestring, "b");
    assert_string_equal(
        cJSON_GetObjectItemCaseSensitive(notes, "org.opencontainers.image.exposedPorts")->valuestring,
        "80/tcp,53/udp");
    assert_string_equal(
        cJSON_GetObjectItemCaseSensitive(notes, "org.opencontainers.image.stopSignal")->valuestring,
        "SIGUSR1");
}

static void an_image_that_says_nonsense(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"{\"Cmd\":\"sh\"}",
         "configuration of the image: config.Cmd: expected a list of strings, found \"sh\""},
        {"{\"Entrypoint\":[1]}",
         "configuration of the image: config.Entrypoint: expected a list of strings, found 1"},
        {"{\"User\":7}", "configuration of the image: config.User: expected a string, found 7"},
        {"{\"WorkingDir\":\"srv\"}",
         "configuration of the image: config.WorkingDir: expected an absolute path, found \"srv\""},
        {"{\"Env\":[\"novalue\"]}",
         "configuration of the image: config.Env: expected NAME=VALUE, found \"novalue\""},
        {"{\"Labels\":[]}",
         "configuration of the image: config.Labels: expected an object, found an empty list"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_cjson_ cJSON *json = parse(cases[i].json);
        _cleanup_image_config_ struct image_config c = {0};
        _cleanup_error_ struct error err = ERROR_INIT;
        assert_int_equal(image_config_read(json, &c, &err), -EINVAL);
        assert_string_equal(error_text(&err), cases[i].text);
    }
    /* Nothing is said: a shell. */
    _cleanup_image_config_ struct image_config none = {0};
    _cleanup_strv_ char **args = NULL;
    assert_int_equal(image_config_read(NULL, &none, NULL), 0);
    assert_int_equal(image_config_args(&none, NULL, NULL, &args, NULL), 0);
    assert_string_equal(args[0], "/bin/sh");
}

static void files_of_layers(void **state)
{
    (void)state;
    static const char *const dirs[] = {"low", "low/etc", "low/gone",   "low/opaque",
                                       "top", "top/etc", "top/opaque", "low/link"};
    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
        assert_int_equal(mkdirat(root, dirs[i], 0755), 0);
    write_text("low/etc/passwd", "low");
    write_text("low/etc/group", "low");
    write_text("low/gone/file", "low");
    write_text("low/opaque/file", "low");
    write_text("low/link/file", "low");
    write_text("top/etc/passwd", "top");
    assert_int_equal(symlinkat("/nowhere", root, "top/link"), 0);
    if (mknodat(root, "top/gone", S_IFCHR, makedev(0, 0)) < 0 ||
        mknodat(root, "top/etc/group", S_IFCHR, 0) < 0)
        skip();
    _cleanup_close_ int top = openat(root, "top", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int low = openat(root, "low", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int opaque = openat(root, "top/opaque", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct layered both = {.fds = (const int[]){top, low}, .n = 2};
    if (fsetxattr(opaque, "user.overlay.opaque", "y", 1, 0) < 0)
        skip();
    static const struct {
        const char *path;
        int result; /* 0: from the top layer, 1: from the low one */
    } cases[] = {
        {"/etc/passwd", 0},        {"/etc/group", -ENOENT}, {"/gone/file", -ENOTDIR},
        {"/opaque/file", -ENOENT}, {"/link/file", -ENOENT}, {"/etc/nothing", -ENOENT},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_close_ int fd = layered_open(&both, cases[i].path, O_RDONLY);
        assert_int_equal(fd < 0 ? fd : 0, cases[i].result);
    }
    assert_int_equal(unlinkat(root, "top/etc/group", 0), 0);
    _cleanup_close_ int group = layered_open(&both, "/etc/group", O_RDONLY);
    assert_true(group >= 0);
}

static void images(void **state)
{
    (void)state;
    assert_int_equal(mkdirat(root, "tree", 0755), 0);
    assert_int_equal(mkdirat(root, "bundle", 0755), 0);
    assert_int_equal(mkdirat(root, "bundle/rootfs", 0755), 0);
    assert_int_equal(mkdirat(root, "layout", 0755), 0);
    write_text("bundle/config.json", "{}");
    write_text("layout/oci-layout", "{}");
    write_text("file.tar", "");
    _cleanup_close_ int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(chdir(scratch), 0);
    _cleanup_close_ int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "sock"};
    assert_int_equal(bind(sock, (const struct sockaddr *)&address, sizeof address), 0);

    /* A store that is not there: no name is in it. */
    assert_int_equal(setenv("XDG_DATA_HOME", scratch, 1), 0);
    const struct idmap map = {0};
    static const struct {
        const char *name, *text, *hint;
    } bad[] = {
        {"", "image \"\": the name is empty", NULL},
        {"debian:12", "image \"debian:12\": no such file or directory (ENOENT)", "nor an image of the store"},
        {"library/debian", "image \"library/debian\": no such file or directory (ENOENT)",
         "nor an image of the store"},
        {"./debian", "image \"./debian\": no such file or directory (ENOENT)", "current directory"},
        {"Rootfs.tar", "image \"Rootfs.tar\": no such file or directory (ENOENT)", "current directory"},
        {"https://example.org/x.tar",
         "image \"https://example.org/x.tar\": no such file or directory (ENOENT)", "download"},
        {"/nonexistent.tar", "image \"/nonexistent.tar\": no such file or directory (ENOENT)", NULL},
        {"bundle", "image \"bundle\": this is an OCI bundle, not a root file system", "bryo run -b bundle"},
        {"sock", "image \"sock\": neither a directory nor a file but a socket", NULL},
        {"/dev/null", "image \"/dev/null\": neither a directory nor a file but a device", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_image_ struct image image = IMAGE_INIT;
        assert_true(image_open(bad[i].name, &map, &image, &err) < 0);
        assert_string_equal(error_text(&err), bad[i].text);
        if (bad[i].hint)
            assert_non_null(strstr(err.hint, bad[i].hint));
        else
            assert_null(err.hint);
    }
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_image_ struct image tree = IMAGE_INIT, file = IMAGE_INIT;
    assert_int_equal(image_open("tree", &map, &tree, &err), 0);
    assert_true(tree.directory);
    write_text("layout/index.json", "{}");
    _cleanup_image_ struct image layout = IMAGE_INIT;
    assert_int_equal(image_open("layout", &map, &layout, &err), 0);
    assert_true(layout.layout && !layout.directory);
    assert_true(tree.path[0] == '/');
    assert_int_equal(image_open("file.tar", &map, &file, &err), 0);
    assert_false(file.directory);
    assert_int_equal(fchdir(before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_are_the_images),
        cmocka_unit_test(user_mistakes),
        cmocka_unit_test(user_databases_are_hostile),
        cmocka_unit_test(environment),
        cmocka_unit_test(environment_mistakes),
        cmocka_unit_test(mounts_from_options),
        cmocka_unit_test(mount_mistakes),
        cmocka_unit_test(capabilities),
        cmocka_unit_test(time_zones),
        cmocka_unit_test(what_an_image_says),
        cmocka_unit_test(an_image_that_says_nonsense),
        cmocka_unit_test(files_of_layers),
        cmocka_unit_test(images),
    };
    return cmocka_run_group_tests_name("sandbox", tests, group_setup, group_teardown);
}
