/*
 * The floor of a rootless container's start: a program that makes only the system calls which the default
 * configuration (`bryo spec --rootless`) can't do without, so that tests/bench/run can say what bryo adds to
 * them.
 *
 *   floor [--single] ROOTFS CMD [ARG…]
 *
 * Seven namespaces by one clone3; both id maps by newuidmap and newgidmap run side by side, or with --single
 * one id, written directly; proc, sysfs, tmpfs on /dev, devpts, shm, mqueue, a bind of the cgroup tree; six
 * bound devices and five symbolic links; pivot_root; exec. Old mount(2) throughout, because it is one system
 * call a mount. No checks, no masks, no capabilities, no seccomp, no state: whatever bryo is slower by, it
 * spends on those and on itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static void check(int result, const char *what)
{
    if (result < 0)
        die(what);
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        die(path);
    close(fd);
}

/* Finds "NAME:START:COUNT" or "ID:START:COUNT" in /etc/subuid or /etc/subgid. */
static void read_range(const char *path, char start[16], char count[16])
{
    char line[256], user[256] = "", number[16];
    const char *name = getenv("USER");
    snprintf(number, sizeof number, "%u", getuid());
    FILE *f = fopen(path, "re");
    if (!f)
        die(path);
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "%255[^:]:%15[0-9]:%15[0-9]", user, start, count) == 3 &&
            (strcmp(user, number) == 0 || (name && strcmp(user, name) == 0))) {
            fclose(f);
            return;
        }
    fprintf(stderr, "floor: %s has no range for the caller (uid, or name in $USER); use --single\n", path);
    exit(1);
}

static pid_t start_helper(const char *program, pid_t target, unsigned id, char *start, char *count)
{
    char pid[16], own[16], zero[] = "0", one[] = "1";
    snprintf(pid, sizeof pid, "%d", target);
    snprintf(own, sizeof own, "%u", id);
    char *argv[] = {(char *)program, pid, zero, own, one, one, start, count, NULL};
    extern char **environ;
    pid_t helper;
    errno = posix_spawn(&helper, program, NULL, NULL, argv, environ);
    if (errno)
        die(program);
    return helper;
}

static void map_by_helpers(pid_t child)
{
    char uid_start[16], uid_count[16], gid_start[16], gid_count[16];
    read_range("/etc/subuid", uid_start, uid_count);
    read_range("/etc/subgid", gid_start, gid_count);
    pid_t helpers[] = {start_helper("/usr/bin/newuidmap", child, getuid(), uid_start, uid_count),
                       start_helper("/usr/bin/newgidmap", child, getgid(), gid_start, gid_count)};
    for (int i = 0; i < 2; i++) {
        int status;
        check(waitpid(helpers[i], &status, 0), "waitpid");
        if (status != 0) {
            fprintf(stderr, "floor: an id map helper failed\n");
            kill(child, SIGKILL);
            exit(1);
        }
    }
}

static void map_single(uid_t uid, gid_t gid)
{
    char line[32];
    snprintf(line, sizeof line, "0 %u 1", uid);
    write_file("/proc/self/uid_map", line);
    write_file("/proc/self/setgroups", "deny");
    snprintf(line, sizeof line, "0 %u 1", gid);
    write_file("/proc/self/gid_map", line);
}

static void make_devices(void)
{
    static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};
    static const char *const links[][2] = {{"pts/ptmx", "dev/ptmx"},
                                           {"/proc/self/fd", "dev/fd"},
                                           {"/proc/self/fd/0", "dev/stdin"},
                                           {"/proc/self/fd/1", "dev/stdout"},
                                           {"/proc/self/fd/2", "dev/stderr"}};
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        char from[32], to[32];
        snprintf(from, sizeof from, "/dev/%s", devices[i]);
        snprintf(to, sizeof to, "dev/%s", devices[i]);
        int fd = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
        check(fd, to);
        close(fd);
        check(mount(from, to, NULL, MS_BIND, NULL), to);
    }
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        check(symlink(links[i][0], links[i][1]), links[i][1]);
}

/* In the new namespaces, as uid 0 of the user namespace, with all its capabilities; ends in exec. */
static void inside(const char *rootfs, char **argv)
{
    const unsigned long safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;

    check(mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL), "propagation of /");
    check(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL), rootfs);
    check(chdir(rootfs), rootfs);
    check(mount("proc", "proc", "proc", safe, NULL), "/proc");
    check(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"), "/dev");
    check(mkdir("dev/pts", 0755), "/dev/pts");
    check(mkdir("dev/shm", 0755), "/dev/shm");
    check(mkdir("dev/mqueue", 0755), "/dev/mqueue");
    check(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"),
          "/dev/pts");
    check(mount("shm", "dev/shm", "tmpfs", safe, "mode=1777,size=65536k"), "/dev/shm");
    check(mount("mqueue", "dev/mqueue", "mqueue", safe, NULL), "/dev/mqueue");
    check(mount("sysfs", "sys", "sysfs", safe | MS_RDONLY, NULL), "/sys");
    check(mount("/sys/fs/cgroup", "sys/fs/cgroup", NULL, MS_BIND | MS_REC, NULL), "/sys/fs/cgroup");
    make_devices();
    check(sethostname("floor", 5), "sethostname");
    check((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
    check(umount2(".", MNT_DETACH), "umount2");
    check(chdir("/"), "chdir");
    execv(argv[0], argv);
    die(argv[0]);
}

int main(int argc, char **argv)
{
    int single = argc > 1 && strcmp(argv[1], "--single") == 0;
    if (argc - single < 3) {
        fprintf(stderr, "usage: floor [--single] ROOTFS CMD [ARG...]\n");
        return 2;
    }
    const char *rootfs = argv[1 + single];
    char **command = argv + 2 + single;
    uid_t uid = getuid();
    gid_t gid = getgid();

    int go[2];
    if (!single)
        check(pipe2(go, O_CLOEXEC), "pipe2");
    struct clone_args args = {
        .flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                 CLONE_NEWCGROUP,
        .exit_signal = SIGCHLD,
    };
    pid_t child = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    check(child, "clone3");
    if (child == 0) {
        char byte;
        if (!single)
            close(go[1]); /* or a parent that fails would leave us waiting for ourselves */
        if (single)
            map_single(uid, gid);
        else if (read(go[0], &byte, 1) != 1)
            _exit(1);
        inside(rootfs, command);
    }
    if (!single) {
        map_by_helpers(child);
        check((int)write(go[1], "g", 1), "write");
    }
    int status;
    check(waitpid(child, &status, 0), "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
