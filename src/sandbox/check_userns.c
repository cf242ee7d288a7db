/*
 * The doctor's rows about user namespaces: what forbids them, whether one works, which ids it gets.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "sandbox/check_internal.h"
#include "userns/internal.h"

#define NO_CONTAINER "no container can be started"
#define ROOT_ONLY    "no containers with a user namespace (--rootless=true, or \"user\" in linux.namespaces)"
#define ONE_ID \
    "no files of other owners, no change of the user (su, apt, setgroups), no processes of other ids"
#define USUAL_IDS     65536
#define APPARMOR_FILE "/etc/apparmor.d/bryo"

/* The commands that give bryo an AppArmor profile. */
static void mend_apparmor(struct check_row *row, const char *breaks)
{
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = '\0';
    _cleanup_free_ char *profile = userns_apparmor_profile(n > 0 ? exe : "/usr/local/bin/bryo");

    check_mend(row, breaks,
               "sudo tee " APPARMOR_FILE " <<'END'\n%sEND\nsudo apparmor_parser -r " APPARMOR_FILE,
               profile ? profile : "");
}

void check_switches(struct check_context *c, struct check_row *row)
{
    static const struct {
        const char *key, *path;
        int64_t bad;
        const char *fix;
    } keys[] = {
        {"kernel.unprivileged_userns_clone", "/proc/sys/kernel/unprivileged_userns_clone", 0, "1"},
        {"user.max_user_namespaces", "/proc/sys/user/max_user_namespaces", 0, "15000"},
        {"kernel.apparmor_restrict_unprivileged_userns",
         "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1, NULL},
    };
    _cleanup_strbuf_ struct strbuf text = {0};
    size_t bad = ARRAY_SIZE(keys);

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        int64_t value = userns_sysctl(keys[i].path);
        if (value < 0)
            continue; /* this kernel has no such switch */
        strbuf_addf(&text, "%s%s=%lld", text.len ? ", " : "", keys[i].key, (long long)value);
        if (value == keys[i].bad && bad == ARRAY_SIZE(keys))
            bad = i;
    }
    if (!text.len)
        strbuf_add(&text, "none that forbids user namespaces");
    check_set(row, CHECK_OK, "%s", text.data ? text.data : "");
    if (bad == ARRAY_SIZE(keys))
        return;
    /* A switch is a cause, not a symptom: whether it hurts this caller shows in the rows below. A profile may
     * lift the last one. */
    if (!keys[bad].fix) {
        row->status = CHECK_INFO;
        return;
    }
    row->status = c->root ? CHECK_INFO : CHECK_FAIL;
    if (!c->root)
        check_mend(row, NO_CONTAINER,
                   "echo %s=%s | sudo tee /etc/sysctl.d/60-bryo.conf && sudo sysctl --system", keys[bad].key,
                   keys[bad].fix);
}

void check_user_namespace(struct check_context *c, struct check_row *row)
{
    enum check_status bad = c->root ? CHECK_WARN : CHECK_FAIL;
    const char *breaks = c->root ? ROOT_ONLY : NO_CONTAINER;

    if (c->map_none.code) {
        check_set_error(row, bad, breaks, &c->map_none);
    } else if (c->user.failed.code) {
        check_set_error(row, bad, breaks, &c->user.failed);
        if (userns_apparmor_restricts())
            mend_apparmor(row, breaks);
    } else {
        check_set(row, CHECK_OK, "created, with id maps");
    }
}

/* Appends " NAME (EPERM)" for each step of @list that failed. Returns the first errno, or 0. */
static int failures(const struct probe *p, const enum probe_step *list, const char *const *names, size_t n,
                    struct strbuf *out)
{
    int first = 0;

    for (size_t i = 0; i < n; i++) {
        int code = p->steps[list[i]];
        if (code == 0)
            continue;
        strbuf_addf(out, "%s%s (%s)", out->len ? ", " : "", names[i],
                    code == PROBE_NOT_TRIED ? "not tried" : errno_name(code));
        if (!first)
            first = code;
    }
    return first;
}

