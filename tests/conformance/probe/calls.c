/*
 * Single system calls, tried by a child, so that a filter may kill it.
 *
 *   call=NAME                by name, with harmless arguments
 *   call=NUMBER[:ARG…]       by number, with numbers as arguments
 *   call=32:NUMBER           the call of the 32-bit table of an x86-64
 *   call=x32:NUMBER          the call of the x32 table
 *
 * The result: "ok", an errno, or the signal that the child died of.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json.h"
#include "probe.h"

/* One that no runtime needs behind a filter, and neither does the probe. */
static long call_sysinfo(void)
{
    struct sysinfo now;
    return sysinfo(&now);
}

static long call_getpid(void)
{
    return syscall(SYS_getpid);
}

static long call_mkdir(void)
{
    long r = syscall(SYS_mkdirat, AT_FDCWD, "/dev/shm/.probe", 0700);
    if (r == 0)
        rmdir("/dev/shm/.probe");
    return r;
}

static long call_fsopen(void)
{
    return syscall(SYS_fsopen, "tmpfs", 0);
}

static long call_remount_rw(void)
{
    return mount("none", "/", NULL, MS_REMOUNT | MS_BIND, NULL);
}

static long call_unshare_user(void)
{
    return unshare(CLONE_NEWUSER);
}

static long call_unshare_mount(void)
{
    return unshare(CLONE_NEWNS);
}

static long call_sethostname(void)
{
    return sethostname("changed", 7);
}

static long call_chroot(void)
{
    return chroot("/");
}

static long call_mknod(void)
{
    long r = mknod("/dev/.probe", S_IFCHR | 0600, 0x103);
    if (r == 0)
        unlink("/dev/.probe");
    return r;
}

static long call_setuid(void)
{
    return setuid(getuid() + 1);
}

static long call_sched_fifo(void)
{
    struct sched_param p = {.sched_priority = 1};
    return sched_setscheduler(0, SCHED_FIFO, &p);
}

static const struct {
    const char *name;
    long (*run)(void);
} calls[] = {
    {"chroot", call_chroot},
    {"fsopen", call_fsopen},
    {"getpid", call_getpid},
    {"mkdir", call_mkdir},
    {"mknod", call_mknod},
    {"remount_rw", call_remount_rw},
    {"sched_fifo", call_sched_fifo},
    {"sethostname", call_sethostname},
    {"setuid", call_setuid},
    {"sysinfo", call_sysinfo},
    {"unshare_mount", call_unshare_mount},
    {"unshare_user", call_unshare_user},
};

#ifdef __x86_64__
static long call_32(long number)
{
    long r;

    __asm__ volatile("int $0x80"
                     : "=a"(r)
                     : "a"(number), "b"(0), "c"(0), "d"(0)
                     : "r8", "r9", "r10", "r11", "memory");
    r = (int)r;
    if (r < 0 && r > -4096) {
        errno = (int)-r;
        return -1;
    }
    return r;
}
#else
static long call_32(long number)
{
    (void)number;
    errno = ENOSYS;
    return -1;
}
#endif

static long run_number(const char *task)
{
    long args[7] = {0};
    char *rest;

    if (strncmp(task, "32:", 3) == 0)
        return call_32(strtol(task + 3, NULL, 0));
    if (strncmp(task, "x32:", 4) == 0)
        return syscall(strtol(task + 4, NULL, 0) | 0x40000000L);
    for (int i = 0; i < 7; i++, task = rest + 1) {
        args[i] = (long)strtoull(task, &rest, 0);
        if (*rest != ':')
            break;
    }
    return syscall(args[0], args[1], args[2], args[3], args[4], args[5], args[6]);
}

static long run_call(const char *task)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(calls[i].name, task) == 0)
            return calls[i].run();
    return run_number(task);
}

/* The child tells by its exit status: 0, or the errno; what a call returned is not kept. */
void report_call(const char *task)
{
    char text[32];
    int status;

    /* Some would change the machine: only in a root file system that is made for this. */
    if (access("/probe", X_OK) < 0) {
        json_string(task, "not tried outside of a container");
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        errno = 0;
        _exit(run_call(task) < 0 ? errno : 0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        json_string(task, "the probe could not try it");
        return;
    }
    if (WIFSIGNALED(status)) {
        snprintf(text, sizeof text, "SIG%s", sigabbrev_np(WTERMSIG(status)));
        json_string(task, text);
    } else if (WEXITSTATUS(status)) {
        json_errno(task, WEXITSTATUS(status));
    } else {
        json_string(task, "ok");
    }
}
