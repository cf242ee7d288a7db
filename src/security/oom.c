/*
 * process.oomScoreAdj. proc_pid_oom_score_adj(5).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "security/security.h"

#define OOM_FILE "self/oom_score_adj"
#define OOM_MIN  (-1000)
#define OOM_MAX  1000

/* EACCES is two things: less than before, or a /proc/self that belongs to somebody else. */
static int explain_denied(int proc_fd, int64_t value, struct error *err)
{
    _cleanup_free_ char *text = NULL;

    if (file_read_at(proc_fd, OOM_FILE, 64, &text, NULL, NULL) < 0 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 1)
        return error_sys(err, EACCES, "process.oomScoreAdj: write %" PRId64 " to /proc/%s", value, OOM_FILE);
    text[strcspn(text, "\n")] = '\0';
    error_sys(err, EACCES, "process.oomScoreAdj: cannot lower it from %s to %" PRId64, text, value);
    error_hint(err, "only CAP_SYS_RESOURCE of the host lowers it; ask for %s or more", text);
    return -EACCES;
}

int security_set_oom_score_adj(int proc_fd, int64_t value, struct error *err)
{
    char text[24];

    if (value < OOM_MIN || value > OOM_MAX)
        return error_set(err, EINVAL, "process.oomScoreAdj: expected -1000 to 1000, found %" PRId64, value);
    int n = snprintf(text, sizeof text, "%" PRId64, value);
    int r = file_write_at(proc_fd, OOM_FILE, text, (size_t)n, err);
    if (r == -EACCES)
        return explain_denied(proc_fd, value, err);
    if (r < 0)
        error_prefix(err, "process.oomScoreAdj");
    return r;
}
