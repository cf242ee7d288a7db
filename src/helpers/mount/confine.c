/*
 * The order in which bryo-image-mount gives up its rights. It needs none of the file system: archive, spool
 * and the FUSE connection are descriptors. The filter alone keeps it from opening anything; landlock is the
 * second fence.
 */
#include "helpers/mount/confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/landlock.h"
#include "config.h"

/* Of this program's own; what it maps of archive and spool does not count. */
#define MEMORY_LIMIT (4ULL << 30)

static int set_limits(struct error *err)
{
    const struct rlimit none = {0, 0};
    struct rlimit memory;

    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return error_sys(err, errno, "switch core files off");
    if (getrlimit(RLIMIT_DATA, &memory) < 0)
        return error_sys(err, errno, "get the limit of memory");
    if (memory.rlim_cur > MEMORY_LIMIT)
        memory.rlim_cur = MEMORY_LIMIT;
    if (memory.rlim_max > MEMORY_LIMIT)
        memory.rlim_max = MEMORY_LIMIT;
#ifndef BRYO_SANITIZED /* AddressSanitizer maps terabytes and never touches them */
    if (setrlimit(RLIMIT_DATA, &memory) < 0)
        return error_sys(err, errno, "limit the memory");
#endif
    return 0;
}

static int drop_capabilities(struct error *err)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (syscall(SYS_capset, &head, none) < 0)
        return error_sys(err, errno, "drop capabilities");
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return error_sys(err, errno, "clear the ambient capabilities");
    return 0;
}

int mount_confine(struct error *err)
{
    const struct landlock_rules rules = {.dir = -1, .tcp = true};
    int r = set_limits(err);

    if (r < 0)
        return r;
    /* Nobody of the same user looks in by ptrace. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return error_sys(err, errno, "give up being dumpable");
    r = drop_capabilities(err);
    if (r < 0)
        return r;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_sys(err, errno, "set no_new_privs");
    r = landlock_restrict(&rules, err);
    if (r < 0)
        return r;
#ifdef BRYO_SANITIZED
    return 0;
#else
    return mount_filter_install(err);
#endif
}
