/*
 * Beginning and end of a sandbox of the host's root.
 */
#include "sandbox/host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "sandbox/config.h"
#include "sandbox/host_changes.h"
#include "sandbox/host_layout.h"
#include "sandbox/host_rules.h"
#include "sandbox/host_secrets.h"

/* File systems that can't be the upper layer of an overlay. */
static const struct {
    unsigned long magic;
    const char *name;
} no_upper[] = {
    {0x794c7630, "overlayfs"}, {0x6969, "nfs"},        {0xff534d42, "cifs"}, {0xfe534d42, "smb3"},
    {0x01021997, "9p"},        {0x0bd00bd0, "lustre"}, {0x65735546, "fuse"},
};

static int check_upper(const struct host_box *box, struct error *err)
{
    struct statfs fs;
    if (fstatfs(box->fd, &fs) < 0)
        return error_sys(err, errno, "look at the file system of \"%s\"", box->path);
    for (size_t i = 0; i < ARRAY_SIZE(no_upper); i++)
        if (((unsigned long)fs.f_type & 0xffffffff) == no_upper[i].magic) {
            error_set(err, ENOTSUP, "\"%s\" is on %s, where overlayfs can't write what the sandbox changes",
                      box->path, no_upper[i].name);
            error_hint(err, "set XDG_STATE_HOME to a directory of your own on ext4, xfs, btrfs or tmpfs");
            return -ENOTSUP;
        }
    return 0;
}

static int take_down(struct host_box *box, const struct host_request *q, struct error *err)
{
    char created[TIME_RFC3339_MAX];
    bool oom = false;
    if (clock_gettime(CLOCK_REALTIME_COARSE, &box->start) < 0)
        return error_sys(err, errno, "read the clock");
    box->created = strdup(time_rfc3339(created, &box->start));
    box->command = strv_copy(q->command, &oom);
    return box->created && !oom ? 0 : error_oom(err);
}

/* Moves all elements of @from behind those of @to. */
static void append_all(cJSON *to, cJSON *from)
{
    for (cJSON *one; (one = cJSON_DetachItemFromArray(from, 0));)
        cJSON_AddItemToArray(to, one);
}

/* Moves the elements of @from into @to, from position *at on. */
static int splice(cJSON *to, cJSON *from, int *at)
{
    _cleanup_cjson_ cJSON *tail = cJSON_CreateArray();
    if (!tail)
        return -ENOMEM;
    while (cJSON_GetArraySize(to) > *at)
        cJSON_AddItemToArray(tail, cJSON_DetachItemFromArray(to, *at));
    append_all(to, from);
    *at = cJSON_GetArraySize(to);
    append_all(to, tail);
    return 0;
}

/* Everything that is a mount's destination is no change, although something may have to be made there. */
static int note_destinations(struct host_box *box, const cJSON *mounts, struct error *err)
{
    const cJSON *one;
    cJSON_ArrayForEach (one, mounts) {
        const cJSON *destination = cJSON_GetObjectItemCaseSensitive(one, "destination");
        const cJSON *type = cJSON_GetObjectItemCaseSensitive(one, "type");
        if (cJSON_IsString(type) && !strcmp(type->valuestring, "overlay"))
            continue;
        if (cJSON_IsString(destination) && strv_add(&box->layout.fixed, destination->valuestring) < 0)
            return error_oom(err);
    }
    return 0;
}

static int fill(const struct host_request *q, const struct idmap *map, cJSON *config, int *first_mount,
                struct host_box *box, struct error *err)
{
    _cleanup_cjson_ cJSON *mounts = cJSON_CreateArray();
    _cleanup_free_ char *base = NULL;
    if (!mounts)
        return error_oom(err);
    int r = check_upper(box, err);
    if (r == 0)
        r = take_down(box, q, err);
    if (r == 0)
        r = host_box_base(&base, err);
    if (r == 0)
        r = host_lay_out(box, map, q->read_only, mounts, err);
    if (r == 0)
        r = host_secrets_apply(config, mounts, q->mask, q->share, base, err);
    if (r < 0)
        return r;
    if (splice(sandbox_config_mounts(config), mounts, first_mount) < 0)
        return error_oom(err);
    r = note_destinations(box, sandbox_config_mounts(config), err);
    return r == 0 ? host_box_write(box, err) : r;
}

int host_begin(const struct host_request *q, const struct idmap *map, cJSON *config, int *first_mount,
               struct host_box *box, char **root, struct error *err)
{
    int r = host_box_make(q->name, box, err);
    if (r < 0)
        return r;
    r = fill(q, map, config, first_mount, box, err);
    if (r == 0 && !(*root = str_printf("%s/%s", box->path, HOST_ROOT_DIR)))
        r = error_oom(err);
    if (r < 0)
        (void)host_box_remove(box, map, NULL);
    return r;
}

static int stop(void *data, const struct host_change *change, struct error *err)
{
    (void)data;
    (void)change;
    (void)err;
    return 1;
}

bool host_end(struct host_box *box, const struct idmap *map, bool drop, const struct log *log)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    if (box->fd < 0)
        return false;
    /* What can't be looked at as the caller was made by other ids: a change. */
    if (!drop && host_changes(box, stop, NULL, NULL) != 0)
        return true;
    if (host_box_remove(box, map, &err) < 0)
        log_warn_error(log, &err);
    return false;
}

int host_cwd(char **cwd, struct error *err)
{
    _cleanup_free_ char *here = getcwd(NULL, 0);
    bool good =
        here && here[0] == '/' && !(host_path_is_own(here) && here[1]) && str_is_utf8(here, strlen(here));
    *cwd = strdup(good ? here : "/");
    return *cwd ? 0 : error_oom(err);
}

int host_env(char *const *caller, char ***env, struct error *err)
{
    static const char *const names[] = {"PATH",     "HOME",       "USER",        "LOGNAME",     "SHELL",
                                        "LANG",     "LANGUAGE",   "LC_ALL",      "LC_CTYPE",    "LC_COLLATE",
                                        "LC_TIME",  "LC_NUMERIC", "LC_MESSAGES", "LC_MONETARY", "COLORTERM",
                                        "NO_COLOR", "EDITOR",     "PAGER"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *value = strv_getenv(caller, names[i]);
        if (value && !strv_getenv(*env, names[i]) && strv_setenv(env, names[i], value) < 0)
            return error_oom(err);
    }
    return 0;
}
