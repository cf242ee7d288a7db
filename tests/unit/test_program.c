/*
 * security_find_program and security_explain_exec: paths, PATH, rights, and the texts that callers parse.
 */
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "security/security.h"
#include "test_security_child.h"

/* Everything happens in a directory of its own, which is the current one. */
static char place[] = "/tmp/bryo-program-XXXXXX";

static void make_file(const char *path, const char *text, size_t len, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void script(const char *path, const char *text, mode_t mode)
{
    make_file(path, text, strlen(text), mode);
}

static int set_up(void **state)
{
    (void)state;
    umask(022);
    assert_non_null(mkdtemp(place));
    assert_int_equal(chdir(place), 0);
    assert_int_equal(chmod(".", 0755), 0);
    assert_int_equal(mkdir("bin", 0755), 0);
    assert_int_equal(mkdir("other", 0755), 0);
    assert_int_equal(mkdir("bin/folder", 0755), 0);
    script("bin/tool", "#!/bin/sh\n", 0755);
    script("other/tool", "#!/bin/sh\n", 0755);
    script("bin/data", "x", 0644);
    script("other/data", "#!/bin/sh\n", 0755);
    script("bin/data2", "x", 0644);
    script("here", "#!/bin/sh\n", 0755);
    script("bin/lost", "#! /no/such/interp -x\n", 0755);
    script("bin/empty-line", "#!\n", 0755);
    script("bin/mine", "#!/bin/sh\n", 0710);
    assert_int_equal(symlink("nowhere", "bin/dangling"), 0);
    assert_int_equal(symlink("loop", "bin/loop"), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    _cleanup_close_ int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(tmp >= 0);
    assert_int_equal(chdir("/"), 0);
    return remove_tree_at(tmp, place + strlen("/tmp/"), NULL);
}

static void expect(const char *path, const char *name, const char *found)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *out = NULL;
    _cleanup_free_ char *variable = str_printf("PATH=%s", path ? path : "");
    char *env[] = {(char *)"A=b", variable, NULL};

    if (!path)
        env[1] = NULL;
    int r = security_find_program(name, env, &out, &err);
    if (r < 0)
        fail_msg("\"%s\" in \"%s\": %s", name, path, error_text(&err));
    assert_string_equal(out, found);
}

static void expect_error(const char *path, const char *name, int code, const char *text, const char *hint)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *out = NULL;
    _cleanup_free_ char *variable = str_printf("PATH=%s", path);
    char *env[] = {variable, NULL};

    assert_int_equal(security_find_program(name, env, &out, &err), -code);
    assert_null(out);
    assert_string_equal(error_text(&err), text);
    if (hint && (!err.hint || !strstr(err.hint, hint)))
        fail_msg("hint \"%s\", expected \"%s\"", err.hint ? err.hint : "", hint);
}

static void along_the_path(void **state)
{
    (void)state;
    expect("bin:other", "tool", "bin/tool");
    expect("/no/such:other:bin", "tool", "other/tool");
    expect("bin/:other", "tool", "bin/tool");
    /* What may not be executed is passed over. */
    expect("bin:other", "data", "other/data");
    /* An empty element is the current directory. */
    expect("", "here", "./here");
    expect("bin:", "here", "./here");
    expect(":bin", "here", "./here");
    expect("bin::other", "here", "./here");
    /* No PATH at all. */
    assert_true(access("/bin/sh", X_OK) == 0);
    expect(NULL, "sh", access("/usr/local/bin/sh", F_OK) == 0 ? "/usr/local/bin/sh" : "/usr/bin/sh");
}

static void paths(void **state)
{
    (void)state;
    expect("", "bin/tool", "bin/tool");
    expect("", "./here", "./here");
    expect("", "/bin/sh", "/bin/sh");
    expect("", "bin/empty-line", "bin/empty-line"); /* the kernel decides */
}

static void errors(void **state)
{
    (void)state;
    expect_error("bin:other", "nope", ENOENT, "exec \"nope\": executable file not found in $PATH",
                 "PATH is \"bin:other\"");
    expect_error("bin", "", ENOENT, "exec \"\": executable file not found in $PATH", NULL);
    expect_error("bin", "/no/such", ENOENT, "exec \"/no/such\": no such file or directory", NULL);
    expect_error("bin", "a\nb", ENOENT, "exec \"a\\nb\": executable file not found in $PATH", NULL);
    expect_error("bin", "bin/tool/x", ENOTDIR, "exec \"bin/tool/x\": not a directory", NULL);
    expect_error("bin", "bin/folder", EACCES, "exec \"bin/folder\": is a directory: permission denied", NULL);
    expect_error("bin", "folder", ENOENT, "exec \"folder\": executable file not found in $PATH", NULL);
    expect_error("bin", "bin/data2", EACCES, "exec \"bin/data2\": permission denied", "no execute bit");
    expect_error("bin:other", "data2", EACCES, "exec \"data2\": permission denied", "\"bin/data2\"");
    expect_error("bin", "/dev/null", EACCES, "exec \"/dev/null\": permission denied", "not a regular file");
    expect_error("bin", "bin/dangling", ENOENT, "exec \"bin/dangling\": no such file or directory",
                 "symbolic link");
    expect_error("bin", "bin/loop", ELOOP, "exec \"bin/loop\": too many levels of symbolic links (ELOOP)",
                 NULL);
    expect_error("bin", "lost", ENOENT, "exec \"lost\": no such file or directory",
                 "the interpreter of its #! line, \"/no/such/interp\", is not");
}