/* Rows about what works inside have nothing to say when there is no inside; the row above them failed. */
static bool no_inside(struct check_context *c, struct check_row *row)
{
    if (!c->core.failed.code && !(c->map_none.code && !c->root))
        return false;
    check_set(row, CHECK_INFO, "not tried, since there is no user namespace");
    return true;
}

static void mend_rights(struct check_context *c, struct check_row *row)
{
    if (userns_apparmor_restricts())
        mend_apparmor(row, NO_CONTAINER);
    else if (c->root)
        check_mend(row, NO_CONTAINER,
                   "this root lacks CAP_SYS_ADMIN (a container?): grant it, or try bryo "
                   "--rootless=true");
    else
        check_mend(row, NO_CONTAINER,
                   "a security module or a filter around bryo takes the rights: sudo dmesg | grep -i "
                   "denied");
}

void check_rights(struct check_context *c, struct check_row *row)
{
    static const enum probe_step list[] = {PROBE_HOSTNAME, PROBE_LOOPBACK};
    static const char *const names[] = {"setting the host name", "bringing up the loopback interface"};
    _cleanup_strbuf_ struct strbuf bad = {0};

    if (no_inside(c, row))
        return;
    if (!failures(&c->core, list, names, ARRAY_SIZE(list), &bad)) {
        check_set(row, CHECK_OK, "host name set, loopback interface brought up");
        return;
    }
    check_set(row, CHECK_FAIL, "refused: %s", bad.data ? bad.data : "");
    mend_rights(c, row);
}

void check_namespaces(struct check_context *c, struct check_row *row)
{
    static const enum probe_step list[] = {PROBE_NS_MOUNT, PROBE_NS_PID, PROBE_NS_NETWORK,
                                           PROBE_NS_UTS,   PROBE_NS_IPC, PROBE_NS_CGROUP};
    static const char *const names[] = {"mount", "pid", "network", "uts", "ipc", "cgroup"};
    _cleanup_strbuf_ struct strbuf bad = {0};

    if (no_inside(c, row))
        return;
    if (failures(&c->core, list, names, ARRAY_SIZE(list), &bad)) {
        check_set(row, CHECK_FAIL, "refused: %s", bad.data ? bad.data : "");
        mend_rights(c, row);
        return;
    }
    check_set(row, CHECK_OK, "mount, pid, network, uts, ipc, cgroup%s",
              c->core.steps[PROBE_NS_TIME] == 0 ? ", time" : "; no time namespaces (CONFIG_TIME_NS)");
}

void check_mounts(struct check_context *c, struct check_row *row)
{
    static const enum probe_step list[] = {PROBE_PROC, PROBE_TMPFS, PROBE_SYSFS, PROBE_DEVPTS, PROBE_MQUEUE};
    static const char *const names[] = {"proc", "tmpfs", "sysfs", "devpts", "mqueue"};
    _cleanup_strbuf_ struct strbuf bad = {0};

    if (no_inside(c, row))
        return;
    int code = failures(&c->core, list, names, ARRAY_SIZE(list), &bad);
    if (!code) {
        check_set(row, CHECK_OK, "proc, tmpfs, sysfs, devpts, mqueue");
        return;
    }
    /* Without mqueue (a kernel without CONFIG_POSIX_MQUEUE) most containers still start. */
    bool core = c->core.steps[PROBE_PROC] || c->core.steps[PROBE_TMPFS];
    check_set(row, core ? CHECK_FAIL : CHECK_WARN, "refused: %s", bad.data ? bad.data : "");
    if (core && code != PROBE_NOT_TRIED && c->core.steps[PROBE_TMPFS] == 0 &&
        c->core.steps[PROBE_PROC] == EPERM)
        check_mend(
            row, NO_CONTAINER,
            "bryo runs in a container that hides parts of /proc: start that one with --security-opt "
            "unmask=ALL "
            "(podman), --security-opt systempaths=unconfined (docker), or procMount: Unmasked (Kubernetes)");
    else if (core)
        mend_rights(c, row);
    else
        check_mend(row, "no containers whose config.json mounts these types",
                   "bind them from the host instead: {\"type\": \"bind\", \"options\": [\"rbind\"]}");
}

