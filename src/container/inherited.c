#include "container/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

#define INHERITED_MAX 4096

/* How many descriptors came by socket activation. */
static int count_listening(unsigned *count, struct error *err)
{
    const char *fds = getenv("LISTEN_FDS"), *whose = getenv("LISTEN_PID");
    uint32_t n, pid;

    *count = 0;
    if (!fds || (whose && (parse_u32(whose, &pid) < 0 || (pid_t)pid != getpid())))
        return 0;
    if (parse_u32(fds, &n) < 0 || n > INHERITED_MAX)
        return error_set(err, EINVAL, "environment LISTEN_FDS: expected a small number, found \"%s\"", fds);
    *count = n;
    return 0;
}

static int check_open(unsigned listening, unsigned count, struct error *err)
{
    for (unsigned i = 0; i < count; i++) {
        /* One with O_CLOEXEC is no inherited one: it is ours, in the place of one that the caller closed. */
        if (fcntl(3 + (int)i, F_GETFD) == 0)
            continue;
        error_set(err, EBADF, "%s: descriptor %u is not open",
                  i < listening ? "LISTEN_FDS" : "--preserve-fds", 3 + i);
        error_hint(err, "%u descriptor(s) from 3 on are to be handed to the container", count);
        return -EBADF;
    }
    return 0;
}

int inherited_fds(unsigned preserve, char *const *env, char ***out, unsigned *keep, struct error *err)
{
    _cleanup_strv_ char **copy = NULL;
    const char *names = getenv("LISTEN_FDNAMES");
    unsigned listening;
    char number[16];
    bool oom = false;
    int r;

    if (preserve > INHERITED_MAX)
        return error_set(err, EINVAL, "--preserve-fds %u: expected at most %d", preserve, INHERITED_MAX);
    r = count_listening(&listening, err);
    if (r == 0)
        r = check_open(listening, listening + preserve, err);
    if (r < 0)
        return r;
    copy = strv_copy(env, &oom);
    if (oom)
        return error_oom(err);
    snprintf(number, sizeof number, "%u", listening);
    if (listening &&
        (strv_setenv(&copy, "LISTEN_FDS", number) < 0 || strv_setenv(&copy, "LISTEN_PID", "1") < 0 ||
         (names && strv_setenv(&copy, "LISTEN_FDNAMES", names) < 0)))
        return error_oom(err);
    *keep = listening + preserve;
    *out = TAKE_PTR(copy);
    return 0;
}

int inherited_name_process(char ***env, unsigned keep)
{
    char number[16];

    if (!keep || getpid() == 1 || !strv_getenv(*env, "LISTEN_PID"))
        return 0;
    snprintf(number, sizeof number, "%d", (int)getpid());
    return strv_setenv(env, "LISTEN_PID", number);
}
