/*
 * Peak memory of a program: prints "OWN TREE", both in KiB.
 *
 *   rss CMD [ARG…]        standard output and error of CMD go to /dev/null
 *
 * OWN is the program's alone (VmHWM at its end); TREE is the largest of it and of all its descendants that
 * were waited for (wait4(2)). The two differ: a container's runtime starts newuidmap, and that one is larger
 * than some runtimes.
 *
 * Theory of operation: VmHWM must be read while the memory still exists, so the program is traced, but only
 * it and not its children (a traced newuidmap would not get its rights), and only its exit event is waited
 * for.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
    fprintf(stderr, "rss: %s: %s\n", what, strerror(errno));
    exit(1);
}

static long peak_of(pid_t pid)
{
    char path[64], line[256];
    long kib = -1;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        die(path);
    while (kib < 0 && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %ld kB", &kib) != 1)
            kib = -1;
    fclose(f);
    return kib;
}

static void child(char **argv)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
        _exit(127);
    raise(SIGSTOP); /* until the tracer is there */
    execvp(argv[0], argv);
    _exit(127);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: rss CMD [ARG...]\n");
        return 2;
    }
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0)
        child(argv + 1);

    int status;
    if (waitpid(pid, &status, WUNTRACED) < 0)
        die("waitpid");
    if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL) < 0)
        die("PTRACE_SEIZE");
    kill(pid, SIGCONT);
    long own = -1;
    struct rusage usage;
    for (;;) {
        if (wait4(pid, &status, 0, &usage) < 0)
            die("wait4");
        if (!WIFSTOPPED(status))
            break;
        int event = status >> 16, sig = WSTOPSIG(status);
        if (event == PTRACE_EVENT_EXIT)
            own = peak_of(pid);
        /* A stop that is no event of the tracer is a signal on its way to the program. */
        if (ptrace(PTRACE_CONT, pid, 0, event ? 0 : sig) < 0 && errno != ESRCH)
            die("PTRACE_CONT");
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "rss: %s failed\n", argv[1]);
        return 1;
    }
    printf("%ld %ld\n", own, usage.ru_maxrss);
    return 0;
}
