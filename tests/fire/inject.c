/*
 * Runs a program and makes one system call of one of its processes fail, or kills that process there.
 *
 *   inject --trace [COMMON] -- CMD [ARG…]                        lists the system calls
 *   inject --role ROLE --call NAME --nth N --error NUMBER|--kill [COMMON] -- CMD [ARG…]
 *   COMMON: --report FILE  --attach PID  --timeout SECONDS
 *
 * It is what `strace --inject` does, and why it is not strace: a case of tests/fire/run is one call of one
 * process, and strace counts per process but can't choose the process; and under a tracer without rights the
 * kernel ignores the setuid bit of newuidmap, so such a child must be let go before its execve.
 *
 * Theory of operation. Everything is traced from its birth (PTRACE_SEIZE), but only processes of the wanted
 * role stop at system calls; the rest runs at full speed. A call fails by being replaced at its entry by one
 * without an effect, which every filter allows, and by an error at its exit; close is carried out, since a
 * close that fails has closed. A process that is to be killed gets SIGKILL at the entry. What executes a
 * program is another program from then on and let go, but for the runtime, which may execute a sealed copy of
 * itself, and for bryo's own helpers. When the first process has ended, the rest is let go and lives on.
 *
 * Roles: `runtime` is the first process; `init` the container's init (a clone into a pid namespace, or
 * by CLONE_PARENT), also one that --attach names; ROLE/helperN the Nth program that ROLE starts, by vfork or
 * in a user namespace, ROLE/childN the Nth other child, ROLE/threadN the Nth thread. ROLE/helperN/bryo-image
 * is bryo's own program that the helper executes; with rights, ROLE/helperN/exec is any other. Calls before
 * the first sigaction(SIGPIPE), by which bryo and its programs begin, are the loader's and do not count.
 *
 * The report: `call ROLE NAME NTH DETAIL` for each call of a trace, `hit …` when it was done, `end STATUS` at
 * last. The exit status is that of the program (128 + signal), 224 after the time limit, 225 for failures
 * here.
 */
#include <errno.h>
#include <getopt.h>
#include <seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
#error "how a system call is replaced is known for x86_64 only"
#endif

#define ROLE_MAX      96
#define PROCESSES_MAX 256
#define CALLS_MAX     512
#define DETAIL_MAX    256
#define EXIT_TIMEOUT  224
#define EXIT_OWN      225

struct process {
    pid_t pid;
    char role[ROLE_MAX]; /* empty: born, but its parent's event has not come yet */
    bool stopped;        /* waits for that event */
    bool counts;         /* its calls count */
    int fake;            /* errno to return at the exit of the call, 0: none */
    long argument;       /* the first of the call that was replaced; -1: none was */
    unsigned helpers, children, threads;
    unsigned seen[CALLS_MAX];
};

struct injector {
    bool trace;
    const char *role, *call;
    int nr;
    unsigned nth;
    int error; /* 0: kill */
    bool privileged;
    FILE *report;
    pid_t first;
    int status; /* of the first process, -1: it runs */
    bool leaving, hit;
    struct process all[PROCESSES_MAX];
    size_t n;
};

static volatile sig_atomic_t timed_out;

static void on_alarm(int sig)
{
    (void)sig;
    timed_out = 1;
}

