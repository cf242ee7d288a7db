/*
 * Rights of the container's process: limits, credentials, capabilities, and the order in which they are given up.
 *
 * All functions here run inside the container's init (or an exec'ed process) unless said otherwise, after the root
 * was entered.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "oci/config.h"
#include "security/seccomp.h"

/* setrlimit for each; raising above the hard limit without CAP_SYS_RESOURCE names the rlimit and the limit that is
 * there. */
int security_set_rlimits(const struct oci_rlimit_list *rlimits, struct error *err);

/* Writes oom_score_adj below a checked procfs descriptor @proc_fd ("self/oom_score_adj"). EACCES when an
 * unprivileged caller asks for less than it has: reported with the value that is possible. */
int security_set_oom_score_adj(int proc_fd, int64_t value, struct error *err);

int security_set_personality(const struct oci_personality *personality, struct error *err);

/* A new session keyring named "_ses.ID"; EDQUOT and ENOSYS are no failure when unprivileged (*skipped is set). */
int security_new_session_keyring(const char *id, bool unprivileged, bool *skipped, struct error *err);

/* Checks a process's capabilities outside, before anything exists: ambient must be within permitted and inheritable,
 * effective within permitted. Errors name the capability and the set. */
int security_check_capabilities(const struct oci_capabilities *caps, struct error *err);

/* What security_drop needs. */
struct drop_plan {
    const struct oci_process *process;
    const struct seccomp_filter *filter; /* compiled outside; NULL: none */
    int agent_fd;                        /* connected socket of the seccomp agent, -EBADF: none */
    const char *agent_message;           /* what goes with the listener (container process state), or NULL */
    bool setgroups_denied;               /* the user namespace forbids setgroups(2) */
    const uint32_t *groups;              /* groups to keep instead of additionalGids; NULL: none */
    size_t n_groups;
};

/* Gives up rights, in one order, with the point of no return marked: bounding set, groups, gid, uid, capability
 * sets built from empty (inheritable is empty unless asked for: CVE-2022-27650), ambient, no_new_privs, the seccomp
 * filter. Without noNewPrivileges the filter is loaded while CAP_SYS_ADMIN is still there. Nothing but execve may
 * follow. An error leaves a process that must exit. umask is set here too. */
int security_drop(const struct drop_plan *plan, struct error *err);

/* Finds the program of args[0] as execvp would inside the (entered) root: a name without a slash is searched in PATH of
 * @env. *out is the path (the caller frees). Errors: -ENOENT with the text `exec "NAME": executable file not found in
 * $PATH`; `exec "/x": no such file or directory`; `exec "/x": permission denied`; `exec "/x": is a directory`. Run as
 * the final user, so call it between setuid and the filter or with access checks of that user: @uid, @gid, @groups. */
int security_find_program(const char *name, char *const *env, char **out, struct error *err);
