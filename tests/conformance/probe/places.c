/*
 * What is around a process: namespaces, mounts, /dev, open descriptors, network interfaces; and single paths,
 * judged by trying.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "json.h"
#include "probe.h"

#define CONTENT_MAX 300
#define ENTRIES_MAX 200

static void put_link(const char *name, int dir, const char *path)
{
    char target[4096];
    ssize_t n = readlinkat(dir, path, target, sizeof target);

    if (n > 0)
        json_bytes(name, target, n);
    else
        json_null(name);
}

static const char *type_of(mode_t mode)
{
    return S_ISREG(mode)    ? "file"
           : S_ISDIR(mode)  ? "directory"
           : S_ISLNK(mode)  ? "link"
           : S_ISCHR(mode)  ? "c"
           : S_ISBLK(mode)  ? "b"
           : S_ISFIFO(mode) ? "p"
                            : "socket";
}

static void put_stat(int dir, const char *name, const struct stat *st)
{
    json_string("type", type_of(st->st_mode));
    json_number("mode", st->st_mode & 07777);
    json_unsigned("uid", st->st_uid);
    json_unsigned("gid", st->st_gid);
    json_number("size", st->st_size);
    if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
        json_number("major", major(st->st_rdev));
        json_number("minor", minor(st->st_rdev));
    }
    if (S_ISLNK(st->st_mode))
        put_link("target", dir, name);
}

/* Names in a directory, sorted. */
static int list_names(const char *path, char *names[ENTRIES_MAX])
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort), kept = 0;

    for (int i = 0; i < n; i++)
        if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0 &&
            kept < ENTRIES_MAX)
            names[kept++] = entries[i]->d_name;
    return n < 0 ? -1 : kept;
}

static void put_devices(void)
{
    char *names[ENTRIES_MAX];
    int n = list_names("/dev", names), dir = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    json_object("dev");
    for (int i = 0; i < n; i++) {
        if (fstatat(dir, names[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        json_object(names[i]);
        put_stat(dir, names[i], &st);
        json_end();
    }
    json_end();
    close(dir);
}

static void put_namespaces(void)
{
    static const char *const names[] = {"mnt", "pid", "net", "uts", "ipc", "user", "cgroup", "time"};
    char path[32];

    json_object("namespaces");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
        put_link(names[i], AT_FDCWD, path);
    }
    json_end();
}

/* proc_pid_mountinfo(5) writes blanks and backslashes as \040. */
static char *unescape(char *s)
{
    char *to = s;

    for (char *from = s; *from; from++) {
        if (from[0] == '\\' && from[1] && from[2] && from[3]) {
            *to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 3;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return s;
}

static void put_words(const char *name, char *words)
{
    char *save = NULL;

    json_list(name);
    for (char *word = strtok_r(words, ",", &save); word; word = strtok_r(NULL, ",", &save))
        json_string(NULL, unescape(word));
    json_end();
}

/* ID PARENT MAJOR:MINOR ROOT TARGET OPTIONS [shared:N] [master:N] [unbindable] - TYPE SOURCE SUPER-OPTIONS */
static void put_mount(char *line)
{
    char *fields[32], *save = NULL;
    int n = 0, dash;

    for (char *f = strtok_r(line, " ", &save); f && n < 32; f = strtok_r(NULL, " ", &save))
        fields[n++] = f;
    for (dash = 6; dash < n && strcmp(fields[dash], "-") != 0; dash++)
        ;
    if (dash + 3 >= n)
        return;
    json_object(NULL);
    json_string("root", unescape(fields[3]));
    json_string("at", unescape(fields[4]));
    put_words("options", fields[5]);
    json_list("propagation");
    for (int i = 6; i < dash; i++) {
        fields[i][strcspn(fields[i], ":")] = '\0';
        json_string(NULL, fields[i]);
    }
    json_end();
    json_string("type", fields[dash + 1]);
    json_string("source", unescape(fields[dash + 2]));
    put_words("super", fields[dash + 3]);
    json_end();
}

static void put_mounts(void)
{
    FILE *f = fopen("/proc/self/mountinfo", "re");
    char line[8192];

    json_list("mounts");
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        put_mount(line);
    }
    json_end();
    if (f)
        fclose(f);
}

/* Without /proc the numbers only. */
static void put_descriptors(void)
{
    char path[32];

    json_object("descriptors");
    for (int fd = 0; fd < 1024; fd++) {
        char number[16];
        if (fcntl(fd, F_GETFD) < 0)
            continue;
        snprintf(number, sizeof number, "%d", fd);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        put_link(number, AT_FDCWD, path);
    }
    json_end();
}

static void put_interfaces(void)
{
    struct ifaddrs *list = NULL;
    struct if_nameindex *names = if_nameindex();
    char text[NI_MAXHOST];

    if (getifaddrs(&list) < 0)
        list = NULL;
    json_object("interfaces");
    for (struct if_nameindex *i = names; i && i->if_name; i++) {
        bool up = false;
        json_object(i->if_name);
        json_list("addresses");
        for (struct ifaddrs *a = list; a; a = a->ifa_next) {
            if (strcmp(a->ifa_name, i->if_name) != 0)
                continue;
            up = a->ifa_flags & IFF_UP;
            int family = a->ifa_addr ? a->ifa_addr->sa_family : AF_UNSPEC;
            socklen_t len = family == AF_INET6 ? 28 : 16;
            if ((family == AF_INET || family == AF_INET6) &&
                getnameinfo(a->ifa_addr, len, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0)
                json_string(NULL, text);
        }
        json_end();
        json_bool("up", up);
        json_end();
    }
    json_end();
}

void report_places(void)
{
    put_descriptors();
    put_namespaces();
    put_mounts();
    put_devices();
    put_interfaces();
}

static void put_content(const char *path, const struct stat *st)
{
    char text[CONTENT_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t n = -1;

    if (fd >= 0 && S_ISDIR(st->st_mode)) {
        char *names[ENTRIES_MAX];
        int count = list_names(path, names);
        json_list("entries");
        for (int i = 0; i < count; i++)
            json_string(NULL, names[i]);
        json_end();
    } else if (fd >= 0 && !S_ISFIFO(st->st_mode)) {
        n = read(fd, text, sizeof text);
        if (n >= 0)
            json_bytes("content", text, n);
    }
    if (fd < 0 || (n < 0 && S_ISREG(st->st_mode)))
        json_errno("unreadable", errno);
    if (fd >= 0)
        close(fd);
}

/* A directory is writable if a file can be made in it. */
static void put_writable(const char *path, const struct stat *st)
{
    char inside[4200];
    int fd;

    if (S_ISDIR(st->st_mode)) {
        snprintf(inside, sizeof inside, "%s/.probe", path);
        fd = open(inside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0)
            unlink(inside);
    } else {
        fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    }
    if (fd < 0) {
        json_errno("unwritable", errno);
        return;
    }
    json_bool("writable", true);
    close(fd);
}

void report_path(const char *path)
{
    struct stat st, target;

    if (lstat(path, &st) < 0) {
        json_object(path);
        json_errno("missing", errno);
        json_end();
        return;
    }
    json_object(path);
    put_stat(AT_FDCWD, path, &st);
    if (stat(path, &target) == 0) {
        put_content(path, &target);
        put_writable(path, &target);
    }
    json_end();
}

void report_make(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        json_errno(path, errno);
        return;
    }
    json_object(path);
    put_stat(AT_FDCWD, path, &st);
    json_end();
    close(fd);
    unlink(path);
}