__attribute__((format(printf, 1, 2))) static _Noreturn void die(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("inject: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(EXIT_OWN); /* PTRACE_O_EXITKILL: nothing traced is left */
}

/* What tells calls of one name apart: the numbers of the arguments that are a command, a path, a descriptor;
 * -1: there is none. */
static const struct {
    const char *call;
    int number, path, fd;
} details[] = {
    {"openat", -1, 1, -1},       {"openat2", -1, 1, -1},      {"open", -1, 0, -1},
    {"newfstatat", -1, 1, 0},    {"faccessat", -1, 1, 0},     {"access", -1, 0, -1},
    {"faccessat2", -1, 1, 0},    {"mkdirat", -1, 1, -1},      {"mkdir", -1, 0, -1},
    {"unlinkat", -1, 1, -1},     {"unlink", -1, 0, -1},       {"renameat", -1, 3, -1},
    {"rename", -1, 1, -1},       {"renameat2", -1, 3, -1},    {"readlink", -1, 0, -1},
    {"readlinkat", -1, 1, 0},    {"chdir", -1, 0, -1},        {"chmod", -1, 0, -1},
    {"mount", -1, 1, -1},        {"umount2", -1, 0, -1},      {"execve", -1, 0, -1},
    {"execveat", -1, 1, -1},     {"open_tree", -1, 1, 0},     {"fsopen", -1, 0, -1},
    {"fsconfig", 1, 2, -1},      {"stat", -1, 0, -1},         {"statx", -1, 1, 0},
    {"statfs", -1, 0, -1},       {"symlinkat", -1, 2, -1},    {"chroot", -1, 0, -1},
    {"mknodat", -1, 1, -1},      {"memfd_create", -1, 0, -1}, {"prctl", 0, -1, -1},
    {"fcntl", 1, -1, 0},         {"ioctl", 1, -1, 0},         {"unshare", 0, -1, -1},
    {"setns", 1, -1, -1},        {"kill", 1, -1, -1},         {"socket", 0, -1, -1},
    {"keyctl", 0, -1, -1},       {"wait4", 2, -1, -1},        {"close", -1, -1, 0},
    {"write", -1, -1, 0},        {"rt_sigaction", 0, -1, -1}, {"seccomp", 0, -1, -1},
    {"fchmodat", -1, 1, -1},     {"fchownat", -1, 1, -1},     {"getxattr", -1, 0, -1},
    {"read", -1, -1, 0},         {"pread64", -1, -1, 0},      {"fstat", -1, -1, 0},
    {"mount_setattr", -1, 1, 0}, {"getdents64", -1, -1, 0},   {"lseek", -1, -1, 0},
    {"fchmod", -1, -1, 0},       {"fchown", -1, -1, 0},       {"sendmsg", -1, -1, 0},
    {"recvmsg", -1, -1, 0},      {"fchdir", -1, -1, 0},       {"fstatfs", -1, -1, 0},
};

/* A string of the process, printable; empty where it can't be read (it is not dumpable). */
static void peek_text(pid_t pid, uint64_t at, char *out, size_t size)
{
    char raw[DETAIL_MAX] = "";
    const size_t all = sizeof raw - 1, page = 4096 - (at & 4095), first = page < all ? page : all;
    /* What the next page holds may not be there: a transfer is partial between pieces only. */
    struct iovec here = {raw, all};
    struct iovec there[] = {{(void *)(uintptr_t)at, first}, {(void *)(uintptr_t)(at + first), all - first}};
    size_t n = 0;
    ssize_t got = process_vm_readv(pid, &here, 1, there, 2, 0);

    raw[got < 0 ? 0 : got] = '\0';
    for (char *p = raw; *p && n + 1 < size; p++)
        out[n++] = *p > ' ' && *p < 127 ? *p : '_';
    out[n] = '\0';
}

/* What the descriptor of the process is, as <PATH>; <> where it can't be told. */
static void peek_fd(pid_t pid, uint64_t fd, char *out, size_t size)
{
    char link[48], target[DETAIL_MAX];
    ssize_t n;

    snprintf(link, sizeof link, "/proc/%d/fd/%u", (int)pid, (unsigned)fd);
    n = readlink(link, target, sizeof target - 1);
    target[n < 0 ? 0 : n] = '\0';
    for (char *p = target; *p; p++)
        if (*p <= ' ')
            *p = '_';
    snprintf(out, size, "<%s>", target);
}

/* "COMMAND:PATH", with what there is of it. */
static void describe(const struct process *p, const char *call, const __uint64_t args[6],
                     char out[DETAIL_MAX])
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < sizeof details / sizeof details[0]; i++) {
        if (strcmp(call, details[i].call) != 0)
            continue;
        if (details[i].number >= 0)
            n = (size_t)snprintf(out, DETAIL_MAX, "%llu:", (unsigned long long)args[details[i].number]);
        if (details[i].path >= 0)
            peek_text(p->pid, args[details[i].path], out + n, DETAIL_MAX - n);
        if (details[i].fd >= 0 && !out[n])
            peek_fd(p->pid, args[details[i].fd], out + n, DETAIL_MAX - n);
    }
}

static const char *call_name(int nr, char buf[32])
{
    char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);

    /* libseccomp 2.5 does not know the newest. */
    if (name)
        snprintf(buf, 32, "%s", name);
    else
        snprintf(buf, 32, "syscall_%d", nr);
    free(name);
    return buf;
}

static struct process *find(struct injector *in, pid_t pid)
{
    for (size_t i = 0; i < in->n; i++)
        if (in->all[i].pid == pid)
            return &in->all[i];
    if (in->n == PROCESSES_MAX)
        die("more than %d processes", PROCESSES_MAX);
    in->all[in->n] = (struct process){.pid = pid, .argument = -1};
    return &in->all[in->n++];
}

