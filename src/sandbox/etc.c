/*
 * What a sandbox takes over from its host: names and the time zone.
 *
 * A root that is this sandbox's own is written to, so that the sandboxed programs can replace the files as
 * they are used to (package managers do). A directory used in place stays as it is: the files are bound
 * read-only over those that are there.
 */
#include "sandbox/etc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/netaddr.h"
#include "base/str.h"
#include "net/resolv.h"
#include "sandbox/mounts.h"

#define ETC_FILE_MAX (1u << 20)
#define TZIF_MAX     (256u << 10)
#define ZONEINFO     "/usr/share/zoneinfo/"

int sandbox_check_host(const char *text, struct error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    size_t name = strspn(text, allowed);
    struct netaddr address;
    if (name > 0 && text[name] == ':' && netaddr_parse(text + name + 1, &address) == 0)
        return 0;
    _cleanup_free_ char *shown = str_quote(text, 80);
    return error_set(err, EINVAL, "expected NAME:ADDRESS, found \"%s\"", shown ? shown : "?");
}

static char *make_hosts(const struct sandbox_etc *etc)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    _cleanup_free_ char *host = NULL;
    if (etc->net->kind == NET_HOST &&
        file_read_at(AT_FDCWD, "/etc/hosts", ETC_FILE_MAX, &host, NULL, NULL) == 0) {
        strbuf_add(&text, host);
        if (text.len && text.data[text.len - 1] != '\n')
            strbuf_add(&text, "\n");
    } else {
        strbuf_add(&text, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
    }
    strbuf_addf(&text, "127.0.1.1 %s\n", etc->hostname);
    STRV_FOREACH (entry, etc->add_host) {
        size_t name = strcspn(*entry, ":");
        strbuf_addf(&text, "%s %.*s\n", *entry + name + 1, (int)name, *entry);
    }
    return strbuf_take(&text);
}

static char *make_hostname(const struct sandbox_etc *etc)
{
    return str_printf("%s\n", etc->hostname);
}

/* With the host's network the host's file holds, a resolver on 127.0.0.53 included. Without a network there
 * is nobody to ask: the image keeps what it has. NULL with errno 0: no file. */
static char *make_resolv_conf(const struct sandbox_etc *etc)
{
    char *text = NULL;
    int r = 0;
    if (etc->net->kind == NET_SLIRP)
        r = net_resolv_conf(etc->net, &text, NULL);
    else if (etc->net->kind == NET_HOST && etc->dns)
        r = net_resolv_conf_of(etc->dns, &text, NULL);
    else if (etc->net->kind == NET_HOST)
        r = file_read_at(AT_FDCWD, "/etc/resolv.conf", ETC_FILE_MAX, &text, NULL, NULL);
    errno = r == -ENOMEM ? ENOMEM : 0;
    return text;
}

static const struct {
    const char *name;
    char *(*make)(const struct sandbox_etc *etc);
} files[] = {
    {"hosts", make_hosts},
    {"hostname", make_hostname},
    {"resolv.conf", make_resolv_conf},
};

/* Is /etc/NAME of type @type in the image, by whatever links inside it? 1, 0, or a negative errno. */
static int is_in_image(const struct layered *root, const char *name, mode_t type, struct error *err)
{
    static const int absent[] = {ENOENT, ENOTDIR, ELOOP, EACCES, EXDEV};
    _cleanup_free_ char *path = str_printf("/etc/%s", name);
    if (!path)
        return error_oom(err);
    _cleanup_close_ int fd = layered_open(root, path, O_PATH);
    struct stat st;
    int code = fd < 0 ? -fd : fstat(fd, &st) < 0 ? errno : 0;
    for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
        if (code == absent[i])
            return 0;
    return code ? error_sys(err, code, "look at \"%s\" of the image", path) : (st.st_mode & S_IFMT) == type;
}

