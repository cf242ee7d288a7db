/*
 * The doctor's table of rows, and what they share. Each row is one function; what needs namespaces is tried
 * once, in a child (check_probe.c), and several rows read its results.
 */
#include "sandbox/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/check_internal.h"

static const struct {
    const char *id, *what;
    void (*run)(struct check_context *c, struct check_row *row);
} rows[] = {
    {"caller", "caller", check_caller},
    {"kernel", "kernel", check_kernel},
    {"system-calls", "system calls", check_system_calls},
    {"switches", "switches", check_switches},
    {"user-namespace", "user namespaces", check_user_namespace},
    {"rights", "rights inside", check_rights},
    {"namespaces", "other namespaces", check_namespaces},
    {"mounts", "mounts", check_mounts},
    {"subuid", "subordinate uids", check_subuid},
    {"subgid", "subordinate gids", check_subgid},
    {"newuidmap", "newuidmap", check_newuidmap},
    {"newgidmap", "newgidmap", check_newgidmap},
    {"id-maps", "id maps", check_map_writing},
    {"seccomp", "seccomp", check_system_filter},
    {"image-helper", "bryo-image", check_image_helper},
    {"net-helper", "bryo-net", check_net_helper},
    {"runtime-dir", "runtime directory", check_runtime_dir},
    {"overlayfs", "overlayfs", check_overlay},
    {"cgroup", "cgroups", check_cgroup},
    {"user-bus", "user's bus", check_bus},
    {"tun", "/dev/net/tun", check_tun},
    {"ping", "ping", check_ping},
    {"fuse", "/dev/fuse", check_fuse},
    {"security-modules", "security modules", check_security_modules},
};

__attribute__((format(printf, 2, 0))) static void set_text(char **text, const char *fmt, va_list ap)
{
    free(*text);
    if (vasprintf(text, fmt, ap) < 0)
        *text = NULL;
}

void check_set(struct check_row *row, enum check_status status, const char *fmt, ...)
{
    va_list ap;

    row->status = status;
    va_start(ap, fmt);
    set_text(&row->detail, fmt, ap);
    va_end(ap);
}

void check_mend(struct check_row *row, const char *breaks, const char *fmt, ...)
{
    va_list ap;

    row->breaks = breaks;
    va_start(ap, fmt);
    set_text(&row->fix, fmt, ap);
    va_end(ap);
}

void check_set_error(struct check_row *row, enum check_status status, const char *breaks,
                     const struct error *err)
{
    check_set(row, status, "%s", error_text(err));
    row->breaks = breaks;
    if (err->hint)
        check_mend(row, breaks, "%s", err->hint);
}

/* Makes the map that a container would have, and tries it. Where the full maps cannot be written, one id is
 * tried again, since that is enough for the core. */
static void try_namespaces(struct check_context *c)
{
    _cleanup_idmap_ struct idmap single = {0};

    if (idmap_default(&c->map, &c->map_less, &c->map_none) == 0) {
        check_probe(&c->map, &c->user);
        if (c->user.mapping && (c->map.uid_helper || c->map.gid_helper) && idmap_single(&single, NULL) == 0) {
            error_move(&c->full_map, &c->user.failed);
            check_probe(&single, &c->user);
        }
    }
    if (c->root)
        check_probe(NULL, &c->core);
    else
        c->core = c->user;
}

static void context_free(struct check_context *c)
{
    if (!c->root)
        c->core.failed = ERROR_INIT; /* it is c->user's */
    error_clear(&c->core.failed);
    error_clear(&c->user.failed);
    error_clear(&c->full_map);
    error_clear(&c->map_less);
    error_clear(&c->map_none);
    idmap_free(&c->map);
    subid_lookup_free(&c->lookup);
}

int check_run(struct check_report *report, struct error *err)
{
    _cleanup_(context_free) struct check_context c = {.uid = geteuid(), .root = geteuid() == 0};

    c.lookup = SUBID_LOOKUP_INIT(c.uid);
    *report = (struct check_report){.root = c.root};
    report->rows = calloc(ARRAY_SIZE(rows), sizeof *report->rows);
    if (!report->rows)
        return error_oom(err);
    report->count = ARRAY_SIZE(rows);
    for (size_t i = 0; i < PROBE_STEPS; i++)
        c.user.steps[i] = c.core.steps[i] = PROBE_NOT_TRIED;
    try_namespaces(&c);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        report->rows[i].id = rows[i].id;
        report->rows[i].what = rows[i].what;
        rows[i].run(&c, &report->rows[i]);
        if (!report->rows[i].detail) {
            check_report_free(report);
            return error_oom(err);
        }
    }
    return 0;
}

void check_report_free(struct check_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        free(report->rows[i].detail);
        free(report->rows[i].fix);
    }
    free(report->rows);
    *report = (struct check_report){0};
}

bool check_core_works(const struct check_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        if (report->rows[i].status == CHECK_FAIL)
            return false;
    return true;
}