static void forget(struct injector *in, struct process *p)
{
    *p = in->all[--in->n];
}

static bool wanted(const struct injector *in, const struct process *p)
{
    return in->trace || (!in->hit && strcmp(p->role, in->role) == 0);
}

/* May it, or a program that it executes, be the wanted one? */
static bool matters(const struct injector *in, const struct process *p)
{
    return in->trace || (!in->hit && strncmp(in->role, p->role, strlen(p->role)) == 0);
}

static void set_register(const struct process *p, size_t offset, long value)
{
    if (ptrace(PTRACE_POKEUSER, p->pid, offset, value) < 0 && errno != ESRCH)
        die("change a system call of %s: %s", p->role, strerror(errno));
}
#define REGISTER(name) offsetof(struct user_regs_struct, name)

/* At the entry of a call: write(-1, …, …) takes its place. No call at all would be one that a filter knows
 * nothing of, and kills for. */
static void replace_call(struct process *p, const __uint64_t args[6])
{
    p->argument = (long)args[0];
    set_register(p, REGISTER(orig_rax), SYS_write);
    set_register(p, REGISTER(rdi), -1);
}

/* At the exit of a call. */
static void leave_call(struct process *p)
{
    if (!p->fake)
        return;
    set_register(p, REGISTER(rax), -p->fake);
    if (p->argument != -1)
        set_register(p, REGISTER(rdi), p->argument); /* no call changes it */
    p->fake = 0;
    p->argument = -1;
}

static void let_go(struct injector *in, struct process *p, int sig)
{
    leave_call(p); /* it may be at the exit of the call that is to fail */
    (void)ptrace(PTRACE_DETACH, p->pid, 0, sig);
    forget(in, p);
}

static void go_on(struct injector *in, struct process *p, int sig)
{
    if (in->leaving)
        let_go(in, p, sig);
    else if (ptrace(wanted(in, p) || p->fake ? PTRACE_SYSCALL : PTRACE_CONT, p->pid, 0, sig) < 0 &&
             errno != ESRCH)
        die("continue %s: %s", p->role, strerror(errno));
}

static void report_call(struct injector *in, const char *what, const struct process *p, int nr,
                        const __uint64_t args[6])
{
    char name[32], detail[DETAIL_MAX];

    describe(p, call_name(nr, name), args, detail);
    fprintf(in->report, "%s %s %s %u %s\n", what, p->role, name, p->seen[nr], detail);
}

static bool is_ours(const char *path)
{
    const char *slash = strrchr(path, '/');

    return strncmp(slash ? slash + 1 : path, "bryo-", 5) == 0;
}

/* The kernel gives no rights to a program whose tracer has none: such a one has to be let go before. */
static bool needs_rights(const struct injector *in, const struct process *p, int nr, const __uint64_t args[6])
{
    char path[DETAIL_MAX] = "";

    if (p->pid == in->first || in->privileged || (nr != SYS_execve && nr != SYS_execveat))
        return false;
    peek_text(p->pid, args[nr == SYS_execveat], path, sizeof path);
    return !is_ours(path);
}

/* At the entry of a call. Returns false if the process is gone from the list. */
static bool enter_call(struct injector *in, struct process *p, const struct __ptrace_syscall_info *info)
{
    int nr = (int)info->entry.nr;
    bool hit;

    if (nr < 0 || nr >= CALLS_MAX)
        return true;
    if (nr == SYS_rt_sigaction && info->entry.args[0] == SIGPIPE)
        p->counts = true;
    if (!p->counts)
        return true;
    p->seen[nr]++;
    if (in->trace)
        report_call(in, "call", p, nr, info->entry.args);
    hit = wanted(in, p) && nr == in->nr && p->seen[nr] == in->nth;
    if (hit) {
        in->hit = true;
        report_call(in, "hit", p, nr, info->entry.args);
        if (!in->error) {
            (void)kill(p->pid, SIGKILL);
        } else {
            p->fake = in->error;
            if (nr != SYS_close)
                replace_call(p, info->entry.args);
        }
        return true;
    }
    if (needs_rights(in, p, nr, info->entry.args)) {
        let_go(in, p, 0);
        return false;
    }
    return true;
}

static void at_call(struct injector *in, struct process *p)
{
    struct __ptrace_syscall_info info;

    if (ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, sizeof info, &info) < 0)
        return; /* killed meanwhile: its end is told by wait */
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        if (!enter_call(in, p, &info))
            return;
    } else {
        leave_call(p);
    }
    go_on(in, p, 0);
}

