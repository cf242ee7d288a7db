/*
 * The environment of a sandboxed command: a few variables that programs need, and what was asked for. Nothing
 * else of the caller's, which is full of secrets and of paths that do not exist inside.
 */
#include "sandbox/env.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

#define ENV_FILE_MAX (1u << 20)
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Sets one NAME=VALUE or NAME. A shell could not use a name with blanks, so that is a mistake. */
static int set_one(const char *setting, char *const *caller, char ***env, struct error *err)
{
    const char *equals = strchr(setting, '=');
    size_t len = equals ? (size_t)(equals - setting) : strlen(setting);
    _cleanup_free_ char *name = strndup(setting, len);
    if (!name)
        return error_oom(err);
    if (len == 0)
        return error_set(err, EINVAL, "expected NAME=VALUE or NAME, found \"%.80s\"", setting);
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f) {
            _cleanup_free_ char *shown = str_quote(name, 80);
            return error_set(err, EINVAL, "the name \"%s\" holds a blank or a control character",
                             shown ? shown : "?");
        }
    const char *value = equals ? equals + 1 : strv_getenv(caller, name);
    if (!value)
        return 0;
    return strv_setenv(env, name, value) < 0 ? error_oom(err) : 0;
}

static int read_file(const char *path, char *const *caller, char ***env, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len;
    int r = file_read_at(AT_FDCWD, path, ENV_FILE_MAX, &text, &len, err);
    if (r < 0) {
        error_prefix(err, "--env-file");
        return r;
    }
    if (strlen(text) != len)
        return error_set(err, EINVAL, "--env-file %s: holds NUL bytes, it is no text file", path);
    unsigned number = 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        number++;
        size_t n = strlen(line);
        if (n && line[n - 1] == '\r')
            line[n - 1] = '\0';
        line += strspn(line, " \t");
        if (!*line || *line == '#')
            continue;
        r = set_one(line, caller, env, err);
        if (r < 0) {
            if (str_starts(line, "export "))
                error_hint(err, "it is no shell script: write NAME=VALUE without export and without quotes");
            error_prefix(err, "--env-file %s:%u", path, number);
            return r;
        }
    }
    return 0;
}

int sandbox_env_read(char *const *settings, char *const *files, char *const *caller, char ***env,
                     struct error *err)
{
    _cleanup_strv_ char **own = NULL;
    STRV_FOREACH (path, files) {
        int r = read_file(*path, caller, &own, err);
        if (r < 0)
            return r;
    }
    STRV_FOREACH (setting, settings) {
        int r = set_one(*setting, caller, &own, err);
        if (r < 0) {
            error_prefix(err, "--env");
            return r;
        }
    }
    *env = TAKE_PTR(own);
    return 0;
}

int sandbox_env_make(char *const *own, char *const *caller, const char *home, const char *hostname,
                     const char *tz, bool terminal, char ***env, struct error *err)
{
    const char *term = strv_getenv(caller, "TERM");
    const struct {
        const char *name;
        const char *value;
    } base[] = {
        {"PATH", DEFAULT_PATH},
        {"HOME", home},
        {"HOSTNAME", hostname},
        {"container", "bryo"},
        {"TERM", terminal ? (str_empty(term) ? "xterm" : term) : NULL},
        {"TZ", tz},
    };
    _cleanup_strv_ char **all = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(base); i++)
        if (base[i].value && strv_setenv(&all, base[i].name, base[i].value) < 0)
            return error_oom(err);
    STRV_FOREACH (setting, own) {
        const char *equals = strchr(*setting, '=');
        _cleanup_free_ char *name = strndup(*setting, (size_t)(equals - *setting));
        if (!name || strv_setenv(&all, name, equals + 1) < 0)
            return error_oom(err);
    }
    *env = TAKE_PTR(all);
    return 0;
}
