/* See rootfs_fixture.h. */
#include "rootfs_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "base/syscalls.h"

/* Of the process that plays a scene. */
static int report_fd = -1;
static char last_warning[512];

int box_setup(void **state)
{
    struct box *b = calloc(1, sizeof *b);

    assert_non_null(b);
    strcpy(b->top, "/tmp/bryo-test-rootfs-XXXXXX");
    assert_non_null(mkdtemp(b->top));
    snprintf(b->root, sizeof b->root, "%s/rootfs", b->top);
    b->top_fd = open(b->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(b->top_fd >= 0);
    assert_int_equal(mkdirat(b->top_fd, "rootfs", 0755), 0);
    assert_int_equal(mkdirat(b->top_fd, "outside", 0755), 0);
    b->root_fd = openat(b->top_fd, "rootfs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    b->outside_fd = openat(b->top_fd, "outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(b->root_fd >= 0 && b->outside_fd >= 0);
    *state = b;
    return 0;
}

int box_teardown(void **state)
{
    struct box *b = *state;
    DIR *d = fdopendir(b->outside_fd);
    int entries = 0;

    assert_non_null(d);
    while (readdir(d))
        entries++;
    closedir(d);
    close(b->root_fd);
    close(b->top_fd);
    _cleanup_close_ int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int removed = remove_tree_at(tmp, strrchr(b->top, '/') + 1, NULL);
    free(b);
    assert_int_equal(entries, 2);
    assert_int_equal(removed, 0);
    return 0;
}

void box_mkdir(const struct box *box, const char *path)
{
    assert_int_equal(mkdirat(box->root_fd, path, 0755), 0);
}

void box_write(const struct box *box, const char *path, const char *text)
{
    _cleanup_close_ int fd = openat(box->root_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

void box_link(const struct box *box, const char *target, const char *path)
{
    assert_int_equal(symlinkat(target, box->root_fd, path), 0);
}

static void report(const char *text)
{
    fd_write_all(report_fd, text, strlen(text));
}

void scene_failed(const char *file, int line, const char *what)
{
    char text[1024];

    snprintf(text, sizeof text, "%s:%d: %s (errno %s)", file, line, what, errno_name(errno));
    report(text);
    _exit(3);
}

const char *scene_warning(void)
{
    return last_warning;
}

static void keep_warning(void *data, const char *text)
{
    (void)data;
    snprintf(last_warning, sizeof last_warning, "%s", text);
}

const char *mountinfo_line(const char *target)
{
    static char found[8192];
    char line[8192], needle[256];
    _cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");

    found[0] = '\0';
    snprintf(needle, sizeof needle, " %s ", target);
    while (f && fgets(line, sizeof line, f)) {
        char *fields = line;
        for (int i = 0; i < 4 && fields; i++) /* in front of the target */
            fields = strchr(fields + 1, ' ');
        if (fields && strncmp(fields, needle, strlen(needle)) == 0)
            strcpy(found, line);
    }
    return found[0] ? found : NULL;
}

struct oci_config *scene_config(const struct scene *s)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_cjson_ cJSON *json = NULL;
    struct oci_config *config = NULL;
    _cleanup_free_ char *text = str_printf(
        "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"%s%s},\"mounts\":[%s],\"linux\":{"
        "\"namespaces\":["
        "{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"}%s%s%s]%s%s}}",
        s->root ? "," : "", s->root ? s->root : "", s->mounts ? s->mounts : USUAL_MOUNTS,
        s->host_net ? "" : ",{\"type\":\"network\"}", s->host_cgroup ? "" : ",{\"type\":\"cgroup\"}",
        s->real_root ? "" : ",{\"type\":\"user\"}", str_empty(s->linux_) ? "" : ",",
        s->linux_ ? s->linux_ : "");

    if (!text || json_parse("scene", text, strlen(text), &json, &err) < 0 ||
        oci_config_parse(json, &config, &err) < 0) {
        fprintf(stderr, "config of the scene: %s\n%s\n", error_text(&err), text);
        return NULL;
    }
    return config;
}

static void write_file(const char *path, const char *text)
{
    CHECK(file_write_at(AT_FDCWD, path, text, strlen(text), NULL) == 0);
}

