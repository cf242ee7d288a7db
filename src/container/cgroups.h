/*
 * What the verbs do with the cgroup of a container: pause, resume, update, events. Which manager made it is
 * kept in the state; without one each of them fails and says so.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "cgroup/cgroup.h"
#include "container/runtime.h"
#include "container/statedir.h"
#include "oci/config.h"
#include "oci/state.h"

/* The container may be created or running. -EBUSY when it is paused already, or was not. */
int container_pause(const struct runtime *rt, const char *id, struct error *err);
int container_resume(const struct runtime *rt, const char *id, struct error *err);

/* Changes the limits that are set in @resources. */
int container_update(const struct runtime *rt, const char *id, const struct oci_resources *resources,
                     struct error *err);
/* The same for its class of Intel RDT: lines for the schemata, NULL: left out. It need not run. */
int container_update_rdt(const struct runtime *rt, const char *id, const char *l3, const char *mem_bw,
                         struct error *err);

/* One event: @type is "stats" or "oom". Takes over @data, which is NULL for oom. A result that is not 0 ends
 * the watching and is its result. */
typedef int event_sink(void *sink, const char *type, cJSON *data, struct error *err);

/* The numbers of the container as one event. */
int container_stats(const struct runtime *rt, const char *id, event_sink *emit, void *sink,
                    struct error *err);
/* The numbers every @interval_ns, and each strike of the OOM killer, until the container ends. */
int container_events(const struct runtime *rt, const char *id, uint64_t interval_ns, event_sink *emit,
                     void *sink, struct error *err);

/* The same for a cgroup: until @pidfd reports the end. @kept: see container_keep_oom; -EBADF: there is none.
 */
int cgroup_watch(const struct cgroup *cg, int pidfd, int kept, uint64_t interval_ns, event_sink *emit,
                 void *sink, struct error *err);
/* A `run` that ends takes the cgroup away at once, and with it what the OOM killer did last. So who watches
 * makes a file in the state directory, and whoever removes the cgroup writes the count there before; the
 * file's name goes with the state, the descriptor stays good. Without a watcher there is nothing to do. */
void container_keep_oom(const struct statedir *dir, const struct oci_state *state);

/* Makes the rules for devices hold: @devices is linux.devices, @resources (NULL: none) has the rules; @fresh
 * as in cgroup_set_devices. Root of the machine sets them or fails; who has no right to has a user namespace
 * to the same effect, and it is only told to the log. */
int container_set_devices(const struct cgroup *cg, const struct oci_device_list *devices,
                          const struct oci_resources *resources, bool fresh, const struct log *log,
                          struct error *err);

/* Behind a SIGKILL: cgroup_let_die for the container's cgroup. */
int container_let_die(const struct oci_state *state, struct error *err);

/* Removes the cgroup of a container whose processes have ended; fine without one. */
int container_destroy_cgroup(const struct oci_state *state, struct error *err);

/* The cgroup that @state tells of. The caller frees with cgroup_free. */
int container_cgroup(const struct oci_state *state, struct cgroup *cg, struct error *err);
