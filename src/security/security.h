/*
 * Rights of the container's process: limits, credentials, capabilities, and the order in which they are given
 * up.
 *
 * All functions here run inside the container's init (or an exec'ed process) unless said otherwise, after the
 * root was entered.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mapped.h"
#include "oci/config.h"
#include "security/seccomp.h"

/* setrlimit for each, in order; raising above the hard limit without CAP_SYS_RESOURCE names the rlimit and
 * the limit that is there. */
int security_set_rlimits(const struct oci_rlimit_list *rlimits, struct error *err);

/* Writes oom_score_adj below a checked procfs descriptor @proc_fd ("self/oom_score_adj"). EACCES when an
 * unprivileged caller asks for less than it has: reported with the value that is there. The process must be
 * dumpable (PR_SET_DUMPABLE), else the file belongs to the host's root. */
int security_set_oom_score_adj(int proc_fd, int64_t value, struct error *err);

int security_set_personality(const struct oci_personality *personality, struct error *err);

/* What of process.scheduler and linux.memoryPolicy the kernel would refuse whoever asks; outside, before
 * anything exists. Both may be NULL. */
int security_check_placement(const struct oci_process *process, const struct oci_memory_policy *policy,
                             struct error *err);

/* linux.memoryPolicy (NULL: none), process.ioPriority and process.scheduler of the calling thread, inherited
 * by its children and the program. Behind the limits, which may allow what capabilities do not. */
int security_set_placement(const struct oci_process *process, const struct oci_memory_policy *policy,
                           struct error *err);

/* Binds the calling thread to the CPUs of @list ("0-3,7"; NULL or empty: as it is). @property: its JSON path,
 * for messages. */
int security_set_cpu_affinity(const char *list, const char *property, struct error *err);

/* Are the security modules on that process.apparmorProfile and process.selinuxLabel ask for? Outside, where
 * the host's /sys is in sight. @process may be NULL. -ENOTSUP with the name of the property and of the
 * module. */
int security_check_labels(const struct oci_process *process, struct error *err);
/* Is SELinux enabled on this machine? Outside, too. */
bool security_has_selinux(void);
/* Is there a label to be set? Then security_set_labels needs a procfs. */
bool security_has_labels(const struct oci_process *process);
/* Asks for them at the next execve, through the files of the calling thread below @proc_fd, a descriptor of a
 * procfs (path_open_proc). The texts have the file in backticks. */
int security_set_labels(int proc_fd, const struct oci_process *process, struct error *err);

/* A new session keyring named "_ses.ID". Where there is none to be had, the old one stays and *skipped (may
 * be NULL) is set: ENOSYS (a kernel without keys), EPERM (an outer container's filter, which the container
 * inherits, so that it cannot reach the old keyring either), and when @unprivileged EDQUOT
 * (kernel.keys.maxkeys). */
int security_new_session_keyring(const char *id, bool unprivileged, bool *skipped, struct error *err);

/* Are a process's sets such as the kernel grants them: effective within permitted, ambient within permitted
 * and inheritable, inheritable within bounding? A set that is absent is empty; NULL (absent) is fine. Errors
 * name the capability and the set, -EINVAL. */
int security_check_capabilities(const struct oci_capabilities *caps, struct error *err);

/* Outside, before anything exists: takes out of the sets what that check would refuse, and tells @dropped
 * which capabilities (bit N is number N) went from @set because they are not in @within. Such a capability is
 * warned about and is no error (config.md#linux-process); buildah asks for ambient ones without inheritable
 * ones in each of its steps. */
typedef void capability_sink(void *data, const char *set, const char *within, uint64_t which);
void security_reconcile_capabilities(struct oci_capabilities *caps, capability_sink *dropped, void *data);

/* Outside, for a process that stays in the caller's user namespace: takes out of all sets what the caller's
 * bounding set lacks, since nothing can grant it (config.md#linux-process: such a capability is warned about
 * and is no error). Returns the bits that were taken out. */
uint64_t security_limit_capabilities(struct oci_capabilities *caps);

/* The ids of a user namespace. */
struct user_ids {
    bool (*has)(const void *data, enum id_kind kind, uint32_t id);
    const void *data;
    bool setgroups_denied; /* it forbids setgroups(2) */
};

/* Before anything exists: will security_drop be able to become @user there? The errors are its own. Without
 * @groups the supplementary groups are of no account. */
int security_check_user(const struct oci_user *user, const struct user_ids *ids, bool groups,
                        struct error *err);

/* What security_drop needs. */
struct drop_plan {
    const struct oci_process *process;
    const struct seccomp_filter *filter; /* compiled outside; NULL: none */
    int agent_fd;                        /* connected socket of the seccomp agent, -EBADF: none */
    const char *agent_message;           /* what goes with the listener (container process state), or NULL */
    bool setgroups_denied;               /* the user namespace forbids setgroups(2) */
    bool die_with_parent; /* set PR_SET_PDEATHSIG to SIGKILL once more: changing ids clears it */
    bool keep_groups;     /* the caller's supplementary groups stay, and additionalGids do not count */
};

/* As runc and crun have it: what a container writes does not depend on the shell of who started it. */
#define SECURITY_DEFAULT_UMASK 0022

/* Gives up rights, in one order, with the point of no return marked: bounding set, groups, gid, umask, uid,
 * capability sets built from empty (inheritable is empty unless asked for: CVE-2022-27650), ambient,
 * no_new_privs, the seccomp filter. Nothing but execve may follow, and no system call of ours comes behind
 * the filter. An error leaves a process that must exit.
 *
 * Capabilities: an absent `capabilities` object means none at all. One that is asked for and that the caller
 * does not hold (bounding, permitted) is an error that names it, -EPERM. Without noNewPrivileges the kernel
 * takes a filter only from a process with CAP_SYS_ADMIN in its user namespace: the permitted and effective
 * sets then keep that one until execve, which computes both anew from the bounding, inheritable and ambient
 * sets (capabilities(7)). umask: without process.user.umask it is SECURITY_DEFAULT_UMASK. */
int security_drop(const struct drop_plan *plan, struct error *err);

/* Finds the program of args[0] as execvp would, in the root that the caller sees: a name with a slash is
 * taken as it is (relative to the current directory, so be in process.cwd), any other is searched in PATH of
 * @env; an empty element of PATH is the current directory, and without PATH the list is
 * SECURITY_DEFAULT_PATH. *out is the path to execute (the caller frees).
 *
 * @process: whose user and effective capabilities count, so that it can be asked while still privileged;
 * NULL: the calling process's own effective ids and groups. It is there to fail early (at `create`) with a
 * good text: a directory on the way that the user may not enter, or an LSM, is only met by execve itself.
 *
 * Errors: -ENOENT `exec "NAME": executable file not found in $PATH`; -ENOENT `exec "/x": no such file or
 * directory` (also when the interpreter of a script or the loader of an ELF file is missing: the hint names
 * it); -ENOTDIR `exec "/x/y": not a directory`; -EACCES `exec "/x": permission denied`, `exec "/x": is a
 * directory: permission denied`; others of stat(2). */
#define SECURITY_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
int security_find_program_for(const char *name, char *const *env, const struct oci_process *process,
                              char **out, struct error *err);
/* The same for the calling process itself. */
int security_find_program(const char *name, char *const *env, char **out, struct error *err);

/* Fills @err with why execve of @path failed with @code (missing interpreter, wrong architecture, no `#!`
 * line, argument list too long …), text as above. Opens the file: not for use behind a seccomp filter.
 * Returns -@code. */
int security_explain_exec(const char *path, int code, struct error *err);
