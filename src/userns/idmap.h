/*
 * User namespaces: which ids a caller may map, how they are written, and what to tell when it does not work.
 * user_namespaces(7), newuidmap(1), subuid(5).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/log.h"
#include "oci/config.h"

/* What a user namespace will map. Lists and strings are owned. */
struct idmap {
    struct oci_id_map_list uids;
    struct oci_id_map_list gids;
    bool uid_helper; /* newuidmap must write it (more than the caller's own id, and no CAP_SETUID) */
    bool gid_helper;
    bool deny_setgroups;   /* write "deny" to /proc/PID/setgroups first (one own gid, no helper) */
    char *uid_helper_path; /* where newuidmap was found; NULL: searched when it is started */
    char *gid_helper_path;
};

void idmap_free(struct idmap *map);
#define _cleanup_idmap_ __attribute__((cleanup(idmap_free)))

/* The maps for a new user namespace of the calling user: container 0 is the caller's own id, 1 and up the
 * ranges of /etc/subuid and /etc/subgid (or getsubids(1) where nsswitch.conf names another source), clamped
 * to what the caller's own namespace holds (/proc/self/uid_map). With real root or uid 0 of a namespace: all
 * ids of the own namespace, one to one. Where ranges or helpers are missing: the one own id, and *why (may be
 * NULL) says what is missing and what will not work, with a hint (it is a warning, not a failure; *why is
 * left empty when the full map is there). uids and gids are treated apart: one may be full and the other
 * single. */
int idmap_default(struct idmap *map, struct error *why, struct error *err);

/* Only the caller's own uid and gid, mapped to container 0. */
int idmap_single(struct idmap *map, struct error *err);

/* The maps that config.json asks for. Checks that the caller can have them (own id, subid ranges, ids that
 * the parent namespace holds, helpers): an error names the line of the mapping (`linux.uidMappings[1]`) and
 * the range that would be needed. -EINVAL: the maps contradict themselves; -EPERM: the caller cannot have
 * them; others: the helper is missing. */
int idmap_from_config(struct idmap *map, const struct oci_id_map_list *uids,
                      const struct oci_id_map_list *gids, struct error *err);

/* Helpers that are running; opaque to callers but for its size. */
struct idmap_job {
    struct {
        pid_t pid;
        int out_fd;
        const char *program;
    } helper[2];
    pid_t target;
};

/* Writes the maps of process @pid, whose user namespace is new and a child of ours: directly, or by newuidmap
 * and newgidmap, started side by side. idmap_start returns as soon as they run, so that the caller can
 * prepare other things; idmap_finish waits and explains a failure (helper missing; not setuid and without
 * file capabilities; on a nosuid mount; no range; range outside the parent's; refused by AppArmor …), each
 * with its own text and hint. After idmap_start succeeded, idmap_finish must be called. The process must be
 * dumpable until then: /proc/PID of one that is not belongs to root, and neither we nor the helpers may write
 * there. */
int idmap_start(const struct idmap *map, pid_t pid, struct idmap_job *job, struct error *err);
int idmap_finish(const struct idmap *map, struct idmap_job *job, struct error *err);

/* Maps container ids to ids of the runtime's namespace. Returns 0 or -ERANGE if not mapped. */
int idmap_to_host(const struct oci_id_map_list *list, uint32_t container_id, uint32_t *host_id);

/* Explains why clone or unshare of a user namespace failed with @code: sysctls
 * kernel.unprivileged_userns_clone, user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns,
 * the nesting limit, a seccomp filter of an outer container, chroot. Fills @err with text and hint. Returns
 * -@code. */
int userns_explain(int code, struct error *err);

/* AppArmor as Ubuntu 24.04 ships it lets an unconfined program make a user namespace and then denies all
 * rights in it, so that the first mount fails. If @err is EPERM or EACCES, has no hint, and that restriction
 * is on, adds the hint how bryo gets a profile. For failures of work inside a new user namespace. */
void userns_hint_powerless(struct error *err);

/* Is that restriction on for this caller (kernel.apparmor_restrict_unprivileged_userns, and no rights that
 * lift it)? */
bool userns_apparmor_restricts(void);

/* An AppArmor profile that allows user namespaces to the program at @path; the caller frees, NULL when memory
 * ran out. */
char *userns_apparmor_profile(const char *path);

/* Runs `argv` (an absolute program path first) as uid 0 of a new user namespace with @map, and a new mount
 * namespace if @mount_ns, as a child of ours; its stdin, stdout and stderr as given (-1: inherited).
 * @keep_fds (at most USERNS_KEEP_MAX) become its descriptors 3, 4, 5 … in that order; all others are closed.
 * Signals are at their defaults. The child dies with us (PR_SET_PDEATHSIG). *pid gets it; the caller waits.
 * If @map maps every id to itself and the caller is uid 0, a user namespace would change nothing: the program
 * then runs in the caller's own. Errors that happen before the program runs come back from here. */
#define USERNS_KEEP_MAX 8
int userns_spawn(const struct idmap *map, char *const *argv, char *const *env, const int stdio[3],
                 const int *keep_fds, size_t n_keep, bool mount_ns, pid_t *pid, struct error *err);
