/*
 * A session keyring of the container's own, so that it does not possess the keys of whoever started it.
 * keyctl(2), session-keyring(7).
 */
#include <errno.h>
#include <linux/keyctl.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "security/security.h"

int security_new_session_keyring(const char *id, bool unprivileged, bool *skipped, struct error *err)
{
    _cleanup_free_ char *name = str_printf("_ses.%s", id);

    if (skipped)
        *skipped = false;
    if (!name)
        return error_oom(err);
    if (sys_keyctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)(uintptr_t)name, 0, 0, 0) >= 0)
        return 0;
    int code = errno;
    if (code == ENOSYS || code == EPERM || (code == EDQUOT && unprivileged)) {
        if (skipped)
            *skipped = true;
        return 0;
    }
    error_sys(err, code, "create the session keyring \"%s\"", name);
    if (code == EDQUOT)
        error_hint(err, "raise /proc/sys/kernel/keys/maxkeys, or keep the caller's with --no-new-keyring");
    return -code;
}
