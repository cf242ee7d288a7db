/*
 * Which ids the caller gets by default, and why not more.
 *
 * Rights first: with CAP_SETUID (CAP_SETGID) in the own namespace, as real root and as uid 0 inside podman or
 * another bryo, every id the namespace holds is mapped one to one and written by us. Without, newuidmap
 * (newgidmap) writes what the subid files delegate. Without that, one id is left, which the kernel lets
 * everybody map.
 */
#include "userns/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "userns/internal.h"

#define INITIAL_USERNS_INODE 0xEFFFFFFDU /* PROC_USER_INIT_INO of the kernel */

/* What a map of one id costs, for the warning. */
#define SINGLE_COST \
    "files of other owners, changing the user (su, apt, setgroups) and processes of other ids will not work"

void idmap_free(struct idmap *map)
{
    free(map->uids.items);
    free(map->gids.items);
    free(map->uid_helper_path);
    free(map->gid_helper_path);
    *map = (struct idmap){0};
}

uint64_t idmap_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};

    if (syscall(SYS_capget, &header, data) < 0)
        return 0;
    return (uint64_t)data[1].effective << 32 | data[0].effective;
}

bool idmap_privileged(enum subid_kind kind, uint64_t caps)
{
    return caps & (1ULL << (kind == SUBID_UID ? CAP_SETUID : CAP_SETGID));
}

/* The initial user namespace has the same inode on every kernel. It holds all ids, which saves reading its
 * maps. */
static bool in_initial_namespace(void)
{
    struct stat st;

    return stat("/proc/self/ns/user", &st) == 0 && st.st_ino == INITIAL_USERNS_INODE;
}

static int read_held(enum subid_kind kind, struct oci_id_map_list *held, struct error *err)
{
    const char *path = kind == SUBID_UID ? "/proc/self/uid_map" : "/proc/self/gid_map";
    _cleanup_free_ char *text = NULL;

    if (in_initial_namespace())
        return idmap_add(held, 0, 0, UINT32_MAX) < 0 ? error_oom(err) : 0;
    int r = file_read_at(AT_FDCWD, path, 64 << 10, &text, NULL, err);
    if (r == -ENOENT)
        error_hint(err, "either /proc is not mounted, or the kernel was built without CONFIG_USER_NS");
    if (r < 0)
        return r;
    r = idmap_parse(text, held);
    return r < 0 ? error_sys(err, -r, "understand \"%s\"", path) : 0;
}

int idmap_side_read(struct idmap_side *side, enum subid_kind kind, uint64_t caps, struct error *err)
{
    *side = (struct idmap_side){
        .kind = kind,
        .own = kind == SUBID_UID ? geteuid() : getegid(),
        .privileged = idmap_privileged(kind, caps),
    };
    int r = read_held(kind, &side->held, err);
    if (r < 0)
        return r;
    if (!idmap_is_held(&side->held, side->own, 1)) {
        error_set(err, EPERM,
                  "%s id %u is not mapped in the user namespace bryo runs in, so it cannot make one",
                  idmap_word(kind), side->own);
        error_hint(err, "run bryo as an id that /proc/self/%s lists",
                   kind == SUBID_UID ? "uid_map" : "gid_map");
        return -EPERM;
    }
    return 0;
}

int idmap_hint_delegate(struct error *err, const char *user, uint64_t start, uint64_t count)
{
    unsigned long long first = start, last = start + count - 1;

    return error_hint(err, "sudo usermod --add-subuids %llu-%llu --add-subgids %llu-%llu %s", first, last,
                      first, last, user ? user : "\"$(id -un)\"");
}

