/*
 * Finding the program to execute, and telling why one cannot be executed.
 *
 * The kernel's execve has the last word; what is done here is to give callers the error texts that they parse
 * (podman, docker and containerd map them to exit codes 126 and 127) and people a reason, at `create`
 * already. So a check only ever says no where execve would: where it cannot know (access control lists,
 * security modules) it says yes.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "security/capabilities.h"
#include "security/interpreter.h"
#include "security/security.h"

/* Whose rights count. */
struct who {
    uint32_t uid;
    uint32_t gid;
    const uint32_t *groups;
    size_t n_groups;
    bool overrides; /* CAP_DAC_OVERRIDE at execve: any execute bit will do */
};

static bool in_group(const struct who *who, uint32_t gid)
{
    if (who->gid == gid)
        return true;
    for (size_t i = 0; i < who->n_groups; i++)
        if (who->groups[i] == gid)
            return true;
    return false;
}

/* Whether the permission bits let @who execute; *why says why not. */
static bool may_execute(const struct who *who, const char *path, const struct stat *st, const char **why)
{
    mode_t any = S_IXUSR | S_IXGRP | S_IXOTH, own;
    struct statvfs fs;

    *why = "the file has no execute bit (chmod +x)";
    if (!(st->st_mode & any))
        return false;
    if (statvfs(path, &fs) == 0 && fs.f_flag & ST_NOEXEC) {
        *why = "the file is on a mount with the option noexec";
        return false;
    }
    if (who->uid == 0 || who->overrides)
        return true;
    own = st->st_uid == who->uid ? S_IXUSR : in_group(who, st->st_gid) ? S_IXGRP : S_IXOTH;
    if (st->st_mode & own)
        return true;
    *why = "the file is executable, but not for process.user";
    return getxattr(path, "system.posix_acl_access", NULL, 0) >= 0;
}

/* The errors name what the caller asked for, and end as Go's runtimes word them: without the errno's name. */
static int exec_error(struct error *err, int code, const char *name, const char *text)
{
    _cleanup_free_ char *quoted = str_quote(name, 0);

    return quoted ? error_set(err, code, "exec \"%s\": %s", quoted, text) : error_oom(err);
}

/* Can @path be executed? 0 or a negative errno with the text, which names @name. */
static int check_program(const struct who *who, const char *name, const char *path, struct error *err)
{
    const char *why;
    struct stat st;

    if (stat(path, &st) < 0) {
        int code = errno;
        if (code == ENOENT) {
            exec_error(err, code, name, "no such file or directory");
            if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
                error_hint(err, "\"%s\" is a symbolic link to something that is not there", path);
            return -code;
        }
        if (code == ENOTDIR)
            return exec_error(err, code, name, "not a directory");
        if (code == EACCES)
            return exec_error(err, code, name, "permission denied");
        _cleanup_free_ char *quoted = str_quote(name, 0);
        return error_sys(err, code, "exec \"%s\"", quoted ? quoted : "");
    }
    if (S_ISDIR(st.st_mode))
        return exec_error(err, EACCES, name, "is a directory: permission denied");
    if (!S_ISREG(st.st_mode)) {
        exec_error(err, EACCES, name, "permission denied");
        error_hint(err, "\"%s\" is not a regular file", path);
        return -EACCES;
    }
    if (!may_execute(who, path, &st, &why)) {
        exec_error(err, EACCES, name, "permission denied");
        error_hint(err, "\"%s\": %s", path, why);
        return -EACCES;
    }
    return 0;
}

/* A missing interpreter makes execve fail with ENOENT although the file is there. */
static int check_interpreter(const char *name, const char *path, struct error *err)
{
    char interpreter[INTERPRETER_MAX];
    struct stat st;

    enum interpreter_kind kind = interpreter_of(path, interpreter);
    /* A relative one of a script depends on the directory, which is the process's: that is asked for as well.
     */
    if (kind == INTERPRETER_NONE || stat(interpreter, &st) == 0 || (errno != ENOENT && errno != ENOTDIR))
        return 0;
    exec_error(err, ENOENT, name, "no such file or directory");
    if (kind == INTERPRETER_SCRIPT)
        error_hint(err, "\"%s\" is there, but the interpreter of its #! line, \"%s\", is not", path,
                   interpreter);
    else
        error_hint(err,
                   "\"%s\" is there, but the dynamic loader it asks for, \"%s\", is not: it was built for "
                   "another system than this root (another libc or architecture), or libraries are missing",
                   path, interpreter);
    return -ENOENT;
}

