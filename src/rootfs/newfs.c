/*
 * New file systems by fsopen(2), with what the kernel says about a wrong option in the error.
 *
 * Three things the mount API can not say are done by mount(2): values of 256 bytes or more (a long lowerdir
 * of overlayfs), "silent" and "iversion".
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

/* Longest string that fsconfig(2) takes. */
#define VALUE_MAX 255
/* mount(2) copies one page of options. */
#define DATA_MAX 4095

static const struct {
    unsigned long flag;
    const char *set, *clear;
} sb_flags[] = {
    {MS_SYNCHRONOUS, "sync", "async"},
    {MS_DIRSYNC, "dirsync", NULL},
    {MS_LAZYTIME, "lazytime", "nolazytime"},
    {MS_MANDLOCK, "mand", "nomand"},
};

/* The kernel's own words, as far as the file system speaks: lines like "e tmpfs: Unknown parameter 'x'". */
static void read_message(int fs, struct detail *detail)
{
    char line[DETAIL_MAX];
    ssize_t n;

    while ((n = read(fs, line, sizeof line - 1)) > 0) {
        line[n] = '\0';
        if (n > 2 && line[1] == ' ' && (line[0] == 'e' || line[0] == 'w')) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(detail->text, sizeof detail->text, "%s", line + 2);
        }
    }
}

/* The options that give files an SELinux label. */
static bool is_label(const char *option)
{
    static const char *const keys[] = {"context=", "fscontext=", "defcontext=", "rootcontext="};

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (str_starts(option, keys[i]))
            return true;
    return false;
}

static const char *context_key(const struct newfs *n)
{
    return n->context_key ? n->context_key : "context";
}

static bool wants_context(const struct newfs *n)
{
    STRV_FOREACH (option, n->data)
        if (is_label(*option))
            return false;
    return n->context != NULL;
}

/* mount(2) wants a label with commas in quotes, the mount API wants none. */
static const char *unquoted(const char *option, const char *value, char buf[VALUE_MAX + 1])
{
    size_t n = strlen(value);

    if (!is_label(option) || n < 2 || n > VALUE_MAX || value[0] != '"' || value[n - 1] != '"')
        return value;
    memcpy(buf, value + 1, n - 2);
    buf[n - 2] = '\0';
    return buf;
}

/* @detail: NULL if a failure is not going to be told. */
static int set_option(int fs, const char *option, struct detail *detail)
{
    char key[VALUE_MAX + 1], value[VALUE_MAX + 1];
    const char *eq = strchr(option, '=');
    size_t n = eq ? (size_t)(eq - option) : strlen(option);
    int r;

    if (n >= sizeof key)
        r = -ENAMETOOLONG;
    else {
        memcpy(key, option, n);
        key[n] = '\0';
        r = sys_fsconfig(fs, eq ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key,
                         eq ? unquoted(option, eq + 1, value) : NULL, 0) < 0
                ? -errno
                : 0;
    }
    if (r < 0 && detail) {
        snprintf(detail->text, sizeof detail->text, "option \"%.200s\"", option);
        read_message(fs, detail);
    }
    return r;
}

static bool is_key(const char *option, const char *key)
{
    size_t n = key ? strlen(key) : 0;

    return key && strncmp(option, key, n) == 0 && (option[n] == '=' || option[n] == '\0');
}

static int set_options(int fs, char *const *data, const char *skip_key, const char *optional_key,
                       unsigned long sb_set, struct detail *detail)
{
    STRV_FOREACH (option, data) {
        if (is_key(*option, skip_key))
            continue;
        bool optional = is_key(*option, optional_key);
        int r = set_option(fs, *option, optional ? NULL : detail);
        if (r < 0 && !(optional && r == -EINVAL))
            return r;
    }
    for (size_t i = 0; i < ARRAY_SIZE(sb_flags); i++)
        if (sb_set & sb_flags[i].flag) {
            int r = set_option(fs, sb_flags[i].set, detail);
            if (r < 0)
                return r;
        }
    return 0;
}

