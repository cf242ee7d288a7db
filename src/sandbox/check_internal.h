/*
 * What the files of the doctor share: the context of one run, and the trials in children.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "sandbox/check.h"
#include "userns/idmap.h"
#include "userns/subid.h"

enum probe_step {
    PROBE_NS_MOUNT,
    PROBE_NS_PID,
    PROBE_NS_NETWORK,
    PROBE_NS_UTS,
    PROBE_NS_IPC,
    PROBE_NS_CGROUP,
    PROBE_NS_TIME,
    PROBE_HOSTNAME,
    PROBE_LOOPBACK,
    PROBE_TMPFS,
    PROBE_PROC,
    PROBE_SYSFS,
    PROBE_DEVPTS,
    PROBE_MQUEUE,
    PROBE_OVERLAY,
    PROBE_STEPS,
};
#define PROBE_NOT_TRIED (-1)

struct probe {
    struct error failed;    /* why the process or its id maps could not be made; empty: they were */
    bool mapping;           /* it was the maps that failed */
    int steps[PROBE_STEPS]; /* 0, a positive errno, or PROBE_NOT_TRIED */
};

/* Tries all steps in a child with a new user namespace of these maps; @map NULL: in the caller's own. */
void check_probe(const struct idmap *map, struct probe *out);

/* What the rows look at. */
struct check_context {
    uid_t uid;
    bool root; /* uid 0: no user namespace unless asked for */
    struct subid_lookup lookup;
    struct idmap map;      /* what bryo would map */
    struct error map_less; /* why that is one id only */
    struct error map_none; /* why there is none at all */
    struct probe user;     /* with a user namespace, full maps or, where these fail, one id */
    struct error full_map; /* why the full maps could not be written */
    struct probe core;     /* as a container of this caller would have it */
};

/* Fill a row. check_set replaces status and detail; check_mend says what is broken and how to mend it. */
void check_set(struct check_row *row, enum check_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void check_mend(struct check_row *row, const char *breaks, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Status and texts from an error: its hint is the fix. */
void check_set_error(struct check_row *row, enum check_status status, const char *breaks,
                     const struct error *err);

/* The rows, by file. check_system.c: */
void check_caller(struct check_context *c, struct check_row *row);
void check_kernel(struct check_context *c, struct check_row *row);
void check_system_calls(struct check_context *c, struct check_row *row);
void check_system_filter(struct check_context *c, struct check_row *row);
void check_security_modules(struct check_context *c, struct check_row *row);
/* check_userns.c: */
void check_switches(struct check_context *c, struct check_row *row);
void check_user_namespace(struct check_context *c, struct check_row *row);
void check_rights(struct check_context *c, struct check_row *row);
void check_namespaces(struct check_context *c, struct check_row *row);
void check_mounts(struct check_context *c, struct check_row *row);
void check_overlay(struct check_context *c, struct check_row *row);
void check_subuid(struct check_context *c, struct check_row *row);
void check_subgid(struct check_context *c, struct check_row *row);
void check_newuidmap(struct check_context *c, struct check_row *row);
void check_newgidmap(struct check_context *c, struct check_row *row);
void check_map_writing(struct check_context *c, struct check_row *row);
/* check_session.c: */
void check_runtime_dir(struct check_context *c, struct check_row *row);
void check_cgroup(struct check_context *c, struct check_row *row);
void check_bus(struct check_context *c, struct check_row *row);
void check_tun(struct check_context *c, struct check_row *row);
void check_fuse(struct check_context *c, struct check_row *row);
void check_image_helper(struct check_context *c, struct check_row *row);
/* check_network.c: */
void check_net_helper(struct check_context *c, struct check_row *row);
void check_ping(struct check_context *c, struct check_row *row);
