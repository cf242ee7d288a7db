/*
 * Users and groups of an image: its own /etc/passwd and /etc/group, never the host's.
 *
 * The files are the image's, so they are opened inside its root, must be regular files of a sane size, and
 * lines that are not well-formed are passed over as libc does.
 */
#include "sandbox/user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define DATABASE_MAX (16u << 20)
#define GROUPS_MAX   65536 /* NGROUPS_MAX of the kernel */

/* The whole of a database file of the image, "" when there is none. The caller frees. */
static int read_database(const struct layered *root, const char *path, char **text, struct error *err)
{
    /* O_NONBLOCK: a fifo in its place must not hold us up. */
    _cleanup_close_ int fd = layered_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd == -ENOENT || fd == -ENOTDIR) {
        *text = strdup("");
        return *text ? 0 : error_oom(err);
    }
    if (fd < 0)
        return error_sys(err, -fd, "open \"%s\" of the image", path);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_sys(err, errno, "stat \"%s\" of the image", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, EINVAL, "\"%s\" of the image: not a regular file", path);
    int r = fd_read_to_end(fd, DATABASE_MAX, text, NULL);
    if (r < 0)
        return error_sys(err, -r, "read \"%s\" of the image", path);
    return 0;
}

/* Splits the next line of *text at its colons, in place; the last field takes the rest. Returns how many
 * fields there are, or -1 at the end. */
static int next_record(char **text, char **fields, int max)
{
    char *line = strsep(text, "\n");
    if (!line)
        return -1;
    int n = 0;
    while (n < max - 1 && line && strchr(line, ':'))
        fields[n++] = strsep(&line, ":");
    fields[n++] = line;
    return n;
}

struct passwd_entry {
    const char *name;
    uint32_t uid, gid;
    const char *home;
};

/* Finds the line of @name, or of @uid when @name is NULL. *entry points into @text, which is cut up. */
static bool find_passwd(char *text, const char *name, uint32_t uid, struct passwd_entry *entry)
{
    char *f[7];
    for (int n; (n = next_record(&text, f, 7)) >= 0;) {
        if (n < 6 || parse_id(f[2], &entry->uid) < 0 || parse_id(f[3], &entry->gid) < 0)
            continue;
        if (name ? strcmp(f[0], name) != 0 : entry->uid != uid)
            continue;
        entry->name = f[0];
        entry->home = f[5];
        return true;
    }
    return false;
}

static bool find_group(char *text, const char *name, uint32_t *gid)
{
    char *f[4];
    for (int n; (n = next_record(&text, f, 4)) >= 0;)
        if (n >= 3 && !strcmp(f[0], name) && parse_id(f[2], gid) == 0)
            return true;
    return false;
}

static bool is_member(char *members, const char *name)
{
    for (char *one; (one = strsep(&members, ","));)
        if (!strcmp(one, name))
            return true;
    return false;
}

static int add_group(struct sandbox_user *user, uint32_t gid, struct error *err)
{
    for (size_t i = 0; i < user->n_groups; i++)
        if (user->groups[i] == gid)
            return 0;
    if (gid == user->gid)
        return 0;
    if (user->n_groups == GROUPS_MAX)
        return error_set(err, EINVAL, "\"/etc/group\" of the image: the user is in more than %d groups",
                         GROUPS_MAX);
    uint32_t *more = realloc(user->groups, (user->n_groups + 1) * sizeof *more);
    if (!more)
        return error_oom(err);
    user->groups = more;
    user->groups[user->n_groups++] = gid;
    return 0;
}

static int find_memberships(char *text, const char *name, struct sandbox_user *user, struct error *err)
{
    char *f[4];
    for (int n; (n = next_record(&text, f, 4)) >= 0;) {
        uint32_t gid;
        if (n < 4 || parse_id(f[2], &gid) < 0 || !is_member(f[3], name))
            continue;
        int r = add_group(user, gid, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* A number, or -ENOENT for what must be a name. */
static int read_number(const char *what, const char *text, uint32_t *id, struct error *err)
{
    int r = parse_id(text, id);
    if (r == -ERANGE)
        return error_set(err, ERANGE, "%s %s: out of range, ids go up to 4294967294", what, text);
    if (r == 0)
        return 0;
    if (!*text)
        return error_set(err, EINVAL, "an empty %s", what);
    return -ENOENT;
}

static int resolve_user(const struct layered *root, const char *name, struct sandbox_user *user, char **login,
                        struct error *err)
{
    int numeric = read_number("user", name, &user->uid, err);
    if (numeric < 0 && numeric != -ENOENT)
        return numeric;
    _cleanup_free_ char *text = NULL;
    int r = read_database(root, "/etc/passwd", &text, err);
    if (r < 0)
        return r;
    struct passwd_entry entry = {0};
    if (find_passwd(text, numeric == 0 ? NULL : name, user->uid, &entry)) {
        user->uid = entry.uid;
        user->gid = entry.gid;
        *login = strdup(entry.name);
        user->home = strdup(entry.home[0] == '/' ? entry.home : "/");
        return *login && user->home ? 0 : error_oom(err);
    }
    if (numeric < 0) {
        _cleanup_free_ char *shown = str_quote(name, 64);
        error_set(err, ENOENT, "user \"%s\" is not in the image's /etc/passwd", shown ? shown : "?");
        error_hint(err, "a number needs no entry there, for example --user 1000:1000");
        return -ENOENT;
    }
    user->gid = 0;
    user->home = strdup("/");
    return user->home ? 0 : error_oom(err);
}

static int resolve_group(const struct layered *root, const char *name, struct sandbox_user *user,
                         struct error *err)
{
    int r = read_number("group", name, &user->gid, err);
    if (r != -ENOENT)
        return r;
    _cleanup_free_ char *text = NULL;
    r = read_database(root, "/etc/group", &text, err);
    if (r < 0)
        return r;
    if (find_group(text, name, &user->gid))
        return 0;
    _cleanup_free_ char *shown = str_quote(name, 64);
    error_set(err, ENOENT, "group \"%s\" is not in the image's /etc/group", shown ? shown : "?");
    error_hint(err, "a number needs no entry there, for example --user 1000:1000");
    return -ENOENT;
}

int sandbox_user_find(const struct layered *root, const char *spec, const char *what,
                      struct sandbox_user *user, struct error *err)
{
    _cleanup_free_ char *copy = strdup(spec ? spec : "0:0"), *login = NULL;
    if (!copy)
        return error_oom(err);
    char *group = copy;
    const char *name = strsep(&group, ":");
    int r = resolve_user(root, name, user, &login, err);
    if (r == 0 && group)
        r = resolve_group(root, group, user, err);
    if (r == 0 && !group && login) {
        _cleanup_free_ char *text = NULL;
        r = read_database(root, "/etc/group", &text, err);
        if (r == 0)
            r = find_memberships(text, login, user, err);
    }
    if (r < 0 && spec)
        error_prefix(err, "%s \"%s\"", what, spec);
    return r;
}

void sandbox_user_free(struct sandbox_user *user)
{
    free(user->groups);
    free(user->home);
    *user = (struct sandbox_user){0};
}
