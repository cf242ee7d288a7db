/*
 * The order in which bryo-image gives up its rights. Each step needs something that a later one takes away.
 *
 *  1. library state that would be loaded on demand: after the chroot, glibc would look for it in the hostile
 * tree
 *  2. limits: no core file, bounded memory (a compression window may ask for gigabytes)
 *  3. descriptors
 *  4. chroot into the directory (needs CAP_SYS_CHROOT, which uid 0 of a user namespace has)
 *  5. no_new_privs (landlock and seccomp ask for it)
 *  6. landlock: only making and removing beneath the directory, no network, no signals to others
 *  7. capabilities: those that restoring owners, modes, devices and file capabilities needs
 *  8. seccomp: only the system calls of filter.c; the point of no return
 *
 * Who runs this: uid 0 of a user namespace (or real root, or, in tests, an ordinary user, whom chroot is
 * denied and landlock must hold).
 */
#include "helpers/image/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <langinfo.h>
#include <limits.h>
#include <linux/landlock.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/landlock.h"
#include "base/syscalls.h"
#include "config.h"

#ifdef BRYO_SANITIZED
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#define MEMORY_LIMIT (4ULL << 30)

#define LL_ALLOWED                                                                                 \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |  \
     LANDLOCK_ACCESS_FS_MAKE_SYM | (1ULL << 13) | (1ULL << 14))

static const cap_value_t kept_caps[] = {CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,
                                        CAP_FSETID, CAP_MKNOD,        CAP_SETFCAP};

/* libarchive converts names with iconv, whose tables glibc finds by a configuration file, at first use. */
static void load_now(void)
{
    iconv_t there = iconv_open(nl_langinfo(CODESET), "UTF-8"),
            back = iconv_open("UTF-8", nl_langinfo(CODESET));

    if (there != (iconv_t)-1)
        iconv_close(there);
    if (back != (iconv_t)-1)
        iconv_close(back);
}

static int set_limits(struct error *err)
{
    struct rlimit none = {0, 0}, memory;

    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return error_sys(err, errno, "switch core files off");
    /* AddressSanitizer maps terabytes and never touches them. */
    if (SANITIZED)
        return 0;
    if (getrlimit(RLIMIT_AS, &memory) < 0)
        return error_sys(err, errno, "get the limit of memory");
    if (memory.rlim_cur > MEMORY_LIMIT)
        memory.rlim_cur = MEMORY_LIMIT;
    if (memory.rlim_max > MEMORY_LIMIT)
        memory.rlim_max = MEMORY_LIMIT;
    if (setrlimit(RLIMIT_AS, &memory) < 0)
        return error_sys(err, errno, "limit the memory");
    return 0;
}

/* A null device for the standard descriptors: nothing can be said to a terminal. A build with sanitizers
 * keeps standard error for their reports. */
static int close_others(const struct confinement *c, struct error *err)
{
    _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    unsigned next = 3;

    if (null < 0)
        return error_sys(err, errno, "open \"/dev/null\"");
    for (int fd = 0; fd < (SANITIZED ? 2 : 3); fd++)
        if (null != fd && dup2(null, fd) < 0)
            return error_sys(err, errno, "give up descriptor %d", fd);
    if (null < 3)
        null = -EBADF;
    for (size_t i = 0; i <= c->n_keep; i++) {
        unsigned last = i < c->n_keep ? (unsigned)c->keep[i] - 1 : UINT_MAX;
        if (next <= last && sys_close_range(next, last, 0) < 0)
            return error_sys(err, errno, "close the other descriptors");
        if (i < c->n_keep)
            next = (unsigned)c->keep[i] + 1;
    }
    null = -EBADF;
    return 0;
}

/* Returns 1 if the directory is the root now, 0 if this user may not do that. */
static int enter(int dir, struct error *err)
{
    if (fchdir(dir) < 0)
        return error_sys(err, errno, "enter the directory");
    if (chroot(".") == 0)
        return 1;
    return errno == EPERM ? 0 : error_sys(err, errno, "make the directory the root");
}

static void caps_free(cap_t *caps)
{
    if (*caps)
        cap_free(*caps);
}

/* Permitted and effective become what of @kept_caps there is; nothing is inheritable, nothing ambient. */
static int drop_capabilities(struct error *err)
{
    __attribute__((cleanup(caps_free))) cap_t held = cap_get_proc(), kept = cap_init();

    if (!held || !kept)
        return error_sys(err, errno, "get the capabilities");
    for (size_t i = 0; i < ARRAY_SIZE(kept_caps); i++) {
        cap_flag_value_t there;
        if (cap_get_flag(held, kept_caps[i], CAP_PERMITTED, &there) < 0 ||
            cap_set_flag(kept, CAP_PERMITTED, 1, &kept_caps[i], there) < 0 ||
            cap_set_flag(kept, CAP_EFFECTIVE, 1, &kept_caps[i], there) < 0)
            return error_sys(err, errno, "choose the capabilities to keep");
    }
    if (cap_set_proc(kept) < 0)
        return error_sys(err, errno, "drop capabilities");
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return error_sys(err, errno, "clear the ambient capabilities");
    return 0;
}

int confine(const struct confinement *c, struct error *err)
{
    const struct landlock_beneath from = {
        .dir = c->from, .allowed = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR};
    const struct landlock_rules rules = {.dir = c->dir,
                                         .allowed = LL_ALLOWED |
                                                    (c->read ? (uint64_t)LANDLOCK_ACCESS_FS_READ_FILE : 0),
                                         .also = c->from ? &from : NULL,
                                         .tcp = true};
    int rooted, landlocked, r;

    umask(0);
    load_now();
    r = set_limits(err);
    if (r == 0)
        r = close_others(c, err);
    if (r < 0)
        return r;
    rooted = enter(c->dir, err);
    if (rooted < 0)
        return rooted;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_sys(err, errno, "set no_new_privs");
    landlocked = landlock_restrict(&rules, err);
    if (landlocked < 0)
        return landlocked;
    if (!rooted && !landlocked) {
        error_set(err, EPERM,
                  "the unpacking cannot be confined: chroot is not permitted, and the kernel has no "
                  "landlock");
        error_hint(
            err, "run it as root of a user namespace, as bryo does, or boot with landlock (lsm=…,landlock)");
        return -EPERM;
    }
    r = drop_capabilities(err);
    return r < 0 || SANITIZED ? r : filter_install(err);
}