/* Tells in @why why the side has its own id only: nothing delegated, or nothing of it in our namespace. */
static void explain_no_range(struct subid_lookup *lookup, const struct idmap_side *side, struct error *why)
{
    _cleanup_free_ char *source = subid_source_text(lookup, side->kind);
    const char *user = subid_user_name(lookup);

    if (!why || !source)
        return;
    if (!side->ranges.count) {
        error_set(why, ENOENT, "%s delegates no %s ids to %s%s(uid %u)", source, idmap_word(side->kind),
                  user ? user : "", user ? " " : "", (unsigned)lookup->uid);
        idmap_hint_delegate(why, user, subid_suggest_start(), 65536);
        return;
    }
    _cleanup_strbuf_ struct strbuf ranges = {0}, held = {0};
    idmap_describe_ranges(&ranges, &side->ranges);
    idmap_describe_held(&held, &side->held);
    error_set(why, ERANGE, "%s delegates the %s ids %s, but the user namespace bryo runs in holds only %s",
              source, idmap_word(side->kind), ranges.data ? ranges.data : "", held.data ? held.data : "");
    error_hint(why,
               "bryo runs inside a container: give that container more ids, or run bryo in it as its root");
}

/* Makes the map of one side. Without range or helper it is the single id, and @why tells the reason. */
static int default_side(struct subid_lookup *lookup, enum subid_kind kind, uint64_t caps,
                        struct oci_id_map_list *out, bool *helper, char **helper_path, struct error *why,
                        struct error *err)
{
    _cleanup_side_ struct idmap_side side = {0};
    int r = idmap_side_read(&side, kind, caps, err);

    *helper = false;
    if (r < 0)
        return r;
    if (!side.privileged && subid_lookup(lookup, kind, &side.ranges, why) == 0) {
        r = idmap_compute(&side, out);
        if (r < 0)
            return error_oom(err);
        if (out->count == 1)
            explain_no_range(lookup, &side, why);
        else
            *helper = idmap_find_helper(kind, helper_path, why) == 0;
        if (*helper)
            return 0;
        free(out->items);
        *out = (struct oci_id_map_list){0};
    }
    if (!side.privileged) {
        free(side.ranges.items);
        side.ranges = (struct subid_ranges){0};
    }
    return idmap_compute(&side, out) < 0 ? error_oom(err) : 0;
}

/* One warning out of the reasons of both sides. */
static void join_reasons(struct error *why, struct error *uid, struct error *gid)
{
    if (!why || (!uid->code && !gid->code))
        return;
    struct error *first = uid->code ? uid : gid;
    const char *ids = !gid->code ? "uid" : !uid->code ? "gid" : "uid and gid";
    if (uid->code && gid->code && strcmp(error_text(uid), error_text(gid)) != 0)
        error_set(why, first->code, "only the own %s will be mapped: %s; %s; " SINGLE_COST, ids,
                  error_text(uid), error_text(gid));
    else
        error_set(why, first->code, "only the own %s will be mapped: %s; " SINGLE_COST, ids,
                  error_text(first));
    if (first->hint)
        error_hint(why, "%s", first->hint);
}

int idmap_default(struct idmap *map, struct error *why, struct error *err)
{
    _cleanup_error_ struct error no_uids = ERROR_INIT, no_gids = ERROR_INIT;
    struct subid_lookup lookup = SUBID_LOOKUP_INIT(geteuid());
    uint64_t caps = idmap_capabilities();

    *map = (struct idmap){0};
    int r = default_side(&lookup, SUBID_UID, caps, &map->uids, &map->uid_helper, &map->uid_helper_path,
                         &no_uids, err);
    if (r == 0)
        r = default_side(&lookup, SUBID_GID, caps, &map->gids, &map->gid_helper, &map->gid_helper_path,
                         &no_gids, err);
    subid_lookup_free(&lookup);
    if (r < 0) {
        idmap_free(map);
        return r;
    }
    map->deny_setgroups = !map->gid_helper && !idmap_privileged(SUBID_GID, caps);
    join_reasons(why, &no_uids, &no_gids);
    return 0;
}

int idmap_single(struct idmap *map, struct error *err)
{
    *map = (struct idmap){0};
    if (idmap_add(&map->uids, 0, geteuid(), 1) < 0 || idmap_add(&map->gids, 0, getegid(), 1) < 0) {
        idmap_free(map);
        return error_oom(err);
    }
    map->deny_setgroups = !idmap_privileged(SUBID_GID, idmap_capabilities());
    return 0;
}