static int as(uint32_t uid, uint32_t gid, uint32_t group, const char *name)
{
    _cleanup_free_ char *out = NULL;
    struct oci_process process = {.user = {.uid = uid, .gid = gid, .additional_gids = {&group, 1}}};

    return security_find_program_for(name, NULL, &process, &out, NULL);
}

/* The file is 0710. */
static void rights_of_another_user(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct oci_capabilities caps = {.permitted = {true, 1 << 1}, .effective = {true, 0}};
    struct oci_process other = {.user = {.uid = 4711, .gid = 4712}, .capabilities = &caps};
    _cleanup_free_ char *out = NULL;
    uint32_t uid = geteuid(), gid = getegid();

    (void)state;
    assert_int_equal(as(uid, 4712, 4712, "bin/mine"), 0);
    assert_int_equal(as(4711, gid, 4712, "bin/mine"), 0);
    assert_int_equal(as(4711, 4712, gid, "bin/mine"), 0);
    assert_int_equal(as(0, 4712, 4712, "bin/mine"), 0);
    assert_int_equal(security_find_program_for("bin/mine", NULL, &other, &out, &err), -EACCES);
    assert_string_equal(error_text(&err), "exec \"bin/mine\": permission denied");
    assert_string_equal(err.hint, "\"bin/mine\": the file is executable, but not for process.user");
    caps.effective.value = 1 << 1; /* CAP_DAC_OVERRIDE: execve would not mind */
    assert_int_equal(security_find_program_for("bin/mine", NULL, &other, &out, &err), 0);
}

static void on_noexec(const void *arg)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    char *out = NULL;

    (void)arg;
    enter_userns(0);
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "other", "tmpfs", MS_NOEXEC, NULL) < 0) {
        fprintf(stderr, "no mounts in a user namespace: %s\n", strerror(errno));
        _exit(CHILD_SKIP);
    }
    int fd = open("other/tool", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    CHECK(fd >= 0);
    CHECK(security_find_program("other/tool", NULL, &out, &err) == -EACCES);
    CHECK_TEXT(&err, "exec \"other/tool\": permission denied");
    CHECK(strstr(err.hint, "noexec"));
}

static void noexec_mounts(void **state)
{
    (void)state;
    EXPECT_CHILD_OK(run_child(on_noexec, NULL, NULL));
}

/* An ELF file made by hand, with a loader that is not there. */
static void missing_loader(void **state)
{
    struct {
        ElfW(Ehdr) e;
        ElfW(Phdr) p;
        char interp[32];
    } elf = {.interp = "/no/such/ld-linux.so"};
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_true(self >= 0);
    assert_int_equal(pread(self, &elf.e, sizeof elf.e, 0), sizeof elf.e);
    close(self);
    elf.e.e_phoff = offsetof(__typeof__(elf), p);
    elf.e.e_phnum = 1;
    elf.p = (ElfW(Phdr)){.p_type = PT_INTERP,
                         .p_offset = offsetof(__typeof__(elf), interp),
                         .p_filesz = strlen(elf.interp) + 1};
    make_file("bin/elf", (const char *)&elf, sizeof elf, 0755);
    expect_error("bin", "elf", ENOENT, "exec \"elf\": no such file or directory",
                 "the dynamic loader it asks for, \"/no/such/ld-linux.so\"");

    /* Lies about offsets and lengths are for the kernel to judge. */
    elf.p.p_filesz = 1 << 20;
    make_file("bin/elf", (const char *)&elf, sizeof elf, 0755);
    expect("bin", "elf", "bin/elf");
    elf.p.p_filesz = 5; /* not ended by a NUL */
    make_file("bin/elf", (const char *)&elf, sizeof elf, 0755);
    expect("bin", "elf", "bin/elf");
    elf.e.e_phoff = ~(ElfW(Off))0 - 3;
    make_file("bin/elf", (const char *)&elf, sizeof elf, 0755);
    expect("bin", "elf", "bin/elf");
    make_file("bin/elf", (const char *)&elf, 10, 0755);
    expect("bin", "elf", "bin/elf");
}

static void expect_explained(const char *path, int code, const char *text, const char *hint)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    assert_int_equal(security_explain_exec(path, code, &err), -code);
    assert_string_equal(error_text(&err), text);
    if (hint && (!err.hint || !strstr(err.hint, hint)))
        fail_msg("hint \"%s\", expected \"%s\"", err.hint ? err.hint : "", hint);
}

static void exec_failures_are_explained(void **state)
{
    static const ElfW(Ehdr) foreign = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2MSB}, .e_machine = 0x0200};

    (void)state;
    make_file("bin/foreign", (const char *)&foreign, sizeof foreign, 0755);
    expect_explained("bin/foreign", ENOEXEC, "exec \"bin/foreign\": exec format error (ENOEXEC)",
                     "another architecture");
    expect_explained("bin/data", ENOEXEC, "exec \"bin/data\": exec format error (ENOEXEC)", "#!");
    expect_explained("bin/lost", ENOENT, "exec \"bin/lost\": no such file or directory", "/no/such/interp");
    expect_explained("bin/gone", ENOENT, "exec \"bin/gone\": no such file or directory (ENOENT)", NULL);
    expect_explained("bin/tool", E2BIG, "exec \"bin/tool\": argument list too long (E2BIG)", "process.args");
    expect_explained("bin/tool", EACCES, "exec \"bin/tool\": permission denied (EACCES)", "process.user");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(along_the_path),
        cmocka_unit_test(paths),
        cmocka_unit_test(errors),
        cmocka_unit_test(rights_of_another_user),
        cmocka_unit_test(noexec_mounts),
        cmocka_unit_test(missing_loader),
        cmocka_unit_test(exec_failures_are_explained),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