/* A user namespace that maps the one id we have to 0. */
static void enter_userns(void)
{
    char map[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();

    CHECK(unshare(CLONE_NEWUSER) == 0);
    snprintf(map, sizeof map, "0 %u 1\n", (unsigned)uid);
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "0 %u 1\n", (unsigned)gid);
    write_file("/proc/self/gid_map", map);
}

static void report_error(int ret, const struct error *err)
{
    char text[2048];

    CHECK(err->code == -ret);
    snprintf(text, sizeof text, "error: %s%s%s", error_text(err), err->hint ? "\nhint: " : "",
             err->hint ? err->hint : "");
    report(text);
    _exit(1);
}

static void play_as_init(const struct box *box, const struct scene *s, const struct oci_config *config,
                         int *fds)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct rootfs r = ROOTFS_INIT;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    r.config = config;
    r.path = box->root;
    r.in_userns = !s->real_root;
    r.new_pid = r.new_ipc = true;
    r.new_net = !s->host_net;
    r.new_cgroup = !s->host_cgroup;
    r.no_pivot = s->no_pivot;
    r.cgroup_unified = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
    r.warn.call = keep_warning;
    r.source_fds = fds;
    int ret = rootfs_prepare(&r, &err);
    if (ret == 0 && s->prepared)
        s->prepared(box, &r);
    if (ret == 0)
        ret = rootfs_enter(&r, &err);
    if (ret == 0)
        ret = rootfs_finish(&r, &err);
    if (ret < 0) {
        _cleanup_free_ char *text = str_printf("error: %s%s%s", error_text(&err), err.hint ? "\nhint: " : "",
                                               err.hint ? err.hint : "");
        CHECK(err.code == -ret);
        report(text);
        _exit(1);
    }
    if (s->inside)
        s->inside(box);
    rootfs_close(&r);
    report("ok");
    _exit(0);
}

static void play_outer(const struct box *box, const struct scene *s, const struct oci_config *config)
{
    int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
    _cleanup_error_ struct error err = ERROR_INIT;
    int status, fds[16];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* cmocka's handlers would go on with the next test, here. */
    signal(SIGSEGV, SIG_DFL);
    signal(SIGABRT, SIG_DFL);
    /* The working directory goes along into new mount namespaces; descriptors opened before stay in the old
     * one. */
    CHECK(chdir(box->top) == 0);
    CHECK(config->mounts.count <= ARRAY_SIZE(fds));
    int ret = rootfs_open_sources(config, fds, &err);
    if (ret < 0)
        report_error(ret, &err);
    if (s->outer) {
        enter_userns();
        CHECK(unshare(CLONE_NEWNS) == 0);
        s->outer(box);
    }
    if (!s->real_root)
        enter_userns();
    flags |= s->host_net ? 0 : CLONE_NEWNET;
    flags |= s->host_cgroup ? 0 : CLONE_NEWCGROUP;
    CHECK(unshare(flags) == 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        play_as_init(box, s, config, fds);
    CHECK(waitpid(pid, &status, 0) == pid);
    if (WIFSIGNALED(status))
        scene_failed(__FILE__, __LINE__, "init was killed by a signal");
    _exit(WEXITSTATUS(status));
}

char *play(const struct box *box, const struct scene *scene)
{
    struct oci_config *config = scene_config(scene);
    char *text = NULL;
    int ends[2], status;

    assert_non_null(config);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        report_fd = ends[1];
        play_outer(box, scene, config);
    }
    close(ends[1]);
    assert_int_equal(fd_read_to_end(ends[0], 65536, &text, NULL), 0);
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    oci_config_free(config);
    return text;
}

const char *box_unavailable(void)
{
    int status = 1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) == 0 ? 0 : 1);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        return "user namespaces can not be made here";
    return NULL;
}

void assert_played(const struct box *box, const struct scene *scene, const char *expected)
{
    _cleanup_free_ char *text = play(box, scene);

    assert_string_equal(text, expected);
}

void assert_error_has(const struct box *box, const struct scene *scene, const char *part)
{
    _cleanup_free_ char *text = play(box, scene);

    if (!str_starts(text, "error: ") || !strstr(text, part)) {
        print_error("expected an error with: %s\nfound: %s\n", part, text);
        fail();
    }
}