/* One element of PATH (@len bytes, 0: the current directory) and the name. NULL: memory. */
static char *join(const char *dir, size_t len, const char *name)
{
    if (!len)
        return str_printf("./%s", name);
    return str_printf("%.*s%s%s", (int)len, dir, dir[len - 1] == '/' ? "" : "/", name);
}

/* Goes along PATH. As execvp: what is there but may not be executed is passed over, and remembered for the
 * error. */
static int search_path(const struct who *who, const char *name, const char *list, char **out,
                       struct error *err)
{
    _cleanup_error_ struct error denied = ERROR_INIT;

    for (const char *dir = list;; dir++) {
        size_t len = strcspn(dir, ":");
        _cleanup_error_ struct error one = ERROR_INIT;
        _cleanup_free_ char *path = join(dir, len, name);
        if (!path)
            return error_oom(err);
        int r = check_program(who, name, path, &one);
        if (r == 0) {
            r = check_interpreter(name, path, err);
            if (r == 0)
                *out = TAKE_PTR(path);
            return r;
        }
        struct stat st;
        if (r == -ENOMEM)
            return error_oom(err);
        if (r == -EACCES && !denied.code && stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
            error_move(&denied, &one);
        dir += len;
        if (!*dir)
            break;
    }
    if (denied.code) {
        int code = denied.code;
        error_move(err, &denied);
        return -code;
    }
    exec_error(err, ENOENT, name, "executable file not found in $PATH");
    error_hint(err, "PATH is \"%s\"", list);
    return -ENOENT;
}

static int find_program(const struct who *who, const char *name, char *const *env, char **out,
                        struct error *err)
{
    *out = NULL;
    if (strchr(name, '/')) {
        int r = check_program(who, name, name, err);
        if (r == 0)
            r = check_interpreter(name, name, err);
        if (r < 0)
            return r;
        *out = strdup(name);
        return *out ? 0 : error_oom(err);
    }
    if (!*name)
        return exec_error(err, ENOENT, name, "executable file not found in $PATH");
    const char *list = strv_getenv(env, "PATH");
    return search_path(who, name, list ? list : SECURITY_DEFAULT_PATH, out, err);
}

int security_find_program_for(const char *name, char *const *env, const struct oci_process *process,
                              char **out, struct error *err)
{
    if (!process)
        return security_find_program(name, env, out, err);
    const struct oci_user *user = &process->user;
    const struct who who = {user->uid, user->gid, user->additional_gids.items, user->additional_gids.count,
                            (caps_wanted(process->capabilities).effective >> CAP_DAC_OVERRIDE) & 1};
    return find_program(&who, name, env, out, err);
}

int security_find_program(const char *name, char *const *env, char **out, struct error *err)
{
    _cleanup_free_ gid_t *groups = NULL;
    int n = getgroups(0, NULL);

    if (n > 0) {
        groups = calloc((size_t)n, sizeof *groups);
        if (!groups)
            return error_oom(err);
        n = getgroups(n, groups);
    }
    if (n < 0)
        return error_sys(err, errno, "read the own groups");
    const struct who who = {geteuid(), getegid(), groups, (size_t)n, false};
    return find_program(&who, name, env, out, err);
}

int security_explain_exec(const char *path, int code, struct error *err)
{
    _cleanup_free_ char *quoted = str_quote(path, 0);

    if (!quoted)
        return error_oom(err);
    if (code == ENOENT && check_interpreter(path, path, err) < 0)
        return -ENOENT;
    error_sys(err, code, "exec \"%s\"", quoted);
    switch (code) {
    case ENOEXEC:
        if (interpreter_foreign(path))
            error_hint(err, "it is a program for another architecture than this machine's");
        else
            error_hint(err, "it is neither a program for this machine nor a script that starts with #!");
        break;
    case E2BIG:
        error_hint(err, "process.args and process.env together are longer than the kernel takes");
        break;
    case ETXTBSY:
        error_hint(err, "somebody has the file open for writing");
        break;
    case EACCES:
        error_hint(err, "process.user may not execute it, or not enter a directory on the way to it");
        break;
    default:
        break;
    }
    return -code;
}