void check_overlay(struct check_context *c, struct check_row *row)
{
    int code = c->core.steps[PROBE_OVERLAY];

    if (no_inside(c, row))
        return;
    if (code == 0) {
        check_set(row, CHECK_OK, "mounted%s", c->root ? "" : " in a user namespace (userxattr)");
        return;
    }
    check_set(row, CHECK_WARN, "overlay cannot be mounted (%s)",
              code == PROBE_NOT_TRIED ? "not tried" : errno_name(code));
    check_mend(row, "no mounts of type overlay in config.json",
               code == ENODEV ? "sudo modprobe overlay"
                              : "Linux 5.11 or newer with overlayfs is "
                                "needed");
}

static void check_subid(struct check_context *c, struct check_row *row, enum subid_kind kind)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_strbuf_ struct strbuf text = {0};
    struct subid_ranges ranges = {0};
    uint64_t sum = 0;

    int r = subid_lookup(&c->lookup, kind, &ranges, &err);
    if (r < 0) {
        check_set_error(row, CHECK_WARN, ONE_ID, &err);
        return;
    }
    _cleanup_free_ char *source = subid_source_text(&c->lookup, kind);
    for (size_t i = 0; i < ranges.count; i++)
        sum += ranges.items[i].count;
    idmap_describe_ranges(&text, &ranges);
    free(ranges.items);
    check_set(row,
              c->root ? CHECK_INFO
              : sum   ? CHECK_OK
                      : CHECK_WARN,
              "%s: %s", source ? source : "", text.data ? text.data : "");
    if (c->root || sum >= USUAL_IDS - 1)
        return;
    row->status = CHECK_WARN;
    error_clear(&err);
    error_set(&err, ENOENT, "range");
    idmap_hint_delegate(&err, subid_user_name(&c->lookup), subid_suggest_start(), USUAL_IDS);
    check_mend(row, sum ? "no files and processes of ids beyond these" : ONE_ID, "%s",
               err.hint ? err.hint : "");
}

void check_subuid(struct check_context *c, struct check_row *row)
{
    check_subid(c, row, SUBID_UID);
}

void check_subgid(struct check_context *c, struct check_row *row)
{
    check_subid(c, row, SUBID_GID);
}

static void check_helper(struct check_context *c, struct check_row *row, enum subid_kind kind)
{
    _cleanup_error_ struct error problem = ERROR_INIT;
    _cleanup_free_ char *path = NULL;

    if (idmap_find_helper(kind, &path, &problem) == 0)
        check_set(row, CHECK_OK, "%s", path);
    else if (c->root)
        check_set(row, CHECK_INFO, "%s (root does not need it)", error_text(&problem));
    else
        check_set_error(row, CHECK_WARN, ONE_ID, &problem);
}

void check_newuidmap(struct check_context *c, struct check_row *row)
{
    check_helper(c, row, SUBID_UID);
}

void check_newgidmap(struct check_context *c, struct check_row *row)
{
    check_helper(c, row, SUBID_GID);
}

static uint64_t ids_of(const struct oci_id_map_list *list)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < list->count; i++)
        sum += list->items[i].size;
    return sum;
}

void check_map_writing(struct check_context *c, struct check_row *row)
{
    if (c->map_none.code || (c->user.failed.code && !c->full_map.code)) {
        check_set(row, CHECK_INFO, "not tried, since there is no user namespace");
    } else if (c->full_map.code) {
        check_set_error(row, CHECK_WARN, ONE_ID, &c->full_map);
    } else if (c->map_less.code) {
        check_set(row, CHECK_WARN, "only the own id can be mapped");
        check_mend(row, ONE_ID, "%s", c->map_less.hint ? c->map_less.hint : "see the rows above");
    } else {
        check_set(row, CHECK_OK, "%llu uids and %llu gids mapped%s", (unsigned long long)ids_of(&c->map.uids),
                  (unsigned long long)ids_of(&c->map.gids),
                  c->map.uid_helper || c->map.gid_helper ? " by newuidmap and newgidmap" : "");
    }
}