int newfs_mount(const struct newfs *n, struct detail *detail)
{
    detail->text[0] = '\0';
    _cleanup_close_ int fs = sys_fsopen(n->type, FSOPEN_CLOEXEC);
    if (fs < 0) {
        if (errno == ENODEV)
            snprintf(detail->text, sizeof detail->text, "this kernel has no file system \"%.64s\"", n->type);
        return -errno;
    }
    if (!str_empty(n->source) && sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", n->source, 0) < 0) {
        int code = errno;
        read_message(fs, detail);
        return -code;
    }
    int r = set_options(fs, n->data, n->skip_key, n->optional_key, n->sb_set, detail);
    if (r < 0)
        return r;
    if (wants_context(n) && sys_fsconfig(fs, FSCONFIG_SET_STRING, context_key(n), n->context, 0) < 0) {
        int code = errno;
        struct detail said = {""};
        read_message(fs, &said);
        snprintf(detail->text, sizeof detail->text, "linux.mountLabel \"%.100s\"%s%.120s", n->context,
                 said.text[0] ? ": " : "", said.text);
        return -code;
    }
    if (n->mode && sys_fsconfig(fs, FSCONFIG_SET_STRING, "mode", n->mode, 0) < 0)
        return -errno;
    if (n->sb_readonly && (r = set_option(fs, "ro", detail)) < 0)
        return r;
    if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
        int code = errno;
        read_message(fs, detail);
        return -code;
    }
    int fd = sys_fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)n->attrs);
    return fd < 0 ? -errno : fd;
}

bool newfs_needs_mount2(const struct newfs *fs)
{
    if (fs->sb_set & (MS_SILENT | MS_I_VERSION))
        return true;
    if ((fs->source && strlen(fs->source) > VALUE_MAX) ||
        (wants_context(fs) && strlen(fs->context) > VALUE_MAX))
        return true;
    STRV_FOREACH (option, fs->data) {
        const char *eq = strchr(*option, '=');
        if (eq && strlen(eq + 1) > VALUE_MAX)
            return true;
    }
    return false;
}

static unsigned long mount2_flags(uint64_t attrs)
{
    static const struct {
        uint64_t attr;
        unsigned long flag;
    } map[] = {
        {MOUNT_ATTR_RDONLY, MS_RDONLY},         {MOUNT_ATTR_NOSUID, MS_NOSUID},
        {MOUNT_ATTR_NODEV, MS_NODEV},           {MOUNT_ATTR_NOEXEC, MS_NOEXEC},
        {MOUNT_ATTR_NOATIME, MS_NOATIME},       {MOUNT_ATTR_STRICTATIME, MS_STRICTATIME},
        {MOUNT_ATTR_NODIRATIME, MS_NODIRATIME}, {MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW},
    };
    unsigned long flags = 0;

    for (size_t i = 0; i < ARRAY_SIZE(map); i++)
        if (attrs & map[i].attr)
            flags |= map[i].flag;
    return flags;
}

int newfs_mount2(const struct newfs *n, int dest, struct detail *detail)
{
    _cleanup_strbuf_ struct strbuf data = {0};
    char target[FD_PATH_MAX];
    unsigned long flags = mount2_flags(n->attrs) | n->sb_set | (n->sb_readonly ? MS_RDONLY : 0);

    detail->text[0] = '\0';
    STRV_FOREACH (option, n->data)
        if (!is_key(*option, n->skip_key))
            strbuf_addf(&data, "%s%s", data.len ? "," : "", *option);
    if (wants_context(n))
        strbuf_addf(&data, "%s%s=\"%s\"", data.len ? "," : "", context_key(n), n->context);
    if (n->mode)
        strbuf_addf(&data, "%smode=%s", data.len ? "," : "", n->mode);
    if (data.oom)
        return -ENOMEM;
    if (data.len > DATA_MAX) {
        snprintf(detail->text, sizeof detail->text, "options of %zu bytes, the kernel takes %d", data.len,
                 DATA_MAX);
        return -E2BIG;
    }
    /* The host's /proc is still the one in sight: no image has a say in this path. */
    if (sys_mount(n->source ? n->source : "none", fd_path(target, dest), n->type, flags, data.data) < 0)
        return -errno;
    return 0;
}

int newfs_reconfigure(int fd, const struct mount_plan *plan, struct detail *detail)
{
    detail->text[0] = '\0';
    _cleanup_close_ int fs = sys_fspick(fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
    if (fs < 0)
        return -errno;
    int r = set_options(fs, plan->data, NULL, NULL, plan->sb_set, detail);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(sb_flags); i++)
        if ((plan->sb_clr & sb_flags[i].flag) && sb_flags[i].clear)
            r = set_option(fs, sb_flags[i].clear, detail);
    if (r == 0 && plan->sb_readonly)
        r = set_option(fs, "ro", detail);
    if (r == 0 && (plan->attr_clr & MOUNT_ATTR_RDONLY))
        r = set_option(fs, "rw", detail);
    if (r < 0)
        return r;
    if (sys_fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0) {
        int code = errno;
        read_message(fs, detail);
        return -code;
    }
    return 0;
}
