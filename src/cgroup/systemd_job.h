/*
 * Talking to systemd: one connection to the bus of the right manager, method calls, and the jobs that they
 * start.
 *
 * Theory of operation. What a unit's start or stop returns is the name of a job; its end is told by the
 * signal JobRemoved, which is subscribed to in front of the call, in the same write. Nothing is introspected
 * and no version asked for: a property that an old systemd lacks is left out when it says so. Errors are told
 * apart by their names on the bus, never by their texts.
 * https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.systemd1.html
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "cgroup/sdbus.h"
#include "cgroup/systemd.h"

/* How long systemd may take for one call and its job together, in µs. */
#define SYSTEMD_TIMEOUT UINT64_C(60000000)

#define SYSTEMD_NAME     "org.freedesktop.systemd1"
#define SYSTEMD_BUS_NAME "org.freedesktop.DBus"

/* A job while it is waited for. */
struct systemd_job {
    bool answered;
    sd_bus_error error; /* the answer, if it is one; also that to the subscription */
    char path[256];     /* the job's object path */
    char result[32];
    sd_bus_slot *slots[3];
};

/* Callbacks have its address: it stays where it was when it was opened. */
struct systemd {
    struct sdbus api;
    sd_bus *bus;
    struct systemd_owner owner;
    uint64_t timeout;  /* of each call below; open sets SYSTEMD_TIMEOUT */
    uint64_t deadline; /* of the one that runs, CLOCK_MONOTONIC in µs */
    struct systemd_job job;
};

/* Connects to the bus of @owner's manager: the one of the environment (only for the caller's own), then the
 * one below /run; a bus without systemd on it is passed over. -ENOPKG without libsystemd; with a hint where
 * there is no bus. */
int systemd_open(struct systemd *s, const struct systemd_owner *owner, struct error *err);
/* The same with a table of functions that is filled already. */
int systemd_open_with(struct systemd *s, const struct sdbus *api, const struct systemd_owner *owner,
                      struct error *err);
/* Could systemd_open succeed? Looks for the library and knocks at the bus, and leaves nothing open. Fails as
 * systemd_open does. */
int systemd_probe(const struct systemd_owner *owner, struct error *err);
void systemd_close(struct systemd *s);
#define _cleanup_systemd_ __attribute__((cleanup(systemd_close)))

/* Starts a transient unit, in two steps: the first sends the call, the second waits until that is done. A
 * unit of that name that failed before is reset; optional properties that systemd does not know are left out.
 * -EEXIST when a unit of that name runs, which stays; on other failures there may be one. */
int systemd_start_begin(struct systemd *s, const char *unit, const struct unit_properties *properties,
                        struct error *err);
int systemd_start_finish(struct systemd *s, const char *unit, const struct unit_properties *properties,
                         struct error *err);
/* Stops a unit, waits until that is done and forgets that it may have failed. One that is gone is fine. */
int systemd_stop_unit(struct systemd *s, const char *unit, struct error *err);
/* Changes properties of a unit until it ends. */
int systemd_set_properties(struct systemd *s, const char *unit, const struct unit_properties *properties,
                           struct error *err);
/* Moves a process into a unit, into the cgroup @sub ("/container") below it. */
int systemd_attach(struct systemd *s, const char *unit, const char *sub, pid_t pid, struct error *err);
/* The path of a slice's cgroup. The caller frees. */
int systemd_slice_cgroup(struct systemd *s, const char *unit, char **path, struct error *err);

/* systemd_bus.c, for systemd_job.c. CLOCK_MONOTONIC in µs; what is left of the time, at least 1; starts it.
 */
uint64_t systemd_now(void);
uint64_t systemd_time_left(const struct systemd *s);
void systemd_start_clock(struct systemd *s);
/* "systemctl --user", for hints. */
const char *systemd_tool(const struct systemd *s);
/* Fills @err for a call that failed. @r: what sd-bus returned; @error: what came from the bus, if anything;
 * @verb: "start". Returns the code that the name of the error stands for. */
int systemd_failed(const struct systemd *s, const char *verb, const char *unit, int r,
                   const sd_bus_error *error, struct error *err);
