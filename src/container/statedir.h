/*
 * The directory of one container below the runtime's root: who may use it, and what is in it.
 *
 *   ROOT/ID/lock         OFD write lock: held by the call that changes the container
 *   ROOT/ID/state.json   replaced as a whole (oci/state.h)
 *   ROOT/ID/config.json  the configuration as it was at create, for exec
 *   ROOT/ID/cgroup       manager and path of a cgroup that is about to be made; state.json has them later
 *   ROOT/ID/mounts.json  which mounts `bryo mounts add` made (container/mounts.h)
 *   ROOT/ID/waiting      OFD write lock: held by an init that waits for start. It lets go right before its
 * exec, and its death does too, so "created" can be told from "running" without anything that could go stale
 *   ROOT/ID/resolv.conf  shown to the container as /etc/resolv.conf, where its network is bryo's
 *   ROOT/ID/net.sock     the socket of the container's network: its ports and its numbers
 *   ROOT/ID/net.log      what the network of a detached container has to say
 *   ROOT/ID/start.sock   the socket on which a waiting init listens; it gets this name when the container is
 * created
 *
 * mkdir(ID) claims the id. A call killed at any point leaves a directory that `delete --force` removes whole.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "container/runtime.h"
#include "oci/state.h"

#define STATEDIR_LOCK         "lock"
#define STATEDIR_STATE        "state.json"
#define STATEDIR_CONFIG       "config.json"
#define STATEDIR_WAITING      "waiting"
#define STATEDIR_CGROUP       "cgroup"
#define STATEDIR_MOUNTS       "mounts.json"
#define STATEDIR_RESOLV_CONF  "resolv.conf"
#define STATEDIR_NET_LOG      "net.log"
#define STATEDIR_NET_SOCKET   "net.sock"
#define STATEDIR_NOTIFY       "notify" /* a directory (notify.h) */
#define STATEDIR_OOM          "oom"    /* made by those who watch for events: the last count (cgroups.c) */
#define STATEDIR_SOCKET       "start.sock"
#define STATEDIR_SOCKET_EARLY ".start.sock" /* its name until the container is created */

struct statedir {
    int root_fd; /* the runtime's root */
    int fd;      /* ROOT/ID */
    int lock_fd; /* ROOT/ID/lock, locked; -EBADF: opened only to look */
};
#define STATEDIR_INIT ((struct statedir){-EBADF, -EBADF, -EBADF})

/* Makes ROOT if needed (mode 0700, sticky so that systemd-tmpfiles leaves it alone) and claims ID. -EEXIST:
 * `container with id "X" already exists`. Holds the lock afterwards. */
int statedir_create(struct statedir *dir, const struct runtime *rt, const char *id, struct error *err);

/* Opens ROOT/ID. -ENOENT: `container "X" does not exist`, also where ROOT/ID is something of another
 * program. @lock: takes the lock, waiting up to 10 s for the
 * call that holds it (then -EBUSY); a directory removed meanwhile is -ENOENT. */
int statedir_open(struct statedir *dir, const struct runtime *rt, const char *id, bool lock,
                  struct error *err);

/* Takes the lock of a directory that is open already, as statedir_open does: -ENOENT if it was removed, also
 * when another container has the id now. */
int statedir_lock(struct statedir *dir, const char *id, struct error *err);

/* Does ROOT/ID hold only what bryo puts there? 0, or -EEXIST with the name of what does not belong. For
 * directories without a state that could be read, before they are removed. */
int statedir_check_content(const struct statedir *dir, const char *id, struct error *err);

/* Opens ROOT for listing. -ENOENT (no text) when there is none. Returns the descriptor or -errno. */
int statedir_open_root(const struct runtime *rt, struct error *err);

/* Is the lock held by some call? Is an init waiting? 1, 0 or -errno. Neither disturbs the holder. */
int statedir_is_locked(const struct statedir *dir);
int statedir_is_waiting(const struct statedir *dir);

/* Opens and locks `waiting`, for an init that will inherit the descriptor. Returns it or -errno with text. */
int statedir_hold_waiting(const struct statedir *dir, struct error *err);

/* state.json. statedir_read: -ENOENT (with text) when it was never written, -EBADMSG when it is damaged; any
 * other failure says nothing about the container. */
int statedir_write(const struct statedir *dir, const struct oci_state *state, struct error *err);
int statedir_read(const struct statedir *dir, const char *id, struct oci_state **state, struct error *err);

/* Notes which cgroup the container will have, for the case that it never gets a state. Returns a descriptor,
 * for statedir_cgroup_made to add that the cgroup is the container's own now: before, what has the name can
 * be another's. */
int statedir_note_cgroup(const struct statedir *dir, const char *manager, const char *path,
                         struct error *err);
int statedir_cgroup_made(int note, struct error *err);
/* Reads the note; the strings stay NULL when there is none, or half of one. The caller frees with
 * cgroup_note_free. */
struct cgroup_note {
    char *manager, *path;
    bool made;
};
int statedir_find_cgroup(const struct statedir *dir, struct cgroup_note *note, struct error *err);
void cgroup_note_free(struct cgroup_note *note);
#define _cleanup_cgroup_note_ __attribute__((cleanup(cgroup_note_free)))

/* Removes ROOT/ID and closes dir->fd. What a failure or a kill leaves is still a container's directory, to be
 * removed again. */
int statedir_remove(struct statedir *dir, const char *id, struct error *err);

void statedir_close(struct statedir *dir);