static int bind_file(const struct sandbox_etc *etc, const char *name, const char *text, cJSON *mounts,
                     struct error *err)
{
    int r = is_in_image(&etc->files, name, S_IFREG, err);
    if (r <= 0)
        return r;
    r = file_replace_at(etc->dir->fd, name, text, strlen(text), 0644, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *source = str_printf("%s/%s", etc->dir->path, name);
    _cleanup_free_ char *destination = str_printf("/etc/%s", name);
    if (!source || !destination)
        return error_oom(err);
    return sandbox_mount_bind(mounts, source, destination, true, err);
}

/* Renames a new file over the image's, be that a link to nowhere. */
static int write_file(int etc_fd, const char *name, const char *text, struct error *err)
{
    int r = file_replace_at(etc_fd, name, text, strlen(text), 0644, err);
    if (r == 0 || r == -EACCES || r == -EPERM) {
        /* An image with an /etc that its root may not write wants it so. */
        error_clear(err);
        return 0;
    }
    error_prefix(err, "/etc of the image");
    return r;
}

/* The directory /etc that files are written to: in the image's own tree, or one that lies over the image's
 * and looks like it. -EBADF without text if there is none: /etc of the image is a link, or belongs to
 * somebody else than its root. */
static int open_own_etc(const struct sandbox_etc *etc, struct error *err)
{
    if (etc->own < 0)
        return -EBADF;
    _cleanup_close_ int there = layered_open(&etc->files, "/etc", O_PATH | O_NOFOLLOW);
    struct stat st = {.st_mode = S_IFDIR | 0755, .st_uid = geteuid(), .st_gid = getegid()};
    if (there < 0 && there != -ENOENT)
        return error_sys(err, -there, "open \"/etc\" of the image");
    if (there >= 0 && fstat(there, &st) < 0)
        return error_sys(err, errno, "stat \"/etc\" of the image");
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || st.st_gid != getegid())
        return -EBADF;
    if (mkdirat(etc->own, "etc", 0755) < 0 && errno != EEXIST)
        return error_sys(err, errno, "make \"/etc\" of the sandbox");
    _cleanup_close_ int fd = openat(etc->own, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fchmod(fd, st.st_mode & 07777) < 0)
        return error_sys(err, errno, "open \"/etc\" of the sandbox");
    return TAKE_FD(fd);
}

int sandbox_etc_apply(const struct sandbox_etc *etc, cJSON *mounts, struct error *err)
{
    _cleanup_close_ int etc_fd = open_own_etc(etc, err);
    if (etc_fd < 0 && etc_fd != -EBADF)
        return etc_fd;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_free_ char *text = files[i].make(etc);
        if (!text && errno == 0)
            continue;
        if (!text)
            return error_oom(err);
        /* An image that has a directory there wants it so. */
        int r = etc_fd >= 0 ? is_in_image(&etc->files, files[i].name, S_IFDIR, err) : 0;
        if (r > 0)
            continue;
        if (r == 0)
            r = etc_fd >= 0 ? write_file(etc_fd, files[i].name, text, err)
                            : bind_file(etc, files[i].name, text, mounts, err);
        if (r < 0)
            return r;
    }
    return 0;
}

char *sandbox_tzif_footer(const char *data, size_t len)
{
    if (len < 6 || memcmp(data, "TZif", 4) != 0 || data[4] < '2' || data[len - 1] != '\n')
        return NULL;
    const char *start = memrchr(data, '\n', len - 1);
    if (!start || start + 2 == data + len)
        return NULL;
    size_t n = (size_t)(data + len - 1 - ++start);
    for (size_t i = 0; i < n; i++)
        if (start[i] <= ' ' || start[i] > '~')
            return NULL;
    return strndup(start, n);
}

/* The footer of the zone file @path, NULL if it has none. */
static int read_zone(const char *path, char **out, struct error *err)
{
    _cleanup_free_ char *data = NULL;
    size_t len;
    *out = NULL;
    int r = file_read_at(AT_FDCWD, path, TZIF_MAX, &data, &len, NULL);
    if (r == -ENOMEM)
        return error_oom(err);
    if (r < 0)
        return 0; /* no zone known: UTC, as libc does */
    *out = sandbox_tzif_footer(data, len);
    return 0;
}

int sandbox_timezone(const char *tz, char **out, struct error *err)
{
    _cleanup_free_ char *zone = NULL;
    if (tz && *tz == ':')
        tz++;
    if (tz && (strstr(tz, "..") || strlen(tz) > 255))
        tz = "";
    _cleanup_free_ char *path =
        str_printf("%s%s", tz && tz[0] != '/' ? ZONEINFO : "", tz ? tz : "/etc/localtime");
    if (!path)
        return error_oom(err);
    int r = tz && !*tz ? 0 : read_zone(path, &zone, err);
    if (r < 0)
        return r;
    if (!zone && tz && *tz && *tz != '/' && strpbrk(tz, "0123456789")) {
        zone = strdup(tz); /* no name of a zone but a rule */
        if (!zone)
            return error_oom(err);
    }
    *out = zone && strcmp(zone, "UTC0") != 0 ? TAKE_PTR(zone) : NULL;
    return 0;
}