static bool other_namespace(pid_t a, pid_t b, const char *kind)
{
    char path[48];
    struct stat x, y;

    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)a, kind);
    if (stat(path, &x) < 0)
        return false;
    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)b, kind);
    return stat(path, &y) == 0 && x.st_ino != y.st_ino;
}

static bool is_thread_of(pid_t pid, pid_t leader)
{
    char path[48];

    snprintf(path, sizeof path, "/proc/%d/task/%d", (int)leader, (int)pid);
    return access(path, F_OK) == 0;
}

/* The event of @p, which has a new child. */
static void born(struct injector *in, struct process *p, int event)
{
    char role[ROLE_MAX];
    unsigned long pid;
    struct process *child;

    if (ptrace(PTRACE_GETEVENTMSG, p->pid, 0, &pid) < 0)
        return;
    if (event == PTRACE_EVENT_VFORK)
        snprintf(role, sizeof role, "%.80s/helper%u", p->role, ++p->helpers);
    else if (is_thread_of((pid_t)pid, p->pid))
        snprintf(role, sizeof role, "%.80s/thread%u", p->role, ++p->threads);
    else if (event == PTRACE_EVENT_CLONE || other_namespace(p->pid, (pid_t)pid, "pid"))
        snprintf(role, sizeof role, "init");
    else if (other_namespace(p->pid, (pid_t)pid, "user"))
        snprintf(role, sizeof role, "%.80s/helper%u", p->role, ++p->helpers);
    else
        snprintf(role, sizeof role, "%.80s/child%u", p->role, ++p->children);
    child = find(in, (pid_t)pid);
    memcpy(child->role, role, sizeof role);
    child->counts = true;
    /* One that is not looked at is let go early: it may execute a program with rights. */
    if (child->stopped) {
        child->stopped = false;
        if (event == PTRACE_EVENT_VFORK && !matters(in, child))
            let_go(in, child, 0);
        else
            go_on(in, child, 0);
    }
}

static void executed(struct injector *in, struct process *p)
{
    size_t len = strlen(p->role);
    char path[DETAIL_MAX], link[32];

    snprintf(link, sizeof link, "/proc/%d/exe", (int)p->pid);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n < 0 ? 0 : n] = '\0';
    if (p->pid == in->first) {
        p->counts = false; /* the loader again */
        go_on(in, p, 0);
    } else if (is_ours(path) || (strstr(p->role, "/helper") && strcmp(p->role + len - 5, "/exec") != 0)) {
        memset(p->seen, 0, sizeof p->seen);
        p->counts = !is_ours(path);
        snprintf(p->role + len, sizeof p->role - len, "/%s", p->counts ? "exec" : strrchr(path, '/') + 1);
        if (wanted(in, p))
            go_on(in, p, 0);
        else
            let_go(in, p, 0);
    } else {
        let_go(in, p, 0);
    }
}

static void ended(struct injector *in, struct process *p, int status)
{
    if (p->pid == in->first) {
        in->status = status;
        in->leaving = true;
        forget(in, p);
        /* The rest is let go as it stops. */
        for (size_t i = 0; i < in->n; i++)
            if (ptrace(PTRACE_INTERRUPT, in->all[i].pid, 0, 0) == 0 && in->all[i].stopped)
                (void)ptrace(PTRACE_DETACH, in->all[i].pid, 0, 0);
        return;
    }
    forget(in, p);
}

static void stopped(struct injector *in, struct process *p, int status)
{
    int sig = WSTOPSIG(status), event = status >> 16;

    if (in->leaving) {
        let_go(in, p, event || sig == (SIGTRAP | 0x80) ? 0 : sig);
        return;
    }
    switch (event) {
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE:
        born(in, p, event);
        p = find(in, p->pid); /* the list may have moved */
        go_on(in, p, 0);
        return;
    case PTRACE_EVENT_EXEC:
        executed(in, p);
        return;
    case PTRACE_EVENT_STOP:
        if (!p->role[0])
            p->stopped = true; /* until its parent's event says who it is */
        else if (strstr(p->role, "/helper") && !matters(in, p))
            let_go(in, p, 0);
        else
            go_on(in, p, 0);
        return;
    default:
        break;
    }
    if (sig == (SIGTRAP | 0x80))
        at_call(in, p);
    else
        go_on(in, p, event ? 0 : sig);
}

