/*
 * Giving up rights, in the one order that works.
 *
 * Runs as: the container's init (or a process that entered it), behind pivot_root, normally uid 0 of its user
 * namespace with all capabilities there. Should: leave the thread with exactly the rights that the
 * configuration grants, so that execve is the next call. Mustn't: open files, allocate much, or make a system
 * call behind the filter.
 *
 * Why this order:
 *   1. check       what is asked for and not held is an error while everything can still be told;
 *   2. bounding    takes CAP_SETPCAP, and bounds all that follows;
 *   3. groups      take CAP_SETGID, and go before the uid, which takes that away;
 *   4. gid, umask
 *   5. uid         the point of no return: from here on there is no way back to what was. Permitted
 * capabilities are kept over it (PR_SET_KEEPCAPS), since the sets are only built behind it;
 *   6. capset      permitted, effective, inheritable, built from empty;
 *   7. ambient     needs permitted and inheritable to be there;
 *   8. death signal (changing ids and losing capabilities clear it);
 *   9. no_new_privs
 *  10. the filter  last, so that it need not allow anything of ours.
 *
 * Without noNewPrivileges the kernel takes a filter only from a thread with CAP_SYS_ADMIN. Dropping that
 * behind the filter would force every profile to allow capset(2). It is not needed: execve throws the
 * permitted and effective sets away and computes them anew from the bounding, inheritable and ambient sets
 * and the file (capabilities(7), "Transformation of capabilities during execve()"), and those three are what
 * the configuration says. So step 6 leaves CAP_SYS_ADMIN in for the few instructions until execve.
 */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "security/capabilities.h"
#include "security/credentials.h"
#include "security/security.h"

static int set_keepcaps(unsigned long on, struct error *err)
{
    if (prctl(PR_SET_KEEPCAPS, on, 0, 0, 0) < 0)
        return error_sys(err, errno, "keep the capabilities while the uid changes (PR_SET_KEEPCAPS)");
    return 0;
}

static int become_user(const struct drop_plan *plan, struct error *err)
{
    const struct oci_user *user = &plan->process->user;
    bool leaves_root = user->uid != 0;
    int r = credentials_set_groups(plan, err);

    if (r == 0)
        r = credentials_set_gid(user->gid, err);
    if (r == 0)
        umask(user->umask.set ? (mode_t)(user->umask.value & 0777) : SECURITY_DEFAULT_UMASK);
    if (r == 0 && leaves_root)
        r = set_keepcaps(1, err);
    /* Point of no return. */
    if (r == 0)
        r = credentials_set_uid(user->uid, err);
    if (r == 0 && leaves_root)
        r = set_keepcaps(0, err);
    return r;
}

static int load_filter(const struct drop_plan *plan, struct error *err)
{
    if (!plan->filter)
        return 0;
    if (plan->filter->notify)
        return seccomp_filter_load_and_send(plan->filter, plan->agent_fd, plan->agent_message, err);
    return seccomp_filter_load(plan->filter, NULL, err);
}

int security_drop(const struct drop_plan *plan, struct error *err)
{
    const struct oci_process *process = plan->process;
    struct cap_sets sets = caps_wanted(process->capabilities), now;

    int r = security_check_capabilities(process->capabilities, err);
    if (r == 0)
        r = caps_check_held(&sets, err);
    if (r == 0)
        r = caps_drop_bounding(sets.bounding, err);
    if (r == 0)
        r = become_user(plan, err);
    if (r < 0)
        return r;

    now = sets;
    if (plan->filter && !process->no_new_privileges) {
        const uint64_t admin = UINT64_C(1) << CAP_SYS_ADMIN;
        struct cap_sets with_admin = {.permitted = admin};
        if (caps_check_held(&with_admin, NULL) == 0) {
            now.permitted |= admin;
            now.effective |= admin;
        }
    }
    r = caps_apply(&now, err);
    if (r == 0)
        r = caps_apply_ambient(&sets, err);
    if (r == 0 && plan->die_with_parent && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        r = error_sys(err, errno, "ask for a signal when the runtime dies (PR_SET_PDEATHSIG)");
    if (r == 0 && process->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        r = error_sys(err, errno, "process.noNewPrivileges: set no_new_privs");
    if (r == 0)
        r = load_filter(plan, err);
    return r;
}
