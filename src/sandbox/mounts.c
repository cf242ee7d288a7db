/*
 * --bind and --tmpfs as entries of config.json's mounts.
 */
#include "sandbox/mounts.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"

static int add_mount(cJSON *mounts, const char *destination, const char *type, const char *source,
                     char *const *options, struct error *err)
{
    cJSON *mount = cJSON_CreateObject();
    if (!mount || !cJSON_AddItemToArray(mounts, mount)) {
        cJSON_Delete(mount);
        return error_oom(err);
    }
    if (json_add_string(mount, "destination", destination) < 0 || json_add_string(mount, "type", type) < 0 ||
        json_add_string(mount, "source", source) < 0 || json_add_strv(mount, "options", options) < 0)
        return error_oom(err);
    return 0;
}

int sandbox_mount_bind(cJSON *mounts, const char *source, const char *destination, bool readonly,
                       struct error *err)
{
    static char *const rw[] = {"rbind", "rprivate", NULL};
    static char *const ro[] = {"rbind", "rprivate", "rro", NULL};
    return add_mount(mounts, destination, "bind", source, readonly ? ro : rw, err);
}

/* Splits at colons that have no backslash before them, and takes the backslashes away. At most @max parts;
 * more is -E2BIG. */
static int split_colons(const char *text, char ***parts, size_t max)
{
    _cleanup_strbuf_ struct strbuf part = {0};
    _cleanup_strv_ char **out = NULL;
    for (const char *c = text;; c++) {
        if (*c == '\\' && (c[1] == ':' || c[1] == '\\')) {
            strbuf_addn(&part, ++c, 1);
        } else if (*c && *c != ':') {
            strbuf_addn(&part, c, 1);
        } else {
            char *one = strbuf_take(&part);
            if (!one || strv_take(&out, one) < 0)
                return -ENOMEM;
            if (strv_len(out) > max)
                return -E2BIG;
            if (!*c)
                break;
        }
    }
    *parts = TAKE_PTR(out);
    return 0;
}

static int check_destination(const char *destination, struct error *err)
{
    if (destination[0] != '/')
        return error_set(err, EINVAL, "the destination \"%s\" is not an absolute path", destination);
    _cleanup_free_ char *clean = path_clean(destination);
    if (!clean)
        return error_oom(err);
    if (!strcmp(clean, "/"))
        return error_set(err, EINVAL, "the destination is the root itself");
    return 0;
}

static int parse_bind_mode(const char *mode, bool *readonly, struct error *err)
{
    if (mode && strcmp(mode, "ro") != 0 && strcmp(mode, "rw") != 0) {
        _cleanup_free_ char *shown = str_quote(mode, 64);
        return error_set(err, EINVAL, "expected ro or rw behind the destination, found \"%s\"",
                         shown ? shown : "?");
    }
    *readonly = mode && !strcmp(mode, "ro");
    return 0;
}

static int add_bind(cJSON *mounts, const char *text, struct error *err)
{
    _cleanup_strv_ char **part = NULL;
    int r = split_colons(text, &part, 3);
    if (r == -ENOMEM)
        return error_oom(err);
    if (r < 0 || strv_len(part) < 2 || !*part[0]) {
        error_set(err, EINVAL, "expected SRC:DST or SRC:DST:ro");
        error_hint(err, "a colon in a name is written \\:");
        return -EINVAL;
    }
    bool readonly = false;
    r = check_destination(part[1], err);
    if (r == 0)
        r = parse_bind_mode(part[2], &readonly, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *source = path_absolute(part[0]);
    if (!source)
        return error_oom(err);
    struct stat st;
    if (stat(source, &st) < 0) {
        int code = errno;
        error_sys(err, code, "source \"%s\"", source);
        if (code == ENOENT)
            error_hint(err, "bryo does not make it: for a directory, mkdir -p '%s'", source);
        return -code;
    }
    return sandbox_mount_bind(mounts, source, part[1], readonly, err);
}

static int add_tmpfs(cJSON *mounts, const char *text, struct error *err)
{
    _cleanup_strv_ char **part = NULL, **options = NULL;
    int r = split_colons(text, &part, 2);
    if (r == -ENOMEM)
        return error_oom(err);
    if (r < 0)
        return error_set(err, EINVAL, "expected DST or DST:OPTIONS, for example /tmp:size=64m,mode=1777");
    r = check_destination(part[0], err);
    if (r < 0)
        return r;
    static const char *const safe[] = {"nosuid", "nodev", "mode=1777"};
    for (size_t i = 0; i < ARRAY_SIZE(safe); i++)
        if (strv_add(&options, safe[i]) < 0)
            return error_oom(err);
    char *rest = part[1];
    for (char *one; (one = strsep(&rest, ","));) {
        /* The default mode must not come twice: the kernel takes the last, a reader of config.json may not.
         */
        if (str_starts(one, "mode=")) {
            free(options[2]);
            options[2] = strdup(one);
            if (!options[2])
                return error_oom(err);
        } else if (*one && strv_add(&options, one) < 0)
            return error_oom(err);
    }
    return add_mount(mounts, part[0], "tmpfs", "tmpfs", options, err);
}

int sandbox_mounts(cJSON *mounts, char *const *tmpfs, char *const *binds, struct error *err)
{
    STRV_FOREACH (one, tmpfs) {
        int r = add_tmpfs(mounts, *one, err);
        if (r < 0) {
            error_prefix(err, "--tmpfs \"%s\"", *one);
            return r;
        }
    }
    STRV_FOREACH (one, binds) {
        int r = add_bind(mounts, *one, err);
        if (r < 0) {
            error_prefix(err, "--bind \"%s\"", *one);
            return r;
        }
    }
    return 0;
}
