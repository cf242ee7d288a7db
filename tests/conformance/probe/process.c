/*
 * What a process knows of itself: ids and rights, limits, scheduling, names and clocks. As far as possible by
 * system calls, so that it works without /proc too; what comes from there is null then.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "probe.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const capability_names[] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

static const struct {
    const char *name;
    int resource;
} limits[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};

const char *read_text(const char *path)
{
    static char text[65536];
    size_t len = 0;
    ssize_t n = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    while (fd >= 0 && len < sizeof text - 1 && (n = read(fd, text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return NULL;
    while (len && text[len - 1] == '\n')
        len--;
    text[len] = '\0';
    return text;
}

static void put_ids(void)
{
    gid_t groups[1024];
    int n = getgroups((int)COUNT(groups), groups);
    mode_t mask = umask(0);

    umask(mask);
    json_number("pid", getpid());
    json_number("ppid", getppid());
    json_number("sid", getsid(0));
    json_number("pgid", getpgrp());
    json_unsigned("uid", getuid());
    json_unsigned("euid", geteuid());
    json_unsigned("gid", getgid());
    json_unsigned("egid", getegid());
    json_list("groups");
    for (int i = 0; i < n; i++)
        json_unsigned(NULL, groups[i]);
    json_end();
    json_number("umask", mask);
}

static void put_set(const char *name, uint64_t set)
{
    json_list(name);
    for (unsigned i = 0; i < 64; i++)
        if (set >> i & 1) {
            char number[16];
            snprintf(number, sizeof number, "CAP_%u", i);
            json_string(NULL, i < COUNT(capability_names) ? capability_names[i] : number);
        }
    json_end();
}

static void put_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    uint64_t bounding = 0, ambient = 0;

    syscall(SYS_capget, &header, data);
    for (int i = 0; i < 64; i++) {
        if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
            bounding |= UINT64_C(1) << i;
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1)
            ambient |= UINT64_C(1) << i;
    }
    json_object("capabilities");
    put_set("bounding", bounding);
    put_set("permitted", data[0].permitted | (uint64_t)data[1].permitted << 32);
    put_set("effective", data[0].effective | (uint64_t)data[1].effective << 32);
    put_set("inheritable", data[0].inheritable | (uint64_t)data[1].inheritable << 32);
    put_set("ambient", ambient);
    json_end();
    json_bool("noNewPrivileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

/* RLIM_INFINITY is "unlimited". */
static void put_limit(const char *name, rlim_t value)
{
    if (value == RLIM_INFINITY)
        json_string(name, "unlimited");
    else
        json_unsigned(name, value);
}

static void put_limits(void)
{
    json_object("rlimits");
    for (size_t i = 0; i < COUNT(limits); i++) {
        struct rlimit limit;
        if (getrlimit((__rlimit_resource_t)limits[i].resource, &limit) < 0)
            continue;
        json_object(limits[i].name);
        put_limit("soft", limit.rlim_cur);
        put_limit("hard", limit.rlim_max);
        json_end();
    }
    json_end();
}

static void put_scheduling(void)
{
    static const char *const policies[] = {"SCHED_OTHER", "SCHED_FIFO", "SCHED_RR",      "SCHED_BATCH",
                                           "SCHED_ISO",   "SCHED_IDLE", "SCHED_DEADLINE"};
    static const char *const classes[] = {"IOPRIO_CLASS_NONE", "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE",
                                          "IOPRIO_CLASS_IDLE"};
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attr = {.size = sizeof attr};

    if (syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0) == 0) {
        json_object("scheduler");
        json_string("policy", attr.policy < COUNT(policies) ? policies[attr.policy] : "?");
        json_unsigned("flags", attr.flags);
        json_number("nice", attr.nice);
        json_unsigned("priority", attr.priority);
        json_unsigned("runtime", attr.runtime);
        json_unsigned("deadline", attr.deadline);
        json_unsigned("period", attr.period);
        json_end();
    }
    long io = syscall(SYS_ioprio_get, 1 /* IOPRIO_WHO_PROCESS */, 0);
    if (io >= 0) {
        json_object("ioPriority");
        json_string("class", io >> 13 < (long)COUNT(classes) ? classes[io >> 13] : "?");
        json_number("priority", io & 0x1fff);
        json_end();
    }
}