static void watch(struct injector *in)
{
    while (in->n) {
        int status;
        pid_t pid = waitpid(-1, &status, __WALL);
        if (timed_out) {
            for (size_t i = 0; i < in->n; i++)
                (void)kill(in->all[i].pid, SIGKILL);
            fprintf(in->report, "end timeout\n");
            exit(EXIT_TIMEOUT);
        }
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid < 0)
            break;
        if (WIFSTOPPED(status))
            stopped(in, find(in, pid), status);
        else
            ended(in, find(in, pid), status);
    }
}

#define OPTIONS                                                                               \
    (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
     PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)

/* The process waits on the pipe until it is traced. */
static void start(struct injector *in, char **argv)
{
    int fds[2];
    char go = 'g';

    if (pipe(fds) < 0)
        die("pipe: %s", strerror(errno));
    in->first = fork();
    if (in->first < 0)
        die("fork: %s", strerror(errno));
    if (in->first == 0) {
        close(fds[1]);
        if (read(fds[0], &go, 1) != 1)
            _exit(EXIT_OWN);
        close(fds[0]);
        execv(argv[0], argv);
        fprintf(stderr, "inject: execute %s: %s\n", argv[0], strerror(errno));
        _exit(EXIT_OWN);
    }
    close(fds[0]);
    if (ptrace(PTRACE_SEIZE, in->first, 0, OPTIONS) < 0 || ptrace(PTRACE_INTERRUPT, in->first, 0, 0) < 0)
        die("trace %s: %s", argv[0], strerror(errno));
    snprintf(find(in, in->first)->role, ROLE_MAX, "runtime");
    if (write(fds[1], &go, 1) != 1)
        die("pipe: %s", strerror(errno));
    close(fds[1]);
}

static void attach(struct injector *in, pid_t pid)
{
    struct process *p = find(in, pid);

    if (ptrace(PTRACE_SEIZE, pid, 0, OPTIONS & ~PTRACE_O_EXITKILL) < 0 ||
        ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0)
        die("trace process %d: %s", (int)pid, strerror(errno));
    snprintf(p->role, ROLE_MAX, "init");
    p->counts = true;
}

static unsigned number(const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (!*text || *end || n > 1u << 30)
        die("expected a number, found \"%s\"", text);
    return (unsigned)n;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"trace", no_argument, NULL, 't'},         {"role", required_argument, NULL, 'r'},
        {"call", required_argument, NULL, 'c'},    {"nth", required_argument, NULL, 'n'},
        {"error", required_argument, NULL, 'e'},   {"kill", no_argument, NULL, 'k'},
        {"report", required_argument, NULL, 'o'},  {"attach", required_argument, NULL, 'a'},
        {"timeout", required_argument, NULL, 'l'}, {0},
    };
    static struct injector in = {.role = "", .call = "", .nr = -1, .nth = 1, .status = -1};
    struct sigaction alarm_action = {.sa_handler = on_alarm};
    const char *report = NULL;
    unsigned limit = 40;
    pid_t attached = 0;
    int c;

    while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        switch (c) {
        case 't':
            in.trace = true;
            break;
        case 'r':
            in.role = optarg;
            break;
        case 'c':
            in.call = optarg;
            break;
        case 'n':
            in.nth = number(optarg);
            break;
        case 'e':
            in.error = (int)number(optarg);
            break;
        case 'k':
            in.error = 0;
            break;
        case 'o':
            report = optarg;
            break;
        case 'a':
            attached = (pid_t)number(optarg);
            break;
        case 'l':
            limit = number(optarg);
            break;
        default:
            return EXIT_OWN;
        }
    }
    if (optind == argc)
        die("no program is given");
    if (sscanf(in.call, "syscall_%d", &in.nr) != 1)
        in.nr = seccomp_syscall_resolve_name(in.call);
    if (!in.trace && in.nr < 0)
        die("no system call is called \"%s\"", in.call);
    in.report = report ? fopen(report, "we") : stderr;
    if (!in.report)
        die("open \"%s\": %s", report, strerror(errno));
    in.privileged = geteuid() == 0;
    if (attached)
        attach(&in, attached);
    start(&in, argv + optind);
    sigaction(SIGALRM, &alarm_action, NULL);
    alarm(limit);
    watch(&in);
    fprintf(in.report, "end %d\n", in.status);
    if (in.status < 0)
        return EXIT_OWN;
    return WIFSIGNALED(in.status) ? 128 + WTERMSIG(in.status) : WEXITSTATUS(in.status);
}