/* The set bits as a list of numbers. */
static void put_bits(const char *name, const unsigned long *words, size_t n)
{
    const size_t bits = 8 * sizeof *words;

    json_list(name);
    for (size_t i = 0; i < n * bits; i++)
        if (words[i / bits] >> (i % bits) & 1)
            json_number(NULL, (int64_t)i);
    json_end();
}

static void put_placement(void)
{
    unsigned long words[128] = {0};
    int mode = 0;

    if (syscall(SYS_sched_getaffinity, 0, sizeof words, words) > 0)
        put_bits("cpus", words, COUNT(words));
    memset(words, 0, sizeof words);
    if (syscall(SYS_get_mempolicy, &mode, words, 8 * sizeof words, NULL, 0) == 0) {
        json_object("memoryPolicy");
        json_number("mode", mode & 0xfff);
        json_number("flags", mode & ~0xfff);
        put_bits("nodes", words, COUNT(words));
        json_end();
    } else {
        json_null("memoryPolicy");
    }
}

static void put_names(void)
{
    struct utsname names;

    uname(&names);
    json_string("hostname", names.nodename);
    json_string("domainname", names.domainname);
    json_string("machine", names.machine);
    json_number("personality", personality(0xffffffff));
}

static void put_clocks(void)
{
    struct timespec now;

    json_object("clocks");
    clock_gettime(CLOCK_MONOTONIC, &now);
    json_number("monotonic", now.tv_sec);
    clock_gettime(CLOCK_BOOTTIME, &now);
    json_number("boottime", now.tv_sec);
    json_end();
}

static void put_status_line(const char *status, const char *key, const char *name)
{
    const char *line = status ? strstr(status, key) : NULL;

    if (!line) {
        json_null(name);
        return;
    }
    line += strlen(key);
    line += strspn(line, " \t");
    json_bytes(name, line, (long)strcspn(line, "\n"));
}

static void put_status(void)
{
    const char *status = read_text("/proc/self/status");

    put_status_line(status, "\nSeccomp:", "seccomp");
    put_status_line(status, "\nSeccomp_filters:", "seccompFilters");
    json_object("signals");
    put_status_line(status, "\nSigBlk:", "blocked");
    put_status_line(status, "\nSigIgn:", "ignored");
    json_end();
    json_string("oomScoreAdj", read_text("/proc/self/oom_score_adj"));
    json_string("timeOffsets", read_text("/proc/self/timens_offsets"));
    json_string("label", read_text("/proc/self/attr/current"));
    json_string("cgroup", read_text("/proc/self/cgroup"));
    json_string("uidMap", read_text("/proc/self/uid_map"));
    json_string("gidMap", read_text("/proc/self/gid_map"));
    json_string("setgroups", read_text("/proc/self/setgroups"));
}

/* keyctl(2), KEYCTL_DESCRIBE of the session keyring: "keyring;UID;GID;PERM;NAME". */
static void put_keyring(void)
{
    char text[256] = "";
    long n = syscall(SYS_keyctl, 6, -3, text, sizeof text - 1);
    const char *name = strrchr(text, ';');

    json_string("sessionKeyring", n > 0 && name ? name + 1 : NULL);
}

static void put_terminal(void)
{
    struct winsize size;
    char name[64];
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    json_object("terminal");
    json_list("descriptors");
    for (int fd = 0; fd <= 2; fd++)
        if (isatty(fd))
            json_number(NULL, fd);
    json_end();
    json_string("name", ttyname_r(0, name, sizeof name) == 0 ? name : NULL);
    json_bool("controlling", tty >= 0 && tcgetsid(tty) == getsid(0));
    if (ioctl(0, TIOCGWINSZ, &size) == 0) {
        json_number("height", size.ws_row);
        json_number("width", size.ws_col);
    }
    json_end();
    if (tty >= 0)
        close(tty);
}

void report_process(void)
{
    put_ids();
    put_capabilities();
    put_limits();
    put_scheduling();
    put_placement();
    put_names();
    put_clocks();
    put_status();
    put_keyring();
    put_terminal();
}
